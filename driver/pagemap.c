// SPDX-License-Identifier: GPL-2.0
/*
 * The page map: where page structures for the device's memory come from.
 *
 * A static device brings its page map along, and the memory that it covers may begin in front
 * of the data, with metadata or the page structures themselves. A dynamic device gets one of
 * ours that covers just its ranges.
 */
#include <linux/ioport.h>
#include <linux/slab.h>

#include "fsdev.h"

static struct dev_pagemap *acquire_static(struct dev_dax *dev_dax)
{
	const struct range *data = &dev_dax->ranges[0].range;
	struct device *dev = &dev_dax->dev;
	struct dev_pagemap *pgmap = dev_dax->pgmap;

	if (dev_dax->nr_range > 1) {
		dev_err(dev, "mapping1: %#llx-%#llx: a static device has one range, not %d\n",
			dev_dax->ranges[1].range.start, dev_dax->ranges[1].range.end,
			dev_dax->nr_range);
		return ERR_PTR(-EINVAL);
	}
	if (!pgmap) {
		dev_err(dev, "mapping0: %#llx-%#llx: a static device without a page map\n",
			data->start, data->end);
		return ERR_PTR(-EINVAL);
	}
	if (pgmap->range.start > data->start) {
		dev_err(dev, "page map starts at %#llx, after the data, which starts at %#llx\n",
			pgmap->range.start, data->start);
		return ERR_PTR(-EINVAL);
	}
	if (pgmap->range.end < data->end) {
		dev_err(dev, "page map ends at %#llx, before the data, which ends at %#llx\n",
			pgmap->range.end, data->end);
		return ERR_PTR(-EINVAL);
	}
	return pgmap;
}

static struct dev_pagemap *acquire_dynamic(struct dev_dax *dev_dax)
{
	struct device *dev = &dev_dax->dev;
	struct dev_pagemap *pgmap;

	if (dev_dax->pgmap) {
		dev_err(dev, "mapping0: %#llx-%#llx: a dynamic device that has a page map already\n",
			dev_dax->ranges[0].range.start, dev_dax->ranges[0].range.end);
		return ERR_PTR(-EINVAL);
	}
	pgmap = devm_kzalloc(dev, struct_size(pgmap, ranges, dev_dax->nr_range), GFP_KERNEL);
	if (!pgmap)
		return ERR_PTR(-ENOMEM);
	pgmap->nr_range = dev_dax->nr_range;
	for (int i = 0; i < dev_dax->nr_range; i++)
		pgmap->ranges[i] = dev_dax->ranges[i].range;
	return pgmap;
}

static int reserve_ranges(struct dev_dax *dev_dax)
{
	struct device *dev = &dev_dax->dev;

	for (int i = 0; i < dev_dax->nr_range; i++) {
		const struct range *range = &dev_dax->ranges[i].range;

		if (!devm_request_mem_region(dev, range->start, range_len(range), dev_name(dev))) {
			dev_err(dev, "mapping%d: %#llx-%#llx is in use by somebody else\n", i,
				range->start, range->end);
			return -EBUSY;
		}
	}
	return 0;
}

/*
 * A static page map outlives the driver. Without this a later failure of its memory would be
 * sent into code that may have been unloaded.
 */
static void pagemap_clear(void *data)
{
	struct dev_pagemap *pgmap = data;

	pgmap->ops = NULL;
	pgmap->owner = NULL;
}

/**
 * pagemap_install() - gives the device's memory page structures, and failures of it a way here
 * @fsdev: a device with its geometry
 *
 * Every page is a clean order-0 folio afterwards: mapping the memory writes every page
 * structure anew, whatever driver had it before, and without vmemmap_shift it makes no compound
 * pages. So there is no second pass over them.
 *
 * Context: probe, may sleep. Undone by devm.
 * Return: 0; -EINVAL where the device's shape does not allow it; -EBUSY where a range is taken;
 * -ENOMEM.
 */
int pagemap_install(struct fsdev *fsdev)
{
	struct dev_dax *dev_dax = fsdev->dev_dax;
	struct device *dev = fsdev_dev(fsdev);
	struct dev_pagemap *pgmap;
	void *addr;
	int rc;

	if (static_dev_dax(dev_dax))
		pgmap = acquire_static(dev_dax);
	else
		pgmap = acquire_dynamic(dev_dax);
	if (IS_ERR(pgmap))
		return PTR_ERR(pgmap);
	rc = reserve_ranges(dev_dax);
	if (rc)
		return rc;

	pgmap->vmemmap_shift = 0;
	pgmap->type = MEMORY_DEVICE_FS_DAX;
	pgmap->ops = &failure_pagemap_ops;
	pgmap->owner = fsdev;
	rc = devm_add_action_or_reset(dev, pagemap_clear, pgmap);
	if (rc)
		return rc;
	fsdev->pgmap = pgmap;
	addr = devm_memremap_pages(dev, pgmap);
	if (IS_ERR(addr)) {
		dev_err(dev, "cannot map %#llx-%#llx and what follows: error %ld\n",
			pgmap->range.start, pgmap->range.end, PTR_ERR(addr));
		return PTR_ERR(addr);
	}
	return 0;
}

/**
 * pagemap_publish() - lets the DAX bus know the page map
 * @fsdev: a device whose probe can no longer fail
 *
 * kill_dev_dax() takes the pointer back when a dynamic device is unbound.
 *
 * Context: the end of probe.
 */
void pagemap_publish(struct fsdev *fsdev)
{
	fsdev->dev_dax->pgmap = fsdev->pgmap;
}
