/* SPDX-License-Identifier: GPL-2.0 */
/* Connection tracking, for connections that have it (net.ipv4.vs.conntrack). */
#ifndef _FNAT_TRACK_H
#define _FNAT_TRACK_H

#include <linux/netfilter.h>
#include <linux/skbuff.h>

struct ip_vs_conn;

void fnat_track_request(struct sk_buff *skb, const struct ip_vs_conn *cp,
			const union nf_inet_addr *laddr, __be16 lport,
			u32 delta);
void fnat_track_reply_ct(struct sk_buff *skb, const struct ip_vs_conn *cp);

/**
 * fnat_track_reply() - what connection tracking has of a reply
 * @skb: the packet
 * @cp: its connection
 *
 * Context: RCU read lock.
 */
static inline void fnat_track_reply(struct sk_buff *skb,
				    const struct ip_vs_conn *cp)
{
	if (skb_nfct(skb))
		fnat_track_reply_ct(skb, cp);
}

#endif /* _FNAT_TRACK_H */
