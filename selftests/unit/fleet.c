// SPDX-License-Identifier: GPL-2.0
/* A virtual service and its real servers. */
#include "fleet.h"

static const char *sched_name = "swrr";

void module_load(void)
{
	int err = shim_module_init();

	if (err)
		shim_die(__FILE__, __LINE__, __func__, "module init");
}

void module_unload(void)
{
	struct shim_memory memory;

	shim_module_exit();
	if (shim_work_pending())
		complain("work is pending after the module is gone");
	if (shim_schedulers())
		complain("a scheduler is registered after the module is gone");
	if (shim_debugfs_entries())
		complain("debugfs entries are left");
	memory = shim_memory();
	if (memory.objects)
		complain("%zu objects of %zu bytes are left", memory.objects, memory.bytes);
}

struct fleet *fleet_new(const u32 *weight, u32 n)
{
	struct fleet *f = calloc(1, sizeof(*f));

	f->net.ns.inum = 4026531840U;
	f->ipvs.net = &f->net;
	f->svc = calloc(1, sizeof(*f->svc));
	f->svc->af = AF_INET;
	f->svc->protocol = IPPROTO_TCP;
	f->svc->addr.ip = htonl(0xc0000201);
	f->svc->port = htons(80);
	f->svc->flags = IP_VS_SVC_F_HASHED;
	f->svc->ipvs = &f->ipvs;
	INIT_LIST_HEAD(&f->svc->s_list);
	INIT_LIST_HEAD(&f->svc->destinations);
	spin_lock_init(&f->svc->sched_lock);
	for (u32 i = 0; i < n; i++)
		fleet_add(f, weight[i]);
	return f;
}

int fleet_bind(struct fleet *f)
{
	struct ip_vs_scheduler *sched = shim_scheduler(sched_name);
	int err;

	shim_assert(sched && !f->sched);
	err = sched->init_service(f->svc);
	if (err)
		return err;
	rcu_assign_pointer(f->svc->scheduler, sched);
	f->sched = sched;
	return 0;
}

void fleet_unbind(struct fleet *f)
{
	struct ip_vs_scheduler *sched = f->sched;

	f->sched = NULL;
	RCU_INIT_POINTER(f->svc->scheduler, NULL);
	if (sched && sched->done_service)
		sched->done_service(f->svc);
	synchronize_rcu();
}

struct fleet *fleet_load(const u32 *weight, u32 n)
{
	struct fleet *f = fleet_new(weight, n);

	if (fleet_bind(f))
		shim_die(__FILE__, __LINE__, __func__, "init_service");
	return f;
}

struct fleet *fleet_open(const u32 *weight, u32 n)
{
	struct fleet *f = fleet_load(NULL, 0);

	for (u32 i = 0; i < n; i++)
		fleet_add(f, weight[i]);
	return f;
}

/* IPVS takes the scheduler away first, and deletes the servers without telling it. */
void fleet_close(struct fleet *f)
{
	if (f->sched)
		fleet_unbind(f);
	while (f->n) {
		struct server *s = f->server[--f->n];

		list_del_rcu(&s->dest.n_list);
		free(s);
	}
	free(f->server);
	free(f->svc);
	free(f);
}

static void link_server(struct fleet *f, struct server *s, u32 weight)
{
	if (f->n == f->room) {
		f->room = f->room ? 2 * f->room : 8;
		f->server = realloc(f->server, f->room * sizeof(*f->server));
	}
	s->fleet = f;
	s->index = f->n;
	f->server[f->n++] = s;
	atomic_set(&s->dest.weight, weight);
	s->dest.flags |= IP_VS_DEST_F_AVAILABLE;
	list_add_rcu(&s->dest.n_list, &f->svc->destinations);
	f->svc->num_dests++;
	if (f->sched && f->sched->add_dest)
		f->sched->add_dest(f->svc, &s->dest);
}

struct server *fleet_add(struct fleet *f, u32 weight)
{
	static u32 address = 0xc6336401;
	struct server *s = calloc(1, sizeof(*s));

	s->dest.af = AF_INET;
	s->dest.addr.ip = htonl(address++);
	s->dest.port = htons(80);
	link_server(f, s, weight);
	return s;
}

void fleet_revive(struct fleet *f, struct server *s, u32 weight)
{
	link_server(f, s, weight);
}

void fleet_unlink(struct fleet *f, struct server *s)
{
	s->dest.flags &= ~IP_VS_DEST_F_AVAILABLE;
	list_del_rcu(&s->dest.n_list);
	f->svc->num_dests--;
	s->fleet = NULL;
	f->server[s->index] = f->server[--f->n];
	f->server[s->index]->index = s->index;
	if (f->last == s)
		f->last = NULL;
	if (f->sched && f->sched->del_dest)
		f->sched->del_dest(f->svc, &s->dest);
}

static void free_server(struct rcu_head *head)
{
	free(container_of(head, struct server, dest.rcu_head));
}

void fleet_free(struct server *s)
{
	call_rcu(&s->dest.rcu_head, free_server);
}

void fleet_del(struct fleet *f, struct server *s)
{
	fleet_unlink(f, s);
	fleet_free(s);
}

void fleet_set(struct fleet *f, struct server *s, u32 weight)
{
	atomic_set(&s->dest.weight, weight);
	if (f->sched && f->sched->upd_dest)
		f->sched->upd_dest(f->svc, &s->dest);
}

struct server *fleet_pick(struct fleet *f)
{
	static struct ip_vs_iphdr iph;
	struct server *s = NULL;
	struct ip_vs_dest *dest;

	rcu_read_lock();
	dest = f->sched->schedule(f->svc, NULL, &iph);
	if (dest)
		s = container_of(dest, struct server, dest);
	if (s && s->fleet != f) {
		complain("pick %llu: a deleted server", f->picks);
		s = NULL;
	}
	rcu_read_unlock();
	if (!s)
		return NULL;
	if (!weight_of(s))
		complain("pick %llu: server %u is quiesced", f->picks, s->index);
	if (is_full(s))
		complain("pick %llu: server %u is full", f->picks, s->index);
	s->picks++;
	f->picks++;
	f->run = s == f->last ? f->run + 1 : 1;
	f->last = s;
	if (f->run > f->longest_run)
		f->longest_run = f->run;
	return s;
}

void fleet_skip(struct fleet *f, u64 picks)
{
	while (picks--)
		if (!fleet_pick(f))
			complain("pick %llu: nobody", f->picks);
}

void fleet_forget(struct fleet *f)
{
	for (u32 i = 0; i < f->n; i++)
		f->server[i]->picks = 0;
	f->picks = 0;
	f->last = NULL;
	f->run = 0;
	f->longest_run = 0;
}

void set_conns(struct server *s, u32 active, u32 inactive)
{
	atomic_set(&s->dest.activeconns, active);
#ifdef HAVE_IP_VS_DEST_TOTALCONNS
	atomic_set(&s->dest.totalconns, active + inactive);
#else
	atomic_set(&s->dest.inactconns, inactive);
#endif
}

u64 fleet_divisor(const struct fleet *f)
{
	u64 divisor = 0;

	for (u32 i = 0; i < f->n; i++)
		divisor = gcd(weight_of(f->server[i]), divisor);
	return divisor;
}

u64 fleet_cycle(const struct fleet *f)
{
	u64 sum = 0;

	for (u32 i = 0; i < f->n; i++)
		sum += weight_of(f->server[i]);
	return sum ? sum / fleet_divisor(f) : 0;
}

void fleet_check_cycles(struct fleet *f, const char *when)
{
	u64 cycle = fleet_cycle(f), divisor = fleet_divisor(f);

	fleet_skip(f, 2 * cycle);
	for (int round = 0; round < 2; round++) {
		for (u32 i = 0; i < f->n; i++)
			f->server[i]->mark = f->server[i]->picks;
		fleet_skip(f, cycle);
		for (u32 i = 0; i < f->n; i++) {
			struct server *s = f->server[i];

			if (s->picks - s->mark != weight_of(s) / divisor)
				complain("%s: cycle %d: server %u of %u, weight %u, got %llu of %llu",
					 when, round + 3, i, f->n, weight_of(s),
					 s->picks - s->mark, cycle);
		}
	}
}

static u32 set_buffer[20000];

const u32 *set_random(u32 n, u32 high)
{
	for (u32 i = 0; i < n; i++)
		set_buffer[i] = random_in(1, high);
	return set_buffer;
}

const u32 *set_equal(u32 n, u32 weight)
{
	for (u32 i = 0; i < n; i++)
		set_buffer[i] = weight;
	return set_buffer;
}

const u32 *set_heavy(u32 n, u32 heavy)
{
	set_equal(n, 1);
	set_buffer[0] = heavy;
	return set_buffer;
}

const char *set_name(const u32 *weight, u32 n)
{
	static char name[160];
	size_t at = sprintf(name, "{");

	for (u32 i = 0; i < n && i < 10; i++)
		at += sprintf(name + at, i ? ",%u" : "%u", weight[i]);
	if (n > 10)
		sprintf(name + at, ",...} of %u", n);
	else
		sprintf(name + at, "}");
	return name;
}
