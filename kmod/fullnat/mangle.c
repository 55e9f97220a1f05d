// SPDX-License-Identifier: GPL-2.0
/*
 * Rewriting of addresses, ports and checksums: what mangle.h does not do in
 * place. No state, no locks.
 */
#include <linux/ipv6.h>
#include <linux/skbuff.h>
#include <net/checksum.h>

#include "mangle.h"

/**
 * fnat_mangle_diff6() - what a checksum gains when IPv6 addresses change
 * @skb: the packet, with the addresses that it came with
 * @saddr: its source from now on
 * @daddr: its destination
 *
 * Context: any.
 * Return: the sum.
 */
u64 fnat_mangle_diff6(const struct sk_buff *skb,
		      const union nf_inet_addr *saddr,
		      const union nf_inet_addr *daddr)
{
	const struct ipv6hdr *iph = ipv6_hdr(skb);
	__wsum sum;

	sum = csum_partial(saddr, sizeof(iph->saddr), 0);
	sum = csum_partial(daddr, sizeof(iph->daddr), sum);
	return (u64)(__force u32)sum +
	       (u32)~(__force u32)csum_partial(&iph->saddr,
					       2 * sizeof(iph->saddr), 0);
}

/**
 * fnat_mangle_options() - TCP options have changed: update the checksum
 * @skb: the packet
 * @check: the checksum of its TCP header
 * @before: csum_partial() of the options before
 * @options: what they are now
 * @length: their length
 *
 * Context: any.
 */
void fnat_mangle_options(struct sk_buff *skb, __sum16 *check, __wsum before,
			 const void *options, unsigned int length)
{
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		return;
	*check = csum_fold(csum_add(~csum_unfold(*check),
				    csum_sub(csum_partial(options, length, 0),
					     before)));
}
