/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all files share: the state of a namespace, and small types.
 *
 * All that is configured in a namespace changes under its mutex. It is read
 * under RCU by the packet path, which never sees struct fnat_net: connections,
 * and with them sessions, outlive it, as IPVS ends them after our exit.
 */
#ifndef _FNAT_FULLNAT_H
#define _FNAT_FULLNAT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <linux/types.h>
#include <net/net_namespace.h>

#include <linux/ip_vs_fullnat.h>

/**
 * struct fnat_net - a namespace
 * @net: the namespace
 * @mutex: held for every change, and to read all but what RCU protects
 * @policies: its policies, struct fnat_policy, in the order of their ids
 * @count: how many
 * @laddrs: its local addresses, struct fnat_laddr, in the order of their ids
 * @last_id: the latest id; none is given twice
 * @generation: changes with every change; never 0
 * @bound: new connections are offered to us, as there are policies
 * @hooked: the hooks are registered; they stay until the namespace dies, for
 *	the sessions of policies that are gone
 */
struct fnat_net {
	struct net		*net;
	struct mutex		mutex; /* of all that is configured */
	struct list_head	policies;
	unsigned int		count;
	struct list_head	laddrs;
	u64			last_id;
	u32			generation;
	bool			bound;
	bool			hooked;
};

/* A range of ports, in host byte order, the last one included */
struct fnat_range {
	u16	first;
	u16	last;
};

#endif /* _FNAT_FULLNAT_H */
