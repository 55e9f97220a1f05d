// SPDX-License-Identifier: GPL-2.0
/* Counting instructions by single-stepping ourselves. */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

#include "steps.h"

static volatile unsigned long steps;

#ifdef __x86_64__
#define TRAP_FLAG 0x100
static unsigned long overhead;

static void step(int sig, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	(void)sig;
	(void)info;
	if (++steps >= STEPS_MAX)
		interrupted->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

/* Out of the red zone first: pushf writes below the stack pointer. */
void __attribute__((noinline)) steps_start(void)
{
	steps = 0;
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orq %0, (%%rsp); popfq;"
			 "lea 128(%%rsp), %%rsp" :: "i"(TRAP_FLAG) : "memory", "cc");
}

unsigned long __attribute__((noinline)) steps_stop(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; andq %0, (%%rsp); popfq;"
			 "lea 128(%%rsp), %%rsp" :: "i"(~TRAP_FLAG) : "memory", "cc");
	return steps - overhead;
}

bool steps_work(void)
{
	struct sigaction action = { .sa_sigaction = step, .sa_flags = SA_SIGINFO };

	sigaction(SIGTRAP, &action, NULL);
	overhead = 0;
	steps_start();
	overhead = steps_stop();
	return overhead > 0 && overhead < 100;
}
#else
void steps_start(void)
{
}

unsigned long steps_stop(void)
{
	return steps;
}

bool steps_work(void)
{
	return false;
}
#endif
