// SPDX-License-Identifier: GPL-2.0
/*
 * Edits of policies. One is first prepared as a whole, which is where it can
 * fail, and then carried out, which cannot. So nothing is done by halves, even
 * if a request changes hundreds of policies.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <net/netlink.h>

#include "net.h"
#include "netlink_edit.h"
#include "netlink_event.h"
#include "netlink_parse.h"
#include "netlink_ranges.h"
#include "netlink_wishes.h"

/**
 * struct edit - a change to a policy, prepared
 * @list: in the list of all that the request makes
 * @node: in the tree of those that are fresh
 * @policy: the policy
 * @fresh: nobody finds it yet
 * @pool: its pool to be; NULL: it stays
 * @udp_timeout: its timeout to be
 * @adjust: its switch to be
 */
struct edit {
	struct list_head	list;
	struct rb_node		node;
	struct fnat_policy	*policy;
	bool			fresh;
	struct fnat_pool	*pool;
	unsigned long		udp_timeout;
	bool			adjust;
};

static void discard(struct edit *edit)
{
	fnat_pool_free(edit->pool);
	if (edit->fresh)
		fnat_policy_discard(edit->policy);
	else
		edit->policy->restored = false;
	kfree(edit);
}

static void carry_out(struct fnat_net *fn, struct edit *edit,
		      const struct fnat_verb *verb,
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
	kfree(edit);
}

/* Where a service is in the tree of those that are fresh, or belongs. */
static struct rb_node **find_fresh(struct fnat_edits *edits,
				   const struct fnat_key *key,
				   struct rb_node **parent)
{
	struct rb_node **link = &edits->fresh.rb_node;
	int order;

	*parent = NULL;
	while (*link) {
		const struct edit *edit = rb_entry(*link, struct edit, node);

		order = memcmp(key, &edit->policy->key, sizeof(*key));
		if (!order)
			break;
		*parent = *link;
		link = order < 0 ? &(*link)->rb_left : &(*link)->rb_right;
	}
	return link;
}

static void keep(struct fnat_edits *edits, struct edit *edit)
{
	struct rb_node **link, *parent;

	list_add_tail(&edit->list, &edits->list);
	if (!edit->fresh) {
		edit->policy->restored = true;
		return;
	}
	link = find_fresh(edits, &edit->policy->key, &parent);
	rb_link_node(&edit->node, parent, link);
	rb_insert_color(&edit->node, &edits->fresh);
}

/* Return: the policy that is there, NULL if there is to be one, or an error. */
static struct fnat_policy *get_policy(struct fnat_net *fn,
				      const struct fnat_request *request,
				      const struct fnat_key *key,
				      const struct fnat_verb *verb,
				      struct fnat_edits *edits)
{
	const struct nlattr *attr =
		request->attrs[IPVS_FULLNAT_A_POLICY_SERVICE];
	struct fnat_policy *policy = fnat_policy_lookup(fn, key);
	struct rb_node *parent;

	if (policy ? policy->restored : !!*find_fresh(edits, key, &parent)) {
		NL_SET_ERR_MSG_ATTR(request->extack, attr,
				    "the service is given twice: give each once");
		return ERR_PTR(-EINVAL);
	}
	if (policy && !verb->changes) {
		NL_SET_ERR_MSG_ATTR(request->extack, attr,
				    "the service has a policy already: change it with service set");
		return ERR_PTR(-EEXIST);
	}
	if (!policy && !verb->makes) {
		NL_SET_ERR_MSG_ATTR(request->extack, attr,
				    "the service has no policy: make one with service add");
		return ERR_PTR(-ENOENT);
	}
	return policy;
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
			const struct fnat_verb *verb)
{
	struct nlattr **attrs = request->attrs;
	struct fnat_pool *old = fnat_policy_pool(fn, edit->policy), *pool;
	bool whole = edit->fresh || verb->whole;
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
			   const struct fnat_verb *verb)
{
	int i;

	if (verb->makes || verb->pool != FNAT_POOL_SET)
		return 0;
	for (i = IPVS_FULLNAT_A_POLICY_LADDR;
	     i <= IPVS_FULLNAT_A_POLICY_ADJUST; i++)
		if (request->attrs[i])
			return 0;
	NL_SET_ERR_MSG(request->extack,
		       "nothing to change: give local addresses, ports, udp-timeout or adjust");
	return -EINVAL;
}

static struct edit *make_edit(struct fnat_net *fn, const struct fnat_key *key,
			      struct fnat_policy *policy,
			      const struct fnat_verb *verb)
{
	struct edit *edit = kzalloc(sizeof(*edit), GFP_KERNEL);

	if (!edit)
		return ERR_PTR(-ENOMEM);
	edit->fresh = !policy;
	edit->policy = policy ?: fnat_policy_create(fn, key);
	if (IS_ERR(edit->policy)) {
		policy = edit->policy;
		kfree(edit);
		return ERR_CAST(policy);
	}
	edit->adjust = true;
	if (policy && !verb->whole) {
		edit->udp_timeout = policy->udp_timeout;
		edit->adjust = policy->adjust;
	}
	return edit;
}

/**
 * fnat_edits_prepare() - prepare what a request wants of one policy
 * @edits: gets it, if it can be done
 * @fn: the namespace
 * @request: the request
 * @verb: what it wants
 *
 * Context: process, under @fn's mutex; may sleep.
 * Return: 0 or a negative errno; then too @edits are to be cancelled.
 */
int fnat_edits_prepare(struct fnat_edits *edits, struct fnat_net *fn,
		       const struct fnat_request *request,
		       const struct fnat_verb *verb)
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
	policy = get_policy(fn, request, &key, verb, edits);
	if (IS_ERR(policy))
		return PTR_ERR(policy);
	edit = make_edit(fn, &key, policy, verb);
	if (IS_ERR(edit))
		return PTR_ERR(edit);
	err = prepare_settings(edit, request) ?:
	      prepare_pool(fn, edit, request, verb);
	if (err)
		discard(edit);
	else
		keep(edits, edit);
	return err;
}

/**
 * fnat_edits_carry_out() - do what was prepared
 * @edits: the edits, of which none is left
 * @fn: the namespace
 * @request: the request, if @verb has one, not many
 * @verb: what it wants
 *
 * Context: process, under @fn's mutex; may sleep.
 */
void fnat_edits_carry_out(struct fnat_edits *edits, struct fnat_net *fn,
			  const struct fnat_request *request,
			  const struct fnat_verb *verb)
{
	struct edit *edit, *next;

	list_for_each_entry_safe(edit, next, &edits->list, list)
		carry_out(fn, edit, verb, request);
}

/**
 * fnat_edits_cancel() - leave everything as it is
 * @edits: the edits, of which none is left
 *
 * Context: process, under the namespace's mutex.
 */
void fnat_edits_cancel(struct fnat_edits *edits)
{
	struct edit *edit, *next;

	list_for_each_entry_safe(edit, next, &edits->list, list)
		discard(edit);
}
