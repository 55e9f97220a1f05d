/* SPDX-License-Identifier: GPL-2.0 */
/* Replies, and the hooks by which packets come. */
#ifndef _FNAT_REPLY_H
#define _FNAT_REPLY_H

struct net;

int fnat_hooks_register(struct net *net);
void fnat_hooks_unregister(struct net *net);

#endif /* _FNAT_REPLY_H */
