/* SPDX-License-Identifier: GPL-2.0 */
/* Events, for who listens. */
#ifndef _FNAT_NETLINK_EVENT_H
#define _FNAT_NETLINK_EVENT_H

#include <linux/types.h>

struct fnat_net;
struct fnat_policy;
struct fnat_request;

void fnat_event_policy(struct fnat_net *fn, u8 event,
		       const struct fnat_policy *policy);
void fnat_event_deleted(struct fnat_net *fn, const struct fnat_policy *policy);
void fnat_event_laddrs(struct fnat_net *fn, u8 event,
		       const struct fnat_request *request,
		       const struct fnat_policy *policy);

#endif /* _FNAT_NETLINK_EVENT_H */
