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
#include "ghost.h"
#include "net.h"
#include "netlink.h"
#include "ports.h"
#include "table.h"

static int __init fnat_init(void)
{
	int err;

	err = fnat_table_init();
	if (err)
		return err;
	err = fnat_ports_init();
	if (err)
		goto err_table;
	err = fnat_net_init();
	if (err)
		goto err_ports;
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
err_ports:
	fnat_ghosts_exit();
	fnat_ports_exit();
err_table:
	fnat_table_exit();
	return err;
}

/* Policies and connections hold the module, so none is left. */
static void __exit fnat_exit(void)
{
	fnat_netlink_exit();
	fnat_bind_exit();
	fnat_net_exit();
	fnat_ghosts_exit();
	fnat_ports_exit();
	fnat_table_exit();
}

module_init(fnat_init);
module_exit(fnat_exit);
MODULE_LICENSE("GPL");
MODULE_AUTHOR("The ipvs-fullnat developers");
MODULE_DESCRIPTION("IPVS: FULLNAT");
MODULE_VERSION(IPVS_FULLNAT_VERSION);
