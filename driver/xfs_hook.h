/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XFS hook: functions of XFS are redirected while XFS is there.
 */
#ifndef FSDEV_XFS_HOOK_H
#define FSDEV_XFS_HOOK_H

#include <linux/types.h>

struct file_system_type;
struct redirect_set;

typedef void (xfs_hooked_t)(bool hooked, const struct file_system_type *known);
int xfs_hook_init(struct redirect_set *set, xfs_hooked_t *hooked);
int xfs_hook_start(void);
void xfs_hook_stop(void);
void xfs_hook_exit(void);

#endif
