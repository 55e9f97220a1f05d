/* SPDX-License-Identifier: GPL-2.0 */
/* Frames of the benchmark: IPv4 with UDP or TCP, built whole, checked whole. */
#ifndef FNAT_INJECT_FRAME_H
#define FNAT_INJECT_FRAME_H

#include <linux/types.h>

struct net_device;
struct sk_buff;

struct tuple {
	__be32 saddr, daddr;
	__be16 sport, dport;
};

/* One packet of a flow's script. Sequence numbers count from the initial
 * one of their sender.
 */
struct step {
	bool reply;
	u8 flags;
	u16 len;
	u32 seq, ack;
};

struct sk_buff *frame_build(struct net_device *dev, u8 proto,
			    const struct tuple *tuple, const struct step *step);

/* Reads the tuple of a frame that left. Returns false if anything but
 * addresses and ports differs from what @step says, or a checksum is wrong.
 */
bool frame_read(const struct sk_buff *skb, u8 proto, const struct step *step,
		struct tuple *tuple);

#endif
