/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the character device and its descriptors share; chardev.c says how long it lives, and which
 * locks there are.
 */
#ifndef FSDEV_CHARDEV_FILE_H
#define FSDEV_CHARDEV_FILE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/types.h>

#include "event.h"

struct cdev;
struct dax_device;
struct fsdev;

/**
 * struct chardev - what the device and its descriptors have in common
 * @ref: one of the device, one of each descriptor
 * @list: in @chardevs while the node can be opened; protected by chardevs_lock
 * @devt: number of the node; immutable
 * @node: the node while it can be opened; written by bind and unbind only
 * @lock: guards @device and @leaving
 * @device: the device; NULL before it works and when it does no longer
 * @leaving: no descriptor becomes the owner any more
 * @owning: guards @owner, and makes one step of that and the claim
 * @owner: the descriptor that owns the device; NULL if none
 * @events: what happens to the device
 */
struct chardev {
	struct kref ref;
	struct list_head list;
	dev_t devt;
	struct cdev *node;
	struct rw_semaphore lock;
	struct fsdev *device;
	bool leaving;
	struct mutex owning;	/* owner, and the claim */
	struct chardev_file *owner;
	struct event_source events;
};

/**
 * struct chardev_file - one open descriptor
 * @chardev: what it was opened on
 * @setup: guards the writing of @queue, @owned and @disk
 * @reading: keeps its readers apart
 * @queue: its events; NULL until it owns or watches, then stays
 * @owned: the device that it owns, which may have left; NULL if none
 * @disk: its claim of the block device, as long as @owned
 */
struct chardev_file {
	struct chardev *chardev;
	struct mutex setup;	/* queue, owned, disk */
	struct mutex reading;	/* one reader at a time */
	struct event_queue *queue;
	struct dax_device *owned;
	struct compat_disk_claim disk;
};

/*
 * The device, which stays bound until chardev_leave(); NULL if it has been unbound.
 */
static inline struct fsdev *chardev_enter(struct chardev *chardev)
{
	struct fsdev *device;

	down_read(&chardev->lock);
	device = chardev->device;
	if (!device)
		up_read(&chardev->lock);
	return device;
}

static inline void chardev_leave(struct chardev *chardev)
{
	up_read(&chardev->lock);
}

#endif
