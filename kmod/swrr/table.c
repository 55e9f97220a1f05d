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

#include "table.h"

/* Turns that are made at a time, at most. */
#define BATCH		8

/* Turns that are kept where the cycle is not. */
#define RING		256

/* A ticket with this bit belongs to a table that was retired. */
#define RETIRED		S64_MIN

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
	round = swrr_seq_mark(&table->seq) && !table->unsettled &&
		!table->searched;
	table->mark = table->filled;
	if (table->mapped && !round)
		memset(swrr_table_blocks(table), 0,
		       array_size(table->seq.servers, sizeof(u64)));
	return round;
}

static bool at_end(const struct swrr_table *table, u64 filled)
{
	return table->stored && filled - table->mark == table->seq.cycle;
}

/*
 * A batch at most, and none after slots passed unused: swrr_snapshot_take()
 * takes back what is left of it.
 */
static void make_turns(struct swrr_table *table)
{
	struct swrr_seq *seq = &table->seq;
	u32 batch = min_t(u32, BATCH, table->size);
	u64 filled = table->filled;

	swrr_table_bench(table);
	swrr_seq_skip(seq);
	do {
		u32 at = filled++ % table->size;
		s64 slot = seq->slot;
		u32 i = swrr_seq_next(seq);

		WRITE_ONCE(table->turn[at], i);
		if (table->mapped)
			swrr_table_blocks(table)[i] |= BIT_ULL(at >> table->block);
		table->paced = table->paced << 1 | (seq->slot != slot);
	} while (--batch && !at_end(table, filled) && swrr_seq_ready(seq));
	/* pairs with the acquire in swrr_table_take(): the turns are there */
	smp_store_release(&table->filled, filled);
	if (at_end(table, filled) && mark(table))
		/* pairs with those there and in ip_vs_swrr_schedule() */
		smp_store_release(&table->period, table->size);
}

/* Has the table a turn for its next ticket, or does it need none? */
static bool fill(struct swrr_table *table, spinlock_t *lock)
{
	const struct swrr_seq *seq = &table->seq;
	bool more = true;
	s64 ticket;

	spin_lock_bh(lock);
	ticket = atomic64_read(&table->ticket);
	if (ticket >= 0 && !table->period && (u64)ticket >= table->filled) {
		more = seq->open || seq->closed;
		if (more)
			make_turns(table);
	}
	spin_unlock_bh(lock);
	return more;
}

/**
 * swrr_table_take() - take the next turn
 * @table: the table
 * @lock: of the service; taken where turns must be made
 *
 * ip_vs_swrr_schedule() does it by itself where there is a @period.
 *
 * Context: RCU read side, any CPU, with or without bottom halves.
 * Return: the server whose turn it is, or SWRR_NONE, or SWRR_REPLACED.
 */
int swrr_table_take(struct swrr_table *table, spinlock_t *lock)
{
	s64 ticket = atomic64_read(&table->ticket);
	u64 filled;
	u32 period;
	u16 turn;

	for (;;) {
		if (ticket < 0)
			return SWRR_REPLACED;
		/* pairs with the release in make_turns() */
		period = smp_load_acquire(&table->period);
		/* pairs with those there and in swrr_table_grant() */
		filled = smp_load_acquire(&table->filled);
		if (!period && (u64)ticket >= filled) {
			if (!fill(table, lock))
				return SWRR_NONE;
			ticket = atomic64_read(&table->ticket);
			continue;
		}
		turn = READ_ONCE(table->turn[(u64)ticket % table->size]);
		if (atomic64_try_cmpxchg(&table->ticket, &ticket, ticket + 1))
			return turn;
	}
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
 * swrr_table_grant() - give the next turn to whose it is when full ones are left out
 * @table: the table; no cycle is kept; swrr_table_room() is filled in
 * @i: the server
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
	WRITE_ONCE(table->turn[table->filled % table->size], i);
	/* pairs with the acquire in swrr_table_take() */
	smp_store_release(&table->filled, table->filled + 1);
	return true;
}

/**
 * swrr_table_bench() - set those aside that were full at the last search
 * @table: the table; nothing is done where it was not searched
 *
 * The others keep their windows, and the slots that this frees pass unused.
 *
 * Context: the lock of the service is held.
 */
void swrr_table_bench(struct swrr_table *table)
{
	const u8 *room = swrr_table_room(table);
	u32 i;

	if (!table->searched)
		return;
	for (i = 0; i < table->seq.servers; i++) {
		struct swrr_server *server = &table->seq.server[i];

		if (room[i] || !swrr_seq_active(server))
			continue;
		server->lag = 0;
		WRITE_ONCE(server->parked, true);
	}
	swrr_seq_order(&table->seq);
	mark(table);
	WRITE_ONCE(table->searched, false);
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
static void count_turns(struct swrr_server *server, const u16 *turn, u32 size,
			u64 from, u64 to, s64 sign)
{
	for (; from < to; from++) {
		struct swrr_server *owner = &server[turn[from % size]];

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
	swrr_table_bench(table);
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

	for (i = 0; i < servers; i++)
		if (swrr_seq_active(&snap->server[i]))
			snap->server[i].lag = swrr_seq_lag(&snap->seq, i,
							   ahead);
	if (period)
		count_turns(snap->server, table->turn, period,
			    snap->ticket - ahead, snap->ticket, -1);
	else
		count_turns(snap->server, left, BATCH, snap->ticket, filled, 1);
}
