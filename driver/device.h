/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device in fsdev mode: what all files share, and each file's own part of it.
 */
#ifndef FSDEV_DEVICE_H
#define FSDEV_DEVICE_H

#include <linux/atomic.h>
#include <linux/badblocks.h>
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/ratelimit.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "access.h"
#include "blocked.h"
#include "clamp.h"
#include "core/poison_set.h"
#include "core/rangemap.h"
#include "revoke.h"
#include "sleep.h"

/* Marks of a device, how many are seen at once, and log2 of the fewest pages that one is for. */
#define FSDEV_MARKS 2048
#define FSDEV_MARKS_SEEN 8
#define FSDEV_MARK_SHIFT_MIN 7

struct chardev;
struct chunks;
struct geometry;
struct gendisk;

/**
 * struct fsdev - a DAX device while it is bound to this driver
 * @access: the operations. First, so that fsdev_of() has nothing to compute
 * @dev_dax: the device on the DAX bus
 * @geometry: its ranges, as they were at probe
 * @dax_dev: the block device's DAX device, made for this binding; see access_create()
 * @chunks: its page maps
 * @disk: the block device /dev/fsdevX.Y
 * @chardev: what it has in common with the descriptors of /dev/daxX.Y
 * @holder_ops: of the holder that the bus's DAX device had when removal began; only for its name
 * @revoke: the file systems that were mounted from it when removal began
 * @clamp: mappings of DAX files are clamped for this device
 * @blocked: what the unbind waits for
 * @sleep: its place among the devices that the system's sleep has to look at
 * @abandoned: the unbind has been given up; nothing of the device is freed. Written by the
 *	unbinding task only
 * @persistent: the memory keeps its contents, so stores have to be flushed
 * @noted_new: the page that was noted last was not bad before; under @bad_lock
 * @bad: what of the device is not to be touched; read without a lock. A page that has just failed
 *	is noted there without one too: see failure_lock()
 * @untold: of that, what the driver met itself and has not yet reported
 * @bad_lock: whoever changes one of these two otherwise, or repairs a page, holds it, by
 *	failure_lock()
 * @badblocks: what the block device shows of @bad, under @bad_lock; its list has an end
 * @stopped: no work begins any more, under @bad_lock
 * @watcher: hears of machine checks that a copy of the kernel's has survived
 * @report: reports what is in @untold
 * @unmap: takes what is bad from those who have it mapped still
 * @let_go: ends what pagemap_keep() began with the last report
 * @kept_until: when it may, in jiffies; under @bad_lock
 * @met: the page that is being reported because the driver met it; ULONG_MAX if none
 * @reports: failures that the kernel has told of and that lie in the device
 * @reporting: reports of failures that are going on
 * @settled: when the last one of failing hardware has had its effects, in jiffies
 * @log_limit: how often the log hears of failures of this device
 * @pages: of the device
 * @mark_sight: how many pages from any are good where no mark is seen
 * @mark_shift: log2 of the pages that one mark is for
 * @mark: not 0 where one of these pages may be bad; cleared under @bad_lock
 * @map: device offset to physical address and back
 *
 * Lives from probe until the last devm action of the device has run; nothing outside the driver
 * keeps a pointer to it after access_stop(), because every path to it begins at the operations
 * that access_stop() takes away and waits for, at the page map, which pagemap.c takes down
 * after that, or at the disk, which goes before. All members but those that only removal uses
 * and what memory failures change are written in probe, before the device can be reached, and never
 * again: readers need no lock.
 */
struct fsdev {
	struct access access;
	struct dev_dax *dev_dax;
	struct geometry *geometry;
	struct dax_device *dax_dev;
	struct chunks *chunks;
	struct gendisk *disk;
	struct chardev *chardev;
	const void *holder_ops;
	struct revoke revoke;
	struct clamp clamp;
	struct blocked blocked;
	struct sleep sleep;
	bool abandoned;
	bool persistent;
	bool stopped;
	bool noted_new;
	struct poison_set bad;
	struct poison_set untold;
	struct mutex bad_lock;		/* writers of bad, untold, badblocks; repair */
	struct badblocks badblocks;
	struct notifier_block watcher;
	struct work_struct report;
	struct delayed_work unmap;
	struct delayed_work let_go;
	unsigned long kept_until;
	unsigned long met;
	atomic_long_t reports;
	atomic_t reporting;
	unsigned long settled;
	struct ratelimit_state log_limit;
	u64 pages;
	u64 mark_sight;
	u32 mark_shift;
	u8 mark[FSDEV_MARKS + FSDEV_MARKS_SEEN - 1];
	struct rangemap map;	/* last: it grows with the number of ranges */
};

static inline struct device *fsdev_dev(const struct fsdev *fsdev)
{
	return &fsdev->dev_dax->dev;
}

/* The DAX device that the bus keeps, whatever driver has it: that of /dev/daxX.Y. */
static inline struct dax_device *fsdev_bus_dax(const struct fsdev *fsdev)
{
	return fsdev->dev_dax->dax_dev;
}

/* The device behind a dax_device whose operations are ours. */
static inline struct fsdev *fsdev_of(const struct dax_device *dax_dev)
{
	return container_of(READ_ONCE(dax_dev->ops), struct fsdev, access.ops);
}

/* The mark for a byte of the device. */
static inline u64 fsdev_mark_cell(const struct fsdev *fsdev, u64 offset)
{
	return PHYS_PFN(offset) >> (fsdev->mark_shift & 63);
}

#endif
