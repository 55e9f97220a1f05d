// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family, and what changes policies.
 *
 * A change is first prepared as a whole, which is where it can fail, and then
 * carried out, which cannot. So nothing is done by halves, even if it changes
 * hundreds of policies.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "net.h"
#include "netlink.h"
#include "netlink_dump.h"
#include "netlink_event.h"
#include "netlink_gen.h"
#include "netlink_parse.h"

/**
 * struct edit - a change to a policy, prepared
 * @list: in the list of all that the request makes
 * @policy: the policy
 * @fresh: nobody finds it yet
 * @pool: its pool to be; NULL: it stays
 * @udp_timeout: its timeout to be
 * @adjust: its switch to be
 */
struct edit {
	struct list_head	list;
	struct fnat_policy	*policy;
	bool			fresh;
	struct fnat_pool	*pool;
	unsigned long		udp_timeout;
	bool			adjust;
};

/**
 * struct verb - what a command does
 * @cmd: the command
 * @event: what it is told as
 * @pool: what it does with addresses
 * @maxattr: the last attribute that it takes
 */
struct verb {
	u8			cmd;
	u8			event;
	enum fnat_pool_verb	pool;
	u8			maxattr;
};

static const struct verb service_add = {
	IPVS_FULLNAT_CMD_SERVICE_ADD,
	IPVS_FULLNAT_CMD_SERVICE_ADD_NTF,
	FNAT_POOL_SET,
	IPVS_FULLNAT_A_POLICY_ADJUST,
};

static const struct verb service_set = {
	IPVS_FULLNAT_CMD_SERVICE_SET,
	IPVS_FULLNAT_CMD_SERVICE_SET_NTF,
	FNAT_POOL_SET,
	IPVS_FULLNAT_A_POLICY_ADJUST,
};

static const struct verb laddr_add = {
	IPVS_FULLNAT_CMD_LADDR_ADD,
	IPVS_FULLNAT_CMD_LADDR_ADD_NTF,
	FNAT_POOL_ADD,
	IPVS_FULLNAT_A_POLICY_LADDR,
};

static const struct verb laddr_drain = {
	IPVS_FULLNAT_CMD_LADDR_DRAIN,
	IPVS_FULLNAT_CMD_LADDR_DRAIN_NTF,
	FNAT_POOL_DRAIN,
	IPVS_FULLNAT_A_POLICY_LADDR,
};

static const struct verb laddr_del = {
	IPVS_FULLNAT_CMD_LADDR_DEL,
	IPVS_FULLNAT_CMD_LADDR_DEL_NTF,
	FNAT_POOL_DEL,
	IPVS_FULLNAT_A_POLICY_LADDR,
};

static const struct verb restore = {
	IPVS_FULLNAT_CMD_RESTORE,
	IPVS_FULLNAT_CMD_SERVICE_SET_NTF,
	FNAT_POOL_SET,
	IPVS_FULLNAT_A_POLICY_ADJUST,
};

static void cancel(struct edit *edit)
{
	fnat_pool_free(edit->pool);
	if (edit->fresh)
		fnat_policy_discard(edit->policy);
	else
		edit->policy->restored = false;
	list_del(&edit->list);
	kfree(edit);
}

static void carry_out(struct fnat_net *fn, struct edit *edit,
		      const struct verb *verb,
		      const struct fnat_request *request)
{
	struct fnat_policy *policy = edit->policy;
	u8 event = verb->event;

	WRITE_ONCE(policy->udp_timeout, edit->udp_timeout);
	WRITE_ONCE(policy->adjust, edit->adjust);
	if (edit->pool)
		fnat_policy_set_pool(fn, policy, edit->pool);
	if (edit->fresh) {
		fnat_policy_add(fn, policy);
		event = IPVS_FULLNAT_CMD_SERVICE_ADD_NTF;
	}
	policy->restored = false;
	fnat_net_changed(fn);
	if (verb->pool == FNAT_POOL_SET)
		fnat_event_policy(fn, event, policy);
	else
		fnat_event_laddrs(fn, event, request, policy);
	list_del(&edit->list);
	kfree(edit);
}

static struct fnat_policy *get_policy(struct fnat_net *fn,
				      const struct fnat_request *request,
				      const struct fnat_key *key,
				      const struct verb *verb, bool replace)
{
	const struct nlattr *attr =
		request->attrs[IPVS_FULLNAT_A_POLICY_SERVICE];
	struct fnat_policy *policy = fnat_policy_lookup(fn, key);

	if (policy && policy->restored) {
		NL_SET_ERR_MSG_ATTR(request->extack, attr,
				    "the service is given twice: give each once");
		return ERR_PTR(-EINVAL);
	}
	if (policy && (verb == &service_add ||
		       (verb == &restore && !replace))) {
		NL_SET_ERR_MSG_ATTR(request->extack, attr,
				    "the service has a policy already: change it with service set");
		return ERR_PTR(-EEXIST);
	}
	if (!policy && verb != &service_add && verb != &restore) {
		NL_SET_ERR_MSG_ATTR(request->extack, attr,
				    "the service has no policy: make one with service add");
		return ERR_PTR(-ENOENT);
	}
	return policy;
}

/* Those that are new are found by nobody, so also not by get_policy(). */
static int check_twice(const struct list_head *edits,
		       const struct fnat_request *request,
		       const struct fnat_key *key)
{
	const struct edit *edit;

	list_for_each_entry(edit, edits, list) {
		if (memcmp(&edit->policy->key, key, sizeof(*key)))
			continue;
		NL_SET_ERR_MSG_ATTR(request->extack,
				    request->attrs[IPVS_FULLNAT_A_POLICY_SERVICE],
				    "the service is given twice: give each once");
		return -EINVAL;
	}
	return 0;
}

static int prepare_settings(struct edit *edit,
			    const struct fnat_request *request)
{
	const struct nlattr *timeout =
		request->attrs[IPVS_FULLNAT_A_POLICY_UDP_TIMEOUT];
	const struct nlattr *adjust =
		request->attrs[IPVS_FULLNAT_A_POLICY_ADJUST];
	u8 protocol = edit->policy->key.protocol;

	if (timeout && protocol == IPPROTO_TCP) {
		NL_SET_ERR_MSG_ATTR(request->extack, timeout,
				    "udp-timeout of a TCP service: leave it out");
		return -EINVAL;
	}
	if (timeout && nla_get_u32(timeout) > IPVS_FULLNAT_MAX_UDP_TIMEOUT) {
		NL_SET_ERR_MSG_ATTR(request->extack, timeout,
				    "udp-timeout of more than a day: give 86400 seconds at most");
		return -ERANGE;
	}
	if (adjust && protocol == IPPROTO_UDP) {
		NL_SET_ERR_MSG_ATTR(request->extack, adjust,
				    "adjust of a UDP service: leave it out");
		return -EINVAL;
	}
	if (timeout)
		edit->udp_timeout = nla_get_u32(timeout) * (unsigned long)HZ;
	if (adjust)
		edit->adjust = nla_get_u8(adjust);
	return 0;
}

static int prepare_pool(struct fnat_net *fn, struct edit *edit,
			const struct fnat_request *request,
			const struct verb *verb, bool whole)
{
	struct nlattr **attrs = request->attrs;
	struct fnat_pool *old = fnat_policy_pool(fn, edit->policy), *pool;
	bool ports = whole || attrs[IPVS_FULLNAT_A_POLICY_PORTS] ||
		     attrs[IPVS_FULLNAT_A_POLICY_DEFAULT_PORTS];
	struct fnat_wishes *wishes;
	struct fnat_ranges ranges;
	int err;

	if (ports) {
		err = fnat_parse_ports(request, &ranges);
		if (err)
			return err;
	}
	wishes = fnat_parse_laddrs(request, edit->policy->key.af);
	if (IS_ERR(wishes))
		return PTR_ERR(wishes);
	if (!wishes && (whole || verb->pool != FNAT_POOL_SET)) {
		NL_SET_ERR_MSG_ATTR(request->extack, request->nest,
				    "no local addresses: give some");
		return -EINVAL;
	}
	if (!wishes && !ports)
		return 0;
	pool = fnat_pool_create(fn, old, wishes, verb->pool,
				ports ? &ranges : NULL, request->extack);
	kvfree(wishes);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	edit->pool = pool;
	return 0;
}

static int check_something(const struct fnat_request *request,
			   const struct verb *verb)
{
	int i;

	if (verb != &service_set)
		return 0;
	for (i = IPVS_FULLNAT_A_POLICY_LADDR;
	     i <= IPVS_FULLNAT_A_POLICY_ADJUST; i++)
		if (request->attrs[i])
			return 0;
	NL_SET_ERR_MSG(request->extack,
		       "nothing to change: give local addresses, ports, udp-timeout or adjust");
	return -EINVAL;
}

/*
 * On success the edit is in @edits, for carry_out() or cancel().
 * @replace: the policy may be there, and becomes what is given alone
 */
static int prepare(struct fnat_net *fn, const struct fnat_request *request,
		   const struct verb *verb, bool replace,
		   struct list_head *edits)
{
	struct fnat_policy *policy;
	struct fnat_key key;
	struct edit *edit;
	int err;

	err = fnat_parse_service(request->attrs[IPVS_FULLNAT_A_POLICY_SERVICE],
				 &key, request->extack) ?:
	      check_something(request, verb);
	if (err)
		return err;
	policy = get_policy(fn, request, &key, verb, replace);
	if (IS_ERR(policy))
		return PTR_ERR(policy);
	if (!policy) {
		err = check_twice(edits, request, &key);
		if (err)
			return err;
	}

	edit = kzalloc(sizeof(*edit), GFP_KERNEL);
	if (!edit)
		return -ENOMEM;
	edit->fresh = !policy;
	edit->policy = policy ?: fnat_policy_create(fn, &key);
	if (IS_ERR(edit->policy)) {
		err = PTR_ERR(edit->policy);
		kfree(edit);
		return err;
	}
	edit->adjust = true;
	if (policy && !replace) {
		edit->udp_timeout = policy->udp_timeout;
		edit->adjust = policy->adjust;
	}
	if (policy)
		policy->restored = true;
	list_add_tail(&edit->list, edits);
	err = prepare_settings(edit, request) ?:
	      prepare_pool(fn, edit, request, verb, edit->fresh || replace);
	if (err)
		cancel(edit);
	return err;
}

/* The hooks are there before the first policy is. */
static int prepare_net(struct fnat_net *fn, struct netlink_ext_ack *extack)
{
	int err = fnat_net_enable(fn);

	if (err)
		NL_SET_ERR_MSG(extack,
			       "packets cannot be had: see the kernel's log");
	return err;
}

static int change(struct genl_info *info, const struct verb *verb)
{
	struct nlattr *attrs[IPVS_FULLNAT_A_POLICY_ADJUST + 1] = {};
	struct fnat_net *fn = fnat_net(genl_info_net(info));
	struct fnat_request request = {
		.net = fn->net,
		.extack = info->extack,
		.attrs = attrs,
		.head = nlmsg_attrdata(info->nlhdr, GENL_HDRLEN),
		.len = nlmsg_attrlen(info->nlhdr, GENL_HDRLEN),
	};
	struct edit *edit;
	LIST_HEAD(edits);
	int err;

	memcpy(attrs, info->attrs, (verb->maxattr + 1) * sizeof(attrs[0]));
	mutex_lock(&fn->mutex);
	err = prepare(fn, &request, verb, false, &edits);
	if (err)
		goto out;
	edit = list_first_entry(&edits, struct edit, list);
	err = prepare_net(fn, info->extack);
	if (err)
		cancel(edit);
	else
		carry_out(fn, edit, verb, &request);
out:
	if (!fn->count)
		fnat_net_disable(fn);
	mutex_unlock(&fn->mutex);
	return err;
}

int ipvs_fullnat_nl_service_add_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	return change(info, &service_add);
}

int ipvs_fullnat_nl_service_set_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	return change(info, &service_set);
}

int ipvs_fullnat_nl_laddr_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	return change(info, &laddr_add);
}

int ipvs_fullnat_nl_laddr_drain_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	return change(info, &laddr_drain);
}

int ipvs_fullnat_nl_laddr_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return change(info, &laddr_del);
}

static void delete(struct fnat_net *fn, struct fnat_policy *policy)
{
	fnat_net_changed(fn);
	fnat_event_deleted(fn, policy);
	fnat_policy_del(fn, policy);
}

int ipvs_fullnat_nl_service_del_doit(struct sk_buff *skb,
				     struct genl_info *info)
{
	struct fnat_net *fn = fnat_net(genl_info_net(info));
	struct fnat_policy *policy;
	int err = 0;

	mutex_lock(&fn->mutex);
	policy = fnat_whose(fn, info->attrs[IPVS_FULLNAT_A_POLICY_SERVICE],
			    info->extack);
	if (IS_ERR(policy))
		err = PTR_ERR(policy);
	else
		delete(fn, policy);
	if (!fn->count)
		fnat_net_disable(fn);
	mutex_unlock(&fn->mutex);
	return err;
}

static int prepare_restored(struct fnat_net *fn, const struct nlattr *nest,
			    struct genl_info *info, struct list_head *edits)
{
	struct nlattr *tb[IPVS_FULLNAT_A_POLICY_ADJUST + 1];
	struct fnat_request request = {
		.net = fn->net,
		.extack = info->extack,
		.attrs = tb,
		.head = nla_data(nest),
		.len = nla_len(nest),
		.nest = nest,
	};
	int err;

	err = nla_parse_nested(tb, ARRAY_SIZE(tb) - 1, nest,
			       ipvs_fullnat_policy_config_nl_policy,
			       info->extack);
	if (err)
		return err;
	if (!tb[IPVS_FULLNAT_A_POLICY_SERVICE]) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest, "no service: give one");
		return -EINVAL;
	}
	return prepare(fn, &request, &restore,
		       info->attrs[IPVS_FULLNAT_A_RESTORE_REPLACE], edits);
}

static int prepare_restore(struct fnat_net *fn, struct genl_info *info,
			   struct list_head *edits)
{
	const struct nlattr *attr;
	int rest, err = 0;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rest) {
		if (nla_type(attr) != IPVS_FULLNAT_A_RESTORE_POLICY)
			continue;
		err = prepare_restored(fn, attr, info, edits);
		if (err)
			return err;
		cond_resched();
	}
	if (list_empty(edits) && !info->attrs[IPVS_FULLNAT_A_RESTORE_REPLACE]) {
		GENL_SET_ERR_MSG(info, "nothing to restore: give policies");
		return -EINVAL;
	}
	return list_empty(edits) ? 0 : prepare_net(fn, info->extack);
}

int ipvs_fullnat_nl_restore_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct fnat_net *fn = fnat_net(genl_info_net(info));
	struct fnat_policy *policy, *next_policy;
	struct edit *edit, *next;
	LIST_HEAD(edits);
	int err;

	mutex_lock(&fn->mutex);
	err = prepare_restore(fn, info, &edits);
	if (err) {
		list_for_each_entry_safe(edit, next, &edits, list)
			cancel(edit);
		goto out;
	}
	if (info->attrs[IPVS_FULLNAT_A_RESTORE_REPLACE])
		list_for_each_entry_safe(policy, next_policy, &fn->policies,
					 list)
			if (!policy->restored)
				delete(fn, policy);
	list_for_each_entry_safe(edit, next, &edits, list)
		carry_out(fn, edit, &restore, NULL);
out:
	if (!fn->count)
		fnat_net_disable(fn);
	mutex_unlock(&fn->mutex);
	return err;
}

static const struct genl_multicast_group groups[] = {
	[IPVS_FULLNAT_NLGRP_EVENTS] = { .name = IPVS_FULLNAT_MCGRP_EVENTS, },
};

struct genl_family fnat_family __ro_after_init = {
	.name		= IPVS_FULLNAT_FAMILY_NAME,
	.version	= IPVS_FULLNAT_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.ops		= ipvs_fullnat_nl_ops,
	.n_ops		= ARRAY_SIZE(ipvs_fullnat_nl_ops),
	.mcgrps		= groups,
	.n_mcgrps	= ARRAY_SIZE(groups),
};

MODULE_ALIAS_GENL_FAMILY(IPVS_FULLNAT_FAMILY_NAME);

/**
 * fnat_netlink_init() - be there for requests
 *
 * Everything that they may need is there already.
 *
 * Context: process; may sleep.
 * Return: 0 or a negative errno.
 */
int fnat_netlink_init(void)
{
	return genl_register_family(&fnat_family);
}

/**
 * fnat_netlink_exit() - take no more requests
 *
 * Context: process; may sleep, until those that are there are done.
 */
void fnat_netlink_exit(void)
{
	genl_unregister_family(&fnat_family);
}
