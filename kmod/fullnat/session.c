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
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/sizes.h>

#include "ghost.h"
#include "laddr.h"
#include "netlink.h"
#include "policy.h"
#include "session.h"
#include "stats.h"
#include "table.h"

static DEFINE_PER_CPU(u32, turn);

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
	    time_after(READ_ONCE(cp->timer.expires), jiffies))
		mod_timer_pending(&cp->timer, jiffies);
}

/* @old rests on the port that @session has got. */
static void take_over(struct fnat_session *session, struct fnat_session *old)
{
	/* a last FIN may be under way */
	u32 seq = READ_ONCE(old->seq);

	if (fnat_session_recent(old)) {
		fnat_count(session->policy, session->laddr,
			   IPVS_FULLNAT_COUNT_REUSED);
		if (seq && READ_ONCE(session->policy->adjust)) {
			/* by what nobody can guess, and more than a window */
			session->seq = seq + SZ_16M +
				       (get_random_u32() & U16_MAX);
			/* replies can find it */
			WRITE_ONCE(session->adjust, FNAT_ADJUST_SYN);
			fnat_count(session->policy, session->laddr,
				   IPVS_FULLNAT_COUNT_ADJUSTED);
		}
	}
	if (old->cp) {
		WRITE_ONCE(old->phase, FNAT_STALE);
		/* it can be found no more, so have it not hold the module */
		fnat_session_expire(old->cp);
	} else {
		fnat_ghost_drop(old);
	}
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
	struct fnat_session *old;
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
	/* even if no port can be had, for then nobody ends who would see to it */
	if (!ports->users)
		fnat_ghosts_clean_later();
	port = take_port(session, ports, pool);
	if (likely(port >= 0)) {
		ports->users++;
		session->laddr = laddr ? fnat_laddr_get(laddr) : NULL;
		session->ports = ports;
		session->lport = port;
		old = fnat_table_insert(session);
		if (unlikely(old))
			take_over(session, old);
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

	if (unlikely(!pool->active))
		return -ENOLINK;
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

	session = fnat_table_alloc();
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
		fnat_event_exhausted(policy);
		break;
	case -ENOLINK:
		fnat_count(policy, NULL, IPVS_FULLNAT_COUNT_DRAINED);
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
 * port is free; -ENOLINK: all addresses drain; -ENOMEM; -ELOOP: the real server
 * is on this host; -ENOENT: the policy is gone.
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
	fnat_table_free(session);
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
 * It is in the table, with no local address, only for fnat_table_walk().
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
	fnat_table_free(session);
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
 * Context: RCU read lock; any.
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
	if (session && READ_ONCE(session->phase) < FNAT_STALE)
		return session;
	return ERR_PTR(-EAGAIN);
}

/* Return: whether it stays, as a ghost. */
static bool become_ghost(struct fnat_session *session)
{
	/* its client's SYN has not come, but it knows of the one before */
	if (session->phase == FNAT_LIVE &&
	    session->adjust == FNAT_ADJUST_SYN) {
		fnat_ports_give(session->ports, session->lport);
		session->rested = jiffies;
		WRITE_ONCE(session->phase, FNAT_RESTING);
	}
	if (session->phase != FNAT_RESTING || !READ_ONCE(session->seq) ||
	    !fnat_session_recent(session) ||
	    !check_net(session->ports->pair.net))
		return false;
	fnat_ghost_make(session);
	return true;
}

static bool detach(struct fnat_session *session)
{
	struct fnat_ports *ports = session->ports;
	bool stays;

	spin_lock_bh(&ports->lock);
	stays = become_ghost(session);
	if (!stays) {
		if (session->phase == FNAT_LIVE)
			fnat_ports_give(ports, session->lport);
		if (session->phase != FNAT_STALE)
			fnat_table_remove(session);
		/* who found it just now is to leave it alone */
		if (session->phase != FNAT_DETACHED)
			WRITE_ONCE(session->phase, FNAT_STALE);
		fnat_ports_leave(ports);
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
		fnat_table_free_rcu(session);
}

/*
 * IPVS believes any reset, whoever sends it. Where the connection goes on, it
 * was none.
 */
static bool has_closed(const struct ip_vs_conn *cp, bool reset)
{
	u16 state = READ_ONCE(cp->state);

	return state == IP_VS_TCP_S_TIME_WAIT ||
	       (state == IP_VS_TCP_S_CLOSE && reset);
}

/**
 * fnat_session_update() - have a port rest once its connection has closed
 * @session: the session
 * @cp: its connection, after IPVS has moved the state
 * @reset: the packet that did it is a reset
 *
 * Context: RCU read lock; any.
 */
void fnat_session_update(struct fnat_session *session,
			 const struct ip_vs_conn *cp, bool reset)
{
	struct fnat_ports *ports = session->ports;
	bool closed = has_closed(cp, reset);

	if (READ_ONCE(session->phase) != (closed ? FNAT_LIVE : FNAT_RESTING))
		return;
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
 * fnat_session_yield() - a resting session gives way to the director's socket
 * @session: the session
 *
 * It is found no more, and its connection goes.
 *
 * Context: RCU read lock; any.
 */
void fnat_session_yield(struct fnat_session *session)
{
	struct fnat_ports *ports = session->ports;

	spin_lock_bh(&ports->lock);
	/* a ghost is in nobody's way */
	if (session->phase == FNAT_RESTING && session->cp) {
		WRITE_ONCE(session->phase, FNAT_STALE);
		fnat_table_remove(session);
		fnat_session_expire(session->cp);
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
