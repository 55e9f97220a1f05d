// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that IPVS has not taken. It takes its hooks away with the last
 * service of a family, while connections live on and go on when there is one
 * again, as where a daemon that sets up the services starts anew. The local
 * stack would answer with a reset meanwhile, and end them.
 */
#include <linux/skbuff.h>
#include <net/ip_vs.h>

#include "mangle.h"
#include "policy.h"
#include "session.h"
#include "stats.h"
#include "unserved.h"

/* One that begins may be refused. */
static bool is_syn(const struct sk_buff *skb, const struct ip_vs_iphdr *iph)
{
	return iph->protocol == IPPROTO_TCP &&
	       (fnat_tcp_flags(skb, iph->len) & TCPHDR_SYN);
}

static bool is_of_session(const struct ip_vs_conn *cp)
{
	const struct fnat_session *session = fnat_session_of(cp);

	/* the client is to hear that it is gone */
	if (!session || READ_ONCE(session->phase) == FNAT_STALE)
		return false;
	fnat_count(session->policy, NULL, IPVS_FULLNAT_COUNT_NO_SERVICE);
	return true;
}

/**
 * fnat_unserved() - drop a request that IPVS does not look at
 * @priv: not used
 * @skb: the packet
 * @state: where it is: LOCAL_IN, after IPVS
 *
 * IPVS would drop it as well, had it another service: the real server of the
 * connection is not available.
 *
 * Context: RCU read lock; any; a hook.
 * Return: NF_DROP if the packet is of a connection that has a session.
 */
unsigned int fnat_unserved(void *priv, struct sk_buff *skb,
			   const struct nf_hook_state *state)
{
	struct netns_ipvs *ipvs = net_ipvs(state->net);
	struct ip_vs_iphdr iph;
	struct ip_vs_conn *cp;
	bool ours;

	/* what is handed to the local stack after translation has that */
	if (skb->ipvs_property || !atomic_read(&ipvs->conn_count))
		return NF_ACCEPT;
	/* IPVS leaves it to the local stack, or would have it hear a reset */
	if (sysctl_backup_only(ipvs) || sysctl_expire_nodest_conn(ipvs))
		return NF_ACCEPT;
	if (!ip_vs_fill_iph_skb(state->pf, skb, false, &iph) ||
	    (iph.protocol != IPPROTO_TCP && iph.protocol != IPPROTO_UDP) ||
	    is_syn(skb, &iph))
		return NF_ACCEPT;
	cp = ip_vs_conn_in_get_proto(ipvs, state->pf, skb, &iph);
	if (!cp)
		return NF_ACCEPT;
	ours = is_of_session(cp);
	__ip_vs_conn_put(cp);
	return ours ? NF_DROP : NF_ACCEPT;
}
