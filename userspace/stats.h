/* SPDX-License-Identifier: GPL-2.0 */
/* Counters of a service or of a local address. */
#ifndef FNATCTL_STATS_H
#define FNATCTL_STATS_H

#include "counters.h"
#include "nl.h"
#include "parse.h"

/* @of_laddr: of the local address, else of the service
 * @has: which counters are there; the others are not kept for it
 */
struct stats {
	bool of_laddr;
	struct service service;
	struct address laddr;
	uint32_t sessions;
	bool has[COUNTERS];
	uint64_t value[COUNTERS];
};

/* services in their order, then addresses */
struct stats_list {
	struct stats *stats;
	size_t count;
};

char *counter_key(const char *name, char *text);
int prometheus(struct nl *nl, const struct service *service,
	       const struct stats_list *list);

#endif
