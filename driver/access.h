/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Access: which operations the DAX devices have, and how a page is fenced without a lock. For
 * access.c; and for failure.c, whose way to the holder has no function in between, and disk.c.
 */
#ifndef FSDEV_ACCESS_H
#define FSDEV_ACCESS_H

#include <linux/dax.h>

#include "fsdev.h"

struct dax_device;

/* Direct access while nothing is bad, and that which looks out for what is. */
long fsdev_direct_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			 enum dax_access_mode mode, void **kaddr, compat_pfn *pfn);

long fsdev_fenced_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			 enum dax_access_mode mode, void **kaddr, compat_pfn *pfn);

/* The mark for a byte of the device. */
static inline u64 access_cell(const struct fsdev *fsdev, u64 offset)
{
	return PHYS_PFN(offset) >> (fsdev->mark_shift & 63);
}

/* Some of the device may be bad. */
static inline bool access_looks_out(const struct fsdev *fsdev)
{
	return READ_ONCE(fsdev->ops.direct_access) != fsdev_direct_access;
}

/*
 * From here on every access looks out for bad pages. Both DAX devices have the same table of
 * operations, so that this is one store for both.
 */
static inline void access_look_out(struct fsdev *fsdev)
{
	if (READ_ONCE(fsdev->ops.direct_access) != fsdev_fenced_access)
		cmpxchg(&fsdev->ops.direct_access, fsdev_direct_access, fsdev_fenced_access);
}

/**
 * access_fence_page() - has nobody be given a page any more that has just failed, without a lock
 * @fsdev: the device
 * @offset: device offset of the page; in the device
 *
 * Works while nobody has failure_lock(), and for one page at a time. The page is noted first: from
 * then on, whoever gets the lock finds it among the bad ranges, so nobody takes away its mark, or
 * the operations that look for marks, before it is repaired; and what others took away before, with
 * the lock, came before the note. Should it be repaired before this ends, both are there for
 * nothing: the caller looks for that when it has the lock itself.
 *
 * Context: any; takes no lock.
 * Return: false if it cannot be done so.
 */
static inline bool access_fence_page(struct fsdev *fsdev, u64 offset)
{
	u8 *mark;

	if (unlikely(!poison_set_publish(&fsdev->bad, PHYS_PFN(offset))))
		return false;
	mark = fsdev->mark + access_cell(fsdev, offset);
	data_race(*mark = 1); /* a byte, which nobody clears meanwhile */
	access_look_out(fsdev);
	return true;
}

#endif
