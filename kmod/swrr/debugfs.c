// SPDX-License-Identifier: GPL-2.0
/*
 * What an operator can see of a service: a file for each in
 * /sys/kernel/debug/ip_vs_swrr, named by its network namespace and its address.
 */
#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <net/ip_vs.h>
#include <net/net_namespace.h>

#include "debugfs.h"
#include "full.h"
#include "service.h"

static struct dentry *swrr_debugfs_dir;

static void show_flags(struct seq_file *seq, unsigned int flags)
{
	seq_printf(seq, "flags%s%s%s%s\n",
		   flags & SWRR_F_CAP ? " cap" : "",
		   flags & SWRR_F_STRICT ? " strict" : "",
		   flags & SWRR_F_TOTAL ? " total" : "",
		   flags & (SWRR_F_CAP | SWRR_F_STRICT | SWRR_F_TOTAL) ?
		   "" : " none");
}

static const char *cycle_state(const struct swrr_table *table)
{
	if (READ_ONCE(table->period))
		return "memoised";
	return table->stored ? "filling" : "generated";
}

static void show_address(struct seq_file *seq, u16 af,
			 const union nf_inet_addr *addr, __be16 port)
{
#ifdef CONFIG_IP_VS_IPV6
	if (af == AF_INET6) {
		seq_printf(seq, "[%pI6c]:%u", &addr->in6, ntohs(port));
		return;
	}
#endif
	seq_printf(seq, "%pI4:%u", &addr->ip, ntohs(port));
}

/* Turns, of 32 binary places three decimal ones. */
static void show_lag(struct seq_file *seq, s64 lag)
{
	u64 turns = lag < 0 ? -lag : lag;

	seq_printf(seq, " %c%llu.%03llu", lag < 0 ? '-' : '+', turns >> 32,
		   (turns & U32_MAX) * 1000 >> 32);
}

static void show_server(struct seq_file *seq, const struct ip_vs_service *svc,
			const struct ip_vs_dest *dest,
			const struct swrr_seq *turns, u32 i)
{
	const struct swrr_server *server = &turns->server[i];

	show_address(seq, dest->af, &dest->addr, dest->port);
	seq_printf(seq, " %d", atomic_read(&dest->weight));
	show_lag(seq, server->lag);
	seq_printf(seq, " %s %s %u\n",
		   swrr_full(dest, swrr_caps(svc)) ? "yes" : "no",
		   swrr_seq_parked(server) ? "yes" : "no",
		   swrr_conns(dest, swrr_counts(svc)));
}

static int swrr_service_show(struct seq_file *seq, void *unused)
{
	struct swrr_service *service = seq->private;
	const struct ip_vs_service *svc = service->svc;
	struct swrr_snapshot *snap;
	struct swrr_table *table;
	u32 i;

	mutex_lock(&service->mutex);
	table = rcu_dereference_protected(service->table,
					  lockdep_is_held(&service->mutex));
	snap = swrr_snapshot_alloc(table);
	if (!snap) {
		mutex_unlock(&service->mutex);
		return -ENOMEM;
	}
	swrr_snapshot_take(snap, table, &service->lock, -1);
	show_flags(seq, READ_ONCE(svc->flags));
	seq_printf(seq, "turns %llu\n", service->turns + snap->ticket);
	seq_printf(seq, "given up %llu\n",
		   (u64)atomic64_read(&service->given_up));
	seq_printf(seq, "cycle %llu %s\n", snap->seq.cycle,
		   cycle_state(table));
	if (READ_ONCE(service->stale))
		seq_puts(seq, "stale: memory was short, trying again\n");
	seq_printf(seq, "servers %u\n", snap->seq.servers);
	seq_puts(seq, "# server weight lag full parked conns\n");
	for (i = 0; i < snap->seq.servers; i++)
		if (table->dest[i] != &swrr_gone)
			show_server(seq, svc, table->dest[i], &snap->seq, i);
	mutex_unlock(&service->mutex);
	kvfree(snap);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(swrr_service);

static void service_name(char *name, size_t size,
			 const struct ip_vs_service *svc)
{
	unsigned int inum = svc->ipvs->net->ns.inum;
	const char *proto = svc->protocol == IPPROTO_UDP ? "udp" :
			    svc->protocol == IPPROTO_TCP ? "tcp" : "sctp";

	if (svc->fwmark)
		snprintf(name, size, "%u-fwmark-%u-%s", inum, svc->fwmark,
			 svc->af == AF_INET6 ? "ipv6" : "ipv4");
	else if (svc->af == AF_INET6)
		snprintf(name, size, "%u-%s-[%pI6c]:%u", inum, proto,
			 &svc->addr, ntohs(svc->port));
	else
		snprintf(name, size, "%u-%s-%pI4:%u", inum, proto,
			 &svc->addr, ntohs(svc->port));
}

/**
 * swrr_debugfs_add() - show a service
 * @service: the service; complete
 *
 * Nothing depends on debugfs, so it may fail.
 *
 * Context: process; may sleep.
 */
void swrr_debugfs_add(struct swrr_service *service)
{
	char name[96];

	service_name(name, sizeof(name), service->svc);
	service->file = debugfs_create_file(name, 0400, swrr_debugfs_dir,
					    service, &swrr_service_fops);
}

/**
 * swrr_debugfs_del() - show a service no more
 * @service: the service
 *
 * Context: process; waits for those who read the file; @service->mutex is not
 * held.
 */
void swrr_debugfs_del(struct swrr_service *service)
{
	debugfs_remove(service->file);
}

/**
 * swrr_debugfs_init() - make the folder
 *
 * Context: module init.
 */
void swrr_debugfs_init(void)
{
	swrr_debugfs_dir = debugfs_create_dir("ip_vs_swrr", NULL);
}

/**
 * swrr_debugfs_exit() - remove the folder
 *
 * Context: module exit; no service is left.
 */
void swrr_debugfs_exit(void)
{
	debugfs_remove(swrr_debugfs_dir);
}
