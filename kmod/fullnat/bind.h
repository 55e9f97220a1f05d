/* SPDX-License-Identifier: GPL-2.0 */
/* The binding of sessions to the connections of IPVS. */
#ifndef _FNAT_BIND_H
#define _FNAT_BIND_H

struct net;

int fnat_bind_init(void);
void fnat_bind_exit(void);
int fnat_bind_enable(struct net *net);
void fnat_bind_disable(struct net *net);

#endif /* _FNAT_BIND_H */
