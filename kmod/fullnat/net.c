// SPDX-License-Identifier: GPL-2.0
/*
 * Namespaces. Their first policy has IPVS offer new connections to us, which
 * costs a little for each, and their last one's deletion ends that. The hooks
 * stay from the first policy on, for sessions that outlive theirs, until the
 * namespace dies or the module goes. IPVS ends its connections after our exit,
 * so nothing that a session refers to is of struct fnat_net.
 */
#include <linux/module.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "bind.h"
#include "ghost.h"
#include "hooks.h"
#include "laddr.h"
#include "net.h"
#include "policy.h"

static unsigned int net_id __read_mostly;

/**
 * fnat_net() - our state of a namespace
 * @net: the namespace, alive
 *
 * Context: any.
 * Return: it.
 */
struct fnat_net *fnat_net(const struct net *net)
{
	return net_generic(net, net_id);
}

/**
 * fnat_net_enable() - have packets and new connections come to us
 * @fn: the namespace
 *
 * Context: process, under @fn's mutex; may sleep.
 * Return: 0 or a negative errno.
 */
int fnat_net_enable(struct fnat_net *fn)
{
	int err;

	if (!fn->hooked) {
		err = fnat_hooks_register(fn->net);
		if (err)
			return err;
		fn->hooked = true;
	}
	if (!fn->bound) {
		err = fnat_bind_enable(fn->net);
		if (err)
			return err;
		fn->bound = true;
	}
	return 0;
}

/**
 * fnat_net_disable() - have new connections come to us no longer
 * @fn: the namespace
 *
 * Context: process, under @fn's mutex; may sleep.
 */
void fnat_net_disable(struct fnat_net *fn)
{
	if (fn->bound)
		fnat_bind_disable(fn->net);
	fn->bound = false;
}

/**
 * fnat_net_changed() - let readers know of a change
 * @fn: the namespace
 *
 * Context: under @fn's mutex.
 */
void fnat_net_changed(struct fnat_net *fn)
{
	if (!++fn->generation)
		fn->generation = 1;
}

static int __net_init init_net_state(struct net *net)
{
	struct fnat_net *fn = fnat_net(net);

	fn->net = net;
	fn->generation = 1;
	mutex_init(&fn->mutex);
	INIT_LIST_HEAD(&fn->policies);
	INIT_LIST_HEAD(&fn->laddrs);
	return 0;
}

/* A grace period follows: no packet is in our hooks when IPVS dies there. */
static void __net_exit leave_net(struct net *net)
{
	struct fnat_net *fn = fnat_net(net);

	mutex_lock(&fn->mutex);
	fnat_net_disable(fn);
	mutex_unlock(&fn->mutex);
	if (fn->hooked)
		fnat_hooks_unregister(net);
}

static void __net_exit exit_net_state(struct net *net)
{
	struct fnat_net *fn = fnat_net(net);
	struct fnat_policy *policy, *next;

	mutex_lock(&fn->mutex);
	list_for_each_entry_safe(policy, next, &fn->policies, list)
		fnat_policy_del(fn, policy);
	fnat_laddrs_forget(fn);
	mutex_unlock(&fn->mutex);
	fnat_ghosts_exit_net(net);
	mutex_destroy(&fn->mutex);
}

static struct pernet_operations net_ops = {
	.init = init_net_state,
	.pre_exit = leave_net,
	.exit = exit_net_state,
	.id = &net_id,
	.size = sizeof(struct fnat_net),
};

/**
 * fnat_net_init() - begin to keep state of namespaces
 *
 * Context: process; may sleep.
 * Return: 0 or a negative errno.
 */
int fnat_net_init(void)
{
	return register_pernet_subsys(&net_ops);
}

/**
 * fnat_net_exit() - keep no more state of namespaces
 *
 * The family is gone, and there are neither policies nor sessions. When this
 * returns, all that was of them is freed.
 *
 * Context: process; may sleep.
 */
void fnat_net_exit(void)
{
	unregister_pernet_subsys(&net_ops);
	/* policies and pools let go of addresses, which are freed in turn */
	rcu_barrier();
	rcu_barrier();
}
