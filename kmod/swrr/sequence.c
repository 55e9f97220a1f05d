// SPDX-License-Identifier: GPL-2.0
/*
 * The order of turns: earliest eligible deadline first, in exact integers.
 *
 * Time is counted in slots, one a turn. A server with the share w of a cycle
 * of W turns is due w/W turns a slot. Its k-th turn has a window: it opens in
 * the first slot in which taking the turn leaves the server less than one turn
 * ahead of its due, and its deadline is the slot in which the server would be
 * one turn behind. With both kept, every server is within one turn of its due
 * at all times. Among the open windows the earliest deadline goes first, and
 * of equal ones the heavier server: so a turn is always found, and no deadline
 * is missed (Baruah, Cohen, Plaxton, Varvel, "Proportionate progress", 1996;
 * Stoica and Abdel-Wahab, "Earliest eligible virtual deadline first", 1995).
 *
 * With lag c/W at slot 0 (positive: owed), window k opens at slot
 * floor(((k - 1) W - c) / w), and its deadline is ceil((k W - c) / w). The
 * state of a server is that quotient and its remainder, so that
 *
 *	release * w + rest == (turns taken) * W - c
 *
 * holds all the time, and one step to the next window is two additions.
 *
 * What a server is owed outlives a change of weights: see lag.c.
 */
#include "lag.h"
#include "windows.h"

#define SLOT_REBASE	((s64)1 << 46)

/* The server has its turn: on to its next window. */
static void take(struct swrr_seq *seq, struct swrr_server *server)
{
	u64 rest = (u64)server->rest + server->step_rest;

	server->release += server->step;
	if (rest >= server->share) {
		rest -= server->share;
		server->release++;
	}
	server->rest = rest;
	if (server->pass != seq->pass) {
		server->pass = seq->pass;
		server->taken = 0;
	}
	if (++server->taken == server->share)
		seq->behind--;
}

/* Move the origin of time, so that slots keep fitting into a key. */
static void rebase(struct swrr_seq *seq)
{
	u32 i;

	for (i = 0; i < seq->servers; i++)
		seq->server[i].release -= seq->slot;
	seq->mark -= seq->slot;
	seq->slot = 0;
}

/**
 * swrr_seq_order() - sort all windows
 * @seq: the sequence
 *
 * Needed before the next turn where servers were adjusted; once for any number
 * of them.
 */
void swrr_seq_order(struct swrr_seq *seq)
{
	u32 i;

	if (seq->slot >= SLOT_REBASE)
		rebase(seq);
	swrr_windows_clear(seq);
	for (i = 0; i < seq->servers; i++)
		if (swrr_seq_active(&seq->server[i]))
			swrr_windows_add(seq, i);
}

/**
 * swrr_seq_start() - begin a sequence
 * @seq: @servers, @heap and of each server @weight, @lag, @parked and @back are
 *	set; the servers are in descending order of weight
 * @edited: the weights are others than those that the lags come from
 */
void swrr_seq_start(struct swrr_seq *seq, bool edited)
{
	u32 i;

	seq->slot = 0;
	seq->searches = 0;
	swrr_lag_start(seq, edited);
	for (i = 0; i < seq->servers; i++) {
		struct swrr_server *server = &seq->server[i];

		server->active = server->share;
		server->rank = swrr_windows_rank(i);
	}
	swrr_seq_mark(seq);
	swrr_seq_order(seq);
}

/**
 * swrr_seq_ready() - can the next turn be had without time passing unused?
 * @seq: the sequence
 * @effort: is made less by one for each window that is out of date: of a server
 *	that was set aside, which is left out for good, or of one that had a
 *	turn out of order
 *
 * Return: true if a window is open in the present slot; false if none is, or
 * @effort is used up.
 */
bool swrr_seq_ready(struct swrr_seq *seq, u32 *effort)
{
	swrr_windows_open(seq);
	for (; seq->open && *effort; --*effort) {
		u32 i = swrr_windows_first(seq);
		const struct swrr_server *server = &seq->server[i];

		if (!swrr_seq_active(server))
			swrr_windows_drop(seq);
		else if (server->release > seq->slot)
			swrr_windows_move(seq);
		else
			return true;
	}
	return false;
}

/**
 * swrr_seq_skip() - let time pass to where a window is open
 * @seq: the sequence
 * @effort: as of swrr_seq_ready()
 *
 * It never needs to, but where servers were parked in the midst of it, or more
 * turns were taken than slots passed.
 *
 * Return: false if nobody takes turns, or @effort is used up.
 */
bool swrr_seq_skip(struct swrr_seq *seq, u32 *effort)
{
	/* once in 2^46 turns, unless slots pass unused */
	if (unlikely(seq->slot >= SLOT_REBASE))
		swrr_seq_order(seq);
	while (!swrr_seq_ready(seq, effort)) {
		if (!*effort || seq->next == SWRR_NOBODY)
			return false;
		if (swrr_seq_active(&seq->server[seq->next])) {
			seq->slot = seq->server[seq->next].release;
			if (seq->slot >= SLOT_REBASE)
				rebase(seq);
		} else {
			swrr_windows_drop_closed(seq);
			--*effort;
		}
	}
	return true;
}

/**
 * swrr_seq_next() - the next turn
 * @seq: the sequence; swrr_seq_ready() is true
 *
 * Time waits where another server would be late. It does not happen unless
 * servers left or came that were ahead or behind.
 *
 * Return: the index of the server whose turn it is.
 */
u32 swrr_seq_next(struct swrr_seq *seq)
{
	u32 i = swrr_windows_first(seq);

	take(seq, &seq->server[i]);
	swrr_windows_move(seq);
	if (!seq->open || swrr_windows_due(seq) > seq->slot + 1)
		seq->slot++;
	return i;
}

/**
 * swrr_seq_mark() - has the sequence come round since the last mark?
 * @seq: the sequence; it made exactly @cycle turns since
 *
 * Return: true if every server took its share and no slot passed unused, so
 * that the turns since the last mark will repeat for ever.
 */
bool swrr_seq_mark(struct swrr_seq *seq)
{
	bool round = !seq->behind &&
		     seq->slot - seq->mark == (s64)seq->cycle;

	seq->behind = seq->sharing;
	seq->pass++;
	seq->mark = seq->slot;
	return round;
}

/**
 * swrr_seq_searched() - end a search that set servers aside
 * @seq: the sequence
 *
 * Who is set aside takes no turns even if it had all of this round already: so
 * what comes round is never to have the round in it.
 */
void swrr_seq_searched(struct swrr_seq *seq)
{
	u16 searches = seq->searches + 1;

	WRITE_ONCE(seq->searches, searches ? searches : 1);
	seq->mark = S64_MIN / 2;
}

/**
 * swrr_seq_take() - have a turn taken out of order
 * @seq: the sequence
 * @i: an active server whose window is open; or if there is none such, one of
 *	those that open next
 *
 * Which of the open ones is no matter, for time waits. But its entry among them
 * cannot be found, and so stays. Windows that should have opened before are
 * those of servers that were set aside.
 */
void swrr_seq_take(struct swrr_seq *seq, u32 i)
{
	struct swrr_server *server = &seq->server[i];
	bool closed;

	swrr_windows_open(seq);
	closed = swrr_windows_remove(seq, i);
	if (seq->slot < server->release) {
		seq->slot = server->release;
		swrr_windows_drop_before(seq, seq->slot);
	}
	take(seq, server);
	server->early = !closed;
	if (closed)
		swrr_windows_add(seq, i);
}
