/* SPDX-License-Identifier: GPL-2.0 */
/* The counters' names and meanings, which the contract has. */
#ifndef FNATCTL_COUNTERS_H
#define FNATCTL_COUNTERS_H

#include <linux/ip_vs_fullnat.h>

#define COUNTERS	__IPVS_FULLNAT_COUNT_MAX
#define COUNTER_TEXT	40

struct counter {
	const char *name;
	const char *help;
};

extern const struct counter counters[COUNTERS];

#endif
