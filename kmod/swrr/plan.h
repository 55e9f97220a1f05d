/* SPDX-License-Identifier: GPL-2.0 */
/* What a service's table of turns is to be, when it is replaced. */
#ifndef _SWRR_PLAN_H
#define _SWRR_PLAN_H

#include <linux/types.h>

#include "table.h"

struct ip_vs_dest;
struct ip_vs_service;

#define SWRR_NEW_SERVER		U32_MAX

/**
 * struct swrr_candidate - a server of the table to be
 * @dest: the destination
 * @weight: its weight
 * @old: its index in the present table; SWRR_NEW_SERVER: it is not there
 * @order: decides among equal weights: who came first
 * @parked: it is full and shall take no turns
 */
struct swrr_candidate {
	struct ip_vs_dest	*dest;
	u32			weight;
	u32			old;
	u32			order;
	bool			parked;
};

/**
 * struct swrr_plan - the table to be
 * @servers: how many candidates there are
 * @room: how many fit in
 * @edited: weights or servers change
 * @parking: servers are parked or come back
 * @parked: how many are
 * @candidate: the candidates
 */
struct swrr_plan {
	u32			servers;
	u32			room;
	bool			edited;
	bool			parking;
	u32			parked;
	struct swrr_candidate	candidate[];
};

struct swrr_plan *swrr_plan_make(const struct ip_vs_service *svc,
				 const struct swrr_table *table,
				 struct ip_vs_dest *added, bool park,
				 bool stale);

#endif /* _SWRR_PLAN_H */
