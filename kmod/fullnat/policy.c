// SPDX-License-Identifier: GPL-2.0
/*
 * Policies. The table is one for all namespaces: a new connection looks into
 * it under RCU, and nothing else does without its namespace's mutex.
 *
 * A policy that is deleted leaves the table, so new connections are ours no
 * longer. Its sessions have references, and go on to their end.
 */
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <net/ip_vs.h>
#include <net/netns/hash.h>

#include "net.h"
#include "policy.h"
#include "pool.h"
#include "stats.h"

#define TABLE_BITS	10

static struct hlist_head table[1 << TABLE_BITS];

/* of the table, which all namespaces share */
static DEFINE_SPINLOCK(table_lock);

/* An administrator chooses what is in it, so a plain hash is good enough. */
static struct hlist_head *bucket(const struct net *net, u8 af, u32 fwmark,
				 const union nf_inet_addr *addr, __be16 port)
{
	u32 word = fwmark;

	if (!word) {
		word = (__force u32)addr->ip ^ (__force u32)port << 8;
		if (af == AF_INET6)
			word ^= addr->all[1] ^ addr->all[2] ^ addr->all[3];
	}
	return &table[hash_32(word ^ net_hash_mix(net), TABLE_BITS)];
}

static struct hlist_head *key_bucket(const struct fnat_net *fn,
				     const struct fnat_key *key)
{
	return bucket(fn->net, key->af, key->fwmark, &key->addr, key->port);
}

static bool same_addr(u8 af, const union nf_inet_addr *a,
		      const union nf_inet_addr *b)
{
	return af == AF_INET ? a->ip == b->ip : nf_inet_addr_cmp(a, b);
}

/**
 * fnat_policy_find() - the policy of a connection's service
 * @cp: the connection
 *
 * Context: RCU read lock.
 * Return: the policy, without a reference, or NULL: it is not ours.
 */
struct fnat_policy *fnat_policy_find(const struct ip_vs_conn *cp)
{
	const struct ip_vs_dest *dest = cp->dest;
	struct fnat_policy *policy;
	const struct net *net;
	struct hlist_head *head;

	if (!dest)
		return NULL;
	net = cp->ipvs->net;
	head = bucket(net, cp->af, dest->vfwmark, &dest->vaddr, dest->vport);
	hlist_for_each_entry_rcu(policy, head, node) {
		const struct fnat_key *key = &policy->key;

		if (key->fwmark != dest->vfwmark || key->af != cp->af ||
		    policy->net != net)
			continue;
		if (key->fwmark ||
		    (key->port == dest->vport &&
		     key->protocol == dest->protocol &&
		     same_addr(key->af, &key->addr, &dest->vaddr)))
			return policy;
	}
	return NULL;
}

/**
 * fnat_policy_lookup() - the policy of a service
 * @fn: the namespace
 * @key: the service
 *
 * Context: process, under @fn's mutex.
 * Return: the policy, without a reference, or NULL.
 */
struct fnat_policy *fnat_policy_lookup(const struct fnat_net *fn,
				       const struct fnat_key *key)
{
	struct fnat_policy *policy;

	/* others may change the bucket for their namespaces meanwhile */
	rcu_read_lock();
	hlist_for_each_entry_rcu(policy, key_bucket(fn, key), node)
		if (policy->net == fn->net &&
		    !memcmp(&policy->key, key, sizeof(*key)))
			break;
	rcu_read_unlock();
	return policy;
}

/**
 * fnat_policy_pool() - the pool of a policy
 * @fn: the namespace
 * @policy: the policy
 *
 * Context: process, under @fn's mutex.
 * Return: the pool, NULL before it has one.
 */
struct fnat_pool *fnat_policy_pool(const struct fnat_net *fn,
				   const struct fnat_policy *policy)
{
	return rcu_dereference_protected(policy->pool,
					 lockdep_is_held(&fn->mutex));
}

/**
 * fnat_policy_create() - make a policy that nobody finds yet
 * @fn: the namespace
 * @key: its service
 *
 * It has a reference to the module, up to its last fnat_policy_put().
 *
 * Context: process; may sleep.
 * Return: it, for fnat_policy_add() or fnat_policy_discard(); an error pointer.
 */
struct fnat_policy *fnat_policy_create(struct fnat_net *fn,
				       const struct fnat_key *key)
{
	struct fnat_policy *policy;
	int err = -ENOMEM;

	policy = kzalloc(sizeof(*policy), GFP_KERNEL_ACCOUNT);
	if (!policy)
		goto err;
	policy->counters = fnat_counters_alloc(FNAT_COUNTERS);
	if (!policy->counters)
		goto err_policy;
	if (!try_module_get(THIS_MODULE)) {
		err = -ENODEV;
		goto err_counters;
	}
	policy->net = fn->net;
	policy->key = *key;
	refcount_set(&policy->refs, 1);
	return policy;

err_counters:
	free_percpu(policy->counters);
err_policy:
	kfree(policy);
err:
	return ERR_PTR(err);
}

static void free_policy(struct fnat_policy *policy)
{
	fnat_pool_free(rcu_dereference_protected(policy->pool, true));
	free_percpu(policy->counters);
	kfree(policy);
}

/**
 * fnat_policy_discard() - free a policy that nobody has found
 * @policy: the policy
 *
 * Context: process.
 */
void fnat_policy_discard(struct fnat_policy *policy)
{
	free_policy(policy);
	module_put(THIS_MODULE);
}

/**
 * fnat_policy_set_pool() - give a policy another pool
 * @fn: the namespace
 * @policy: the policy
 * @pool: the pool
 *
 * Context: process, under @fn's mutex.
 */
void fnat_policy_set_pool(struct fnat_net *fn, struct fnat_policy *policy,
			  struct fnat_pool *pool)
{
	struct fnat_pool *old = fnat_policy_pool(fn, policy);

	rcu_assign_pointer(policy->pool, pool);
	if (old)
		fnat_pool_free_rcu(old);
}

/**
 * fnat_policy_add() - let new connections find a policy
 * @fn: the namespace
 * @policy: the policy, complete
 *
 * Context: process, under @fn's mutex.
 */
void fnat_policy_add(struct fnat_net *fn, struct fnat_policy *policy)
{
	policy->id = ++fn->last_id;
	list_add_tail(&policy->list, &fn->policies);
	fn->count++;
	spin_lock(&table_lock);
	hlist_add_head_rcu(&policy->node, key_bucket(fn, &policy->key));
	spin_unlock(&table_lock);
}

/**
 * fnat_policy_del() - let new connections find a policy no longer
 * @fn: the namespace
 * @policy: the policy; it may be freed when this returns
 *
 * Context: process, under @fn's mutex.
 */
void fnat_policy_del(struct fnat_net *fn, struct fnat_policy *policy)
{
	spin_lock(&table_lock);
	hlist_del_rcu(&policy->node);
	spin_unlock(&table_lock);
	list_del(&policy->list);
	fn->count--;
	fnat_policy_put(policy);
}

static void free_rcu(struct rcu_head *rcu)
{
	free_policy(container_of(rcu, struct fnat_policy, rcu));
}

/**
 * fnat_policy_put() - give back a reference
 * @policy: the policy
 *
 * Whoever found it under RCU may go on to read it until the grace period ends.
 *
 * Context: process or softirq; where our exit waits for what is under way: under
 * RCU, or in a handler of netlink or of namespaces.
 */
void fnat_policy_put(struct fnat_policy *policy)
{
	if (!refcount_dec_and_test(&policy->refs))
		return;
	call_rcu(&policy->rcu, free_rcu);
	module_put(THIS_MODULE);
}
