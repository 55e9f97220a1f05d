/* SPDX-License-Identifier: GPL-2.0 */
/* What IPVS would count, had it handled the packet. */
#ifndef _FNAT_ACCOUNT_H
#define _FNAT_ACCOUNT_H

#include <linux/bottom_half.h>
#include <linux/preempt.h>
#include <net/ip_vs.h>

static inline struct ip_vs_cpu_stats *
fnat_begin_stats(const struct ip_vs_stats *stats)
{
	struct ip_vs_cpu_stats *cpu = this_cpu_ptr(stats->cpustats);

	u64_stats_update_begin(&cpu->syncp);
	return cpu;
}

static inline void fnat_account_out(const struct ip_vs_stats *stats,
				    unsigned int bytes)
{
	struct ip_vs_cpu_stats *cpu = fnat_begin_stats(stats);

	ip_vs_counter_add(&cpu->cnt.outpkts, 1);
	ip_vs_counter_add(&cpu->cnt.outbytes, bytes);
	u64_stats_update_end(&cpu->syncp);
}

static inline void fnat_account_in(const struct ip_vs_stats *stats,
				   unsigned int bytes)
{
	struct ip_vs_cpu_stats *cpu = fnat_begin_stats(stats);

	ip_vs_counter_add(&cpu->cnt.inpkts, 1);
	ip_vs_counter_add(&cpu->cnt.inbytes, bytes);
	u64_stats_update_end(&cpu->syncp);
}

/**
 * fnat_account() - have IPVS's counters count a packet
 * @cp: its connection
 * @bytes: its length, with the IP header
 * @out: to the client; else, to the real server
 *
 * Context: RCU read lock; any. What was queued to user space (NFQUEUE) comes to
 * a hook by a process.
 */
static __always_inline void fnat_account(const struct ip_vs_conn *cp,
					 unsigned int bytes, bool out)
{
	void (*count)(const struct ip_vs_stats *stats, unsigned int bytes) =
		out ? fnat_account_out : fnat_account_in;
	const struct ip_vs_dest *dest = cp->dest;
	/* the counters are each CPU's own */
	bool process = !softirq_count();

	if (!dest || !ip_vs_dest_available(dest))
		return;
	if (unlikely(process))
		local_bh_disable();
	count(&dest->stats, bytes);
	count(&rcu_dereference(dest->svc)->stats, bytes);
	count(ip_vs_tot_stats(cp->ipvs), bytes);
	if (unlikely(process))
		local_bh_enable();
}

#endif /* _FNAT_ACCOUNT_H */
