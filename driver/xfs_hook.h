/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XFS hook: functions of XFS are redirected while XFS is there.
 */
#ifndef FSDEV_XFS_HOOK_H
#define FSDEV_XFS_HOOK_H

#include <linux/notifier.h>
#include <linux/types.h>

struct file_system_type;
struct redirect_set;

typedef void (xfs_hooked_t)(bool hooked, const struct file_system_type *known);

/**
 * struct xfs_hook - functions of XFS that are redirected together
 * @set: those; protected by xfs_hook_lock
 * @hooked: is told whether calls go to the replacements, and of XFS if its layout is known; may not
 *	sleep. NULL if it need not know
 * @lost: for the log, what is lost on an XFS that cannot be hooked when it is loaded
 * @wanted: since xfs_hook_start(); protected by xfs_hook_lock
 * @notifier: hears of modules that come and go
 */
struct xfs_hook {
	struct redirect_set *set;
	xfs_hooked_t *hooked;
	const char *lost;
	bool wanted;
	struct notifier_block notifier;
};

int xfs_hook_init(struct xfs_hook *hook);
int xfs_hook_start(struct xfs_hook *hook);
void xfs_hook_stop(struct xfs_hook *hook);
void xfs_hook_exit(struct xfs_hook *hook);

#endif
