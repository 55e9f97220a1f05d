// SPDX-License-Identifier: GPL-2.0
/*
 * Connection tracking, for connections that have it (net.ipv4.vs.conntrack). The
 * entry that the client's first packet makes is told what replies will look
 * like: IPVS tells it where they come from, and we where they go to.
 */
#include <net/ip_vs.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_seqadj.h>
#include <net/netfilter/nf_conntrack_zones.h>
#include <net/netfilter/nf_nat.h>

#include "track.h"

#ifdef CONFIG_IP_VS_NFCT

/*
 * What the real server acknowledges is not what the client has sent. That is
 * told to the tracking of windows alone: the packets are not to be changed.
 */
static void expect_delta(struct nf_conn *ct, u32 delta)
{
	struct nf_conn_seqadj *seqadj;

	seqadj = nfct_seqadj(ct) ?: nfct_seqadj_ext_add(ct);
	if (!seqadj)
		return;
	seqadj->seq[IP_CT_DIR_ORIGINAL].offset_before = delta;
	seqadj->seq[IP_CT_DIR_ORIGINAL].offset_after = delta;
}

/*
 * The port is ours. Whatever else is known by these ends is of a connection
 * before, and would not let the new one in.
 * Return: false if it is of another packet that came first at the same time.
 */
static bool forget(struct net *net, const struct nf_conn *ct,
		   const struct nf_conntrack_tuple *reply)
{
	struct nf_conntrack_tuple_hash *found;
	struct nf_conn *old;
	bool twin;

	found = nf_conntrack_find_get(net, nf_ct_zone(ct), reply);
	if (!found)
		return true;
	old = nf_ct_tuplehash_to_ctrack(found);
	twin = nf_ct_tuple_equal(&old->tuplehash[IP_CT_DIR_ORIGINAL].tuple,
				 &ct->tuplehash[IP_CT_DIR_ORIGINAL].tuple);
	if (!twin)
		nf_ct_kill(old);
	nf_ct_put(old);
	return !twin;
}

/*
 * Where it goes from is decided. A rule for what leaves, which would match
 * local addresses as well, must not change that: the real server's answer would
 * find nobody.
 */
static bool bind_source(struct nf_conn *ct,
			const struct nf_conntrack_tuple *reply)
{
	const struct nf_nat_hook *nat = rcu_dereference(nf_nat_hook);

	/* without a description: as it is, if nobody has that by now */
	if (nat && !(ct->status & IPS_SRC_NAT_DONE))
		nat->parse_nat_setup(ct, NF_NAT_MANIP_SRC, NULL);
	return nf_ct_tuple_equal(&ct->tuplehash[IP_CT_DIR_REPLY].tuple, reply);
}

/**
 * fnat_track_request() - tell connection tracking of a request
 * @skb: the packet
 * @cp: its connection
 * @laddr: the local address that it goes from
 * @lport: the port
 * @delta: what was added to its sequence numbers
 *
 * Context: RCU read lock.
 */
void fnat_track_request(struct sk_buff *skb, const struct ip_vs_conn *cp,
			const union nf_inet_addr *laddr, __be16 lport,
			u32 delta)
{
	struct nf_conntrack_tuple reply;
	enum ip_conntrack_info info;
	struct nf_conn *ct;

	ct = nf_ct_get(skb, &info);
	if (!ct || nf_ct_is_confirmed(ct) || nf_ct_is_dying(ct) ||
	    CTINFO2DIR(info) != IP_CT_DIR_ORIGINAL)
		return;
	reply = ct->tuplehash[IP_CT_DIR_REPLY].tuple;
	reply.src.u3 = cp->daddr;
	reply.src.u.all = cp->dport;
	reply.dst.u3 = *laddr;
	reply.dst.u.all = lport;
	if (likely(forget(cp->ipvs->net, ct, &reply))) {
		nf_conntrack_alter_reply(ct, &reply);
		if (delta)
			expect_delta(ct, delta);
		if (likely(bind_source(ct, &reply)))
			return;
	}
	/* there is an entry for the connection already, this is one too many */
	ip_vs_notrack(skb);
}

/**
 * fnat_track_reply_ct() - what connection tracking has of a reply
 * @skb: the packet
 * @cp: its connection
 *
 * Context: RCU read lock.
 */
void fnat_track_reply_ct(struct sk_buff *skb, const struct ip_vs_conn *cp)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);

	/* an entry that begins with a reply would be in the next one's way */
	if (ct && (!(cp->flags & IP_VS_CONN_F_NFCT) || !nf_ct_is_confirmed(ct)))
		ip_vs_notrack(skb);
}

#else

void fnat_track_request(struct sk_buff *skb, const struct ip_vs_conn *cp,
			const union nf_inet_addr *laddr, __be16 lport,
			u32 delta)
{
}

void fnat_track_reply_ct(struct sk_buff *skb, const struct ip_vs_conn *cp)
{
	ip_vs_notrack(skb);
}

#endif /* CONFIG_IP_VS_NFCT */
