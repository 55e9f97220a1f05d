/* SPDX-License-Identifier: GPL-2.0 */
/* What the scheduler keeps of a virtual service. */
#ifndef _SWRR_SERVICE_H
#define _SWRR_SERVICE_H

#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "table.h"

struct dentry;
struct ip_vs_dest;
struct ip_vs_iphdr;
struct ip_vs_service;
struct sk_buff;

/**
 * struct swrr_service - what the scheduler keeps of a virtual service
 * @table: its turns
 * @svc: the service
 * @lock: held to make turns, and to search when turns are lost
 * @rover: server that was found last among those that take no turns
 * @refusing: all were full at the last search, so search at once
 * @stale: memory was short: @table is not what IPVS has
 * @done: the service is going away: no more work
 * @parked: servers take no turns because they are full
 * @checked: jiffies when parked servers were last looked at
 * @look_at: the server that was looked at last
 * @rested: jiffies from when on servers may be parked or come back again
 * @given_up: turns that landed on a full server
 * @turns: turns of the tables before @table
 * @mutex: held to replace @table
 * @work: replaces it where no edit does: to park, and for @stale
 * @file: in debugfs
 * @rcu: to free it
 */
struct swrr_service {
	struct swrr_table __rcu	*table;
	struct ip_vs_service	*svc;
	spinlock_t		lock;	/* makers of turns, and searches */
	u32			rover;
	bool			refusing;
	bool			stale;
	bool			done;
	bool			parked;
	u32			look_at;
	unsigned long		checked;
	unsigned long		rested;
	atomic64_t		given_up;
	u64			turns;
	struct mutex		mutex;	/* one edit at a time */
	struct delayed_work	work;
	struct dentry		*file;
	struct rcu_head		rcu;
};

/* service.c: */
int ip_vs_swrr_init_svc(struct ip_vs_service *svc);
void ip_vs_swrr_done_svc(struct ip_vs_service *svc);
int ip_vs_swrr_add_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest);
int ip_vs_swrr_del_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest);
int ip_vs_swrr_upd_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest);
void swrr_service_kick(struct swrr_service *service);

/* schedule.c: */
struct ip_vs_dest *ip_vs_swrr_schedule(struct ip_vs_service *svc,
				       const struct sk_buff *skb,
				       struct ip_vs_iphdr *iph);

#endif /* _SWRR_SERVICE_H */
