// SPDX-License-Identifier: GPL-2.0
/*
 * Incore: have XFS pass over inodes that are not in use, when it looks for the files of a page.
 *
 * xfs_dax_failure_fn() asks xfs_iget() for each inode that has the failing page, if it is in core.
 * It goes on at -ENODATA, which says that the inode is not; each other error shuts XFS down. But
 * two of the four errors that there are with XFS_IGET_INCORE say no more than that (read in Linux
 * 6.1, 6.12 and 7.3):
 *
 *  -EAGAIN: the inode has no VFS inode any more and is not reclaimed yet, or is being set up,
 *   inactivated or reclaimed, or its VFS inode is being torn down;
 *  -ENOENT: it is unlinked, or free, and has no VFS inode. That a free one has the page is a
 *   corrupt reverse mapping, which XFS itself passes over once the inode is reclaimed.
 *
 * No process maps such a file, as that takes a reference to the VFS inode. Where it is set up a
 * moment later, a fault of the page fails: the page is marked poisoned before the holder is
 * notified.
 *
 * So ftrace redirects xfs_iget(), and both become -ENODATA, in tasks that notify a holder. The
 * fourth, -EINVAL, stays: there can be no such inode, so the reverse mapping is corrupt. In other
 * tasks, and with other flags, xfs_iget() is itself.
 */
#include <linux/errno.h>
#include <linux/static_call.h>

#include "compat/xfs.h"
#include "incore.h"
#include "kill.h"
#include "redirect.h"
#include "xfs_hook.h"

struct xfs_inode;
struct xfs_mount;
struct xfs_trans;

typedef int incore_iget_t(struct xfs_mount *mp, struct xfs_trans *tp, u64 ino, unsigned int flags,
			  unsigned int lock_flags, struct xfs_inode **ipp);

/* Until XFS is hooked. */
static int incore_no_iget(struct xfs_mount *mp, struct xfs_trans *tp, u64 ino, unsigned int flags,
			  unsigned int lock_flags, struct xfs_inode **ipp)
{
	return -EINVAL;
}

DEFINE_STATIC_CALL(incore_xfs_iget, incore_no_iget);

static void incore_set_iget(unsigned long body)
{
	static_call_update(incore_xfs_iget, (incore_iget_t *)body);
}

/* In the place of xfs_iget(), in the task and under the locks of its caller. */
static noinline int incore_iget(struct xfs_mount *mp, struct xfs_trans *tp, u64 ino,
				unsigned int flags, unsigned int lock_flags,
				struct xfs_inode **ipp)
{
	int rc = static_call(incore_xfs_iget)(mp, tp, ino, flags, lock_flags, ipp);

	return rc == -EAGAIN || rc == -ENOENT ? -ENODATA : rc;
}

#ifdef COMPAT_FTRACE_IPMODIFY
static bool notrace incore_wants(struct ftrace_regs *fregs)
{
	/* the flags first, as each call of XFS comes here */
	return (u32)compat_ftrace_argument(fregs, 3) == COMPAT_XFS_INCORE && kill_notifies();
}
#else
#define incore_wants NULL
#endif

static struct redirect incore_redirect = {
	.name = "xfs_iget",
	.replacement = incore_iget,
	.set_original = incore_set_iget,
	.wanted = incore_wants,
};

static struct redirect *const incore_functions[] = { &incore_redirect };

static struct redirect_set incore_set = {
	.functions = incore_functions,
	.nr = ARRAY_SIZE(incore_functions),
};

static struct xfs_hook incore_xfs = {
	.set = &incore_set,
	.lost = "a page of a file that is not in use any more may shut it down when it fails",
};

/**
 * incore_hook() - have inodes that are not in use passed over, until this module is unloaded
 *
 * Where it cannot be done, failures are handled as under any other driver.
 *
 * Context: may sleep; before an XFS claims a device, after kill_hook().
 */
void incore_hook(void)
{
	int rc = xfs_hook_start(&incore_xfs);

	if (rc)
		pr_notice_once("fsdev: XFS cannot be hooked (error %d): %s\n", rc,
			       incore_xfs.lost);
}

/**
 * incore_init() - set up
 *
 * Context: loading the module.
 * Return: 0 or a negative errno.
 */
int incore_init(void)
{
	return xfs_hook_init(&incore_xfs);
}

/**
 * incore_exit() - take the hook off
 *
 * Context: unloading the module, when no device is bound; may sleep. kill_exit() follows, which
 * waits for tasks that ask incore_wants().
 */
void incore_exit(void)
{
	xfs_hook_stop(&incore_xfs);
	xfs_hook_exit(&incore_xfs);
}
