// SPDX-License-Identifier: GPL-2.0
/* Building and checking frames. Both run outside of what is measured. */

#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/skbuff.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/tcp.h>

#include "frame.h"

#define ISN_REQUEST	0x10000000
#define ISN_REPLY	0x20000000
#define TTL		64

static unsigned int l4_size(u8 proto)
{
	return proto == IPPROTO_TCP ? sizeof(struct tcphdr) :
				      sizeof(struct udphdr);
}

static u8 payload_byte(unsigned int i)
{
	return i * 7 + 1;
}

static __sum16 l4_check(const struct tuple *tuple, u8 proto, const void *l4,
			unsigned int len)
{
	return csum_tcpudp_magic(tuple->saddr, tuple->daddr, len, proto,
				 csum_partial(l4, len, 0));
}

static void build_udp(struct udphdr *uh, const struct tuple *tuple,
		      unsigned int len)
{
	uh->source = tuple->sport;
	uh->dest = tuple->dport;
	uh->len = htons(len);
	uh->check = 0;
	uh->check = l4_check(tuple, IPPROTO_UDP, uh, len) ?: CSUM_MANGLED_0;
}

static void build_tcp(struct tcphdr *th, const struct tuple *tuple,
		      const struct step *step, unsigned int len)
{
	memset(th, 0, sizeof(*th));
	th->source = tuple->sport;
	th->dest = tuple->dport;
	th->seq = htonl((step->reply ? ISN_REPLY : ISN_REQUEST) + step->seq);
	if (step->flags & TCPHDR_ACK)
		th->ack_seq = htonl((step->reply ? ISN_REQUEST : ISN_REPLY) +
				    step->ack);
	th->doff = sizeof(*th) / 4;
	tcp_flag_byte(th) = step->flags;
	th->window = htons(0x7000);
	th->check = l4_check(tuple, IPPROTO_TCP, th, len);
}

struct sk_buff *frame_build(struct net_device *dev, u8 proto,
			    const struct tuple *tuple, const struct step *step)
{
	unsigned int head = l4_size(proto), len = head + step->len, i;
	struct sk_buff *skb;
	struct ethhdr *eth;
	struct iphdr *iph;
	u8 *l4;

	skb = netdev_alloc_skb_ip_align(dev, ETH_HLEN + sizeof(*iph) + len);
	if (!skb)
		return NULL;

	eth = skb_put_zero(skb, sizeof(*eth));
	ether_addr_copy(eth->h_dest, dev->dev_addr);
	eth->h_proto = htons(ETH_P_IP);

	iph = skb_put_zero(skb, sizeof(*iph));
	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tot_len = htons(sizeof(*iph) + len);
	iph->frag_off = htons(IP_DF);
	iph->ttl = TTL;
	iph->protocol = proto;
	iph->saddr = tuple->saddr;
	iph->daddr = tuple->daddr;
	ip_send_check(iph);

	l4 = skb_put(skb, len);
	for (i = 0; i < step->len; i++)
		l4[head + i] = payload_byte(i);
	if (proto == IPPROTO_TCP)
		build_tcp((struct tcphdr *)l4, tuple, step, len);
	else
		build_udp((struct udphdr *)l4, tuple, len);

	/* as a card says that has checked it */
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->protocol = eth_type_trans(skb, dev);
	return skb;
}

bool frame_read(const struct sk_buff *skb, u8 proto, const struct step *step,
		struct tuple *tuple)
{
	const struct iphdr *iph = (const void *)skb->data + ETH_HLEN;
	unsigned int head = l4_size(proto), len = head + step->len, i;
	const u8 *l4 = (const void *)(iph + 1);
	const struct udphdr *uh = (const void *)l4;
	const struct tcphdr *th = (const void *)l4;

	if (skb_is_nonlinear(skb) ||
	    skb->len != ETH_HLEN + sizeof(*iph) + len ||
	    skb->protocol != htons(ETH_P_IP) ||
	    skb->ip_summed == CHECKSUM_PARTIAL)
		return false;
	if (iph->version != 4 || iph->ihl != 5 || iph->protocol != proto ||
	    iph->tot_len != htons(sizeof(*iph) + len) ||
	    iph->ttl != TTL - 1 || ip_fast_csum(iph, iph->ihl))
		return false;

	/* the ports are at the same place in both headers */
	*tuple = (struct tuple){
		.saddr = iph->saddr, .daddr = iph->daddr,
		.sport = uh->source, .dport = uh->dest,
	};
	if (l4_check(tuple, proto, l4, len))
		return false;
	if (proto == IPPROTO_UDP ? uh->len != htons(len) || !uh->check :
				   tcp_flag_byte(th) != step->flags)
		return false;
	for (i = 0; i < step->len; i++)
		if (l4[head + i] != payload_byte(i))
			return false;
	return true;
}
