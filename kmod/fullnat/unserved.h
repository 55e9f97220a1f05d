/* SPDX-License-Identifier: GPL-2.0 */
/* Requests while IPVS has no service. */
#ifndef _FNAT_UNSERVED_H
#define _FNAT_UNSERVED_H

#include <linux/netfilter.h>

unsigned int fnat_unserved(void *priv, struct sk_buff *skb,
			   const struct nf_hook_state *state);

#endif /* _FNAT_UNSERVED_H */
