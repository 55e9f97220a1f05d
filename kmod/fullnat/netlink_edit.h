/* SPDX-License-Identifier: GPL-2.0 */
/* Edits of policies: prepared first, and then carried out, all or none. */
#ifndef _FNAT_NETLINK_EDIT_H
#define _FNAT_NETLINK_EDIT_H

#include <linux/list.h>
#include <linux/rbtree.h>

#include "pool.h"

struct fnat_request;

/**
 * struct fnat_verb - what a command does to a policy
 * @event: what it is told as, unless it makes the policy
 * @maxattr: the last attribute that it takes
 * @pool: what it does with addresses
 * @makes: it makes the policy if that is not there
 * @changes: the policy may be there
 * @whole: what is not given becomes what it is by default
 */
struct fnat_verb {
	u8			event;
	u8			maxattr;
	enum fnat_pool_verb	pool;
	bool			makes;
	bool			changes;
	bool			whole;
};

/**
 * struct fnat_edits - all that a request does
 * @list: edits, in the order of the request
 * @fresh: those of them that make a policy, by its key
 */
struct fnat_edits {
	struct list_head	list;
	struct rb_root		fresh;
};

/**
 * fnat_edits_init() - begin with no edits
 * @edits: what is to have them
 */
static inline void fnat_edits_init(struct fnat_edits *edits)
{
	INIT_LIST_HEAD(&edits->list);
	edits->fresh = RB_ROOT;
}

int fnat_edits_prepare(struct fnat_edits *edits, struct fnat_net *fn,
		       const struct fnat_request *request,
		       const struct fnat_verb *verb);
void fnat_edits_carry_out(struct fnat_edits *edits, struct fnat_net *fn,
			  const struct fnat_request *request,
			  const struct fnat_verb *verb);
void fnat_edits_cancel(struct fnat_edits *edits);

#endif /* _FNAT_NETLINK_EDIT_H */
