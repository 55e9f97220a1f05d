// SPDX-License-Identifier: GPL-2.0
/* The work of the worst pick, in instructions: bounded whatever the weights and whoever
 * is full. The kernel's wrr model is asked beside us.
 */
#include "fleet.h"
#include "models.h"
#include "steps.h"

#define N 1000

/* 12 turns, which may have to be made, and a pass over the servers: to see who has room,
 * which is all that a refusal takes. 1000 instructions are what a turn takes at its worst,
 * its share of the pick's other work and of turns made for later picks included.
 */
static const unsigned long turns = 12 * 1000, pass = 10 * N;

/* Turns may be made for later picks, and some of the parked servers are looked at once a
 * jiffy.
 */
static const unsigned long later = 8 * 800 + 64 * 42;

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

static void check_steps(const char *what, unsigned long steps, unsigned long bound)
{
	if (steps > bound)
		complain("%s: %lu instructions%s, bound %lu", what, steps,
			 steps + 1000 < STEPS_MAX ? "" : " or more", bound);
}

/* Which servers are full: in order of weight, or by other rules. */
static void make_full(struct fleet *f, u32 from, u32 to, bool by_cap)
{
	for (u32 i = from; i < to; i++) {
		if (by_cap)
			set_conns(f->server[i], INT_MAX, 0);
		else
			set_full(f->server[i], true);
	}
	if (by_cap)
		f->svc->flags |= IP_VS_SVC_F_SCHED1 | IP_VS_SVC_F_SCHED2;
}

/* What the kernel's wrr would do, of which there is no more than to be told. */
static void note_wrr(const char *what, const u32 *w, u32 n, u32 from, u32 to,
		     unsigned long worst, unsigned long last)
{
	u64 visits = (u64)w[0] * n;
	struct model wrr;

	if (w[0] < 100000) {
		model_open(&model_wrr, &wrr, w, n);
		for (u32 t = 0; t < 100 && wrr.visits < 1000000; t++)
			model_wrr.pick(&wrr);
		for (u32 i = from; i < to; i++)
			wrr.full[i] = true;
		wrr.visits = 0;
		model_wrr.pick(&wrr);
		visits = wrr.visits;
		model_close(&wrr);
	}
	note("%s: worst %lu instructions, later %lu; wrr looks at %llu servers%s", what, worst,
	     last, visits, w[0] < 100000 ? "" : " (computed)");
}

/* Servers @from to @to - 1 are full after some picks. Counting is slow: the first picks,
 * the first ones after work, and a later one.
 */
static void worst_pick(const char *what, const u32 *w, u32 n, u32 before, u32 from, u32 to,
		       bool by_cap)
{
	unsigned long worst = 0, steps, last = 0;
	struct fleet *f = fleet_load(w, n);
	u32 full = to - from;
	struct ip_vs_dest *dest;

	fleet_skip(f, before);
	make_full(f, from, to, by_cap);
	for (u32 t = 0; t < 12; t++) {
		if (t == 9) {
			shim_tick(5);
			shim_run_work();
		}
		steps = counted_pick(f, &dest);
		if (!dest != (full == n))
			complain("%s: %s", what, dest ? "somebody" : "nobody");
		worst = max(worst, steps);
		last = steps;
		for (u32 k = 0; t > 6 && k < 20; k++)
			fleet_pick(f);
	}
	note_wrr(what, w, n, from, to, worst, last);
	check_steps(what, worst, turns + pass);
	check_steps(what, last, full == n ? pass : later);
	fleet_close(f);
}

/* Either it is kept by then, or many turns were made. */
static u32 long_after(const u32 *w)
{
	u64 sum = 0;

	for (u32 i = 0; i < N; i++)
		sum += w[i];
	return min(2 * sum, 200000ULL);
}

static void test_worst(void)
{
	u32 w[N];

	seed(90);
	for (u32 i = 0; i < N; i++)
		w[i] = random_in(1, 100);
	worst_pick("1000 random, one full", w, N, long_after(w), 0, 1, false);
	worst_pick("1000 random, half full", w, N, long_after(w), 0, N / 2, false);
	worst_pick("1000 random, all but one full", w, N, long_after(w), 0, N - 1, false);
	worst_pick("1000 random, all full", w, N, long_after(w), 0, N, false);
	worst_pick("1000 random, all but one at their caps", w, N, long_after(w), 0, N - 1, true);
	worst_pick("1000 random, not kept yet, half full", w, N, 5000, 0, N / 2, false);
	worst_pick("1000 random, not kept yet, all but one at their caps", w, N, 5000, 0, N - 1, true);
	worst_pick("{10000, 1 x 999}, the heavy one full", set_heavy(N, 10000), N, 30000, 0, 1, false);
	worst_pick("{65535, 1 x 999}, all full", set_heavy(N, 65535), N, 100000, 0, N, false);
	worst_pick("{65535, 1 x 999}, all but the heavy one full", set_heavy(N, 65535), N, 100000, 1, N, false);
	worst_pick("{2^31 - 1, 1 x 999}, the heavy one full", set_heavy(N, INT_MAX), N, 200000, 0, 1, false);
	worst_pick("2^31 - 1 x 1000, all but one full", set_equal(N, INT_MAX), N, 2000, 0, N - 1, false);
	worst_pick("equal, not kept yet, all but the first full", set_equal(N, 1), N, 100, 1, N, false);
	for (u32 i = 0; i < N; i++)
		w[i] = i == N - 1 ? 1 : random_in(INT_MAX / 2, INT_MAX);
	worst_pick("1000 up to 2^31 - 1, all but the lightest full", w, N, 20000, 0, N - 1, false);
	for (u32 i = 0; i < N; i++)
		w[i] = i < 20 ? INT_MAX - i : random_in(1, 65535);
	worst_pick("20 of 2^31 - 1 and 980 up to 65535, the heavy ones full", w, N, 20000, 0, 20, false);
	worst_pick("20 of 2^31 - 1 and 980 up to 65535, the heavy ones at their caps", w, N, 20000, 0, 20, true);
	for (u32 i = 0; i < N; i++)
		w[i] = i < N / 2 ? random_in(INT_MAX / 2, INT_MAX) : random_in(1, 65535);
	worst_pick("500 up to 2^31 - 1 and 500 up to 65535, the heavy ones full", w, N, 0, 0, N / 2, false);
	worst_pick("500 up to 2^31 - 1 and 500 up to 65535, the heavy ones full later", w, N, 20000, 0, N / 2, false);
	for (u32 i = 0; i < N; i++)
		w[i] = i < 20 ? 3000 : 1;
	worst_pick("{3000 x 20, 1 x 980}, the heavy ones full", w, N, long_after(w), 0, 20, false);
	for (u32 i = 0; i < N; i++)
		w[i] = i == N - 1 ? 1 : 64;
	worst_pick("{64 x 999, 1}, all but the light one full", w, N, long_after(w), 0, N - 1, false);
	verdict("the worst pick at 1000 servers takes 12 turns and a pass over them, a refusal the pass");
}

/* Who was set aside has room again, and who had it is full, before work comes: those
 * without turns are looked at, and every search finds another one of them.
 */
static void test_swap(const char *what, const u32 *w, u32 active)
{
	struct fleet *f = fleet_load(w, N);
	unsigned long worst = 0;
	struct ip_vs_dest *dest;

	fleet_skip(f, 2000);
	for (u32 i = 0; i < N; i++)
		set_full(f->server[i], i >= active);
	fleet_skip(f, 100);
	for (u32 i = 0; i < N; i++)
		set_full(f->server[i], i < active);
	for (u32 t = 0; t < 5; t++) {
		worst = max(worst, counted_pick(f, &dest));
		if (!dest)
			complain("%s: nobody", what);
	}
	note("%s: worst %lu instructions", what, worst);
	check_steps(what, worst, turns + pass);
	fleet_close(f);
}

static void test_swaps(void)
{
	seed(92);
	test_swap("1000 up to 2^31 - 1, one with turns", set_random(N, INT_MAX), 1);
	test_swap("1000 up to 2^31 - 1, twenty with turns", set_random(N, INT_MAX), 20);
	test_swap("{2^31 - 1, 1 x 999}, half with turns", set_heavy(N, INT_MAX), N / 2);
	verdict("a pick that finds only those without turns takes no longer");
}

/* Who has room, and how many connections, changes with every pick; whatever the weights. */
static void test_mess(u32 cases)
{
	unsigned long worst = 0;
	u32 w[N];

	seed(93);
	for (u32 c = 0; c < cases; c++) {
		u32 heavy = random_in(0, N), limit = 1U << random_in(0, 16);
		struct ip_vs_dest *dest;
		struct fleet *f;

		for (u32 i = 0; i < N; i++)
			w[i] = random_in(1, i < heavy ? INT_MAX : limit);
		f = fleet_load(w, N);
		fleet_skip(f, random_in(0, 5000));
		for (u32 t = 0; t < 12; t++) {
			u32 from = random_in(0, N - 1), to = random_in(from, N);

			make_full(f, from, to, !random_in(0, 3));
			from = random_in(0, N - 1);
			to = random_in(from, N);
			for (u32 i = from; i < to; i++) {
				set_full(f->server[i], false);
				set_conns(f->server[i], 0, 0);
			}
			shim_tick(random_in(0, 1));
			worst = max(worst, counted_pick(f, &dest));
		}
		fleet_close(f);
	}
	note("1000 servers, %u times anybody full: worst %lu instructions", 12 * cases, worst);
	check_steps("anybody full", worst, turns + pass);
	verdict("the same at random");
}

/* Where all are at caps that are ignored, or over their thresholds, two questions are asked:
 * who has room, and who would have it without caps.
 */
static void test_ignored(void)
{
	unsigned long worst = 0;
	struct ip_vs_dest *dest;
	struct fleet *f;
	u32 w[N];

	seed(94);
	for (u32 i = 0; i < N; i++)
		w[i] = i < 20 ? INT_MAX - i : random_in(1, 65535);
	f = fleet_load(w, N);
	fleet_skip(f, 20000);
	make_full(f, 0, 20, false);
	make_full(f, 20, N, true);
	f->svc->flags &= ~IP_VS_SVC_F_SCHED2;
	for (u32 t = 0; t < 5; t++) {
		worst = max(worst, counted_pick(f, &dest));
		if (!dest)
			complain("nobody");
	}
	fleet_close(f);
	note("1000 servers, all at caps that are ignored: worst %lu instructions", worst);
	check_steps("ignored caps", worst, turns + 2 * pass);
	verdict("where all are at caps that are ignored, it takes two passes");
}

/* Windows open one by one as a rule, but they can do so all at once. */
static void test_rush(const char *what, const u32 *w, u32 full)
{
	struct fleet *f = fleet_load(w, N);
	unsigned long worst = 0;
	struct ip_vs_dest *dest;

	make_full(f, 0, full, false);
	for (u32 t = 0; t < 1050; t++) {
		if (t < 960)
			fleet_pick(f);
		else
			worst = max(worst, counted_pick(f, &dest));
	}
	note("%s: at most %lu instructions", what, worst);
	check_steps(what, worst, turns);
	fleet_close(f);
}

static void test_rushes(void)
{
	u32 w[N];

	seed(91);
	test_rush("1000 equal servers, all windows open at once", set_equal(N, 1), 0);
	test_rush("{2^31 - 1, 1 x 999}, all windows open at once", set_heavy(N, INT_MAX), 1);
	for (u32 i = 0; i < N; i++)
		w[i] = random_in(1000000, 1001000);
	test_rush("1000 almost equal servers, windows open in three slots", w, 0);
	verdict("turns take no longer where many windows open at once");
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
	test_swaps();
	test_mess(effort(20));
	test_ignored();
	test_rushes();
	module_unload();
	verdict("nothing is left");
	return ktap_end();
}
