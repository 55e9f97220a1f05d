/* SPDX-License-Identifier: GPL-2.0 */
/* The local addresses that a request gives. */
#ifndef _FNAT_NETLINK_WISHES_H
#define _FNAT_NETLINK_WISHES_H

#include "pool.h"

struct fnat_request;

struct fnat_wishes *fnat_parse_laddrs(const struct fnat_request *request,
				      u8 af);

#endif /* _FNAT_NETLINK_WISHES_H */
