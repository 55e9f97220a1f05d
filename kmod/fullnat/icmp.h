/* SPDX-License-Identifier: GPL-2.0 */
/* ICMP errors about packets that were translated. */
#ifndef _FNAT_ICMP_H
#define _FNAT_ICMP_H

#include <linux/types.h>

struct net;
struct sk_buff;

unsigned int fnat_icmp(struct sk_buff *skb, struct net *net, u8 af,
		       unsigned int offset);

#endif /* _FNAT_ICMP_H */
