/* SPDX-License-Identifier: GPL-2.0 */
/* Local addresses. */
#ifndef _FNAT_LADDR_H
#define _FNAT_LADDR_H

#include <linux/refcount.h>

#include "fullnat.h"

struct netlink_ext_ack;

/* The counters of an address: the first ones of enum ipvs_fullnat_counter */
#define FNAT_LADDR_COUNTERS	(IPVS_FULLNAT_COUNT_STALE + 1)

/**
 * struct fnat_laddr - a local address of a namespace, shared by all who use it
 * @addr: the address, the rest of the union zero
 * @af: its family
 * @refs: one for each pool that it is in, one for each session
 * @counters: of each CPU
 * @node: in the table of addresses
 * @list: in fnat_net's list
 * @net: the namespace, to compare with; NULL when it is linked no longer
 * @id: ascending in that list
 * @base: values of the counters at their last reset
 * @rcu: frees it
 */
struct fnat_laddr {
	union nf_inet_addr	addr;
	u8			af;
	refcount_t		refs;
	u64 __percpu		*counters;

	struct hlist_node	node;
	struct list_head	list;
	const struct net	*net;
	u64			id;
	u64			base[FNAT_LADDR_COUNTERS];
	struct rcu_head		rcu;
};

struct fnat_laddr *fnat_laddr_create(struct fnat_net *fn, u8 af,
				     const union nf_inet_addr *addr);
void fnat_laddr_put(struct fnat_laddr *laddr);
void fnat_laddrs_forget(struct fnat_net *fn);
int fnat_laddr_usable(struct net *net, u8 af, const union nf_inet_addr *addr,
		      struct netlink_ext_ack *extack);
bool fnat_laddr_is_local4(struct net *net, __be32 addr);

/**
 * fnat_laddr_get() - take another reference
 * @laddr: an address that the caller has a reference to, or found in a pool
 *	under RCU
 *
 * Context: any.
 * Return: @laddr, to be given back by fnat_laddr_put().
 */
static inline struct fnat_laddr *fnat_laddr_get(struct fnat_laddr *laddr)
{
	refcount_inc(&laddr->refs);
	return laddr;
}

#endif /* _FNAT_LADDR_H */
