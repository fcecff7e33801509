/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Access: which operations the DAX devices have, and how a page is fenced without a lock. For
 * access.c; and for failure.c, whose way to the holder has no function in between, and disk.c.
 */
#ifndef FSDEV_ACCESS_H
#define FSDEV_ACCESS_H

#include <linux/dax.h>
#include <linux/types.h>

struct dax_device;
struct fsdev;

/**
 * struct access - the operations of a device
 * @ops: those of both DAX devices; direct_access changes with access_look_out()
 */
struct access {
	struct dax_operations ops;
};

/* Direct access while nothing is bad, and that which looks out for what is. */
long fsdev_direct_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			 enum dax_access_mode mode, void **kaddr, compat_pfn *pfn);

long fsdev_fenced_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			 enum dax_access_mode mode, void **kaddr, compat_pfn *pfn);

/* Some of the device may be bad. */
static inline bool access_looks_out(const struct access *access)
{
	return READ_ONCE(access->ops.direct_access) != fsdev_direct_access;
}

/*
 * From here on every access looks out for bad pages. Both DAX devices have the same table of
 * operations, so that this is one store for both.
 */
static inline void access_look_out(struct access *access)
{
	if (READ_ONCE(access->ops.direct_access) != fsdev_fenced_access)
		cmpxchg(&access->ops.direct_access, fsdev_direct_access, fsdev_fenced_access);
}

int access_create(struct fsdev *fsdev);
int access_start(struct fsdev *fsdev);
void access_abandon(struct fsdev *fsdev);
bool access_is_ours(const struct dax_device *dax_dev);
void *access_read_address(struct fsdev *fsdev, u64 offset, u64 *len);
void access_store(struct fsdev *fsdev, void *to, const void *from, size_t len);
void access_fence(struct fsdev *fsdev);
void access_mark(struct fsdev *fsdev, u64 offset, u64 len);
void access_unmark(struct fsdev *fsdev, u64 offset, u64 len);
void access_prepare(struct fsdev *fsdev);

#endif
