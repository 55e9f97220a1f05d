/* SPDX-License-Identifier: GPL-2.0 */
/* KTAP output, and numbers that are random but the same in every run. */
#ifndef KTAP_H
#define KTAP_H

#include "shim.h"

/* complain() of what must not be; verdict() prints "ok" if nobody did since the last. */
__printf(1, 2) void complain(const char *fmt, ...);
unsigned int complaints(void);
__printf(1, 2) void verdict(const char *fmt, ...);
__printf(2, 3) void skip(const char *why, const char *fmt, ...);
__printf(1, 2) void note(const char *fmt, ...);
void ktap_start(void);
int ktap_end(void);

/* A test can be scaled: EFFORT=10 tries ten times as many cases, SEED=n other ones. */
u32 effort(u32 cases);
void seed(u64 s);
u64 random_u64(void);
u32 random_below(u32 n);
u32 random_in(u32 low, u32 high);
u32 random_weight(u32 high);	/* 1..high, every order of magnitude as likely */
#endif
