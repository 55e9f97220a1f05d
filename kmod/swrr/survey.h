/* SPDX-License-Identifier: GPL-2.0 */
/* A search of all servers of a service for room. */
#ifndef _SWRR_SURVEY_H
#define _SWRR_SURVEY_H

#include "full.h"
#include "service.h"

/**
 * struct swrr_survey - which servers have room
 * @idle: one that takes no turns, because it was full; NULL if one that does
 *	has room, or none has
 * @turns: some of those that take turns have
 * @first: the one of these whose window is open, or is the next to open; not
 *	of a kept cycle
 * @blocks: of a kept cycle, those in which they have turns
 */
struct swrr_survey {
	struct ip_vs_dest	*idle;
	bool			turns;
	u32			first;
	u64			blocks;
};

struct swrr_survey swrr_survey(struct swrr_service *service,
			       struct swrr_table *table, enum swrr_caps caps);

#endif /* _SWRR_SURVEY_H */
