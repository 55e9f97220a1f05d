// SPDX-License-Identifier: GPL-2.0
/*
 * Where packets come to us: replies at LOCAL_IN, before IPVS, as they are
 * addressed to the director itself; ICMP errors about either direction, also
 * those that are forwarded or of the director's own; and at LOCAL_IN what IPVS
 * should have taken, after it.
 */
#include <linux/bottom_half.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/skbuff.h>
#include <net/ip.h>
#include <net/ip_vs.h>
#include <net/ipv6.h>

#include "hooks.h"
#include "icmp.h"
#include "ports.h"
#include "reply.h"
#include "unserved.h"

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
		return fnat_reply4(skb, state->net);
	}
	if (iph->protocol == IPPROTO_ICMP)
		return fnat_icmp(skb, state->net, AF_INET, ip_hdrlen(skb));
	return NF_ACCEPT;
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
	return fnat_reply6(skb, state->net, protocol, offset);
}

/* Does IPVS look at what is forwarded? */
static bool is_watched(struct net *net)
{
	struct netns_ipvs *ipvs = net_ipvs(net);

	return READ_ONCE(ipvs->enable) && !sysctl_backup_only(ipvs);
}

/*
 * What was queued to user space (NFQUEUE) comes by a process, and the locks of
 * fragments are those of softirqs.
 * Return: false: it waits for the others, or is gone.
 */
static bool gather(struct net *net, struct sk_buff *skb)
{
	int err;

	local_bh_disable();
	err = ip_defrag(net, skb, IP_DEFRAG_VS_FWD);
	local_bh_enable();
	return !err;
}

/*
 * ICMP for a service by mark need not be addressed to this host. IPVS would
 * gather its fragments, and tell the real server what we would not: we gather
 * them before it does.
 */
static unsigned int forward4(void *priv, struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	if (likely(ip_hdr(skb)->protocol != IPPROTO_ICMP) || skb->ipvs_property)
		return NF_ACCEPT;
	if (unlikely(ip_is_fragment(ip_hdr(skb)))) {
		if (!is_watched(state->net))
			return NF_ACCEPT;
		if (!gather(state->net, skb))
			return NF_STOLEN;
	}
	return fnat_icmp(skb, state->net, AF_INET, ip_hdrlen(skb));
}

/*
 * The fragments of IPv6 were gathered before they were routed, as long as IPVS
 * has a service; it drops an error that says to be one.
 */
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

/* What this host says itself about a reply, to its own virtual address */
static unsigned int out4(void *priv, struct sk_buff *skb,
			 const struct nf_hook_state *state)
{
	/* what we send and what IPVS sends, as a rule */
	if (skb->ipvs_property || ip_hdr(skb)->protocol != IPPROTO_ICMP ||
	    ip_is_fragment(ip_hdr(skb)))
		return NF_ACCEPT;
	return fnat_icmp(skb, state->net, AF_INET, ip_hdrlen(skb));
}

static unsigned int out6(void *priv, struct sk_buff *skb,
			 const struct nf_hook_state *state)
{
	/* errors of the host's own have no extension headers */
	if (skb->ipvs_property || ipv6_hdr(skb)->nexthdr != IPPROTO_ICMPV6)
		return NF_ACCEPT;
	return fnat_icmp(skb, state->net, AF_INET6, sizeof(struct ipv6hdr));
}

/*
 * IPVS itself is at -2 and -1 in LOCAL_IN, before -1 in FORWARD, and in LOCAL_OUT
 * behind the translation of destinations.
 */
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
		.priority	= NF_IP_PRI_NAT_SRC + 1,
	},
	{
		.hook		= forward4,
		.pf		= NFPROTO_IPV4,
		.hooknum	= NF_INET_FORWARD,
		.priority	= NF_IP_PRI_NAT_SRC - 2,
	},
	{
		.hook		= out4,
		.pf		= NFPROTO_IPV4,
		.hooknum	= NF_INET_LOCAL_OUT,
		.priority	= NF_IP_PRI_NAT_DST - 1,
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
		.priority	= NF_IP6_PRI_NAT_SRC + 1,
	},
	{
		.hook		= forward6,
		.pf		= NFPROTO_IPV6,
		.hooknum	= NF_INET_FORWARD,
		.priority	= NF_IP6_PRI_NAT_SRC - 2,
	},
	{
		.hook		= out6,
		.pf		= NFPROTO_IPV6,
		.hooknum	= NF_INET_LOCAL_OUT,
		.priority	= NF_IP6_PRI_NAT_DST - 1,
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
