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
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <net/ip_vs.h>

#include "debugfs.h"
#include "lag.h"
#include "plan.h"
#include "service.h"

/* How long a cycle is kept, for @servers servers, in turns. */
#define CYCLE_MAX(servers)	min(65536U, max(1024U, 64 * (servers)))

static struct swrr_table *locked_table(struct swrr_service *service)
{
	return rcu_dereference_protected(service->table,
					 lockdep_is_held(&service->mutex));
}

static struct swrr_table *make_table(const struct swrr_plan *plan)
{
	u64 divisor = 0, sum = 0;
	bool stored;
	u32 i;

	for (i = 0; i < plan->servers; i++) {
		const struct swrr_candidate *candidate = &plan->candidate[i];

		if (candidate->parked)
			continue;
		divisor = swrr_lag_divisor(divisor, candidate->weight);
		sum += candidate->weight;
	}
	if (divisor)
		sum /= divisor;
	/* parked servers are looked at while turns are made, so keep none */
	stored = !plan->parked && sum && sum <= CYCLE_MAX(plan->servers);
	return swrr_table_alloc(plan->servers, sum, stored);
}

static void fill_table(struct swrr_table *table, const struct swrr_plan *plan,
		       const struct swrr_snapshot *snap)
{
	u32 i;

	for (i = 0; i < plan->servers; i++) {
		const struct swrr_candidate *candidate = &plan->candidate[i];
		struct swrr_server *server = &table->seq.server[i];
		const struct swrr_server *was;

		table->dest[i] = candidate->dest;
		server->weight = candidate->weight;
		server->parked = candidate->parked;
		if (candidate->old == SWRR_NEW_SERVER)
			continue;
		/* turns that it cannot take are not owed to it */
		if (server->parked)
			continue;
		was = &snap->server[candidate->old];
		server->lag = was->lag;
		server->back = swrr_seq_parked(was);
	}
	swrr_seq_start(&table->seq, plan->edited);
}

/* What each is owed has changed from @snap to @now: have @table know it. */
static void settle(struct swrr_table *table, const struct swrr_plan *plan,
		   const struct swrr_snapshot *snap,
		   const struct swrr_snapshot *now)
{
	u32 i;

	for (i = 0; i < plan->servers; i++) {
		u32 old = plan->candidate[i].old;

		if (old == SWRR_NEW_SERVER ||
		    !swrr_seq_active(&table->seq.server[i]) ||
		    !swrr_seq_active(&snap->server[old]) ||
		    !swrr_seq_active(&now->server[old]))
			continue;
		swrr_lag_adjust(&table->seq, i, now->server[old].lag -
						snap->server[old].lag);
	}
	swrr_seq_order(&table->seq);
}

/*
 * The turns that are taken of @old while the edit is at work are under the
 * weights before it. They are accounted for in the end, when it is certain how
 * many there were.
 */
static void publish(struct swrr_service *service, const struct swrr_plan *plan,
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
		   plan->parked || READ_ONCE(table->seq.searches));
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
	struct swrr_plan *plan;
	int err = -ENOMEM;

	plan = swrr_plan_make(service->svc, old, added, park, service->stale);
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

	/* older kernels do so only after this, when it is too late */
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
	int i;

	mutex_lock(&service->mutex);
	table = locked_table(service);
	i = swrr_table_find(table, dest);
	if (i != SWRR_NONE)
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
