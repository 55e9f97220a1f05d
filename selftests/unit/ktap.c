// SPDX-License-Identifier: GPL-2.0
/* KTAP output, and random numbers (xorshift64*). */
#include <stdarg.h>

#include "ktap.h"

static unsigned int tests, failed, skipped, complained;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void say(const char *prefix, const char *fmt, va_list args)
{
	printf("%s", prefix);
	vprintf(fmt, args);
	printf("\n");
	fflush(stdout);
}

void complain(const char *fmt, ...)
{
	va_list args;

	pthread_mutex_lock(&lock);
	va_start(args, fmt);
	if (complained++ < 5)
		say("# ", fmt, args);
	va_end(args);
	pthread_mutex_unlock(&lock);
}

unsigned int complaints(void)
{
	return complained;
}

void verdict(const char *fmt, ...)
{
	char prefix[32];
	va_list args;

	snprintf(prefix, sizeof(prefix), "%sok %u - ", complained ? "not " : "", ++tests);
	va_start(args, fmt);
	say(prefix, fmt, args);
	va_end(args);
	failed += !!complained;
	complained = 0;
}

void skip(const char *why, const char *fmt, ...)
{
	va_list args;

	printf("ok %u - ", ++tests);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf(" # SKIP %s\n", why);
	skipped++;
}

void note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say("# ", fmt, args);
	va_end(args);
}

void ktap_start(void)
{
	printf("KTAP version 1\n");
}

int ktap_end(void)
{
	printf("1..%u\n", tests);
	return failed ? 1 : 0;
}

u32 effort(u32 cases)
{
	const char *s = getenv("EFFORT");
	double factor = s ? atof(s) : 1;

	return cases * factor > 1 ? cases * factor : 1;
}

static u64 state = 1;

void seed(u64 s)
{
	const char *more = getenv("SEED");

	state = (s + 1) * 0x9e3779b97f4a7c15ULL;
	if (more)
		state ^= strtoull(more, NULL, 0) * 0xbf58476d1ce4e5b9ULL;
	if (!state)
		state = 1;
	random_u64();
	random_u64();
}

u64 random_u64(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

u32 random_below(u32 n)
{
	return (random_u64() >> 32) * n >> 32;
}

u32 random_in(u32 low, u32 high)
{
	return low + random_below(high - low + 1);
}

u32 random_weight(u32 high)
{
	u32 top = random_in(0, ilog2(high));
	u32 w = random_in(1U << top, (2U << top) - 1);

	return w > high ? high : w;
}
