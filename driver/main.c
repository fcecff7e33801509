// SPDX-License-Identifier: GPL-2.0
/*
 * fsdev: storage for DAX file systems on a character DAX device.
 *
 * The driver of the DAX bus. Probe reads from top to bottom; what it builds is undone by the
 * devm actions that each step registers, in the reverse order.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "access.h"
#include "badblocks.h"
#include "blocked.h"
#include "chardev.h"
#include "clamp.h"
#include "device.h"
#include "discover.h"
#include "disk.h"
#include "exports.h"
#include "failure.h"
#include "geometry.h"
#include "holder.h"
#include "late.h"
#include "pagemap.h"
#include "parent.h"
#include "sleep.h"
#include "supers.h"

static void fsdev_free(void *data)
{
	struct fsdev *fsdev = data;

	if (fsdev->abandoned)
		return;
	sleep_forget(fsdev);
	dev_set_drvdata(fsdev_dev(fsdev), NULL);
	kvfree(fsdev->geometry);
	kvfree(fsdev);
}

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

/* Allocates the device's state with its geometry; freed when the device is unbound. */
static struct fsdev *fsdev_create(struct dev_dax *dev_dax)
{
	struct geometry *geometry;
	struct fsdev *fsdev;
	int rc;

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
	rc = devm_add_action_or_reset(&dev_dax->dev, fsdev_free, fsdev);
	return rc ? ERR_PTR(rc) : fsdev;
}

static int fsdev_probe(struct dev_dax *dev_dax)
{
	struct fsdev *fsdev;
	int rc;

	fsdev = fsdev_create(dev_dax);
	if (IS_ERR(fsdev))
		return PTR_ERR(fsdev);
	rc = parent_precede(fsdev);
	if (rc)
		return rc;
	rc = chardev_create(fsdev);
	if (rc)
		return rc;
	rc = access_create(fsdev);
	if (rc)
		return rc;
	rc = failure_prepare(fsdev);
	if (rc)
		return rc;
	rc = pagemap_install(fsdev, failure_end);
	if (rc)
		return rc;
	rc = failure_start(fsdev);
	if (rc)
		return rc;
	rc = discover_start(fsdev);
	if (rc)
		return rc;
	rc = clamp_start(fsdev);
	if (rc)
		return rc;
	rc = access_start(fsdev);
	if (rc)
		return rc;
	rc = chardev_attach(fsdev);
	if (rc)
		return rc;
	rc = badblocks_mirror_start(fsdev);
	if (rc)
		return rc;
	rc = disk_add(fsdev);
	if (rc)
		return rc;
	rc = chardev_open(fsdev);
	if (rc)
		return rc;
	rc = sleep_bind(fsdev);
	if (rc)
		return rc;
	pagemap_publish(fsdev);
	dev_info(&dev_dax->dev, "%llu MiB in %u ranges\n", rangemap_size(&fsdev->map) >> 20,
		 rangemap_count(&fsdev->map));
	return 0;
}

static struct dax_device_driver fsdev_driver = {
	.drv.name = "fsdev",
	.probe = fsdev_probe,
	COMPAT_DAX_DRIVER_TYPE
};

static int __init fsdev_init(void)
{
	int rc;

	exports_init(&fsdev_driver.drv);
	rc = supers_init();
	if (rc)
		return rc;
	rc = fsdev_holder_init();
	if (rc)
		goto supers;
	rc = sleep_init();
	if (rc)
		goto owner;
	rc = dax_driver_register(&fsdev_driver);
	if (rc)
		goto sleep;
	return 0;

sleep:
	sleep_exit();
owner:
	fsdev_holder_exit();
supers:
	supers_exit();
	return rc;
}
module_init(fsdev_init);

static void __exit fsdev_exit(void)
{
	dax_driver_unregister(&fsdev_driver);
	parent_exit();
	clamp_exit();
	late_exit();
	sleep_exit();
	fsdev_holder_exit();
	supers_exit();
}
module_exit(fsdev_exit);

MODULE_DESCRIPTION("Storage for DAX file systems on character DAX devices");
MODULE_AUTHOR("The fsdev authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(FSDEV_VERSION);
