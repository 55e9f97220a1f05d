// SPDX-License-Identifier: GPL-2.0
/*
 * IPVS: FULLNAT
 *
 * Masquerading connections of a virtual service that has a policy go out from a
 * local address of the director, so that real servers answer to it wherever they
 * are. See fnatctl(8).
 */
#include <linux/module.h>

#include "../version.h"
#include "bind.h"
#include "net.h"
#include "netlink.h"
#include "session.h"

static int __init fnat_init(void)
{
	int err;

	err = fnat_sessions_init();
	if (err)
		return err;
	err = fnat_net_init();
	if (err)
		goto err_sessions;
	err = fnat_bind_init();
	if (err)
		goto err_net;
	err = fnat_netlink_init();
	if (err)
		goto err_bind;
	return 0;

err_bind:
	fnat_bind_exit();
err_net:
	fnat_net_exit();
err_sessions:
	fnat_sessions_exit();
	return err;
}

/* Policies and connections hold the module, so none is left. */
static void __exit fnat_exit(void)
{
	fnat_netlink_exit();
	fnat_bind_exit();
	fnat_net_exit();
	fnat_sessions_exit();
}

module_init(fnat_init);
module_exit(fnat_exit);
MODULE_LICENSE("GPL");
MODULE_AUTHOR("The ipvs-fullnat developers");
MODULE_DESCRIPTION("IPVS: FULLNAT");
MODULE_VERSION(IPVS_FULLNAT_VERSION);
