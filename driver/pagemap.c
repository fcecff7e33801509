// SPDX-License-Identifier: GPL-2.0
/*
 * The page map: where page structures for the device's memory come from.
 *
 * A static device brings its page map along, and the memory that it covers may begin in front
 * of the data, with metadata or the page structures themselves. A dynamic device gets one of
 * ours that covers just its ranges, or several, each of a slice of them.
 */
#include <linux/ioport.h>
#include <linux/math64.h>
#include <linux/slab.h>

#include "fsdev.h"

/* The last byte of a range. */
static u64 last_of(const struct rangemap_range *range)
{
	return range->start + range->len - 1;
}

static struct dev_pagemap *acquire_static(const struct fsdev *fsdev)
{
	const struct rangemap_range *data = fsdev->geometry->range;
	struct dev_pagemap *pgmap = fsdev->dev_dax->pgmap;
	struct device *dev = fsdev_dev(fsdev);

	if (fsdev->geometry->nr > 1) {
		dev_err(dev, "mapping1: %#llx-%#llx: a static device has one range, not %u\n",
			data[1].start, last_of(&data[1]), fsdev->geometry->nr);
		return ERR_PTR(-EINVAL);
	}
	if (!pgmap) {
		dev_err(dev, "mapping0: %#llx-%#llx: a static device without a page map\n",
			data->start, last_of(data));
		return ERR_PTR(-EINVAL);
	}
	if (pgmap->range.start > data->start) {
		dev_err(dev, "page map starts at %#llx, after the data, which starts at %#llx\n",
			pgmap->range.start, data->start);
		return ERR_PTR(-EINVAL);
	}
	if (pgmap->range.end < last_of(data)) {
		dev_err(dev, "page map ends at %#llx, before the data, which ends at %#llx\n",
			pgmap->range.end, last_of(data));
		return ERR_PTR(-EINVAL);
	}
	return pgmap;
}

/* Memory of a device that stays if its unbind is given up, as the page structures do. */
struct kept {
	struct fsdev *fsdev;
	u64 data[];
};

static void kept_free(void *data)
{
	struct kept *kept = data;

	if (!kept->fsdev->abandoned)
		kfree(kept);
}

static void *kept_zalloc(struct fsdev *fsdev, size_t size)
{
	struct kept *kept = kzalloc(size_add(sizeof(*kept), size), GFP_KERNEL);

	if (!kept)
		return NULL;
	kept->fsdev = fsdev;
	return devm_add_action_or_reset(fsdev_dev(fsdev), kept_free, kept) ? NULL : kept->data;
}

static struct slices *alloc_slices(struct fsdev *fsdev, unsigned int nr)
{
	struct device *dev = fsdev_dev(fsdev);
	struct slices *slices = kept_zalloc(fsdev, struct_size(slices, slice, nr));

	if (!slices)
		return NULL;
	slices->nr = nr;
	slices->threads = 1;
	for (unsigned int i = 0; i < nr; i++) {
		slices->slice[i].fsdev = fsdev;
		slices->slice[i].node = dev_to_node(dev);
	}
	return slices;
}

static struct slices *slice_static(struct fsdev *fsdev)
{
	struct dev_pagemap *pgmap = acquire_static(fsdev);
	struct slices *slices;

	if (IS_ERR(pgmap))
		return ERR_CAST(pgmap);
	slices = alloc_slices(fsdev, 1);
	if (!slices)
		return ERR_PTR(-ENOMEM);
	slices->slice[0].pgmap = pgmap;
	return slices;
}

/* The next slice's page map, of about @len bytes. */
static struct dev_pagemap *cut_pagemap(struct fsdev *fsdev, struct slice_place *at, u64 len)
{
	const struct geometry *geometry = fsdev->geometry;
	struct slice_place from = *at;
	struct dev_pagemap *pgmap;
	unsigned int nr;

	nr = slice_cut(geometry, at, len, NULL);
	pgmap = kept_zalloc(fsdev, struct_size(pgmap, ranges, nr));
	if (!pgmap)
		return NULL;
	*at = from;
	pgmap->nr_range = slice_cut(geometry, at, len, pgmap->ranges);
	return pgmap;
}

static struct slices *slice_dynamic(struct fsdev *fsdev)
{
	const struct geometry *geometry = fsdev->geometry;
	unsigned int threads = slice_threads(geometry);
	u64 len = div_u64(PFN_PHYS(fsdev->pages), threads);
	/* those that end as they are large enough, and those that have as many ranges as may be */
	unsigned int most = threads + geometry->nr / SLICE_RANGES_MAX + 1;
	struct slice_place at = { };
	struct slices *slices;

	if (fsdev->dev_dax->pgmap) {
		dev_err(fsdev_dev(fsdev),
			"mapping0: %#llx-%#llx: a dynamic device that has a page map already\n",
			geometry->range[0].start, last_of(&geometry->range[0]));
		return ERR_PTR(-EINVAL);
	}
	slices = alloc_slices(fsdev, most);
	if (!slices)
		return ERR_PTR(-ENOMEM);
	slices->threads = threads;
	slices->nr = 0;
	/* cuts may have used up all before there are as many as threads */
	while (at.range < geometry->nr) {
		struct slice *slice = &slices->slice[slices->nr++];

		slice->pgmap = cut_pagemap(fsdev, &at, slices->nr < threads ? len : U64_MAX);
		if (!slice->pgmap)
			return ERR_PTR(-ENOMEM);
	}
	return slices;
}

static int reserve_ranges(const struct fsdev *fsdev)
{
	struct device *dev = fsdev_dev(fsdev);

	for (u32 i = 0; i < fsdev->geometry->nr; i++) {
		const struct rangemap_range *range = &fsdev->geometry->range[i];

		if (!devm_request_mem_region(dev, range->start, range->len, dev_name(dev))) {
			dev_err(dev, "mapping%u: %#llx-%#llx is in use by somebody else\n", i,
				range->start, last_of(range));
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
	struct fsdev *fsdev = pgmap->owner;

	if (fsdev->abandoned)
		return;
	pgmap->ops = NULL;
	pgmap->owner = NULL;
}

static int map_slice(struct slice *slice)
{
	struct device *dev = fsdev_dev(slice->fsdev);
	struct dev_pagemap *pgmap = slice->pgmap;
	void *addr;
	int rc;

	pgmap->vmemmap_shift = 0;
	pgmap->type = MEMORY_DEVICE_FS_DAX;
	pgmap->ops = &failure_pagemap_ops;
	pgmap->owner = slice->fsdev;
	rc = devm_add_action_or_reset(dev, pagemap_clear, pgmap);
	if (rc)
		return rc;
	addr = memremap_pages(pgmap, slice->node);
	if (IS_ERR(addr)) {
		dev_err(dev, "cannot map %#llx-%#llx and what follows: error %ld\n",
			pgmap->range.start, pgmap->range.end, PTR_ERR(addr));
		return PTR_ERR(addr);
	}
	slice->mapped = true;
	return 0;
}

static int unmap_slice(struct slice *slice)
{
	if (slice->mapped)
		memunmap_pages(slice->pgmap);
	slice->mapped = false;
	return 0;
}

/* All at the same time, which devm would do one after the other. */
static void unmap_slices(void *data)
{
	struct slices *slices = data;
	struct fsdev *fsdev = slices->slice[0].fsdev;

	if (fsdev->abandoned)
		return;
	blocked_by(fsdev,
		   "the page map is in use by the handling of a memory failure, waiting for that to end");
	slice_each(slices, unmap_slice);
	blocked_over(fsdev);
}

/**
 * pagemap_install() - gives the device's memory page structures, and failures of it a way here
 * @fsdev: a device with its geometry
 * @end: ends what a failure of a page has begun, where not all can be mapped
 *
 * Every page is a clean order-0 folio afterwards: mapping the memory writes every page
 * structure anew, whatever driver had it before, and without vmemmap_shift it makes no compound
 * pages. So there is no second pass over them.
 *
 * Context: probe, may sleep. Undone by devm.
 * Return: 0; -EINVAL where the device's shape does not allow it; -EBUSY where a range is taken;
 * -ENOMEM.
 */
int pagemap_install(struct fsdev *fsdev, void (*end)(struct fsdev *fsdev))
{
	struct slices *slices;
	int rc;

	if (static_dev_dax(fsdev->dev_dax))
		slices = slice_static(fsdev);
	else
		slices = slice_dynamic(fsdev);
	if (IS_ERR(slices))
		return PTR_ERR(slices);
	fsdev->slices = slices;
	rc = reserve_ranges(fsdev);
	if (rc)
		return rc;
	rc = slice_each(slices, map_slice) ?:
	     devm_add_action(fsdev_dev(fsdev), unmap_slices, slices);
	if (rc) {
		/* a page of a slice that was mapped may have failed already */
		end(fsdev);
		unmap_slices(slices);
	}
	return rc;
}

/**
 * pagemap_keep() - keeps page structures from going away
 * @fsdev: the device
 * @pgmap: a page map of the device that the caller has a reference to
 *
 * Until pagemap_let_go(): unmapping them waits.
 *
 * Context: any that may take a mutex; @fsdev->bad_lock is held.
 */
void pagemap_keep(struct fsdev *fsdev, struct dev_pagemap *pgmap)
{
	struct slices *slices = fsdev->slices;

	lockdep_assert_held(&fsdev->bad_lock);
	for (unsigned int i = 0; i < slices->nr; i++) {
		struct slice *slice = &slices->slice[i];

		if (slice->pgmap != pgmap)
			continue;
		if (!slice->kept)
			percpu_ref_get(&pgmap->ref);
		slice->kept = true;
		return;
	}
}

/**
 * pagemap_let_go() - undoes pagemap_keep(), for all page maps of the device
 * @fsdev: the device
 *
 * Context: any that may take a mutex; @fsdev->bad_lock is held.
 */
void pagemap_let_go(struct fsdev *fsdev)
{
	struct slices *slices = fsdev->slices;

	lockdep_assert_held(&fsdev->bad_lock);
	for (unsigned int i = 0; i < slices->nr; i++) {
		struct slice *slice = &slices->slice[i];

		if (slice->kept)
			percpu_ref_put(&slice->pgmap->ref);
		slice->kept = false;
	}
}

/**
 * pagemap_publish() - lets the DAX bus know the page map, of several the first
 * @fsdev: a device whose probe can no longer fail
 *
 * kill_dev_dax() takes the pointer back when a dynamic device is unbound.
 *
 * Context: the end of probe.
 */
void pagemap_publish(struct fsdev *fsdev)
{
	fsdev->dev_dax->pgmap = fsdev->slices->slice[0].pgmap;
}
