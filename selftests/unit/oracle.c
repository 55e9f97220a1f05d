// SPDX-License-Identifier: GPL-2.0
/* Judges of an order of picks. */
#include "oracle.h"

typedef __int128 s128;

void share_start(struct share *o, const u32 *weight, u32 n)
{
	*o = (struct share){ .n = n };
	o->weight = memcpy(malloc(n * sizeof(*weight)), weight, n * sizeof(*weight));
	o->x = calloc(n, sizeof(*o->x));
	o->peak = calloc(n, sizeof(*o->peak));
	o->trough = calloc(n, sizeof(*o->trough));
	for (u32 i = 0; i < n; i++)
		o->sum += weight[i];
}

void share_end(struct share *o)
{
	free((void *)o->weight);
	free(o->x);
	free(o->peak);
	free(o->trough);
}

bool share_pick(struct share *o, u32 i)
{
	s128 before = (s128)o->weight[i] * o->t - (s128)o->sum * o->x[i];
	s128 after = before + o->weight[i] - o->sum;

	o->t++;
	o->x[i]++;
	if (before > o->peak[i])
		o->peak[i] = before;
	if (o->peak[i] - after > o->above)
		o->above = o->peak[i] - after;
	if (before - o->trough[i] > o->below)
		o->below = before - o->trough[i];
	if (after < o->trough[i])
		o->trough[i] = after;
	if (before > o->worst)
		o->worst = before;
	if (-after > o->worst)
		o->worst = -after;
	return before < o->sum && -after < o->sum;
}

bool share_whole(const struct share *o)
{
	for (u32 i = 0; i < o->n; i++)
		if ((s128)o->weight[i] * o->t != (s128)o->sum * o->x[i])
			return false;
	return true;
}

/* Is (a + da) / wa < (b + db) / wb? */
static bool less(const struct pairs *o, u32 a, int da, u32 b, int db)
{
	return ((s128)o->x[a] + da) * o->weight[b] < ((s128)o->x[b] + db) * o->weight[a];
}

static void find_behind(struct pairs *o)
{
	o->behind = o->n;
	for (u32 i = 0; i < o->n; i++)
		if (!o->out[i] && (o->behind == o->n || less(o, i, 1, o->behind, 1)))
			o->behind = i;
}

static void find_ahead(struct pairs *o)
{
	o->ahead = o->n;
	for (u32 i = 0; i < o->n; i++)
		if (!o->out[i] && (o->ahead == o->n || less(o, o->ahead, -1, i, -1)))
			o->ahead = i;
}

void pairs_start(struct pairs *o, const u32 *weight, u32 n)
{
	*o = (struct pairs){ .n = n };
	o->weight = memcpy(malloc(n * sizeof(*weight)), weight, n * sizeof(*weight));
	o->x = calloc(n, sizeof(*o->x));
	o->out = calloc(n, sizeof(*o->out));
	for (u32 i = 0; i < n; i++)
		o->out[i] = !weight[i];
	find_behind(o);
	find_ahead(o);
}

void pairs_end(struct pairs *o)
{
	free((void *)o->weight);
	free(o->x);
	free(o->out);
}

void pairs_exclude(struct pairs *o, u32 i)
{
	if (o->out[i])
		return;
	o->out[i] = true;
	if (o->behind == i)
		find_behind(o);
	if (o->ahead == i)
		find_ahead(o);
}

bool pairs_pick(struct pairs *o, u32 i)
{
	long double a, b, d;

	if (o->out[i])
		return true;
	o->x[i]++;
	if (less(o, o->ahead, -1, i, -1))
		o->ahead = i;
	if (o->behind == i)
		find_behind(o);
	a = o->weight[o->ahead];
	b = o->weight[o->behind];
	d = (o->x[o->ahead] / a - o->x[o->behind] / b) / (1 / a + 1 / b);
	if (d > o->worst)
		o->worst = d;
	return o->ahead == o->behind || less(o, o->ahead, -1, o->behind, 1);
}

void fluid_start(struct fluid *o, const u32 *weight, u32 n)
{
	*o = (struct fluid){ 0 };
	for (u32 i = 0; i < n; i++)
		fluid_add(o, weight[i]);
}

void fluid_end(struct fluid *o)
{
	free(o->weight);
	free(o->lag);
	free(o->waited);
}

/* The active servers share what is owed in all, by weight. */
static void hand_out(struct fluid *o, long double lag)
{
	for (u32 i = 0; i < o->n && o->sum > 0; i++)
		if (o->weight[i])
			o->lag[i] += lag * o->weight[i] / o->sum;
}

void fluid_set(struct fluid *o, u32 i, u32 weight)
{
	if (!o->weight[i])
		o->waited[i] = 0;
	o->sum += (long double)weight - o->weight[i];
	o->weight[i] = weight;
}

void fluid_add(struct fluid *o, u32 weight)
{
	if (o->n == o->room) {
		o->room = o->room ? 2 * o->room : 16;
		o->weight = realloc(o->weight, o->room * sizeof(*o->weight));
		o->lag = realloc(o->lag, o->room * sizeof(*o->lag));
		o->waited = realloc(o->waited, o->room * sizeof(*o->waited));
	}
	o->weight[o->n] = weight;
	o->lag[o->n] = 0;
	o->waited[o->n] = 0;
	o->n++;
	o->sum += weight;
}

void fluid_del(struct fluid *o, u32 i)
{
	long double lag = o->lag[i];

	fluid_set(o, i, 0);
	hand_out(o, lag);
	o->n--;
	o->weight[i] = o->weight[o->n];
	o->lag[i] = o->lag[o->n];
	o->waited[i] = o->waited[o->n];
}

long double fluid_pick(struct fluid *o, u32 picked)
{
	long double worst = 0;

	for (u32 i = 0; i < o->n; i++) {
		if (!o->weight[i])
			continue;
		o->lag[i] += o->weight[i] / o->sum;
		o->waited[i] += o->weight[i] / o->sum;
		if (i == picked) {
			o->lag[i] -= 1;
			o->waited[i] = 0;
		}
		if (o->lag[i] > worst)
			worst = o->lag[i];
		if (-o->lag[i] > worst)
			worst = -o->lag[i];
	}
	if (worst > o->worst)
		o->worst = worst;
	return worst;
}
