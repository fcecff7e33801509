/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What XFS says of a file, where layout.h knows; and how an inode is asked for.
 */
#ifndef FSDEV_COMPAT_XFS_H
#define FSDEV_COMPAT_XFS_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/fs.h>

/*
 * Flags of xfs_inode.i_diflags2, which are those of the disk, that a file without shared blocks can
 * have: DAX, CoW extent size hint, big timestamps, large extent counters. Bit 1 is shared blocks.
 */
#define COMPAT_XFS_FLAGS2_UNSHARED (BIT_ULL(0) | BIT_ULL(2) | BIT_ULL(3) | BIT_ULL(4))

/*
 * Flag of xfs_iget(), its fourth argument: an inode that is in core, or none. Nothing is read from
 * the disk, and nothing waited for.
 */
#define COMPAT_XFS_INCORE BIT(3)

/* XFS for debugging can copy on write where no blocks are shared. */
#if defined(FSDEV_XFS_FLAGS2) && !defined(CONFIG_XFS_DEBUG)
#define COMPAT_XFS_KNOWN true

/*
 * Does XFS copy nothing on write in a file? It sets the flag with the file's i_rwsem held
 * exclusively, so the answer lasts until the caller gives that up.
 */
static __always_inline bool compat_xfs_unshared(const struct inode *inode)
{
	const u64 *flags = (const void *)inode + FSDEV_XFS_FLAGS2;

	return !(READ_ONCE(*flags) & ~COMPAT_XFS_FLAGS2_UNSHARED);
}
#else
#define COMPAT_XFS_KNOWN false

static __always_inline bool compat_xfs_unshared(const struct inode *inode)
{
	return false;
}
#endif

#endif
