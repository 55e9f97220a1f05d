/* SPDX-License-Identifier: GPL-2.0 */
/* The table of all sessions, and their memory. */
#ifndef _FNAT_TABLE_H
#define _FNAT_TABLE_H

#include <linux/rculist.h>
#include <linux/types.h>

#include "session.h"

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

extern struct hlist_head *fnat_table;
extern u32 fnat_table_mask;

/*
 * Neighbouring ports are in neighbouring buckets. So sessions with the same
 * real server spread evenly, and no hash is computed to make one.
 */
static inline u32 fnat_table_slot(u32 hash, u16 lport)
{
	return (hash + lport) & fnat_table_mask;
}

/**
 * fnat_table_find() - the session of a reply
 * @pair: where from, and to what local address
 * @lport: to what port
 *
 * Context: RCU read lock.
 * Return: it, with no reference; maybe a ghost; or NULL.
 */
static __always_inline struct fnat_session *
fnat_table_find(const struct fnat_pair *pair, __be16 lport)
{
	u16 port = ntohs(lport);
	u32 slot = fnat_table_slot(fnat_pair_hash(pair), port);
	struct fnat_session *session;

	hlist_for_each_entry_rcu(session, &fnat_table[slot], node)
		if (session->lport == port &&
		    fnat_pair_equal(&session->ports->pair, pair))
			return session;
	return NULL;
}

int fnat_table_init(void);
void fnat_table_exit(void);

struct fnat_session *fnat_table_alloc(void);
void fnat_table_free(struct fnat_session *session);
void fnat_table_free_rcu(struct fnat_session *session);

struct fnat_session *fnat_table_insert(struct fnat_session *session);
void fnat_table_remove(struct fnat_session *session);
int fnat_table_walk(struct net *net, struct fnat_table_iter *iter,
		    int (*fn)(struct fnat_session *session,
			      struct ip_vs_conn *cp, void *data), void *data);

#endif /* _FNAT_TABLE_H */
