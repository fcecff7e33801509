/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Failure: the kernel reports a failing page, and the holder is notified.
 */
#ifndef FSDEV_FAILURE_H
#define FSDEV_FAILURE_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "core/poison_set.h"

struct dev_pagemap_ops;
struct fsdev;
struct fstype_parts;
struct gendisk;
struct rangemap;
struct task_struct;

/*
 * Failures of memory that a device is about to grow by; with more of them it does not grow, and
 * they are remembered at once.
 */
#define FAILURE_EARLY 16U

/**
 * struct failure_early - failures of memory that a device is about to grow by
 * @lock: protects the other members; a spinlock, innermost
 * @map: of the device as it will be; NULL while it does not grow
 * @size: bytes of the device as it is
 * @nr: how many of @piece are in use
 * @piece: what has failed; the last, with which it does not grow, is all from the first to the last
 *	byte of what had no place
 * @rejected: map of the device as it would have been, from the moment on at which a growth has come
 *	to nothing: until the memory has no page structures; or NULL. Written with the device_lock
 *	as well
 */
struct failure_early {
	spinlock_t lock;	/* see above */
	const struct rangemap *map;
	u64 size;
	unsigned int nr;
	struct poison_piece piece[FAILURE_EARLY + 1];
	const struct rangemap *rejected;
};

/**
 * struct failure - what follows the reports of failing pages of a device
 * @stopped: @unmap_work is not scheduled any more; protected by the poison lock
 * @unmap_work: unmaps poisoned pages from processes that memory_failure() has not signalled
 * @put_work: drops the page map references of pagemap_get()
 * @put_after: earliest time for that, in jiffies; protected by the poison lock
 * @reporter: discover.c's worker while it reports a page that it found, or NULL; written by it
 *	only, read without a lock
 * @injector: the task that injects a failure, while memory_failure() has it, or NULL; written by it
 *	only, read without a lock
 * @reach: device offset up to which holders are notified without a look at their file systems;
 *	written where the disk is claimed, with its open_mutex, read without a lock
 * @parts: the partitions of the disk, for that look; or NULL. Protected by RCU, written as @reach
 * @disk: the disk, to see whether it is claimed and no partition; or NULL. Protected by RCU
 * @reports: pieces of failing memory that holders have been notified of; atomic
 * @early: what fails of memory that the device is about to grow by
 * @log_limit: rate limit of the device's messages about poison, repair.c's as well
 */
struct failure {
	bool stopped;
	struct delayed_work unmap_work;
	struct delayed_work put_work;
	unsigned long put_after;
	struct task_struct *reporter;
	struct task_struct *injector;
	u64 reach;
	struct fstype_parts __rcu *parts;
	struct gendisk *disk;
	atomic_long_t reports;
	struct failure_early early;
	struct ratelimit_state log_limit;
};

extern const struct dev_pagemap_ops failure_pagemap_ops;

void __printf(2, 3) failure_log(struct fsdev *fsdev, const char *format, ...);
void failure_set_reach(struct fsdev *fsdev, u64 reach, struct fstype_parts *parts);
void failure_set_disk(struct fsdev *fsdev, struct gendisk *disk);
bool failure_has_parts(const struct fsdev *fsdev);
void failure_expect(struct fsdev *fsdev, const struct rangemap *map);
int __must_check failure_admit(struct fsdev *fsdev);
int __must_check failure_add_ahead(struct fsdev *fsdev, u64 offset, u64 len);
bool __must_check failure_reject(struct fsdev *fsdev);
void failure_retracted(struct fsdev *fsdev);
void failure_tell_early(struct fsdev *fsdev, u64 from);
void failure_add_known(struct fsdev *fsdev, u64 offset, u64 len);
int failure_init(void);
void failure_exit(void);
int failure_prepare(struct fsdev *fsdev);
bool __must_check failure_stop(struct fsdev *fsdev);
void failure_put_end(struct fsdev *fsdev);
void failure_free(struct fsdev *fsdev);

#endif
