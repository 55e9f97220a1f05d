// SPDX-License-Identifier: GPL-2.0
/*
 * Replies, from the real server to a local address. They come by LOCAL_IN, as
 * the address is the director's own, before IPVS would look at them: after
 * reassembly and the filter's INPUT rules, which see them as they came. One
 * lookup, one rewrite, one route, and they are on their way to the client.
 */
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/ip_vs.h>

#include "account.h"
#include "icmp.h"
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
#include "unserved.h"

static __always_inline bool rewrite(struct fnat_session *session,
				    struct sk_buff *skb,
				    const struct fnat_pair *pair,
				    unsigned int offset,
				    const struct fnat_ends *to)
{
	if (unlikely(!fnat_mangle(skb, pair->af, pair->protocol, offset, to)))
		return false;
	return likely(!session->adjust) ||
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

static void move_state(struct fnat_session *session, struct ip_vs_conn *cp,
		       const struct sk_buff *skb, unsigned int offset)
{
	struct ip_vs_proto_data *pd;

	pd = ip_vs_proto_data_get(cp->ipvs, cp->protocol);
	if (unlikely(!pd))
		return;
	ip_vs_protocol_move(pd, cp, IP_VS_DIR_OUTPUT, skb, offset);
	fnat_session_track(session, cp);
	if (cp->protocol == IPPROTO_UDP && session->policy->udp_timeout)
		cp->timeout = session->policy->udp_timeout;
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
	  struct fnat_session *session, const struct fnat_pair *pair,
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

	dst = fnat_route(pair->net, skb, pair->af, pair->protocol, &to);
	if (unlikely(!dst))
		return drop(skb, session, IPVS_FULLNAT_COUNT_NO_ROUTE);
	local = fnat_route_local(dst, pair->af);
	fit = local ? FNAT_FITS : fnat_route_fits(skb, pair->af, dst);
	if (unlikely(fit != FNAT_FITS)) {
		dst_release(dst);
		return drop(skb, session, unfit[fit]);
	}
	if (unlikely(skb_cow(skb, local ? 0 : dst->dev->hard_header_len) ||
		     !rewrite(session, skb, pair, offset, &to))) {
		dst_release(dst);
		return drop(skb, session, IPVS_FULLNAT_COUNT_MALFORMED);
	}
	if (!local)
		decrease_ttl(skb, pair->af);
	fnat_mangle_ip(skb, pair->af, &to);
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
	fnat_route_send(pair->net, skb, pair->af, dst);
	return NF_STOLEN;
}

/*
 * The request has set the connection's timer as a rule, and IPVS's timers are
 * not exact to a 64th of their time: most need not be set again.
 */
static void put_connection(struct ip_vs_conn *cp)
{
	unsigned long slack = cp->timeout / 128;

	if (timer_pending(&cp->timer) &&
	    cp->timer.expires - (jiffies + cp->timeout) + slack <= 2 * slack)
		__ip_vs_conn_put(cp);
	else
		ip_vs_conn_put(cp);
}

/*
 * The real server answers to a connection that begins, while the last one that
 * went by the port has closed. The director's own sockets may take the port by
 * now, as its sysctls say; or it is too late for the session anyway.
 */
static noinline bool is_anothers(const struct sk_buff *skb,
				 const struct fnat_pair *pair,
				 unsigned int offset)
{
	struct tcphdr buffer, *th;

	if (pair->protocol != IPPROTO_TCP)
		return false;
	th = skb_header_pointer(skb, offset, sizeof(buffer), &buffer);
	return th && th->syn;
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
	if (!session)
		return NF_ACCEPT;
	if (unlikely(session->phase == FNAT_RESTING) &&
	    is_anothers(skb, pair, offset)) {
		fnat_session_yield(session);
		return NF_ACCEPT;
	}
	/* none has a ghost; the local stack tells the real server so */
	cp = READ_ONCE(session->cp);
	if (unlikely(!cp || !__ip_vs_conn_get(cp)))
		return NF_ACCEPT;
	verdict = to_client(skb, cp, session, pair, offset);
	put_connection(cp);
	return verdict;
}

static noinline unsigned int reply4(struct sk_buff *skb, struct net *net)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct fnat_pair pair;

	pair.net = net;
	pair.server.ip = iph->saddr;
	pair.laddr.ip = iph->daddr;
	pair.protocol = iph->protocol;
	pair.af = AF_INET;
	return reply(skb, &pair, ip_hdrlen(skb));
}

/* Requests pass here as well, so it is to cost them next to nothing. */
static unsigned int hook4(void *priv, struct sk_buff *skb,
			  const struct nf_hook_state *state)
{
	const struct iphdr *iph = ip_hdr(skb);

	if (skb->ipvs_property || unlikely(skb->pkt_type != PACKET_HOST))
		return NF_ACCEPT;
	if (likely(iph->protocol == IPPROTO_TCP ||
		   iph->protocol == IPPROTO_UDP)) {
		if (!fnat_ports_may_be_to(state->net, AF_INET,
					  (const void *)&iph->daddr))
			return NF_ACCEPT;
		return reply4(skb, state->net);
	}
	if (iph->protocol == IPPROTO_ICMP)
		return fnat_icmp(skb, state->net, AF_INET, ip_hdrlen(skb));
	return NF_ACCEPT;
}

static noinline unsigned int reply6(struct sk_buff *skb, struct net *net,
				    u8 protocol, unsigned int offset)
{
	struct fnat_pair pair;

	pair.net = net;
	pair.server.in6 = ipv6_hdr(skb)->saddr;
	pair.laddr.in6 = ipv6_hdr(skb)->daddr;
	pair.protocol = protocol;
	pair.af = AF_INET6;
	return reply(skb, &pair, offset);
}

static unsigned int hook6(void *priv, struct sk_buff *skb,
			  const struct nf_hook_state *state)
{
	unsigned int offset = 0;
	unsigned short later;
	int protocol, flags = 0;

	if (skb->ipvs_property || unlikely(skb->pkt_type != PACKET_HOST))
		return NF_ACCEPT;
	protocol = ipv6_find_hdr(skb, &offset, -1, &later, &flags);
	/* IPVS has fragments reassembled, as long as it has a service */
	if (unlikely(protocol < 0 || (flags & IP6_FH_F_FRAG)))
		return NF_ACCEPT;
	if (unlikely(protocol == IPPROTO_ICMPV6))
		return fnat_icmp(skb, state->net, AF_INET6, offset);
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		return NF_ACCEPT;
	if (!fnat_ports_may_be_to(state->net, AF_INET6,
				  (const void *)&ipv6_hdr(skb)->daddr))
		return NF_ACCEPT;
	return reply6(skb, state->net, protocol, offset);
}

/* ICMP for a service by mark need not be addressed to this host */
static unsigned int forward4(void *priv, struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	if (likely(ip_hdr(skb)->protocol != IPPROTO_ICMP) ||
	    skb->ipvs_property || ip_is_fragment(ip_hdr(skb)))
		return NF_ACCEPT;
	return fnat_icmp(skb, state->net, AF_INET, ip_hdrlen(skb));
}

static unsigned int forward6(void *priv, struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	unsigned int offset = 0;
	unsigned short later;
	int flags = 0;

	if (skb->ipvs_property ||
	    likely(ipv6_find_hdr(skb, &offset, -1, &later, &flags) !=
		   IPPROTO_ICMPV6) || (flags & IP6_FH_F_FRAG))
		return NF_ACCEPT;
	return fnat_icmp(skb, state->net, AF_INET6, offset);
}

/* IPVS itself is at -2 and -1 in LOCAL_IN, and at -1 in FORWARD */
static const struct nf_hook_ops hooks[] = {
	{
		.hook		= hook4,
		.pf		= NFPROTO_IPV4,
		.hooknum	= NF_INET_LOCAL_IN,
		.priority	= NF_IP_PRI_NAT_SRC - 3,
	},
	{
		.hook		= fnat_unserved,
		.pf		= NFPROTO_IPV4,
		.hooknum	= NF_INET_LOCAL_IN,
		.priority	= NF_IP_PRI_NAT_SRC,
	},
	{
		.hook		= forward4,
		.pf		= NFPROTO_IPV4,
		.hooknum	= NF_INET_FORWARD,
		.priority	= NF_IP_PRI_NAT_SRC - 2,
	},
#ifdef CONFIG_IP_VS_IPV6
	{
		.hook		= hook6,
		.pf		= NFPROTO_IPV6,
		.hooknum	= NF_INET_LOCAL_IN,
		.priority	= NF_IP6_PRI_NAT_SRC - 3,
	},
	{
		.hook		= fnat_unserved,
		.pf		= NFPROTO_IPV6,
		.hooknum	= NF_INET_LOCAL_IN,
		.priority	= NF_IP6_PRI_NAT_SRC,
	},
	{
		.hook		= forward6,
		.pf		= NFPROTO_IPV6,
		.hooknum	= NF_INET_FORWARD,
		.priority	= NF_IP6_PRI_NAT_SRC - 2,
	},
#endif
};

/**
 * fnat_hooks_register() - have packets of a namespace come to us
 * @net: the namespace
 *
 * Context: process; may sleep.
 * Return: 0 or a negative errno.
 */
int fnat_hooks_register(struct net *net)
{
	return nf_register_net_hooks(net, hooks, ARRAY_SIZE(hooks));
}

/**
 * fnat_hooks_unregister() - have packets come no more
 * @net: the namespace
 *
 * Context: process; may sleep.
 */
void fnat_hooks_unregister(struct net *net)
{
	nf_unregister_net_hooks(net, hooks, ARRAY_SIZE(hooks));
}
