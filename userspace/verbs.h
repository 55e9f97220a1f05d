/* SPDX-License-Identifier: GPL-2.0 */
/* What main() calls: each does its verb and returns the exit status. */
#ifndef FNATCTL_VERBS_H
#define FNATCTL_VERBS_H

#include <stddef.h>

#include "args.h"

/* service.c */
int service_add(const struct args *args);
int service_set(const struct args *args);
int service_del(const struct args *args);
int service_show(const struct args *args);

/* laddr.c */
int laddr_add(const struct args *args);
int laddr_drain(const struct args *args);
int laddr_del(const struct args *args);
int laddr_show(const struct args *args);

/* session.c */
int session_show(const struct args *args);
int session_flush(const struct args *args);

/* stats.c */
int stats_show(const struct args *args);
int stats_reset(const struct args *args);

/* What save prints first and last, so that restore sees a file that is cut. */
#define SAVE_BEGIN	"# fnatctl save"
#define SAVE_END	"# end"

/* monitor.c, save.c, restore.c */
int monitor(const struct args *args);
int save(const struct args *args);
int restore(const struct args *args);

/* The service that was given, or NULL. */
static inline const struct service *service_given(const struct args *args)
{
	return args->given & HAS_SERVICE ? &args->service : NULL;
}

#endif
