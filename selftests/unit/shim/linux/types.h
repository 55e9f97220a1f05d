/* SPDX-License-Identifier: GPL-2.0 */
/* glibc needs its own file of this name, the module the kernel's. */
#include_next <linux/types.h>
#include "shim.h"
