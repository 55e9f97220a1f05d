// SPDX-License-Identifier: GPL-2.0
/* The work of the worst pick, in instructions: bounded whatever the weights and whoever
 * is full. The kernel's wrr model is asked beside us.
 */
#include "fleet.h"
#include "models.h"
#include "steps.h"

#define N 1000

/* 16 turns, which may have to be made, in a heap; and a pass over the servers to see who
 * has room, which is all that a refusal takes. The pick after it sets the others aside, in
 * at most two passes, and then needs no 16 turns. A server that has room costs more, but
 * that 16 turns are lost where many have it takes a heavy one that is full.
 */
static const unsigned long turns = 16 * 700, look = 12 * N, set_aside = 21 * N, roomy = 62;

/* A turn, and a look at some of the parked servers, as is due once a jiffy. */
static const unsigned long later = 256 * 42;

/* A memoised pick: from the first instruction of the hook to its return. */
static const unsigned long memoised_bound = 30;

static struct ip_vs_dest *no_schedule(struct ip_vs_service *svc, const struct sk_buff *skb,
				      struct ip_vs_iphdr *iph)
{
	(void)svc;
	(void)skb;
	(void)iph;
	return NULL;
}

static noinline unsigned long counted_call(struct fleet *f, struct ip_vs_scheduler *sched,
				  struct ip_vs_dest **dest)
{
	static struct ip_vs_iphdr iph;
	unsigned long n;

	rcu_read_lock();
	steps_start();
	*dest = sched->schedule(f->svc, NULL, &iph);
	n = steps_stop();
	rcu_read_unlock();
	return n;
}

/* Less what a hook takes that does nothing: two instructions and the call. */
static unsigned long counted_pick(struct fleet *f, struct ip_vs_dest **dest)
{
	struct ip_vs_scheduler none = { .schedule = no_schedule }, *idle = &none;
	unsigned long call;

	__asm__("" : "+r"(idle));	/* the compiler is not to look through it */
	call = counted_call(f, idle, dest) - 2;
	return counted_call(f, f->sched, dest) - call;
}

static void worst_pick(const char *what, const u32 *w, u32 n, u32 full, bool by_cap)
{
	struct fleet *f = fleet_load(w, n);
	unsigned long worst = 0, steps, last = 0, bound;
	struct ip_vs_dest *dest;
	struct model wrr;

	fleet_skip(f, min(2 * fleet_cycle(f), 200000ULL));
	for (u32 i = 0; i < full; i++) {
		if (by_cap)
			set_conns(f->server[i], INT_MAX, 0);
		else
			set_full(f->server[i], true);
	}
	if (by_cap)
		f->svc->flags |= IP_VS_SVC_F_SCHED1 | IP_VS_SVC_F_SCHED2;
	/* counting is slow: the first two picks, the first after work, and a later one */
	for (u32 t = 0; t < 4; t++) {
		if (t == 2) {
			shim_tick(5);
			shim_run_work();
		}
		steps = counted_pick(f, &dest);
		if (!dest != (full == n))
			complain("%s: %s", what, dest ? "somebody" : "nobody");
		if (steps > worst)
			worst = steps;
		last = steps;
		for (u32 k = 0; t && k < 20; k++)
			fleet_pick(f);
	}
	model_open(&model_wrr, &wrr, w, n);
	for (u32 t = 0; t < 100 && wrr.visits < 1000000; t++)
		model_wrr.pick(&wrr);
	for (u32 i = 0; i < full; i++)
		wrr.full[i] = true;
	wrr.visits = 0;
	if (w[0] < 100000)
		model_wrr.pick(&wrr);
	note("%s: worst %lu%s instructions, later %lu; wrr looks at %llu servers%s", what, worst,
	     worst + 1000 < STEPS_MAX ? "" : " or more", last,
	     w[0] < 100000 ? wrr.visits : (u64)w[0] * n, w[0] < 100000 ? "" : " (computed)");
	bound = turns + (full == n ? look : set_aside) + (n - full) * roomy;
	if (worst > bound)
		complain("%s: %lu instructions, bound %lu", what, worst, bound);
	if (last > (full == n ? look : later))
		complain("%s: %lu instructions later on", what, last);
	model_close(&wrr);
	fleet_close(f);
}

static void test_worst(void)
{
	u32 w[N];

	seed(90);
	for (u32 i = 0; i < N; i++)
		w[i] = random_in(1, 100);
	worst_pick("1000 random, one full", w, N, 1, false);
	worst_pick("1000 random, half full", w, N, N / 2, false);
	worst_pick("1000 random, all but one full", w, N, N - 1, false);
	worst_pick("1000 random, all full", w, N, N, false);
	worst_pick("1000 random, all but one at their caps", w, N, N - 1, true);
	worst_pick("{10000, 1 x 999}, the heavy one full", set_heavy(N, 10000), N, 1, false);
	worst_pick("{65535, 1 x 999}, all full", set_heavy(N, 65535), N, N, false);
	worst_pick("{2^31 - 1, 1 x 999}, the heavy one full", set_heavy(N, INT_MAX), N, 1, false);
	worst_pick("2^31 - 1 x 1000, all but one full", set_equal(N, INT_MAX), N, N - 1, false);
	for (u32 i = 0; i < N; i++)
		w[i] = i == N - 1 ? 1 : random_in(INT_MAX / 2, INT_MAX);
	worst_pick("1000 up to 2^31 - 1, all but the lightest full", w, N, N - 1, false);
	for (u32 i = 0; i < N; i++)
		w[i] = i == N - 1 ? 1 : 64;
	worst_pick("{64 x 999, 1}, all but the light one full", w, N, N - 1, false);
	verdict("the worst pick at 1000 servers takes 16 turns and at most two passes over them, a refusal one");
}

static void test_memoised(void)
{
	static const u32 sizes[] = { 2, 10, 100, 1000, 10000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct fleet *f = fleet_load(set_equal(sizes[i], 1), sizes[i]);
		unsigned long worst = 0;
		struct ip_vs_dest *dest;

		fleet_skip(f, 3 * sizes[i]);
		for (u32 t = 0; t < 10; t++)
			worst = max(worst, counted_pick(f, &dest));
		note("%u servers, cycle kept: %lu instructions", sizes[i], worst);
		if (worst > memoised_bound)
			complain("%u servers: %lu instructions, bound %lu", sizes[i], worst,
				 memoised_bound);
		fleet_close(f);
	}
	verdict("a pick from a cycle that is kept takes at most %lu instructions, whatever the number of servers",
		memoised_bound);
}

int main(void)
{
	ktap_start();
	if (!steps_work()) {
		skip("cannot count instructions here", "the work of the worst pick");
		return ktap_end();
	}
	module_load();
	test_memoised();
	test_worst();
	module_unload();
	verdict("nothing is left");
	return ktap_end();
}
