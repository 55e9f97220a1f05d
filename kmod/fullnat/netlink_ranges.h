/* SPDX-License-Identifier: GPL-2.0 */
/* The local ports that a request gives. */
#ifndef _FNAT_NETLINK_RANGES_H
#define _FNAT_NETLINK_RANGES_H

#include "pool.h"

struct fnat_request;

int fnat_parse_ports(const struct fnat_request *request,
		     struct fnat_ranges *ranges);

#endif /* _FNAT_NETLINK_RANGES_H */
