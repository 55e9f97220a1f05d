/* SPDX-License-Identifier: GPL-2.0 */
/* Namespaces. */
#ifndef _FNAT_NET_H
#define _FNAT_NET_H

struct fnat_net;
struct net;

struct fnat_net *fnat_net(const struct net *net);
int fnat_net_enable(struct fnat_net *fn);
void fnat_net_disable(struct fnat_net *fn);
void fnat_net_changed(struct fnat_net *fn);

int fnat_net_init(void);
void fnat_net_exit(void);

#endif /* _FNAT_NET_H */
