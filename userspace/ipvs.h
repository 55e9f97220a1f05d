/* SPDX-License-Identifier: GPL-2.0 */
/* What IPVS itself has where a policy is. */
#ifndef FNATCTL_IPVS_H
#define FNATCTL_IPVS_H

#include <linux/ip_vs.h>

#include "nl.h"
#include "parse.h"

enum ipvs_state {
	IPVS_UNKNOWN,		/* it could not be asked */
	IPVS_NO_SERVICE,
	IPVS_ONE_PACKET,
	IPVS_NO_MASQUERADING,	/* no real server is reached by -m */
	IPVS_READY,
};

struct ipvs {
	enum ipvs_state state;
	char scheduler[17];
	bool one_packet;
	unsigned int real_servers;
	unsigned int masquerading;
};

void ipvs_look(struct nl *nl, const struct service *service,
	       struct ipvs *ipvs);
const char *ipvs_state_name(enum ipvs_state state);

#endif
