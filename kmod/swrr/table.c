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
 * has been drawn, so what was read before a successful exchange is right.
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

	table = kvmalloc(bytes + turns, GFP_KERNEL);
	if (!table)
		return NULL;
	memset(table, 0, bytes);
	table->seq.server = (struct swrr_server *)(table + 1);
	table->seq.heap = (u64 *)(table->seq.server + servers);
	table->dest = (struct ip_vs_dest **)(table->seq.heap + servers);
	table->turn = (u16 *)(table->dest + servers);
	table->seq.servers = servers;
	table->size = size;
	table->stored = stored;
	table->unsettled = true;
	return table;
}

/*
 * A batch at most, and none after slots passed unused: swrr_table_snapshot()
 * takes back what is left of it.
 */
static void make_turns(struct swrr_table *table)
{
	struct swrr_seq *seq = &table->seq;
	u32 batch = min_t(u32, BATCH, table->size);
	u64 filled = table->filled;
	bool round = false;

	swrr_seq_skip(seq);
	do {
		s64 slot = seq->slot;

		WRITE_ONCE(table->turn[filled % table->size],
			   swrr_seq_next(seq));
		filled++;
		table->paced = table->paced << 1 | (seq->slot != slot);
		if (table->stored && filled - table->mark == seq->cycle) {
			table->mark = filled;
			round = swrr_seq_mark(seq) && !table->unsettled;
			break;
		}
	} while (--batch && swrr_seq_ready(seq));
	/* pairs with the acquire in swrr_table_take(): the turns are there */
	smp_store_release(&table->filled, filled);
	if (round)
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
		/* pairs with the release in make_turns() */
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
	swrr_seq_mark(&table->seq);
	table->mark = table->filled;
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
 * All but a copy is done without the lock, so that picks go on. The turns that
 * were made and not yet taken are all of one batch, and which of them took a
 * slot is known: so the time of the next turn is.
 *
 * Context: process; no edit at the same time.
 */
void swrr_snapshot_take(struct swrr_snapshot *snap,
			const struct swrr_table *table, spinlock_t *lock,
			s64 taken)
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
