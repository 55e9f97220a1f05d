/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All that differs between kernels. Included into every file by the compiler's
 * command line, never by name. Nothing here asks for a kernel's version: stable
 * kernels take over changes of ip_vs from later ones.
 */
#ifndef _IPVS_FULLNAT_COMPAT_H
#define _IPVS_FULLNAT_COMPAT_H

#include <linux/kconfig.h>

#ifndef CONFIG_64BIT
#error "ipvs-fullnat needs a 64-bit kernel"
#endif

#if !IS_ENABLED(CONFIG_IP_VS)
#error "ipvs-fullnat needs a kernel with IPVS: CONFIG_IP_VS=m or y"
#endif

#ifndef HAVE_GENL_OPS_POLICY
#error "ipvs-fullnat needs Linux 5.10 or later: verbs of netlink with policies of their own"
#endif

/* Kernels count either all connections of a server or the inactive ones. */
#ifdef HAVE_IP_VS_DEST_TOTALCONNS
#define ip_vs_dest_total(dest)	atomic_read(&(dest)->totalconns)
#else
#define ip_vs_dest_total(dest)					\
({								\
	typeof(dest) _dest = (dest);				\
								\
	atomic_read(&_dest->activeconns) +			\
	atomic_read(&_dest->inactconns);			\
})
#endif /* HAVE_IP_VS_DEST_TOTALCONNS */

/* The attributes of a dump's request */
#ifdef HAVE_GENL_INFO_DUMP
#define genl_dump_attrs(cb)	(genl_info_dump(cb)->attrs)
#else
#define genl_dump_attrs(cb)	(genl_dumpit_info(cb)->attrs)
#endif /* HAVE_GENL_INFO_DUMP */

/* Whether a server is there is said among flags of two kinds. */
#ifdef HAVE_IP_VS_DEST_CFLAGS
#define ip_vs_dest_available(dest)				\
	((dest)->cflags & IP_VS_DEST_CF_AVAILABLE)
#else
#define ip_vs_dest_available(dest)				\
	((dest)->flags & IP_VS_DEST_F_AVAILABLE)
#endif /* HAVE_IP_VS_DEST_CFLAGS */

#ifdef HAVE_IP_VS_U64_STATS
#define ip_vs_counter_add(counter, many)	u64_stats_add(counter, many)
#else
#define ip_vs_counter_add(counter, many)	(*(counter) += (many))
#endif /* HAVE_IP_VS_U64_STATS */

#ifdef HAVE_IP_VS_TOT_STATS_RCU
#define ip_vs_tot_stats(ipvs)	(&(ipvs)->tot_stats->s)
#else
#define ip_vs_tot_stats(ipvs)	(&(ipvs)->tot_stats)
#endif /* HAVE_IP_VS_TOT_STATS_RCU */

/* Moves the state of a connection, as a packet tells it to */
#ifdef HAVE_IP_VS_STATE_IPH_LEN
#define ip_vs_protocol_move(pd, cp, way, skb, offset)		\
({								\
	struct ip_vs_proto_data *_pd = (pd);			\
								\
	_pd->pp->state_transition(cp, way, skb, _pd, offset);	\
})
#else
#define ip_vs_protocol_move(pd, cp, way, skb, offset)		\
({								\
	struct ip_vs_proto_data *_pd = (pd);			\
								\
	(void)(offset);						\
	_pd->pp->state_transition(cp, way, skb, _pd);		\
})
#endif /* HAVE_IP_VS_STATE_IPH_LEN */

#ifdef HAVE_FLOWI4_DSCP
#define fnat_set_tos(fl4, iph)	((fl4)->flowi4_dscp = ip4h_dscp(iph))
#else
#define fnat_set_tos(fl4, iph)	((fl4)->flowi4_tos = RT_TOS((iph)->tos))
#endif /* HAVE_FLOWI4_DSCP */

#ifndef HAVE_SKB_CLEAR_TSTAMP
#define skb_clear_tstamp(skb)	((skb)->tstamp = 0)
#endif /* HAVE_SKB_CLEAR_TSTAMP */

/* Where things are declared: #include COMPAT_GSO_H */
#ifdef HAVE_NET_GSO_H
#define COMPAT_GSO_H		"net/gso.h"
#else
#define COMPAT_GSO_H		"linux/skbuff.h"
#endif /* HAVE_NET_GSO_H */

#ifdef HAVE_LINUX_UNALIGNED_H
#define COMPAT_UNALIGNED_H	"linux/unaligned.h"
#else
#define COMPAT_UNALIGNED_H	"asm/unaligned.h"
#endif /* HAVE_LINUX_UNALIGNED_H */

#endif /* _IPVS_FULLNAT_COMPAT_H */
