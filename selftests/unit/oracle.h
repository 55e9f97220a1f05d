/* SPDX-License-Identifier: GPL-2.0 */
/* Judges of an order of picks. They know nothing of how it was made, and count in
 * exact integers, except struct fluid, whose error is far below what it judges.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "ktap.h"

/* Fixed weights, nobody full: every server within one pick of its share, always.
 * A lag is smallest right after a pick and largest right before one, so judging
 * the server that is picked judges all prefixes.
 */
struct share {
	u32 n;
	const u32 *weight;
	u64 sum;		/* of weights */
	u64 t;			/* picks */
	u64 *x;			/* of each server */
	__int128 worst;		/* largest |lag| * sum */
	__int128 *peak, *trough;	/* largest and least lag * sum of each so far */
	__int128 above, below;	/* most above and below its share in any window, * sum */
};

void share_start(struct share *o, const u32 *weight, u32 n);
void share_end(struct share *o);
bool share_pick(struct share *o, u32 i);	/* |lag| stayed below 1 */
bool share_whole(const struct share *o);	/* at a cycle's end: exact counts */
static inline double share_worst(const struct share *o) { return (double)o->worst / o->sum; }
static inline double share_above(const struct share *o) { return (double)o->above / o->sum; }
static inline double share_below(const struct share *o) { return (double)o->below / o->sum; }

/* Servers that were never full: |xi/wi - xj/wj| < 1/wi + 1/wj for each two, always. */
struct pairs {
	u32 n;
	const u32 *weight;
	u64 *x;
	bool *out;		/* was full, or is quiesced: no longer judged */
	u32 ahead, behind;	/* of greatest (x - 1) / w, of least (x + 1) / w */
	long double worst;	/* greatest distance over its bound */
};

void pairs_start(struct pairs *o, const u32 *weight, u32 n);
void pairs_end(struct pairs *o);
void pairs_exclude(struct pairs *o, u32 i);
bool pairs_pick(struct pairs *o, u32 i);

/* Weights that change: lag against the share integrated over all picks so far. Who is
 * quiesced keeps its lag for its return; who is deleted leaves it to the others, by
 * weight: so all lags together are nothing at all times.
 */
struct fluid {
	u32 n, room;
	u32 *weight;
	long double *lag;
	long double *waited;	/* share that went by since its last pick */
	long double sum;
	long double worst;
};

void fluid_start(struct fluid *o, const u32 *weight, u32 n);
void fluid_end(struct fluid *o);
void fluid_set(struct fluid *o, u32 i, u32 weight);
void fluid_add(struct fluid *o, u32 weight);
void fluid_del(struct fluid *o, u32 i);	/* the last one takes its index */
long double fluid_pick(struct fluid *o, u32 i);	/* largest |lag| now */
#endif
