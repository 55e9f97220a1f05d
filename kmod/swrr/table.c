// SPDX-License-Identifier: GPL-2.0
/*
 * A table of turns: a sequence, the turns it made, and the ticket to them.
 *
 * Who draws ticket t has turn t, and nobody else does: so shares are exact
 * whatever the number of CPUs. Turns are made in batches, under the lock,
 * until the sequence has come round; from then on its cycle is kept, and a
 * turn is one atomic addition and a look-up. Where the cycle is too long to
 * keep, a ring of turns is made as they are needed.
 *
 * Until the cycle is kept, a ticket is drawn by compare-and-exchange and only
 * where its turn is there already; a turn is overwritten only when its ticket
 * has been drawn, so what was read before a successful exchange is right. The
 * exception is swrr_table_grant(), under the lock, which everybody needs who
 * finds that ticket drawn and the next turn not made.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <net/ip_vs.h>

#include "lag.h"
#include "table.h"

/* Turns that are made at a time, at most. */
#define BATCH		8

/* Turns that are kept where the cycle is not. */
#define RING		256

/* A ticket with this bit belongs to a table that was retired. */
#define RETIRED		S64_MIN

struct ip_vs_dest swrr_gone = { .flags = IP_VS_DEST_F_OVERLOAD };

/**
 * swrr_table_alloc() - make an empty table
 * @servers: how many
 * @cycle: the length of their cycle, in turns
 * @stored: whether to keep it
 *
 * Context: process; may sleep.
 * Return: the table, to be freed by kvfree(), @dest not yet set; NULL without
 * memory.
 */
struct swrr_table *swrr_table_alloc(u32 servers, u64 cycle, bool stored)
{
	u32 size = stored || !cycle ? cycle : RING;
	struct swrr_table *table;
	size_t bytes = sizeof(*table) +
		       (size_t)servers * (sizeof(*table->seq.server) +
					  sizeof(*table->seq.heap) +
					  sizeof(*table->dest));
	size_t turns = (size_t)size * sizeof(*table->turn);
	bool mapped = stored && cycle > 2 * (u64)servers;

	if (mapped)
		bytes += (size_t)servers * sizeof(u64);
	table = kvmalloc(bytes + turns, GFP_KERNEL);
	if (!table)
		return NULL;
	memset(table, 0, bytes);
	table->seq.server = (struct swrr_server *)(table + 1);
	table->seq.heap = (u64 *)(table->seq.server + servers);
	table->dest = (struct ip_vs_dest **)(table->seq.heap + servers);
	table->turn = (u16 *)((u8 *)table + bytes);
	table->seq.servers = servers;
	table->size = size;
	table->stored = stored;
	table->unsettled = true;
	table->mapped = mapped;
	table->block = mapped ? fls((size - 1) >> 6) : 31;
	return table;
}

/* Has the sequence come round? From here on it may again. */
static bool mark(struct swrr_table *table)
{
	bool round;

	if (!table->stored)
		return false;
	round = swrr_seq_mark(&table->seq) && !table->unsettled;
	table->mark = table->filled;
	if (table->mapped && !round)
		memset(swrr_table_blocks(table), 0,
		       array_size(table->seq.servers, sizeof(u64)));
	return round;
}

/* The next turn is of server @i. Return: true if a cycle ends with it. */
static bool put_turn(struct swrr_table *table, u64 filled, u32 i)
{
	u32 at = filled % table->size;

	WRITE_ONCE(table->turn[at], i);
	if (table->mapped)
		swrr_table_blocks(table)[i] |= BIT_ULL(at >> table->block);
	return table->stored && filled + 1 - table->mark == table->seq.cycle;
}

/* Turns up to @filled are there, the last one is the end of a cycle if @end. */
static void publish_turns(struct swrr_table *table, u64 filled, bool end)
{
	/* pairs with the acquire in swrr_table_take(): the turns are there */
	smp_store_release(&table->filled, filled);
	if (end && mark(table))
		/* pairs with those there and in ip_vs_swrr_schedule() */
		smp_store_release(&table->period, table->size);
}

/*
 * A batch at most, and none after slots passed unused: swrr_snapshot_take()
 * takes back what is left of it. Servers that are left out count as turns.
 * Return: 0, SWRR_NONE or SWRR_BUSY.
 */
static int make_turns(struct swrr_table *table, u32 *lost, u32 most)
{
	u32 batch = min_t(u32, BATCH, min(table->size, most - *lost));
	u32 effort = BATCH;
	struct swrr_seq *seq = &table->seq;
	u64 filled = table->filled;
	bool end, found;

	if (*lost >= most)
		return SWRR_BUSY;
	found = swrr_seq_skip(seq, &effort);
	*lost += BATCH - effort;
	if (!found)
		return effort ? SWRR_NONE : SWRR_BUSY;
	batch = min(batch, effort);
	do {
		s64 slot = seq->slot;

		end = put_turn(table, filled++, swrr_seq_next(seq));
		table->paced = table->paced << 1 | (seq->slot != slot);
	} while (--batch && !end && swrr_seq_ready(seq, &effort));
	publish_turns(table, filled, end);
	return 0;
}

/* Make the turn for the next ticket, if need be. Return: as make_turns(). */
static int fill(struct swrr_table *table, spinlock_t *lock, u32 *lost, u32 most)
{
	int err = 0;
	s64 ticket;

	spin_lock_bh(lock);
	ticket = atomic64_read(&table->ticket);
	if (ticket >= 0 && !table->period && (u64)ticket >= table->filled)
		err = make_turns(table, lost, most);
	spin_unlock_bh(lock);
	return err;
}

/**
 * swrr_table_take() - take the next turn
 * @table: the table
 * @lock: of the service; taken where turns must be made
 * @lost: turns that the pick has lost so far; those of servers that were set
 *	aside are added, which are given up together with all that would follow
 * @most: how many it may lose, which is more; so many are made at most
 *
 * ip_vs_swrr_schedule() does it by itself where there is a @period.
 *
 * Context: RCU read side, any CPU, with or without bottom halves.
 * Return: the server whose turn it is; or SWRR_NONE, SWRR_REPLACED, SWRR_BUSY.
 */
int swrr_table_take(struct swrr_table *table, spinlock_t *lock, u32 *lost,
		    u32 most)
{
	s64 ticket = atomic64_read(&table->ticket);
	u64 filled;
	u32 period;
	u16 turn;
	int err;

	for (;;) {
		if (ticket < 0)
			return SWRR_REPLACED;
		/* pairs with the second release in publish_turns() */
		period = smp_load_acquire(&table->period);
		/* pairs with the first one there */
		filled = smp_load_acquire(&table->filled);
		if (!period && (u64)ticket >= filled) {
			err = fill(table, lock, lost, most);
			if (err)
				return err;
			ticket = atomic64_read(&table->ticket);
			continue;
		}
		turn = READ_ONCE(table->turn[(u64)ticket % table->size]);
		if (atomic64_try_cmpxchg(&table->ticket, &ticket, ticket + 1))
			return turn;
	}
}

/**
 * swrr_table_find() - find a server
 * @table: the table; NULL: there is none yet
 * @dest: its destination
 *
 * Context: the table cannot be retired meanwhile.
 * Return: the server's index; SWRR_NONE: it is not there.
 */
int swrr_table_find(const struct swrr_table *table,
		    const struct ip_vs_dest *dest)
{
	u32 i;

	for (i = 0; table && i < table->seq.servers; i++)
		if (table->dest[i] == dest)
			return i;
	return SWRR_NONE;
}

/**
 * swrr_table_left() - take a turn that was made before
 * @table: the table; no cycle is kept
 *
 * Context: the lock of the service is held.
 * Return: the server whose turn it is; SWRR_NONE: all were taken, or a newer
 * table has taken over.
 */
int swrr_table_left(struct swrr_table *table)
{
	s64 ticket = atomic64_read(&table->ticket);

	while (ticket >= 0 && (u64)ticket < table->filled) {
		u16 turn = table->turn[(u64)ticket % table->size];

		if (atomic64_try_cmpxchg(&table->ticket, &ticket, ticket + 1))
			return turn;
	}
	return SWRR_NONE;
}

/**
 * swrr_table_grant() - give the next turn to a server, whose ever it is
 * @table: the table; no cycle is kept
 * @i: the server, as in swrr_seq_take()
 *
 * Nobody else draws a turn meanwhile, for none is left and none can be made.
 *
 * Context: the lock of the service is held.
 * Return: false if a newer table has taken over; or turns are left.
 */
bool swrr_table_grant(struct swrr_table *table, u32 i)
{
	s64 ticket = table->filled;

	if (!atomic64_try_cmpxchg(&table->ticket, &ticket, ticket + 1))
		return false;
	swrr_seq_take(&table->seq, i);
	publish_turns(table, table->filled + 1,
		      put_turn(table, table->filled, i));
	return true;
}

/**
 * swrr_table_retire() - no more turns of this table
 * @table: the table; a newer one has been published
 *
 * Return: how many turns were taken of it.
 */
s64 swrr_table_retire(struct swrr_table *table)
{
	return atomic64_fetch_or(RETIRED, &table->ticket);
}

/**
 * swrr_table_settled() - the table is right, its cycle may be kept
 * @table: the table
 *
 * Context: the lock of the service is held.
 */
void swrr_table_settled(struct swrr_table *table)
{
	mark(table);
	table->unsettled = false;
}

/**
 * swrr_snapshot_alloc() - make room for a snapshot
 * @table: the table
 *
 * Context: process; may sleep.
 * Return: the snapshot, to be freed by kvfree(); NULL without memory.
 */
struct swrr_snapshot *swrr_snapshot_alloc(const struct swrr_table *table)
{
	struct swrr_snapshot *snap;

	return kvmalloc(struct_size(snap, server, table->seq.servers),
			GFP_KERNEL);
}

/* Undo what was made and not taken, or redo what was taken of a kept cycle. */
static void count_turns(struct swrr_seq *seq, const u16 *turn, u32 size,
			u64 from, u64 to, s64 sign)
{
	for (; from < to; from++) {
		struct swrr_server *owner = &seq->server[turn[from % size]];

		if (swrr_seq_active(owner))
			owner->lag += sign * SWRR_ONE_TURN;
	}
}

/**
 * swrr_snapshot_take() - what every server is owed at the next turn
 * @snap: the snapshot, for as many servers as the table has
 * @table: the table
 * @lock: of the service
 * @taken: what swrr_table_retire() returned; negative: it was not retired
 *
 * Most is done on a copy, without the lock, so that picks go on. The turns that
 * were made and not yet taken are all of one batch, and which of them took a
 * slot is known: so the time of the next turn is.
 *
 * Context: process; no edit at the same time.
 */
void swrr_snapshot_take(struct swrr_snapshot *snap,
			struct swrr_table *table, spinlock_t *lock, s64 taken)
{
	u32 i, period, servers = table->seq.servers;
	u16 left[BATCH];
	u64 filled, turn;
	s64 ahead;

	spin_lock_bh(lock);
	memcpy(snap->server, table->seq.server,
	       array_size(servers, sizeof(*snap->server)));
	snap->seq = table->seq;
	snap->seq.server = snap->server;
	snap->ticket = taken < 0 ? atomic64_read(&table->ticket) : taken;
	period = table->period;
	filled = table->filled;
	if (period) {
		ahead = ((u64)snap->ticket + period - filled) % period;
	} else {
		for (turn = snap->ticket; turn < filled; turn++)
			left[turn % BATCH] = table->turn[turn % table->size];
		ahead = -(s64)hweight16(table->paced &
					(BIT(filled - snap->ticket) - 1));
	}
	spin_unlock_bh(lock);

	for (i = 0; i < servers; i++) {
		struct swrr_server *server = &snap->server[i];

		if (swrr_seq_active(server))
			server->lag = swrr_lag_read(&snap->seq, i, ahead);
		else if (server->weight)
			server->lag = 0;
	}
	if (period)
		count_turns(&snap->seq, table->turn, period,
			    snap->ticket - ahead, snap->ticket, -1);
	else
		count_turns(&snap->seq, left, BATCH, snap->ticket, filled, 1);
}
