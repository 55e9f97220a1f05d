// SPDX-License-Identifier: GPL-2.0
/*
 * The plan of an edit: which servers a service's new table is to have, in which
 * order, who is parked, and what that changes.
 */
#define KMSG_COMPONENT "IPVS"
#define pr_fmt(fmt) KMSG_COMPONENT ": swrr: " fmt

#include <linux/bsearch.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <net/ip_vs.h>

#include "full.h"
#include "plan.h"

static void plan_add(struct swrr_plan *plan, struct ip_vs_dest *dest, u32 old)
{
	struct swrr_candidate *candidate = &plan->candidate[plan->servers];

	if (plan->servers == plan->room)
		return;
	candidate->dest = dest;
	candidate->weight = max(atomic_read(&dest->weight), 0);
	candidate->old = old;
	candidate->order = plan->servers++;
}

static int compare_dests(const void *a, const void *b)
{
	const struct swrr_candidate *one = a, *other = b;

	if (one->dest == other->dest)
		return 0;
	return one->dest < other->dest ? -1 : 1;
}

/* All of IPVS's list that is not planned yet, the oldest first. */
static void plan_add_missing(struct swrr_plan *plan,
			     const struct ip_vs_service *svc)
{
	u32 first = plan->servers, last;
	struct swrr_candidate wanted;

	sort(plan->candidate, first, sizeof(wanted), compare_dests, NULL);
	rcu_read_lock();
	list_for_each_entry_rcu(wanted.dest, &svc->destinations, n_list)
		if (!bsearch(&wanted, plan->candidate, first, sizeof(wanted),
			     compare_dests))
			plan_add(plan, wanted.dest, SWRR_NEW_SERVER);
	rcu_read_unlock();

	/* the list begins with the latest */
	for (last = plan->servers; first + 1 < last; first++, last--)
		swap(plan->candidate[first].order,
		     plan->candidate[last - 1].order);
}

static int heavier(const void *a, const void *b)
{
	const struct swrr_candidate *one = a, *other = b;

	if (one->weight != other->weight)
		return one->weight > other->weight ? -1 : 1;
	return one->order < other->order ? -1 : 1;
}

/* An edit leaves one server out of place, which needs no sorting. */
static void plan_sort(struct swrr_plan *plan, bool all)
{
	struct swrr_candidate *candidate = plan->candidate, moving;
	u32 i, at;

	if (all) {
		sort(candidate, plan->servers, sizeof(*candidate), heavier,
		     NULL);
		return;
	}
	for (i = 1; i < plan->servers; i++) {
		moving = candidate[i];
		for (at = i; at && heavier(&candidate[at - 1], &moving) > 0;
		     at--)
			candidate[at] = candidate[at - 1];
		candidate[at] = moving;
	}
}

static bool was_parked(const struct swrr_table *table,
		       const struct swrr_candidate *candidate)
{
	return candidate->old != SWRR_NEW_SERVER &&
	       swrr_seq_parked(&table->seq.server[candidate->old]);
}

/* Return: how many servers have room. */
static u32 park_full(struct swrr_plan *plan, const struct swrr_table *table,
		     bool park, enum swrr_caps caps)
{
	u32 i, roomy = 0;

	plan->parked = 0;
	for (i = 0; i < plan->servers; i++) {
		struct swrr_candidate *candidate = &plan->candidate[i];
		bool full = swrr_full(candidate->dest, caps);

		candidate->parked = full && candidate->weight &&
				    (park || was_parked(table, candidate));
		plan->parked += candidate->parked;
		roomy += !full;
	}
	return roomy;
}

/*
 * Whoever is parked comes back once it has room. Who is full is parked only
 * where turns were lost (@park), for most are full for moments only. Where all
 * are full there is nobody to leave the turns to.
 */
static void plan_park(struct swrr_plan *plan, const struct ip_vs_service *svc,
		      const struct swrr_table *table, bool park)
{
	enum swrr_caps caps = swrr_caps(svc);
	u32 i;

	if (park_full(plan, table, park, caps))
		return;
	if (caps != SWRR_CAP_NONE &&
	    !(READ_ONCE(svc->flags) & SWRR_F_STRICT) &&
	    park_full(plan, table, park, SWRR_CAP_NONE))
		return;
	plan->parked = 0;
	for (i = 0; i < plan->servers; i++)
		plan->candidate[i].parked = false;
}

/* What is there to do? */
static void plan_compare(struct swrr_plan *plan, const struct swrr_table *table)
{
	u32 i, kept = 0;

	for (i = 0; i < plan->servers; i++) {
		const struct swrr_candidate *candidate = &plan->candidate[i];
		const struct swrr_server *server;

		if (candidate->old == SWRR_NEW_SERVER)
			continue;
		kept++;
		server = &table->seq.server[candidate->old];
		/* who was set aside meanwhile still has a share of the cycle */
		if (candidate->parked ? server->share :
		    was_parked(table, candidate))
			plan->parking = true;
		if (server->weight != candidate->weight)
			plan->edited = true;
	}
	if (!table || kept != table->seq.servers || kept != plan->servers)
		plan->edited = true;
}

/**
 * swrr_plan_make() - what is a service's table to be?
 * @svc: the service
 * @table: the table that it has now, or NULL
 * @added: a destination that has come since, or NULL
 * @park: turns were lost, so servers that are full are to take none
 * @stale: more may have come that the table does not have
 *
 * Context: process; may sleep; the mutex of the scheduler's service is held.
 * Return: the plan, to be freed by kvfree(); NULL without memory.
 */
struct swrr_plan *swrr_plan_make(const struct ip_vs_service *svc,
				 const struct swrr_table *table,
				 struct ip_vs_dest *added, bool park,
				 bool stale)
{
	u32 i, old = table ? table->seq.servers : 0;
	bool all = !table || stale;
	struct swrr_plan *plan;
	u32 room;

	room = old + 1 + (all ? READ_ONCE(svc->num_dests) : 0);
	plan = kvzalloc(struct_size(plan, candidate, room), GFP_KERNEL);
	if (!plan)
		return NULL;
	plan->room = room;
	for (i = 0; i < old; i++)
		if (table->dest[i] != &swrr_gone)
			plan_add(plan, table->dest[i], i);
	if (all)
		plan_add_missing(plan, svc);
	else if (added && swrr_table_find(table, added) == SWRR_NONE)
		plan_add(plan, added, SWRR_NEW_SERVER);
	plan_sort(plan, all);
	if (plan->servers > SWRR_MAX_SERVERS) {
		pr_warn_once("no more than %u servers of a service take turns\n",
			     SWRR_MAX_SERVERS);
		plan->servers = SWRR_MAX_SERVERS;
	}
	plan_park(plan, svc, table, park);
	plan_compare(plan, table);
	return plan;
}
