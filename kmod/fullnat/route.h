/* SPDX-License-Identifier: GPL-2.0 */
/* Ways out, for what does not go by a stock transmitter. */
#ifndef _FNAT_ROUTE_H
#define _FNAT_ROUTE_H

#include <linux/types.h>
#include <net/ip6_fib.h>
#include <net/route.h>

struct dst_entry;
struct fnat_ends;
struct net;
struct sk_buff;

/**
 * enum fnat_fit - may a packet take a route?
 * @FNAT_FITS: yes
 * @FNAT_TTL_EXCEEDED: its TTL runs out; the sender was told
 * @FNAT_TOO_BIG: it must not be fragmented; the sender was told the MTU
 * @FNAT_MERGED: the device has merged what cannot be taken apart again (LRO)
 */
enum fnat_fit {
	FNAT_FITS,
	FNAT_TTL_EXCEEDED,
	FNAT_TOO_BIG,
	FNAT_MERGED,
};

struct dst_entry *fnat_route(struct net *net, const struct sk_buff *skb, u8 af,
			     u8 protocol, const struct fnat_ends *to);
enum fnat_fit fnat_route_fits(struct sk_buff *skb, u8 af,
			      const struct dst_entry *dst);
void fnat_route_send(struct net *net, struct sk_buff *skb, u8 af,
		     struct dst_entry *dst);

/**
 * fnat_route_local() - does a route end on this host?
 * @dst: the route
 * @af: AF_INET or AF_INET6
 *
 * Context: any.
 * Return: whether it does.
 */
static inline bool fnat_route_local(const struct dst_entry *dst, u8 af)
{
	if (af == AF_INET6)
		return container_of(dst, struct rt6_info, dst)->rt6i_flags &
		       RTF_LOCAL;
	return container_of(dst, struct rtable, dst)->rt_flags & RTCF_LOCAL;
}

#endif /* _FNAT_ROUTE_H */
