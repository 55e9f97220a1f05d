/* SPDX-License-Identifier: GPL-2.0 */
/* The hooks by which packets come. */
#ifndef _FNAT_HOOKS_H
#define _FNAT_HOOKS_H

struct net;

int fnat_hooks_register(struct net *net);
void fnat_hooks_unregister(struct net *net);

#endif /* _FNAT_HOOKS_H */
