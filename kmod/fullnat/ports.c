// SPDX-License-Identifier: GPL-2.0
/*
 * Port maps: which local ports of a local address are in use with one real
 * server and port. A connection is unique by these, so the same local port may
 * be used with every real server.
 *
 * Ports are given in turn, so that one is used again as late as can be, and in an
 * order that is secret, so that nobody guesses the next (RFC 6056, 3.3.3: a
 * keyed hash, here of the word that a port is in).
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
#define WORD(port)	((port) / BITS_PER_LONG)
#define CHUNK_WORDS	(FNAT_CHUNK_BITS / BITS_PER_LONG)
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

/*
 * The director's own sockets take any port of ip_local_port_range that is not
 * reserved. What that is may have changed since the policy was made.
 */
static bool is_ours(const struct fnat_ports *ports, u32 port)
{
	const unsigned long *reserved;

	if (likely((int)port < ports->low || (int)port > ports->high))
		return true;
	reserved = ports->pair.net->ipv4.sysctl_local_reserved_ports;
	return reserved && test_bit(port, reserved);
}

/* Bits @first to @last of a word; either may be beyond it. */
static unsigned long bits(int first, int last)
{
	first = max(first, 0);
	last = min(last, BITS_PER_LONG - 1);
	return first > last ? 0 : GENMASK(last, first);
}

/* The ports of a word from @low to @high that are not reserved. */
static __always_inline unsigned long
their_bits(const struct net *net, int low, int high, u32 word)
{
	const unsigned long *reserved = net->ipv4.sysctl_local_reserved_ports;
	int base = word * BITS_PER_LONG;
	unsigned long theirs;

	theirs = bits(low - base, high - base);
	if (unlikely(theirs))
		theirs &= ~(reserved ? READ_ONCE(reserved[word]) : 0);
	return theirs;
}

static unsigned long busy_bits(const struct fnat_ports *ports, u32 word)
{
	const unsigned long *chunk = ports->chunk[word / CHUNK_WORDS];

	return chunk ? chunk[word % CHUNK_WORDS] : 0;
}

/* The ports of a word that are ours, and not busy. */
static unsigned long open_bits(const struct fnat_ports *ports, u32 word)
{
	return ~(busy_bits(ports, word) |
		 their_bits(ports->pair.net, ports->low, ports->high, word));
}

/* The ports of a word that are of a range. */
static unsigned long range_bits(const struct fnat_range *range, u32 word)
{
	int base = word * BITS_PER_LONG;

	return bits(range->first - base, range->last - base);
}

static unsigned long pool_bits(const struct fnat_pool *pool, u32 word)
{
	unsigned long all = 0;
	u32 i;

	for (i = 0; i < pool->ranges; i++)
		all |= range_bits(&pool->range[i], word);
	return all;
}

/*
 * The ports of a word are given in an order that a key decides, so that who
 * knows one does not know the next. It is the same each time, so that each is
 * given once before one is given again.
 */
static void draw_order(struct fnat_ports *ports, u32 word)
{
	u64 sum = siphash_1u64((u64)ports->key << 32 | word, &fnat_ports_key);

	ports->times = (sum & 0x38) | 5;
	ports->plus = sum >> 8;
}

/* Which bit of the word has this turn: a bijection, as is each step of it. */
static __always_inline u32 turn_bit(const struct fnat_ports *ports, u32 turn)
{
	u32 bit = (turn * ports->times + ports->plus) % BITS_PER_LONG;

	return bit ^ bit >> 3;
}

/* The first open port of a word from a turn on. */
static u32 search_word(struct fnat_ports *ports, u32 word, u32 turn,
		       unsigned long open)
{
	draw_order(ports, word);
	for (; turn < BITS_PER_LONG; turn++) {
		u32 bit = turn_bit(ports, turn);

		if (!(open >> bit & 1))
			continue;
		ports->turn = turn;
		return word * BITS_PER_LONG + bit;
	}
	return NO_PORT;
}

/* From a turn of a word, in those that have ports of a range. */
static u32 search_range(struct fnat_ports *ports, const struct fnat_pool *pool,
			const struct fnat_range *range, u32 word, u32 turn)
{
	u32 port, first = WORD(range->first);

	if (word < first) {
		word = first;
		turn = 0;
	}
	for (; word <= WORD(range->last); word++, turn = 0) {
		unsigned long open;

		if (ports->taken[word / CHUNK_WORDS] == FNAT_CHUNK_BITS) {
			word |= CHUNK_WORDS - 1;
			continue;
		}
		open = open_bits(ports, word);
		if (!(open & range_bits(range, word)))
			continue;
		/* other ranges may have ports of it, too */
		port = search_word(ports, word, turn,
				   open & pool_bits(pool, word));
		if (port != NO_PORT)
			return port;
	}
	return NO_PORT;
}

/* From a turn of a word. */
static u32 search_from(struct fnat_ports *ports, const struct fnat_pool *pool,
		       u32 word, u32 turn)
{
	u32 i, port;

	for (i = 0; i < pool->ranges; i++) {
		port = search_range(ports, pool, &pool->range[i], word, turn);
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

/* After the port that was given last, and then from the first one. */
static noinline u32 search(struct fnat_ports *ports,
			   const struct fnat_pool *pool)
{
	u32 port;

	/* new, or the last one was given for a policy with other ranges */
	if (!in_ranges(pool, ports->rover)) {
		ports->rover = any_port(pool);
		draw_order(ports, WORD(ports->rover));
	}
	port = search_from(ports, pool, WORD(ports->rover), ports->turn + 1);
	if (port == NO_PORT)
		port = search_from(ports, pool, 0, 0);
	return port;
}

/* As a rule the next turn is of the same word, and its port free. */
static __always_inline u32 search_next(struct fnat_ports *ports,
				       const struct fnat_pool *pool)
{
	u32 port, turn = ports->turn + 1;

	if (turn == BITS_PER_LONG)
		return NO_PORT;
	port = round_down(ports->rover, BITS_PER_LONG) | turn_bit(ports, turn);
	if (!in_ranges(pool, port) || !ports->chunk[CHUNK(port)] ||
	    test_bit(CHUNK_BIT(port), ports->chunk[CHUNK(port)]) ||
	    !is_ours(ports, port))
		return NO_PORT;
	ports->turn = turn;
	return port;
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

	port = search_next(ports, pool);
	if (unlikely(port == NO_PORT))
		port = search(ports, pool);
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

/*
 * How many ports of a pool the director's own sockets have come to take; of
 * these, those that are busy, if there is a port map.
 */
static u32 lost(struct net *net, const struct fnat_pool *pool,
		const struct fnat_ports *ports)
{
	u32 i, word, count = 0;
	int low, high;

	inet_get_local_port_range(net, &low, &high);
	for (i = 0; i < pool->ranges; i++) {
		int first = max_t(int, low, pool->range[i].first);
		int last = min_t(int, high, pool->range[i].last);

		for (word = WORD(first); first <= last && word <= WORD(last);
		     word++) {
			unsigned long theirs = their_bits(net, first, last, word);

			if (ports)
				theirs &= busy_bits(ports, word);
			count += hweight_long(theirs);
		}
	}
	return count;
}

/**
 * fnat_ports_limit() - how many ports of a pool there are
 * @net: the namespace
 * @pool: whose ranges
 *
 * Context: process.
 * Return: those that the director's own sockets do not take by now.
 */
u32 fnat_ports_limit(struct net *net, const struct fnat_pool *pool)
{
	return pool->ports - lost(net, pool, NULL);
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
 * most of them; as fnat_ports_limit() counts them, so never more than that.
 */
u32 fnat_ports_used(struct net *net, u8 af,
		    const union nf_inet_addr *laddr,
		    const struct fnat_pool *pool)
{
	struct fnat_ports *ports;
	u32 used = 0;

	rcu_read_lock();
	hlist_for_each_entry_rcu(ports, fnat_ports_at(net, af, laddr),
				 at_laddr) {
		const struct fnat_pair *pair = &ports->pair;

		/* without the lock: a look at whether it is worth it */
		if (data_race(ports->busy) <= used || pair->net != net ||
		    pair->af != af || !nf_inet_addr_cmp(&pair->laddr, laddr))
			continue;
		spin_lock_bh(&ports->lock);
		used = max(used, busy_in_pool(ports, pool) -
				 lost(net, pool, ports));
		spin_unlock_bh(&ports->lock);
	}
	rcu_read_unlock();
	return used;
}
