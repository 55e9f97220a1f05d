/* SPDX-License-Identifier: GPL-2.0 */
/* Replies, from the real server to the client. */
#ifndef _FNAT_REPLY_H
#define _FNAT_REPLY_H

#include <linux/types.h>

struct net;
struct sk_buff;

unsigned int fnat_reply4(struct sk_buff *skb, struct net *net);
unsigned int fnat_reply6(struct sk_buff *skb, struct net *net, u8 protocol,
			 unsigned int offset);

#endif /* _FNAT_REPLY_H */
