/* SPDX-License-Identifier: GPL-2.0 */
/* The generic netlink family. */
#ifndef _FNAT_NETLINK_H
#define _FNAT_NETLINK_H

struct fnat_policy;

extern struct genl_family fnat_family;

void fnat_event_exhausted(struct fnat_policy *policy);

int fnat_netlink_init(void);
void fnat_netlink_exit(void);

#endif /* _FNAT_NETLINK_H */
