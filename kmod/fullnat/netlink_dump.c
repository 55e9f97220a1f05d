// SPDX-License-Identifier: GPL-2.0
/*
 * How messages that tell what there is are begun, ended and continued.
 *
 * A dump takes the namespace's mutex for as many messages as fit into a
 * buffer. In between anything may change, so it remembers ids and addresses,
 * which ascend and are not given twice, and no positions: what is there all the
 * time is told exactly once. The generation tells the reader of a change.
 */
#include <net/genetlink.h>
#include <net/sock.h>

#include "net.h"
#include "netlink.h"
#include "netlink_dump.h"
#include "netlink_parse.h"

/**
 * fnat_place_of() - where a dump is
 * @cb: the dump
 *
 * Return: it, to be changed.
 */
struct fnat_place *fnat_place_of(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct fnat_place) > sizeof(cb->ctx));
	return (struct fnat_place *)cb->ctx;
}

/**
 * fnat_part_lock() - begin to fill a buffer of a dump
 * @cb: the dump
 *
 * Context: process; may sleep. Takes the namespace's mutex.
 * Return: the namespace.
 */
struct fnat_net *fnat_part_lock(struct netlink_callback *cb)
{
	struct fnat_net *fn = fnat_net(sock_net(cb->skb->sk));
	struct fnat_place *place = fnat_place_of(cb);

	mutex_lock(&fn->mutex);
	if (!place->end)
		place->end = fn->last_id;
	cb->seq = fn->generation;
	return fn;
}

/**
 * fnat_part_unlock() - a buffer of a dump is filled
 * @cb: the dump
 * @fn: the namespace, whose mutex is released
 * @skb: the buffer
 * @err: why no more was put into it
 *
 * That it is full is no error, unless nothing fits into it.
 *
 * Return: what a dumpit returns.
 */
int fnat_part_unlock(struct netlink_callback *cb, struct fnat_net *fn,
		     struct sk_buff *skb, int err)
{
	mutex_unlock(&fn->mutex);
	if (!err || (err == -EMSGSIZE && skb->len))
		return skb->len;
	return fnat_explain(err, cb->extack);
}

/**
 * fnat_reply_begin() - begin the one message that answers a request
 * @info: the request
 * @cmd: the command
 * @header: gets what fnat_reply_end() needs
 *
 * Context: process; may sleep.
 * Return: the message; NULL without memory, which has its sentence then.
 */
struct sk_buff *fnat_reply_begin(struct genl_info *info, u8 cmd, void **header)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (skb)
		*header = genlmsg_put_reply(skb, info, &fnat_family, 0, cmd);
	else
		fnat_explain(-ENOMEM, info->extack);
	return skb;
}

/**
 * fnat_reply_end() - send the one message that answers a request
 * @info: the request
 * @skb: the message
 * @header: of fnat_reply_begin()
 * @err: why it could not be made, or 0
 *
 * Return: what a doit returns.
 */
int fnat_reply_end(struct genl_info *info, struct sk_buff *skb, void *header,
		   int err)
{
	if (err) {
		nlmsg_free(skb);
		return fnat_explain(err, info->extack);
	}
	genlmsg_end(skb, header);
	return genlmsg_reply(skb, info);
}

/**
 * fnat_reply() - answer a request with one message
 * @info: the request, which gives nothing twice or is refused
 * @cmd: the command
 * @put: puts what the message has; called under the namespace's mutex; returns 0
 *	or a negative errno
 *
 * Context: process; may sleep.
 * Return: what a doit returns.
 */
int fnat_reply(struct genl_info *info, u8 cmd,
	       int (*put)(struct sk_buff *skb, struct fnat_net *fn,
			  const struct genl_info *info))
{
	struct fnat_net *fn = fnat_net(genl_info_net(info));
	struct sk_buff *skb;
	void *header;
	int err;

	err = fnat_parse_message(info->nlhdr, 0, info->extack);
	if (err)
		return err;
	skb = fnat_reply_begin(info, cmd, &header);
	if (!skb)
		return -ENOMEM;
	mutex_lock(&fn->mutex);
	err = put(skb, fn, info);
	mutex_unlock(&fn->mutex);
	return fnat_reply_end(info, skb, header, err);
}

/**
 * fnat_part_begin() - begin one of the messages of a dump
 * @skb: the buffer
 * @cb: the dump
 * @cmd: the command
 *
 * Return: what fnat_part_end() needs; NULL: it does not fit.
 */
void *fnat_part_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	void *header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				   cb->nlh->nlmsg_seq, &fnat_family,
				   NLM_F_MULTI, cmd);

	if (header)
		genl_dump_check_consistent(cb, header);
	return header;
}

/**
 * fnat_part_end() - end one of the messages of a dump
 * @skb: the buffer
 * @header: of fnat_part_begin()
 * @err: why it could not be made, or 0
 *
 * Return: @err.
 */
int fnat_part_end(struct sk_buff *skb, void *header, int err)
{
	if (err)
		genlmsg_cancel(skb, header);
	else
		genlmsg_end(skb, header);
	return err;
}

/**
 * fnat_whose() - the policy that a request is about
 * @fn: the namespace
 * @service: the attribute that names the service; NULL is refused
 * @extack: gets the reason of a refusal
 *
 * Context: process, under @fn's mutex.
 * Return: the policy, without a reference; an error pointer.
 */
struct fnat_policy *fnat_whose(struct fnat_net *fn,
			       const struct nlattr *service,
			       struct netlink_ext_ack *extack)
{
	struct fnat_policy *policy;
	struct fnat_key key;
	int err;

	err = fnat_parse_service(service, &key, extack);
	if (err)
		return ERR_PTR(err);
	policy = fnat_policy_lookup(fn, &key);
	if (policy)
		return policy;
	NL_SET_ERR_MSG_ATTR(extack, service,
			    "the service has no policy: make one with service add");
	return ERR_PTR(-ENOENT);
}

/**
 * fnat_each_policy() - tell of policies, from where a dump is on
 * @skb: the buffer
 * @cb: the dump, which remembers how far this comes
 * @fn: the namespace
 * @service: tell of the policy of this service alone; NULL: of all
 * @tell: tells of one; not 0: no more
 *
 * Context: process, under @fn's mutex.
 * Return: 0, what @tell returned, or the reason of a refusal.
 */
int fnat_each_policy(struct sk_buff *skb, struct netlink_callback *cb,
		     struct fnat_net *fn, const struct nlattr *service,
		     int (*tell)(struct sk_buff *skb,
				 struct netlink_callback *cb,
				 struct fnat_net *fn,
				 const struct fnat_policy *policy))
{
	struct fnat_policy *policy, *only = NULL;
	struct fnat_place *place = fnat_place_of(cb);
	int err;

	if (service) {
		if (place->done)
			return 0;
		only = fnat_whose(fn, service, cb->extack);
		if (IS_ERR(only))
			return PTR_ERR(only);
	}
	list_for_each_entry(policy, &fn->policies, list) {
		if (policy->id <= place->done || (only && policy != only))
			continue;
		if (policy->id > place->end)
			break;
		err = tell(skb, cb, fn, policy);
		if (err)
			return err;
		place->done = policy->id;
	}
	return 0;
}
