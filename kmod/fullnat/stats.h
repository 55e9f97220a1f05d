/* SPDX-License-Identifier: GPL-2.0 */
/* Counters, for each CPU, of policies and local addresses. */
#ifndef _FNAT_STATS_H
#define _FNAT_STATS_H

#include <linux/percpu.h>

#include "laddr.h"
#include "policy.h"

/**
 * fnat_count() - count something
 * @policy: the policy
 * @laddr: the local address; NULL: none is concerned
 * @counter: what; a constant
 *
 * Context: any; the caller has references, or is under RCU.
 */
static __always_inline void fnat_count(struct fnat_policy *policy,
				       struct fnat_laddr *laddr,
				       enum ipvs_fullnat_counter counter)
{
	this_cpu_inc(policy->counters[counter]);
	if (counter < FNAT_LADDR_COUNTERS && laddr)
		this_cpu_inc(laddr->counters[counter]);
}

/* Two counters, for which the pointers are read once. */
static __always_inline void fnat_count_packet(struct fnat_policy *policy,
					      struct fnat_laddr *laddr,
					      enum ipvs_fullnat_counter packets,
					      enum ipvs_fullnat_counter bytes,
					      unsigned int length)
{
	u64 __percpu *counters = policy->counters;

	this_cpu_inc(counters[packets]);
	this_cpu_add(counters[bytes], length);
	if (unlikely(!laddr))
		return;
	counters = laddr->counters;
	this_cpu_inc(counters[packets]);
	this_cpu_add(counters[bytes], length);
}

/**
 * fnat_count_request() - count a packet that goes to a real server
 * @policy: the policy
 * @laddr: the local address
 * @bytes: its length, with the IP header
 *
 * Context: any; the caller has references, or is under RCU.
 */
static __always_inline void fnat_count_request(struct fnat_policy *policy,
					       struct fnat_laddr *laddr,
					       unsigned int bytes)
{
	fnat_count_packet(policy, laddr, IPVS_FULLNAT_COUNT_REQUEST_PACKETS,
			  IPVS_FULLNAT_COUNT_REQUEST_BYTES, bytes);
}

/**
 * fnat_count_reply() - count a packet that goes back to a client
 * @policy: the policy
 * @laddr: the local address
 * @bytes: its length, with the IP header
 *
 * Context: any; the caller has references, or is under RCU.
 */
static __always_inline void fnat_count_reply(struct fnat_policy *policy,
					     struct fnat_laddr *laddr,
					     unsigned int bytes)
{
	fnat_count_packet(policy, laddr, IPVS_FULLNAT_COUNT_REPLY_PACKETS,
			  IPVS_FULLNAT_COUNT_REPLY_BYTES, bytes);
}

u64 __percpu *fnat_counters_alloc(unsigned int counters);
void fnat_counters_read(const u64 __percpu *counters, const u64 *base,
			unsigned int count, u64 *values);
void fnat_counters_reset(const u64 __percpu *counters, u64 *base,
			 unsigned int count);
u32 fnat_counters_sessions(const u64 __percpu *counters);

#endif /* _FNAT_STATS_H */
