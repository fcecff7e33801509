/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XFS hook: functions of XFS are redirected while XFS is there.
 */
#ifndef FSDEV_XFS_HOOK_H
#define FSDEV_XFS_HOOK_H

#include <linux/types.h>

struct redirect_set;

int xfs_hook_init(struct redirect_set *set, void (*hooked)(bool hooked));
int xfs_hook_start(void);
void xfs_hook_stop(void);
void xfs_hook_exit(void);

#endif
