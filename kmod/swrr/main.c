// SPDX-License-Identifier: GPL-2.0
/*
 * IPVS: smooth weighted round robin with overflow
 *
 * ipvsadm -s swrr. Every connection takes the next turn of a sequence in which
 * each server is within one turn of its share at all times. A turn that lands
 * on a full server is given up, and the connection takes the one after it.
 */
#define KMSG_COMPONENT "IPVS"
#define pr_fmt(fmt) KMSG_COMPONENT ": swrr: " fmt

#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>
#include <net/ip_vs.h>

#include "../version.h"
#include "debugfs.h"
#include "service.h"

static char *also;
module_param(also, charp, 0444);
MODULE_PARM_DESC(also, "a second name for this scheduler, such as wrr");

#define SWRR_SCHEDULER(named) {					\
	.name		= (named),				\
	.refcnt		= ATOMIC_INIT(0),			\
	.module		= THIS_MODULE,				\
	.init_service	= ip_vs_swrr_init_svc,			\
	.done_service	= ip_vs_swrr_done_svc,			\
	.add_dest	= ip_vs_swrr_add_dest,			\
	.del_dest	= ip_vs_swrr_del_dest,			\
	.upd_dest	= ip_vs_swrr_upd_dest,			\
	.schedule	= ip_vs_swrr_schedule,			\
}

static struct ip_vs_scheduler swrr_scheduler = SWRR_SCHEDULER("swrr");
static struct ip_vs_scheduler also_scheduler = SWRR_SCHEDULER(NULL);

static bool is_name(const char *name)
{
	size_t length;

	for (length = 0; name[length]; length++)
		if (!isascii(name[length]) ||
		    (!islower(name[length]) && !isdigit(name[length]) &&
		     name[length] != '_'))
			return false;
	return length && length < IP_VS_SCHEDNAME_MAXLEN;
}

static int __init register_also(void)
{
	int err;

	if (!also)
		return 0;
	if (!is_name(also) || !strcmp(also, swrr_scheduler.name)) {
		pr_err("also=%s: give the name of another scheduler, of 1 to %d characters a-z, 0-9 and _, such as wrr\n",
		       also, IP_VS_SCHEDNAME_MAXLEN - 1);
		return -EINVAL;
	}
	also_scheduler.name = also;
	err = register_ip_vs_scheduler(&also_scheduler);
	if (err == -EINVAL) {
		pr_err("also=%s: the name is taken: move services off ip_vs_%s and unload it first (rmmod ip_vs_%s), or load this module without also=\n",
		       also, also, also);
		/* modprobe takes -EEXIST for success: loaded already */
		err = -EBUSY;
	}
	return err;
}

static int __init ip_vs_swrr_init(void)
{
	int err;

	INIT_LIST_HEAD(&swrr_scheduler.n_list);
	INIT_LIST_HEAD(&also_scheduler.n_list);
	swrr_debugfs_init();
	err = register_also();
	if (err)
		goto err_debugfs;
	err = register_ip_vs_scheduler(&swrr_scheduler);
	if (err)
		goto err_also;
	return 0;

err_also:
	if (also)
		unregister_ip_vs_scheduler(&also_scheduler);
err_debugfs:
	swrr_debugfs_exit();
	return err;
}

static void __exit ip_vs_swrr_exit(void)
{
	unregister_ip_vs_scheduler(&swrr_scheduler);
	if (also)
		unregister_ip_vs_scheduler(&also_scheduler);
	swrr_debugfs_exit();
	/* the last packet that a service of ours chose a server for */
	synchronize_rcu();
}

module_init(ip_vs_swrr_init);
module_exit(ip_vs_swrr_exit);
MODULE_LICENSE("GPL");
MODULE_AUTHOR("The ipvs-fullnat developers");
MODULE_DESCRIPTION("IPVS: smooth weighted round robin with overflow");
MODULE_VERSION(IPVS_FULLNAT_VERSION);
