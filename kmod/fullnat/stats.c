// SPDX-License-Identifier: GPL-2.0
/*
 * Counters. Each CPU has its own and only ever adds to it, so a reset must not
 * write there: it remembers the sums, and they are subtracted from then on.
 */
#include <linux/cpumask.h>

#include "stats.h"

static u64 sum(const u64 __percpu *counters, unsigned int i)
{
	u64 value = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		value += READ_ONCE(per_cpu_ptr(counters, cpu)[i]);
	return value;
}

/**
 * fnat_counters_alloc() - make counters, all of them zero
 * @counters: how many
 *
 * Context: process; may sleep.
 * Return: them, to be freed by free_percpu(); NULL without memory.
 */
u64 __percpu *fnat_counters_alloc(unsigned int counters)
{
	return __alloc_percpu_gfp(counters * sizeof(u64), sizeof(u64),
				  GFP_KERNEL_ACCOUNT);
}

/**
 * fnat_counters_read() - read counters since their last reset
 * @counters: them
 * @base: their values at that reset
 * @count: how many
 * @values: to add to
 *
 * Context: any; the caller keeps away resets.
 */
void fnat_counters_read(const u64 __percpu *counters, const u64 *base,
			unsigned int count, u64 *values)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		values[i] += sum(counters, i) - base[i];
}

/**
 * fnat_counters_reset() - let counters begin anew
 * @counters: them
 * @base: their values now
 * @count: how many
 *
 * What is counted at the same time is counted before or after it.
 *
 * Context: any; the caller keeps away readers and other resets.
 */
void fnat_counters_reset(const u64 __percpu *counters, u64 *base,
			 unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		base[i] = sum(counters, i);
}

/**
 * fnat_counters_sessions() - how many sessions live
 * @counters: of a policy or an address
 *
 * Context: any.
 * Return: those that were created and have not ended. Exact when nothing moves;
 * otherwise one that is created meanwhile may be there or not.
 */
u32 fnat_counters_sessions(const u64 __percpu *counters)
{
	u64 ended = sum(counters, IPVS_FULLNAT_COUNT_ENDED);

	/* all that have ended were created before: never less than nothing */
	smp_rmb();
	return sum(counters, IPVS_FULLNAT_COUNT_CREATED) - ended;
}
