// SPDX-License-Identifier: GPL-2.0
/*
 * Requests, from the client to the real server. IPVS has found the connection,
 * counted the packet and moved the state, and hands it to our transmitter. That
 * has it sent by the stock NAT transmitter, with its routes, MTU and TTL checks,
 * ICMP errors and connection tracking; only what that calls to rewrite the
 * packet, the protocol's dnat_handler, is ours.
 */
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/ip_vs.h>

#include "laddr.h"
#include "mangle.h"
#include "policy.h"
#include "request.h"
#include "seqadj.h"
#include "session.h"
#include "stats.h"
#include "track.h"

typedef int (*xmit_fn)(struct sk_buff *skb, struct ip_vs_conn *cp,
		       struct ip_vs_protocol *pp, struct ip_vs_iphdr *iph);

/* what IPVS had set for a masquerading connection; the same for all */
static xmit_fn stock_xmit4 __read_mostly, stock_xmit6 __read_mostly;

/* copies of what IPVS has, with our handler; never registered */
static struct ip_vs_protocol shadow_tcp, shadow_udp;

static bool is_syn(const struct sk_buff *skb, const struct ip_vs_iphdr *iph)
{
	struct tcphdr buffer, *th;

	th = skb_header_pointer(skb, iph->len, sizeof(buffer), &buffer);
	return th && th->syn && !th->ack;
}

static xmit_fn stock_xmit(const struct ip_vs_conn *cp)
{
	return cp->af == AF_INET6 ? stock_xmit6 : stock_xmit4;
}

static int drop(struct sk_buff *skb)
{
	kfree_skb(skb);
	return NF_STOLEN;
}

static int send(struct fnat_session *session, struct sk_buff *skb,
		struct ip_vs_conn *cp, struct ip_vs_iphdr *iph)
{
	bool tcp = cp->protocol == IPPROTO_TCP;

	fnat_session_track(session, cp);
	if (!tcp && session->policy->udp_timeout)
		cp->timeout = session->policy->udp_timeout;
	return stock_xmit(cp)(skb, cp, tcp ? &shadow_tcp : &shadow_udp, iph);
}

/*
 * There is no port: the connection came from the sync daemon, or another took
 * its port when it had closed. Only a connection that begins gets another then.
 */
static noinline int renew_and_send(struct fnat_session *session,
				   struct sk_buff *skb, struct ip_vs_conn *cp,
				   struct ip_vs_protocol *pp,
				   struct ip_vs_iphdr *iph)
{
	struct fnat_policy *policy = session->policy;

	if (session->phase == FNAT_STALE && !is_syn(skb, iph)) {
		fnat_count(policy, session->laddr, IPVS_FULLNAT_COUNT_STALE);
		return drop(skb);
	}
	session = fnat_session_renew(cp, session);
	if (!IS_ERR(session))
		return send(session, skb, cp, iph);
	/* all other refusals are counted, or cannot be */
	if (PTR_ERR(session) != -ELOOP)
		return drop(skb);
	fnat_count(policy, NULL, IPVS_FULLNAT_COUNT_LOCAL_SERVER);
	cp->packet_xmit = stock_xmit(cp);
	return cp->packet_xmit(skb, cp, pp, iph);
}

/**
 * fnat_request() - transmit a request
 * @skb: the packet
 * @cp: its connection
 * @pp: its protocol
 * @iph: its IP header
 *
 * Context: RCU read lock; any. What IPVS calls as the packet_xmit of @cp.
 * Return: NF_STOLEN, or NF_ACCEPT if the real server is local.
 */
int fnat_request(struct sk_buff *skb, struct ip_vs_conn *cp,
		 struct ip_vs_protocol *pp, struct ip_vs_iphdr *iph)
{
	struct fnat_session *session = READ_ONCE(cp->app_data);

	if (unlikely(!session)) {
		/*
		 * The refusal was counted, the client may try again. With 0 a
		 * persistence template might go as well.
		 */
		cp->timeout = 1;
		return drop(skb);
	}
	if (unlikely(session->phase >= FNAT_STALE))
		return renew_and_send(session, skb, cp, pp, iph);
	return send(session, skb, cp, iph);
}

/**
 * fnat_request_drop() - transmit nothing
 * @skb: the packet
 * @cp: its connection
 * @pp: its protocol
 * @iph: its IP header
 *
 * Context: RCU read lock; any. What IPVS calls as the packet_xmit of @cp.
 * Return: NF_STOLEN.
 */
int fnat_request_drop(struct sk_buff *skb, struct ip_vs_conn *cp,
		      struct ip_vs_protocol *pp, struct ip_vs_iphdr *iph)
{
	return drop(skb);
}

static __always_inline bool rewrite(struct fnat_session *session,
				    struct sk_buff *skb,
				    const struct ip_vs_conn *cp,
				    unsigned int offset,
				    const struct fnat_ends *to)
{
	if (unlikely(!fnat_mangle(skb, cp->af, cp->protocol, offset, to)))
		return false;
	if (cp->protocol != IPPROTO_TCP)
		return true;
	if (unlikely(session->adjust) &&
	    !fnat_seqadj_request(session, skb, offset))
		return false;
	if (unlikely(((struct tcphdr *)(skb->data + offset))->fin))
		fnat_seqadj_finish(session, skb, offset);
	return true;
}

/* Return: as the stock handlers do, 1 or, to have the packet dropped, 0. */
static int rewrite_request(struct sk_buff *skb, struct ip_vs_protocol *pp,
			   struct ip_vs_conn *cp, struct ip_vs_iphdr *iph)
{
	struct fnat_session *session = READ_ONCE(cp->app_data);
	struct fnat_ends to;

	/* the sync daemon has taken it away just now */
	if (unlikely(!session || session->phase == FNAT_DETACHED))
		return 0;
	to.saddr = &session->ports->pair.laddr;
	to.daddr = &cp->daddr;
	to.sport = htons(session->lport);
	to.dport = cp->dport;
	/* later fragments of IPv6 have no ports */
	if (likely(!iph->fragoffs) &&
	    !rewrite(session, skb, cp, iph->len, &to)) {
		fnat_count(session->policy, session->laddr,
			   IPVS_FULLNAT_COUNT_MALFORMED);
		return 0;
	}
	/* the caller will set the destination, and the header's checksum */
	if (cp->af == AF_INET6)
		ipv6_hdr(skb)->saddr = to.saddr->in6;
	else
		ip_hdr(skb)->saddr = to.saddr->ip;
	if (unlikely(cp->flags & IP_VS_CONN_F_NFCT))
		fnat_track_request(skb, cp, to.saddr, to.sport,
				   fnat_session_delta(session));
	fnat_count_request(session->policy, session->laddr, skb->len);
	return 1;
}

/**
 * fnat_request_through() - learn the stock transmitter
 * @cp: a masquerading connection that was not bound by us so far
 *
 * Context: any.
 */
void fnat_request_through(const struct ip_vs_conn *cp)
{
	if (cp->af == AF_INET6) {
		if (unlikely(!stock_xmit6))
			WRITE_ONCE(stock_xmit6, cp->packet_xmit);
	} else if (unlikely(!stock_xmit4)) {
		WRITE_ONCE(stock_xmit4, cp->packet_xmit);
	}
}

/**
 * fnat_request_init() - at loading
 */
void __init fnat_request_init(void)
{
	shadow_tcp = *ip_vs_proto_get(IPPROTO_TCP);
	shadow_tcp.dnat_handler = rewrite_request;
	shadow_udp = *ip_vs_proto_get(IPPROTO_UDP);
	shadow_udp.dnat_handler = rewrite_request;
}
