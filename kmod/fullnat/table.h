/* SPDX-License-Identifier: GPL-2.0 */
/* The table of all sessions, and their memory. */
#ifndef _FNAT_TABLE_H
#define _FNAT_TABLE_H

#include <linux/types.h>

struct fnat_pair;
struct fnat_session;
struct ip_vs_conn;
struct net;

/**
 * struct fnat_table_iter - where a walk is
 * @bucket: of the table
 * @last: what was visited of the bucket
 */
struct fnat_table_iter {
	u32		bucket;
	unsigned long	last;
};

int fnat_table_init(void);
void fnat_table_exit(void);

struct fnat_session *fnat_table_alloc(void);
void fnat_table_free(struct fnat_session *session);
void fnat_table_free_rcu(struct fnat_session *session);

struct fnat_session *fnat_table_find(const struct fnat_pair *pair,
				     __be16 lport);
struct fnat_session *fnat_table_insert(struct fnat_session *session);
void fnat_table_remove(struct fnat_session *session);
int fnat_table_walk(struct net *net, struct fnat_table_iter *iter,
		    int (*fn)(struct fnat_session *session,
			      struct ip_vs_conn *cp, void *data), void *data);

#endif /* _FNAT_TABLE_H */
