// SPDX-License-Identifier: GPL-2.0
/* Messages about counters. */
#include <net/genetlink.h>

#include "net.h"
#include "netlink_dump.h"
#include "netlink_gen.h"
#include "netlink_parse.h"
#include "netlink_show.h"
#include "stats.h"

static int put_counters(struct sk_buff *skb, const u64 *values,
			unsigned int count, u32 sessions)
{
	struct nlattr *nest;
	unsigned int i;

	for (i = 0; i < count; i++) {
		nest = nla_nest_start(skb, IPVS_FULLNAT_A_STATS_COUNTER);
		if (!nest || nla_put_u32(skb, IPVS_FULLNAT_A_VALUE_ID, i) ||
		    nla_put_u64_64bit(skb, IPVS_FULLNAT_A_VALUE_VALUE,
				      values[i], IPVS_FULLNAT_A_VALUE_PAD))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return nla_put_u32(skb, IPVS_FULLNAT_A_STATS_SESSIONS, sessions);
}

static int put_policy_stats(struct sk_buff *skb,
			    const struct fnat_policy *policy)
{
	u64 values[FNAT_COUNTERS] = {};

	fnat_counters_read(policy->counters, policy->base, FNAT_COUNTERS,
			   values);
	return fnat_put_service(skb, IPVS_FULLNAT_A_STATS_SERVICE,
				&policy->key) ?:
	       put_counters(skb, values, FNAT_COUNTERS,
			    fnat_counters_sessions(policy->counters));
}

static int put_sum(struct sk_buff *skb, struct fnat_net *fn)
{
	const struct fnat_policy *policy;
	u64 values[FNAT_COUNTERS] = {};
	u32 sessions = 0;

	list_for_each_entry(policy, &fn->policies, list) {
		fnat_counters_read(policy->counters, policy->base,
				   FNAT_COUNTERS, values);
		sessions += fnat_counters_sessions(policy->counters);
	}
	return put_counters(skb, values, FNAT_COUNTERS, sessions);
}

static int put_stats(struct sk_buff *skb, struct fnat_net *fn,
		     const struct genl_info *info)
{
	const struct nlattr *service = info->attrs[IPVS_FULLNAT_A_STATS_SERVICE];
	struct fnat_policy *policy;

	if (!service)
		return put_sum(skb, fn);
	policy = fnat_whose(fn, service, info->extack);
	return PTR_ERR_OR_ZERO(policy) ?: put_policy_stats(skb, policy);
}

int ipvs_fullnat_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	return fnat_reply(info, IPVS_FULLNAT_CMD_STATS_GET, put_stats);
}

static int tell_policy_stats(struct sk_buff *skb, struct netlink_callback *cb,
			     struct fnat_net *fn,
			     const struct fnat_policy *policy)
{
	void *header = fnat_part_begin(skb, cb, IPVS_FULLNAT_CMD_STATS_GET);

	if (!header)
		return -EMSGSIZE;
	return fnat_part_end(skb, header, put_policy_stats(skb, policy));
}

static int tell_laddr_stats(struct sk_buff *skb, struct netlink_callback *cb,
			    const struct fnat_laddr *laddr)
{
	void *header = fnat_part_begin(skb, cb, IPVS_FULLNAT_CMD_STATS_GET);
	u64 values[FNAT_LADDR_COUNTERS] = {};
	int err;

	if (!header)
		return -EMSGSIZE;
	fnat_counters_read(laddr->counters, laddr->base, FNAT_LADDR_COUNTERS,
			   values);
	err = fnat_put_addr(skb, IPVS_FULLNAT_A_STATS_LADDR, laddr->af,
			    &laddr->addr) ?:
	      put_counters(skb, values, FNAT_LADDR_COUNTERS,
			   fnat_counters_sessions(laddr->counters));
	return fnat_part_end(skb, header, err);
}

/* Those that only sessions use, as they were deleted, are there too. */
static int each_laddr(struct sk_buff *skb, struct netlink_callback *cb,
		      struct fnat_net *fn)
{
	struct fnat_place *place = fnat_place_of(cb);
	const struct fnat_laddr *laddr;
	int err = 0;

	rcu_read_lock();
	list_for_each_entry_rcu(laddr, &fn->laddrs, list) {
		if (laddr->id <= place->laddr)
			continue;
		if (laddr->id > place->end)
			break;
		err = tell_laddr_stats(skb, cb, laddr);
		if (err)
			break;
		place->laddr = laddr->id;
	}
	rcu_read_unlock();
	return err;
}

int ipvs_fullnat_nl_stats_get_dumpit(struct sk_buff *skb,
				     struct netlink_callback *cb)
{
	const struct nlattr *service =
		genl_dump_attrs(cb)[IPVS_FULLNAT_A_STATS_SERVICE];
	struct fnat_net *fn;
	int err;

	err = fnat_parse_message(cb->nlh, 0, cb->extack);
	if (err)
		return err;
	fn = fnat_part_lock(cb);
	err = fnat_each_policy(skb, cb, fn, service, tell_policy_stats);
	if (!err && !service)
		err = each_laddr(skb, cb, fn);
	return fnat_part_unlock(cb, fn, skb, err);
}

static void reset_all(struct fnat_net *fn)
{
	struct fnat_policy *policy;
	struct fnat_laddr *laddr;

	list_for_each_entry(policy, &fn->policies, list)
		fnat_counters_reset(policy->counters, policy->base,
				    FNAT_COUNTERS);
	rcu_read_lock();
	list_for_each_entry_rcu(laddr, &fn->laddrs, list)
		fnat_counters_reset(laddr->counters, laddr->base,
				    FNAT_LADDR_COUNTERS);
	rcu_read_unlock();
}

int ipvs_fullnat_nl_stats_reset_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	const struct nlattr *service = info->attrs[IPVS_FULLNAT_A_STATS_SERVICE];
	struct fnat_net *fn = fnat_net(genl_info_net(info));
	struct fnat_policy *policy;
	int err;

	err = fnat_parse_message(info->nlhdr, 0, info->extack);
	if (err)
		return err;
	mutex_lock(&fn->mutex);
	if (service) {
		policy = fnat_whose(fn, service, info->extack);
		if (IS_ERR(policy))
			err = PTR_ERR(policy);
		else
			fnat_counters_reset(policy->counters, policy->base,
					    FNAT_COUNTERS);
	} else {
		reset_all(fn);
	}
	mutex_unlock(&fn->mutex);
	return err;
}
