// SPDX-License-Identifier: GPL-2.0
/*
 * Port maps: which local ports of a local address are in use with one real
 * server and port. A connection is unique by these, so the same local port may
 * be used with every real server.
 *
 * Ports are given in turn, so that one is used again as late as can be.
 */
#include <linux/bitmap.h>
#include <linux/inetdevice.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/route.h>

#include "policy.h"
#include "ports.h"

#define CHUNK(port)	((port) / FNAT_CHUNK_BITS)
#define CHUNK_BIT(port)	((port) % FNAT_CHUNK_BITS)
#define NO_PORT		(U16_MAX + 1U)

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

/**
 * fnat_ports_trim() - give back the memory that no busy port needs
 * @ports: the port map
 *
 * Context: the lock of @ports is held, or nobody sees it.
 */
void fnat_ports_trim(struct fnat_ports *ports)
{
	u32 i;

	for (i = 0; i < FNAT_CHUNKS; i++) {
		if (ports->taken[i])
			continue;
		kfree(ports->chunk[i]);
		ports->chunk[i] = NULL;
	}
}

/* How many ports of a range are busy, which is in one chunk. */
static u32 busy_in_chunk(const struct fnat_ports *ports, u32 first, u32 last)
{
	const unsigned long *chunk = ports->chunk[CHUNK(first)];
	u32 low = CHUNK_BIT(first), high = CHUNK_BIT(last) + 1;

	if (!ports->taken[CHUNK(first)])
		return 0;
	if (!low && high == FNAT_CHUNK_BITS)
		return ports->taken[CHUNK(first)];
	return bitmap_weight(chunk, high) - bitmap_weight(chunk, low);
}

static u32 busy_in_pool(const struct fnat_ports *ports,
			const struct fnat_pool *pool)
{
	u32 i, first, last, busy = 0;

	for (i = 0; i < pool->ranges; i++) {
		const struct fnat_range *range = &pool->range[i];

		for (first = range->first; first <= range->last;
		     first = last + 1) {
			last = min_t(u32, range->last,
				     first | (FNAT_CHUNK_BITS - 1));
			busy += busy_in_chunk(ports, first, last);
		}
	}
	return busy;
}

/**
 * fnat_ports_used() - how much of a local address is in use
 * @net: the namespace
 * @af: AF_INET or AF_INET6
 * @laddr: the local address
 * @pool: whose ranges; others may use the address, too
 *
 * Context: process or softirq.
 * Return: ports of these ranges that are busy with the real server that has
 * most of them; never more than there are.
 */
u32 fnat_ports_used(const struct net *net, u8 af,
		    const union nf_inet_addr *laddr,
		    const struct fnat_pool *pool)
{
	struct fnat_ports *ports;
	u32 used = 0;

	rcu_read_lock();
	hlist_for_each_entry_rcu(ports, fnat_ports_at(net, af, laddr),
				 at_laddr) {
		const struct fnat_pair *pair = &ports->pair;

		if (READ_ONCE(ports->busy) <= used || pair->net != net ||
		    pair->af != af || !nf_inet_addr_cmp(&pair->laddr, laddr))
			continue;
		spin_lock_bh(&ports->lock);
		used = max(used, busy_in_pool(ports, pool));
		spin_unlock_bh(&ports->lock);
	}
	rcu_read_unlock();
	return used;
}
