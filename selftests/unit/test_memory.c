// SPDX-License-Identifier: GPL-2.0
/* How much memory a service takes, and that it lives on when there is none. */
#include "fleet.h"

static void measure(const char *what, const u32 *w, u32 n)
{
	size_t bound, before = shim_memory().bytes, rounded = shim_memory().rounded;
	struct fleet *f = fleet_load(w, n);
	u64 cycle = fleet_cycle(f), kept = min(65536U, max(1024U, 64 * n));
	struct shim_memory memory;

	fleet_skip(f, min(3 * cycle, 20000ULL));
	memory = shim_memory();
	memory.bytes -= before;
	memory.rounded -= rounded;
	/* a cycle that is too long is not kept, but the last few turns are */
	bound = 512 + 80 * n + 2 * (cycle <= kept ? cycle : 256);
	note("%s: %zu bytes, %zu as the kernel rounds them, bound %zu", what, memory.bytes,
	     memory.rounded, bound);
	if (memory.bytes > bound)
		complain("%s: %zu bytes, bound %zu", what, memory.bytes, bound);
	if (n == 5 && cycle == 5 && memory.rounded > 1024)
		complain("5 equal servers: %zu bytes, bound 1024", memory.rounded);
	fleet_close(f);
}

static void test_size(void)
{
	static const u32 usual[] = { 5, 1, 1 };

	seed(50);
	measure("no server", usual, 0);
	measure("1 server", usual, 1);
	measure("{5,1,1}", usual, 3);
	measure("5 equal servers", set_equal(5, 10), 5);
	measure("50 random servers", set_random(50, 100), 50);
	measure("1000 equal servers", set_equal(1000, 1), 1000);
	measure("1000 random servers, weights up to 100", set_random(1000, 100), 1000);
	measure("1000 random servers, weights up to 65535", set_random(1000, 65535), 1000);
	measure("10000 random servers, weights up to 100", set_random(10000, 100), 10000);
	verdict("memory: at most 512 bytes, 80 a server and 2 a turn kept");
}

/* What an edit may do; each is tried with every one of its allocations failing. */
enum edit { ADD, DELETE, HEAVIER, QUIESCE, WAKE, PARK, RETURN, EDITS };
static const char *const edit_name[] = {
	"add", "delete", "heavier", "quiesce", "wake", "park", "return"
};

static void do_edit(struct fleet *f, enum edit edit)
{
	struct server *s = f->server[random_below(f->n)];

	switch (edit) {
	case ADD:
		fleet_add(f, random_in(1, 20));
		break;
	case DELETE:
		fleet_del(f, s);
		break;
	case HEAVIER:
		fleet_set(f, s, weight_of(s) + random_in(1, 20));
		break;
	case QUIESCE:
		fleet_set(f, s, 0);
		break;
	case WAKE:
		fleet_set(f, f->server[0], 7);
		break;
	case PARK:
	case RETURN:
		for (u32 i = 1; i < f->n; i++)
			set_full(f->server[i], edit == PARK);
		fleet_skip(f, 40);
		for (u32 i = 0; i < 4; i++) {
			shim_tick(5);
			fleet_pick(f);
			shim_run_work();
		}
		break;
	default:
		break;
	}
}

/* With whatever the scheduler has: nobody bad, and somebody if anybody has room. */
static void use(struct fleet *f, const char *when)
{
	for (u32 t = 0; t < 60; t++) {
		bool room = false;

		for (u32 i = 0; i < f->n; i++)
			room |= weight_of(f->server[i]) && !is_full(f->server[i]);
		if (room != !!fleet_pick(f))
			complain("%s: %s", when, room ? "nobody" : "somebody");
		if (t % 7 == 0) {
			shim_tick(10);
			shim_run_work();
		}
	}
}

static bool starve(enum edit edit, u32 nth, bool on, u32 round)
{
	u32 n = edit == DELETE || edit == QUIESCE ? random_in(2, 9) : random_in(1, 9);
	struct fleet *f = fleet_load(set_random(n, 20), n);
	unsigned int failed;

	if (edit == WAKE)
		fleet_set(f, f->server[0], 0);
	if (edit == RETURN)
		do_edit(f, PARK);
	if (edit != WAKE || n > 1)
		fleet_skip(f, random_below(60));
	shim_fail_nth(nth, on);
	do_edit(f, edit);
	use(f, edit_name[edit]);
	if (round & 1) {
		/* and one more on top, of which the first knows nothing */
		do_edit(f, random_u64() & 1 ? ADD : HEAVIER);
		use(f, "the edit after");
		if (f->n > 2) {
			fleet_del(f, f->server[random_below(f->n)]);
			use(f, "the deletion after");
		}
	}
	/* who is new takes it all where the others are full */
	if (edit == ADD && f->n) {
		for (u32 i = 0; i + 1 < f->n; i++)
			set_full(f->server[i], true);
		use(f, "only the latest has room");
		for (u32 i = 0; i + 1 < f->n; i++)
			set_full(f->server[i], false);
	}
	failed = shim_failed();
	shim_fail_nth(0, false);
	for (u32 i = 0; i < f->n; i++)
		set_full(f->server[i], false);
	for (u32 i = 0; i < 3; i++) {
		shim_settle();
		shim_tick(HZ);
		if (fleet_cycle(f))
			fleet_pick(f);
	}
	shim_settle();
	fleet_check_cycles(f, edit_name[edit]);
	fleet_close(f);
	return failed;
}

static void test_failing(enum edit edit)
{
	u32 sites = 0;

	seed(60 + edit);
	for (u32 round = 0; round < effort(20); round++) {
		for (u32 nth = 1; starve(edit, nth, false, round); nth++)
			sites = max(sites, nth);
		for (u32 nth = 1; nth <= sites + 1; nth++)
			starve(edit, nth, true, round);
	}
	if (!sites)
		complain("nothing was allocated, so nothing was tested");
	verdict("%s without memory: no bad pick, and exact shares once there is some (%u allocations)",
		edit_name[edit], sites);
}

static void test_failing_init(void)
{
	u32 sites = 0;
	int err = -ENOMEM;

	for (u32 nth = 1; err; nth++) {
		struct fleet *f = fleet_new(set_random(5, 9), 5);
		size_t objects = shim_memory().objects;

		shim_fail_nth(nth, false);
		err = fleet_bind(f);
		sites += !!shim_failed();
		shim_fail_nth(0, false);
		if (err && err != -ENOMEM)
			complain("allocation %u: error %d", nth, err);
		if (err && shim_memory().objects != objects)
			complain("allocation %u: something is left", nth);
		if (err && shim_work_pending())
			complain("allocation %u: work is pending", nth);
		if (!err)
			fleet_check_cycles(f, "init");
		fleet_close(f);
		if (nth > 100) {
			complain("it never works");
			break;
		}
	}
	if (!sites)
		complain("nothing was allocated, so nothing was tested");
	verdict("init_service without memory: an error, and nothing is left (%u allocations)", sites);
}

int main(void)
{
	ktap_start();
	module_load();
	test_size();
	test_failing_init();
	for (int edit = 0; edit < EDITS; edit++)
		test_failing(edit);
	module_unload();
	verdict("nothing is left");
	return ktap_end();
}
