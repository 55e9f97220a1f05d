/* SPDX-License-Identifier: GPL-2.0 */
/* How messages that tell what there is are begun, ended and continued. */
#ifndef _FNAT_NETLINK_DUMP_H
#define _FNAT_NETLINK_DUMP_H

#include "policy.h"

struct genl_info;
struct netlink_callback;
struct netlink_ext_ack;
struct nlattr;
struct sk_buff;

/**
 * struct fnat_place - where a dump is
 * @end: the latest id when it began: what is younger is not told, so it ends
 * @done: id of the last policy that was told as a whole
 * @begun: id of a policy of which some addresses were told
 * @last: the last one of them
 * @laddr: id of the last address that was told by itself
 */
struct fnat_place {
	u64			end;
	u64			done;
	u64			begun;
	union nf_inet_addr	last;
	u64			laddr;
};

struct fnat_policy *fnat_whose(struct fnat_net *fn,
			       const struct nlattr *service,
			       struct netlink_ext_ack *extack);

int fnat_reply(struct genl_info *info, u8 cmd,
	       int (*put)(struct sk_buff *skb, struct fnat_net *fn,
			  const struct genl_info *info));
struct sk_buff *fnat_reply_begin(struct genl_info *info, u8 cmd,
				 void **header);
int fnat_reply_end(struct genl_info *info, struct sk_buff *skb, void *header,
		   int err);

struct fnat_place *fnat_place_of(struct netlink_callback *cb);
struct fnat_net *fnat_part_lock(struct netlink_callback *cb);
int fnat_part_unlock(struct netlink_callback *cb, struct fnat_net *fn,
		     struct sk_buff *skb, int err);
void *fnat_part_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd);
int fnat_part_end(struct sk_buff *skb, void *header, int err);
int fnat_each_policy(struct sk_buff *skb, struct netlink_callback *cb,
		     struct fnat_net *fn, const struct nlattr *service,
		     int (*tell)(struct sk_buff *skb,
				 struct netlink_callback *cb,
				 struct fnat_net *fn,
				 const struct fnat_policy *policy));

#endif /* _FNAT_NETLINK_DUMP_H */
