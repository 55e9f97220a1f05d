/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The order of turns among servers of given weights. Pure arithmetic: no
 * locks, no allocation, nothing of the kernel but its integer types, so the
 * same source is tested in user space.
 */
#ifndef _SWRR_SEQUENCE_H
#define _SWRR_SEQUENCE_H

#include <linux/types.h>

/* A heap key holds a slot in the upper 48 bits and a server in the lower 16. */
#define SWRR_INDEX_BITS		16
#define SWRR_MAX_SERVERS	((1 << SWRR_INDEX_BITS) - 1)

/* Lags are kept in turns, with 32 binary places. */
#define SWRR_ONE_TURN		((s64)1 << 32)

/**
 * struct swrr_server - one server's place in the sequence
 * @release: first slot of the window of its next turn; may lie in the past
 * @step: cycle / share, rounded down: the distance of its windows
 * @lag: turns it is owed, counted at the start (no @share: still is)
 * @weight: as configured
 * @share: @weight divided by what all weights have in common; 0: no turns
 * @rest: what rounding took off @release, in 1/@share slots
 * @step_rest: what rounding took off @step, in 1/@share slots
 * @taken: turns since the start
 * @marked: @taken at the last swrr_seq_mark()
 * @residue: the part of @lag too fine for @release and @rest, 32 binary places
 * @parked: takes no turn for now, because it is full; is owed nothing then
 * @back: was parked up to this start
 */
struct swrr_server {
	s64	release;
	s64	step;
	s64	lag;
	u32	weight;
	u32	share;
	u32	rest;
	u32	step_rest;
	u32	taken;
	u32	marked;
	s32	residue;
	bool	parked;
	bool	back;
};

/**
 * struct swrr_seq - a sequence of turns and its state
 * @server: the servers, heaviest first
 * @heap: @servers keys; windows that are open grow from the front (ordered by
 *	deadline), those that are not yet from the back (ordered by release)
 * @slot: the time: a turn takes a slot, and where turns were given up or
 *	weights edited, sometimes none or more
 * @mark: @slot at the last swrr_seq_mark()
 * @cycle: sum of the shares: the length of the sequence's period, in turns
 * @shift: turns that each active server is owed beyond what its window says,
 *	32 binary places: together, what the inactive ones had in advance
 * @servers: how many there are
 * @open: how many windows are open
 * @closed: how many are not
 */
struct swrr_seq {
	struct swrr_server *server;
	u64	*heap;
	s64	slot;
	s64	mark;
	u64	cycle;
	s64	shift;
	u32	servers;
	u32	open;
	u32	closed;
};

/**
 * struct swrr_first - the first of some turns
 * @start: the first slot in which it can be taken; S64_MAX: there is none
 * @deadline: the last slot of its window
 * @i: whose turn it is
 */
struct swrr_first {
	s64	start;
	s64	deadline;
	u32	i;
};

u64 swrr_seq_divisor(u64 divisor, u32 weight);
void swrr_seq_start(struct swrr_seq *seq, bool edited);
void swrr_seq_skip(struct swrr_seq *seq);
bool swrr_seq_ready(const struct swrr_seq *seq);
u32 swrr_seq_next(struct swrr_seq *seq);
bool swrr_seq_mark(struct swrr_seq *seq);
void swrr_seq_take(struct swrr_seq *seq, u32 i);
void swrr_seq_adjust(struct swrr_seq *seq, u32 i, s64 turns);
void swrr_seq_order(struct swrr_seq *seq);
s64 swrr_seq_lag(const struct swrr_seq *seq, u32 i, s64 ahead);

/**
 * swrr_seq_active() - does this server take turns?
 * @server: the server
 *
 * Return: true if it has a share and is not parked.
 */
static inline bool swrr_seq_active(const struct swrr_server *server)
{
	return server->share && !server->parked;
}

/**
 * swrr_seq_deadline() - when a server's next turn is due
 * @server: the server; active
 *
 * Return: the last slot of its window.
 */
static inline s64 swrr_seq_deadline(const struct swrr_server *server)
{
	u64 rest = (u64)server->rest + server->step_rest;
	s64 slot = server->release + server->step;

	if (rest > server->share)
		return slot + 2;
	return rest ? slot + 1 : slot;
}

/**
 * swrr_seq_first() - is a server's turn before the first one so far?
 * @seq: the sequence
 * @i: an active server; asked for in ascending order
 * @first: the first turn so far, of the servers asked for
 *
 * Of many servers that may have the next turn, when others may not: without the
 * heaps, and in one pass.
 */
static inline void swrr_seq_first(const struct swrr_seq *seq, u32 i,
				  struct swrr_first *first)
{
	const struct swrr_server *server = &seq->server[i];
	s64 start = server->release, deadline;

	if (start < seq->slot)
		start = seq->slot;
	if (start > first->start)
		return;
	deadline = swrr_seq_deadline(server);
	if (start == first->start && deadline >= first->deadline)
		return;
	first->start = start;
	first->deadline = deadline;
	first->i = i;
}

#endif /* _SWRR_SEQUENCE_H */
