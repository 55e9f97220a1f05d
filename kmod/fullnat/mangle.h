/* SPDX-License-Identifier: GPL-2.0 */
/* Rewriting of addresses, ports and checksums: both ends in one pass. */
#ifndef _FNAT_MANGLE_H
#define _FNAT_MANGLE_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/tcp.h>

/**
 * struct fnat_ends - where a packet comes from and goes to
 * @saddr: source address
 * @daddr: destination address
 * @sport: source port
 * @dport: destination port
 * @ports: both, as they are in a packet
 */
struct fnat_ends {
	const union nf_inet_addr	*saddr;
	const union nf_inet_addr	*daddr;
	union {
		struct {
			__be16		sport;
			__be16		dport;
		};
		__be32			ports;
	};
};

u64 fnat_mangle_diff6(const struct sk_buff *skb,
		      const union nf_inet_addr *saddr,
		      const union nf_inet_addr *daddr);
void fnat_mangle_options(struct sk_buff *skb, __sum16 *check, __wsum before,
			 const void *options, unsigned int length);

/*
 * Sums of 16-bit words are kept in 64 bits, of which the upper ones carry.
 * Taking a word off is adding its complement.
 */
static inline u64 fnat_plus(__be32 word)
{
	return (__force u32)word;
}

static inline u64 fnat_minus(__be32 word)
{
	return (u32)~(__force u32)word;
}

static inline __sum16 fnat_fold(u64 sum)
{
	return csum_fold(csum_add((__force __wsum)(u32)sum,
				  (__force __wsum)(u32)(sum >> 32)));
}

static inline u64 fnat_mangle_diff4(const struct sk_buff *skb,
				    const struct fnat_ends *to)
{
	const struct iphdr *iph = ip_hdr(skb);

	return fnat_plus(to->saddr->ip) + fnat_plus(to->daddr->ip) +
	       fnat_minus(iph->saddr) + fnat_minus(iph->daddr);
}

/* Is the checksum at @offset still to be completed, with the payload? */
static inline bool fnat_mangle_partial(const struct sk_buff *skb,
				       unsigned int offset)
{
	return skb->ip_summed == CHECKSUM_PARTIAL &&
	       skb_checksum_start_offset(skb) == offset;
}

static __always_inline void
fnat_mangle_check(struct sk_buff *skb, __sum16 *check, bool tcp,
		  unsigned int offset, u64 addresses, u64 ports)
{
	if (fnat_mangle_partial(skb, offset)) {
		*check = ~fnat_fold((__force u16)*check + addresses);
		return;
	}
	/* UDP without a checksum stays so */
	if (tcp || *check) {
		*check = fnat_fold((u16)~(__force u16)*check + addresses +
				   ports);
		if (!tcp && !*check)
			*check = CSUM_MANGLED_0;
	}
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE;
}

static inline bool fnat_mangle_writable(struct sk_buff *skb,
					unsigned int length)
{
	if (likely(skb_headlen(skb) >= length && !skb_cloned(skb)))
		return true;
	return !skb_ensure_writable(skb, length);
}

/**
 * fnat_tcp_flags() - what a TCP header says of the packet
 * @skb: the packet
 * @offset: of its TCP header
 *
 * Context: any.
 * Return: TCPHDR_*; 0 if the header is cut off.
 */
static inline u8 fnat_tcp_flags(const struct sk_buff *skb, unsigned int offset)
{
	u8 buffer, *flags;

	flags = skb_header_pointer(skb, offset + 13, sizeof(buffer), &buffer);
	return flags ? *flags : 0;
}

/**
 * fnat_mangle() - rewrite ports, and the checksum for new addresses
 * @skb: the packet, with the addresses that it came with
 * @af: AF_INET or AF_INET6
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 * @offset: of the TCP or UDP header
 * @to: its new ends
 *
 * Makes the headers writable, so that pointers to them must be read again.
 * The addresses are left to the caller, see fnat_mangle_ip().
 *
 * Context: any.
 * Return: false: the header is cut off, or no memory; the packet is unchanged.
 */
static __always_inline bool fnat_mangle(struct sk_buff *skb, u8 af, u8 protocol,
					unsigned int offset,
					const struct fnat_ends *to)
{
	bool tcp = protocol == IPPROTO_TCP;
	union {
		struct tcphdr	tcp;
		struct udphdr	udp;
		__be32		ports;
	} *header;
	u64 addresses;

	if (unlikely(!fnat_mangle_writable(skb, offset +
					   (tcp ? sizeof(header->tcp) :
						  sizeof(header->udp)))))
		return false;
	header = (void *)skb->data + offset;
	addresses = likely(af == AF_INET) ?
		    fnat_mangle_diff4(skb, to) :
		    fnat_mangle_diff6(skb, to->saddr, to->daddr);
	fnat_mangle_check(skb, tcp ? &header->tcp.check : &header->udp.check,
			  tcp, offset, addresses,
			  fnat_plus(to->ports) + fnat_minus(header->ports));
	header->ports = to->ports;
	return true;
}

/**
 * fnat_mangle_ip() - rewrite the addresses of the IP header
 * @skb: the packet; the header is writable
 * @af: AF_INET or AF_INET6
 * @to: its new ends
 *
 * Context: any.
 */
static inline void fnat_mangle_ip(struct sk_buff *skb, u8 af,
				  const struct fnat_ends *to)
{
	if (af == AF_INET6) {
		ipv6_hdr(skb)->saddr = to->saddr->in6;
		ipv6_hdr(skb)->daddr = to->daddr->in6;
		return;
	}
	ip_hdr(skb)->saddr = to->saddr->ip;
	ip_hdr(skb)->daddr = to->daddr->ip;
	ip_send_check(ip_hdr(skb));
}

#endif /* _FNAT_MANGLE_H */
