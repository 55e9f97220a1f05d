// SPDX-License-Identifier: GPL-2.0
/*
 * Ghosts: what is remembered of connections that IPVS has dropped, as long as
 * real servers may remember them. They and the port maps that they, and other
 * sessions, leave behind are cleaned up from time to time.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include "ghost.h"
#include "ports.h"
#include "session.h"
#include "table.h"

/* how often ghosts and idle port maps are cleaned up, and how long these stay */
#define CLEAN_EVERY	(10 * HZ)
#define PORTS_IDLE	(30 * HZ)
/* ghosts that are freed in one go */
#define CLEAN_BATCH	64

/**
 * fnat_ghost_make() - a session stays while its connection goes
 * @session: a resting session
 *
 * Context: the lock of @session->ports is held.
 */
void fnat_ghost_make(struct fnat_session *session)
{
	WRITE_ONCE(session->cp, NULL);
	list_add_tail(&session->ghost, &session->ports->ghosts);
}

/**
 * fnat_ghost_drop() - a ghost goes
 * @ghost: it is in the table no more
 *
 * Context: the lock of @ghost->ports is held.
 */
void fnat_ghost_drop(struct fnat_session *ghost)
{
	list_del(&ghost->ghost);
	fnat_ports_leave(ghost->ports);
	fnat_table_free_rcu(ghost);
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
		if (!ghost || (!all && fnat_session_recent(ghost)))
			break;
		fnat_table_remove(ghost);
		fnat_ghost_drop(ghost);
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

static void clean(struct work_struct *work);
static DECLARE_DELAYED_WORK(clean_work, clean);

/**
 * fnat_ghosts_clean_later() - have them cleaned up, and port maps, from now on
 *
 * Goes on by itself until there is no port map any more.
 *
 * Context: any.
 */
void fnat_ghosts_clean_later(void)
{
	schedule_delayed_work(&clean_work, CLEAN_EVERY);
}

static void clean(struct work_struct *work)
{
	if (fnat_ports_for_each(clean_one, NULL))
		fnat_ghosts_clean_later();
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
 * fnat_ghosts_exit_net() - a namespace dies
 * @net: the namespace; the hooks are unregistered
 *
 * Its sessions end a little later, with the connections, and leave no ghosts.
 *
 * Context: process.
 */
void fnat_ghosts_exit_net(struct net *net)
{
	fnat_ports_for_each(clear_one, net);
}

/**
 * fnat_ghosts_exit() - at unloading: no connection has a session any more
 *
 * Context: process; may sleep.
 */
void fnat_ghosts_exit(void)
{
	cancel_delayed_work_sync(&clean_work);
	fnat_ports_for_each(clear_one, NULL);
	rcu_barrier();
}
