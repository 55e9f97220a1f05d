// SPDX-License-Identifier: GPL-2.0
/* Events, for who listens. If one is lost as memory is short, that is told. */
#include <net/genetlink.h>

#include "net.h"
#include "netlink.h"
#include "netlink_event.h"
#include "netlink_gen.h"
#include "netlink_parse.h"
#include "netlink_show.h"

/* As who reads too slowly is told: the next read is -ENOBUFS. */
static void event_lost(struct fnat_net *fn)
{
	genl_set_err(&fnat_family, fn->net, 0, IPVS_FULLNAT_NLGRP_EVENTS,
		     -ENOBUFS);
}

static struct sk_buff *event_begin(struct fnat_net *fn, u8 event, size_t size,
				   gfp_t gfp, void **header)
{
	struct sk_buff *skb = genlmsg_new(size, gfp);

	if (!skb) {
		event_lost(fn);
		return NULL;
	}
	*header = genlmsg_put(skb, 0, 0, &fnat_family, 0, event);
	return skb;
}

static void event_end(struct fnat_net *fn, struct sk_buff *skb, void *header,
		      int err, gfp_t gfp)
{
	if (err) {
		nlmsg_free(skb);
		event_lost(fn);
		return;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast_netns(&fnat_family, fn->net, skb, 0,
				IPVS_FULLNAT_NLGRP_EVENTS, gfp);
}

static bool heard(struct fnat_net *fn)
{
	return genl_has_listeners(&fnat_family, fn->net,
				  IPVS_FULLNAT_NLGRP_EVENTS);
}

/**
 * fnat_event_policy() - tell of a policy, as a whole
 * @fn: the namespace
 * @event: what has happened to it
 * @policy: the policy
 *
 * Context: process, under @fn's mutex; may sleep.
 */
void fnat_event_policy(struct fnat_net *fn, u8 event,
		       const struct fnat_policy *policy)
{
	struct sk_buff *skb;
	void *header;

	if (!heard(fn))
		return;
	skb = event_begin(fn, event, NLMSG_DEFAULT_SIZE, GFP_KERNEL, &header);
	if (skb)
		event_end(fn, skb, header, fnat_put_policy(skb, fn, policy),
			  GFP_KERNEL);
}

/**
 * fnat_event_deleted() - tell that a policy is deleted
 * @fn: the namespace
 * @policy: the policy
 *
 * Context: process, under @fn's mutex; may sleep.
 */
void fnat_event_deleted(struct fnat_net *fn, const struct fnat_policy *policy)
{
	struct sk_buff *skb;
	void *header;
	int err;

	if (!heard(fn))
		return;
	skb = event_begin(fn, IPVS_FULLNAT_CMD_SERVICE_DEL_NTF,
			  NLMSG_DEFAULT_SIZE, GFP_KERNEL, &header);
	if (!skb)
		return;
	err = fnat_put_service(skb, IPVS_FULLNAT_A_POLICY_SERVICE,
			       &policy->key) ?:
	      nla_put_u32(skb, IPVS_FULLNAT_A_POLICY_GENERATION,
			  fn->generation);
	event_end(fn, skb, header, err, GFP_KERNEL);
}

/**
 * fnat_event_laddrs() - tell what has happened to addresses of a pool
 * @fn: the namespace
 * @event: what has happened to them
 * @request: gives the addresses, which are told as they were given
 * @policy: the policy
 *
 * Context: process, under @fn's mutex; may sleep.
 */
void fnat_event_laddrs(struct fnat_net *fn, u8 event,
		       const struct fnat_request *request,
		       const struct fnat_policy *policy)
{
	const struct nlattr *attr;
	struct sk_buff *skb;
	void *header;
	int rest, err;

	if (!heard(fn))
		return;
	skb = event_begin(fn, event, NLMSG_DEFAULT_SIZE + request->len,
			  GFP_KERNEL, &header);
	if (!skb)
		return;
	err = fnat_put_service(skb, IPVS_FULLNAT_A_POLICY_SERVICE,
			       &policy->key);
	nla_for_each_attr(attr, request->head, request->len, rest)
		if (!err && nla_type(attr) == IPVS_FULLNAT_A_POLICY_LADDR)
			err = nla_put(skb, attr->nla_type, nla_len(attr),
				      nla_data(attr));
	if (!err)
		err = nla_put_u32(skb, IPVS_FULLNAT_A_POLICY_GENERATION,
				  fn->generation);
	event_end(fn, skb, header, err, GFP_KERNEL);
}

/**
 * fnat_event_exhausted() - tell that a connection was refused for want of ports
 * @policy: its policy, found by fnat_policy_find()
 *
 * Once a second for a policy, at most.
 *
 * Context: softirq or process, under RCU.
 */
void fnat_event_exhausted(struct fnat_policy *policy)
{
	unsigned long last = READ_ONCE(policy->exhausted), now = jiffies | 1;
	struct fnat_net *fn = fnat_net(policy->net);
	struct sk_buff *skb;
	void *header;
	int err;

	if ((last && time_before(now, last + HZ)) || !heard(fn) ||
	    cmpxchg(&policy->exhausted, last, now) != last)
		return;
	skb = event_begin(fn, IPVS_FULLNAT_CMD_EXHAUSTED_NTF,
			  NLMSG_DEFAULT_SIZE, GFP_ATOMIC, &header);
	if (!skb)
		return;
	err = fnat_put_service(skb, IPVS_FULLNAT_A_LADDR_SERVICE, &policy->key);
	event_end(fn, skb, header, err, GFP_ATOMIC);
}
