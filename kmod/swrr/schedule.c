// SPDX-License-Identifier: GPL-2.0
/*
 * A connection takes the next turn. A turn that lands on a full server is
 * given up, and the connection takes the one after it: so what full servers
 * cannot take is spread over the others by weight, and nothing is saved up.
 *
 * When that has cost too many turns, the servers are searched once for room.
 * Full ones are then set aside: at once in the sequence where turns are made
 * as they are needed, and soon after, by an edit of our own, in the table.
 */
#define KMSG_COMPONENT "IPVS"
#define pr_fmt(fmt) KMSG_COMPONENT ": " fmt

#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <net/ip_vs.h>

#include "full.h"
#include "service.h"

/* Turns that a connection may lose before it searches. */
#define LOST_MAX	16

/* Turns that are tried after a search: what was made before it, and more. */
#define RETRY_MAX	48

typedef bool (*refuse_fn)(const struct ip_vs_service *svc,
			  const struct ip_vs_dest *dest);

/**
 * struct survey - which servers have room
 * @turns: one of those that take turns
 * @idle: one of those that do not, because they were full; every search finds
 *	another one
 */
struct survey {
	struct ip_vs_dest *turns;
	struct ip_vs_dest *idle;
};

static bool refuse_full(const struct ip_vs_service *svc,
			const struct ip_vs_dest *dest)
{
	return swrr_full(svc, dest);
}

static bool refuse_closed(const struct ip_vs_service *svc,
			  const struct ip_vs_dest *dest)
{
	return swrr_closed(dest);
}

/* The heap of a table that makes no more turns tells who has room, by bytes. */
static u8 *room_map(const struct swrr_table *table)
{
	return (u8 *)table->seq.heap;
}

static struct survey survey(struct swrr_service *service,
			    struct swrr_table *table, refuse_fn refuse)
{
	u8 *map = table->period ? room_map(table) : NULL;
	u32 i, idle = 0, servers = table->seq.servers;
	struct survey found = {};

	lockdep_assert_held(&service->lock);
	for (i = 0; i < servers; i++) {
		struct ip_vs_dest *dest = READ_ONCE(table->dest[i]);
		bool room = dest && !refuse(service->svc, dest);

		if (map)
			map[i] = room;
		if (!room)
			continue;
		if (swrr_seq_active(&table->seq.server[i])) {
			found.turns = dest;
		} else if (!found.idle ||
			   (idle <= service->rover && i > service->rover)) {
			found.idle = dest;
			idle = i;
		}
	}
	if (found.idle)
		service->rover = idle;
	return found;
}

/* A server that the table does not have, for want of memory. */
static struct ip_vs_dest *unlisted(struct swrr_service *service,
				   refuse_fn refuse)
{
	struct ip_vs_dest *dest;

	if (likely(!READ_ONCE(service->stale)))
		return NULL;
	list_for_each_entry_rcu(dest, &service->svc->destinations, n_list)
		if (!refuse(service->svc, dest))
			return dest;
	return NULL;
}

/*
 * Go on in a kept cycle to the next turn of a server with room, and take it
 * together with all those before it. One step is a few instructions.
 */
static struct ip_vs_dest *walk(struct swrr_service *service,
			       struct swrr_table *table)
{
	s64 ticket = atomic64_read(&table->ticket), turn = ticket;
	const u8 *map = room_map(table);
	u32 period = table->period;
	u32 left, at;

	if (ticket < 0)
		return NULL;
	at = (u64)turn % period;
	for (left = period; left && !map[table->turn[at]]; left--) {
		turn++;
		if (++at == period)
			at = 0;
	}
	if (!left)
		return NULL;
	while (ticket >= 0 && ticket <= turn) {
		if (atomic64_try_cmpxchg(&table->ticket, &ticket, turn + 1)) {
			atomic64_add(turn - ticket, &service->given_up);
			return READ_ONCE(table->dest[table->turn[at]]);
		}
	}
	return NULL;
}

/* Take the full ones out of a sequence that goes on. */
static void bench(struct swrr_service *service, struct swrr_table *table,
		  refuse_fn refuse)
{
	struct swrr_seq *seq = &table->seq;
	u32 i, benched = seq->benched;

	for (i = 0; i < seq->servers; i++) {
		struct ip_vs_dest *dest = READ_ONCE(table->dest[i]);

		if (swrr_seq_active(&seq->server[i]) &&
		    (!dest || refuse(service->svc, dest)))
			swrr_seq_bench(seq, i);
	}
	if (seq->benched != benched) {
		swrr_seq_order(seq);
		WRITE_ONCE(service->parked, true);
	}
}

static struct ip_vs_dest *retry(struct swrr_service *service, refuse_fn refuse)
{
	unsigned int tries;

	for (tries = 0; tries < RETRY_MAX; tries++) {
		struct swrr_table *table = rcu_dereference(service->table);
		int i = swrr_table_take(table);
		struct ip_vs_dest *dest;

		if (i == SWRR_NONE)
			break;
		if (i < 0)
			continue;
		dest = READ_ONCE(table->dest[i]);
		if (dest && !refuse(service->svc, dest))
			return dest;
		atomic64_inc(&service->given_up);
	}
	return NULL;
}

/* Some server has room. */
static struct ip_vs_dest *take_from(struct swrr_service *service,
				    const struct survey *found,
				    struct swrr_table *table, refuse_fn refuse)
{
	struct ip_vs_dest *dest;

	swrr_service_kick(service);
	if (!found->turns)
		return found->idle;
	if (table->period) {
		dest = walk(service, table);
		if (dest)
			return dest;
	} else {
		bench(service, table, refuse);
	}
	spin_unlock_bh(&service->lock);
	dest = retry(service, refuse);
	spin_lock_bh(&service->lock);
	return dest ?: found->turns;
}

/*
 * Too many turns were lost. @spare is the first of those servers that would
 * be full by its weight only.
 */
static struct ip_vs_dest *search(struct swrr_service *service,
				 struct ip_vs_dest *spare)
{
	struct ip_vs_service *svc = service->svc;
	unsigned int flags = READ_ONCE(svc->flags);
	refuse_fn refuse = refuse_full;
	struct ip_vs_dest *dest;
	struct swrr_table *table;
	struct survey found;

	spin_lock_bh(&service->lock);
	table = rcu_dereference(service->table);
	found = survey(service, table, refuse);
	service->refusing = !found.turns && !found.idle;
	if (service->refusing && (flags & SWRR_F_CAP) &&
	    !(flags & SWRR_F_STRICT)) {
		/* all are at their caps: do as if there were none */
		if (READ_ONCE(service->parked))
			swrr_service_kick(service);
		dest = spare;
		if (dest)
			goto out;
		refuse = refuse_closed;
		found = survey(service, table, refuse);
	}
	if (found.turns || found.idle)
		dest = take_from(service, &found, table, refuse);
	else
		dest = unlisted(service, refuse);
out:
	spin_unlock_bh(&service->lock);
	return dest;
}

/* Servers that were full get their turns back soon after they are not. */
static void check_parked(struct swrr_service *service,
			 const struct swrr_table *table)
{
	unsigned long now = jiffies;
	u32 i;

	if (!READ_ONCE(service->parked) || READ_ONCE(service->checked) == now)
		return;
	WRITE_ONCE(service->checked, now);
	for (i = 0; i < table->seq.servers; i++) {
		struct ip_vs_dest *dest = READ_ONCE(table->dest[i]);

		if (READ_ONCE(table->seq.server[i].parked) && dest &&
		    !swrr_full(service->svc, dest)) {
			swrr_service_kick(service);
			return;
		}
	}
}

/* A pick whose first turn @i of @table was not the end of it. */
static noinline struct ip_vs_dest *overflow(struct swrr_service *service,
					    struct swrr_table *table, int i)
{
	struct ip_vs_service *svc = service->svc;
	struct ip_vs_dest *dest, *spare = NULL;
	unsigned int lost = 0;

	for (;;) {
		if (i == SWRR_NONE)
			break;
		if (i >= 0) {
			dest = READ_ONCE(table->dest[i]);
			if (dest && !swrr_full(svc, dest))
				goto out;
			if (dest && !spare && !swrr_closed(dest))
				spare = dest;
			lost++;
			if (lost == LOST_MAX || READ_ONCE(service->refusing))
				break;
		}
		table = rcu_dereference(service->table);
		i = swrr_table_take(table);
	}
	dest = search(service, spare);
	if (!dest)
		ip_vs_scheduler_err(svc, "all destinations are overloaded");
	else if (dest == spare)
		lost--;
out:
	atomic64_add(lost, &service->given_up);
	return dest;
}

/**
 * ip_vs_swrr_schedule() - choose the server of a new connection
 * @svc: the service
 * @skb: the packet that opens the connection; not looked at
 * @iph: its header; not looked at
 *
 * Context: RCU read side, any CPU, with or without bottom halves.
 * Return: a server that has room; NULL where none has.
 */
struct ip_vs_dest *ip_vs_swrr_schedule(struct ip_vs_service *svc,
				       const struct sk_buff *skb,
				       struct ip_vs_iphdr *iph)
{
	struct swrr_service *service = svc->sched_data;
	struct swrr_table *table = rcu_dereference(service->table);
	int i = swrr_table_take(table);

	if (likely(i >= 0)) {
		struct ip_vs_dest *dest = READ_ONCE(table->dest[i]);

		if (unlikely(!READ_ONCE(table->period)))
			check_parked(service, table);
		if (likely(dest && !swrr_full(svc, dest)))
			return dest;
	}
	return overflow(service, table, i);
}
