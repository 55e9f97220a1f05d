/* SPDX-License-Identifier: GPL-2.0 */
/* A table of turns: a sequence, the turns it made, and the ticket to them. */
#ifndef _SWRR_TABLE_H
#define _SWRR_TABLE_H

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "sequence.h"

struct ip_vs_dest;

/* swrr_table_take() has no turn to give: */
#define SWRR_NONE	(-1)	/* no server takes any */
#define SWRR_REPLACED	(-2)	/* a newer table has taken over */
#define SWRR_BUSY	(-3)	/* so many were set aside that it takes a while */

/* stands where a server was deleted: it never has room */
extern struct ip_vs_dest swrr_gone;

/**
 * struct swrr_table - the turns of a service between two edits
 * @ticket: the next turn, negative once a newer table has taken over; what
 *	every pick writes, and a cache line away from what every pick reads
 * @filled: turns made; while there is no @period, less than @ticket only for a
 *	moment, in swrr_table_grant()
 * @mark: turn at which the sequence was marked last
 * @seq: makes the turns
 * @paced: of the latest turns (the last one is bit 0), which took a slot
 * @stored: @size is the length of the cycle, so that it can be kept
 * @unsettled: swrr_table_settled() is yet to come: nothing is kept before
 * @size: how many turns are kept
 * @period: @size once the cycle is kept: the turns repeat and nothing but
 *	@ticket and @dest changes any more; 0 until then
 * @mapped: @stored, and long for its servers: swrr_table_blocks() has a map
 * @block: binary logarithm of the turns in a block of the cycle; of blocks
 *	there are 64 at most, and one where there is no map
 * @turn: servers, turn t at t % @size
 * @dest: destinations, as in @seq, or &swrr_gone; behind them, where @mapped,
 *	of each server the blocks in which it has turns
 * @rcu: to free it
 *
 * Turns are made under the lock of the service.
 */
struct swrr_table {
	atomic64_t		ticket;
	u64			filled;
	u64			mark;
	struct swrr_seq		seq;
	u16			paced;
	bool			stored;
	bool			unsettled;
	bool			mapped;
	u8			block;
	u32			size;
	u32			period;
	u16			*turn;
	struct ip_vs_dest	**dest;
	struct rcu_head		rcu;
};

/**
 * swrr_table_blocks() - where in the cycle each server has turns
 * @table: the table; @mapped
 *
 * Return: a bit for each block, of each server.
 */
static inline u64 *swrr_table_blocks(const struct swrr_table *table)
{
	return (u64 *)(table->dest + table->seq.servers);
}

/**
 * swrr_table_room() - a map of who has room
 * @table: the table; its cycle is kept
 *
 * It lies in the heap, for no more turns are made.
 *
 * Return: a byte for each server, to be filled in.
 */
static inline u8 *swrr_table_room(const struct swrr_table *table)
{
	return (u8 *)table->seq.heap;
}

/**
 * struct swrr_snapshot - the state of a table between two turns
 * @ticket: the turn that comes next
 * @seq: a copy; of every server, @lag is right, nothing else is to be used
 * @server: what @seq has
 */
struct swrr_snapshot {
	s64			ticket;
	struct swrr_seq		seq;
	struct swrr_server	server[];
};

struct swrr_table *swrr_table_alloc(u32 servers, u64 cycle, bool stored);
s64 swrr_table_retire(struct swrr_table *table);
void swrr_table_settled(struct swrr_table *table);
struct swrr_snapshot *swrr_snapshot_alloc(const struct swrr_table *table);
void swrr_snapshot_take(struct swrr_snapshot *snap,
			struct swrr_table *table, spinlock_t *lock, s64 taken);
int swrr_table_take(struct swrr_table *table, spinlock_t *lock, u32 *lost,
		    u32 most);
int swrr_table_find(const struct swrr_table *table,
		    const struct ip_vs_dest *dest);
int swrr_table_left(struct swrr_table *table);
bool swrr_table_grant(struct swrr_table *table, u32 i);

#endif /* _SWRR_TABLE_H */
