/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XFS hook: functions of XFS are replaced while XFS is there.
 */
#ifndef FSDEV_XFS_HOOK_H
#define FSDEV_XFS_HOOK_H

#include <linux/types.h>

/**
 * struct xfs_hook - a function of XFS that is replaced
 * @name: the function's
 * @replacement: what is called instead, in the task and under the locks of the caller
 * @set_original: gets where the function goes on behind the place where ftrace comes in, for direct
 *	calls of it, before any is replaced
 * @at: where ftrace comes in; protected by xfs_hook_lock
 */
struct xfs_hook {
	const char *name;
	void *replacement;
	void (*set_original)(unsigned long body);
	unsigned long at;
};

/**
 * struct xfs_hook_user - who has functions replaced
 * @hooks: those; all or none
 * @nr: how many
 * @hooked: is told whether calls go to the replacements; may not sleep
 */
struct xfs_hook_user {
	struct xfs_hook *const *hooks;
	unsigned int nr;
	void (*hooked)(bool hooked);
};

int xfs_hook_init(const struct xfs_hook_user *user);
int xfs_hook_start(void);
void xfs_hook_stop(void);
void xfs_hook_exit(void);

#endif
