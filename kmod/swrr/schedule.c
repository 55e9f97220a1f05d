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
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <net/ip_vs.h>

#include "full.h"
#include "service.h"

/* Turns that a connection may lose before it searches. */
#define LOST_MAX	16

/* Parked servers that are looked at in a jiffy. */
#define LOOK_MAX	256U

/* Turns that are tried after a search: what was made before it, and more. */
#define RETRY_MAX	48

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

/* @caps: servers at their caps are full, too. */
static __always_inline bool has_room(const struct ip_vs_service *svc,
				     const struct ip_vs_dest *dest, bool caps)
{
	return dest && !(caps ? swrr_full(svc, dest) : swrr_closed(dest));
}

static __always_inline struct survey look(struct swrr_service *service,
					  struct swrr_table *table, bool caps)
{
	u32 i, idle = 0, servers = table->seq.servers;
	struct survey found = {};

	for (i = 0; i < servers; i++) {
		struct ip_vs_dest *dest = READ_ONCE(table->dest[i]);
		struct swrr_server *server = &table->seq.server[i];

		server->room = has_room(service->svc, dest, caps);
		if (!server->room)
			continue;
		if (swrr_seq_active(server)) {
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

/* Compiled twice, for it is most of the work where there is no room at all. */
static struct survey survey(struct swrr_service *service,
			    struct swrr_table *table, bool caps)
{
	lockdep_assert_held(&service->lock);
	return caps ? look(service, table, true) : look(service, table, false);
}

/* A server that the table does not have, for want of memory. */
static struct ip_vs_dest *unlisted(struct swrr_service *service, bool caps)
{
	struct ip_vs_dest *dest;

	if (likely(!READ_ONCE(service->stale)))
		return NULL;
	list_for_each_entry_rcu(dest, &service->svc->destinations, n_list)
		if (has_room(service->svc, dest, caps))
			return dest;
	return NULL;
}

/*
 * Go on in a kept cycle to the next turn of a server with room, and take it
 * together with all those before it. It may be almost a whole cycle away, until
 * full servers are parked, so a step is but a few instructions: the heap of a
 * table that makes no more turns serves as a map of who has room.
 */
static struct ip_vs_dest *walk(struct swrr_service *service,
			       struct swrr_table *table)
{
	const u16 *turns = table->turn, *end = turns + table->period;
	s64 ticket = atomic64_read(&table->ticket), turn;
	u8 *room = (u8 *)table->seq.heap;
	const u16 *first, *at;
	u32 i;

	if (ticket < 0)
		return NULL;
	for (i = 0; i < table->seq.servers; i++)
		room[i] = table->seq.server[i].room;
	first = turns + (u64)ticket % table->period;
	turn = ticket;
	for (at = first; at < end && !room[*at]; at++)
		;
	if (at == end) {
		turn += end - first;
		for (first = turns, at = first; at < end && !room[*at]; at++)
			;
	}
	if (at == end)
		return NULL;
	turn += at - first;
	while (ticket >= 0 && ticket <= turn) {
		if (atomic64_try_cmpxchg(&table->ticket, &ticket, turn + 1)) {
			atomic64_add(turn - ticket, &service->given_up);
			return READ_ONCE(table->dest[*at]);
		}
	}
	return NULL;
}

/* Take the full ones out of a sequence that goes on. */
static void bench(struct swrr_service *service, struct swrr_table *table)
{
	struct swrr_seq *seq = &table->seq;
	bool benched = false;
	u32 i;

	for (i = 0; i < seq->servers; i++) {
		struct swrr_server *server = &seq->server[i];

		if (server->room || !swrr_seq_active(server))
			continue;
		server->lag = 0;
		WRITE_ONCE(server->parked, true);
		benched = true;
	}
	if (benched) {
		swrr_seq_bench(seq);
		WRITE_ONCE(service->parked, true);
	}
}

static struct ip_vs_dest *retry(struct swrr_service *service, bool caps)
{
	unsigned int tries;

	for (tries = 0; tries < RETRY_MAX; tries++) {
		struct swrr_table *table = rcu_dereference(service->table);
		int i = swrr_table_take(table, &service->lock);
		struct ip_vs_dest *dest;

		if (i == SWRR_NONE)
			break;
		if (i < 0)
			continue;
		dest = READ_ONCE(table->dest[i]);
		if (has_room(service->svc, dest, caps))
			return dest;
		atomic64_inc(&service->given_up);
	}
	return NULL;
}

/* Some server has room. */
static struct ip_vs_dest *take_from(struct swrr_service *service,
				    const struct survey *found,
				    struct swrr_table *table, bool caps)
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
		bench(service, table);
	}
	spin_unlock_bh(&service->lock);
	dest = retry(service, caps);
	spin_lock_bh(&service->lock);
	if (!dest && has_room(service->svc, found->turns, caps))
		dest = found->turns;
	return dest;
}

/*
 * Too many turns were lost. @spare is the first of those servers that would
 * be full by its weight only.
 */
static struct ip_vs_dest *search(struct swrr_service *service,
				 struct ip_vs_dest *spare)
{
	unsigned int flags = READ_ONCE(service->svc->flags);
	struct ip_vs_dest *dest;
	struct swrr_table *table;
	struct survey found;
	bool caps = flags & SWRR_F_CAP;

	spin_lock_bh(&service->lock);
	table = rcu_dereference(service->table);
	found = survey(service, table, caps);
	WRITE_ONCE(service->refusing, !found.turns && !found.idle);
	if (service->refusing && caps && !(flags & SWRR_F_STRICT)) {
		/* all are at their caps: do as if there were none */
		if (READ_ONCE(service->parked))
			swrr_service_kick(service);
		if (has_room(service->svc, spare, false)) {
			dest = spare;
			goto out;
		}
		caps = false;
		found = survey(service, table, false);
	}
	if (found.turns || found.idle)
		dest = take_from(service, &found, table, caps);
	else
		dest = unlisted(service, caps);
out:
	spin_unlock_bh(&service->lock);
	return dest;
}

/*
 * Servers that were full get their turns back soon after they are not. Of many
 * servers some are looked at each jiffy.
 */
static void check_parked(struct swrr_service *service,
			 const struct swrr_table *table)
{
	u32 i, at, servers = table->seq.servers;
	unsigned long now = jiffies;

	if (!READ_ONCE(service->parked) || READ_ONCE(service->checked) == now)
		return;
	WRITE_ONCE(service->checked, now);
	at = READ_ONCE(service->look_at);
	for (i = min(servers, LOOK_MAX); i; i--) {
		if (++at >= servers)
			at = 0;
		if (READ_ONCE(table->seq.server[at].parked) &&
		    has_room(service->svc, READ_ONCE(table->dest[at]), true)) {
			spin_lock_bh(&service->lock);
			swrr_service_kick(service);
			spin_unlock_bh(&service->lock);
			break;
		}
	}
	WRITE_ONCE(service->look_at, at);
}

/* Turn by turn; @dest is whose turn was given up already, if @lost. */
static struct ip_vs_dest *overflow(struct ip_vs_service *svc,
				   struct ip_vs_dest *dest, unsigned int lost)
{
	struct swrr_service *service = svc->sched_data;
	struct ip_vs_dest *spare = NULL;
	struct swrr_table *table;
	int i;

	for (;;) {
		if (!spare && has_room(svc, dest, false))
			spare = dest;
		if (lost >= LOST_MAX || (lost && READ_ONCE(service->refusing)))
			break;
		table = rcu_dereference(service->table);
		i = swrr_table_take(table, &service->lock);
		if (i == SWRR_NONE)
			break;
		if (i < 0)
			continue;
		check_parked(service, table);
		dest = READ_ONCE(table->dest[i]);
		if (has_room(svc, dest, true))
			goto out;
		lost++;
	}
	dest = search(service, spare);
	if (!dest)
		ip_vs_scheduler_err(svc, "all destinations are overloaded");
	else if (dest == spare)
		lost--;
out:
	if (lost)
		atomic64_add(lost, &service->given_up);
	return dest;
}

/* No cycle is kept, or the table has just been replaced. */
static noinline struct ip_vs_dest *pick(struct ip_vs_service *svc)
{
	return overflow(svc, NULL, 0);
}

/* It is the turn of @dest, which may be full, or the service has caps. */
static noinline struct ip_vs_dest *judge(struct ip_vs_service *svc,
					 struct ip_vs_dest *dest)
{
	if (has_room(svc, dest, true))
		return dest;
	return overflow(svc, dest, 1);
}

/**
 * ip_vs_swrr_schedule() - choose the server of a new connection
 * @svc: the service
 * @skb: the packet that opens the connection; not looked at
 * @iph: its header; not looked at
 *
 * What follows is all that a pick does as a rule: a turn out of a kept cycle,
 * for a single locked instruction, and a look at its server. The rest is left
 * to functions that are not inlined, so that nothing needs to be saved here.
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
	/* pairs with the release in make_turns(): the turns are there */
	u32 period = smp_load_acquire(&table->period);
	struct ip_vs_dest *dest;
	s64 ticket;

	if (unlikely(!period))
		return pick(svc);
	ticket = atomic64_fetch_inc(&table->ticket);
	if (unlikely(ticket < 0))
		return pick(svc);
	dest = READ_ONCE(table->dest[table->turn[(u64)ticket % period]]);
	if (likely(dest && !swrr_closed(dest) &&
		   !(READ_ONCE(svc->flags) & SWRR_F_CAP)))
		return dest;
	return judge(svc, dest);
}
