// SPDX-License-Identifier: GPL-2.0
/*
 * Replies, from the real server to a local address. They come by LOCAL_IN, as
 * the address is the director's own, before IPVS would look at them: after
 * reassembly and the filter's INPUT rules, which see them as they came. One
 * lookup, one rewrite, one route, and they are on their way to the client.
 */
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/ip_vs.h>
#include <net/xfrm.h>

#include "account.h"
#include "laddr.h"
#include "mangle.h"
#include "policy.h"
#include "reply.h"
#include "route.h"
#include "seqadj.h"
#include "session.h"
#include "stats.h"
#include "table.h"
#include "track.h"

static __always_inline bool rewrite(struct fnat_session *session,
				    struct sk_buff *skb, u8 af, u8 protocol,
				    unsigned int offset,
				    const struct fnat_ends *to)
{
	if (unlikely(!fnat_mangle(skb, af, protocol, offset, to)))
		return false;
	return likely(!READ_ONCE(session->adjust)) ||
	       fnat_seqadj_reply(session, skb, offset);
}

static void decrease_ttl(struct sk_buff *skb, u8 af)
{
	/* the header's checksum comes later */
	if (af == AF_INET6)
		ipv6_hdr(skb)->hop_limit--;
	else
		ip_hdr(skb)->ttl--;
}

/*
 * This answers no SYN: it is of a connection before, that the real server still
 * knows. The client will say that it does not, and the SYN that comes next must
 * have the same port, so the connection is not to be taken for an established
 * one, or a closed one. Data may come before the client's ACK, after a SYN with
 * data (RFC 7413).
 */
static noinline bool is_stray(const struct sk_buff *skb, unsigned int offset)
{
	/* all of it is there, once the packet was rewritten */
	const struct tcphdr *th = (const struct tcphdr *)(skb->data + offset);

	return !th->syn && !th->rst && skb->len <= offset + __tcp_hdrlen(th);
}

static noinline void update_session(struct fnat_session *session,
				    const struct ip_vs_conn *cp,
				    const struct sk_buff *skb,
				    unsigned int offset)
{
	fnat_session_update(session, cp,
			    fnat_tcp_flags(skb, offset) & TCPHDR_RST);
}

static void move_state(struct fnat_session *session, struct ip_vs_conn *cp,
		       const struct sk_buff *skb, unsigned int offset)
{
	u16 state = READ_ONCE(cp->state);
	struct ip_vs_proto_data *pd;

	pd = ip_vs_proto_data_get(cp->ipvs, cp->protocol);
	if (unlikely(!pd))
		return;
	/* IPVS is still making the connection: this is of the one before */
	if (unlikely(state == IP_VS_TCP_S_NONE) && cp->protocol == IPPROTO_TCP)
		return;
	/* UDP has no such state */
	if (unlikely(state == IP_VS_TCP_S_SYN_RECV) && is_stray(skb, offset))
		return;
	ip_vs_protocol_move(pd, cp, IP_VS_DIR_OUTPUT, skb, offset);
	if (cp->protocol == IPPROTO_UDP)
		fnat_policy_time(session->policy, cp);
	else if (unlikely(!fnat_session_agrees(session, cp)))
		update_session(session, cp, skb, offset);
}

static unsigned int drop(struct sk_buff *skb, struct fnat_session *session,
			 enum ipvs_fullnat_counter counter)
{
	this_cpu_inc(session->policy->counters[counter]);
	kfree_skb(skb);
	return NF_STOLEN;
}

static const enum ipvs_fullnat_counter unfit[] = {
	[FNAT_TTL_EXCEEDED]	= IPVS_FULLNAT_COUNT_TTL_EXCEEDED,
	[FNAT_TOO_BIG]		= IPVS_FULLNAT_COUNT_TOO_BIG,
	[FNAT_MERGED]		= IPVS_FULLNAT_COUNT_MERGED,
};

static __always_inline unsigned int
to_client(struct sk_buff *skb, struct ip_vs_conn *cp,
	  struct fnat_session *session, struct net *net, u8 af, u8 protocol,
	  unsigned int offset)
{
	struct fnat_ends to = {
		.saddr = &cp->vaddr,
		.daddr = &cp->caddr,
		.sport = cp->vport,
		.dport = cp->cport,
	};
	struct dst_entry *dst;
	enum fnat_fit fit;
	bool local;

	dst = fnat_route(net, skb, af, protocol, &to);
	if (unlikely(!dst))
		return drop(skb, session, IPVS_FULLNAT_COUNT_NO_ROUTE);
	local = fnat_route_local(dst, af);
	fit = local ? FNAT_FITS : fnat_route_fits(skb, af, dst);
	if (unlikely(fit != FNAT_FITS)) {
		dst_release(dst);
		return drop(skb, session, unfit[fit]);
	}
	if (unlikely(skb_cow(skb, local ? 0 : dst->dev->hard_header_len) ||
		     !rewrite(session, skb, af, protocol, offset, &to))) {
		dst_release(dst);
		return drop(skb, session, IPVS_FULLNAT_COUNT_MALFORMED);
	}
	if (!local)
		decrease_ttl(skb, af);
	fnat_mangle_ip(skb, af, &to);
	fnat_account(cp, skb->len, true);
	fnat_count_reply(session->policy, session->laddr, skb->len);
	move_state(session, cp, skb, offset);
	skb->ipvs_property = 1;
	fnat_track_reply(skb, cp);
	if (unlikely(local)) {
		dst_release(dst);
		skb_orphan(skb);
		return NF_ACCEPT;
	}
	fnat_route_send(net, skb, af, dst);
	return NF_STOLEN;
}

/*
 * The request has set the connection's timer as a rule, and IPVS's timers are
 * not exact to a 64th of their time: most need not be set again.
 */
static void put_connection(struct ip_vs_conn *cp)
{
	unsigned long timeout = READ_ONCE(cp->timeout);
	unsigned long slack = timeout / 128;

	if (timer_pending(&cp->timer) &&
	    READ_ONCE(cp->timer.expires) - (jiffies + timeout) + slack <=
	    2 * slack)
		__ip_vs_conn_put(cp);
	else
		ip_vs_conn_put(cp);
}

/*
 * The real server answers to a connection that begins, while the last one that
 * went by the port has closed. The director's own sockets may take the port by
 * now, as its sysctls say; or it is too late for the session anyway.
 */
static noinline bool is_handshake(const struct sk_buff *skb, u8 protocol,
				  unsigned int offset)
{
	return protocol == IPPROTO_TCP &&
	       (fnat_tcp_flags(skb, offset) & TCPHDR_SYN);
}

/* Once for each family, with no question left which it is. */
static __always_inline unsigned int
reply(struct sk_buff *skb, struct fnat_pair *pair, unsigned int offset)
{
	struct fnat_session *session;
	__be16 buffer[2], *ports;
	struct ip_vs_conn *cp;
	unsigned int verdict;

	ports = skb_header_pointer(skb, offset, sizeof(buffer), buffer);
	if (unlikely(!ports))
		return NF_ACCEPT;
	pair->port = ports[0];
	session = fnat_table_find(pair, ports[1]);
	/* what IPsec forbids, the local stack drops */
	if (!session ||
	    unlikely(!xfrm_policy_check(NULL, XFRM_POLICY_IN, skb, pair->af)))
		return NF_ACCEPT;
	if (unlikely(READ_ONCE(session->phase) == FNAT_RESTING) &&
	    is_handshake(skb, pair->protocol, offset)) {
		fnat_session_yield(session);
		return NF_ACCEPT;
	}
	/* none has a ghost; the local stack tells the real server so */
	cp = READ_ONCE(session->cp);
	if (unlikely(!cp || !__ip_vs_conn_get(cp)))
		return NF_ACCEPT;
	verdict = to_client(skb, cp, session, pair->net, pair->af,
			    pair->protocol, offset);
	put_connection(cp);
	return verdict;
}

/**
 * fnat_reply4() - translate a reply of IPv4 and send it to the client
 * @skb: a packet of TCP or UDP
 * @net: the namespace
 *
 * Context: RCU read lock; any.
 * Return: NF_ACCEPT: it is none, or its client is on this host; NF_STOLEN.
 */
unsigned int fnat_reply4(struct sk_buff *skb, struct net *net)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct fnat_pair pair = {
		.net = net,
		.server.ip = iph->saddr,
		.laddr.ip = iph->daddr,
		.protocol = iph->protocol,
		.af = AF_INET,
	};

	return reply(skb, &pair, ip_hdrlen(skb));
}

/**
 * fnat_reply6() - translate a reply of IPv6 and send it to the client
 * @skb: a packet of TCP or UDP, with no fragment header
 * @net: the namespace
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 * @offset: of the TCP or UDP header
 *
 * Context: RCU read lock; any.
 * Return: NF_ACCEPT: it is none, or its client is on this host; NF_STOLEN.
 */
unsigned int fnat_reply6(struct sk_buff *skb, struct net *net, u8 protocol,
			 unsigned int offset)
{
	struct fnat_pair pair = {
		.net = net,
		.server.in6 = ipv6_hdr(skb)->saddr,
		.laddr.in6 = ipv6_hdr(skb)->daddr,
		.protocol = protocol,
		.af = AF_INET6,
	};

	return reply(skb, &pair, offset);
}
