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
 * A lag outlives a change of weights: it is read off the old windows, kept
 * with 32 binary places, and put into the new ones. What is finer than 1/W is
 * remembered beside them, so that no number of edits adds up to an error.
 */
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

/**
 * swrr_seq_divisor() - what weights have in common
 * @divisor: the greatest common divisor of the weights so far; 0: of none
 * @weight: one more; 0 changes nothing
 *
 * Return: the greatest common divisor of all.
 */
u64 swrr_seq_divisor(u64 divisor, u32 weight)
{
	u64 a = divisor, b = weight;

	if (divisor == 1)
		return 1;
	while (b) {
		u64 rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* @num / @den, rounded down to 32 binary places; @den below 2^47. */
static s64 to_lag(s64 num, u64 den)
{
	s64 whole = num / (s64)den;
	s64 rest = num % (s64)den;
	u64 high, low;

	if (rest < 0) {
		rest += den;
		whole--;
	}
	high = ((u64)rest << 16) / den;
	low = ((((u64)rest << 16) % den) << 16) / den;
	return whole * SWRR_ONE_TURN + (s64)(high << 16 | low);
}

/* @lag * @den to the nearest integer; @den below 2^47. */
static s64 from_lag(s64 lag, u64 den)
{
	u64 high = (u32)lag >> 16, low = lag & 0xffff;

	return (lag >> 32) * (s64)den +
	       (s64)((high * den + (low * den >> 16) + (1 << 15)) >> 16);
}

/* The part of @turns (32 binary places) that is due to a share of the cycle. */
static s64 due(s64 turns, u32 share, u64 cycle)
{
	u64 part = ((u64)share << 32) / cycle;

	return (turns >> 32) * (s64)part + (s64)((u32)turns * part >> 32);
}

static void set_shares(struct swrr_seq *seq)
{
	u64 divisor = 0;
	u32 i;

	for (i = 0; i < seq->servers; i++) {
		struct swrr_server *server = &seq->server[i];

		if (!server->parked)
			divisor = swrr_seq_divisor(divisor, server->weight);
	}
	seq->cycle = 0;
	seq->sharing = 0;
	for (i = 0; i < seq->servers; i++) {
		struct swrr_server *server = &seq->server[i];

		server->share = 0;
		if (!server->parked && server->weight)
			server->share = divisor == 1 ? server->weight :
					server->weight / divisor;
		seq->cycle += server->share;
		seq->sharing += !!server->share;
	}
}

/*
 * What all are owed together must be nothing, or time is out of step with the
 * turns. Servers that were deleted or parked change the sum: the active ones
 * share the difference by weight. And what the active ones are owed together
 * must be nothing, too, for they share all turns: what quiesced servers keep is
 * left out of their windows, the same for each, which keeps the greatest lag
 * least.
 */
static void balance(struct swrr_seq *seq)
{
	s64 owed = 0, active = 0;
	u32 i, count = 0;

	for (i = 0; i < seq->servers; i++) {
		owed += seq->server[i].lag;
		if (seq->server[i].share) {
			active += seq->server[i].lag;
			count++;
		}
	}
	seq->shift = (active - owed) / (s64)count;
	if (!owed)
		return;
	for (i = 0; i < seq->servers; i++) {
		struct swrr_server *server = &seq->server[i];

		if (server->share)
			server->lag -= due(owed, server->share, seq->cycle);
	}
}

/* The servers that take turns and did not come back just now. */
static bool stayed(const struct swrr_server *server)
{
	return server->share && !server->back;
}

/*
 * How far the clock of the servers that stayed can be set on (or back, if @owed
 * is negative), up to @owed turns of @share, before one of them is a turn ahead
 * or behind.
 */
static s64 clock_range(const struct swrr_seq *seq, s64 owed, u64 share)
{
	s64 turns = owed < 0 ? -owed : owed;
	u32 i;

	for (i = 0; i < seq->servers; i++) {
		const struct swrr_server *server = &seq->server[i];
		s64 left = SWRR_ONE_TURN - 1;

		if (!stayed(server))
			continue;
		left += owed < 0 ? server->lag : -server->lag;
		if (left <= 0)
			return 0;
		if (due(turns, server->share, share) >= left)
			turns = left * (s64)(share / server->share) +
				(u64)left * (share % server->share) /
				server->share - 1;
	}
	return owed < 0 ? -turns : turns;
}

/*
 * Any time is right at which each server that stays is less than a turn ahead
 * or behind. Best is the one at which they are owed nothing together, for then
 * nobody has to wait, neither they nor who comes back. As far as it is out of
 * reach, who comes back takes over the difference, less than a turn each.
 */
static void fit_in(struct swrr_seq *seq)
{
	u64 stay = 0, back = 0;
	s64 owed = 0, turns;
	u32 i;

	for (i = 0; i < seq->servers; i++) {
		const struct swrr_server *server = &seq->server[i];

		if (stayed(server)) {
			stay += server->share;
			owed += server->lag;
		} else {
			back += server->share;
		}
	}
	turns = stay ? clock_range(seq, -owed, stay) : 0;
	owed += turns;
	for (i = 0; i < seq->servers; i++) {
		struct swrr_server *server = &seq->server[i];

		if (stayed(server)) {
			server->lag += due(turns, server->share, stay);
		} else if (server->share) {
			server->lag = -due(owed, server->share, back);
			if (server->lag >= SWRR_ONE_TURN)
				server->lag = SWRR_ONE_TURN - 1;
			else if (server->lag <= -SWRR_ONE_TURN)
				server->lag = 1 - SWRR_ONE_TURN;
		}
	}
}

static void set_window(const struct swrr_seq *seq, struct swrr_server *server)
{
	s64 lag = server->lag - seq->shift;
	s64 owed;

	owed = lag ? from_lag(lag, seq->cycle) : 0;
	server->residue = lag ? lag - to_lag(owed, seq->cycle) : 0;
	server->step = seq->cycle / server->share;
	server->step_rest = seq->cycle % server->share;
	server->release = -owed / server->share;
	if (server->release * server->share > -owed)
		server->release--;
	server->rest = -owed - server->release * server->share;
}

/**
 * swrr_seq_lag() - how many turns a server is owed
 * @seq: the sequence
 * @i: an active server
 * @ahead: at how many slots after the present one; negative: before it
 *
 * Return: turns, with 32 binary places; negative: it is ahead.
 */
s64 swrr_seq_lag(const struct swrr_seq *seq, u32 i, s64 ahead)
{
	const struct swrr_server *server = &seq->server[i];
	s64 owed = (seq->slot + ahead - server->release) * server->share -
		   server->rest;

	return to_lag(owed, seq->cycle) + server->residue + seq->shift;
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
 *
 * After an edit the lags are made to add up to nothing, which keeps everybody
 * close to the share that was due under all weights so far. Where servers were
 * only parked or came back (@edited is false), the others' lags stay as they
 * are: so servers that were never full stay within one turn of one another.
 */
void swrr_seq_start(struct swrr_seq *seq, bool edited)
{
	u32 i;

	seq->slot = 0;
	seq->shift = 0;
	seq->searches = 0;
	set_shares(seq);
	if (!edited)
		fit_in(seq);
	else if (seq->cycle)
		balance(seq);
	for (i = 0; i < seq->servers; i++) {
		struct swrr_server *server = &seq->server[i];

		server->active = server->share;
		server->rank = swrr_windows_rank(i);
		if (server->share)
			set_window(seq, server);
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

/**
 * swrr_seq_adjust() - a server is owed more, or less
 * @seq: the sequence
 * @i: an active server
 * @turns: by how much, with 32 binary places
 *
 * swrr_seq_order() must follow.
 */
void swrr_seq_adjust(struct swrr_seq *seq, u32 i, s64 turns)
{
	struct swrr_server *server = &seq->server[i];

	server->lag = swrr_seq_lag(seq, i, 0) + turns;
	set_window(seq, server);
	server->release += seq->slot;
}
