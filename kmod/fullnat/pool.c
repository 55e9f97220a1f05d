// SPDX-License-Identifier: GPL-2.0
/*
 * Pools. One never changes, so who reads it under RCU sees addresses and ports
 * that belong together. An edit makes another one out of it: the old addresses
 * and those of the request, both in ascending order, are gone through side by
 * side.
 */
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "laddr.h"
#include "pool.h"

/**
 * struct slot - an address of the pool to be
 * @laddr: it, with a reference
 * @draining: it takes no new sessions
 */
struct slot {
	struct fnat_laddr	*laddr;
	bool			draining;
};

/**
 * struct edit - the pool to be
 * @fn: the namespace
 * @verb: what is done
 * @extack: gets the reason of a refusal
 * @count: slots that are filled
 * @slot: its addresses, in ascending order
 */
struct edit {
	struct fnat_net		*fn;
	enum fnat_pool_verb	verb;
	struct netlink_ext_ack	*extack;
	u32			count;
	struct slot		slot[];
};

static int compare(const union nf_inet_addr *a, const union nf_inet_addr *b)
{
	return memcmp(a, b, sizeof(*a));
}

/**
 * fnat_pool_next() - go through a pool in the order of addresses
 * @pool: the pool
 * @cursor: where it is; zero to begin with
 * @draining: gets whether the address drains
 *
 * Context: under RCU, or with the namespace's mutex.
 * Return: the next address, without a reference; NULL at the end.
 */
struct fnat_laddr *fnat_pool_next(const struct fnat_pool *pool,
				  struct fnat_pool_cursor *cursor,
				  bool *draining)
{
	u32 i = cursor->active, j = pool->active + cursor->draining;

	if (i == pool->active && j == pool->total)
		return NULL;
	*draining = i == pool->active ||
		    (j < pool->total && compare(&pool->laddr[j]->addr,
						&pool->laddr[i]->addr) < 0);
	if (*draining) {
		cursor->draining++;
		return pool->laddr[j];
	}
	cursor->active++;
	return pool->laddr[i];
}

/**
 * fnat_blame_addr() - tell what a refusal is about
 * @extack: where the refusal's sentence is or will be; not NULL
 * @wish: the address
 *
 * The attribute may be a range, so the sender is also told which one of its
 * addresses it is. Not the address itself: some kernels have no room for that.
 */
void fnat_blame_addr(struct netlink_ext_ack *extack,
		     const struct fnat_wish *wish)
{
	__be32 index = htonl(wish->index);

	BUILD_BUG_ON(sizeof(index) > sizeof(extack->cookie));
	NL_SET_BAD_ATTR(extack, wish->attr);
	memcpy(extack->cookie, &index, sizeof(index));
	extack->cookie_len = sizeof(index);
}

static void add_slot(struct edit *edit, struct fnat_laddr *laddr, bool draining)
{
	edit->slot[edit->count++] = (struct slot){ laddr, draining };
}

static int check_wish(const struct edit *edit, const struct fnat_wish *wish)
{
	if (!wish->draining || edit->verb == FNAT_POOL_SET ||
	    edit->verb == FNAT_POOL_ADD)
		return 0;
	NL_SET_ERR_MSG(edit->extack,
		       "draining is for addresses that are added: leave it out");
	return -EINVAL;
}

/* A prefix may be meant with or without its first and last address. */
static bool left_out(const struct edit *edit, const struct fnat_wish *wish)
{
	return wish->edge &&
	       !fnat_laddr_is_local4(edit->fn->net, wish->addr.ip);
}

/*
 * What the director had once may go on draining: its sessions are there, and a
 * save of that has to be of use.
 */
static int check_usable(const struct edit *edit, const struct fnat_wish *wish,
			u8 af)
{
	struct net *net = edit->fn->net;

	if (wish->draining && edit->verb == FNAT_POOL_SET &&
	    fnat_laddr_usable(net, af, &wish->addr, NULL) == -EADDRNOTAVAIL)
		return 0;
	return fnat_laddr_usable(net, af, &wish->addr, edit->extack);
}

/* An address that the pool does not have. */
static int edit_new(struct edit *edit, const struct fnat_wish *wish, u8 af)
{
	struct fnat_laddr *laddr;
	int err;

	if (edit->verb == FNAT_POOL_DRAIN || edit->verb == FNAT_POOL_DEL) {
		if (wish->edge)
			return 0;
		NL_SET_ERR_MSG(edit->extack,
			       "the address is not in the pool: see laddr show");
		return -ENOENT;
	}
	if (left_out(edit, wish))
		return 0;
	err = check_usable(edit, wish, af);
	if (err)
		return err;
	laddr = fnat_laddr_create(edit->fn, af, &wish->addr);
	if (!laddr)
		return -ENOMEM;
	add_slot(edit, laddr, wish->draining);
	return 0;
}

/* An address that the pool has. */
static int edit_old(struct edit *edit, struct fnat_laddr *laddr, bool draining,
		    const struct fnat_wish *wish)
{
	int err = 0;

	switch (edit->verb) {
	case FNAT_POOL_SET:
		if (left_out(edit, wish))
			return 0;
		err = check_usable(edit, wish, laddr->af);
		draining = wish->draining;
		break;
	case FNAT_POOL_ADD:
		if (!draining) {
			NL_SET_ERR_MSG(edit->extack,
				       "the address is in the pool already: leave it out");
			return -EEXIST;
		}
		/* it may have gone from the director while it drained */
		if (!wish->draining)
			err = check_usable(edit, wish, laddr->af);
		draining = wish->draining;
		break;
	case FNAT_POOL_DRAIN:
		draining = true;
		break;
	case FNAT_POOL_DEL:
		return 0;
	}
	if (!err)
		add_slot(edit, fnat_laddr_get(laddr), draining);
	return err;
}

static int edit_all(struct edit *edit, const struct fnat_pool *old,
		    const struct fnat_wishes *wishes)
{
	const struct fnat_wish *wish = wishes ? wishes->wish : NULL;
	const struct fnat_wish *end = wishes ? wish + wishes->count : NULL;
	struct fnat_pool_cursor cursor = {};
	struct fnat_laddr *laddr;
	bool draining;
	int order, err;

	laddr = old ? fnat_pool_next(old, &cursor, &draining) : NULL;
	while (laddr || wish < end) {
		if (!laddr || wish == end)
			order = laddr ? -1 : 1;
		else
			order = compare(&laddr->addr, &wish->addr);
		err = order < 0 ? 0 : check_wish(edit, wish);
		if (!err && order > 0)
			err = edit_new(edit, wish, wishes->af);
		else if (!err && order == 0)
			err = edit_old(edit, laddr, draining, wish);
		if (err) {
			fnat_blame_addr(edit->extack, wish);
			return err;
		}
		if (order < 0 && !(wishes && edit->verb == FNAT_POOL_SET))
			add_slot(edit, fnat_laddr_get(laddr), draining);
		if (order <= 0)
			laddr = fnat_pool_next(old, &cursor, &draining);
		if (order >= 0)
			wish++;
	}
	return 0;
}

static int check_count(const struct edit *edit)
{
	if (edit->count > IPVS_FULLNAT_MAX_LADDRS) {
		NL_SET_ERR_MSG(edit->extack,
			       "a pool has 2048 addresses at most: give fewer");
		return -E2BIG;
	}
	if (edit->count)
		return 0;
	/* only FNAT_POOL_DEL comes here: a prefix is more than its edges */
	NL_SET_ERR_MSG(edit->extack,
		       "these are all addresses of the pool: drain them, add others first, or delete the service");
	return -EINVAL;
}

static void set_ranges(struct fnat_pool *pool, const struct fnat_pool *old,
		       const struct fnat_ranges *ranges)
{
	u32 i;

	if (ranges) {
		memcpy(pool->range, ranges->range, sizeof(pool->range));
		pool->ranges = ranges->count;
		pool->default_ports = ranges->by_default;
	} else {
		memcpy(pool->range, old->range, sizeof(pool->range));
		pool->ranges = old->ranges;
		pool->default_ports = old->default_ports;
	}
	pool->ports = 0;
	for (i = 0; i < pool->ranges; i++)
		pool->ports += pool->range[i].last - pool->range[i].first + 1;
}

static struct fnat_pool *make_pool(const struct edit *edit)
{
	struct fnat_pool *pool;
	u32 i, end;

	pool = kvmalloc(struct_size(pool, laddr, edit->count),
			GFP_KERNEL_ACCOUNT);
	if (!pool)
		return NULL;
	pool->total = edit->count;
	pool->active = 0;
	for (i = 0; i < edit->count; i++)
		if (!edit->slot[i].draining)
			pool->laddr[pool->active++] = edit->slot[i].laddr;
	end = pool->active;
	for (i = 0; i < edit->count; i++)
		if (edit->slot[i].draining)
			pool->laddr[end++] = edit->slot[i].laddr;
	return pool;
}

/**
 * fnat_pool_create() - make the pool that a request asks for
 * @fn: the namespace
 * @old: the pool as it is, NULL: there is none, and all of the rest is given
 * @wishes: the addresses of the request; NULL: those of @old
 * @verb: what is done with them
 * @ranges: the ports of the request; NULL: those of @old
 * @extack: gets the reason of a refusal
 *
 * Context: process, under @fn's mutex; may sleep.
 * Return: the pool, with references to its addresses; an error pointer.
 */
struct fnat_pool *fnat_pool_create(struct fnat_net *fn,
				   const struct fnat_pool *old,
				   const struct fnat_wishes *wishes,
				   enum fnat_pool_verb verb,
				   const struct fnat_ranges *ranges,
				   struct netlink_ext_ack *extack)
{
	u32 room = (old ? old->total : 0) + (wishes ? wishes->count : 0);
	struct fnat_pool *pool;
	struct edit *edit;
	int err;

	edit = kvmalloc(struct_size(edit, slot, room), GFP_KERNEL);
	if (!edit)
		return ERR_PTR(-ENOMEM);
	edit->fn = fn;
	edit->verb = verb;
	edit->extack = extack;
	edit->count = 0;

	err = edit_all(edit, old, wishes);
	if (!err)
		err = check_count(edit);
	if (!err) {
		pool = make_pool(edit);
		err = pool ? 0 : -ENOMEM;
	}
	if (err) {
		while (edit->count)
			fnat_laddr_put(edit->slot[--edit->count].laddr);
		pool = ERR_PTR(err);
	} else {
		set_ranges(pool, old, ranges);
	}
	kvfree(edit);
	return pool;
}

/**
 * fnat_pool_free() - free a pool that nobody sees, or sees any longer
 * @pool: the pool; NULL is none
 *
 * Context: process or softirq.
 */
void fnat_pool_free(struct fnat_pool *pool)
{
	u32 i;

	if (!pool)
		return;
	for (i = 0; i < pool->total; i++)
		fnat_laddr_put(pool->laddr[i]);
	kvfree(pool);
}

static void free_rcu(struct rcu_head *rcu)
{
	fnat_pool_free(container_of(rcu, struct fnat_pool, rcu));
}

/**
 * fnat_pool_free_rcu() - free a pool that was replaced
 * @pool: the pool
 *
 * Its addresses keep their references until nobody finds them there.
 *
 * Context: any.
 */
void fnat_pool_free_rcu(struct fnat_pool *pool)
{
	call_rcu(&pool->rcu, free_rcu);
}
