/* SPDX-License-Identifier: GPL-2.0 */
/* Pools: how a policy's addresses and ports are put together. */
#ifndef _FNAT_POOL_H
#define _FNAT_POOL_H

#include "policy.h"

struct netlink_ext_ack;
struct nlattr;

/**
 * struct fnat_wish - an address that a request gives
 * @addr: it
 * @attr: where it is given
 * @index: which one of those that @attr gives, from 0
 * @draining: it shall take no new sessions
 * @edge: the first or last of an IPv4 prefix, left out if it is not local
 */
struct fnat_wish {
	union nf_inet_addr	addr;
	const struct nlattr	*attr;
	u16			index;
	bool			draining;
	bool			edge;
};

/**
 * struct fnat_wishes - the addresses that a request gives
 * @count: how many
 * @af: their family
 * @wish: they, in ascending order, none twice
 */
struct fnat_wishes {
	u32			count;
	u8			af;
	struct fnat_wish	wish[IPVS_FULLNAT_MAX_LADDRS];
};

/**
 * struct fnat_ranges - the ports that a request gives
 * @range: ranges of ports, ascending, apart from each other
 * @count: how many
 * @by_default: they were chosen for want of others
 */
struct fnat_ranges {
	struct fnat_range	range[IPVS_FULLNAT_MAX_RANGES];
	u8			count;
	bool			by_default;
};

/**
 * enum fnat_pool_verb - what is done with the addresses that a request gives
 * @FNAT_POOL_SET: they become the pool
 * @FNAT_POOL_ADD: they are added, or drain no longer
 * @FNAT_POOL_DRAIN: they drain
 * @FNAT_POOL_DEL: they go
 */
enum fnat_pool_verb {
	FNAT_POOL_SET,
	FNAT_POOL_ADD,
	FNAT_POOL_DRAIN,
	FNAT_POOL_DEL,
};

/**
 * struct fnat_pool_cursor - a place in a pool, in the order of addresses
 * @active: of those that take new sessions, the next one
 * @draining: of those that drain, the next one
 */
struct fnat_pool_cursor {
	u32	active;
	u32	draining;
};

void fnat_blame_addr(struct netlink_ext_ack *extack,
		     const struct fnat_wish *wish);
struct fnat_laddr *fnat_pool_next(const struct fnat_pool *pool,
				  struct fnat_pool_cursor *cursor,
				  bool *draining);
struct fnat_pool *fnat_pool_create(struct fnat_net *fn,
				   const struct fnat_pool *old,
				   const struct fnat_wishes *wishes,
				   enum fnat_pool_verb verb,
				   const struct fnat_ranges *ranges,
				   struct netlink_ext_ack *extack);
void fnat_pool_free(struct fnat_pool *pool);
void fnat_pool_free_rcu(struct fnat_pool *pool);

#endif /* _FNAT_POOL_H */
