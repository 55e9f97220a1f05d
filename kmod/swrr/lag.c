// SPDX-License-Identifier: GPL-2.0
/*
 * What servers are due by their weights, and what they are owed, in turns.
 *
 * A lag outlives a change of weights: it is read off the old windows, kept
 * with 32 binary places, and put into the new ones. What is finer than 1/W is
 * remembered beside them, so that no number of edits adds up to an error.
 */
#include "lag.h"

/**
 * swrr_lag_divisor() - what weights have in common
 * @divisor: the greatest common divisor of the weights so far; 0: of none
 * @weight: one more; 0 changes nothing
 *
 * Return: the greatest common divisor of all.
 */
u64 swrr_lag_divisor(u64 divisor, u32 weight)
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
			divisor = swrr_lag_divisor(divisor, server->weight);
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
 * swrr_lag_start() - begin with what servers are owed
 * @seq: the sequence; @slot is 0, and of each server @weight, @lag, @parked and
 *	@back are set
 * @edited: the weights are others than those that the lags come from
 *
 * After an edit the lags are made to add up to nothing, which keeps everybody
 * close to the share that was due under all weights so far. Where servers were
 * only parked or came back (@edited is false), the others' lags stay as they
 * are: so servers that were never full stay within one turn of one another.
 */
void swrr_lag_start(struct swrr_seq *seq, bool edited)
{
	u32 i;

	seq->shift = 0;
	set_shares(seq);
	if (!edited)
		fit_in(seq);
	else if (seq->cycle)
		balance(seq);
	for (i = 0; i < seq->servers; i++)
		if (seq->server[i].share)
			set_window(seq, &seq->server[i]);
}

/**
 * swrr_lag_read() - how many turns a server is owed
 * @seq: the sequence
 * @i: an active server
 * @ahead: at how many slots after the present one; negative: before it
 *
 * Return: turns, with 32 binary places; negative: it is ahead.
 */
s64 swrr_lag_read(const struct swrr_seq *seq, u32 i, s64 ahead)
{
	const struct swrr_server *server = &seq->server[i];
	s64 owed = (seq->slot + ahead - server->release) * server->share -
		   server->rest;

	return to_lag(owed, seq->cycle) + server->residue + seq->shift;
}

/**
 * swrr_lag_adjust() - a server is owed more, or less
 * @seq: the sequence
 * @i: an active server
 * @turns: by how much, with 32 binary places
 *
 * swrr_seq_order() must follow.
 */
void swrr_lag_adjust(struct swrr_seq *seq, u32 i, s64 turns)
{
	struct swrr_server *server = &seq->server[i];

	server->lag = swrr_lag_read(seq, i, 0) + turns;
	set_window(seq, server);
	server->release += seq->slot;
}
