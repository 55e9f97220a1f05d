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
 * enum swrr_caps - what the weight is a cap on
 * @SWRR_CAP_NONE: nothing
 * @SWRR_CAP_ACTIVE: the active connections
 * @SWRR_CAP_TOTAL: all connections
 */
enum swrr_caps {
	SWRR_CAP_NONE,
	SWRR_CAP_ACTIVE,
	SWRR_CAP_TOTAL,
};

/**
 * swrr_counts() - the connections that a cap would be on
 * @svc: the service
 *
 * IPVS calls a connection active from its handshake to its close, which only
 * TCP and SCTP have: of UDP, and where a firewall mark may select it, all are
 * counted.
 *
 * Return: SWRR_CAP_ACTIVE or SWRR_CAP_TOTAL.
 */
static inline enum swrr_caps swrr_counts(const struct ip_vs_service *svc)
{
	if ((READ_ONCE(svc->flags) & SWRR_F_TOTAL) || svc->fwmark ||
	    svc->protocol == IPPROTO_UDP)
		return SWRR_CAP_TOTAL;
	return SWRR_CAP_ACTIVE;
}

/**
 * swrr_caps() - what caps a service has
 * @svc: the service; its flags are read anew for each connection, for
 *	ipvsadm -E changes them without telling the scheduler
 *
 * Return: the caps.
 */
static inline enum swrr_caps swrr_caps(const struct ip_vs_service *svc)
{
	if (likely(!(READ_ONCE(svc->flags) & SWRR_F_CAP)))
		return SWRR_CAP_NONE;
	return swrr_counts(svc);
}

/**
 * swrr_conns() - count the connections of a server
 * @dest: the server
 * @caps: which of them
 *
 * Return: their number.
 */
static inline u32 swrr_conns(const struct ip_vs_dest *dest, enum swrr_caps caps)
{
	return caps == SWRR_CAP_TOTAL ? ip_vs_dest_total(dest) :
					atomic_read(&dest->activeconns);
}

/**
 * swrr_closed() - must this server not get a connection at all?
 * @dest: the server
 *
 * Return: true if it is quiesced (weight 0) or over its thresholds.
 */
static inline bool swrr_closed(const struct ip_vs_dest *dest)
{
	return (dest->flags & IP_VS_DEST_F_OVERLOAD) ||
	       atomic_read(&dest->weight) <= 0;
}

/**
 * swrr_full() - must this server give up its turn?
 * @dest: the server
 * @caps: of its service
 *
 * Return: true if it is closed, or at its cap.
 */
static __always_inline bool swrr_full(const struct ip_vs_dest *dest,
				      enum swrr_caps caps)
{
	if (caps == SWRR_CAP_NONE)
		return swrr_closed(dest);
	/* who is quiesced is at its cap, which is 0 */
	return (dest->flags & IP_VS_DEST_F_OVERLOAD) ||
	       swrr_conns(dest, caps) >= (u32)atomic_read(&dest->weight);
}

/**
 * swrr_has_room() - can this server take a turn?
 * @dest: the server
 * @caps: of its service
 *
 * Return: true if it is not full.
 */
static __always_inline bool swrr_has_room(const struct ip_vs_dest *dest,
					  enum swrr_caps caps)
{
	return !swrr_full(dest, caps);
}

#endif /* _SWRR_FULL_H */
