/* SPDX-License-Identifier: GPL-2.0 */
/* The windows of a sequence: those that are open, and the closed ones. */
#ifndef _SWRR_WINDOWS_H
#define _SWRR_WINDOWS_H

#include "sequence.h"

/* No server; links end in it. */
#define SWRR_NOBODY		SWRR_MAX_SERVERS

void swrr_windows_clear(struct swrr_seq *seq);
void swrr_windows_add(struct swrr_seq *seq, u32 i);
void swrr_windows_open_next(struct swrr_seq *seq);
void swrr_windows_drop(struct swrr_seq *seq);
void swrr_windows_move(struct swrr_seq *seq);
void swrr_windows_drop_closed(struct swrr_seq *seq);
void swrr_windows_drop_before(struct swrr_seq *seq, s64 slot);
bool swrr_windows_remove(struct swrr_seq *seq, u32 i);

/**
 * swrr_windows_open() - open the windows that do so in the present slot
 * @seq: the sequence
 */
static inline void swrr_windows_open(struct swrr_seq *seq)
{
	while (seq->next != SWRR_NOBODY &&
	       seq->server[seq->next].release <= seq->slot)
		swrr_windows_open_next(seq);
}

/**
 * swrr_windows_first() - whose deadline is the earliest?
 * @seq: the sequence; a window is open
 *
 * Return: the server.
 */
static inline u32 swrr_windows_first(const struct swrr_seq *seq)
{
	return *seq->heap & SWRR_MAX_SERVERS;
}

/**
 * swrr_windows_due() - the earliest deadline
 * @seq: the sequence; a window is open
 *
 * Return: its slot.
 */
static inline s64 swrr_windows_due(const struct swrr_seq *seq)
{
	return *seq->heap >> SWRR_INDEX_BITS;
}

/**
 * swrr_windows_rank() - how high a server is to be in the tree
 * @i: the server
 *
 * Return: at random, a rank half as frequent as the one below.
 */
static inline u8 swrr_windows_rank(u32 i)
{
	i *= 0x9e3779b1;
	i ^= i >> 15;
	i *= 0x85ebca6b;
	i ^= i >> 13;
	return i ? __builtin_ctz(i) : 32;
}

#endif /* _SWRR_WINDOWS_H */
