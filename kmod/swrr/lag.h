/* SPDX-License-Identifier: GPL-2.0 */
/* What the servers of a sequence are due and owed, in turns. */
#ifndef _SWRR_LAG_H
#define _SWRR_LAG_H

#include "sequence.h"

u64 swrr_lag_divisor(u64 divisor, u32 weight);
void swrr_lag_start(struct swrr_seq *seq, bool edited);
void swrr_lag_adjust(struct swrr_seq *seq, u32 i, s64 turns);
s64 swrr_lag_read(const struct swrr_seq *seq, u32 i, s64 ahead);

#endif /* _SWRR_LAG_H */
