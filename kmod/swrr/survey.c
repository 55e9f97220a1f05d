// SPDX-License-Identifier: GPL-2.0
/*
 * A search of all servers of a service for room. There may be a thousand, and a
 * packet waits: of each, as little is looked at as will do.
 */
#include <linux/kernel.h>
#include <net/ip_vs.h>

#include "survey.h"

/* Return: who takes turns and has room, the first from @i on; or @end. */
static __always_inline u32 seek_turns(const struct swrr_table *table,
				      enum swrr_caps caps, u32 i, u32 end)
{
	const struct swrr_server *server = table->seq.server;

#pragma GCC unroll 4
	for (; i < end; i++)
		if (swrr_seq_active(&server[i]) &&
		    swrr_has_room(READ_ONCE(table->dest[i]), caps))
			break;
	return i;
}

/* Return: the first from @i on that has room; or how many servers there are. */
static __always_inline u32 seek_room(const struct swrr_table *table,
				     enum swrr_caps caps, u32 i)
{
	struct ip_vs_dest *const *end = table->dest + table->seq.servers;
	struct ip_vs_dest *const *at = table->dest + i;

#pragma GCC unroll 4
	for (; at < end; at++)
		if (swrr_has_room(READ_ONCE(*at), caps))
			break;
	return at - table->dest;
}

/*
 * The first that takes turns and has room. Should there be none, one that takes
 * none but has room: the first one after the rover, or else the first one, so
 * that every search finds another. Of all others that take none, no more than
 * that is looked at.
 * Return: its index, or how many servers there are.
 */
static __always_inline u32 seek(struct swrr_service *service,
				const struct swrr_table *table,
				enum swrr_caps caps, struct swrr_survey *found)
{
	u32 servers = table->seq.servers;
	u32 after = min(service->rover + 1, servers);
	u32 i = seek_room(table, caps, 0), idle = i;

	if (i == servers || swrr_seq_active(&table->seq.server[i]))
		return i;
	if (i < after) {
		i = seek_turns(table, caps, i + 1, after);
		if (i < after)
			return i;
		i = seek_room(table, caps, after);
		if (i < servers && swrr_seq_active(&table->seq.server[i]))
			return i;
		if (i < servers)
			idle = i;
	}
	if (i < servers)
		i = seek_turns(table, caps, i + 1, servers);
	if (i == servers) {
		found->idle = READ_ONCE(table->dest[idle]);
		service->rover = idle;
	}
	return i;
}

/*
 * Of a kept cycle: fill in the map of who has room. @i takes turns and has it;
 * nobody before it does both. Those after it that take no turns are not told
 * apart: none of theirs can be found.
 * Return: the blocks in which they have turns; all, if there is no map of them.
 */
static __always_inline u64 look_kept(struct swrr_table *table,
				     enum swrr_caps caps, u32 i,
				     const u64 *blocks)
{
	u64 mask = blocks ? blocks[i] : 1;
	u32 servers = table->seq.servers;
	u8 *room = swrr_table_room(table);

	memset(room, 0, servers);
	room[i] = 1;
#pragma GCC unroll 4
	while (++i < servers) {
		if (!swrr_has_room(READ_ONCE(table->dest[i]), caps))
			continue;
		room[i] = 1;
		if (blocks)
			mask |= blocks[i];
	}
	return mask;
}

/*
 * While turns are made: who is full is set aside, and takes no turns from then
 * on, even if it is found to have room later: it is work that brings it back.
 * All who are full are, for those that were not would have the turns of the
 * others as soon as they have room. @from takes turns and has room; nobody
 * before it does both.
 * Return: whose window is open, or is the next to open. Of windows that are
 * open, which one is no matter.
 */
static __always_inline u32 look_made(struct swrr_table *table,
				     enum swrr_caps caps, u32 from)
{
	struct swrr_seq *seq = &table->seq;
	struct swrr_server *server = seq->server, *end = server + seq->servers;
	struct ip_vs_dest *const *at = table->dest + from;
	s64 release = server[from].release;
	u32 i, first = from;

#pragma GCC unroll 4
	for (i = 0; i < from; i++)
		swrr_seq_set_aside(&server[i]);
	if (release <= seq->slot)
		release = S64_MIN;
#pragma GCC unroll 4
	for (server += from; ++server != end;) {
		if (unlikely(!swrr_has_room(READ_ONCE(*++at), caps))) {
			swrr_seq_set_aside(server);
		} else if (unlikely(server->release < release) &&
			   swrr_seq_active(server)) {
			release = server->release;
			if (release <= seq->slot)
				release = S64_MIN;
			first = server - seq->server;
		}
	}
	swrr_seq_searched(seq);
	return first;
}

static __always_inline struct swrr_survey look(struct swrr_service *service,
					       struct swrr_table *table,
					       enum swrr_caps caps)
{
	struct swrr_survey found = {};
	u32 i = seek(service, table, caps, &found);

	if (i == table->seq.servers)
		return found;
	found.turns = true;
	if (!table->period)
		found.first = look_made(table, caps, i);
	else if (table->mapped)
		found.blocks = look_kept(table, caps, i,
					 swrr_table_blocks(table));
	else
		found.blocks = look_kept(table, caps, i, NULL);
	return found;
}

/**
 * swrr_survey() - look who has room
 * @service: the service
 * @table: its table
 * @caps: what counts as full
 *
 * Compiled for each of the caps, for it is most of the work of a pick where
 * there is no room. If servers that take turns have room: of a kept cycle,
 * swrr_table_room() says which; where turns are made, all others are set aside.
 *
 * Context: RCU read side; the lock of the service is held.
 * Return: what was found.
 */
struct swrr_survey swrr_survey(struct swrr_service *service,
			       struct swrr_table *table, enum swrr_caps caps)
{
	lockdep_assert_held(&service->lock);
	switch (caps) {
	case SWRR_CAP_ACTIVE:
		return look(service, table, SWRR_CAP_ACTIVE);
	case SWRR_CAP_TOTAL:
		return look(service, table, SWRR_CAP_TOTAL);
	default:
		return look(service, table, SWRR_CAP_NONE);
	}
}
