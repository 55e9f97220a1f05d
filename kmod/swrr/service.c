// SPDX-License-Identifier: GPL-2.0
/*
 * A service's table of turns, and how it is replaced.
 *
 * Every edit builds a new table, beside the picks that go on with the old one:
 * what each server is owed is read off between two turns; the new table starts
 * from there and is published; the old one is retired, which tells how many
 * turns were taken of it; if some were taken meanwhile, what they changed is
 * told to the new one. So picks go on, and no turn is lost or had twice.
 *
 * Where memory is short the old table stays. In it, servers that were deleted
 * or quiesced give up their turns; work tries again until it is up to date.
 */
#define KMSG_COMPONENT "IPVS"
#define pr_fmt(fmt) KMSG_COMPONENT ": swrr: " fmt

#include <linux/bsearch.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <net/ip_vs.h>

#include "debugfs.h"
#include "full.h"
#include "service.h"

/* How long a cycle is kept, for @servers servers, in turns. */
#define CYCLE_MAX(servers)	min(65536U, max(1024U, 64 * (servers)))

#define NEW_SERVER		U32_MAX

struct ip_vs_dest swrr_gone = { .flags = IP_VS_DEST_F_OVERLOAD };

/**
 * struct candidate - a server of the table to be
 * @dest: the destination
 * @weight: its weight
 * @old: its index in the present table; NEW_SERVER: it is not there
 * @order: decides among equal weights: who came first
 * @parked: it is full and shall take no turns
 */
struct candidate {
	struct ip_vs_dest	*dest;
	u32			weight;
	u32			old;
	u32			order;
	bool			parked;
};

/**
 * struct plan - the table to be
 * @servers: how many candidates there are
 * @room: how many fit in
 * @edited: weights or servers change
 * @parking: servers are parked or come back
 * @parked: how many are
 * @candidate: the candidates
 */
struct plan {
	u32			servers;
	u32			room;
	bool			edited;
	bool			parking;
	u32			parked;
	struct candidate	candidate[];
};

static struct swrr_table *locked_table(struct swrr_service *service)
{
	return rcu_dereference_protected(service->table,
					 lockdep_is_held(&service->mutex));
}

static u32 find_dest(const struct swrr_table *table,
		     const struct ip_vs_dest *dest)
{
	u32 i;

	for (i = 0; table && i < table->seq.servers; i++)
		if (table->dest[i] == dest)
			return i;
	return NEW_SERVER;
}

static void plan_add(struct plan *plan, struct ip_vs_dest *dest, u32 old)
{
	struct candidate *candidate = &plan->candidate[plan->servers];

	if (plan->servers == plan->room)
		return;
	candidate->dest = dest;
	candidate->weight = max(atomic_read(&dest->weight), 0);
	candidate->old = old;
	candidate->order = plan->servers++;
}

static int compare_dests(const void *a, const void *b)
{
	const struct candidate *one = a, *other = b;

	if (one->dest == other->dest)
		return 0;
	return one->dest < other->dest ? -1 : 1;
}

/* All of IPVS's list that is not planned yet, the oldest first. */
static void plan_add_missing(struct plan *plan, struct swrr_service *service)
{
	u32 first = plan->servers, last;
	struct candidate wanted;

	sort(plan->candidate, first, sizeof(wanted), compare_dests, NULL);
	rcu_read_lock();
	list_for_each_entry_rcu(wanted.dest, &service->svc->destinations,
				n_list)
		if (!bsearch(&wanted, plan->candidate, first, sizeof(wanted),
			     compare_dests))
			plan_add(plan, wanted.dest, NEW_SERVER);
	rcu_read_unlock();

	/* the list begins with the latest */
	for (last = plan->servers; first + 1 < last; first++, last--)
		swap(plan->candidate[first].order,
		     plan->candidate[last - 1].order);
}

static int heavier(const void *a, const void *b)
{
	const struct candidate *one = a, *other = b;

	if (one->weight != other->weight)
		return one->weight > other->weight ? -1 : 1;
	return one->order < other->order ? -1 : 1;
}

/* An edit leaves one server out of place, which needs no sorting. */
static void plan_sort(struct plan *plan, bool all)
{
	struct candidate *candidate = plan->candidate, moving;
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
		       const struct candidate *candidate)
{
	return candidate->old != NEW_SERVER &&
	       swrr_seq_parked(&table->seq, &table->seq.server[candidate->old]);
}

/* Return: how many servers have room. */
static u32 park_full(struct plan *plan, const struct swrr_table *table,
		     bool park, enum swrr_caps caps)
{
	u32 i, roomy = 0;

	plan->parked = 0;
	for (i = 0; i < plan->servers; i++) {
		struct candidate *candidate = &plan->candidate[i];
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
static void plan_park(struct plan *plan, const struct ip_vs_service *svc,
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
static void plan_compare(struct plan *plan, const struct swrr_table *table)
{
	u32 i, kept = 0;

	for (i = 0; i < plan->servers; i++) {
		const struct candidate *candidate = &plan->candidate[i];
		const struct swrr_server *server;

		if (candidate->old == NEW_SERVER)
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

static struct plan *make_plan(struct swrr_service *service,
			      const struct swrr_table *table,
			      struct ip_vs_dest *added, bool park)
{
	u32 i, old = table ? table->seq.servers : 0;
	bool all = !table || service->stale;
	struct plan *plan;
	u32 room;

	room = old + 1 + (all ? READ_ONCE(service->svc->num_dests) : 0);
	plan = kvzalloc(struct_size(plan, candidate, room), GFP_KERNEL);
	if (!plan)
		return NULL;
	plan->room = room;
	for (i = 0; i < old; i++)
		if (table->dest[i] != &swrr_gone)
			plan_add(plan, table->dest[i], i);
	if (all)
		plan_add_missing(plan, service);
	else if (added && find_dest(table, added) == NEW_SERVER)
		plan_add(plan, added, NEW_SERVER);
	plan_sort(plan, all);
	if (plan->servers > SWRR_MAX_SERVERS) {
		pr_warn_once("no more than %u servers of a service take turns\n",
			     SWRR_MAX_SERVERS);
		plan->servers = SWRR_MAX_SERVERS;
	}
	plan_park(plan, service->svc, table, park);
	plan_compare(plan, table);
	return plan;
}

static struct swrr_table *make_table(const struct plan *plan)
{
	u64 divisor = 0, sum = 0;
	bool stored;
	u32 i;

	for (i = 0; i < plan->servers; i++) {
		const struct candidate *candidate = &plan->candidate[i];

		if (candidate->parked)
			continue;
		divisor = swrr_seq_divisor(divisor, candidate->weight);
		sum += candidate->weight;
	}
	if (divisor)
		sum /= divisor;
	/* parked servers are looked at while turns are made, so keep none */
	stored = !plan->parked && sum && sum <= CYCLE_MAX(plan->servers);
	return swrr_table_alloc(plan->servers, sum, stored);
}

static void fill_table(struct swrr_table *table, const struct plan *plan,
		       const struct swrr_snapshot *snap)
{
	u32 i;

	for (i = 0; i < plan->servers; i++) {
		const struct candidate *candidate = &plan->candidate[i];
		struct swrr_server *server = &table->seq.server[i];
		const struct swrr_server *was;

		table->dest[i] = candidate->dest;
		server->weight = candidate->weight;
		server->parked = candidate->parked;
		if (candidate->old == NEW_SERVER)
			continue;
		/* turns that it cannot take are not owed to it */
		if (server->parked)
			continue;
		was = &snap->server[candidate->old];
		server->lag = was->lag;
		server->back = swrr_seq_parked(&snap->seq, was);
	}
	swrr_seq_start(&table->seq, plan->edited);
}

/* What each is owed has changed from @snap to @now: have @table know it. */
static void settle(struct swrr_table *table, const struct plan *plan,
		   const struct swrr_snapshot *snap,
		   const struct swrr_snapshot *now)
{
	u32 i;

	for (i = 0; i < plan->servers; i++) {
		u32 old = plan->candidate[i].old;

		if (old == NEW_SERVER ||
		    !swrr_seq_active(&table->seq, &table->seq.server[i]) ||
		    !swrr_seq_active(&snap->seq, &snap->server[old]) ||
		    !swrr_seq_active(&now->seq, &now->server[old]))
			continue;
		swrr_seq_adjust(&table->seq, i, now->server[old].lag -
						snap->server[old].lag);
	}
	swrr_seq_order(&table->seq);
}

/*
 * The turns that are taken of @old while the edit is at work are under the
 * weights before it. They are accounted for in the end, when it is certain how
 * many there were.
 */
static void publish(struct swrr_service *service, const struct plan *plan,
		    struct swrr_table *table, struct swrr_table *old,
		    const struct swrr_snapshot *snap,
		    struct swrr_snapshot *now)
{
	s64 taken = 0;

	rcu_assign_pointer(service->table, table);
	if (old) {
		taken = swrr_table_retire(old);
		if (snap->ticket < taken)
			swrr_snapshot_take(now, old, &service->lock, taken);
	}

	spin_lock_bh(&service->lock);
	WRITE_ONCE(service->parked,
		   plan->parked || swrr_seq_searched(&table->seq));
	if (old && snap->ticket < taken)
		settle(table, plan, snap, now);
	swrr_table_settled(table);
	spin_unlock_bh(&service->lock);

	service->turns += taken;
	if (old)
		kvfree_rcu(old, rcu);
}

/* Make the table what IPVS has now. @park: and set full servers aside. */
static int rebuild(struct swrr_service *service, struct ip_vs_dest *added,
		   bool park)
{
	struct swrr_table *table, *old = locked_table(service);
	struct swrr_snapshot *snap = NULL, *now = NULL;
	struct plan *plan;
	int err = -ENOMEM;

	plan = make_plan(service, old, added, park);
	if (!plan)
		goto out;
	if (!plan->edited && !plan->parking) {
		err = 0;
		goto out_plan;
	}
	if (old) {
		snap = swrr_snapshot_alloc(old);
		now = swrr_snapshot_alloc(old);
		if (!snap || !now)
			goto out_snap;
		swrr_snapshot_take(snap, old, &service->lock, -1);
	}
	table = make_table(plan);
	if (!table)
		goto out_snap;
	fill_table(table, plan, snap);
	publish(service, plan, table, old, snap, now);
	err = 0;

out_snap:
	kvfree(now);
	kvfree(snap);
out_plan:
	WRITE_ONCE(service->rested, jiffies + 1 + plan->servers / 1024);
	kvfree(plan);
out:
	WRITE_ONCE(service->stale, err);
	return err;
}

/* The lock makes sure that no work comes after ip_vs_swrr_done_svc(). */
static void schedule_work_in(struct swrr_service *service, unsigned long delay)
{
	lockdep_assert_held(&service->lock);
	if (!service->done)
		schedule_delayed_work(&service->work, delay);
}

static void schedule_again(struct swrr_service *service)
{
	spin_lock_bh(&service->lock);
	schedule_work_in(service, HZ / 10);
	spin_unlock_bh(&service->lock);
}

/**
 * swrr_service_kick() - have full servers parked, and others brought back
 * @service: the service
 *
 * At most once a jiffy, and less often with thousands of servers, so that the
 * work costs less than the picks do.
 *
 * Context: any; the lock is held.
 */
void swrr_service_kick(struct swrr_service *service)
{
	unsigned long now = jiffies, rested = READ_ONCE(service->rested);

	schedule_work_in(service, time_before(now, rested) ? rested - now : 0);
}

static void swrr_work(struct work_struct *work)
{
	struct swrr_service *service =
		container_of(to_delayed_work(work), struct swrr_service, work);

	mutex_lock(&service->mutex);
	if (rebuild(service, NULL, true))
		schedule_again(service);
	mutex_unlock(&service->mutex);
}

/**
 * ip_vs_swrr_init_svc() - begin to schedule a service
 * @svc: the service, maybe with servers already
 *
 * Context: process, under the lock of IPVS's configuration.
 * Return: 0 or -ENOMEM.
 */
int ip_vs_swrr_init_svc(struct ip_vs_service *svc)
{
	struct swrr_service *service;
	int err;

	service = kzalloc(sizeof(*service), GFP_KERNEL);
	if (!service)
		return -ENOMEM;
	service->svc = svc;
	service->rested = jiffies;
	spin_lock_init(&service->lock);
	mutex_init(&service->mutex);
	INIT_DELAYED_WORK(&service->work, swrr_work);

	mutex_lock(&service->mutex);
	err = rebuild(service, NULL, false);
	mutex_unlock(&service->mutex);
	if (err) {
		kfree(service);
		return err;
	}
	svc->sched_data = service;
	swrr_debugfs_add(service);
	return 0;
}

/**
 * ip_vs_swrr_done_svc() - schedule a service no more
 * @svc: the service; packets may still be in ip_vs_swrr_schedule()
 *
 * Context: process, under the lock of IPVS's configuration.
 */
void ip_vs_swrr_done_svc(struct ip_vs_service *svc)
{
	struct swrr_service *service = svc->sched_data;
	struct swrr_table *table;

	/* Linux 5.10 does so only after this, when it is too late */
	rcu_assign_pointer(svc->scheduler, NULL);

	swrr_debugfs_del(service);
	spin_lock_bh(&service->lock);
	service->done = true;
	spin_unlock_bh(&service->lock);
	cancel_delayed_work_sync(&service->work);

	table = rcu_dereference_protected(service->table, 1);
	kvfree_rcu(table, rcu);
	kfree_rcu(service, rcu);
}

static int edit(struct ip_vs_service *svc, struct ip_vs_dest *added)
{
	struct swrr_service *service = svc->sched_data;
	int err;

	mutex_lock(&service->mutex);
	err = rebuild(service, added, false);
	if (err)
		schedule_again(service);
	mutex_unlock(&service->mutex);
	return err;
}

/**
 * ip_vs_swrr_add_dest() - a server was added
 * @svc: the service
 * @dest: the server; IPVS may have known it before, we did not
 *
 * Context: process, under the lock of IPVS's configuration.
 * Return: 0 or -ENOMEM, which IPVS does not look at.
 */
int ip_vs_swrr_add_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest)
{
	return edit(svc, dest);
}

/**
 * ip_vs_swrr_del_dest() - a server was deleted
 * @svc: the service
 * @dest: the server; freed no sooner than an RCU grace period from now
 *
 * Context: process, under the lock of IPVS's configuration.
 * Return: 0 or -ENOMEM; the server gets no turn in either case.
 */
int ip_vs_swrr_del_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest)
{
	struct swrr_service *service = svc->sched_data;
	struct swrr_table *table;
	u32 i;

	mutex_lock(&service->mutex);
	table = locked_table(service);
	i = find_dest(table, dest);
	if (i != NEW_SERVER)
		WRITE_ONCE(table->dest[i], &swrr_gone);
	mutex_unlock(&service->mutex);
	return edit(svc, NULL);
}

/**
 * ip_vs_swrr_upd_dest() - a server was edited
 * @svc: the service
 * @dest: the server
 *
 * Context: process, under the lock of IPVS's configuration.
 * Return: 0 or -ENOMEM, which IPVS does not look at.
 */
int ip_vs_swrr_upd_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest)
{
	return edit(svc, dest);
}
