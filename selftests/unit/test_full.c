// SPDX-License-Identifier: GPL-2.0
/* Who counts as full, and what happens when all are: thresholds, quiesced servers, and
 * the three flags of a service, which IPVS changes without telling the scheduler.
 */
#include "fleet.h"
#include "oracle.h"

#define CAP	IP_VS_SVC_F_SCHED1
#define STRICT	IP_VS_SVC_F_SCHED2
#define TOTAL	IP_VS_SVC_F_SCHED3

static u32 active_of(const struct server *s)
{
	return atomic_read(&s->dest.activeconns);
}

static u32 total_of(const struct server *s)
{
#ifdef HAVE_IP_VS_DEST_TOTALCONNS
	return atomic_read(&s->dest.totalconns);
#else
	return active_of(s) + atomic_read(&s->dest.inactconns);
#endif
}

/* The contract, in words of its own. */
static bool closed(const struct server *s)
{
	return !weight_of(s) || is_full(s);
}

static bool capped(const struct fleet *f, const struct server *s)
{
	const struct ip_vs_service *svc = f->svc;
	bool all = svc->protocol == IPPROTO_UDP || svc->fwmark || svc->flags & TOTAL;

	return svc->flags & CAP && (all ? total_of(s) : active_of(s)) >= weight_of(s);
}

/* One pick, judged: a server with room if there is one; else, unless strict, one that
 * is only at its cap; else none, and IPVS's word for it in the log.
 */
static struct server *judged_pick(struct fleet *f, const char *what)
{
	unsigned int errors = shim_err_count;
	bool room = false, open = false;
	struct server *s;

	for (u32 i = 0; i < f->n; i++) {
		open |= !closed(f->server[i]);
		room |= !closed(f->server[i]) && !capped(f, f->server[i]);
	}
	if (!room && f->svc->flags & STRICT && f->svc->flags & CAP)
		open = false;
	s = fleet_pick(f);
	if (!s && open)
		complain("%s: pick %llu: nobody", what, f->picks);
	if (s && !open)
		complain("%s: pick %llu: somebody", what, f->picks);
	if (s && room && capped(f, s))
		complain("%s: pick %llu: server %u is at its cap", what, f->picks, s->index);
	if (!s && (shim_err_count != errors + 1 || !strstr(shim_err_last, "overloaded")))
		complain("%s: nobody, and no word of it", what);
	return s;
}

static void test_all_full(u32 n, const u32 *w)
{
	struct fleet *f = fleet_load(w, n);

	for (u32 round = 0; round < 60; round++) {
		u32 lucky = random_below(n);

		fleet_skip(f, random_below(50));
		for (u32 i = 0; i < n; i++)
			set_full(f->server[i], true);
		for (u32 k = random_below(20); k; k--) {
			judged_pick(f, "all full");
			if (random_u64() & 1)
				shim_tick(1);
			if (random_u64() & 1)
				shim_run_work();
		}
		set_full(f->server[lucky], false);
		if (judged_pick(f, "one cleared") != f->server[lucky])
			complain("the first pick after a clear is not the cleared server's");
		for (u32 k = random_below(5); k; k--) {
			judged_pick(f, "one cleared");
			shim_tick(1);
			shim_run_work();
		}
		for (u32 i = 0; i < n; i++)
			set_full(f->server[i], false);
	}
	fleet_close(f);
}

static void test_thresholds(void)
{
	static const u32 sizes[] = { 1, 2, 3, 10, 100, 1000 };

	seed(40);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		test_all_full(sizes[i], set_random(sizes[i], 100));
		test_all_full(sizes[i], set_equal(sizes[i], INT_MAX));
		test_all_full(sizes[i], set_heavy(sizes[i], 10000));
		test_all_full(sizes[i], set_heavy(sizes[i], INT_MAX));
	}
	verdict("all over their thresholds: none; after any clear, that server at once");
}

static void test_quiesced(void)
{
	seed(41);
	for (u32 k = 0; k < effort(200); k++) {
		u32 n = random_in(1, 20);
		struct fleet *f = fleet_load(set_random(n, 50), n);
		struct server *s = f->server[random_below(n)];

		for (u32 t = 0; t < 300; t++) {
			if (t == 100)
				atomic_set(&s->dest.weight, 0);
			if (t == 200)
				fleet_set(f, s, 0);
			judged_pick(f, "quiesced");
		}
		fleet_close(f);
	}
	verdict("weight 0 is never picked, even before upd_dest");
}

/* Connections that never end: they fill every server to its weight, not beyond. */
static void test_fill(const char *what, u16 protocol, u32 fwmark, unsigned int flags)
{
	bool all = protocol == IPPROTO_UDP || fwmark || flags & TOTAL;

	seed(42);
	for (u32 k = 0; k < effort(100); k++) {
		u32 n = random_in(1, 20), sum = 0;
		struct fleet *f = fleet_load(set_random(n, 30), n);
		struct server *s;

		f->svc->protocol = protocol;
		f->svc->fwmark = fwmark;
		f->svc->flags |= flags | CAP | STRICT;
		while ((s = judged_pick(f, what)) && f->picks < 2000) {
			/* the other kind of connections does not count */
			if (all)
				set_conns(s, 0, s->picks);
			else
				set_conns(s, s->picks, 1000);
			if (random_u64() & 1)
				shim_tick(1);
			shim_run_work();
		}
		for (u32 i = 0; i < n; i++) {
			sum += weight_of(f->server[i]);
			if (f->server[i]->picks != weight_of(f->server[i]))
				complain("%s: server %u of weight %u got %llu", what, i,
					 weight_of(f->server[i]), f->server[i]->picks);
		}
		if (f->picks != sum)
			complain("%s: %llu picks of %u", what, f->picks, sum);
		fleet_close(f);
	}
	verdict("flag-1 and flag-2, %s: every server to its weight, then none", what);
}

/* All at their caps, not strict: turns go on by weight, as if there were no caps. */
static void test_degrade(void)
{
	seed(43);
	for (u32 k = 0; k < effort(300); k++) {
		u32 n = random_in(1, 20), closed = random_below(n);
		struct fleet *f = fleet_load(set_random(n, 30), n);
		struct pairs o;
		u32 w[20];

		f->svc->flags |= CAP;
		fleet_skip(f, random_below(100));
		for (u32 i = 0; i < n; i++) {
			set_conns(f->server[i], 1000, 0);
			if (i < closed)
				set_full(f->server[i], true);
			w[i] = i < closed ? 0 : weight_of(f->server[i]);
		}
		for (u32 t = 0; t < 40; t++)
			judged_pick(f, "all at their caps");
		shim_settle();
		fleet_pick(f);
		pairs_start(&o, w, n);
		for (u32 t = 0; t < 2000; t++) {
			struct server *s = judged_pick(f, "all at their caps");

			if (t % 100 == 0)
				shim_tick(1);
			if (t % 150 == 0)
				shim_run_work();
			/* from any point on, each within twice the distance */
			if (s)
				pairs_pick(&o, s->index);
		}
		if (o.worst >= 2)
			complain("%s, %u full: %.2Lf times as far apart as they may",
				 set_name(w, n), closed, o.worst);
		pairs_end(&o);
		fleet_close(f);
	}
	verdict("flag-1, all at their caps: turns by weight among those below their thresholds");
}

static void test_alone(void)
{
	struct fleet *f = fleet_load(set_equal(3, 2), 3);

	for (u32 i = 0; i < 3; i++)
		set_conns(f->server[i], 100, 100);
	f->svc->flags |= STRICT | TOTAL | IP_VS_SVC_F_ONEPACKET | IP_VS_SVC_F_PERSISTENT;
	for (u32 t = 0; t < 30; t++)
		judged_pick(f, "no flag-1");
	fleet_check_cycles(f, "no flag-1");
	fleet_close(f);
	verdict("flag-2, flag-3, one-packet and persistence alone change nothing");
}

/* Everything at random, none of it announced but changes of weight. */
static void test_soak(void)
{
	static const u16 protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };

	seed(44);
	for (u32 k = 0; k < effort(300); k++) {
		u32 n = random_in(1, 12), high = random_weight(40), work = random_weight(50);
		struct fleet *f = fleet_load(set_random(n, high), n);

		f->svc->protocol = protocols[random_below(3)];
		f->svc->fwmark = random_below(4) ? 0 : 7;
		for (u32 t = 0; t < 2000; t++) {
			struct server *s = f->server[random_below(n)];

			switch (random_below(12)) {
			case 0:
				f->svc->flags ^= CAP;
				break;
			case 1:
				f->svc->flags ^= STRICT;
				break;
			case 2:
				f->svc->flags ^= TOTAL;
				break;
			case 3:
			case 4:
				set_full(s, random_u64() & 1);
				break;
			case 5:
			case 6:
			case 7:
				set_conns(s, random_below(high + 2), random_below(high + 2));
				break;
			case 8:
				atomic_set(&s->dest.weight, 0);
				break;
			case 9:
				fleet_set(f, s, random_in(0, high));
				break;
			}
			if (!random_below(work))
				shim_run_work();
			if (!random_below(10))
				shim_tick(1);
			judged_pick(f, "soak");
		}
		fleet_close(f);
	}
	verdict("flags, counters, thresholds and weights at random, seen at the next pick");
}

/* After a refusal the first turn that is lost is enough for a search. */
static void refuse_all(struct fleet *f)
{
	for (u32 i = 0; i < f->n; i++)
		set_full(f->server[i], true);
	if (fleet_pick(f))
		complain("all are full: somebody");
}

/* The picks of the @n servers from @from on since fleet_forget(). */
static u64 picks_of(const struct fleet *f, u32 from, u32 n)
{
	u64 picks = 0;

	for (u32 i = from; i < from + n; i++)
		picks += f->server[i]->picks;
	return picks;
}

/* Servers that a search sets aside when they have had their turns of a round: the round
 * is not to be kept, with them in it, though all of the others end it as they began it.
 */
static void test_aside(void)
{
	struct fleet *f = fleet_load(set_equal(30, 1), 30);

	fleet_skip(f, 4);
	refuse_all(f);
	for (u32 i = 0; i < 30; i++)
		set_full(f->server[i], i >= 4 && i < 22);
	if (fleet_pick(f) != f->server[22])
		complain("not the turn that was made already");
	fleet_skip(f, 7);
	for (u32 i = 4; i < 22; i++)
		set_full(f->server[i], false);
	fleet_forget(f);
	fleet_skip(f, 36);
	if (picks_of(f, 4, 18))
		complain("%llu turns of servers that were set aside", picks_of(f, 4, 18));
	shim_tick(1);
	shim_run_work();
	fleet_forget(f);
	fleet_check_cycles(f, "all back");
	fleet_close(f);
	verdict("who is set aside has no turn before it is brought back, and then exact shares");
}

/* Servers 0 and 1 are full, all others have room, but no turns: each search finds another. */
static void check_others(struct fleet *f, u32 rounds, const char *when)
{
	for (u32 i = 0; i < f->n; i++)
		set_full(f->server[i], i < 2);
	fleet_forget(f);
	fleet_skip(f, rounds * (f->n - 2));
	for (u32 i = 2; i < f->n; i++)
		if (f->server[i]->picks != rounds)
			complain("%s: server %u got %llu in %u rounds", when, i,
				 f->server[i]->picks, rounds);
}

/* Who was set aside or parked has room before work comes, and nobody else has: they take
 * turns all the same, one after the other, and so do those that an edit leaves of them.
 */
static void test_others(void)
{
	struct fleet *f = fleet_load(set_equal(40, 1), 40);

	fleet_skip(f, 4);
	refuse_all(f);
	set_full(f->server[0], false);
	set_full(f->server[1], false);
	fleet_skip(f, 4);
	check_others(f, 3, "set aside");
	for (u32 i = 0; i < 40; i++)
		set_full(f->server[i], i >= 2);
	shim_tick(1);
	shim_run_work();
	fleet_skip(f, 4);
	while (f->n > 20)
		fleet_del(f, f->server[f->n - 1]);
	check_others(f, 2, "parked, after half of them were deleted");
	fleet_close(f);
	verdict("if only those without turns have room, every one of them is found in turn");
}

/* Of those that take turns, who are marked, one has room; those without turns have it, too. */
static void test_one_of_many(void)
{
	seed(45);
	for (u32 k = 0; k < effort(100); k++) {
		struct fleet *f = fleet_load(set_equal(40, 1), 40);
		struct server *s = f->server[random_below(40)];

		fleet_skip(f, 4);
		refuse_all(f);
		s->mark = 1;
		for (u32 i = 0; i < 40; i++) {
			f->server[i]->mark |= random_u64() & 1;
			set_full(f->server[i], !f->server[i]->mark);
		}
		fleet_skip(f, 40);
		/* so that searches begin somewhere */
		for (u32 i = 0; i < 40; i++)
			set_full(f->server[i], f->server[i]->mark);
		fleet_skip(f, random_below(20));
		set_full(s, false);
		fleet_forget(f);
		fleet_skip(f, 10);
		if (s->picks != 10)
			complain("case %u: %llu of 10 for the one that takes turns", k, s->picks);
		fleet_close(f);
	}
	verdict("if one of those that take turns has room, nobody without turns is found");
}

static struct fleet *deleting;
static struct server *found, *other;
static pthread_t deleter;

static void *delete_found(void *arg)
{
	(void)arg;
	fleet_unlink(deleting, found);
	return NULL;
}

/* Work is queued by a search when it has found one, and before that one has the turn.
 * Whoever deletes it has it out of the table then, and waits for the lock of the search.
 */
static void delete_meanwhile(void)
{
	shim_on_queue = NULL;
	pthread_create(&deleter, NULL, delete_found, NULL);
	while (!shim_waiting())
		sched_yield();
	if (other)
		set_full(other, false);
}

/* Only @found has room when the search begins, and then @other, or nobody. */
static void pick_deleted(struct fleet *f, const char *what)
{
	for (u32 i = 0; i < f->n; i++)
		set_full(f->server[i], f->server[i] != found);
	deleting = f;
	shim_threads = true;
	shim_on_queue = delete_meanwhile;
	if (fleet_pick(f) != other)
		complain("%s: not the one that has room now", what);
	if (shim_on_queue)
		shim_die(__FILE__, __LINE__, __func__, "no search");
	pthread_join(deleter, NULL);
	shim_threads = false;
	fleet_free(found);
	fleet_close(f);
}

static void test_deleted(void)
{
	for (u32 k = 0; k < 4; k++) {
		struct fleet *f = fleet_load(set_equal(30, 1), 30);

		found = f->server[25];
		other = k & 1 ? f->server[28] : NULL;
		fleet_skip(f, k < 2 ? 90 : 4);
		pick_deleted(f, k < 2 ? "of a kept cycle" : "while turns are made");
	}
	verdict("who was just found is deleted: another one with room, or nobody");
}

int main(void)
{
	ktap_start();
	module_load();
	test_thresholds();
	test_quiesced();
	test_fill("TCP", IPPROTO_TCP, 0, 0);
	test_fill("SCTP", IPPROTO_SCTP, 0, 0);
	test_fill("UDP, all connections count", IPPROTO_UDP, 0, 0);
	test_fill("a firewall mark, all connections count", IPPROTO_TCP, 5, 0);
	test_fill("flag-3, all connections count", IPPROTO_TCP, 0, TOTAL);
	test_degrade();
	test_alone();
	test_aside();
	test_others();
	test_one_of_many();
	test_deleted();
	test_soak();
	module_unload();
	verdict("nothing is left");
	return ktap_end();
}
