// SPDX-License-Identifier: GPL-2.0
/* Fixed weights, nobody full: exact shares, at every prefix and in every cycle, and no
 * longer runs than the weights force.
 */
#include "fleet.h"
#include "models.h"
#include "oracle.h"

static double worst, widest;
static u64 made;

/* What the shares force: at best a server's picks have those of others between them. */
static u64 least_run(const u32 *weight, u32 n)
{
	u64 sum = 0, top = 0;

	for (u32 i = 0; i < n; i++) {
		sum += weight[i];
		top = max(top, (u64)weight[i]);
	}
	return sum == top ? U64_MAX : (top + sum - top - 1) / (sum - top);
}

/* Pick through some cycles; the order must be exact at every prefix. Longest run. */
static u64 judge(struct fleet *f, const u32 *weight, u32 n, u64 picks)
{
	u64 cycle = fleet_cycle(f), run;
	struct share o;

	share_start(&o, weight, n);
	for (u64 t = 1; t <= picks; t++) {
		struct server *s = fleet_pick(f);

		if (!s || !share_pick(&o, s->index)) {
			complain("%s: pick %llu: %s", set_name(weight, n), t,
				 s ? "a whole pick off its share" : "nobody");
			break;
		}
		if (t % cycle == 0 && !share_whole(&o)) {
			complain("%s: cycle %llu is not exact", set_name(weight, n), t / cycle);
			break;
		}
	}
	worst = max(worst, share_worst(&o));
	widest = max(widest, max(share_above(&o), share_below(&o)));
	made += picks;
	run = f->longest_run;
	share_end(&o);
	return run;
}

static u64 try_set(const u32 *weight, u32 n, u64 cycles, u64 most)
{
	struct fleet *f = fleet_load(weight, n);
	u64 picks = min(fleet_cycle(f) * cycles, most), run;

	run = judge(f, weight, n, picks);
	fleet_close(f);
	return run;
}

/* k picks in a row need windows that overlap: k < 2 / (1 - r) */
static void check_run(const u32 *weight, u32 n, u64 run)
{
	u64 sum = 0, top = 0;

	for (u32 i = 0; i < n; i++) {
		sum += weight[i];
		top = max(top, (u64)weight[i]);
	}
	if (n > 1 && run * (sum - top) >= 2 * sum)
		complain("%s: a run of %llu", set_name(weight, n), run);
}

static void report(const char *what)
{
	note("%s: %llu picks, greatest |lag| %.6f, furthest from a share in any window %.4f",
	     what, made, worst, widest);
	if (widest >= 2)
		complain("two picks off the share in some window");
	worst = 0;
	widest = 0;
	made = 0;
}

static void test_exhaustive(void)
{
	u32 w[4], sets = 0;

	for (u32 n = 1; n <= 4; n++) {
		u32 all = n == 1 ? 12 : n == 2 ? 144 : n == 3 ? 1728 : 20736;

		for (u32 i = 0; i < all; i++, sets++) {
			for (u32 j = 0, rest = i; j < n; j++, rest /= 12)
				w[j] = rest % 12 + 1;
			check_run(w, n, try_set(w, n, 3, U64_MAX));
		}
	}
	report("exhaustive");
	verdict("shares are exact: every set of up to 4 servers with weights up to 12 (%u)", sets);
}

static void test_random_small(void)
{
	u32 sets = effort(100000), above = 0;

	seed(1);
	for (u32 k = 0; k < sets && !complaints(); k++) {
		u32 n = random_in(2, 8);
		const u32 *w = set_random(n, random_in(1, 4) == 1 ? 50 : 10);
		u64 run = try_set(w, n, 3, U64_MAX);

		check_run(w, n, run);
		above += run > least_run(w, n);
	}
	report("random, small");
	note("runs longer than the least possible: %.1f %% of the sets", 100.0 * above / sets);
	if (above > sets / 8)
		complain("too many runs longer than the least possible");
	verdict("shares are exact: %u random small sets", sets);
}

static void test_random_large(void)
{
	u32 sets = effort(300);
	u64 longest = 0;

	seed(2);
	for (u32 k = 0; k < sets && !complaints(); k++) {
		u32 n = k % 10 ? random_in(16, 200) : random_in(200, 1000);
		const u32 *w = set_random(n, 100);
		u64 run = try_set(w, n, 2, U64_MAX);

		run = max(run, 1ULL);
		if (run > 1)
			complain("%u servers: a run of %llu", n, run);
		longest = max(longest, run);
	}
	report("random, 16 to 1000 servers");
	verdict("shares are exact and the longest run is %llu: %u random sets of 16 to 1000 servers, weights 1 to 100",
		longest, sets);
}

static void test_runs(void)
{
	static const struct { u32 n, weight[4]; u64 run; } small[] = {
		{ 3, { 5, 1, 1 }, 3 }, { 2, { 3, 2 }, 2 }, { 2, { 1, 1 }, 1 },
		{ 3, { 500, 100, 100 }, 3 }, { 4, { 1, 5, 197, 197 }, 1 },
	};
	static const struct { u32 n, heavy; u64 run; } heavy[] = {
		{ 100, 10000, 102 }, { 1000, 10000, 11 }, { 100, 99, 1 }, { 100, 1, 1 },
	};
	u64 run;

	for (size_t i = 0; i < ARRAY_SIZE(small); i++) {
		run = try_set(small[i].weight, small[i].n, 4, U64_MAX);
		if (run != small[i].run)
			complain("%s: a run of %llu, not %llu",
				 set_name(small[i].weight, small[i].n), run, small[i].run);
	}
	for (size_t i = 0; i < ARRAY_SIZE(heavy); i++) {
		run = try_set(set_heavy(heavy[i].n, heavy[i].heavy), heavy[i].n, 3, U64_MAX);
		if (run != heavy[i].run)
			complain("{%u, 1 x %u}: a run of %llu, not %llu", heavy[i].heavy,
				 heavy[i].n - 1, run, heavy[i].run);
	}
	report("the usual sets");
	verdict("longest runs: {5,1,1} 3, {3,2} 2, {10000, 1 x 99} 102, {10000, 1 x 999} 11, {99, 1 x 99} 1");
}

/* Sets with cycles too long to keep, up to what netlink lets in. */
static void test_big_weights(void)
{
	u32 w[8192];
	u64 picks = effort(100000);

	seed(3);
	for (u32 k = 0; k < 40; k++) {
		u32 n = random_in(2, 40);

		for (u32 i = 0; i < n; i++)
			w[i] = random_weight(k & 1 ? INT_MAX : 65535);
		check_run(w, n, try_set(w, n, 2, picks / 2));
	}
	for (u32 i = 0; i < 1000; i++)
		w[i] = random_in(1, 65535);
	try_set(w, 1000, 2, 3 * picks);
	for (u32 i = 0; i < 1000; i++)
		w[i] = random_weight(INT_MAX);
	try_set(w, 1000, 2, 3 * picks);
	for (u32 i = 0; i < 8192; i++)
		w[i] = random_in(INT_MAX / 2, INT_MAX);
	try_set(w, 8192, 2, picks);
	for (u32 n = 1; n <= 1000; n = n * 3 + 1) {
		try_set(set_equal(n, INT_MAX), n, 4, picks);
		w[0] = INT_MAX;
		for (u32 i = 1; i < n; i++)
			w[i] = i & 1 ? INT_MAX - 1 : 1;
		try_set(w, n, 2, picks);
	}
	report("big weights");
	verdict("shares are exact: weights up to 65535 and up to 2^31 - 1, up to 8192 servers");
}

/* Servers that come one by one, and a long time: an exact share for ever. */
static void test_long(void)
{
	static const u32 w[] = { 7, 4, 4, 3, 1 };
	struct fleet *f = fleet_open(w, ARRAY_SIZE(w));

	fleet_check_cycles(f, "added one by one");
	fleet_close(f);
	f = fleet_load(w, ARRAY_SIZE(w));
	judge(f, w, ARRAY_SIZE(w), effort(5000000));
	fleet_close(f);
	report("long");
	verdict("shares stay exact for millions of picks");
}

/* Another order that is known to be good has the same counts and is never far. */
static void test_against_models(void)
{
	static const u32 hard[][6] = { { 1, 5, 197, 197 }, { 1, 1, 1, 177, 13, 177 } };
	u32 sets = effort(3000);

	seed(4);
	for (u32 k = 0; k < sets; k++) {
		u32 n = k == 0 ? 4 : k == 1 ? 6 : random_in(2, 20);
		const u32 *w = k < 2 ? hard[k] : set_random(n, 60);
		struct fleet *f = fleet_load(w, n);
		u64 cycle = fleet_cycle(f);
		struct model nginx, tijdeman;
		u64 x[2][20] = { 0 };

		model_open(&model_nginx, &nginx, w, n);
		model_open(&model_tijdeman, &tijdeman, w, n);
		for (u64 t = 0; t < cycle; t++) {
			x[0][model_nginx.pick(&nginx)]++;
			x[1][model_tijdeman.pick(&tijdeman)]++;
			fleet_pick(f);
			for (u32 i = 0; i < n; i++) {
				s64 d0 = f->server[i]->picks - x[0][i];
				s64 d1 = f->server[i]->picks - x[1][i];

				if (d0 > 2 || d0 < -2 || d1 > 1 || d1 < -1)
					complain("%s: pick %llu: %lld from nginx, %lld from Tijdeman",
						 set_name(w, n), t, d0, d1);
			}
		}
		for (u32 i = 0; i < n; i++)
			if (f->server[i]->picks != x[0][i] || x[0][i] != x[1][i])
				complain("%s: not the same counts", set_name(w, n));
		model_close(&nginx);
		model_close(&tijdeman);
		fleet_close(f);
	}
	verdict("as many picks a cycle as nginx and Tijdeman, and never far from either: %u sets",
		sets);
}

/* The order depends on the weights alone. */
static void test_repeatable(void)
{
	struct fleet *a, *b;

	seed(5);
	for (u32 k = 0; k < 200; k++) {
		u32 n = random_in(1, 40);
		const u32 *w = set_random(n, 30);

		a = fleet_load(w, n);
		shim_tick(random_below(100000));
		b = fleet_load(w, n);
		for (u32 t = 0; t < 2000; t++)
			if (fleet_pick(a)->index != fleet_pick(b)->index)
				complain("%s: pick %u differs", set_name(w, n), t);
		fleet_close(a);
		fleet_close(b);
	}
	verdict("the same weights give the same order");
}

int main(void)
{
	ktap_start();
	module_load();
	test_exhaustive();
	test_random_small();
	test_random_large();
	test_runs();
	test_big_weights();
	test_long();
	test_against_models();
	test_repeatable();
	module_unload();
	verdict("nothing is left");
	return ktap_end();
}
