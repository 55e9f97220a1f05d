// SPDX-License-Identifier: GPL-2.0
/*
 * Ways out, for what does not go by a stock transmitter: replies, and ICMP
 * errors. It is done as IPVS does it with requests: an output route, and then
 * the hooks from LOCAL_OUT on, so that packets need not be forwarded.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/skbuff.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/l3mdev.h>
#include <net/route.h>
#include <net/xfrm.h>

#include COMPAT_GSO_H

#include "mangle.h"
#include "route.h"

/* Has IPsec nothing to say about what a namespace sends? */
static bool no_ipsec(const struct net *net)
{
#ifdef CONFIG_XFRM
	return !READ_ONCE(net->xfrm.policy_count[XFRM_POLICY_OUT]) &&
	       READ_ONCE(net->xfrm.policy_default[XFRM_POLICY_OUT]) !=
			XFRM_USERPOLICY_BLOCK;
#else
	return true;
#endif
}

/* By IPsec, if a policy says so. */
static struct dst_entry *transform(struct net *net, struct dst_entry *dst,
				   struct flowi *fl)
{
	if (likely(no_ipsec(net)))
		return dst;
	dst = xfrm_lookup(net, dst, fl, NULL, 0);
	return IS_ERR(dst) ? NULL : dst;
}

static struct dst_entry *route4(struct net *net, const struct sk_buff *skb,
				u8 protocol, const struct fnat_ends *to)
{
	struct flowi4 fl4 = {
		.flowi4_oif = l3mdev_master_ifindex_rcu(skb->dev),
		.flowi4_mark = skb->mark,
		.flowi4_proto = protocol,
		/* a virtual service by mark has addresses of others */
		.flowi4_flags = FLOWI_FLAG_ANYSRC,
		.saddr = to->saddr->ip,
		.daddr = to->daddr->ip,
		.fl4_sport = to->sport,
		.fl4_dport = to->dport,
	};
	struct rtable *rt;

	fnat_set_tos(&fl4, ip_hdr(skb));
	rt = __ip_route_output_key(net, &fl4);
	if (IS_ERR(rt))
		return NULL;
	return transform(net, &rt->dst, flowi4_to_flowi(&fl4));
}

static struct dst_entry *route6(struct net *net, const struct sk_buff *skb,
				u8 protocol, const struct fnat_ends *to)
{
	struct flowi6 fl6 = {
		.flowi6_oif = l3mdev_master_ifindex_rcu(skb->dev),
		.flowi6_mark = skb->mark,
		.flowi6_proto = protocol,
		.flowlabel = ip6_flowinfo(ipv6_hdr(skb)),
		.saddr = to->saddr->in6,
		.daddr = to->daddr->in6,
		.fl6_sport = to->sport,
		.fl6_dport = to->dport,
	};
	struct dst_entry *dst;

	dst = ip6_route_output(net, NULL, &fl6);
	if (dst->error) {
		dst_release(dst);
		return NULL;
	}
	return transform(net, dst, flowi6_to_flowi(&fl6));
}

/**
 * fnat_route() - find the way to somewhere
 * @net: the namespace
 * @skb: the packet that shall go there, not rewritten yet
 * @af: AF_INET or AF_INET6
 * @protocol: IPPROTO_*
 * @to: what its ends will be
 *
 * Context: RCU read lock; any.
 * Return: a route, with a reference, or NULL.
 */
struct dst_entry *fnat_route(struct net *net, const struct sk_buff *skb, u8 af,
			     u8 protocol, const struct fnat_ends *to)
{
	if (IS_ENABLED(CONFIG_IPV6) && af == AF_INET6)
		return route6(net, skb, protocol, to);
	return route4(net, skb, protocol, to);
}

static bool exceeds(const struct sk_buff *skb, unsigned int mtu)
{
	if (skb_is_gso(skb))
		return !skb_gso_validate_network_len(skb, mtu);
	return skb->len > mtu;
}

static enum fnat_fit fits4(struct sk_buff *skb, const struct dst_entry *dst)
{
	const struct iphdr *iph = ip_hdr(skb);
	unsigned int mtu, reassembled;

	if (unlikely(iph->ttl <= 1)) {
		icmp_send(skb, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
		return FNAT_TTL_EXCEEDED;
	}
	if (skb->len <= IPV4_MIN_MTU || !(iph->frag_off & htons(IP_DF)))
		return FNAT_FITS;
	mtu = dst_mtu(dst);
	/* it came in fragments, and may leave in such that are as big */
	reassembled = IPCB(skb)->frag_max_size;
	if (unlikely(reassembled ? reassembled > mtu : exceeds(skb, mtu))) {
		icmp_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, htonl(mtu));
		return FNAT_TOO_BIG;
	}
	return FNAT_FITS;
}

static enum fnat_fit fits6(struct sk_buff *skb, unsigned int mtu)
{
	unsigned int reassembled = IP6CB(skb)->frag_max_size;

	if (unlikely(ipv6_hdr(skb)->hop_limit <= 1)) {
		icmpv6_send(skb, ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT, 0);
		return FNAT_TTL_EXCEEDED;
	}
	if (unlikely(reassembled ? reassembled > mtu : exceeds(skb, mtu))) {
		icmpv6_send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
		return FNAT_TOO_BIG;
	}
	return FNAT_FITS;
}

/**
 * fnat_route_fits() - may a packet take a route?
 * @skb: the packet, as its sender knows it
 * @af: AF_INET or AF_INET6
 * @dst: the route
 *
 * Context: RCU read lock; any.
 * Return: whether it may; if not, the sender was told.
 */
enum fnat_fit fnat_route_fits(struct sk_buff *skb, u8 af,
			      const struct dst_entry *dst)
{
	if (unlikely(skb_warn_if_lro(skb)))
		return FNAT_MERGED;
	return af == AF_INET6 ? fits6(skb, dst_mtu(dst)) : fits4(skb, dst);
}

/**
 * fnat_route_send() - send a packet, rewritten, on its way
 * @net: the namespace
 * @skb: the packet; gone afterwards
 * @af: AF_INET or AF_INET6
 * @dst: the route; the reference is taken over
 *
 * Context: RCU read lock; any.
 */
void fnat_route_send(struct net *net, struct sk_buff *skb, u8 af,
		     struct dst_entry *dst)
{
	/* an early demultiplexer may have found a socket by the old ends */
	skb_orphan(skb);
	skb_dst_drop(skb);
	skb_dst_set(skb, dst);
	skb_forward_csum(skb);
	skb_clear_tstamp(skb);
	/* if it is too big now, it may be fragmented */
	skb->ignore_df = 1;
	if (af == AF_INET6)
		NF_HOOK(NFPROTO_IPV6, NF_INET_LOCAL_OUT, net, NULL, skb, NULL,
			dst->dev, dst_output);
	else
		NF_HOOK(NFPROTO_IPV4, NF_INET_LOCAL_OUT, net, NULL, skb, NULL,
			dst->dev, dst_output);
}
