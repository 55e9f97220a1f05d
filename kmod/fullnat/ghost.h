/* SPDX-License-Identifier: GPL-2.0 */
/* What is remembered of connections that are gone. */
#ifndef _FNAT_GHOST_H
#define _FNAT_GHOST_H

struct fnat_session;
struct net;

void fnat_ghost_make(struct fnat_session *session);
void fnat_ghost_drop(struct fnat_session *ghost);

void fnat_ghosts_clean_later(void);
void fnat_ghosts_exit_net(struct net *net);
void fnat_ghosts_exit(void);

#endif /* _FNAT_GHOST_H */
