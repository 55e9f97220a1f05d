/* SPDX-License-Identifier: GPL-2.0 */
/* What an operator can see of a service. */
#ifndef _SWRR_DEBUGFS_H
#define _SWRR_DEBUGFS_H

struct swrr_service;

void swrr_debugfs_init(void);
void swrr_debugfs_exit(void);
void swrr_debugfs_add(struct swrr_service *service);
void swrr_debugfs_del(struct swrr_service *service);

#endif /* _SWRR_DEBUGFS_H */
