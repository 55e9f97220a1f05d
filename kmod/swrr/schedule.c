// SPDX-License-Identifier: GPL-2.0
/*
 * A connection takes the next turn. A turn that lands on a full server is
 * given up, and the connection takes the one after it: so what full servers
 * cannot take is spread over the others by weight, and nothing is saved up.
 *
 * When that has cost too many turns, the servers are searched once for room. In
 * a sequence that makes turns as they are needed, one that has it is given a
 * turn, and the full ones have none from then on. In a cycle that is kept, the
 * next turn of one that has room is taken. Soon after, an edit of our own parks
 * those that are full.
 */
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <net/ip_vs.h>

#include "full.h"
#include "service.h"
#include "survey.h"

/* Turns that a connection may lose before it searches. */
#define LOST_MAX	12

/* Servers that are looked at in a jiffy: are they parked, and have room? */
#define LOOK_MAX	64U

/**
 * struct losses - the turns that a pick has lost so far
 * @turns: how many
 * @spare: the first of those that lost one by their weights only, as a cap
 */
struct losses {
	u32			turns;
	struct ip_vs_dest	*spare;
};

/* A server that the table does not have, for want of memory. */
static struct ip_vs_dest *unlisted(struct swrr_service *service,
				   enum swrr_caps caps)
{
	struct ip_vs_dest *dest;

	if (likely(!READ_ONCE(service->stale)))
		return NULL;
	list_for_each_entry_rcu(dest, &service->svc->destinations, n_list)
		if (swrr_has_room(dest, caps))
			return dest;
	return NULL;
}

/*
 * The first turn of a server with room in a part of a kept cycle, or @end. Four
 * at a time, for there may be a thousand.
 */
static u32 walk(struct swrr_table *table, u32 at, u32 end)
{
	const u8 *room = swrr_table_room(table);
	const u16 *turn = table->turn;

	for (; at + 4 <= end; at += 4)
		if (room[turn[at]] | room[turn[at + 1]] |
		    room[turn[at + 2]] | room[turn[at + 3]])
			break;
	while (at < end && !room[turn[at]])
		at++;
	return at;
}

/*
 * The next turn of a server with room in a kept cycle. It may be almost a whole
 * cycle away, until full servers are parked. But who has turns in which block
 * of the cycle is known: so only what is left of the present block is walked,
 * and one more.
 */
static u32 find_turn(struct swrr_table *table, u32 from, u64 blocks)
{
	u32 block = from >> table->block;
	u32 end = min(table->period, (block + 1) << table->block);
	u32 at = walk(table, from, end);
	u64 later;

	if (at < end)
		return at;
	later = blocks & (~1ULL << block);
	block = __ffs64(later ? later : blocks);
	return walk(table, block << table->block, table->period);
}

/* Take the next turn of a server with room, and give up all those before it. */
static struct ip_vs_dest *take_kept(struct swrr_service *service,
				    struct swrr_table *table, u64 blocks)
{
	s64 ticket = atomic64_read(&table->ticket);

	while (ticket >= 0) {
		u32 from = (u64)ticket % table->period;
		u32 at = find_turn(table, from, blocks);
		s64 turn = ticket + at - from;

		if (at < from)
			turn += table->period;
		/* turns that others draw meanwhile are not this one */
		while (ticket >= 0 && ticket <= turn) {
			if (!atomic64_try_cmpxchg(&table->ticket, &ticket,
						  turn + 1))
				continue;
			atomic64_add(turn - ticket, &service->given_up);
			return READ_ONCE(table->dest[table->turn[at]]);
		}
	}
	return NULL;
}

/* Take a turn that was made already, or give one to the first with room. */
static struct ip_vs_dest *take_made(struct swrr_service *service,
				    struct swrr_table *table,
				    const struct swrr_survey *found,
				    enum swrr_caps caps)
{
	struct ip_vs_dest *dest;
	int i;

	WRITE_ONCE(service->parked, true);
	while ((i = swrr_table_left(table)) >= 0) {
		dest = READ_ONCE(table->dest[i]);
		if (swrr_has_room(dest, caps))
			return dest;
		atomic64_inc(&service->given_up);
	}
	if (!swrr_table_grant(table, found->first))
		return NULL;
	return READ_ONCE(table->dest[found->first]);
}

/*
 * Return: NULL if a newer table has taken over; &swrr_gone if the server has
 * just been deleted.
 */
static struct ip_vs_dest *take_from(struct swrr_service *service,
				    struct swrr_table *table,
				    const struct swrr_survey *found,
				    enum swrr_caps caps)
{
	swrr_service_kick(service);
	if (!found->turns)
		return found->idle;
	if (table->period)
		return take_kept(service, table, found->blocks);
	return take_made(service, table, found, caps);
}

/*
 * Look who has room; not at caps where all are at theirs and that is allowed:
 * then the one that lost its turn by its weight only has it after all.
 * Return: false if it has to be done again: a newer table has taken over, or
 * who was found has just been deleted.
 */
static bool find_room(struct swrr_service *service, struct losses *losses,
		      struct ip_vs_dest **dest)
{
	struct swrr_table *table = rcu_dereference(service->table);
	enum swrr_caps caps = swrr_caps(service->svc);
	struct swrr_survey found;

	found = swrr_survey(service, table, caps);
	WRITE_ONCE(service->refusing, !found.turns && !found.idle);
	if (service->refusing && caps != SWRR_CAP_NONE &&
	    !(READ_ONCE(service->svc->flags) & SWRR_F_STRICT)) {
		if (READ_ONCE(service->parked))
			swrr_service_kick(service);
		*dest = losses->spare;
		if (losses->spare &&
		    swrr_has_room(losses->spare, SWRR_CAP_NONE)) {
			losses->turns--;
			return true;
		}
		caps = SWRR_CAP_NONE;
		found = swrr_survey(service, table, caps);
	}
	if (!found.turns && !found.idle) {
		*dest = unlisted(service, caps);
		return true;
	}
	*dest = take_from(service, table, &found, caps);
	if (*dest == &swrr_gone)
		*dest = NULL;
	return *dest;
}

/*
 * Too many turns were lost. No table is replaced twice while the lock is held.
 * Return: false if another CPU has searched since @searches was read: the full
 * ones have been set aside, so draw more turns.
 */
static bool search(struct swrr_service *service, struct losses *losses,
		   const u16 *searches, struct ip_vs_dest **dest)
{
	bool done = true;

	spin_lock_bh(&service->lock);
	if (searches &&
	    *searches != rcu_dereference(service->table)->seq.searches) {
		done = false;
	} else {
		while (!find_room(service, losses, dest))
			;
	}
	spin_unlock_bh(&service->lock);
	return done;
}

/*
 * Servers that were full get their turns back soon after they are not. Of many
 * servers some are looked at each jiffy.
 */
static void check_parked(struct swrr_service *service,
			 const struct swrr_table *table)
{
	enum swrr_caps caps = swrr_caps(service->svc);
	u32 i, at, servers = table->seq.servers;
	unsigned long now = jiffies;

	if (!READ_ONCE(service->parked) || READ_ONCE(service->checked) == now)
		return;
	WRITE_ONCE(service->checked, now);
	at = READ_ONCE(service->look_at);
	for (i = min(servers, LOOK_MAX); i; i--) {
		if (++at >= servers)
			at = 0;
		if (swrr_seq_parked(&table->seq.server[at]) &&
		    swrr_has_room(READ_ONCE(table->dest[at]), caps)) {
			spin_lock_bh(&service->lock);
			swrr_service_kick(service);
			spin_unlock_bh(&service->lock);
			break;
		}
	}
	WRITE_ONCE(service->look_at, at);
}

static void lose(struct losses *losses, struct ip_vs_dest *dest)
{
	losses->turns++;
	if (!losses->spare && swrr_has_room(dest, SWRR_CAP_NONE))
		losses->spare = dest;
}

/*
 * Turn by turn. Return: NULL if @most turns are lost, or a single one while all
 * are said to be full; or if nobody takes turns.
 */
static struct ip_vs_dest *draw(struct swrr_service *service,
			       struct losses *losses, u32 most)
{
	enum swrr_caps caps = swrr_caps(service->svc);
	struct swrr_table *table;
	struct ip_vs_dest *dest;
	int i;

	while (losses->turns < most &&
	       !(losses->turns && READ_ONCE(service->refusing))) {
		table = rcu_dereference(service->table);
		i = swrr_table_take(table, &service->lock, &losses->turns,
				    most);
		if (i == SWRR_NONE)
			break;
		if (i < 0)
			continue;
		check_parked(service, table);
		dest = READ_ONCE(table->dest[i]);
		if (swrr_has_room(dest, caps))
			return dest;
		lose(losses, dest);
	}
	return NULL;
}

static struct ip_vs_dest *overflow(struct ip_vs_service *svc,
				   struct losses *losses)
{
	struct swrr_service *service = svc->sched_data;
	struct ip_vs_dest *dest;
	u16 searches;

	searches = READ_ONCE(rcu_dereference(service->table)->seq.searches);
	dest = draw(service, losses, LOST_MAX);
	if (!dest && !search(service, losses, &searches, &dest)) {
		dest = draw(service, losses, losses->turns + LOST_MAX);
		if (!dest)
			search(service, losses, NULL, &dest);
	}
	if (!dest)
		ip_vs_scheduler_err(svc, "all destinations are overloaded");
	if (losses->turns)
		atomic64_add(losses->turns, &service->given_up);
	return dest;
}

/* No cycle is kept, or the table has just been replaced. */
static noinline struct ip_vs_dest *pick(struct ip_vs_service *svc)
{
	struct losses losses = {};

	return overflow(svc, &losses);
}

/* It is the turn of @dest, which may be full, or the service has caps. */
static noinline struct ip_vs_dest *judge(struct ip_vs_service *svc,
					 struct ip_vs_dest *dest)
{
	struct losses losses = {};

	if (swrr_has_room(dest, swrr_caps(svc)))
		return dest;
	lose(&losses, dest);
	return overflow(svc, &losses);
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
	/* pairs with the release in publish_turns(): the turns are there */
	u32 period = smp_load_acquire(&table->period);
	struct ip_vs_dest *dest;
	s64 ticket;

	if (unlikely(!period))
		return pick(svc);
	ticket = atomic64_fetch_inc(&table->ticket);
	if (unlikely(ticket < 0))
		return pick(svc);
	dest = READ_ONCE(table->dest[table->turn[(u64)ticket % period]]);
	if (likely(!swrr_closed(dest) &&
		   !(READ_ONCE(svc->flags) & SWRR_F_CAP)))
		return dest;
	return judge(svc, dest);
}
