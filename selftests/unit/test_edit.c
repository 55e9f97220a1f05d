// SPDX-License-Identifier: GPL-2.0
/* Weights and servers that change all the time: close to the share that was due under
 * all weights so far, nobody starves, and once it is quiet the cycles are exact.
 */
#include "fleet.h"
#include "oracle.h"

enum kind { REDRAW, DRIFT, SWITCH, COME_AND_GO, MIXED, KINDS };
static const char *const kind_name[] = {
	"weights redrawn", "weights drift by 1", "weights 0 and back", "servers added and deleted",
	"all of these"
};

struct edits {
	struct fleet *f;
	struct fluid o;
	enum kind kind;
	u32 most;	/* servers */
	u32 high;	/* weight */
};

static void set(struct edits *e, u32 i, u32 weight)
{
	fleet_set(e->f, e->f->server[i], weight);
	fluid_set(&e->o, i, weight);
}

static u32 active(const struct edits *e)
{
	u32 n = 0;

	for (u32 i = 0; i < e->f->n; i++)
		n += !!weight_of(e->f->server[i]);
	return n;
}

static void edit(struct edits *e)
{
	enum kind kind = e->kind == MIXED ? random_below(MIXED) : e->kind;
	u32 i = random_below(e->f->n), weight = weight_of(e->f->server[i]);

	switch (kind) {
	case REDRAW:
		set(e, i, random_in(1, e->high));
		break;
	case DRIFT:
		if (weight)
			set(e, i, weight == 1 || (weight < e->high && random_u64() & 1) ?
			    weight + 1 : weight - 1);
		break;
	case SWITCH:
		if (!weight)
			set(e, i, random_in(1, e->high));
		else if (active(e) > e->most / 2)
			set(e, i, 0);
		break;
	default:
		if (e->f->n < e->most && (e->f->n < e->most / 2 || random_u64() & 1)) {
			weight = random_in(1, e->high);
			fleet_add(e->f, weight);
			fluid_add(&e->o, weight);
		} else if (!weight || active(e) > e->most / 2) {
			fleet_del(e->f, e->f->server[i]);
			fluid_del(&e->o, i);
		}
	}
}

static long double worst, waited;
static u64 made;

/* What quiesced servers keep, the active ones are owed or have in advance: with half of
 * 16 servers active, up to a third of a pick each more than their own.
 */
static long double bound_of(enum kind kind)
{
	return kind == SWITCH || kind == MIXED ? 1.4L : 1.25L;
}

static void run_edits(struct edits *e, u32 n, u32 every, u64 picks, long double bound,
		      bool quiet)
{
	const u32 *w = set_random(n, e->high);
	long double lag = 0, wait = 0;

	e->most = n;
	e->f = fleet_load(w, n);
	fluid_start(&e->o, w, n);
	for (u64 t = 0; t < picks; t++) {
		struct server *server;

		if (t % every == 0)
			edit(e);
		server = fleet_pick(e->f);
		if (!server) {
			complain("pick %llu: nobody", t);
			break;
		}
		lag = max(lag, fluid_pick(&e->o, server->index));
		for (u32 i = 0; i < e->f->n; i++)
			wait = max(wait, e->o.waited[i]);
	}
	if (lag > bound)
		complain("%u servers, %s, one edit every %u picks: %.3Lf picks off the share",
			 n, kind_name[e->kind], every, lag);
	if (wait > 2.5)
		complain("%u servers, %s, one edit every %u picks: %.2Lf turns due and none had",
			 n, kind_name[e->kind], every, wait);
	worst = max(worst, lag);
	waited = max(waited, wait);
	made += picks;
	if (quiet)
		fleet_check_cycles(e->f, kind_name[e->kind]);
	fluid_end(&e->o);
	fleet_close(e->f);
}

static void report(const char *what)
{
	note("%s: %llu picks, greatest distance from the share %.4Lf, longest wait %.3Lf turns due",
	     what, made, worst, waited);
	worst = 0;
	waited = 0;
	made = 0;
}

static void test_each_pick(enum kind kind)
{
	seed(20 + kind);
	for (u32 k = 0; k < effort(6); k++) {
		struct edits e = { .kind = kind, .high = 100 };

		run_edits(&e, k ? random_in(16, 100) : 16, 1, k ? 8000 : 100000,
			  bound_of(kind), true);
	}
	report(kind_name[kind]);
	verdict("one edit a pick, 16 to 100 servers: %s", kind_name[kind]);
}

static void test_rates(void)
{
	seed(30);
	for (u32 every = 2; every <= 1000; every *= 3) {
		for (u32 k = 0; k < effort(10); k++) {
			struct edits e = { .kind = random_below(KINDS), .high = 100 };

			run_edits(&e, random_in(16, 100), every, 10000,
				  bound_of(e.kind), true);
		}
	}
	report("every 2 to 1000 picks");
	verdict("one edit every 2 to 1000 picks");
}

/* Few servers and weights of all sizes: harder, and only "below 2" is promised. */
static void test_hard(void)
{
	seed(31);
	for (u32 k = 0; k < effort(400); k++) {
		struct edits e = { .kind = random_below(KINDS) };

		e.high = 1U << random_in(1, 30);
		run_edits(&e, random_in(2, 16), random_weight(50), 1500, 2, e.high < 256);
	}
	report("hard");
	verdict("2 to 16 servers, weights up to 2^30: below 2 picks off the share");
}

/* Edits that change nothing must not be felt: as exact as if they were not. */
static void test_no_edit(void)
{
	seed(32);
	for (u32 k = 0; k < effort(200); k++) {
		u32 n = random_in(1, 30);
		const u32 *w = set_random(n, 20);
		struct fleet *f = fleet_load(w, n);
		struct share o;

		share_start(&o, w, n);
		for (u32 t = 0; t < 1500; t++) {
			struct server *s = f->server[random_below(n)];

			fleet_set(f, s, weight_of(s));
			if (!share_pick(&o, fleet_pick(f)->index))
				complain("%s: pick %u: a whole pick off", set_name(w, n), t);
		}
		share_end(&o);
		fleet_close(f);
	}
	verdict("an edit that changes nothing is not felt");
}

static struct edits *meanwhile;
static u32 meanwhile_most;

static void pick_meanwhile(void)
{
	for (u32 k = random_below(meanwhile_most); k; k--) {
		long double lag = fluid_pick(&meanwhile->o, fleet_pick(meanwhile->f)->index);

		worst = max(worst, lag);
		made++;
	}
}

/* Picks do not wait for an edit, and the edit does not lose sight of them, however
 * many they are: they are under the weights before it.
 */
static void test_meanwhile(void)
{
	static const u32 high[] = { 12, 100, 1 << 22 }, most[] = { 3, 30, 1000 };

	seed(34);
	for (u32 k = 0; k < 18; k++) {
		u32 n = k % 2 ? 3 : random_in(4, 30);
		struct edits e = { .kind = REDRAW, .high = high[k / 2 % 3] };
		const u32 *w = set_random(n, e.high);

		meanwhile = &e;
		meanwhile_most = most[k / 6];
		e.f = fleet_load(w, n);
		fluid_start(&e.o, w, n);
		for (u32 t = 0; t < 1000; t++) {
			pick_meanwhile();
			shim_on_alloc = pick_meanwhile;
			edit(&e);
			shim_on_alloc = NULL;
		}
		fluid_end(&e.o);
		fleet_close(e.f);
	}
	if (worst > 1.25L)
		complain("%.3Lf picks off the share", worst);
	report("edits, and picks while they are at work");
	verdict("an edit accounts for all picks that go on meanwhile");
}

/* Full servers and edits together have no exact rule, but bad picks are bad. */
static void test_with_full(void)
{
	seed(33);
	for (u32 k = 0; k < effort(60); k++) {
		struct edits e = { .kind = MIXED, .high = random_in(1, 300) };
		u32 n = random_in(2, 60);
		const u32 *w = set_random(n, e.high);

		e.most = n;
		e.f = fleet_load(w, n);
		fluid_start(&e.o, w, n);
		for (u32 t = 0; t < 3000; t++) {
			bool room = false;

			if (!random_below(3))
				edit(&e);
			set_full(e.f->server[random_below(e.f->n)], random_u64() & 1);
			if (!random_below(20))
				shim_tick(1);
			if (!random_below(10))
				shim_run_work();
			for (u32 i = 0; i < e.f->n; i++)
				room |= weight_of(e.f->server[i]) && !is_full(e.f->server[i]);
			if (room != !!fleet_pick(e.f))
				complain("pick %u: %s", t, room ? "nobody" : "somebody");
		}
		for (u32 i = 0; i < e.f->n; i++)
			set_full(e.f->server[i], false);
		shim_settle();
		fleet_pick(e.f);
		shim_tick(10);
		fleet_pick(e.f);
		shim_settle();
		if (active(&e))
			fleet_check_cycles(e.f, "edits and full servers");
		fluid_end(&e.o);
		fleet_close(e.f);
	}
	verdict("edits while servers are full: whoever is picked has room, and it ends in exact cycles");
}

int main(void)
{
	ktap_start();
	module_load();
	for (int kind = 0; kind < KINDS; kind++)
		test_each_pick(kind);
	test_rates();
	test_hard();
	test_no_edit();
	test_meanwhile();
	test_with_full();
	module_unload();
	verdict("nothing is left");
	return ktap_end();
}
