// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors about packets that were translated. They say so by quoting the
 * packet, as it was on the way where it failed: what is about a request quotes
 * what we sent to the real server, and is for the client; what is about a reply
 * quotes what we sent to the client, and is for the real server. Each is to see
 * its own packet quoted.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ip_vs.h>

#include "account.h"
#include "icmp.h"
#include "mangle.h"
#include "route.h"
#include "session.h"
#include "stats.h"
#include "table.h"
#include "track.h"

/* What any error quotes of the TCP or UDP header, at least */
#define QUOTED_L4	8

/**
 * struct quote - what an error quotes
 * @saddr: source of the packet
 * @daddr: its destination
 * @port: its ports
 * @ip: offset of its IP header
 * @l4: offset of its TCP or UDP header
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 * @bad: it is not what any error quotes; IPVS might believe it
 */
struct quote {
	union nf_inet_addr	saddr;
	union nf_inet_addr	daddr;
	__be16			port[2];
	unsigned int		ip;
	unsigned int		l4;
	u8			protocol;
	bool			bad;
};

/**
 * struct relay - how an error is passed on
 * @cp: the connection, with a reference
 * @session: its session
 * @outer: where the error goes, and from where
 * @inner: what it will quote
 * @delta: taken off the quoted sequence number
 * @out: to the client
 */
struct relay {
	struct ip_vs_conn	*cp;
	struct fnat_session	*session;
	struct fnat_ends	outer;
	struct fnat_ends	inner;
	u32			delta;
	bool			out;
};

static bool is_error(const struct sk_buff *skb, u8 af, unsigned int offset)
{
	u8 buffer, *type;

	type = skb_header_pointer(skb, offset, sizeof(buffer), &buffer);
	if (!type)
		return false;
	if (af == AF_INET6)
		return !(*type & ICMPV6_INFOMSG_MASK);
	return *type == ICMP_DEST_UNREACH || *type == ICMP_TIME_EXCEEDED ||
	       *type == ICMP_PARAMETERPROB || *type == ICMP_SOURCE_QUENCH;
}

static bool read_ip4(const struct sk_buff *skb, struct quote *quote)
{
	const struct iphdr *iph;
	struct iphdr buffer;

	iph = skb_header_pointer(skb, quote->ip, sizeof(buffer), &buffer);
	if (!iph || (iph->frag_off & htons(IP_OFFSET)))
		return false;
	quote->bad = iph->version != 4 || iph->ihl < 5;
	quote->saddr.ip = iph->saddr;
	quote->daddr.ip = iph->daddr;
	quote->protocol = iph->protocol;
	quote->l4 = quote->ip + iph->ihl * 4;
	return true;
}

static bool read_ip6(const struct sk_buff *skb, struct quote *quote)
{
	const struct ipv6hdr *iph;
	struct ipv6hdr buffer;
	unsigned short later = 0;
	int protocol;

	iph = skb_header_pointer(skb, quote->ip, sizeof(buffer), &buffer);
	if (!iph || iph->version != 6)
		return false;
	quote->saddr.in6 = iph->saddr;
	quote->daddr.in6 = iph->daddr;
	quote->l4 = quote->ip;
	protocol = ipv6_find_hdr(skb, &quote->l4, -1, &later, NULL);
	if (protocol < 0 || later)
		return false;
	quote->protocol = protocol;
	return true;
}

static bool read_quote(const struct sk_buff *skb, u8 af, struct quote *quote)
{
	__be16 buffer[2], *port;

	if (!(af == AF_INET6 ? read_ip6(skb, quote) : read_ip4(skb, quote)))
		return false;
	if (quote->protocol != IPPROTO_TCP && quote->protocol != IPPROTO_UDP)
		return false;
	quote->bad |= quote->l4 + QUOTED_L4 > skb->len;
	port = skb_header_pointer(skb, quote->l4, sizeof(buffer), buffer);
	if (!port)
		return false;
	quote->port[0] = port[0];
	quote->port[1] = port[1];
	return true;
}

/* It is about a request, as that went to the real server. */
static bool about_request(struct relay *relay, struct net *net, u8 af,
			  const struct quote *quote)
{
	struct fnat_pair pair = {
		.net = net,
		.server = quote->daddr,
		.laddr = quote->saddr,
		.port = quote->port[1],
		.protocol = quote->protocol,
		.af = af,
	};
	struct ip_vs_conn *cp;

	relay->session = fnat_table_find(&pair, quote->port[0]);
	/* who has no port sends nothing */
	if (!relay->session ||
	    READ_ONCE(relay->session->phase) == FNAT_DETACHED)
		return false;
	cp = READ_ONCE(relay->session->cp);
	if (!cp || !__ip_vs_conn_get(cp))
		return false;
	relay->cp = cp;
	relay->outer.saddr = &cp->vaddr;
	relay->outer.daddr = &cp->caddr;
	relay->inner.saddr = &cp->caddr;
	relay->inner.daddr = &cp->vaddr;
	relay->inner.sport = cp->cport;
	relay->inner.dport = cp->vport;
	relay->delta = fnat_session_delta(relay->session);
	relay->out = true;
	return true;
}

/*
 * It is about a reply, as that went to the client. Where it cannot be passed on,
 * it is not left to IPVS either, which would tell half the truth to the real
 * server: there is no connection to relay it to, then.
 */
static bool about_reply(struct relay *relay, struct net *net, u8 af,
			const struct quote *quote)
{
	const struct fnat_ports *ports;
	struct ip_vs_conn_param param;
	struct ip_vs_conn *cp;

	ip_vs_conn_fill_param(net_ipvs(net), af, quote->protocol,
			      &quote->daddr, quote->port[1],
			      &quote->saddr, quote->port[0], &param);
	cp = ip_vs_conn_in_get(&param);
	if (!cp)
		return false;
	relay->session = fnat_session_of(cp);
	if (!relay->session ||
	    READ_ONCE(relay->session->phase) >= FNAT_STALE) {
		bool ours = READ_ONCE(cp->app) == &fnat_app;

		__ip_vs_conn_put(cp);
		return ours;
	}
	ports = relay->session->ports;
	relay->cp = cp;
	relay->outer.saddr = &ports->pair.laddr;
	relay->outer.daddr = &cp->daddr;
	relay->inner.saddr = &cp->daddr;
	relay->inner.daddr = &ports->pair.laddr;
	relay->inner.sport = cp->dport;
	relay->inner.dport = htons(relay->session->lport);
	return true;
}

static __wsum pair_sum(u8 af, const union nf_inet_addr *saddr,
		       const union nf_inet_addr *daddr, __be16 sport,
		       __be16 dport)
{
	unsigned int length = af == AF_INET6 ? sizeof(daddr->in6) :
					       sizeof(daddr->ip);
	__wsum sum;

	sum = csum_add((__force __wsum)sport, (__force __wsum)dport);
	sum = csum_partial(saddr, length, sum);
	return csum_partial(daddr, length, sum);
}

static void rewrite_inner_ip(struct sk_buff *skb, u8 af, unsigned int offset,
			     const struct fnat_ends *to)
{
	if (af == AF_INET6) {
		struct ipv6hdr *iph = (struct ipv6hdr *)(skb->data + offset);

		iph->saddr = to->saddr->in6;
		iph->daddr = to->daddr->in6;
	} else {
		struct iphdr *iph = (struct iphdr *)(skb->data + offset);

		csum_replace4(&iph->check, iph->saddr, to->saddr->ip);
		csum_replace4(&iph->check, iph->daddr, to->daddr->ip);
		iph->saddr = to->saddr->ip;
		iph->daddr = to->daddr->ip;
	}
}

/* The checksum of the quoted header, if it is quoted, and is there at all. */
static __sum16 *inner_check(struct sk_buff *skb, const struct quote *quote)
{
	unsigned int offset = quote->l4;
	__sum16 *check;

	if (quote->protocol == IPPROTO_TCP)
		offset += offsetof(struct tcphdr, check);
	else
		offset += offsetof(struct udphdr, check);
	if (offset + sizeof(*check) > skb_headlen(skb))
		return NULL;
	check = (__sum16 *)(skb->data + offset);
	return quote->protocol == IPPROTO_TCP || *check ? check : NULL;
}

static void rewrite_inner(struct sk_buff *skb, u8 af, const struct quote *quote,
			  const struct relay *relay)
{
	const struct fnat_ends *to = &relay->inner;
	__sum16 *check = inner_check(skb, quote);
	struct tcphdr *th = (struct tcphdr *)(skb->data + quote->l4);
	__wsum diff;

	diff = csum_sub(pair_sum(af, to->saddr, to->daddr, to->sport,
				 to->dport),
			pair_sum(af, &quote->saddr, &quote->daddr,
				 quote->port[0], quote->port[1]));
	if (relay->delta && quote->protocol == IPPROTO_TCP) {
		diff = csum_sub(diff, (__force __wsum)th->seq);
		th->seq = htonl(ntohl(th->seq) - relay->delta);
		diff = csum_add(diff, (__force __wsum)th->seq);
	}
	if (check) {
		*check = csum_fold(csum_add(~csum_unfold(*check), diff));
		if (quote->protocol == IPPROTO_UDP && !*check)
			*check = CSUM_MANGLED_0;
	}
	th->source = to->sport;
	th->dest = to->dport;
	rewrite_inner_ip(skb, af, quote->ip, to);
}

static void set_check(struct sk_buff *skb, u8 af, unsigned int offset,
		      const struct fnat_ends *to)
{
	unsigned int length = skb->len - offset;
	__sum16 *check;

	if (af == AF_INET6) {
		check = &((struct icmp6hdr *)(skb->data + offset))->icmp6_cksum;
		*check = 0;
		*check = csum_ipv6_magic(&to->saddr->in6, &to->daddr->in6,
					 length, IPPROTO_ICMPV6,
					 skb_checksum(skb, offset, length, 0));
	} else {
		check = &((struct icmphdr *)(skb->data + offset))->checksum;
		*check = 0;
		*check = csum_fold(skb_checksum(skb, offset, length, 0));
	}
	skb->ip_summed = CHECKSUM_NONE;
}

/* Return: false: drop it. */
static bool rewrite(struct sk_buff *skb, u8 af, unsigned int offset,
		    const struct quote *quote, const struct relay *relay)
{
	unsigned int header = quote->l4 + QUOTED_L4;

	if (quote->protocol == IPPROTO_TCP)
		header = min(quote->l4 + (unsigned int)sizeof(struct tcphdr),
			     skb->len);
	if (skb_ensure_writable(skb, header))
		return false;
	/* what was read before may have been in memory that others write to */
	if (af == AF_INET &&
	    ((struct iphdr *)(skb->data + quote->ip))->ihl * 4 !=
	    quote->l4 - quote->ip)
		return false;
	rewrite_inner(skb, af, quote, relay);
	set_check(skb, af, offset, &relay->outer);
	fnat_mangle_ip(skb, af, &relay->outer);
	return true;
}

static bool decrease_ttl(struct sk_buff *skb, u8 af)
{
	u8 *ttl = af == AF_INET6 ? &ipv6_hdr(skb)->hop_limit :
				   &ip_hdr(skb)->ttl;

	if (*ttl <= 1)
		return false;
	--*ttl;
	return true;
}

static bool is_sound(struct sk_buff *skb, u8 af, u8 protocol,
		     unsigned int offset)
{
	/* what this host sends itself has no device, and is */
	return skb_csum_unnecessary(skb) || !skb->dev ||
	       !nf_checksum(skb, NF_INET_LOCAL_IN, offset, protocol, af);
}

static unsigned int drop(struct sk_buff *skb, const struct relay *relay,
			 enum ipvs_fullnat_counter counter)
{
	this_cpu_inc(relay->session->policy->counters[counter]);
	kfree_skb(skb);
	return NF_STOLEN;
}

static unsigned int drop_orphan(struct sk_buff *skb, const struct relay *relay)
{
	if (relay->session)
		return drop(skb, relay, IPVS_FULLNAT_COUNT_ICMP_BAD);
	/* the refusal of the connection was counted */
	return NF_DROP;
}

static unsigned int pass_on(struct sk_buff *skb, struct net *net, u8 af,
			    unsigned int offset, const struct quote *quote,
			    const struct relay *relay)
{
	u8 protocol = af == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	struct dst_entry *dst;
	bool local;

	if (quote->bad || !is_sound(skb, af, protocol, offset))
		return drop(skb, relay, IPVS_FULLNAT_COUNT_ICMP_BAD);
	dst = fnat_route(net, skb, af, protocol, &relay->outer);
	if (!dst)
		return drop(skb, relay, IPVS_FULLNAT_COUNT_NO_ROUTE);
	local = fnat_route_local(dst, af);
	if (skb_cow(skb, local ? 0 : LL_RESERVED_SPACE(dst->dev)) ||
	    (!local && !decrease_ttl(skb, af)) ||
	    !rewrite(skb, af, offset, quote, relay)) {
		dst_release(dst);
		return drop(skb, relay, IPVS_FULLNAT_COUNT_ICMP_BAD);
	}
	fnat_account(relay->cp, skb->len, relay->out);
	fnat_count(relay->session->policy, relay->session->laddr,
		   relay->out ? IPVS_FULLNAT_COUNT_ICMP_TO_CLIENT :
				IPVS_FULLNAT_COUNT_ICMP_TO_SERVER);
	skb->ipvs_property = 1;
	fnat_track_reply(skb, relay->cp);
	if (local) {
		dst_release(dst);
		return NF_ACCEPT;
	}
	fnat_route_send(net, skb, af, dst);
	return NF_STOLEN;
}

/**
 * fnat_icmp() - translate an ICMP error about a translated packet
 * @skb: an ICMP packet
 * @net: the namespace
 * @af: AF_INET or AF_INET6
 * @offset: of the ICMP header
 *
 * Context: RCU read lock; any.
 * Return: NF_ACCEPT: it is none, or goes to a client on this host; NF_STOLEN.
 */
unsigned int fnat_icmp(struct sk_buff *skb, struct net *net, u8 af,
		       unsigned int offset)
{
	struct relay relay = {};
	struct quote quote = {
		.ip = offset + sizeof(struct icmphdr),
	};
	unsigned int verdict;

	BUILD_BUG_ON(sizeof(struct icmphdr) != sizeof(struct icmp6hdr));
	if (!is_error(skb, af, offset) || !read_quote(skb, af, &quote))
		return NF_ACCEPT;
	if (!about_request(&relay, net, af, &quote) &&
	    !about_reply(&relay, net, af, &quote))
		return NF_ACCEPT;
	if (!relay.cp)
		return drop_orphan(skb, &relay);
	verdict = pass_on(skb, net, af, offset, &quote, &relay);
	__ip_vs_conn_put(relay.cp);
	return verdict;
}
