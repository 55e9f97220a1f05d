/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sessions: the binding of one connection of IPVS to a local address and port.
 */
#ifndef _FNAT_SESSION_H
#define _FNAT_SESSION_H

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <net/ip_vs.h>

#include "ports.h"

struct fnat_laddr;
struct fnat_policy;
struct net;

/* How long a real server may remember a connection that has closed. */
#define FNAT_REST	(60 * HZ)

/**
 * enum fnat_phase - how far a session is
 * @FNAT_LIVE: it owns its port
 * @FNAT_RESTING: closed; it is found, until a new session takes its port over
 * @FNAT_STALE: its port went to another; it is found no more
 * @FNAT_DETACHED: it has no port yet: IPVS's sync daemon made the connection,
 *	and no packet has come so far
 *
 * A ghost is a resting session whose connection is gone.
 */
enum fnat_phase {
	FNAT_LIVE,
	FNAT_RESTING,
	FNAT_STALE,
	FNAT_DETACHED,
};

/**
 * enum fnat_adjust - how far translation of sequence numbers is
 * @FNAT_ADJUST_NONE: there is none
 * @FNAT_ADJUST_SYN: to begin with the client's first SYN, from @seq on
 * @FNAT_ADJUST_ON: by @delta
 */
enum fnat_adjust {
	FNAT_ADJUST_NONE,
	FNAT_ADJUST_SYN,
	FNAT_ADJUST_ON,
};

/**
 * struct fnat_session - a connection, bound to a local address and port
 * @node: in the table
 * @cp: the connection, which owns the session; NULL: a ghost
 * @policy: its policy, with a reference as long as there is @cp
 * @laddr: its local address, with a reference as long as there is @cp;
 *	   FNAT_DETACHED: none
 * @ports: its port map; FNAT_DETACHED: that of no address
 * @lport: its local port; FNAT_DETACHED: any number
 * @phase: enum fnat_phase; changed under the lock of @ports
 * @adjust: enum fnat_adjust
 * @delta: added to the client's sequence numbers
 * @seq: what the real server expects after the client's FIN, 0: none was seen;
 *	 before the first SYN of FNAT_ADJUST_SYN, the number that it shall get
 * @rested: jiffies when it came to rest
 * @ghost: in the list of ghosts
 * @rcu: to free it
 */
struct fnat_session {
	struct hlist_node	node;
	struct ip_vs_conn	*cp;
	struct fnat_policy	*policy;
	struct fnat_laddr	*laddr;
	struct fnat_ports	*ports;
	u16			lport;
	u8			phase;
	u8			adjust;
	u32			delta;
	u32			seq;
	u32			rested;
	union {
		struct list_head	ghost;
		struct rcu_head		rcu;
	};
};

/* the application that is bound to every connection that has a session */
extern struct ip_vs_app fnat_app;

/**
 * fnat_session_of() - the session of a connection
 * @cp: the connection
 *
 * Context: RCU read lock.
 * Return: its session, or NULL: it was refused one, or is not ours.
 */
static inline struct fnat_session *fnat_session_of(const struct ip_vs_conn *cp)
{
	/* set before that is, when it is bound */
	return smp_load_acquire(&cp->app) == &fnat_app ?
	       READ_ONCE(cp->app_data) : NULL;
}

/**
 * fnat_session_recent() - may the real server remember a connection?
 * @session: its session, which rests
 *
 * Return: whether it may.
 */
static inline bool fnat_session_recent(const struct fnat_session *session)
{
	return (u32)jiffies - session->rested < FNAT_REST;
}

struct fnat_session *fnat_session_create(struct ip_vs_conn *cp,
					 struct fnat_policy *policy);
struct fnat_session *fnat_session_create_detached(struct ip_vs_conn *cp,
						  struct fnat_policy *policy);
struct fnat_session *fnat_session_renew(struct ip_vs_conn *cp,
					struct fnat_session *old);
void fnat_session_end(struct fnat_session *session);
void fnat_session_update(struct fnat_session *session,
			 const struct ip_vs_conn *cp, bool reset);
void fnat_session_yield(struct fnat_session *session);
u32 fnat_session_start_adjusting(struct fnat_session *session, u32 seq);

/**
 * fnat_session_delta() - how sequence numbers are translated
 * @session: the session
 *
 * Context: RCU read lock.
 * Return: what is added to the client's; 0: they are not.
 */
static inline u32 fnat_session_delta(const struct fnat_session *session)
{
	/* set before that is, by fnat_session_start_adjusting() */
	return smp_load_acquire(&session->adjust) == FNAT_ADJUST_ON ?
	       session->delta : 0;
}

/**
 * fnat_session_agrees() - is a session what its connection is?
 * @session: the session
 * @cp: its connection, after IPVS has moved the state
 *
 * Context: RCU read lock.
 * Return: false: it may have to be updated, or has no port.
 */
static inline bool fnat_session_agrees(const struct fnat_session *session,
				       const struct ip_vs_conn *cp)
{
	u8 phase = READ_ONCE(session->phase);

	/* the only state of UDP is 0 */
	if (likely(phase == FNAT_LIVE))
		return !(BIT(cp->state) & (BIT(IP_VS_TCP_S_TIME_WAIT) |
					   BIT(IP_VS_TCP_S_CLOSE)));
	return phase == FNAT_RESTING && cp->state == IP_VS_TCP_S_TIME_WAIT;
}

void fnat_session_expire(struct ip_vs_conn *cp);

#endif /* _FNAT_SESSION_H */
