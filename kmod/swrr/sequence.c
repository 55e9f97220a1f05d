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
#include "sequence.h"

#define SLOT_MAX	(((s64)1 << (64 - SWRR_INDEX_BITS)) - 1)
#define SLOT_REBASE	((s64)1 << 46)

/* One heap type for both ends of the array: @end is its top, @dir its way. */
static u64 *heap_at(u64 *end, int dir, u32 pos)
{
	return end + (s64)pos * dir;
}

static void heap_sift_up(u64 *end, int dir, u32 pos, u64 key)
{
	while (pos) {
		u32 parent = (pos - 1) / 2;
		u64 *at = heap_at(end, dir, parent);

		if (*at <= key)
			break;
		*heap_at(end, dir, pos) = *at;
		pos = parent;
	}
	*heap_at(end, dir, pos) = key;
}

/* Put @key in the place of the top of a heap of @count keys. */
static void heap_replace_top(u64 *end, int dir, u32 count, u64 key)
{
	u32 pos = 0;

	for (;;) {
		u32 child = 2 * pos + 1;
		u64 *at;

		if (child >= count)
			break;
		at = heap_at(end, dir, child);
		if (child + 1 < count && *heap_at(end, dir, child + 1) < *at) {
			child++;
			at += dir;
		}
		if (*at >= key)
			break;
		*heap_at(end, dir, pos) = *at;
		pos = child;
	}
	*heap_at(end, dir, pos) = key;
}

static void heap_pop(u64 *end, int dir, u32 *count)
{
	u32 last = --*count;

	if (last)
		heap_replace_top(end, dir, last, *heap_at(end, dir, last));
}

static u64 *open_end(const struct swrr_seq *seq)
{
	return seq->heap;
}

static u64 *closed_end(const struct swrr_seq *seq)
{
	return seq->heap + seq->servers - 1;
}

/*
 * Slots in the past sort as the present: an open window is open, and a
 * deadline that was missed, as can happen after an edit, is due at once.
 */
static u64 make_key(s64 slot, u32 i)
{
	if (slot < 0)
		slot = 0;
	else if (slot > SLOT_MAX)
		slot = SLOT_MAX;
	return (u64)slot << SWRR_INDEX_BITS | i;
}

static s64 key_slot(u64 key)
{
	return key >> SWRR_INDEX_BITS;
}

static u32 key_server(u64 key)
{
	return key & SWRR_MAX_SERVERS;
}

static s64 deadline(const struct swrr_server *server)
{
	u64 rest = (u64)server->rest + server->step_rest;
	s64 slot = server->release + server->step;

	if (rest > server->share)
		return slot + 2;
	return rest ? slot + 1 : slot;
}

static void open_push(struct swrr_seq *seq, u32 i)
{
	heap_sift_up(open_end(seq), 1, seq->open++,
		     make_key(deadline(&seq->server[i]), i));
}

static void closed_push(struct swrr_seq *seq, u32 i)
{
	heap_sift_up(closed_end(seq), -1, seq->closed++,
		     make_key(seq->server[i].release, i));
}

/*
 * Windows that opened up to this slot may be used. In a slot that takes one
 * turn, the turn ends when the slot does; while time stands still it must be
 * due already.
 */
static s64 horizon(const struct swrr_seq *seq)
{
	return seq->hold ? seq->slot - 1 : seq->slot;
}

/* The server has its turn: on to its next window. */
static void take(struct swrr_server *server)
{
	u64 rest = (u64)server->rest + server->step_rest;

	server->release += server->step;
	if (rest >= server->share) {
		rest -= server->share;
		server->release++;
	}
	server->rest = rest;
	server->taken++;
}

/**
 * swrr_seq_order() - sort all windows into the two heaps
 * @seq: the sequence
 *
 * Needed after swrr_seq_bench() and swrr_seq_charge(), once for any number of
 * calls, before the next turn.
 */
void swrr_seq_order(struct swrr_seq *seq)
{
	u32 i;

	seq->open = 0;
	seq->closed = 0;
	for (i = 0; i < seq->servers; i++) {
		if (!swrr_seq_active(&seq->server[i]))
			continue;
		if (seq->server[i].release <= horizon(seq))
			open_push(seq, i);
		else
			closed_push(seq, i);
	}
}

/* Move the origin of time, so that slots keep fitting into a key. */
static void rebase(struct swrr_seq *seq)
{
	u32 i;

	for (i = 0; i < seq->servers; i++)
		seq->server[i].release -= seq->slot;
	seq->mark -= seq->slot;
	seq->slot = 0;
	swrr_seq_order(seq);
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
	for (i = 0; i < seq->servers; i++) {
		struct swrr_server *server = &seq->server[i];

		server->share = 0;
		if (!server->parked && server->weight)
			server->share = divisor == 1 ? server->weight :
					server->weight / divisor;
		seq->cycle += server->share;
	}
}

/*
 * What all are owed together must be nothing, or time is out of step with the
 * turns. Servers that left and servers that came change the sum: the active
 * ones share the difference by weight.
 */
static void balance(struct swrr_seq *seq)
{
	s64 owed = 0, inactive = 0;
	u32 i;

	for (i = 0; i < seq->servers; i++) {
		owed += seq->server[i].lag;
		if (!seq->server[i].share)
			inactive += seq->server[i].lag;
	}
	seq->shift = -inactive;
	if (!owed)
		return;
	for (i = 0; i < seq->servers; i++) {
		struct swrr_server *server = &seq->server[i];

		if (server->share)
			server->lag -= due(owed, server->share, seq->cycle);
	}
}

static void set_window(const struct swrr_seq *seq, struct swrr_server *server)
{
	s64 lag = server->lag, owed;

	if (seq->shift)
		lag -= due(seq->shift, server->share, seq->cycle);
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
 * swrr_seq_start() - begin a sequence
 * @seq: @servers, @heap and of each server @weight, @parked and @lag are set;
 *	the servers are in descending order of weight
 * @edited: the weights are others than those that the lags come from
 *
 * After an edit the lags are made to add up to nothing, which keeps everybody
 * close to the share that was due under all weights so far. Where servers were
 * only parked or came back (@edited is false), the lags stay as they are, and
 * time waits until all that is owed was taken: so servers that were never full
 * stay within one turn of one another without exception.
 */
void swrr_seq_start(struct swrr_seq *seq, bool edited)
{
	u32 i;

	seq->slot = 0;
	seq->mark = 0;
	seq->shift = 0;
	seq->benched = 0;
	seq->hold = !edited;
	set_shares(seq);
	if (edited && seq->cycle)
		balance(seq);
	for (i = 0; i < seq->servers; i++) {
		seq->server[i].taken = 0;
		if (seq->server[i].share)
			set_window(seq, &seq->server[i]);
	}
	swrr_seq_order(seq);
}

/**
 * swrr_seq_ready() - can the next turn be had without time passing unused?
 * @seq: the sequence
 *
 * Return: true if a window is open in the present slot.
 */
bool swrr_seq_ready(const struct swrr_seq *seq)
{
	return seq->open ||
	       (seq->closed && key_slot(*closed_end(seq)) <= horizon(seq));
}

/* Nothing is owed any more: go on to the next window, without a turn. */
static void pass_time(struct swrr_seq *seq)
{
	s64 next = key_slot(*closed_end(seq));

	seq->hold = seq->benched;
	if (horizon(seq) < next)
		seq->slot = seq->hold ? next + 1 : next;
}

/**
 * swrr_seq_next() - the next turn
 * @seq: the sequence; at least one server is active
 *
 * Where no window is open, because servers are benched or the sum of what is
 * owed is negative, time goes on to the next one that opens.
 *
 * Return: the index of the server whose turn it is.
 */
u32 swrr_seq_next(struct swrr_seq *seq)
{
	struct swrr_server *server;
	u32 i;

	if (seq->slot >= SLOT_REBASE)
		rebase(seq);
	if (!swrr_seq_ready(seq))
		pass_time(seq);
	while (seq->closed && key_slot(*closed_end(seq)) <= horizon(seq)) {
		i = key_server(*closed_end(seq));
		heap_pop(closed_end(seq), -1, &seq->closed);
		open_push(seq, i);
	}

	i = key_server(*open_end(seq));
	server = &seq->server[i];
	take(server);
	if (!seq->hold)
		seq->slot++;
	if (server->release <= horizon(seq)) {
		heap_replace_top(open_end(seq), 1, seq->open,
				 make_key(deadline(server), i));
	} else {
		heap_pop(open_end(seq), 1, &seq->open);
		closed_push(seq, i);
	}
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
	bool round = seq->slot - seq->mark == (s64)seq->cycle;
	u32 i;

	for (i = 0; i < seq->servers; i++) {
		struct swrr_server *server = &seq->server[i];

		if (swrr_seq_active(server) && server->taken != server->share)
			round = false;
		server->taken = 0;
	}
	seq->mark = seq->slot;
	return round;
}

/**
 * swrr_seq_bench() - take a full server out, in the middle of the sequence
 * @seq: the sequence
 * @i: an active server
 *
 * The others keep their windows; the slots that this frees pass unused, while
 * time waits whenever a window is open, so that nobody gets ahead or behind.
 * It keeps the turns that it had in advance, and loses those that it was owed.
 * swrr_seq_order() must follow.
 */
void swrr_seq_bench(struct swrr_seq *seq, u32 i)
{
	struct swrr_server *server = &seq->server[i];
	s64 lag = swrr_seq_lag(seq, i, 0);

	server->lag = lag < 0 ? lag : 0;
	server->parked = true;
	seq->benched++;
	seq->hold = true;
}

/**
 * swrr_seq_charge() - account for a turn that was taken elsewhere
 * @seq: the sequence
 * @i: the server that took it; nothing happens if it is not active
 *
 * swrr_seq_order() must follow.
 */
void swrr_seq_charge(struct swrr_seq *seq, u32 i)
{
	if (!seq->hold)
		seq->slot++;
	if (swrr_seq_active(&seq->server[i]))
		take(&seq->server[i]);
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
	s64 lag = to_lag(owed, seq->cycle) + server->residue;

	if (seq->shift)
		lag += due(seq->shift, server->share, seq->cycle);
	return lag;
}
