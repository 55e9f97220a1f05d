/* SPDX-License-Identifier: GPL-2.0 */
/* Policies: which services are FULLNAT, with what addresses and ports. */
#ifndef _FNAT_POLICY_H
#define _FNAT_POLICY_H

#include <linux/refcount.h>
#include <net/ip_vs.h>

#include "fullnat.h"

struct fnat_laddr;

#define FNAT_COUNTERS	(IPVS_FULLNAT_COUNT_MAX + 1)

/**
 * struct fnat_key - which virtual service
 * @addr: its address
 * @fwmark: its firewall mark; if not 0, all that follows is 0
 * @port: its port, 0: any
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 * @af: the family
 *
 * Without holes, and compared as bytes.
 */
struct fnat_key {
	union nf_inet_addr	addr;
	u32			fwmark;
	__be16			port;
	u8			protocol;
	u8			af;
};

/**
 * struct fnat_pool - the addresses and ports of a policy
 * @rcu: frees it, and then gives back its references to addresses
 * @range: ranges of ports, ascending, apart from each other
 * @ranges: how many; at least one
 * @default_ports: they were chosen for want of others
 * @ports: ports in all ranges together
 * @active: how many addresses take new sessions; may be none
 * @total: how many there are; at least one
 * @laddr: the addresses, those that drain last; both parts in ascending order
 *
 * Never changes: a policy gets a new one.
 */
struct fnat_pool {
	struct rcu_head		rcu;
	struct fnat_range	range[IPVS_FULLNAT_MAX_RANGES];
	u8			ranges;
	bool			default_ports;
	u32			ports;
	u32			active;
	u32			total;
	struct fnat_laddr	*laddr[];
};

/**
 * struct fnat_policy - a virtual service that is FULLNAT
 * @node: in the table of policies
 * @key: its service
 * @pool: addresses and ports
 * @udp_timeout: how long a UDP session may be idle, in jiffies; 0: IPVS's
 *	own timeout. May change at any time.
 * @adjust: translate sequence numbers where a port is reused early. May change
 *	at any time.
 * @refs: one while it is configured, one for each session
 * @counters: of each CPU
 * @net: the namespace; sessions use it only for a packet of that namespace
 * @list: in fnat_net's list
 * @id: ascending in that list
 * @restored: it is part of the restore that is under way
 * @exhausted: when exhaustion was last told, in jiffies
 * @base: values of the counters at their last reset
 * @rcu: frees it
 */
struct fnat_policy {
	struct hlist_node	node;
	struct fnat_key		key;
	struct fnat_pool __rcu	*pool;
	unsigned long		udp_timeout;
	bool			adjust;
	refcount_t		refs;
	u64 __percpu		*counters;

	struct net		*net;
	struct list_head	list;
	u64			id;
	bool			restored;
	unsigned long		exhausted;
	u64			base[FNAT_COUNTERS];
	struct rcu_head		rcu;
};

struct fnat_policy *fnat_policy_find(const struct ip_vs_conn *cp);
void fnat_policy_put(struct fnat_policy *policy);

struct fnat_policy *fnat_policy_lookup(const struct fnat_net *fn,
				       const struct fnat_key *key);
struct fnat_pool *fnat_policy_pool(const struct fnat_net *fn,
				   const struct fnat_policy *policy);
struct fnat_policy *fnat_policy_create(struct fnat_net *fn,
				       const struct fnat_key *key);
void fnat_policy_discard(struct fnat_policy *policy);
void fnat_policy_set_pool(struct fnat_net *fn, struct fnat_policy *policy,
			  struct fnat_pool *pool);
void fnat_policy_add(struct fnat_net *fn, struct fnat_policy *policy);
void fnat_policy_del(struct fnat_net *fn, struct fnat_policy *policy);

/**
 * fnat_policy_get() - take another reference
 * @policy: found by fnat_policy_find(), still under the same RCU read lock, or
 *	one that the caller has a reference to
 *
 * Context: any.
 * Return: whether there is one now, to be given back by fnat_policy_put(); not
 * if the policy was deleted meanwhile and nobody uses it.
 */
static inline bool fnat_policy_get(struct fnat_policy *policy)
{
	return refcount_inc_not_zero(&policy->refs);
}

/**
 * fnat_policy_time() - how long a flow lives on, by its policy
 * @policy: the policy
 * @cp: a connection of UDP
 *
 * Context: any; the caller has a reference, or is under RCU.
 */
static inline void fnat_policy_time(const struct fnat_policy *policy,
				    struct ip_vs_conn *cp)
{
	unsigned long timeout = READ_ONCE(policy->udp_timeout);

	if (timeout)
		cp->timeout = timeout;
}

#endif /* _FNAT_POLICY_H */
