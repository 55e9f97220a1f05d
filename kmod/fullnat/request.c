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
	u8 flags = fnat_tcp_flags(skb, iph->len);

	return (flags & (TCPHDR_SYN | TCPHDR_ACK)) == TCPHDR_SYN;
}

static bool is_reset(const struct sk_buff *skb, const struct ip_vs_iphdr *iph)
{
	return fnat_tcp_flags(skb, iph->len) & TCPHDR_RST;
}

static xmit_fn stock_xmit(const struct ip_vs_conn *cp)
{
	const xmit_fn *xmit = cp->af == AF_INET6 ? &stock_xmit6 : &stock_xmit4;

	return READ_ONCE(*xmit);
}

static int drop(struct sk_buff *skb)
{
	kfree_skb(skb);
	return NF_STOLEN;
}

static int transmit(struct sk_buff *skb, struct ip_vs_conn *cp,
		    struct ip_vs_iphdr *iph)
{
	bool tcp = cp->protocol == IPPROTO_TCP;

	return stock_xmit(cp)(skb, cp, tcp ? &shadow_tcp : &shadow_udp, iph);
}

/*
 * There is no port: the connection came from the sync daemon, or another took
 * its port when it had closed. Only a connection that begins gets another then.
 * Return: NULL: the refusal has been counted.
 */
static struct fnat_session *renew(struct fnat_session *session,
				  struct ip_vs_conn *cp)
{
	struct fnat_policy *policy = session->policy;

	session = fnat_session_renew(cp, session);
	if (!IS_ERR(session))
		return session;
	/* all other refusals are counted, or cannot be */
	if (PTR_ERR(session) == -ELOOP) {
		fnat_count(policy, NULL, IPVS_FULLNAT_COUNT_LOCAL_SERVER);
		WRITE_ONCE(cp->packet_xmit, stock_xmit(cp));
	}
	return NULL;
}

/* No port was to be had; but what renew() gave to stock goes its way. */
static int send_refused(struct sk_buff *skb, struct ip_vs_conn *cp,
			struct ip_vs_protocol *pp, struct ip_vs_iphdr *iph)
{
	xmit_fn xmit = READ_ONCE(cp->packet_xmit);

	return xmit == fnat_request ? drop(skb) : xmit(skb, cp, pp, iph);
}

/*
 * A connection that begins anew by a session that rests: did another get the
 * port just now, or is there no memory? The client's next SYN has another one.
 */
static bool lost_port(const struct fnat_session *session,
		      const struct sk_buff *skb,
		      const struct ip_vs_iphdr *iph)
{
	if (READ_ONCE(session->phase) == FNAT_LIVE || !is_syn(skb, iph))
		return false;
	fnat_count(session->policy, session->laddr, IPVS_FULLNAT_COUNT_STALE);
	return true;
}

/*
 * The session has no port, or is not what its connection is. A port is to be had
 * before the packet that begins, and goes after the one that closes, or what
 * comes next on it may overtake that.
 */
static noinline int send_slowly(struct fnat_session *session,
				struct sk_buff *skb, struct ip_vs_conn *cp,
				struct ip_vs_protocol *pp,
				struct ip_vs_iphdr *iph)
{
	u8 phase = READ_ONCE(session->phase);
	bool reset = cp->state == IP_VS_TCP_S_CLOSE && is_reset(skb, iph);
	int verdict;

	if (phase == FNAT_STALE && !is_syn(skb, iph)) {
		fnat_count(session->policy, session->laddr,
			   IPVS_FULLNAT_COUNT_STALE);
		/* the local stack tells the client that it is gone */
		cp->timeout = 1;
		return NF_ACCEPT;
	}
	if (phase >= FNAT_STALE) {
		session = renew(session, cp);
		if (!session)
			return send_refused(skb, cp, pp, iph);
	} else if (phase == FNAT_RESTING) {
		fnat_session_update(session, cp, reset);
		if (lost_port(session, skb, iph))
			return drop(skb);
	}
	if (cp->protocol == IPPROTO_UDP)
		fnat_policy_time(session->policy, cp);
	verdict = transmit(skb, cp, iph);
	if (READ_ONCE(session->phase) == FNAT_LIVE)
		fnat_session_update(session, cp, reset);
	return verdict;
}

/**
 * fnat_request() - transmit a request
 * @skb: the packet
 * @cp: its connection
 * @pp: its protocol
 * @iph: its IP header
 *
 * Context: RCU read lock; any. What IPVS calls as the packet_xmit of @cp.
 * Return: NF_STOLEN; NF_ACCEPT: for the local stack.
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
	if (unlikely(!fnat_session_agrees(session, cp)))
		return send_slowly(session, skb, cp, pp, iph);
	if (cp->protocol == IPPROTO_UDP)
		fnat_policy_time(session->policy, cp);
	return transmit(skb, cp, iph);
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
				    struct sk_buff *skb, u8 af, u8 protocol,
				    unsigned int offset,
				    const struct fnat_ends *to)
{
	if (unlikely(!fnat_mangle(skb, af, protocol, offset, to)))
		return false;
	if (protocol != IPPROTO_TCP)
		return true;
	if (unlikely(READ_ONCE(session->adjust)) &&
	    !fnat_seqadj_request(session, skb, offset))
		return false;
	if (unlikely(((struct tcphdr *)(skb->data + offset))->fin))
		fnat_seqadj_finish(session, skb, offset);
	return true;
}

static __always_inline int rewrite_session(struct fnat_session *session,
					   struct sk_buff *skb,
					   struct ip_vs_conn *cp, u8 protocol,
					   const struct ip_vs_iphdr *iph)
{
	const struct fnat_ends to = {
		.saddr = &session->ports->pair.laddr,
		.daddr = &cp->daddr,
		.sport = htons(session->lport),
		.dport = cp->dport,
	};
	u8 af = cp->af;

	/* later fragments of IPv6 have no ports */
	if (likely(!iph->fragoffs) &&
	    !rewrite(session, skb, af, protocol, iph->len, &to)) {
		fnat_count(session->policy, session->laddr,
			   IPVS_FULLNAT_COUNT_MALFORMED);
		return 0;
	}
	/* the caller will set the destination, and the header's checksum */
	if (af == AF_INET6)
		ipv6_hdr(skb)->saddr = to.saddr->in6;
	else
		ip_hdr(skb)->saddr = to.saddr->ip;
	if (unlikely(cp->flags & IP_VS_CONN_F_NFCT))
		fnat_track_request(skb, cp, to.saddr, to.sport,
				   fnat_session_delta(session));
	fnat_count_request(session->policy, session->laddr, skb->len);
	return 1;
}

static noinline int too_late(const struct fnat_session *session)
{
	if (session)
		fnat_count(session->policy, session->laddr,
			   IPVS_FULLNAT_COUNT_STALE);
	return 0;
}

/* Return: as the stock handlers do, 1 or, to have the packet dropped, 0. */
static __always_inline int rewrite_request(struct sk_buff *skb,
					   struct ip_vs_conn *cp, u8 protocol,
					   const struct ip_vs_iphdr *iph)
{
	struct fnat_session *session = READ_ONCE(cp->app_data);

	/* the sync daemon has taken it away just now, or another its port */
	if (unlikely(!session || READ_ONCE(session->phase) >= FNAT_STALE))
		return too_late(session);
	return rewrite_session(session, skb, cp, protocol, iph);
}

static int rewrite_tcp(struct sk_buff *skb, struct ip_vs_protocol *pp,
		       struct ip_vs_conn *cp, struct ip_vs_iphdr *iph)
{
	return rewrite_request(skb, cp, IPPROTO_TCP, iph);
}

static int rewrite_udp(struct sk_buff *skb, struct ip_vs_protocol *pp,
		       struct ip_vs_conn *cp, struct ip_vs_iphdr *iph)
{
	return rewrite_request(skb, cp, IPPROTO_UDP, iph);
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
		if (unlikely(!READ_ONCE(stock_xmit6)))
			WRITE_ONCE(stock_xmit6, cp->packet_xmit);
	} else if (unlikely(!READ_ONCE(stock_xmit4))) {
		WRITE_ONCE(stock_xmit4, cp->packet_xmit);
	}
}

/**
 * fnat_request_init() - at loading
 */
void __init fnat_request_init(void)
{
	shadow_tcp = *ip_vs_proto_get(IPPROTO_TCP);
	shadow_tcp.dnat_handler = rewrite_tcp;
	shadow_udp = *ip_vs_proto_get(IPPROTO_UDP);
	shadow_udp.dnat_handler = rewrite_udp;
}
