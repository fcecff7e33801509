// SPDX-License-Identifier: GPL-2.0
/*
 * The bare driver: maps the memory of a device, and that is all.
 */
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/memremap.h>
#include <linux/slab.h>

#include "fsdev_bench.h"

static int bare_probe(struct dev_dax *dev_dax)
{
	struct device *dev = &dev_dax->dev;
	struct dev_pagemap *pgmap;

	pgmap = devm_kzalloc(dev, struct_size(pgmap, ranges, dev_dax->nr_range), GFP_KERNEL);
	if (!pgmap)
		return -ENOMEM;
	pgmap->type = MEMORY_DEVICE_FS_DAX;
	pgmap->nr_range = dev_dax->nr_range;
	for (int i = 0; i < dev_dax->nr_range; i++)
		pgmap->ranges[i] = dev_dax->ranges[i].range;
	return PTR_ERR_OR_ZERO(devm_memremap_pages(dev, pgmap));
}

static struct dax_device_driver bare_driver = {
	.drv.name = "fsdev_bench",
	.probe = bare_probe,
	COMPAT_DAX_DRIVER_TYPE
};

/**
 * bare_find() - a device on the DAX bus
 * @name: such as dax0.0
 *
 * Context: may sleep.
 * Return: the device, with a reference that the caller puts; or NULL.
 */
struct device *bare_find(const char *name)
{
	return bus_find_device_by_name(bare_driver.drv.bus, NULL, name);
}

/**
 * bare_init() - registers the driver
 *
 * Return: 0 or a negative errno.
 */
int bare_init(void)
{
	return dax_driver_register(&bare_driver);
}

/**
 * bare_exit() - unregisters the driver
 */
void bare_exit(void)
{
	dax_driver_unregister(&bare_driver);
}
