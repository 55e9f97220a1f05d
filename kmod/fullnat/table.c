// SPDX-License-Identifier: GPL-2.0
/*
 * The table of all sessions, in which replies find them, and their memory. It is
 * read under RCU. What is in it is changed under the lock of the port map that
 * the session has.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/rcupdate_wait.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "session.h"
#include "table.h"

#define LOCKS		1024

static unsigned int session_tab_bits;
module_param(session_tab_bits, uint, 0444);
MODULE_PARM_DESC(session_tab_bits,
		 "log2 of the size of the session table, 8 to 24 (default: by the memory)");

struct hlist_head *fnat_table __ro_after_init;
u32 fnat_table_mask __ro_after_init;
/* of the buckets, each of which has one of these; none is taken under them */
static spinlock_t locks[LOCKS];
static struct kmem_cache *cache __ro_after_init;

static spinlock_t *lock_of(u32 slot)
{
	return &locks[slot % LOCKS];
}

static bool is_of(const struct fnat_session *session,
		  const struct fnat_ports *ports, u16 lport)
{
	return session->lport == lport && session->ports == ports;
}

/**
 * fnat_table_alloc() - memory for a session
 *
 * Context: any.
 * Return: it, with nothing in it, or NULL.
 */
struct fnat_session *fnat_table_alloc(void)
{
	return kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN);
}

/**
 * fnat_table_free() - free a session
 * @session: it never was in the table
 *
 * Context: any.
 */
void fnat_table_free(struct fnat_session *session)
{
	kmem_cache_free(cache, session);
}

static void free_rcu(struct rcu_head *rcu)
{
	fnat_table_free(container_of(rcu, struct fnat_session, rcu));
}

/**
 * fnat_table_free_rcu() - free a session once nobody reads it
 * @session: it is in the table no more
 *
 * Context: any.
 */
void fnat_table_free_rcu(struct fnat_session *session)
{
	call_rcu(&session->rcu, free_rcu);
}

/**
 * fnat_table_insert() - put a session into the table
 * @session: the session
 *
 * Whoever rests on its port is not in the table any more.
 *
 * Context: the lock of @session->ports is held.
 * Return: that session, or NULL.
 */
struct fnat_session *fnat_table_insert(struct fnat_session *session)
{
	u32 at = fnat_table_slot(session->ports->hash, session->lport);
	struct fnat_session *old;

	spin_lock(lock_of(at));
	hlist_for_each_entry(old, &fnat_table[at], node)
		/* who is detached has no port to take over */
		if (is_of(old, session->ports, session->lport) &&
		    session->phase != FNAT_DETACHED) {
			hlist_del_rcu(&old->node);
			break;
		}
	hlist_add_head_rcu(&session->node, &fnat_table[at]);
	spin_unlock(lock_of(at));
	/* the end of the list is NULL */
	return old;
}

/**
 * fnat_table_remove() - take a session out of the table
 * @session: the session
 *
 * Context: the lock of @session->ports is held.
 */
void fnat_table_remove(struct fnat_session *session)
{
	u32 at = fnat_table_slot(session->ports->hash, session->lport);
	spinlock_t *lock = lock_of(at);

	spin_lock(lock);
	hlist_del_rcu(&session->node);
	spin_unlock(lock);
}

/* The session of the bucket that follows the one at @last in memory. */
static struct fnat_session *next_of(struct hlist_head *head,
				    unsigned long last)
{
	struct fnat_session *session, *next = NULL;

	hlist_for_each_entry_rcu(session, head, node)
		if ((unsigned long)session > last &&
		    (!next || session < next))
			next = session;
	return next;
}

/**
 * fnat_table_walk() - visit the sessions of a namespace
 * @net: the namespace
 * @iter: where to begin, zeros at first; afterwards, where to go on
 * @fn: called for each, under the RCU read lock; if it returns something else
 *	than 0, the walk stops and goes on with the same one next time
 * @data: handed to @fn
 *
 * What is there all the time is visited exactly once. Ghosts are not visited.
 *
 * Context: process.
 * Return: what @fn did, or 0: that was all.
 */
int fnat_table_walk(struct net *net, struct fnat_table_iter *iter,
		    int (*fn)(struct fnat_session *session,
			      struct ip_vs_conn *cp, void *data), void *data)
{
	struct fnat_session *session;
	int err = 0;

	rcu_read_lock();
	while (iter->bucket <= fnat_table_mask) {
		session = next_of(&fnat_table[iter->bucket], iter->last);
		if (session) {
			struct ip_vs_conn *cp = READ_ONCE(session->cp);

			if (cp && session->ports->pair.net == net)
				err = fn(session, cp, data);
			if (err)
				break;
			iter->last = (unsigned long)session;
			continue;
		}
		iter->bucket++;
		iter->last = 0;
		if (iter->bucket % 256 == 0)
			cond_resched_rcu();
	}
	rcu_read_unlock();
	return err;
}

/* A bucket for every 4 KiB of memory times 8, within reason: 1 GiB has 32768. */
static u32 __init default_bits(void)
{
	return clamp_t(u32, ilog2(totalram_pages()) - 3, 12, 20);
}

/**
 * fnat_table_init() - at loading
 *
 * Return: 0; -ENOMEM; -EINVAL: a wrong parameter.
 */
int __init fnat_table_init(void)
{
	u32 bits = session_tab_bits ?: default_bits();
	int i;

	if (bits < 8 || bits > 24) {
		pr_err("session_tab_bits=%u: give 8 to 24, or nothing\n", bits);
		return -EINVAL;
	}
	session_tab_bits = bits;
	fnat_table_mask = (1U << bits) - 1;
	for (i = 0; i < LOCKS; i++)
		spin_lock_init(&locks[i]);
	fnat_table = kvcalloc(1U << bits, sizeof(*fnat_table), GFP_KERNEL);
	cache = kmem_cache_create("ip_vs_fullnat_session",
				  sizeof(struct fnat_session), 0, 0, NULL);
	if (fnat_table && cache)
		return 0;
	kmem_cache_destroy(cache);
	kvfree(fnat_table);
	return -ENOMEM;
}

/**
 * fnat_table_exit() - at unloading: it is empty, and nobody reads it
 */
void fnat_table_exit(void)
{
	kmem_cache_destroy(cache);
	kvfree(fnat_table);
}
