// SPDX-License-Identifier: GPL-2.0
/* Servers that are full: what they cannot take goes to the others by weight, exactly;
 * and what they get when they come back is their share, not what they missed.
 */
#include "fleet.h"
#include "oracle.h"

/* Which servers are full is decided anew before every pick. */
enum pattern { ALWAYS, FLIP, PHASES, WHEN_DUE, WHEN_AHEAD, ROTATE, BLINK, PATTERNS };
static const char *const pattern_name[] = {
	"always", "flip", "phases", "when due", "when ahead", "rotate", "blink"
};

struct spill {
	struct fleet *f;
	struct pairs o;
	const u32 *weight;
	u32 n;
	enum pattern pattern;
	bool by_cap;		/* full by weight, not by threshold */
	u32 delay, waited;	/* picks until work runs */
	u32 tick;		/* picks a jiffy */
	bool loose;		/* runs may be longer than steady ones */
	u32 period;		/* of the pattern */
	u64 sum;
};

static void make_full(struct spill *s, u32 i, bool full)
{
	struct server *server = s->f->server[i];

	if (s->by_cap)
		set_conns(server, full ? s->weight[i] : s->weight[i] - 1, 0);
	else
		set_full(server, full);
}

/* Servers 0 to @flappers - 1 may be full; the others never are. */
static void apply(struct spill *s, u32 flappers, u64 t)
{
	u32 i;

	switch (s->pattern) {
	case ALWAYS:
		for (i = 0; !t && i < flappers; i++)
			make_full(s, i, true);
		break;
	case FLIP:
		if (!random_below(s->period))
			make_full(s, random_below(flappers), random_u64() & 1);
		break;
	case PHASES:
		if (t % s->period)
			break;
		for (i = 0; i < flappers; i++)
			make_full(s, i, t / s->period & 1);
		break;
	case WHEN_DUE:
	case WHEN_AHEAD:
		for (i = 0; i < flappers; i++) {
			__int128 lag = (__int128)s->weight[i] * t -
				       (__int128)s->sum * s->f->server[i]->picks;

			make_full(s, i, (lag > 0) == (s->pattern == WHEN_DUE));
		}
		break;
	case ROTATE:
		if (t % s->period)
			break;
		for (i = 0; i < flappers; i++)
			make_full(s, i, (i + t / s->period) % flappers < (flappers + 1) / 2);
		break;
	case BLINK:
		for (i = 0; i < flappers; i++)
			make_full(s, i, (t + i) % 2);
		break;
	default:
		break;
	}
}

static void work(struct spill *s, u64 t)
{
	if (t % s->tick == 0)
		shim_tick(1);
	if (!shim_work_pending()) {
		s->waited = 0;
		return;
	}
	if (s->waited++ >= s->delay)
		shim_run_work();
}

static long double worst;
static u64 made;

static void run_spill(struct spill *s, u32 flappers, u64 picks)
{
	s->f = fleet_load(s->weight, s->n);
	if (s->by_cap)
		s->f->svc->flags |= IP_VS_SVC_F_SCHED1;
	pairs_start(&s->o, s->weight, s->n);
	s->sum = 0;
	for (u32 i = 0; i < s->n; i++)
		s->sum += s->weight[i];
	for (u32 i = 0; i < flappers; i++)
		pairs_exclude(&s->o, i);
	for (u64 t = 0; t < picks; t++) {
		struct server *server;

		apply(s, flappers, t);
		work(s, t);
		server = fleet_pick(s->f);
		if (server && pairs_pick(&s->o, server->index))
			continue;
		complain("%s, %u of %u full (%s, period %u, %s), work after %u, tick %u: pick %llu: %s",
			 set_name(s->weight, s->n), flappers, s->n, pattern_name[s->pattern],
			 s->period, s->by_cap ? "cap" : "threshold", s->delay, s->tick, t,
			 server ? "never full, but not by weight" : "nobody");
		break;
	}
	worst = max(worst, s->o.worst);
	made += picks;
	pairs_end(&s->o);
	fleet_close(s->f);
}

static u32 delays[] = { 0, 1, 5, 50, 1000000 };

static void random_spill(struct spill *s)
{
	*s = (struct spill){ .pattern = random_below(PATTERNS) };
	s->by_cap = !random_below(3);
	s->delay = delays[random_below(ARRAY_SIZE(delays))];
	s->tick = random_weight(200);
	s->period = random_weight(2000);
}

static void report(const char *what)
{
	note("%s: %llu picks, greatest distance %.3Lf of its bound", what, made, worst);
	worst = 0;
	made = 0;
}

static void test_random(const char *what, u32 sets, u32 most, u32 high, u64 picks)
{
	u32 w[1000];

	for (u32 k = 0; k < sets && !complaints(); k++) {
		u32 n = random_in(2, most), flappers = random_in(1, n - 1);
		u32 shape = random_below(4);
		struct spill s;

		for (u32 i = 0; i < n; i++)
			w[i] = shape ? random_in(1, high) : random_weight(high);
		if (shape == 1)
			w[random_below(n)] = high * 10ULL > INT_MAX ? INT_MAX : high * 10;
		random_spill(&s);
		s.weight = w;
		s.n = n;
		run_spill(&s, flappers, picks);
	}
	report(what);
	verdict("spill is by weight, whoever is full when: %s", what);
}

/* Ten times the heaviest load on the rest; and everything full but two. */
static void test_extremes(void)
{
	static u32 w[1000];

	seed(11);
	for (u32 pattern = 0; pattern < PATTERNS; pattern++) {
		for (size_t d = 0; d < ARRAY_SIZE(delays); d++) {
			struct spill s = { .pattern = pattern, .delay = delays[d] };

			s.tick = 20;
			s.period = 700;
			s.n = 100;
			s.weight = set_heavy(100, 10000);
			run_spill(&s, 1, 4000);
			for (u32 i = 0; i < 100; i++)
				w[i] = random_in(1, 100);
			s.weight = w;
			run_spill(&s, 98, 4000);
			s.by_cap = true;
			run_spill(&s, 50, 4000);
			s.by_cap = false;
			for (u32 i = 0; i < 1000; i++)
				w[i] = random_weight(INT_MAX);
			s.n = 1000;
			run_spill(&s, 900, 1000);
			s.weight = set_equal(1000, 3);
			run_spill(&s, 997, 1000);
			/* half of 2^42 slots go by a pick: time wraps within them */
			for (u32 i = 0; i < 1000; i++)
				w[i] = i < 998 ? INT_MAX - i : i - 997;
			s.weight = w;
			run_spill(&s, 998, 1000);
		}
	}
	report("extremes");
	verdict("spill is by weight: heavy servers, 90 %% and all but two full, 1000 servers");
}

/* The run of each server in steady state, over two cycles. */
static u64 steady_run(const u32 *weight, u32 n)
{
	struct fleet *f = fleet_load(weight, n);
	u64 run;

	fleet_skip(f, 2 * fleet_cycle(f));
	run = f->longest_run;
	fleet_close(f);
	return run;
}

/* No run is longer of servers that stay within a turn of their shares. */
static u64 exact_run(const u32 *weight, u32 n)
{
	u64 sum = 0, most = 0;

	for (u32 i = 0; i < n; i++) {
		sum += weight[i];
		most = max(most, (u64)weight[i]);
	}
	return (2 * sum - 1) / (sum - most);
}

struct figures {
	double back_above;	/* of those that come back, from then on */
	double above, below;	/* of all, once what was parked is back too */
	u64 run, steady;	/* where the run is longest over the steady one */
};

static struct figures figures;

/* Has the scheduler had the time to see that there is room again? Which is: at the
 * first pick in another jiffy, and by work that may have to wait for the one after.
 */
static bool settled(const struct spill *s, u64 t)
{
	return t > 4 * s->tick + s->delay && !shim_work_pending();
}

static void note_run(u64 run, u64 steady)
{
	if (!figures.steady || run * figures.steady > figures.run * steady) {
		figures.run = run;
		figures.steady = steady;
	}
}

/* Servers 0 to @flappers - 1 are full for a time, then come back all at once. */
static void run_return(struct spill *s, u32 flappers, u64 before, u64 during)
{
	u64 steady = steady_run(s->weight, s->n), since = 0, t = 0, run = 0, cycle;
	struct share back, all;

	s->f = fleet_load(s->weight, s->n);
	cycle = fleet_cycle(s->f);
	fleet_skip(s->f, before);
	for (u32 i = 0; i < flappers; i++)
		make_full(s, i, true);
	while (t < during) {
		work(s, t++);
		fleet_pick(s->f);
	}
	for (u32 i = 0; i < flappers; i++)
		make_full(s, i, false);

	fleet_forget(s->f);
	share_start(&back, s->weight, s->n);
	share_start(&all, s->weight, s->n);
	for (t = 0; t < since + 2 * cycle; t++) {
		struct server *server;
		u32 i;

		work(s, t);
		if (!since && settled(s, t))
			since = t;
		server = fleet_pick(s->f);
		if (!server || (!since && t > 100000)) {
			complain(server ? "work is pending for ever" : "nobody");
			break;
		}
		i = server->index;
		/* until others are back too, who was not full gets more */
		share_pick(&back, i);
		if (i < flappers)
			figures.back_above = max(figures.back_above, share_above(&back));
		if (i < flappers && back.above > 2 * (__int128)back.sum)
			complain("%s, %u back after %llu + %llu: pick %llu: %.3f above its share",
				 set_name(s->weight, s->n), flappers, before, during, t,
				 share_above(&back));
		back.above = 0;
		if (since)
			share_pick(&all, i);
		if (i < flappers || since)
			run = max(run, s->f->run);
		if (complaints())
			break;
	}
	/* a small set has other orders as exact as the steady one, with longer runs */
	if (run > (s->loose ? exact_run(s->weight, s->n) : steady))
		complain("%s, %u back after %llu + %llu, delay %u, tick %u: a run of %llu, steady %llu",
			 set_name(s->weight, s->n), flappers, before, during, s->delay,
			 s->tick, run, steady);
	if (max(all.above, all.below) > 2 * (__int128)all.sum)
		complain("%s, %u back after %llu + %llu, delay %u, tick %u: later %.3f above, %.3f below a share",
			 set_name(s->weight, s->n), flappers, before, during, s->delay,
			 s->tick, share_above(&all), share_below(&all));
	figures.above = max(figures.above, share_above(&all));
	figures.below = max(figures.below, share_below(&all));
	note_run(run, steady);
	share_end(&back);
	share_end(&all);
	fleet_close(s->f);
}

static void report_return(const char *what)
{
	note("%s: who returns at most %.3f above the share in any window; later all at most %.3f above, %.3f below; longest run against the steady one: %llu to %llu",
	     what, figures.back_above, figures.above, figures.below, figures.run, figures.steady);
	figures = (struct figures){ 0 };
	verdict("no burst and no longer run after a return: %s", what);
}

static void test_return(const char *what, u32 sets, u32 least, u32 most, u32 high)
{
	static const u64 lengths[] = { 1, 2, 7, 40, 300, 2000 };
	u32 w[100];

	for (u32 k = 0; k < sets; k++) {
		u32 n = random_in(least, most), flappers;
		struct spill s;

		memcpy(w, set_random(n, high), n * sizeof(*w));
		switch (random_below(5)) {
		case 0:
			flappers = 1;
			break;
		case 1:
			flappers = (n + 1) / 2;
			break;
		case 2:
			flappers = n - 1;
			break;
		case 3:
			w[0] = 20 * high;	/* a heavy one */
			flappers = 1;
			break;
		default:
			flappers = random_in(1, n - 1);
		}
		random_spill(&s);
		s.by_cap = false;
		if (s.delay > 50)
			s.delay = 50;
		s.tick = random_in(1, 20);
		s.loose = true;
		s.weight = w;
		s.n = n;
		run_return(&s, flappers, random_below(500),
			   lengths[random_below(ARRAY_SIZE(lengths))]);
	}
	report_return(what);
}

static void test_return_usual(void)
{
	static const u32 sets[][4] = { { 5, 1, 1 }, { 4, 3, 2 }, { 3, 2 }, { 1, 5, 197, 197 } };
	static const u32 size[] = { 3, 3, 2, 4 };

	for (u64 during = 1; during < 3000; during = during * 3 + 1) {
		for (u32 k = 0; k < 5; k++) {
			for (size_t d = 0; d < 4; d++) {
				struct spill s = { .delay = delays[d], .tick = 10 };

				s.weight = k < 4 ? sets[k] : set_heavy(100, 10000);
				s.n = k < 4 ? size[k] : 100;
				for (u64 before = 0; before < (k < 4 ? 20 : 2); before++)
					run_return(&s, 1, before, during);
			}
		}
	}
	report_return("{5,1,1}, {4,3,2}, {3,2}, {1,5,197,197}, {10000, 1 x 99}");
}

int main(void)
{
	ktap_start();
	module_load();
	seed(10);
	test_random("2 to 8 servers, weights up to 10", effort(3000), 8, 10, 2000);
	test_random("2 to 60 servers, weights up to 100", effort(600), 60, 100, 3000);
	test_random("2 to 40 servers, weights up to 65535", effort(500), 40, 65535, 3000);
	test_random("2 to 40 servers, weights up to 2^31 - 1", effort(500), 40, INT_MAX, 3000);
	test_random("2 to 1000 servers", effort(20), 1000, 100, 5000);
	test_extremes();
	seed(12);
	test_return_usual();
	test_return("2 to 6 servers, weights up to 10", effort(2000), 2, 6, 10);
	test_return("16 to 100 servers, weights up to 100", effort(120), 16, 100, 100);
	module_unload();
	verdict("nothing is left");
	return ktap_end();
}
