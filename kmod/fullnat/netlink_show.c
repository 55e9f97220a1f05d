// SPDX-License-Identifier: GPL-2.0
/* Messages that tell what there is: policies and local addresses. */
#include <net/genetlink.h>

#include "net.h"
#include "netlink_dump.h"
#include "netlink_gen.h"
#include "netlink_parse.h"
#include "netlink_show.h"
#include "pool.h"
#include "ports.h"
#include "stats.h"

/**
 * fnat_put_addr() - put an address into a message
 * @skb: the message
 * @type: the attribute
 * @af: its family
 * @addr: the address
 *
 * Return: 0 or -EMSGSIZE.
 */
int fnat_put_addr(struct sk_buff *skb, int type, u8 af,
		  const union nf_inet_addr *addr)
{
	return nla_put(skb, type, af == AF_INET ? sizeof(addr->in) :
						  sizeof(addr->in6), addr);
}

/**
 * fnat_put_service() - put a service into a message
 * @skb: the message
 * @type: the attribute
 * @key: the service
 *
 * Return: 0 or -EMSGSIZE.
 */
int fnat_put_service(struct sk_buff *skb, int type, const struct fnat_key *key)
{
	struct nlattr *nest = nla_nest_start(skb, type);
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = nla_put_u8(skb, IPVS_FULLNAT_A_SERVICE_AF, key->af);
	if (err)
		return err;
	if (key->fwmark)
		err = nla_put_u32(skb, IPVS_FULLNAT_A_SERVICE_FWMARK,
				  key->fwmark);
	else
		err = nla_put_u8(skb, IPVS_FULLNAT_A_SERVICE_PROTOCOL,
				 key->protocol) ?:
		      fnat_put_addr(skb, IPVS_FULLNAT_A_SERVICE_ADDR, key->af,
				    &key->addr) ?:
		      nla_put_be16(skb, IPVS_FULLNAT_A_SERVICE_PORT, key->port);
	if (err)
		return err;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_ports(struct sk_buff *skb, const struct fnat_pool *pool)
{
	struct nlattr *nest;
	u32 i;

	for (i = 0; i < pool->ranges; i++) {
		nest = nla_nest_start(skb, IPVS_FULLNAT_A_POLICY_PORTS);
		if (!nest ||
		    nla_put_be16(skb, IPVS_FULLNAT_A_PORTS_FIRST,
				 htons(pool->range[i].first)) ||
		    nla_put_be16(skb, IPVS_FULLNAT_A_PORTS_LAST,
				 htons(pool->range[i].last)))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	if (pool->default_ports)
		return nla_put_flag(skb, IPVS_FULLNAT_A_POLICY_DEFAULT_PORTS);
	return 0;
}

/**
 * fnat_put_policy() - put all that a policy is, but its addresses, into a
 * message
 * @skb: the message
 * @fn: the namespace
 * @policy: the policy
 *
 * Context: process, under @fn's mutex.
 * Return: 0 or -EMSGSIZE.
 */
int fnat_put_policy(struct sk_buff *skb, const struct fnat_net *fn,
		    const struct fnat_policy *policy)
{
	const struct fnat_pool *pool = fnat_policy_pool(fn, policy);
	int err;

	err = fnat_put_service(skb, IPVS_FULLNAT_A_POLICY_SERVICE,
			       &policy->key) ?:
	      put_ports(skb, pool);
	if (!err && policy->key.protocol != IPPROTO_TCP)
		err = nla_put_u32(skb, IPVS_FULLNAT_A_POLICY_UDP_TIMEOUT,
				  policy->udp_timeout / HZ);
	if (!err && policy->key.protocol != IPPROTO_UDP)
		err = nla_put_u8(skb, IPVS_FULLNAT_A_POLICY_ADJUST,
				 policy->adjust);
	return err ?: nla_put_u32(skb, IPVS_FULLNAT_A_POLICY_LADDRS,
				  pool->total) ?:
		      nla_put_u32(skb, IPVS_FULLNAT_A_POLICY_DRAINING,
				  pool->total - pool->active) ?:
		      nla_put_u32(skb, IPVS_FULLNAT_A_POLICY_SESSIONS,
				  fnat_counters_sessions(policy->counters)) ?:
		      nla_put_u32(skb, IPVS_FULLNAT_A_POLICY_GENERATION,
				  fn->generation);
}

/* Policies */

static int put_one_policy(struct sk_buff *skb, struct fnat_net *fn,
			  const struct genl_info *info)
{
	struct fnat_policy *policy;

	policy = fnat_whose(fn, info->attrs[IPVS_FULLNAT_A_POLICY_SERVICE],
			    info->extack);
	return PTR_ERR_OR_ZERO(policy) ?: fnat_put_policy(skb, fn, policy);
}

int ipvs_fullnat_nl_service_get_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	return fnat_reply(info, IPVS_FULLNAT_CMD_SERVICE_GET, put_one_policy);
}

static int tell_policy(struct sk_buff *skb, struct netlink_callback *cb,
		       struct fnat_net *fn, const struct fnat_policy *policy)
{
	void *header = fnat_part_begin(skb, cb, IPVS_FULLNAT_CMD_SERVICE_GET);

	if (!header)
		return -EMSGSIZE;
	return fnat_part_end(skb, header, fnat_put_policy(skb, fn, policy));
}

int ipvs_fullnat_nl_service_get_dumpit(struct sk_buff *skb,
				       struct netlink_callback *cb)
{
	struct nlattr **attrs = genl_dump_attrs(cb);
	struct fnat_net *fn;
	int err;

	err = fnat_parse_message(cb->nlh, 0, cb->extack);
	if (err)
		return err;
	fn = fnat_part_lock(cb);
	err = fnat_each_policy(skb, cb, fn, attrs[IPVS_FULLNAT_A_POLICY_SERVICE],
			       tell_policy);
	return fnat_part_unlock(cb, fn, skb, err);
}

/* Local addresses */

static int put_laddr(struct sk_buff *skb, const struct fnat_net *fn,
		     const struct fnat_policy *policy,
		     const struct fnat_laddr *laddr, bool draining)
{
	const struct fnat_pool *pool = fnat_policy_pool(fn, policy);
	u64 values[FNAT_LADDR_COUNTERS] = {};
	u32 used;
	int err;

	fnat_counters_read(laddr->counters, laddr->base, FNAT_LADDR_COUNTERS,
			   values);
	used = fnat_ports_used(fn->net, laddr->af, &laddr->addr, pool);
	err = fnat_put_service(skb, IPVS_FULLNAT_A_LADDR_SERVICE,
			       &policy->key) ?:
	      fnat_put_addr(skb, IPVS_FULLNAT_A_LADDR_ADDR, laddr->af,
			    &laddr->addr);
	if (!err && draining)
		err = nla_put_flag(skb, IPVS_FULLNAT_A_LADDR_DRAINING);
	return err ?: nla_put_u32(skb, IPVS_FULLNAT_A_LADDR_SESSIONS,
				  fnat_counters_sessions(laddr->counters)) ?:
		      nla_put_u32(skb, IPVS_FULLNAT_A_LADDR_LIMIT,
				  fnat_ports_limit(fn->net, pool)) ?:
		      nla_put_u32(skb, IPVS_FULLNAT_A_LADDR_USED, used) ?:
		      nla_put_u64_64bit(skb, IPVS_FULLNAT_A_LADDR_NO_PORT,
					values[IPVS_FULLNAT_COUNT_NO_PORT],
					IPVS_FULLNAT_A_LADDR_PAD) ?:
		      nla_put_u32(skb, IPVS_FULLNAT_A_LADDR_GENERATION,
				  fn->generation);
}

static int tell_laddr(struct sk_buff *skb, struct netlink_callback *cb,
		      struct fnat_net *fn, const struct fnat_policy *policy,
		      const struct fnat_laddr *laddr, bool draining)
{
	void *header = fnat_part_begin(skb, cb, IPVS_FULLNAT_CMD_LADDR_GET);

	if (!header)
		return -EMSGSIZE;
	return fnat_part_end(skb, header,
			     put_laddr(skb, fn, policy, laddr, draining));
}

static int tell_laddrs(struct sk_buff *skb, struct netlink_callback *cb,
		       struct fnat_net *fn, const struct fnat_policy *policy)
{
	const struct fnat_pool *pool = fnat_policy_pool(fn, policy);
	struct fnat_place *place = fnat_place_of(cb);
	struct fnat_pool_cursor cursor = {};
	struct fnat_laddr *laddr;
	bool draining;
	int err;

	while ((laddr = fnat_pool_next(pool, &cursor, &draining))) {
		if (place->begun == policy->id &&
		    memcmp(&laddr->addr, &place->last,
			   sizeof(laddr->addr)) <= 0)
			continue;
		err = tell_laddr(skb, cb, fn, policy, laddr, draining);
		if (err)
			return err;
		place->last = laddr->addr;
		place->begun = policy->id;
	}
	return 0;
}

int ipvs_fullnat_nl_laddr_get_dumpit(struct sk_buff *skb,
				     struct netlink_callback *cb)
{
	struct nlattr **attrs = genl_dump_attrs(cb);
	struct fnat_net *fn;
	int err;

	err = fnat_parse_message(cb->nlh, 0, cb->extack);
	if (err)
		return err;
	if (attrs[IPVS_FULLNAT_A_LADDR_ADDR]) {
		NL_SET_ERR_MSG_ATTR(cb->extack,
				    attrs[IPVS_FULLNAT_A_LADDR_ADDR],
				    "a dump is of all addresses: leave addr out");
		return -EINVAL;
	}
	fn = fnat_part_lock(cb);
	err = fnat_each_policy(skb, cb, fn, attrs[IPVS_FULLNAT_A_LADDR_SERVICE],
			       tell_laddrs);
	return fnat_part_unlock(cb, fn, skb, err);
}

/* The address that a request names, in the pool of a policy. */
static int put_named_laddr(struct sk_buff *skb, struct fnat_net *fn,
			   const struct fnat_policy *policy,
			   const struct genl_info *info)
{
	const struct nlattr *attr = info->attrs[IPVS_FULLNAT_A_LADDR_ADDR];
	const struct fnat_pool *pool = fnat_policy_pool(fn, policy);
	struct fnat_pool_cursor cursor = {};
	struct fnat_laddr *laddr;
	union nf_inet_addr addr;
	bool draining;
	int err;
	u8 af;

	if (!attr) {
		NL_SET_ERR_MSG(info->extack,
			       "no address: give addr, or dump all");
		return -EINVAL;
	}
	err = fnat_parse_addr(attr, &af, &addr, info->extack);
	if (err)
		return err;
	while ((laddr = fnat_pool_next(pool, &cursor, &draining)))
		if (laddr->af == af && nf_inet_addr_cmp(&laddr->addr, &addr))
			break;
	if (!laddr) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "the address is not in the pool: see laddr show");
		return -ENOENT;
	}
	return put_laddr(skb, fn, policy, laddr, draining);
}

static int put_one_laddr(struct sk_buff *skb, struct fnat_net *fn,
			 const struct genl_info *info)
{
	struct fnat_policy *policy;

	policy = fnat_whose(fn, info->attrs[IPVS_FULLNAT_A_LADDR_SERVICE],
			    info->extack);
	return PTR_ERR_OR_ZERO(policy) ?:
	       put_named_laddr(skb, fn, policy, info);
}

int ipvs_fullnat_nl_laddr_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return fnat_reply(info, IPVS_FULLNAT_CMD_LADDR_GET, put_one_laddr);
}
