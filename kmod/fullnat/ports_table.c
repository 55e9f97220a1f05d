// SPDX-License-Identifier: GPL-2.0
/*
 * Where port maps are: in a table by their pairs, for sessions, and in one by
 * their local addresses, which tells packets that may be replies from others. A
 * map that no session uses goes away after a while.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/rcupdate_wait.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "ports.h"

#define TABLE_BITS	13

u64 fnat_ports_seed __ro_after_init;
siphash_key_t fnat_ports_key __ro_after_init;
struct hlist_head fnat_ports_at_laddr[1 << FNAT_LADDR_BITS];

static struct hlist_head *table __ro_after_init;
/* held to put a map into the tables or take one out; maps' locks nest in it */
static DEFINE_SPINLOCK(table_lock);

static struct hlist_head *table_slot(u32 hash)
{
	return &table[hash >> (32 - TABLE_BITS)];
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
	ports->key = get_random_u32();
	ports->idle = jiffies;
	ports->checked = jiffies - 2 * HZ;
	spin_lock_init(&ports->lock);
	INIT_LIST_HEAD(&ports->ghosts);

	spin_lock_bh(&table_lock);
	other = find(pair, hash);
	if (!other) {
		hlist_add_head_rcu(&ports->at_laddr,
				   fnat_ports_at(pair->net, pair->af,
						 &pair->laddr));
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

static void free_ports(struct rcu_head *rcu)
{
	struct fnat_ports *ports = container_of(rcu, struct fnat_ports, rcu);

	fnat_ports_trim(ports);
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
		hlist_del_rcu(&ports->at_laddr);
	}
	fnat_ports_trim(ports);
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
	get_random_bytes(&fnat_ports_key, sizeof(fnat_ports_key));
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
