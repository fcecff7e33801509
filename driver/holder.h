/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Holder: the words of the kernel's own dax_device that core/holder works on, and how a holder is
 * called. For holder.c; and for failure.c, whose way to the holder has no function in between.
 */
#ifndef FSDEV_HOLDER_H
#define FSDEV_HOLDER_H

#include <linux/dax.h>

/* A read-side section is one of the kernel's. */
#define holder_read_lock() dax_read_lock()
#define holder_read_unlock(id) dax_read_unlock(id)

#include "core/holder.h"
#include "device.h"

/* What notify_failure() gets. */
struct holder_notice {
	struct dax_device *dax_dev;
	u64 offset;
	u64 len;
	int mf_flags;
};

/* Without the notified_ops, which only a removal needs. */
static inline struct holder_words fsdev_holder_words(struct dax_device *dax_dev)
{
	return (struct holder_words){
		.data = (unsigned long *)&dax_dev->holder_data,
		.ops = (unsigned long *)&dax_dev->holder_ops,
		.flags = &dax_dev->flags,
	};
}

static inline int fsdev_holder_call(const void *ops, void *arg)
{
	const struct dax_holder_operations *holder_ops = ops;
	const struct holder_notice *notice = arg;

	return holder_ops->notify_failure(notice->dax_dev, notice->offset, notice->len,
					  notice->mf_flags);
}

/*
 * Looks at the block device's DAX device first; its holder is notified if @disk says so, and where
 * it has none the bus's is.
 */
static __always_inline int fsdev_holder_notify_if(const struct fsdev *fsdev, u64 offset, u64 len,
						  int mf_flags, bool disk)
{
	struct holder_notice notice = {
		.dax_dev = fsdev->dax_dev,
		.offset = offset,
		.len = len,
		.mf_flags = mf_flags,
	};
	struct holder_words words = fsdev_holder_words(notice.dax_dev);
	struct holder_listener listener;
	int id;

	id = holder_read_lock();
	listener = holder_listener(&words);
	if (unlikely(listener.rc == -EOPNOTSUPP)) {
		notice.dax_dev = fsdev_bus_dax(fsdev);
		words = fsdev_holder_words(notice.dax_dev);
		listener = holder_listener(&words);
	} else if (!disk) {
		listener.rc = -EOPNOTSUPP;
	}
	if (!listener.rc)
		listener.rc = fsdev_holder_call((const void *)listener.ops, &notice);
	holder_read_unlock(id);
	return listener.rc;
}

/**
 * fsdev_holder_notify() - notify the holder of failing memory
 * @fsdev: the device
 * @offset: device offset in bytes
 * @len: bytes
 * @mf_flags: of memory_failure()
 *
 * Only one of the two DAX devices has a holder at a time, see fsdev_holder_bar(): mostly the block
 * device's, which is looked at first. Where that changes meanwhile, the holder that comes finds the
 * page poisoned.
 *
 * Context: may sleep.
 * Return: what the holder returned; -ENXIO if the device is dead, -EOPNOTSUPP without a holder.
 */
static __always_inline int fsdev_holder_notify(const struct fsdev *fsdev, u64 offset, u64 len,
					       int mf_flags)
{
	return fsdev_holder_notify_if(fsdev, offset, len, mf_flags, true);
}

/**
 * fsdev_holder_notify_bus() - notify the holder, unless it has the device by way of the disk
 * @fsdev: the device
 * @offset: device offset in bytes
 * @len: bytes
 * @mf_flags: of memory_failure()
 *
 * For memory that no file system on the disk or its partitions has.
 *
 * Context: may sleep.
 * Return: as fsdev_holder_notify(); -EOPNOTSUPP if the holder is not notified.
 */
static __always_inline int fsdev_holder_notify_bus(const struct fsdev *fsdev, u64 offset, u64 len,
						   int mf_flags)
{
	return fsdev_holder_notify_if(fsdev, offset, len, mf_flags, false);
}

int fsdev_holder_init(void);
void fsdev_holder_exit(void);
int fsdev_holder_claim(struct dax_device *dax_dev, void *holder,
		       const struct dax_holder_operations *ops);
int fsdev_holder_claim_bus(struct fsdev *fsdev, void *holder,
			   const struct dax_holder_operations *ops);
void fsdev_holder_release(struct dax_device *dax_dev, void *holder);
bool fsdev_holder_drop(struct dax_device *dax_dev, const struct module *module);
bool fsdev_holder_exists(struct fsdev *fsdev);
bool fsdev_holder_has_bus(struct fsdev *fsdev);
bool fsdev_holder_bar(struct fsdev *fsdev);
void fsdev_holder_unbar(struct fsdev *fsdev);
void fsdev_holder_kill_unheld(struct fsdev *fsdev);
void fsdev_holder_announce(struct fsdev *fsdev, u64 start);
void fsdev_holder_remove(struct fsdev *fsdev, u64 start);

#endif
