// SPDX-License-Identifier: GPL-2.0
/*
 * Geometry: the bus changes a device's ranges at a chosen moment of the driver's reading, and what
 * the page maps have of them.
 *
 * The moment is a call of the bus's size_show() for the device by a probe, counted from 1.
 *
 *   size-grow ID N      with call N, or with every call where N is 0, the last range becomes
 *                       longer, as a write of `size` makes it
 *   size-move ID N      with call N the ranges are at another address, as krealloc() moves them,
 *                       and the first two have changed places where they were before
 *   size-calls ID N     were there that many calls, or more?
 *   size-back ID        all is as it was; the device is not bound
 *   maps-agree ID       the page maps have just the pages that the device has
 */
#include <linux/kprobes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "fsdev_test.h"

#define SIZE_STEP SZ_2M

static struct dev_dax *size_of_device;
static struct dev_dax_range *size_moved, *size_before;
static unsigned int size_at, size_calls, size_grown;

static void size_swap(struct dev_dax_range *ranges)
{
	swap(ranges[0].range, ranges[1].range);
}

/* size_show(dev, attr, buf) */
static int size_entry(struct kprobe *probe, struct pt_regs *regs)
{
	struct dev_dax *dev_dax = size_of_device;

	if ((struct device *)regs_get_kernel_argument(regs, 0) != &dev_dax->dev ||
	    !mutex_is_locked(&dev_dax->dev.mutex))
		return 0;
	size_calls++;
	if (size_at && size_calls != size_at)
		return 0;
	if (!size_moved) {
		dev_dax->ranges[dev_dax->nr_range - 1].range.end += SIZE_STEP;
		size_grown++;
	} else if (!size_before) {
		size_before = dev_dax->ranges;
		dev_dax->ranges = size_moved;
		size_swap(size_before);
	}
	return 0;
}

static struct kprobe size_probe = { .pre_handler = size_entry };

static void *size_function(const struct device *dev)
{
	const struct attribute_group *const *group = dev->type->groups;

	for (; *group; group++)
		for (struct attribute **attr = (*group)->attrs; *attr; attr++)
			if (!strcmp((*attr)->name, "size"))
				return container_of(*attr, struct device_attribute, attr)->show;
	return NULL;
}

static int size_watch(char **word, bool move)
{
	struct test_device *device = device_find(word[0]);
	struct dev_dax *dev_dax = device ? device->dev_dax : NULL;
	int rc;

	if (!device || size_of_device || kstrtouint(word[1], 0, &size_at) || dev_dax->nr_range < 2)
		return -EINVAL;
	if (move) {
		size_moved = kmemdup(dev_dax->ranges, dev_dax->nr_range * sizeof(*size_moved),
				     GFP_KERNEL);
		if (!size_moved)
			return -ENOMEM;
	}
	size_of_device = dev_dax;
	size_calls = 0;
	size_probe.addr = size_function(&dev_dax->dev);
	size_probe.flags = 0;
	rc = register_kprobe(&size_probe);
	if (rc) {
		size_of_device = NULL;
		kfree(size_moved);
		size_moved = NULL;
	}
	return rc;
}

static int size_grow(char **word)
{
	return size_watch(word, false);
}

static int size_move(char **word)
{
	return size_watch(word, true);
}

static int size_were(char **word)
{
	unsigned int wanted;

	if (kstrtouint(word[1], 0, &wanted))
		return -EINVAL;
	report_point(size_calls >= wanted, "the bus was asked under its lock %u times", wanted);
	report_note("%u times", size_calls);
	return 0;
}

/**
 * geometry_exit() - no device's ranges change any more, and they are what they were
 */
void geometry_exit(void)
{
	struct dev_dax *dev_dax = size_of_device;

	if (!dev_dax)
		return;
	unregister_kprobe(&size_probe);
	dev_dax->ranges[dev_dax->nr_range - 1].range.end -= size_grown * SIZE_STEP;
	/* the other one is the device's from now on */
	kfree(size_before ?: size_moved);
	size_before = NULL;
	size_moved = NULL;
	size_grown = 0;
	size_of_device = NULL;
}

static int size_back(char **word)
{
	geometry_exit();
	return 0;
}

static unsigned long map_pages(const struct dev_pagemap *pgmap)
{
	unsigned long pages = 0;

	for (int i = 0; i < pgmap->nr_range; i++)
		pages += PHYS_PFN(range_len(&pgmap->ranges[i]));
	return pages;
}

static bool map_has(const struct dev_pagemap *pgmap, unsigned long pfn, long nr)
{
	for (int i = 0; i < pgmap->nr_range; i++)
		if (PFN_PHYS(pfn) >= pgmap->ranges[i].start &&
		    PFN_PHYS(pfn + nr) - 1 <= pgmap->ranges[i].end)
			return true;
	return false;
}

#define MAPS_MAX 256

static int maps_agree(char **word)
{
	struct test_device *device = device_find(word[0]);
	static const struct dev_pagemap *maps[MAPS_MAX];
	unsigned long page = 0, pages = 0, foreign = 0;
	unsigned int nr = 0, i;
	unsigned long pfn;
	void *kaddr;
	long run;
	int id;

	if (!device || !device->dev_dax->pgmap)
		return -ENODEV;
	id = dax_read_lock();
	while ((run = access_try(test_dax(device), page, LONG_MAX, &kaddr, &pfn)) > 0) {
		for (long at = 0; at < run; at++) {
			const struct dev_pagemap *pgmap = map_of(pfn_to_page(pfn + at));

			foreign += !same_device(device->dev_dax->pgmap, pgmap) ||
				   !map_has(pgmap, pfn + at, 1);
			for (i = 0; i < nr && maps[i] != pgmap; i++)
				;
			if (i == nr && nr < MAPS_MAX)
				maps[nr++] = pgmap;
		}
		page += run;
	}
	dax_read_unlock(id);
	for (i = 0; i < nr; i++)
		pages += map_pages(maps[i]);
	report_point(page && !foreign, "every page of the device is in a page map of its own");
	report_note("%lu of %lu are not", foreign, page);
	report_point(pages == page, "the page maps have no page but the device's");
	report_note("%lu, the device has %lu", pages, page);
	return 0;
}

const struct test_verb geometry_verbs[] = {
	{ "size-grow", 2, size_grow },
	{ "size-move", 2, size_move },
	{ "size-calls", 2, size_were },
	{ "size-back", 1, size_back },
	{ "maps-agree", 1, maps_agree },
	{ }
};
