// SPDX-License-Identifier: GPL-2.0
/* Many CPUs at once: exact shares whatever the interleaving; and while servers come and
 * go, nobody gets a server that was gone or quiesced before the pick began.
 */
#include "fleet.h"

#define PICKERS 4

static pthread_barrier_t barrier;
static struct fleet *fleet;
static u64 picks_each;
static int stop;
static u64 clock_now = 1;

/* Inside of an RCU section, as IPVS does. While there is no scheduler: false. */
static bool pick(struct fleet *f, struct server **s)
{
	static struct ip_vs_iphdr iph;
	struct ip_vs_scheduler *sched = rcu_dereference(f->svc->scheduler);
	struct ip_vs_dest *dest = sched ? sched->schedule(f->svc, NULL, &iph) : NULL;

	*s = dest ? container_of(dest, struct server, dest) : NULL;
	return sched;
}

static void *count_picks(void *arg)
{
	u64 *count = arg;

	pthread_barrier_wait(&barrier);
	for (u64 t = 0; t < picks_each; t++) {
		struct server *s;

		rcu_read_lock();
		pick(fleet, &s);
		if (s)
			count[s->index]++;
		else
			complain("nobody");
		rcu_read_unlock();
	}
	return NULL;
}

static void run_exact(const u32 *weight, u32 n, u64 cycles)
{
	u64 *count = calloc(PICKERS * n, sizeof(*count)), divisor;
	pthread_t thread[PICKERS];

	fleet = fleet_load(weight, n);
	divisor = fleet_divisor(fleet);
	/* a number of cycles that the threads can share out */
	cycles *= PICKERS;
	picks_each = fleet_cycle(fleet) * cycles / PICKERS;
	shim_threads = true;
	for (u32 i = 0; i < PICKERS; i++)
		pthread_create(&thread[i], NULL, count_picks, count + i * n);
	for (u32 i = 0; i < PICKERS; i++)
		pthread_join(thread[i], NULL);
	shim_threads = false;
	for (u32 i = 0; i < n; i++) {
		u64 sum = 0;

		for (u32 k = 0; k < PICKERS; k++)
			sum += count[k * n + i];
		if (sum != cycles * (weight_of(fleet->server[i]) / divisor))
			complain("%s: server %u got %llu in %llu cycles", set_name(weight, n), i,
				 sum, cycles);
	}
	free(count);
	fleet_close(fleet);
}

static void test_exact(void)
{
	static const u32 usual[] = { 5, 1, 1 };

	seed(80);
	pthread_barrier_init(&barrier, NULL, PICKERS);
	for (u32 k = 0; k < effort(300); k++) {
		u32 n = random_in(1, 16);

		run_exact(set_random(n, 30), n, 1);
	}
	run_exact(usual, 3, effort(5000));
	run_exact(set_random(100, 100), 100, effort(4));
	run_exact(set_heavy(100, 10000), 100, effort(3));
	/* cycles that are not kept */
	run_exact(set_heavy(2, 100000), 2, 1);
	run_exact(set_heavy(7, 65536), 7, 1);
	pthread_barrier_destroy(&barrier);
	verdict("%d threads: exact shares whatever the interleaving", PICKERS);
}

/* A quiesced server that comes and goes makes edits that change nobody's share: turns
 * taken in the middle of them must be accounted for, or the error adds up.
 */
static void run_carried(const u32 *weight, u32 n, u64 picks)
{
	u64 *count = calloc(PICKERS * (n + 1), sizeof(*count)), total = picks * PICKERS;
	u64 sum = 0, edits = 0;
	pthread_t thread[PICKERS];

	fleet = fleet_load(weight, n);
	for (u32 i = 0; i < n; i++)
		sum += weight[i];
	picks_each = picks;
	shim_threads = true;
	for (u32 i = 0; i < PICKERS; i++)
		pthread_create(&thread[i], NULL, count_picks, count + i * (n + 1));
	pthread_barrier_wait(&barrier);
	for (; edits < 300; edits++) {
		struct server *s = fleet_add(fleet, 0);

		sched_yield();
		fleet_del(fleet, s);
		shim_grace_period();
	}
	for (u32 i = 0; i < PICKERS; i++)
		pthread_join(thread[i], NULL);
	shim_threads = false;
	shim_grace_period();
	for (u32 i = 0; i < n; i++) {
		u64 got = 0;
		double due;

		for (u32 k = 0; k < PICKERS; k++)
			got += count[k * (n + 1) + i];
		due = (double)total * weight[i] / sum;
		if (got > due + 2 || got < due - 2)
			complain("%s: server %u got %llu of %llu, due are %.1f",
				 set_name(weight, n), i, got, total, due);
	}
	free(count);
	fleet_close(fleet);
}

static void test_carried(void)
{
	u32 w[100];

	seed(83);
	pthread_barrier_init(&barrier, NULL, PICKERS + 1);
	for (u32 k = 0; k < effort(10); k++) {
		u32 n = random_in(2, 40);

		memcpy(w, set_random(n, 25), n * sizeof(*w));
		run_carried(w, n, 40000);
	}
	pthread_barrier_destroy(&barrier);
	verdict("%d threads while the table is replaced: no turn is lost or had twice", PICKERS);
}

/* Server 0 always has room, so there is always an answer. A server is quiet from when
 * the clock was read after it was quiesced or deleted; who starts later must not get it.
 */
static void *watch_picks(void *arg)
{
	u64 *picks = arg;

	while (!READ_ONCE(stop)) {
		u64 start = __atomic_load_n(&clock_now, __ATOMIC_SEQ_CST), since;
		struct server *s;

		rcu_read_lock();
		if (pick(fleet, &s)) {
			(*picks)++;
			since = s ? __atomic_load_n(&s->quiet_since, __ATOMIC_SEQ_CST) : 0;
			if (!s)
				complain("nobody, though one server always has room");
			else if (since && since < start)
				complain("a server that was gone or quiesced before the pick");
		}
		rcu_read_unlock();
	}
	return NULL;
}

static void *do_work(void *arg)
{
	(void)arg;
	while (!READ_ONCE(stop)) {
		shim_tick(1);
		shim_run_work();
		sched_yield();
	}
	return NULL;
}

static void *pass_grace_periods(void *arg)
{
	(void)arg;
	while (!READ_ONCE(stop)) {
		shim_grace_period();
		sched_yield();
	}
	return NULL;
}

static void *read_debugfs(void *arg)
{
	static char text[20000];
	(void)arg;
	while (!READ_ONCE(stop)) {
		shim_debugfs_read("ip_vs_swrr/4026531840-tcp-192.0.2.1:80", text, sizeof(text));
		sched_yield();
	}
	return NULL;
}

static void quiet(struct server *s)
{
	u64 now = __atomic_fetch_add(&clock_now, 1, __ATOMIC_SEQ_CST);

	__atomic_store_n(&s->quiet_since, now, __ATOMIC_SEQ_CST);
}

static void edit(struct fleet *f, bool switches)
{
	u32 i = f->n > 1 ? random_in(1, f->n - 1) : 0;
	struct server *s = f->server[i];

	switch (random_below(switches ? 11 : 10)) {
	case 0:
	case 1:
		if (f->n < 12) {
			fleet_add(f, random_in(1, 20));
			break;
		}
		/* fall through */
	case 2:
		if (!i)
			break;
		fleet_unlink(f, s);
		quiet(s);
		if (random_below(4)) {
			fleet_free(s);
			break;
		}
		__atomic_store_n(&s->quiet_since, 0, __ATOMIC_SEQ_CST);
		fleet_revive(f, s, random_in(1, 20));
		break;
	case 3:
	case 4:
		if (!i)
			break;
		atomic_set(&s->dest.weight, 0);
		if (random_u64() & 1)
			fleet_set(f, s, 0);
		quiet(s);
		break;
	case 5:
	case 6:
		__atomic_store_n(&s->quiet_since, 0, __ATOMIC_SEQ_CST);
		fleet_set(f, s, random_in(1, 20));
		break;
	case 7:
		for (u32 k = 1; k < f->n; k++)
			set_full(f->server[k], random_u64() & 1);
		break;
	case 8:
		if (i)
			set_conns(s, random_below(20), random_below(20));
		break;
	case 9:
		WRITE_ONCE(f->svc->flags, f->svc->flags ^ (8 << random_below(3)));
		break;
	default:
		/* some are to be brought back just when the scheduler goes */
		for (u32 round = 0; round < 2; round++) {
			for (u32 k = 1; k < f->n; k++)
				set_full(f->server[k], !round);
			for (u32 k = random_below(8); k; k--)
				sched_yield();
		}
		fleet_unbind(f);
		if (shim_work_pending())
			complain("work is pending a grace period after done_service");
		if (fleet_bind(f))
			complain("init_service failed");
	}
}

static void test_edits(bool switches, u32 edits)
{
	pthread_t thread[PICKERS + 3];
	u64 picks[PICKERS][8] = { 0 }, sum = 0;
	u32 n = 0;

	seed(81 + switches);
	stop = 0;
	fleet = fleet_load(set_random(6, 20), 6);
	shim_threads = true;
	for (u32 k = 0; k < PICKERS; k++)
		pthread_create(&thread[n++], NULL, watch_picks, picks[k]);
	pthread_create(&thread[n++], NULL, do_work, NULL);
	pthread_create(&thread[n++], NULL, pass_grace_periods, NULL);
	pthread_create(&thread[n++], NULL, read_debugfs, NULL);
	for (u32 k = 0; k < edits; k++) {
		edit(fleet, switches);
		if (k % 8 == 0)
			sched_yield();
	}
	WRITE_ONCE(stop, 1);
	while (n)
		pthread_join(thread[--n], NULL);
	shim_threads = false;
	shim_grace_period();
	for (u32 k = 0; k < PICKERS; k++)
		sum += picks[k][0];
	note("%llu picks during %u edits", sum, edits);
	fleet->svc->flags = IP_VS_SVC_F_HASHED;
	for (u32 k = 0; k < fleet->n; k++)
		set_full(fleet->server[k], false);
	for (u32 k = 0; k < fleet->n; k++)
		fleet_set(fleet, fleet->server[k], k + 1);
	for (u32 k = 0; k < 3; k++) {
		shim_tick(10);
		fleet_pick(fleet);
		shim_settle();
	}
	fleet_check_cycles(fleet, "after it all");
	fleet_close(fleet);
	verdict("%d threads while servers are edited%s: never a server that was gone or quiesced",
		PICKERS, switches ? " and schedulers switched" : "");
}

int main(void)
{
	ktap_start();
	module_load();
	test_exact();
	test_carried();
	test_edits(false, effort(4000));
	test_edits(true, effort(1500));
	module_unload();
	verdict("nothing is left");
	return ktap_end();
}
