/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device in fsdev mode: what all files share, and each file's own part of it.
 */
#ifndef FSDEV_DEVICE_H
#define FSDEV_DEVICE_H

#include <linux/dax.h>
#include <linux/device.h>
#include <linux/types.h>

#include "access.h"
#include "badblocks.h"
#include "blocked.h"
#include "clamp.h"
#include "core/rangemap.h"
#include "discover.h"
#include "failure.h"
#include "mounts.h"
#include "platform.h"
#include "poison.h"
#include "readonly.h"
#include "removal.h"
#include "sleep.h"
#include "unload.h"

struct chardev;
struct chunks;
struct event_source;
struct geometry;
struct gendisk;

/**
 * struct fsdev - a DAX device while it is bound to this driver
 * @access: the operations. First, so that fsdev_of() has nothing to compute
 * @dev_dax: the device on the DAX bus
 * @geometry: its ranges; replaced when the device grows, protected by the device_lock
 * @dax_dev: the block device's DAX device, made for this binding; see access_create()
 * @chunks: its page maps; those of a growth are added behind them, see pagemap_extend()
 * @disk: the block device /dev/fsdevX.Y
 * @chardev: what it shares with the descriptors of /dev/daxX.Y
 * @events: where the device's events are posted; @chardev has it
 * @unload: what is known of holders whose modules may be unloaded
 * @mounts: what the kernel had on the disk when removal began
 * @clamp: mappings of DAX files are clamped for this device
 * @platform: how stores become durable
 * @blocked: what the unbind waits for
 * @sleep: its place among the devices that the system's sleep has to look at
 * @readonly: the watch over memory that may become read-only
 * @removal: how far probe and removal have come
 * @persistent: the memory keeps its contents
 * @shared: other hosts write to it, and no hardware keeps caches coherent
 * @past_caches: stores have to leave the caches, for either reason
 * @pages: of the device, as it was at probe
 * @grown: the map of all of it since it has grown, RCU-published by memory_grow(), with the
 *	device_lock held; or NULL
 * @failure: what follows reports of failing pages
 * @discover: discovery of poison
 * @badblocks: what the block device shows of the poison
 * @poison: which pages are poisoned
 * @map: device offset to physical address and back, for what was there at probe
 *
 * Lives from probe until the end of removal_run(). Every path to it begins at the disk, the
 * character device, the operations of its DAX devices or the page map, which removal takes away in
 * this order, and waits for. All members but those that only removal uses and what memory failures
 * and growth change are written in probe, before the device can be reached, and never again:
 * readers need no lock.
 */
struct fsdev {
	struct access access;
	struct dev_dax *dev_dax;
	struct geometry *geometry;
	struct dax_device *dax_dev;
	struct chunks *chunks;
	struct gendisk *disk;
	struct chardev *chardev;
	struct event_source *events;
	struct unload unload;
	struct mounts mounts;
	struct clamp clamp;
	struct platform platform;
	struct blocked blocked;
	struct sleep sleep;
	struct readonly readonly;
	struct removal removal;
	bool persistent;
	bool shared;
	bool past_caches;
	u64 pages;
	const struct rangemap __rcu *grown;
	struct failure failure;
	struct discover discover;
	struct badblocks_mirror badblocks;
	struct poison poison;
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

#endif
