/* SPDX-License-Identifier: GPL-2.0 */
/* When a server cannot take a turn, and how a service says so. */
#ifndef _SWRR_FULL_H
#define _SWRR_FULL_H

#include <net/ip_vs.h>

/* ipvsadm -b flag-1, flag-2, flag-3 */
#define SWRR_F_CAP	IP_VS_SVC_F_SCHED1	/* the weight is a cap as well */
#define SWRR_F_STRICT	IP_VS_SVC_F_SCHED2	/* refuse when all are at it */
#define SWRR_F_TOTAL	IP_VS_SVC_F_SCHED3	/* count all connections */

/**
 * swrr_closed() - must this server not get a connection at all?
 * @dest: the server
 *
 * Return: true if it is quiesced (weight 0) or over its thresholds.
 */
static inline bool swrr_closed(const struct ip_vs_dest *dest)
{
	return atomic_read(&dest->weight) <= 0 ||
	       (dest->flags & IP_VS_DEST_F_OVERLOAD);
}

/**
 * swrr_conns() - the connections that count against a cap
 * @svc: the service
 * @dest: the server
 *
 * IPVS calls a connection active from its handshake to its close, which only
 * TCP and SCTP have: of UDP, and where a firewall mark may select it, all are
 * counted.
 *
 * Return: their number.
 */
static inline u32 swrr_conns(const struct ip_vs_service *svc,
			     const struct ip_vs_dest *dest)
{
	if ((READ_ONCE(svc->flags) & SWRR_F_TOTAL) || svc->fwmark ||
	    svc->protocol == IPPROTO_UDP)
		return ip_vs_dest_total(dest);
	return atomic_read(&dest->activeconns);
}

/**
 * swrr_full() - must this server give up its turn?
 * @svc: the service; its flags are read anew each time, for ipvsadm -E
 *	changes them without telling the scheduler
 * @dest: the server
 *
 * Return: true if it is closed, or at its cap where the service has caps.
 */
static inline bool swrr_full(const struct ip_vs_service *svc,
			     const struct ip_vs_dest *dest)
{
	if (swrr_closed(dest))
		return true;
	return unlikely(READ_ONCE(svc->flags) & SWRR_F_CAP) &&
	       swrr_conns(svc, dest) >= (u32)atomic_read(&dest->weight);
}

#endif /* _SWRR_FULL_H */
