// SPDX-License-Identifier: GPL-2.0
/*
 * Port maps: which local ports of a local address are in use with one real
 * server and port. A connection is unique by these, so the same local port may
 * be used with every real server.
 *
 * Ports are given in turn, so that one is used again as late as can be. A map
 * that no session uses goes away after a while.
 */
#include <linux/bitmap.h>
#include <linux/hash.h>
#include <linux/inetdevice.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/rcupdate_wait.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/route.h>

#include "policy.h"
#include "ports.h"

#define TABLE_BITS	13
#define CHUNK(port)	((port) / FNAT_CHUNK_BITS)
#define CHUNK_BIT(port)	((port) % FNAT_CHUNK_BITS)
#define NO_PORT		(U16_MAX + 1U)

u64 fnat_ports_seed __ro_after_init;
u16 fnat_ports_filter[1 << FNAT_FILTER_BITS];

static struct hlist_head *table __ro_after_init;
/* held to put a map into the table or take one out; maps' locks nest in it */
static DEFINE_SPINLOCK(table_lock);

static struct hlist_head *table_slot(u32 hash)
{
	return &table[hash >> (32 - TABLE_BITS)];
}

static void filter_add(const struct fnat_pair *pair, int change)
{
	u16 *slot = &fnat_ports_filter[fnat_filter_slot(pair->net, pair->af,
							&pair->laddr)];

	/* once it overflows it is never 0 again, which is harmless */
	if (*slot < U16_MAX)
		WRITE_ONCE(*slot, *slot + change);
}

static __always_inline struct fnat_ports *
find(const struct fnat_pair *pair, u32 hash)
{
	struct fnat_ports *ports;

	hlist_for_each_entry_rcu(ports, table_slot(hash), node,
				 lockdep_is_held(&table_lock))
		if (ports->hash == hash && fnat_pair_equal(&ports->pair, pair))
			return ports;
	return NULL;
}

static noinline struct fnat_ports *
create(const struct fnat_pair *pair, u32 hash)
{
	struct fnat_ports *ports, *other;

	ports = kzalloc(sizeof(*ports), GFP_ATOMIC | __GFP_NOWARN);
	if (!ports)
		return NULL;
	ports->pair = *pair;
	ports->hash = hash;
	ports->idle = jiffies;
	ports->checked = jiffies - 2 * HZ;
	spin_lock_init(&ports->lock);
	INIT_LIST_HEAD(&ports->ghosts);

	spin_lock_bh(&table_lock);
	other = find(pair, hash);
	if (!other) {
		filter_add(pair, 1);
		hlist_add_head_rcu(&ports->node, table_slot(hash));
	}
	spin_unlock_bh(&table_lock);
	if (!other)
		return ports;
	kfree(ports);
	return other;
}

/**
 * fnat_ports_get() - the port map of a pair
 * @pair: the pair
 *
 * If it turns out to be dead, once its lock is held, this is to be called again.
 *
 * Context: RCU read lock.
 * Return: it, maybe a new one, or NULL: no memory.
 */
struct fnat_ports *fnat_ports_get(const struct fnat_pair *pair)
{
	u32 hash = fnat_pair_hash(pair);
	struct fnat_ports *ports;

	ports = find(pair, hash);
	if (likely(ports))
		return ports;
	return create(pair, hash);
}

static void check(struct fnat_ports *ports)
{
	const struct fnat_pair *pair = &ports->pair;

	ports->checked = jiffies;
	inet_get_local_port_range(pair->net, &ports->low, &ports->high);
	if (pair->af == AF_INET6)
		ports->local = IS_ENABLED(CONFIG_IPV6) &&
			       ipv6_chk_addr(pair->net, &pair->server.in6,
					     NULL, 0);
	else
		ports->local = inet_addr_type(pair->net, pair->server.ip) ==
			       RTN_LOCAL;
}

/**
 * fnat_ports_local() - is the real server on this host?
 * @ports: the port map
 *
 * Found out once a second at most, as is what ports the director's own sockets
 * may take. To be called before fnat_ports_take().
 *
 * Context: the lock of @ports is held.
 * Return: whether it is.
 */
bool fnat_ports_local(struct fnat_ports *ports)
{
	if (unlikely(time_after(jiffies, ports->checked + HZ)))
		check(ports);
	return ports->local;
}

/* The first port from @port to @last that is not busy. */
static u32 next_free(const struct fnat_ports *ports, u32 port, u32 last)
{
	while (port <= last) {
		u32 chunk = CHUNK(port), first = chunk * FNAT_CHUNK_BITS, bit;

		if (!ports->chunk[chunk])
			return port;
		if (ports->taken[chunk] < FNAT_CHUNK_BITS) {
			bit = find_next_zero_bit(ports->chunk[chunk],
						 FNAT_CHUNK_BITS,
						 CHUNK_BIT(port));
			if (bit < FNAT_CHUNK_BITS)
				return first + bit <= last ? first + bit :
							     NO_PORT;
		}
		port = first + FNAT_CHUNK_BITS;
	}
	return NO_PORT;
}

/*
 * The director's own sockets take any port of ip_local_port_range that is not
 * reserved. What that is may have changed since the policy was made.
 */
static u32 next_ours(const struct fnat_ports *ports, u32 port)
{
	const unsigned long *reserved;

	if (likely((int)port < ports->low || (int)port > ports->high))
		return port;
	reserved = ports->pair.net->ipv4.sysctl_local_reserved_ports;
	if (!reserved)
		return ports->high + 1;
	return find_next_bit(reserved, ports->high + 1, port);
}

static u32 search_range(const struct fnat_ports *ports, u32 port, u32 last)
{
	while (port <= last) {
		u32 ours;

		port = next_free(ports, port, last);
		if (port == NO_PORT)
			break;
		ours = next_ours(ports, port);
		if (likely(ours == port))
			return port;
		port = ours;
	}
	return NO_PORT;
}

static u32 search(const struct fnat_ports *ports, const struct fnat_pool *pool,
		  u32 first, u32 last)
{
	u32 i, port;

	for (i = 0; i < pool->ranges; i++) {
		const struct fnat_range *range = &pool->range[i];

		port = search_range(ports, max_t(u32, range->first, first),
				    min_t(u32, range->last, last));
		if (port != NO_PORT)
			return port;
	}
	return NO_PORT;
}

static __always_inline bool in_ranges(const struct fnat_pool *pool, u32 port)
{
	u32 i;

	for (i = 0; i < pool->ranges; i++)
		if (port >= pool->range[i].first && port <= pool->range[i].last)
			return true;
	return false;
}

/* As a rule the next port is free, and among the same 4096. */
static __always_inline u32 search_next(const struct fnat_ports *ports,
				       const struct fnat_pool *pool)
{
	u32 port = ports->rover + 1;

	if (!in_ranges(pool, port) || !ports->chunk[CHUNK(port)] ||
	    test_bit(CHUNK_BIT(port), ports->chunk[CHUNK(port)]))
		return NO_PORT;
	return next_ours(ports, port) == port ? port : NO_PORT;
}

/* Where to begin is nobody's business. */
static u16 any_port(const struct fnat_pool *pool)
{
	u32 i, skip = reciprocal_scale(get_random_u32(), pool->ports);

	for (i = 0; i < pool->ranges; i++) {
		u32 size = pool->range[i].last - pool->range[i].first + 1;

		if (skip < size)
			return pool->range[i].first + skip;
		skip -= size;
	}
	return 0;
}

/**
 * fnat_ports_take() - take the next port that is free
 * @ports: the port map
 * @pool: whose ranges
 *
 * A session may still rest on the port.
 *
 * Context: the lock of @ports is held; RCU read lock.
 * Return: the port; -EADDRNOTAVAIL: all are busy; -ENOMEM.
 */
int fnat_ports_take(struct fnat_ports *ports, const struct fnat_pool *pool)
{
	u32 port;
	int err;

	/* new, or the last one was given for a policy with other ranges */
	if (unlikely(!in_ranges(pool, ports->rover)))
		ports->rover = any_port(pool);
	port = search_next(ports, pool);
	if (unlikely(port == NO_PORT))
		port = search(ports, pool, ports->rover + 1, U16_MAX);
	if (port == NO_PORT)
		port = search(ports, pool, 0, ports->rover);
	if (port == NO_PORT)
		return -EADDRNOTAVAIL;
	err = fnat_ports_keep(ports, port);
	if (unlikely(err))
		return err;
	ports->rover = port;
	return port;
}

/**
 * fnat_ports_keep() - a port is busy
 * @ports: the port map
 * @port: a port that is not
 *
 * Context: the lock of @ports is held.
 * Return: 0 or -ENOMEM.
 */
int fnat_ports_keep(struct fnat_ports *ports, u16 port)
{
	unsigned long **chunk = &ports->chunk[CHUNK(port)];

	if (unlikely(!*chunk)) {
		*chunk = kzalloc(FNAT_CHUNK_BITS / BITS_PER_BYTE,
				 GFP_ATOMIC | __GFP_NOWARN);
		if (!*chunk)
			return -ENOMEM;
	}
	__set_bit(CHUNK_BIT(port), *chunk);
	ports->taken[CHUNK(port)]++;
	ports->busy++;
	return 0;
}

/**
 * fnat_ports_give() - a port is busy no more
 * @ports: the port map
 * @port: a port of a session that lives
 *
 * Context: the lock of @ports is held.
 */
void fnat_ports_give(struct fnat_ports *ports, u16 port)
{
	__clear_bit(CHUNK_BIT(port), ports->chunk[CHUNK(port)]);
	ports->taken[CHUNK(port)]--;
	ports->busy--;
}

static void drop_chunks(struct fnat_ports *ports)
{
	u32 i;

	for (i = 0; i < FNAT_CHUNKS; i++) {
		if (ports->taken[i])
			continue;
		kfree(ports->chunk[i]);
		ports->chunk[i] = NULL;
	}
}

static void free_ports(struct rcu_head *rcu)
{
	struct fnat_ports *ports = container_of(rcu, struct fnat_ports, rcu);

	drop_chunks(ports);
	kfree(ports);
}

/**
 * fnat_ports_retire() - give back the memory that a port map does not need
 * @ports: the port map
 * @idle: how long it must have had no user to go itself, in jiffies
 *
 * Context: RCU read lock.
 * Return: whether it has gone.
 */
bool fnat_ports_retire(struct fnat_ports *ports, unsigned long idle)
{
	bool gone;

	spin_lock_bh(&table_lock);
	spin_lock(&ports->lock);
	gone = !ports->dead && !ports->users &&
	       time_after_eq(jiffies, ports->idle + idle);
	if (gone) {
		ports->dead = true;
		hlist_del_rcu(&ports->node);
		filter_add(&ports->pair, -1);
	}
	drop_chunks(ports);
	spin_unlock(&ports->lock);
	spin_unlock_bh(&table_lock);
	if (gone)
		call_rcu(&ports->rcu, free_ports);
	return gone;
}

/**
 * fnat_ports_for_each() - visit all port maps
 * @fn: called for each under the RCU read lock; may retire it
 * @data: handed to @fn
 *
 * Context: process.
 * Return: whether there was any.
 */
bool fnat_ports_for_each(void (*fn)(struct fnat_ports *ports, void *data),
			 void *data)
{
	struct fnat_ports *ports;
	bool any = false;
	u32 i;

	rcu_read_lock();
	for (i = 0; i < 1U << TABLE_BITS; i++) {
		hlist_for_each_entry_rcu(ports, &table[i], node) {
			fn(ports, data);
			any = true;
		}
		if (i % 64 == 0)
			cond_resched_rcu();
	}
	rcu_read_unlock();
	return any;
}

/**
 * fnat_ports_init() - at loading
 *
 * Return: 0 or -ENOMEM.
 */
int __init fnat_ports_init(void)
{
	get_random_bytes(&fnat_ports_seed, sizeof(fnat_ports_seed));
	table = kvcalloc(1U << TABLE_BITS, sizeof(*table), GFP_KERNEL);
	return table ? 0 : -ENOMEM;
}

/**
 * fnat_ports_exit() - at unloading, or when loading has failed
 *
 * No session is left; an RCU barrier must follow before the module goes.
 */
void fnat_ports_exit(void)
{
	kvfree(table);
}
