/* SPDX-License-Identifier: GPL-2.0 */
/* Other people's schedulers, as models written from their rules: the kernel's wrr,
 * nginx's smooth weighted round robin, and Tijdeman's, which no order can beat.
 */
#ifndef MODELS_H
#define MODELS_H

#include "shim.h"

struct model {
	u32 n;
	u32 *weight;
	bool *full;
	s64 *credit;		/* nginx, Tijdeman */
	u32 at, threshold;	/* wrr: the last pick (@n: before the first), cw */
	u32 top, divisor;	/* wrr: mw, di */
	u64 visits;		/* servers looked at so far */
};

/* Each returns the index of a server, or @n if there is none. */
struct model_ops {
	const char *name;
	void (*start)(struct model *m);		/* weights are set */
	void (*changed)(struct model *m);	/* some were edited */
	u32 (*pick)(struct model *m);
};

extern const struct model_ops model_wrr, model_nginx, model_tijdeman;

void model_open(const struct model_ops *ops, struct model *m, const u32 *weight, u32 n);
void model_close(struct model *m);
#endif
