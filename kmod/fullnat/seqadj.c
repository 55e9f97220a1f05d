// SPDX-License-Identifier: GPL-2.0
/*
 * Translation of TCP sequence numbers, for a session whose port meets a
 * connection in TIME_WAIT at the real server. That lets a new connection in if
 * its SYN comes after all that was sent before, in sequence numbers and, if it
 * has them, timestamps. So the client's sequence numbers are moved behind those
 * of the connection before, and the SYN goes without a timestamp.
 *
 * What the client sends is numbered anew; what the real server acknowledges,
 * selectively or not, is numbered back. The real server's own numbers stay.
 */
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/checksum.h>
#include <net/tcp.h>

#include COMPAT_UNALIGNED_H

#include "mangle.h"
#include "seqadj.h"
#include "session.h"

static struct tcphdr *header(const struct sk_buff *skb, unsigned int offset)
{
	return (struct tcphdr *)(skb->data + offset);
}

static void renumber(struct sk_buff *skb, struct tcphdr *th, __be32 *number,
		     u32 delta)
{
	__be32 new = htonl(ntohl(*number) + delta);

	inet_proto_csum_replace4(&th->check, skb, *number, new, false);
	*number = new;
}

/* When such are taken apart, only addresses and ports are set in all. */
static bool is_list(const struct sk_buff *skb)
{
	return skb_is_gso(skb) &&
	       (skb_shinfo(skb)->gso_type & SKB_GSO_FRAGLIST);
}

/* Return: the length of the options, with the whole header writable; or -1. */
static int options(struct sk_buff *skb, unsigned int offset)
{
	unsigned int length = __tcp_hdrlen(header(skb, offset));

	if (length < sizeof(struct tcphdr) ||
	    skb_ensure_writable(skb, offset + length))
		return -1;
	return length - sizeof(struct tcphdr);
}

/* Return: the option of a kind, or NULL. */
static u8 *find_option(u8 *option, int length, u8 kind)
{
	while (length > 0 && *option != TCPOPT_EOL) {
		if (*option == TCPOPT_NOP) {
			option++;
			length--;
			continue;
		}
		if (length < 2 || option[1] < 2 || option[1] > length)
			break;
		if (*option == kind)
			return option;
		length -= option[1];
		option += option[1];
	}
	return NULL;
}

static bool strip_timestamp(struct sk_buff *skb, unsigned int offset)
{
	int length = options(skb, offset);
	struct tcphdr *th = header(skb, offset);
	__wsum before;
	u8 *option;

	if (length < 0)
		return false;
	option = find_option((u8 *)(th + 1), length, TCPOPT_TIMESTAMP);
	if (!option)
		return true;
	before = csum_partial(th + 1, length, 0);
	memset(option, TCPOPT_NOP, option[1]);
	fnat_mangle_options(skb, &th->check, before, th + 1, length);
	return true;
}

static bool renumber_sack(struct sk_buff *skb, unsigned int offset, u32 delta)
{
	int length = options(skb, offset), i;
	struct tcphdr *th = header(skb, offset);
	__wsum before;
	u8 *option;

	if (length < 0)
		return false;
	option = find_option((u8 *)(th + 1), length, TCPOPT_SACK);
	if (!option)
		return true;
	before = csum_partial(th + 1, length, 0);
	for (i = 2; i + 4 <= option[1]; i += 4)
		put_unaligned_be32(get_unaligned_be32(option + i) - delta,
				   option + i);
	fnat_mangle_options(skb, &th->check, before, th + 1, length);
	return true;
}

/**
 * fnat_seqadj_request() - translate a packet of the client
 * @session: its session, with some FNAT_ADJUST
 * @skb: the packet; the basic TCP header is writable
 * @offset: of that
 *
 * Context: RCU read lock; any.
 * Return: false: the header is cut off, or no memory.
 */
bool fnat_seqadj_request(struct fnat_session *session, struct sk_buff *skb,
			 unsigned int offset)
{
	struct tcphdr *th = header(skb, offset);
	u32 delta = fnat_session_delta(session);

	if (unlikely(READ_ONCE(session->adjust) == FNAT_ADJUST_SYN &&
		     th->syn && !th->ack))
		delta = fnat_session_start_adjusting(session, ntohl(th->seq));
	if (!delta)
		return true;
	if (is_list(skb))
		return false;
	if (th->syn && !strip_timestamp(skb, offset))
		return false;
	th = header(skb, offset);
	renumber(skb, th, &th->seq, delta);
	return true;
}

/**
 * fnat_seqadj_reply() - translate a packet of the real server
 * @session: its session, with some FNAT_ADJUST
 * @skb: the packet; the basic TCP header is writable
 * @offset: of that
 *
 * Context: RCU read lock; any.
 * Return: false: the header is cut off, or no memory.
 */
bool fnat_seqadj_reply(struct fnat_session *session, struct sk_buff *skb,
		       unsigned int offset)
{
	struct tcphdr *th = header(skb, offset);
	u32 delta = fnat_session_delta(session);

	if (!delta || !th->ack)
		return true;
	if (is_list(skb))
		return false;
	if (th->doff > sizeof(*th) / 4 && !renumber_sack(skb, offset, delta))
		return false;
	th = header(skb, offset);
	renumber(skb, th, &th->ack_seq, -delta);
	return true;
}

/**
 * fnat_seqadj_finish() - remember where the client's numbers end
 * @session: its session
 * @skb: a FIN of the client, as it goes to the real server
 * @offset: of the TCP header
 *
 * Context: RCU read lock; any.
 */
void fnat_seqadj_finish(struct fnat_session *session,
			const struct sk_buff *skb, unsigned int offset)
{
	const struct tcphdr *th = header(skb, offset);
	u32 end = ntohl(th->seq) + th->syn + 1 +
		  (skb->len - offset - __tcp_hdrlen(th));

	/* not while it says where to begin; 0 would say that there was none */
	if (READ_ONCE(session->adjust) != FNAT_ADJUST_SYN)
		WRITE_ONCE(session->seq, end ?: 1);
}
