/* SPDX-License-Identifier: GPL-2.0 */
/* Translation of TCP sequence numbers. */
#ifndef _FNAT_SEQADJ_H
#define _FNAT_SEQADJ_H

#include <linux/types.h>

struct fnat_session;
struct sk_buff;
struct tcphdr;

bool fnat_seqadj_request(struct fnat_session *session, struct sk_buff *skb,
			 unsigned int offset);
bool fnat_seqadj_reply(struct fnat_session *session, struct sk_buff *skb,
		       unsigned int offset);
void fnat_seqadj_finish(struct fnat_session *session,
			const struct sk_buff *skb, unsigned int offset);

#endif /* _FNAT_SEQADJ_H */
