/* SPDX-License-Identifier: GPL-2.0 */
/* How many instructions a call executes, exactly: the CPU traps after each. */
#ifndef STEPS_H
#define STEPS_H

#include <stdbool.h>

/* Counting is slow, and ends here. */
#define STEPS_MAX 1000000

bool steps_work(void);		/* on this CPU and under this compiler? */
void steps_start(void);
unsigned long steps_stop(void);
#endif
