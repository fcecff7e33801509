/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Access: the DAX operations. Direct access is one of two functions: one that does not check for
 * poison, in place while no page is poisoned, and one that does. The switch is inline for
 * failure.c, which calls no function before the holder's. Read-only memory has a third one, which
 * stays.
 */
#ifndef FSDEV_ACCESS_H
#define FSDEV_ACCESS_H

#include <linux/dax.h>
#include <linux/types.h>

struct dax_device;
struct fsdev;
struct poison;

/**
 * struct access - the operations of a device
 * @ops: those of both DAX devices; access_check_poison() and access_switch() exchange
 *	direct_access
 */
struct access {
	struct dax_operations ops;
};

/* Direct access while no page is poisoned, and while some are. */
long fsdev_direct_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			 enum dax_access_mode mode, void **kaddr, compat_pfn *pfn);

long fsdev_checked_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			  enum dax_access_mode mode, void **kaddr, compat_pfn *pfn);

/* Some page of the device may be poisoned. */
static inline bool access_checks_poison(const struct access *access)
{
	return READ_ONCE(access->ops.direct_access) != fsdev_direct_access;
}

/*
 * Has direct access check for poison from now on. Both DAX devices have the same table of
 * operations, so one store does for both.
 */
static inline void access_check_poison(struct access *access)
{
	if (READ_ONCE(access->ops.direct_access) != fsdev_checked_access)
		cmpxchg(&access->ops.direct_access, fsdev_direct_access, fsdev_checked_access);
}

int access_create(struct fsdev *fsdev);
int access_start(struct fsdev *fsdev);
void access_stop_flushes(struct fsdev *fsdev);
void access_restore(struct fsdev *fsdev);
void access_kill(struct fsdev *fsdev);
void access_free(struct fsdev *fsdev);
bool access_is_ours(const struct dax_device *dax_dev);
void access_switch(struct poison *poison);
void access_prepare(struct fsdev *fsdev);
void access_forbid_writes(struct fsdev *fsdev);

#endif
