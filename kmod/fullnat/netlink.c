// SPDX-License-Identifier: GPL-2.0
/* The generic netlink family, and the commands that change policies. */
#include <linux/module.h>
#include <net/genetlink.h>

#include "net.h"
#include "netlink.h"
#include "netlink_dump.h"
#include "netlink_edit.h"
#include "netlink_event.h"
#include "netlink_gen.h"
#include "netlink_parse.h"

/* What may be given more than once */
#define MANY	(BIT(IPVS_FULLNAT_A_POLICY_LADDR) | \
		 BIT(IPVS_FULLNAT_A_POLICY_PORTS))

static const struct fnat_verb service_add = {
	.event = IPVS_FULLNAT_CMD_SERVICE_ADD_NTF,
	.maxattr = IPVS_FULLNAT_A_POLICY_ADJUST,
	.pool = FNAT_POOL_SET,
	.makes = true,
};

static const struct fnat_verb service_set = {
	.event = IPVS_FULLNAT_CMD_SERVICE_SET_NTF,
	.maxattr = IPVS_FULLNAT_A_POLICY_ADJUST,
	.pool = FNAT_POOL_SET,
	.changes = true,
};

static const struct fnat_verb laddr_add = {
	.event = IPVS_FULLNAT_CMD_LADDR_ADD_NTF,
	.maxattr = IPVS_FULLNAT_A_POLICY_LADDR,
	.pool = FNAT_POOL_ADD,
	.changes = true,
};

static const struct fnat_verb laddr_drain = {
	.event = IPVS_FULLNAT_CMD_LADDR_DRAIN_NTF,
	.maxattr = IPVS_FULLNAT_A_POLICY_LADDR,
	.pool = FNAT_POOL_DRAIN,
	.changes = true,
};

static const struct fnat_verb laddr_del = {
	.event = IPVS_FULLNAT_CMD_LADDR_DEL_NTF,
	.maxattr = IPVS_FULLNAT_A_POLICY_LADDR,
	.pool = FNAT_POOL_DEL,
	.changes = true,
};

static const struct fnat_verb restore = {
	.event = IPVS_FULLNAT_CMD_SERVICE_ADD_NTF,
	.maxattr = IPVS_FULLNAT_A_POLICY_ADJUST,
	.pool = FNAT_POOL_SET,
	.makes = true,
};

static const struct fnat_verb replace = {
	.event = IPVS_FULLNAT_CMD_SERVICE_SET_NTF,
	.maxattr = IPVS_FULLNAT_A_POLICY_ADJUST,
	.pool = FNAT_POOL_SET,
	.makes = true,
	.changes = true,
	.whole = true,
};

/* The hooks are there before the first policy is. */
static int prepare_net(struct fnat_net *fn, struct netlink_ext_ack *extack)
{
	int err = fnat_net_enable(fn);

	if (err && err != -ENOMEM)
		NL_SET_ERR_MSG(extack,
			       "netfilter or IPVS does not hand over packets: nothing has changed");
	return err;
}

static int change(struct genl_info *info, const struct fnat_verb *verb)
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
	struct fnat_edits edits;
	int err;

	err = fnat_parse_message(info->nlhdr, MANY, info->extack);
	if (err)
		return err;
	fnat_edits_init(&edits);
	memcpy(attrs, info->attrs, (verb->maxattr + 1) * sizeof(attrs[0]));
	mutex_lock(&fn->mutex);
	err = fnat_edits_prepare(&edits, fn, &request, verb) ?:
	      prepare_net(fn, info->extack);
	if (err)
		fnat_edits_cancel(&edits);
	else
		fnat_edits_carry_out(&edits, fn, &request, verb);
	if (!fn->count)
		fnat_net_disable(fn);
	mutex_unlock(&fn->mutex);
	return fnat_explain(err, info->extack);
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
	int err = fnat_parse_message(info->nlhdr, 0, info->extack);

	if (err)
		return err;
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
			    struct genl_info *info,
			    const struct fnat_verb *verb,
			    struct fnat_edits *edits)
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

	err = fnat_parse_nest(tb, ARRAY_SIZE(tb) - 1, nest,
			      ipvs_fullnat_policy_config_nl_policy, MANY,
			      info->extack);
	if (err)
		return err;
	if (!tb[IPVS_FULLNAT_A_POLICY_SERVICE]) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest, "no service: give one");
		return -EINVAL;
	}
	return fnat_edits_prepare(edits, fn, &request, verb);
}

static int prepare_restore(struct fnat_net *fn, struct genl_info *info,
			   const struct fnat_verb *verb,
			   struct fnat_edits *edits)
{
	const struct nlattr *attr;
	int rest, err;

	err = fnat_parse_message(info->nlhdr,
				 BIT(IPVS_FULLNAT_A_RESTORE_POLICY),
				 info->extack);
	if (err)
		return err;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rest) {
		if (nla_type(attr) != IPVS_FULLNAT_A_RESTORE_POLICY)
			continue;
		err = prepare_restored(fn, attr, info, verb, edits);
		if (err)
			return err;
		cond_resched();
	}
	if (list_empty(&edits->list) && verb != &replace) {
		GENL_SET_ERR_MSG(info, "nothing to restore: give policies");
		return -EINVAL;
	}
	return list_empty(&edits->list) ? 0 : prepare_net(fn, info->extack);
}

/* Those that are not part of the restore. */
static void delete_others(struct fnat_net *fn)
{
	struct fnat_policy *policy, *next;

	list_for_each_entry_safe(policy, next, &fn->policies, list)
		if (!policy->restored)
			delete(fn, policy);
}

int ipvs_fullnat_nl_restore_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct fnat_net *fn = fnat_net(genl_info_net(info));
	const struct fnat_verb *verb =
		info->attrs[IPVS_FULLNAT_A_RESTORE_REPLACE] ? &replace :
							      &restore;
	struct fnat_edits edits;
	int err;

	fnat_edits_init(&edits);
	mutex_lock(&fn->mutex);
	err = prepare_restore(fn, info, verb, &edits);
	if (err) {
		fnat_edits_cancel(&edits);
	} else {
		if (verb == &replace)
			delete_others(fn);
		fnat_edits_carry_out(&edits, fn, NULL, verb);
	}
	if (!fn->count)
		fnat_net_disable(fn);
	mutex_unlock(&fn->mutex);
	return fnat_explain(err, info->extack);
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
