/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rooms of the driver share: one device in fsdev mode, and the few functions that one
 * room offers to another.
 */
#ifndef FSDEV_H
#define FSDEV_H

#include <linux/atomic.h>
#include <linux/badblocks.h>
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "core/poison_set.h"
#include "core/rangemap.h"
#include "uapi/fsdev.h"

/* Marks of a device, how many are seen at once, and log2 of the fewest pages that one is for. */
#define FSDEV_MARKS 2048
#define FSDEV_MARKS_SEEN 8
#define FSDEV_MARK_SHIFT_MIN 7

struct chardev;
struct file_system_type;
struct fsdev_part;
struct fsdev_super;
struct geometry;
struct gendisk;
struct inode;
struct super_block;

/**
 * struct blocked - what an unbind waits for; blocked.c has it
 * @say: logs it
 * @lock: protects the rest
 * @format: tells this wait from others; NULL while there is none. Written by the unbinding task
 *	only
 * @text: what is waited for, and what ends the wait
 * @said: the log has it
 */
struct blocked {
	struct delayed_work say;
	spinlock_t lock;		/* format, text, said */
	const char *format;
	char text[160];
	bool said;
};

/**
 * struct fsdev - a DAX device while it is bound to this driver
 * @ops: the operations of both DAX devices; direct_access changes with access_look_out(). First, so
 *	that fsdev_of() has nothing to compute
 * @dev_dax: the device on the DAX bus
 * @geometry: its ranges, as they were at probe
 * @dax_dev: the block device's DAX device, made for this binding; see access_create()
 * @slices: its page maps
 * @disk: the block device /dev/fsdevX.Y
 * @chardev: what it has in common with the descriptors of /dev/daxX.Y
 * @holder_ops: of the holder that the bus's DAX device had when removal began; only for its name
 * @supers: the file systems that were mounted from it when removal began; revoke.c has them
 * @clamped: mappings of DAX files are clamped for this device; protected by clamp.c's lock
 * @parts: the disk and its partitions when removal began; revoke.c has them
 * @blocked: what the unbind waits for
 * @sleep: in a list of sleep.c's
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
	struct dax_operations ops;
	struct dev_dax *dev_dax;
	struct geometry *geometry;
	struct dax_device *dax_dev;
	struct slices *slices;
	struct gendisk *disk;
	struct chardev *chardev;
	const void *holder_ops;
	struct fsdev_super *supers;
	bool clamped;
	struct fsdev_part *parts;
	struct blocked blocked;
	struct list_head sleep;
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
	return container_of(READ_ONCE(dax_dev->ops), struct fsdev, ops);
}

/**
 * struct geometry - a copy of a device's ranges
 * @nr: how many
 * @range: the ranges, in device order
 *
 * Immutable once geometry_read() has returned it.
 */
struct geometry {
	u32 nr;
	struct rangemap_range range[];
};

/* geometry.c */
struct geometry *geometry_read(struct dev_dax *dev_dax);

/* parent.c */
int parent_precede(struct fsdev *fsdev);
void parent_exit(void);

/**
 * struct slice - a part of a device's memory that has a page map of its own
 * @fsdev: the device
 * @pgmap: the page map; of the device if static, ours if dynamic
 * @mapped: the page map is mapped
 * @kept: pagemap_keep() has a reference to it, under the device's bad_lock
 * @node: where work on it runs best
 * @work: what is being done to it
 * @rc: what came of that
 */
struct slice {
	struct fsdev *fsdev;
	struct dev_pagemap *pgmap;
	bool mapped;
	bool kept;
	int node;
	int (*work)(struct slice *slice);
	int rc;
};

/**
 * struct slices - all the memory of a device
 * @nr: how many; 1 for all but large devices and those of many ranges
 * @threads: how many threads work on them
 * @slice: the slices, in device order
 */
struct slices {
	unsigned int nr;
	unsigned int threads;
	struct slice slice[];
};

/**
 * struct slice_place - a place in a device that is being cut
 * @range: in which of its ranges
 * @done: bytes of that in front of the place
 */
struct slice_place {
	u32 range;
	u64 done;
};

/*
 * The most ranges of a slice: when a page fails, the kernel goes through those of its page map one
 * by one before it tells us.
 */
#define SLICE_RANGES_MAX 8

/* slice.c */
unsigned int slice_threads(const struct geometry *geometry);
unsigned int slice_cut(const struct geometry *geometry, struct slice_place *at, u64 len,
		       struct range *ranges);
int slice_each(struct slices *slices, int (*work)(struct slice *slice));

/* pagemap.c */
int pagemap_install(struct fsdev *fsdev, void (*end)(struct fsdev *fsdev));
void pagemap_publish(struct fsdev *fsdev);
void pagemap_keep(struct fsdev *fsdev, struct dev_pagemap *pgmap);
void pagemap_let_go(struct fsdev *fsdev);

/* blocked.c */
void blocked_init(struct fsdev *fsdev);
void __printf(2, 3) blocked_by(struct fsdev *fsdev, const char *format, ...);
void blocked_over(struct fsdev *fsdev);
bool __must_check blocked_sleep(unsigned long timeout);
void blocked_abandon(struct fsdev *fsdev);

/* sleep.c */
int sleep_init(void);
void sleep_exit(void);
int sleep_bind(struct fsdev *fsdev);
void sleep_forget(struct fsdev *fsdev);

/* access.c */
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

/* holder.c */
int owner_init(void);
void owner_exit(void);
int owner_claim(struct dax_device *dax_dev, void *holder, const struct dax_holder_operations *ops);
int owner_claim_alone(struct dax_device *dax_dev, void *holder,
		      const struct dax_holder_operations *ops);
void owner_release(struct dax_device *dax_dev, void *holder);
bool owner_exists(struct fsdev *fsdev);
bool owner_bar(struct fsdev *fsdev);
void owner_unbar(struct fsdev *fsdev);
void owner_announce(struct fsdev *fsdev);
void owner_remove(struct fsdev *fsdev);

/* late.c */
void late_leave(struct fsdev *fsdev);
int late_check(struct fsdev *fsdev);
void late_exit(void);

/* lookup.c */
void lookup_init(const struct device_driver *driver);

/* supers.c */
typedef bool (super_call_t)(struct super_block *sb, void *arg);
typedef bool (file_call_t)(struct inode *inode, void *arg);
int supers_init(void);
void supers_exit(void);
bool supers_of_type(struct file_system_type *type, super_call_t *call, void *arg);
bool supers_each(super_call_t *call, void *arg);
bool super_each_file(struct super_block *sb, file_call_t *call, void *arg);

/* revoke.c */
bool __must_check revoke_note_supers(struct fsdev *fsdev);
bool __must_check revoke_mappings(struct fsdev *fsdev);
void revoke_bad(struct page *page);

/* failure.c */
extern const struct dev_pagemap_ops failure_pagemap_ops;
int failure_prepare(struct fsdev *fsdev);
int failure_start(struct fsdev *fsdev);
void failure_end(struct fsdev *fsdev);
void failure_lock(struct fsdev *fsdev);
void failure_unlock(struct fsdev *fsdev);
bool failure_settled(struct fsdev *fsdev);
void failure_read_error(struct fsdev *fsdev, u64 offset);
int failure_repaired(struct fsdev *fsdev, u64 offset, u64 len);
int failure_add_known(struct fsdev *fsdev, u64 offset, u64 len);
int failure_scrub(struct fsdev *fsdev, u64 offset, u64 len, u64 *done);
int failure_inject(struct fsdev *fsdev, u64 offset, u64 len, u64 *done);

/* repair.c */
int repair_page(struct fsdev *fsdev, u64 offset, const void *data);
int failure_repair(struct fsdev *fsdev, u64 offset, u64 len, u64 *done);

/* platform.c */
int platform_clear(struct fsdev *fsdev, phys_addr_t phys, unsigned int len);
void platform_known(struct fsdev *fsdev);

/* disk.c */
int disk_add(struct fsdev *fsdev);
void disk_set_bad(struct fsdev *fsdev, u64 offset, u64 len);
void disk_set_good(struct fsdev *fsdev, u64 offset, u64 len);
void disk_look_for_claims(struct fsdev *fsdev);
int disk_claim(struct fsdev *fsdev, void *holder, struct compat_disk_claim *claim);
void disk_unclaim(struct compat_disk_claim *claim);

/* chardev.c */
int chardev_create(struct fsdev *fsdev);
int chardev_attach(struct fsdev *fsdev);
int chardev_open(struct fsdev *fsdev);
void chardev_event(struct fsdev *fsdev, u32 kind, u32 flags, u64 offset, u64 len);

#endif
