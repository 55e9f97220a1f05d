/* SPDX-License-Identifier: GPL-2.0 */
/* Messages that tell what there is. */
#ifndef _FNAT_NETLINK_SHOW_H
#define _FNAT_NETLINK_SHOW_H

#include "policy.h"

struct sk_buff;

int fnat_put_addr(struct sk_buff *skb, int type, u8 af,
		  const union nf_inet_addr *addr);
int fnat_put_service(struct sk_buff *skb, int type, const struct fnat_key *key);
int fnat_put_policy(struct sk_buff *skb, const struct fnat_net *fn,
		    const struct fnat_policy *policy);

#endif /* _FNAT_NETLINK_SHOW_H */
