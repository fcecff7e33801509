// SPDX-License-Identifier: GPL-2.0
/*
 * fsdev: storage for DAX file systems on a character DAX device.
 *
 * The driver of the DAX bus. probe_steps[] is what probe does; removal.c undoes it.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "access.h"
#include "badblocks.h"
#include "blocked.h"
#include "chardev.h"
#include "clamp.h"
#include "device.h"
#include "direct_map.h"
#include "discover.h"
#include "disk.h"
#include "exports.h"
#include "failure.h"
#include "geometry.h"
#include "grow.h"
#include "holder.h"
#include "incore.h"
#include "kill.h"
#include "kernel_types.h"
#include "late.h"
#include "memory.h"
#include "named.h"
#include "pagemap.h"
#include "parent.h"
#include "platform.h"
#include "readonly.h"
#include "remembered.h"
#include "removal.h"
#include "shared.h"
#include "sleep.h"
#include "supers.h"
#include "unload.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static struct fsdev *fsdev_build(struct dev_dax *dev_dax, const struct geometry *geometry)
{
	const struct rangemap_range *ranges = geometry->range;
	size_t bytes = rangemap_bytes(geometry->nr);
	struct device *dev = &dev_dax->dev;
	struct fsdev *fsdev;
	unsigned int bad;
	int rc;

	if (!bytes) {
		dev_err(dev, "%u ranges: has to be from 1 to %u\n", geometry->nr,
			RANGEMAP_MAX);
		return ERR_PTR(-EINVAL);
	}
	fsdev = kvzalloc(offsetof(struct fsdev, map) + bytes, GFP_KERNEL);
	if (!fsdev)
		return ERR_PTR(-ENOMEM);
	fsdev->dev_dax = dev_dax;
	fsdev->persistent = static_dev_dax(dev_dax);
	fsdev->past_caches = fsdev->persistent;
	rc = rangemap_build(&fsdev->map, bytes, ranges, geometry->nr, PAGE_SIZE, &bad);
	if (rc) {
		if (rc == -EINVAL)
			dev_err(dev, "mapping%u: %#llx-%#llx is empty, not whole pages, or overlaps\n",
				bad, ranges[bad].start, ranges[bad].start + ranges[bad].len - 1);
		kvfree(fsdev);
		return ERR_PTR(rc);
	}
	access_prepare(fsdev);
	discover_prepare(fsdev);
	blocked_init(fsdev);
	INIT_LIST_HEAD(&fsdev->sleep.list);
	return fsdev;
}

/* Allocates the device's state with its geometry, for removal_run(). */
static struct fsdev *fsdev_create(struct dev_dax *dev_dax)
{
	struct geometry *geometry;
	struct fsdev *fsdev;

	geometry = geometry_read(dev_dax);
	if (IS_ERR(geometry))
		return ERR_CAST(geometry);
	fsdev = fsdev_build(dev_dax, geometry);
	if (IS_ERR(fsdev)) {
		kvfree(geometry);
		return fsdev;
	}
	fsdev->geometry = geometry;
	dev_set_drvdata(&dev_dax->dev, fsdev);
	return fsdev;
}

/* Failures of the memory's pages are for failure.c. */
static int fsdev_make_pagemap(struct fsdev *fsdev)
{
	return pagemap_create(fsdev, &failure_pagemap_ops);
}

static int fsdev_keep_direct_map(struct fsdev *fsdev)
{
	direct_map_get(fsdev, &failure_pagemap_ops);
	return 0;
}

/* What probe does, in this order; removal_run() undoes it. */
static const struct {
	int (*start)(struct fsdev *fsdev);
	enum removal_stage stage;
} probe_steps[] = {
	{ parent_precede, STAGE_PARENT },
	{ platform_start, STAGE_PLATFORM },
	{ shared_start, STAGE_PLATFORM },
	{ chardev_create, STAGE_CHARDEV },
	{ access_create, STAGE_DAX },
	{ failure_prepare, STAGE_POISON },
	{ fsdev_keep_direct_map, STAGE_POISON },
	{ fsdev_make_pagemap, STAGE_PAGEMAP },
	{ pagemap_map, STAGE_PAGEMAP },
	{ discover_start, STAGE_DISCOVER },
	{ access_start, STAGE_ACCESS },
	{ unload_watch, STAGE_ACCESS },
	{ chardev_attach, STAGE_COMMANDS },
	{ badblocks_mirror_start, STAGE_BADBLOCKS },
	{ disk_add, STAGE_DISK },
	{ chardev_open, STAGE_NODE },
	{ sleep_bind, STAGE_BOUND },
};

static int fsdev_probe(struct dev_dax *dev_dax)
{
	struct fsdev *fsdev;
	int rc;

	fsdev = fsdev_create(dev_dax);
	if (IS_ERR(fsdev))
		return PTR_ERR(fsdev);
	for (size_t i = 0; i < ARRAY_SIZE(probe_steps); i++) {
		rc = probe_steps[i].start(fsdev);
		if (rc) {
			removal_run(fsdev);
			return rc;
		}
		fsdev->removal.stage = probe_steps[i].stage;
	}
	pagemap_publish(fsdev);
	remembered_taken(&fsdev->map, 0);
	readonly_watch(fsdev);
	dev_info(&dev_dax->dev, "%llu MiB in %u ranges%s%s\n", memory_size(fsdev) >> 20,
		 memory_ranges(fsdev),
		 fsdev->platform.read_only ? ", read-only memory" : "",
		 fsdev->shared ? ", shared with other hosts" : "");
	return 0;
}

static void fsdev_remove(struct dev_dax *dev_dax)
{
	removal_run(dev_get_drvdata(&dev_dax->dev));
}

/* The machine goes down with the device bound. */
static void fsdev_shutdown(struct device *dev)
{
	struct fsdev *fsdev = dev_get_drvdata(dev);

	if (platform_flush(fsdev))
		dev_err(dev, "the last flush failed\n");
}

/* for the driver core */
static const struct attribute_group *fsdev_driver_groups[] = {
	&shared_group,
	&remembered_group,
	&grow_group,
	NULL,
};

static struct dax_device_driver fsdev_driver = {
	.drv.name = "fsdev",
	.drv.shutdown = fsdev_shutdown,
	.drv.groups = fsdev_driver_groups,
	.probe = fsdev_probe,
	.remove = fsdev_remove,
	COMPAT_DAX_DRIVER_TYPE
};

/**
 * fsdev_driver_fill() - give another driver this driver's callbacks
 * @driver: of the DAX bus, in a module that depends on this one; not registered yet
 *
 * Context: any.
 */
void fsdev_driver_fill(struct dax_device_driver *driver)
{
	driver->probe = fsdev_driver.probe;
	driver->remove = fsdev_driver.remove;
	driver->drv.shutdown = fsdev_driver.drv.shutdown;
}
EXPORT_SYMBOL_GPL(fsdev_driver_fill);

static int __init fsdev_init(void)
{
	int rc;

	rc = kernel_types_check();
	if (rc)
		return rc;
	exports_init(&fsdev_driver.drv);
	rc = failure_init();
	if (rc)
		return rc;
	rc = supers_init();
	if (rc)
		goto failure;
	rc = fsdev_holder_init();
	if (rc)
		goto supers;
	rc = sleep_init();
	if (rc)
		goto holder;
	rc = readonly_init(&fsdev_driver.drv);
	if (rc)
		goto sleep;
	rc = kill_init();
	if (rc)
		goto readonly;
	rc = clamp_init();
	if (rc)
		goto kill;
	rc = incore_init();
	if (rc)
		goto clamp;
	discover_init();
	rc = unload_init();
	if (rc)
		goto discover;
	rc = dax_driver_register(&fsdev_driver);
	if (rc)
		goto driver;
	readonly_begin();
	return 0;

driver:	/* devices may have been bound, and unbound again */
	readonly_stop();
	unload_exit();
	shared_exit();
	remembered_exit();
	parent_exit();
	direct_map_exit();
	late_exit();
	platform_exit();
discover:
	discover_exit();
	incore_exit();
clamp:
	clamp_exit();
kill:
	kill_exit();
readonly:
	readonly_exit();
sleep:
	sleep_exit();
holder:
	fsdev_holder_exit();
supers:
	supers_exit();
failure:
	failure_exit();
	return rc;
}
module_init(fsdev_init);

static void __exit fsdev_exit(void)
{
	readonly_stop();
	dax_driver_unregister(&fsdev_driver);
	unload_exit();
	readonly_exit();
	shared_exit();
	remembered_exit();
	parent_exit();
	discover_exit();
	incore_exit();
	clamp_exit();
	kill_exit();
	direct_map_exit();
	late_exit();
	sleep_exit();
	fsdev_holder_exit();
	supers_exit();
	failure_exit();
	platform_exit();
}
module_exit(fsdev_exit);

MODULE_DESCRIPTION("Storage for DAX file systems on character DAX devices");
MODULE_AUTHOR("The fsdev authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(FSDEV_VERSION);
