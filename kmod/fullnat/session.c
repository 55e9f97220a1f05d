// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions. One lives exactly as long as its connection: IPVS has it made when
 * it makes the connection, before anybody else can see that, and tells when the
 * connection dies (bind.c).
 *
 * When the connection closes, the port is given back, but the session rests in
 * the table: late packets are translated until the port goes to a new session.
 * For a minute a real server may remember the connection that has closed, and
 * would not let a new one in that looks older. So what its client sent last is
 * kept that long, by a ghost where IPVS has dropped the connection; and a new
 * session that takes the port over before continues from there (seqadj.c).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/rcupdate_wait.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "laddr.h"
#include "netlink.h"
#include "policy.h"
#include "session.h"
#include "stats.h"

/* how often ghosts and idle port maps are cleaned up, and how long these stay */
#define CLEAN_EVERY	(10 * HZ)
#define PORTS_IDLE	(30 * HZ)
/* ghosts that are freed in one go */
#define CLEAN_BATCH	64
#define LOCKS		1024

static unsigned int session_tab_bits;
module_param(session_tab_bits, uint, 0444);
MODULE_PARM_DESC(session_tab_bits,
		 "log2 of the size of the session table, 8 to 24 (default: by the memory)");

static struct hlist_head *table __ro_after_init;
static u32 table_mask __ro_after_init;
/* of the buckets, each of which has one of these; none is taken under them */
static spinlock_t locks[LOCKS];
static struct kmem_cache *cache __ro_after_init;
static struct delayed_work clean_work;
static DEFINE_PER_CPU(u32, turn);

/*
 * Neighbouring ports are in neighbouring buckets. So sessions with the same
 * real server spread evenly, and no hash is computed to make one.
 */
static u32 slot(u32 hash, u16 lport)
{
	return (hash + lport) & table_mask;
}

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
 * fnat_session_find() - the session of a reply
 * @pair: where from, and to what local address
 * @lport: to what port
 *
 * Context: RCU read lock.
 * Return: it, with no reference; maybe a ghost; or NULL.
 */
struct fnat_session *fnat_session_find(const struct fnat_pair *pair,
				       __be16 lport)
{
	u16 port = ntohs(lport);
	struct fnat_session *session;

	hlist_for_each_entry_rcu(session,
				 &table[slot(fnat_pair_hash(pair), port)], node)
		if (session->lport == port &&
		    fnat_pair_equal(&session->ports->pair, pair))
			return session;
	return NULL;
}

static void free_session(struct rcu_head *rcu)
{
	kmem_cache_free(cache, container_of(rcu, struct fnat_session, rcu));
}

/* It is in the table no more, or never was. */
static void drop(struct fnat_session *session)
{
	call_rcu(&session->rcu, free_session);
}

static void leave(struct fnat_ports *ports)
{
	if (!--ports->users)
		ports->idle = jiffies;
}

static void unhash(struct fnat_session *session)
{
	spinlock_t *lock = lock_of(slot(session->ports->hash, session->lport));

	spin_lock(lock);
	hlist_del_rcu(&session->node);
	spin_unlock(lock);
}

static bool recent(const struct fnat_session *session)
{
	return (u32)jiffies - session->rested < FNAT_REST;
}

/* The real server may remember it, and we know how it ended. */
static bool remembered(const struct fnat_session *session)
{
	return session->seq && recent(session);
}

static void drop_ghost(struct fnat_session *ghost)
{
	list_del(&ghost->ghost);
	leave(ghost->ports);
	drop(ghost);
}

/**
 * fnat_session_expire() - have IPVS end a connection at once
 * @cp: the connection of a session
 *
 * If a packet of the connection is under way just now, it may live on.
 *
 * Context: RCU read lock.
 */
void fnat_session_expire(struct ip_vs_conn *cp)
{
	if (timer_pending(&cp->timer) &&
	    time_after(cp->timer.expires, jiffies))
		mod_timer_pending(&cp->timer, jiffies);
}

/* @old rests on the port that @session has got. */
static void take_over(struct fnat_session *session, struct fnat_session *old)
{
	if (recent(old)) {
		fnat_count(session->policy, session->laddr,
			   IPVS_FULLNAT_COUNT_REUSED);
		if (old->seq && READ_ONCE(session->policy->adjust)) {
			/* by what nobody can guess, and more than a window */
			session->seq = old->seq + SZ_64K +
				       (get_random_u32() & U16_MAX);
			session->adjust = FNAT_ADJUST_SYN;
			fnat_count(session->policy, session->laddr,
				   IPVS_FULLNAT_COUNT_ADJUSTED);
		}
	}
	if (old->cp) {
		WRITE_ONCE(old->phase, FNAT_STALE);
		/* it can be found no more, so have it not hold the module */
		fnat_session_expire(old->cp);
	} else {
		drop_ghost(old);
	}
}

/* Into the table, in place of whoever rests there. */
static void hash(struct fnat_session *session, struct fnat_ports *ports)
{
	u32 at = slot(ports->hash, session->lport);
	struct fnat_session *old;
	bool found = false;

	spin_lock(lock_of(at));
	hlist_for_each_entry(old, &table[at], node) {
		/* who is detached has no port to take over */
		found = is_of(old, ports, session->lport) &&
			session->phase != FNAT_DETACHED;
		if (found) {
			hlist_del_rcu(&old->node);
			break;
		}
	}
	hlist_add_head_rcu(&session->node, &table[at]);
	spin_unlock(lock_of(at));
	if (unlikely(found))
		take_over(session, old);
}

/* Return: a port; -EADDRNOTAVAIL; -ENOMEM; -ELOOP: a local real server. */
static int take_port(struct fnat_session *session, struct fnat_ports *ports,
		     const struct fnat_pool *pool)
{
	/* none: so that they spread in the table */
	if (session->phase == FNAT_DETACHED)
		return hash_ptr(session, 16);
	if (unlikely(fnat_ports_local(ports)))
		return -ELOOP;
	return fnat_ports_take(ports, pool);
}

static int attach(struct fnat_session *session, const struct fnat_pair *pair,
		  const struct fnat_pool *pool, struct fnat_laddr *laddr)
{
	struct fnat_ports *ports;
	int port;

again:
	ports = fnat_ports_get(pair);
	if (unlikely(!ports))
		return -ENOMEM;
	spin_lock_bh(&ports->lock);
	if (unlikely(ports->dead)) {
		spin_unlock_bh(&ports->lock);
		goto again;
	}
	port = take_port(session, ports, pool);
	if (likely(port >= 0)) {
		if (!ports->users++)
			schedule_delayed_work(&clean_work, CLEAN_EVERY);
		session->laddr = laddr ? fnat_laddr_get(laddr) : NULL;
		session->ports = ports;
		session->lport = port;
		hash(session, ports);
		port = 0;
	}
	spin_unlock_bh(&ports->lock);
	return port;
}

/* All addresses are tried, and each comes first as often as the others. */
static int attach_any(struct fnat_session *session, struct fnat_pair *pair,
		      const struct fnat_pool *pool)
{
	u32 tried, i;
	int err;

	i = reciprocal_scale(this_cpu_inc_return(turn) * GOLDEN_RATIO_32,
			     pool->active);
	for (tried = 0; tried < pool->active; tried++) {
		pair->laddr = pool->laddr[i]->addr;
		err = attach(session, pair, pool, pool->laddr[i]);
		if (likely(err != -EADDRNOTAVAIL))
			return err;
		this_cpu_inc(pool->laddr[i]->counters[IPVS_FULLNAT_COUNT_NO_PORT]);
		if (++i == pool->active)
			i = 0;
	}
	return -EADDRNOTAVAIL;
}

static struct fnat_session *alloc(struct ip_vs_conn *cp,
				  struct fnat_policy *policy)
{
	struct fnat_session *session;

	session = kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!session))
		return NULL;
	session->cp = cp;
	session->policy = policy;
	session->phase = FNAT_LIVE;
	session->adjust = FNAT_ADJUST_NONE;
	session->delta = 0;
	session->seq = 0;
	return session;
}

static void set_pair(struct fnat_pair *pair, const struct ip_vs_conn *cp)
{
	pair->net = cp->ipvs->net;
	pair->server = cp->daddr;
	pair->port = cp->dport;
	pair->protocol = cp->protocol;
	pair->af = cp->af;
}

static int refuse(struct fnat_policy *policy, int err)
{
	switch (err) {
	case -EADDRNOTAVAIL:
		fnat_count(policy, NULL, IPVS_FULLNAT_COUNT_NO_PORT);
		fnat_event_exhausted(policy, NULL);
		break;
	case -ENOMEM:
		fnat_count(policy, NULL, IPVS_FULLNAT_COUNT_NO_MEMORY);
		break;
	}
	return err;
}

/**
 * fnat_session_create() - bind a connection to a local address and port
 * @cp: the connection, which need not be visible to others yet
 * @policy: its policy
 *
 * The session can be found from now on. A refusal has been counted.
 *
 * Context: RCU read lock; any. The lock of @cp may be held.
 * Return: the session, to be ended by fnat_session_end(); -EADDRNOTAVAIL: no
 * port is free; -ENOMEM; -ELOOP: the real server is on this host; -ENOENT: the
 * policy is gone.
 */
struct fnat_session *fnat_session_create(struct ip_vs_conn *cp,
					 struct fnat_policy *policy)
{
	const struct fnat_pool *pool = rcu_dereference(policy->pool);
	struct fnat_session *session;
	struct fnat_pair pair;
	int err;

	if (unlikely(!pool || !fnat_policy_get(policy)))
		return ERR_PTR(-ENOENT);
	session = alloc(cp, policy);
	if (unlikely(!session)) {
		err = -ENOMEM;
		goto err_policy;
	}
	set_pair(&pair, cp);
	err = attach_any(session, &pair, pool);
	if (unlikely(err))
		goto err_session;
	fnat_count(policy, session->laddr, IPVS_FULLNAT_COUNT_CREATED);
	return session;

err_session:
	kmem_cache_free(cache, session);
err_policy:
	refuse(policy, err);
	fnat_policy_put(policy);
	return ERR_PTR(err);
}

/**
 * fnat_session_create_detached() - a session that gets its port later
 * @cp: the connection
 * @policy: its policy
 *
 * It is in the table, with no local address, only for fnat_session_walk().
 *
 * Context: RCU read lock; any. The lock of @cp may be held.
 * Return: the session, to be ended by fnat_session_end(), or renewed;
 * -ENOMEM; -ENOENT: the policy is gone.
 */
struct fnat_session *fnat_session_create_detached(struct ip_vs_conn *cp,
						  struct fnat_policy *policy)
{
	struct fnat_session *session;
	struct fnat_pair pair = {};

	if (!fnat_policy_get(policy))
		return ERR_PTR(-ENOENT);
	session = alloc(cp, policy);
	if (!session)
		goto err_policy;
	session->phase = FNAT_DETACHED;
	set_pair(&pair, cp);
	if (attach(session, &pair, NULL, NULL))
		goto err_session;
	fnat_count(policy, NULL, IPVS_FULLNAT_COUNT_CREATED);
	return session;

err_session:
	kmem_cache_free(cache, session);
err_policy:
	refuse(policy, -ENOMEM);
	fnat_policy_put(policy);
	return ERR_PTR(-ENOMEM);
}

/**
 * fnat_session_renew() - give a connection a session that has a port
 * @cp: the connection, with a reference
 * @old: its session that has none, or lost it
 *
 * Context: RCU read lock, bottom halves off.
 * Return: the session that it has now; an error as of fnat_session_create();
 * -EAGAIN: it was taken away meanwhile.
 */
struct fnat_session *fnat_session_renew(struct ip_vs_conn *cp,
					struct fnat_session *old)
{
	struct fnat_session *session;

	session = fnat_session_create(cp, old->policy);
	if (IS_ERR(session))
		return session;
	if (cmpxchg(&cp->app_data, old, session) == old) {
		fnat_session_end(old);
		return session;
	}
	/* another packet came first */
	fnat_session_end(session);
	session = fnat_session_of(cp);
	return session && session->phase < FNAT_STALE ? session :
							ERR_PTR(-EAGAIN);
}

/* Return: whether it stays, as a ghost. */
static bool haunt(struct fnat_session *session)
{
	/* its client's SYN has not come, but it knows of the one before */
	if (session->phase == FNAT_LIVE &&
	    session->adjust == FNAT_ADJUST_SYN) {
		fnat_ports_give(session->ports, session->lport);
		session->rested = jiffies;
		session->phase = FNAT_RESTING;
	}
	if (session->phase != FNAT_RESTING || !remembered(session) ||
	    !check_net(session->ports->pair.net))
		return false;
	WRITE_ONCE(session->cp, NULL);
	list_add_tail(&session->ghost, &session->ports->ghosts);
	return true;
}

static bool detach(struct fnat_session *session)
{
	struct fnat_ports *ports = session->ports;
	bool stays;

	spin_lock_bh(&ports->lock);
	stays = haunt(session);
	if (!stays) {
		if (session->phase == FNAT_LIVE)
			fnat_ports_give(ports, session->lport);
		if (session->phase != FNAT_STALE)
			unhash(session);
		leave(ports);
	}
	spin_unlock_bh(&ports->lock);
	return stays;
}

/**
 * fnat_session_end() - the connection of a session is gone
 * @session: the session
 *
 * Context: any; the lock of the connection may be held.
 */
void fnat_session_end(struct fnat_session *session)
{
	struct fnat_policy *policy = session->policy;
	struct fnat_laddr *laddr = session->laddr;
	struct fnat_ports *ports = session->ports;
	bool stays;

	/* for the port map, which may go once it is left */
	rcu_read_lock();
	stays = detach(session);
	if (unlikely(!check_net(ports->pair.net)))
		fnat_ports_retire(ports, 0);
	rcu_read_unlock();
	fnat_count(policy, laddr, IPVS_FULLNAT_COUNT_ENDED);
	if (laddr)
		fnat_laddr_put(laddr);
	fnat_policy_put(policy);
	if (!stays)
		drop(session);
}

/**
 * fnat_session_turn() - the connection has closed, or begins anew
 * @session: the session
 * @closed: which of these
 *
 * Context: RCU read lock; any.
 */
void fnat_session_turn(struct fnat_session *session, bool closed)
{
	struct fnat_ports *ports = session->ports;

	spin_lock_bh(&ports->lock);
	if (closed && session->phase == FNAT_LIVE) {
		fnat_ports_give(ports, session->lport);
		session->rested = jiffies;
		WRITE_ONCE(session->phase, FNAT_RESTING);
	} else if (!closed && session->phase == FNAT_RESTING && session->cp &&
		   !fnat_ports_keep(ports, session->lport)) {
		WRITE_ONCE(session->phase, FNAT_LIVE);
	}
	spin_unlock_bh(&ports->lock);
}

/**
 * fnat_session_start_adjusting() - the first SYN of a session has come
 * @session: the session, with FNAT_ADJUST_SYN
 * @seq: the sequence number of the SYN
 *
 * Context: RCU read lock; any.
 * Return: what is added to the client's sequence numbers from now on.
 */
u32 fnat_session_start_adjusting(struct fnat_session *session, u32 seq)
{
	struct fnat_ports *ports = session->ports;

	spin_lock_bh(&ports->lock);
	/* two copies of it may come at once */
	if (session->adjust == FNAT_ADJUST_SYN) {
		session->delta = session->seq - seq;
		session->seq = 0;
		/* for fnat_session_delta() */
		smp_store_release(&session->adjust, FNAT_ADJUST_ON);
	}
	spin_unlock_bh(&ports->lock);
	return session->delta;
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
 * fnat_session_walk() - visit the sessions of a namespace
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
int fnat_session_walk(struct net *net, struct fnat_session_iter *iter,
		      int (*fn)(struct fnat_session *session,
				struct ip_vs_conn *cp, void *data), void *data)
{
	struct fnat_session *session;
	int err = 0;

	rcu_read_lock();
	while (iter->bucket <= table_mask) {
		session = next_of(&table[iter->bucket], iter->last);
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

/* Return: whether there may be more. */
static bool reap(struct fnat_ports *ports, bool all)
{
	struct fnat_session *ghost;
	int n;

	spin_lock_bh(&ports->lock);
	for (n = 0; n < CLEAN_BATCH; n++) {
		ghost = list_first_entry_or_null(&ports->ghosts,
						 struct fnat_session, ghost);
		if (!ghost || (!all && recent(ghost)))
			break;
		unhash(ghost);
		drop_ghost(ghost);
	}
	spin_unlock_bh(&ports->lock);
	return n == CLEAN_BATCH;
}

static void clean_one(struct fnat_ports *ports, void *data)
{
	while (reap(ports, false))
		;
	fnat_ports_retire(ports, PORTS_IDLE);
}

static void clean(struct work_struct *work)
{
	if (fnat_ports_for_each(clean_one, NULL))
		schedule_delayed_work(&clean_work, CLEAN_EVERY);
}

static void clear_one(struct fnat_ports *ports, void *data)
{
	struct net *net = data;

	if (net && ports->pair.net != net)
		return;
	while (reap(ports, true))
		;
	fnat_ports_retire(ports, 0);
}

/**
 * fnat_sessions_exit_net() - a namespace dies
 * @net: the namespace; the hooks are unregistered
 *
 * Its sessions end a little later, with the connections, and leave no ghosts.
 *
 * Context: process.
 */
void fnat_sessions_exit_net(struct net *net)
{
	fnat_ports_for_each(clear_one, net);
}

/* A bucket for every 4 KiB of memory times 8, within reason: 1 GiB has 32768. */
static u32 __init default_bits(void)
{
	return clamp_t(u32, ilog2(totalram_pages()) - 3, 12, 20);
}

/**
 * fnat_sessions_init() - at loading
 *
 * Return: 0; -ENOMEM; -EINVAL: a wrong parameter.
 */
int __init fnat_sessions_init(void)
{
	u32 bits = session_tab_bits ?: default_bits();
	int i;

	if (bits < 8 || bits > 24) {
		pr_err("session_tab_bits=%u: give 8 to 24, or nothing\n", bits);
		return -EINVAL;
	}
	session_tab_bits = bits;
	table_mask = (1U << bits) - 1;
	INIT_DELAYED_WORK(&clean_work, clean);
	for (i = 0; i < LOCKS; i++)
		spin_lock_init(&locks[i]);
	table = kvcalloc(1U << bits, sizeof(*table), GFP_KERNEL);
	cache = kmem_cache_create("ip_vs_fullnat_session",
				  sizeof(struct fnat_session), 0, 0, NULL);
	if (table && cache && !fnat_ports_init())
		return 0;
	kmem_cache_destroy(cache);
	kvfree(table);
	return -ENOMEM;
}

/**
 * fnat_sessions_exit() - at unloading: no connection has a session any more
 */
void fnat_sessions_exit(void)
{
	cancel_delayed_work_sync(&clean_work);
	fnat_ports_for_each(clear_one, NULL);
	rcu_barrier();
	fnat_ports_exit();
	kmem_cache_destroy(cache);
	kvfree(table);
}
