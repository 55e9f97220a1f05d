// SPDX-License-Identifier: GPL-2.0
/* The counters' names and meanings; the list is made from the contract. */
#include "counters.h"

const struct counter counters[COUNTERS] = {
#include "counters.inc"
};
