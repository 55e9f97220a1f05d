/* SPDX-License-Identifier: GPL-2.0 */
/* A virtual service and its real servers, handled the way IPVS does: the tests see
 * the scheduler through its hooks alone.
 */
#ifndef FLEET_H
#define FLEET_H

#include "ktap.h"

struct server {
	struct ip_vs_dest dest;
	struct fleet *fleet;	/* NULL once deleted */
	u32 index;		/* in fleet->server[] */
	u64 picks;
	u64 mark;		/* for the test */
	u64 quiet_since;	/* for tests with threads: 0: it takes connections */
};

struct fleet {
	struct net net;
	struct netns_ipvs ipvs;
	struct ip_vs_service *svc;
	struct ip_vs_scheduler *sched;
	struct server **server;	/* in order of adding; a deletion closes the gap */
	u32 n, room;
	u64 picks;
	struct server *last;
	u64 run;		/* picks of @last in a row */
	u64 longest_run;
};

void module_load(void);
void module_unload(void);	/* complains of what was left behind */

/* fleet_open() adds the servers one by one, fleet_load() has them there before the
 * scheduler comes. Both abort if memory fails; fleet_try() returns the error.
 */
struct fleet *fleet_open(const u32 *weight, u32 n);
struct fleet *fleet_load(const u32 *weight, u32 n);
struct fleet *fleet_new(const u32 *weight, u32 n);	/* no scheduler yet */
int fleet_bind(struct fleet *f);			/* init_service() */
void fleet_unbind(struct fleet *f);			/* done_service() */
void fleet_close(struct fleet *f);

struct server *fleet_add(struct fleet *f, u32 weight);
void fleet_del(struct fleet *f, struct server *s);
void fleet_unlink(struct fleet *f, struct server *s);	/* deleted, but not freed: for... */
void fleet_free(struct server *s);			/* after a grace period */
void fleet_revive(struct fleet *f, struct server *s, u32 weight);
void fleet_set(struct fleet *f, struct server *s, u32 weight);

/* The next connection's server; complains if it must not have it. */
struct server *fleet_pick(struct fleet *f);
void fleet_skip(struct fleet *f, u64 picks);
void fleet_forget(struct fleet *f);			/* counts and runs start anew */

static inline u32 weight_of(const struct server *s)
{
	return atomic_read(&s->dest.weight);
}

static inline bool is_full(const struct server *s)
{
	return READ_ONCE(s->dest.flags) & IP_VS_DEST_F_OVERLOAD;
}

static inline void set_full(struct server *s, bool full)
{
	if (full)
		s->dest.flags |= IP_VS_DEST_F_OVERLOAD;
	else
		s->dest.flags &= ~IP_VS_DEST_F_OVERLOAD;
}

/* Connections of a server, as either kind of kernel counts them. */
void set_conns(struct server *s, u32 active, u32 inactive);

u64 fleet_cycle(const struct fleet *f);		/* the sum of weights over their gcd */
u64 fleet_divisor(const struct fleet *f);

/* After an edit: do the last two of four cycles give each server its exact share? */
void fleet_check_cycles(struct fleet *f, const char *when);

/* Sets that recur. Weights in a buffer that lasts until the next call. */
const u32 *set_random(u32 n, u32 high);
const u32 *set_heavy(u32 n, u32 heavy);		/* {heavy, 1, 1, ...} */
const u32 *set_equal(u32 n, u32 weight);
const char *set_name(const u32 *weight, u32 n);
#endif
