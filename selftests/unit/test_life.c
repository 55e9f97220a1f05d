// SPDX-License-Identifier: GPL-2.0
/* Services and servers that come and go: empty ones, huge ones, servers that return
 * under the same address of memory, schedulers switched live, module load and unload.
 */
#include "fleet.h"
#include "oracle.h"

static void test_small(void)
{
	static const u32 zeros[] = { 0, 0, 0 };
	unsigned int errors = shim_err_count;
	struct fleet *f = fleet_load(NULL, 0);
	struct server *s;

	for (u32 t = 0; t < 3; t++)
		if (fleet_pick(f))
			complain("a service without servers has one");
	if (shim_err_count != errors + 3)
		complain("a service without servers: no word of it");
	s = fleet_add(f, 3);
	fleet_skip(f, 100);
	fleet_set(f, s, 0);
	if (fleet_pick(f))
		complain("a service with one quiesced server has one");
	fleet_set(f, s, 1);
	fleet_skip(f, 100);
	fleet_del(f, s);
	if (fleet_pick(f))
		complain("a service whose only server was deleted has one");
	fleet_add(f, 2);
	fleet_add(f, 6);
	fleet_check_cycles(f, "after it was empty");
	fleet_close(f);

	f = fleet_open(zeros, 3);
	if (fleet_pick(f))
		complain("a service with quiesced servers has one");
	shim_settle();
	fleet_set(f, f->server[1], 5);
	fleet_skip(f, 20);
	if (f->server[1]->picks != 20)
		complain("the only server with a weight got %llu of 20", f->server[1]->picks);
	fleet_close(f);
	verdict("no server, one server, all of weight 0");
}

static void test_many(void)
{
	struct fleet *f = fleet_load(set_random(10000, 100), 10000);
	u32 n = 66000;

	fleet_skip(f, 20000);
	for (u32 k = 0; k < 100; k++) {
		fleet_del(f, f->server[random_below(f->n)]);
		fleet_add(f, random_in(1, 100));
		fleet_set(f, f->server[random_below(f->n)], random_in(0, 100));
		fleet_skip(f, 5);
	}
	fleet_close(f);

	f = fleet_open(set_random(1500, 3), 1500);
	fleet_check_cycles(f, "1500 servers added one by one");
	while (f->n > 10)
		fleet_del(f, f->server[random_below(f->n)]);
	fleet_check_cycles(f, "all but 10 of 1500 servers deleted");
	fleet_close(f);

	/* more than it can number: the heaviest are served */
	f = fleet_new(NULL, 0);
	for (u32 i = 0; i < n; i++)
		fleet_add(f, i < 600 ? 1 : 2);
	if (fleet_bind(f))
		complain("66000 servers: init_service failed");
	for (u32 t = 0; t < 70000; t++)
		if (!fleet_pick(f))
			complain("66000 servers: nobody");
	for (u32 i = 600; i < n; i++)
		if (f->server[i]->picks < 1 || f->server[i]->picks > 3)
			complain("66000 servers: a heavy one got %llu", f->server[i]->picks);
	fleet_close(f);

	f = fleet_new(NULL, 0);
	for (u32 i = 0; i < 65000; i++)
		fleet_add(f, i < 2 ? 1 : INT_MAX);
	if (fleet_bind(f))
		complain("65000 heavy servers: init_service failed");
	fleet_skip(f, 1000);
	for (u32 i = 2; i < f->n; i++)
		set_full(f->server[i], true);
	fleet_skip(f, 1000);
	if (f->server[0]->picks < 499 || f->server[0]->picks > 501)
		complain("65000 heavy servers full, two light ones not: %llu and %llu",
			 f->server[0]->picks, f->server[1]->picks);
	fleet_close(f);
	verdict("10000 servers, 1500 added and deleted one by one, 66000, 65000 of weight 2^31 - 1");
}

/* IPVS keeps a deleted server, and may add it again: the same struct, counters kept. */
static void test_revived(void)
{
	seed(70);
	for (u32 k = 0; k < effort(300); k++) {
		u32 n = random_in(2, 12);
		struct fleet *f = fleet_load(set_random(n, 20), n);
		u32 weight = random_in(1, 20), w[12];
		struct server *s = f->server[random_below(n)];
		struct share o;

		fleet_skip(f, random_below(100));
		if (k & 1)
			shim_fail_nth(1, true);
		fleet_unlink(f, s);
		fleet_skip(f, random_below(100));	/* complains if @s gets any */
		fleet_revive(f, s, weight);
		shim_fail_nth(0, false);
		shim_settle();
		for (u32 i = 0; i < n; i++)
			w[i] = weight_of(f->server[i]);
		share_start(&o, w, n);
		for (u32 t = 0; t < 500; t++) {
			struct server *picked = fleet_pick(f);

			if (picked)
				share_pick(&o, picked->index);
		}
		if (o.above > 2 * (__int128)o.sum || o.below > 2 * (__int128)o.sum)
			complain("%s, one revived: %.3f above, %.3f below a share", set_name(w, n),
				 share_above(&o), share_below(&o));
		fleet_check_cycles(f, "one revived");
		share_end(&o);
		fleet_close(f);
	}
	verdict("a deleted server that is added again: no turn meanwhile, no burst after");
}

static void test_switched(void)
{
	seed(71);
	for (u32 k = 0; k < effort(200); k++) {
		u32 n = random_in(1, 12);
		struct fleet *f = fleet_load(set_random(n, 20), n);
		struct shim_memory memory;

		fleet_skip(f, random_below(50));
		/* leave work behind */
		for (u32 i = 1; i < n; i++)
			set_full(f->server[i], true);
		fleet_skip(f, 30);
		fleet_unbind(f);
		if (shim_work_pending())
			complain("work is pending after done_service");
		memory = shim_memory();
		if (memory.objects)
			complain("%zu objects are left after done_service", memory.objects);
		for (u32 i = 1; i < n; i++)
			set_full(f->server[i], false);
		if (n > 1)
			fleet_del(f, f->server[random_below(n)]);
		fleet_add(f, random_in(1, 20));
		shim_tick(1000);
		shim_run_work();
		if (fleet_bind(f))
			complain("init_service with servers there failed");
		fleet_check_cycles(f, "switched away and back");
		fleet_close(f);
	}
	verdict("the scheduler switched away and back, with work pending");
}

/* Two services of one module know nothing of each other, even with the same server. */
static void test_apart(void)
{
	static const u32 w[] = { 5, 1, 1 };
	struct fleet *a = fleet_load(w, 3), *b = fleet_load(w, 2);

	for (u32 t = 0; t < 700; t++) {
		fleet_pick(a);
		if (t & 1)
			fleet_pick(b);
		if (t % 50 == 0)
			set_full(b->server[0], t & 2);
	}
	if (a->server[0]->picks != 500 || a->server[1]->picks != 100)
		complain("a service felt another one");
	fleet_close(b);
	fleet_check_cycles(a, "after the other service went");
	fleet_close(a);
	verdict("services do not feel each other");
}

static void test_debugfs(void)
{
	static const u32 w[] = { 5, 1, 1 };
	const char *path = "ip_vs_swrr/4026531840-tcp-192.0.2.1:80";
	static char text[100000];
	struct fleet *f = fleet_load(w, 3);
	unsigned long long turns = 0, lost = 0;
	const char *at;
	char want[100];

	set_full(f->server[1], true);
	fleet_skip(f, 70);
	if (shim_debugfs_read(path, text, sizeof(text)) < 0) {
		complain("no file %s", path);
	} else {
		at = strstr(text, "turns ");
		if (!at || sscanf(at, "turns %llu\ngiven up %llu\n", &turns, &lost) != 2)
			complain("no turns in the file");
		if (turns != f->picks + lost)
			complain("%llu turns, %llu given up, %llu picks", turns, lost, f->picks);
		for (u32 i = 0; i < 3; i++) {
			struct ip_vs_dest *d = &f->server[i]->dest;

			inet_ntop(AF_INET, &d->addr.ip, want, sizeof(want));
			sprintf(want + strlen(want), ":80 %u ", w[i]);
			if (!strstr(text, want))
				complain("no \"%s\" in the file", want);
		}
		shim_fail_nth(1, false);
		if (shim_debugfs_read(path, text, sizeof(text)) != -ENOMEM && shim_failed())
			complain("reading without memory is not -ENOMEM");
		shim_fail_nth(0, false);
		for (u32 t = 0; t < 300; t++) {
			fleet_pick(f);
			fleet_set(f, f->server[0], t % 9);
			shim_debugfs_read(path, text, sizeof(text));
		}
	}
	fleet_close(f);
	if (shim_debugfs_read(path, text, sizeof(text)) != -ENOENT)
		complain("the file outlives the service");
	verdict("debugfs: a file as long as there is the service, and its numbers agree");
}

/* A file is named by the service: an address, of either family, or a firewall mark. */
static void test_debugfs_names(void)
{
	static const struct { u16 af, protocol; u32 fwmark; const char *path; } kinds[] = {
		{ AF_INET, IPPROTO_UDP, 0, "ip_vs_swrr/4026531840-udp-192.0.2.1:80" },
		{ AF_INET6, IPPROTO_TCP, 0, "ip_vs_swrr/4026531840-tcp-[2001:db8::1]:80" },
		{ AF_INET, IPPROTO_TCP, 9, "ip_vs_swrr/4026531840-fwmark-9-ipv4" },
		{ AF_INET6, IPPROTO_TCP, 9, "ip_vs_swrr/4026531840-fwmark-9-ipv6" },
	};
	struct fleet *f[ARRAY_SIZE(kinds)];
	static char text[4096];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		f[i] = fleet_new(set_equal(2, 1), 2);
		f[i]->svc->af = kinds[i].af;
		f[i]->svc->protocol = kinds[i].protocol;
		f[i]->svc->fwmark = kinds[i].fwmark;
		if (kinds[i].af == AF_INET6) {
			inet_pton(AF_INET6, "2001:db8::1", &f[i]->svc->addr.in6);
			f[i]->server[0]->dest.af = AF_INET6;
			inet_pton(AF_INET6, "2001:db8::2", &f[i]->server[0]->dest.addr.in6);
		}
		if (fleet_bind(f[i]))
			complain("init_service failed");
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (shim_debugfs_read(kinds[i].path, text, sizeof(text)) < 0)
			complain("no file %s", kinds[i].path);
		else if (kinds[i].af == AF_INET6 && !strstr(text, "[2001:db8::2]:80 1 "))
			complain("no server [2001:db8::2]:80 in %s", kinds[i].path);
		fleet_close(f[i]);
	}

	f[0] = fleet_load(set_equal(2, 1), 2);
	shim_fail_nth(1, true);
	fleet_add(f[0], 3);
	shim_fail_nth(0, false);
	shim_debugfs_read("ip_vs_swrr/4026531840-tcp-192.0.2.1:80", text, sizeof(text));
	if (!strstr(text, "\nstale"))
		complain("an edit that failed for want of memory is not to be seen");
	shim_settle();
	shim_debugfs_read("ip_vs_swrr/4026531840-tcp-192.0.2.1:80", text, sizeof(text));
	if (strstr(text, "\nstale"))
		complain("an edit that was made up for still looks as if it failed");
	fleet_close(f[0]);
	verdict("debugfs: a file for each kind of service, and it says when memory was short");
}

static int other_init(struct ip_vs_service *svc)
{
	(void)svc;
	return 0;
}

static struct ip_vs_dest *other_schedule(struct ip_vs_service *svc, const struct sk_buff *skb,
					 struct ip_vs_iphdr *iph)
{
	(void)svc;
	(void)skb;
	(void)iph;
	return NULL;
}

static struct ip_vs_scheduler other = {
	.init_service = other_init, .schedule = other_schedule
};

static void refused(const char *why)
{
	unsigned int lines = shim_log_lines;

	if (!shim_module_init()) {
		complain("loads with %s", why);
		shim_module_exit();
		return;
	}
	if (shim_log_lines == lines)
		complain("%s: not a word in the log", why);
	if (shim_schedulers() || shim_debugfs_entries() || shim_memory().objects)
		complain("%s: something is left", why);
}

/* A second name for those whose tools do not know the first. */
static void test_also(void)
{
	static const char *const bad[] = { "", "swrr", "sixteencharacter", "a b", "a/b", "Wrr" };
	char **also = shim_param("also");

	if (!also) {
		skip("the module has no such parameter", "module parameter also");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		*also = (char *)bad[i];
		refused(bad[i]);
	}
	*also = "wrr";
	module_load();
	if (!shim_scheduler("wrr") || !shim_scheduler("swrr"))
		complain("not both names are there");
	else if (shim_scheduler("wrr")->schedule != shim_scheduler("swrr")->schedule)
		complain("the names mean different schedulers");
	module_unload();

	other.name = "wrr";
	register_ip_vs_scheduler(&other);
	if (!shim_module_init())
		complain("loads though the second name is taken");
	unregister_ip_vs_scheduler(&other);
	*also = NULL;
	if (shim_schedulers() || shim_debugfs_entries())
		complain("a failed load leaves something");

	other.name = "swrr";
	register_ip_vs_scheduler(&other);
	for (u32 i = 0; i < 2; i++) {
		*also = i ? "wrr" : NULL;
		if (!shim_module_init())
			complain("loads though its name is taken");
		if (shim_schedulers() != 1 || shim_debugfs_entries())
			complain("a failed load leaves something");
	}
	*also = NULL;
	unregister_ip_vs_scheduler(&other);
	verdict("module parameter also: a second name, refused if bad or taken");
}

int main(void)
{
	ktap_start();
	module_load();
	test_small();
	test_many();
	test_revived();
	test_switched();
	test_apart();
	test_debugfs();
	test_debugfs_names();
	module_unload();
	test_also();
	module_load();
	module_unload();
	verdict("nothing is left");
	return ktap_end();
}
