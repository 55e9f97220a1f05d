/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The order of turns among servers of given weights. Pure arithmetic: no
 * locks, no allocation, nothing of the kernel but types and macros, so the
 * same source is tested in user space.
 */
#ifndef _SWRR_SEQUENCE_H
#define _SWRR_SEQUENCE_H

#include <linux/kernel.h>
#include <linux/types.h>

/* A key holds a slot in the upper 48 bits and a server in the lower 16. */
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
 * @taken: turns in the round @pass; more than 24 bits matter to nobody, for no
 *	cycle that is kept is that long
 * @pass: the round of its latest turn
 * @residue: the part of @lag too fine for @release and @rest, 32 binary places
 * @left: links the windows, as they are in windows.c
 * @right: likewise
 * @active: it takes turns: it has a share, and was not full at a search
 * @rank: places the window among others
 * @parked: takes no turn from the start on, because it is full
 * @back: was parked up to this start
 * @early: has had a turn out of order, so its place among the open windows is
 *	that of an earlier one
 */
struct swrr_server {
	s64	release;
	s64	step;
	s64	lag;
	u32	weight;
	u32	share;
	u32	rest;
	u32	step_rest;
	u32	taken : 24;
	u32	pass : 8;
	s32	residue;
	u16	left;
	u16	right;
	bool	active;
	u8	rank;
	u8	parked : 1;
	u8	back : 1;
	u8	early : 1;
};

/**
 * struct swrr_seq - a sequence of turns and its state
 * @server: the servers, heaviest first
 * @heap: windows that are open, by deadline; room for @servers keys
 * @slot: the time: a turn takes a slot, and where turns were given up or
 *	weights edited, sometimes none or more
 * @mark: @slot at the last swrr_seq_mark(); a search makes it one that no round
 *	can begin with
 * @cycle: sum of the shares: the length of the sequence's period, in turns
 * @shift: turns that each active server is owed beyond what its window says,
 *	32 binary places: together, what the inactive ones had in advance
 * @servers: how many there are
 * @sharing: how many have a share
 * @behind: how many of them have not yet had it in this round
 * @open: how many keys there are in @heap
 * @next: whose window opens next
 * @later: the root of the tree of those that open after it
 * @searches: counts those that may have set servers aside; 0: there was none
 * @pass: counts the rounds, each of which begins with swrr_seq_mark()
 */
struct swrr_seq {
	struct swrr_server *server;
	u64	*heap;
	s64	slot;
	s64	mark;
	u64	cycle;
	s64	shift;
	u16	servers;
	u16	sharing;
	u16	behind;
	u16	open;
	u16	next;
	u16	later;
	u16	searches;
	u8	pass;
};

void swrr_seq_start(struct swrr_seq *seq, bool edited);
bool swrr_seq_ready(struct swrr_seq *seq, u32 *effort);
bool swrr_seq_skip(struct swrr_seq *seq, u32 *effort);
u32 swrr_seq_next(struct swrr_seq *seq);
bool swrr_seq_mark(struct swrr_seq *seq);
void swrr_seq_searched(struct swrr_seq *seq);
void swrr_seq_take(struct swrr_seq *seq, u32 i);
void swrr_seq_order(struct swrr_seq *seq);

/**
 * swrr_seq_active() - does this server take turns?
 * @server: the server
 *
 * Return: true if it has a share, and has not been full at any search.
 */
static inline bool swrr_seq_active(const struct swrr_server *server)
{
	return READ_ONCE(server->active);
}

/**
 * swrr_seq_parked() - does it take none because it is full?
 * @server: the server
 *
 * Return: true if it would have a share, but was parked or set aside.
 */
static inline bool swrr_seq_parked(const struct swrr_server *server)
{
	return server->weight && !swrr_seq_active(server);
}

/**
 * swrr_seq_set_aside() - have a full server take no turns from now on
 * @server: the server
 *
 * Its window stays until it comes up. swrr_seq_searched() must follow.
 */
static inline void swrr_seq_set_aside(struct swrr_server *server)
{
	WRITE_ONCE(server->active, false);
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

#endif /* _SWRR_SEQUENCE_H */
