// SPDX-License-Identifier: GPL-2.0
/*
 * The page map: where page structures for the device's memory come from.
 *
 * A static device brings its page map along, and the memory that it covers may begin in front
 * of the data, with metadata or the page structures themselves. A dynamic device gets one of
 * ours that covers just its ranges, or several, each of a chunk of them.
 */
#include <linux/ioport.h>
#include <linux/math64.h>
#include <linux/slab.h>

#include "blocked.h"
#include "chunk.h"
#include "device.h"
#include "geometry.h"
#include "pagemap.h"
#include "poison.h"

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
	if (fsdev->platform.read_only && (pgmap->flags & PGMAP_ALTMAP_VALID)) {
		dev_err(dev, "the memory is read-only, and its page structures would be written to it: ndctl's namespace needs --map mem\n");
		return ERR_PTR(-EROFS);
	}
	return pgmap;
}

static struct chunks *alloc_chunks(struct fsdev *fsdev, unsigned int nr,
				   const struct dev_pagemap_ops *ops)
{
	struct device *dev = fsdev_dev(fsdev);
	struct chunks *chunks = kzalloc(struct_size(chunks, chunk, nr), GFP_KERNEL);

	if (!chunks)
		return NULL;
	chunks->nr = nr;
	chunks->threads = 1;
	chunks->ops = ops;
	for (unsigned int i = 0; i < nr; i++) {
		chunks->chunk[i].fsdev = fsdev;
		chunks->chunk[i].chunks = chunks;
		chunks->chunk[i].node = dev_to_node(dev);
	}
	return chunks;
}

static void free_chunks(struct fsdev *fsdev, struct chunks *chunks)
{
	/* a static device keeps its page map */
	for (unsigned int i = 0; i < chunks->nr && !static_dev_dax(fsdev->dev_dax); i++)
		kfree(chunks->chunk[i].pgmap);
	kfree(chunks);
}

static struct chunks *chunk_static(struct fsdev *fsdev, const struct dev_pagemap_ops *ops)
{
	struct dev_pagemap *pgmap = acquire_static(fsdev);
	struct chunks *chunks;

	if (IS_ERR(pgmap))
		return ERR_CAST(pgmap);
	chunks = alloc_chunks(fsdev, 1, ops);
	if (!chunks)
		return ERR_PTR(-ENOMEM);
	chunks->chunk[0].pgmap = pgmap;
	return chunks;
}

/* The next chunk's page map, of about @len bytes. */
static struct dev_pagemap *cut_pagemap(const struct geometry *geometry, struct chunk_place *at,
				       u64 len)
{
	struct chunk_place from = *at;
	struct dev_pagemap *pgmap;
	unsigned int nr;

	nr = chunk_cut(geometry, at, len, NULL);
	pgmap = kzalloc(struct_size(pgmap, ranges, nr), GFP_KERNEL);
	if (!pgmap)
		return NULL;
	*at = from;
	pgmap->nr_range = chunk_cut(geometry, at, len, pgmap->ranges);
	return pgmap;
}

static struct chunks *chunk_ranges(struct fsdev *fsdev, const struct geometry *geometry,
				   const struct dev_pagemap_ops *ops)
{
	unsigned int threads = chunk_threads(geometry);
	u64 len = div_u64(geometry_bytes(geometry), threads);
	/* those that end as they are large enough, and those that have as many ranges as may be */
	unsigned int most = threads + geometry->nr / CHUNK_RANGES_MAX + 1;
	struct chunk_place at = { };
	struct chunks *chunks;

	chunks = alloc_chunks(fsdev, most, ops);
	if (!chunks)
		return ERR_PTR(-ENOMEM);
	chunks->threads = threads;
	chunks->nr = 0;
	/* cuts may have used up all before there are as many as threads */
	while (at.range < geometry->nr) {
		struct chunk *chunk = &chunks->chunk[chunks->nr++];

		chunk->pgmap = cut_pagemap(geometry, &at, chunks->nr < threads ? len : U64_MAX);
		if (!chunk->pgmap) {
			free_chunks(fsdev, chunks);
			return ERR_PTR(-ENOMEM);
		}
	}
	return chunks;
}

static struct chunks *chunk_dynamic(struct fsdev *fsdev, const struct dev_pagemap_ops *ops)
{
	const struct geometry *geometry = fsdev->geometry;

	if (fsdev->dev_dax->pgmap) {
		dev_err(fsdev_dev(fsdev),
			"mapping0: %#llx-%#llx: a dynamic device that has a page map already\n",
			geometry->range[0].start, last_of(&geometry->range[0]));
		return ERR_PTR(-EINVAL);
	}
	return chunk_ranges(fsdev, geometry, ops);
}

/* Gives the first @nr ranges back. */
static void release_ranges(const struct fsdev *fsdev, const struct geometry *geometry, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		devm_release_mem_region(fsdev_dev(fsdev), geometry->range[i].start,
					geometry->range[i].len);
}

/* All or none; @first is the number of the first one on the bus. */
static int reserve_ranges(const struct fsdev *fsdev, const struct geometry *geometry, u32 first)
{
	struct device *dev = fsdev_dev(fsdev);

	for (u32 i = 0; i < geometry->nr; i++) {
		const struct rangemap_range *range = &geometry->range[i];

		if (!devm_request_mem_region(dev, range->start, range->len, dev_name(dev))) {
			dev_err(dev, "mapping%u: %#llx-%#llx is in use by another driver\n",
				first + i, range->start, last_of(range));
			release_ranges(fsdev, geometry, i);
			return -EBUSY;
		}
	}
	return 0;
}

static int map_chunk(struct chunk *chunk)
{
	struct device *dev = fsdev_dev(chunk->fsdev);
	struct dev_pagemap *pgmap = chunk->pgmap;
	void *addr;

	pgmap->vmemmap_shift = 0;
	pgmap->type = MEMORY_DEVICE_FS_DAX;
	pgmap->ops = chunk->chunks->ops;
	pgmap->owner = chunk->fsdev;
	addr = memremap_pages(pgmap, chunk->node);
	if (IS_ERR(addr)) {
		dev_err(dev, "cannot map %#llx-%#llx and what follows: error %ld\n",
			pgmap->range.start, pgmap->range.end, PTR_ERR(addr));
		return PTR_ERR(addr);
	}
	chunk->mapped = true;
	return 0;
}

static int unmap_chunk(struct chunk *chunk)
{
	if (chunk->mapped)
		memunmap_pages(chunk->pgmap);
	chunk->mapped = false;
	return 0;
}

/**
 * pagemap_create() - prepare page maps for the device's memory, and reserve it
 * @fsdev: a device with its geometry
 * @ops: where failures of its pages are reported
 *
 * Context: probe, may sleep. Undone by pagemap_free(); the driver core frees the ranges.
 * Return: 0; -EINVAL where the device's shape does not allow it; -EBUSY where a range is taken;
 * -ENOMEM.
 */
int pagemap_create(struct fsdev *fsdev, const struct dev_pagemap_ops *ops)
{
	struct chunks *chunks;
	int rc;

	if (static_dev_dax(fsdev->dev_dax))
		chunks = chunk_static(fsdev, ops);
	else
		chunks = chunk_dynamic(fsdev, ops);
	if (IS_ERR(chunks))
		return PTR_ERR(chunks);
	rc = reserve_ranges(fsdev, fsdev->geometry, 0);
	if (rc)
		free_chunks(fsdev, chunks);
	else
		fsdev->chunks = chunks;
	return rc;
}

/**
 * pagemap_map() - give the device's memory page structures
 * @fsdev: a device with its page maps
 *
 * Every page is a clean order-0 folio afterwards: mapping the memory writes every page
 * structure anew, whatever driver had it before, and without vmemmap_shift it makes no compound
 * pages. So there is no second pass over them.
 *
 * Context: probe, may sleep. Undone by pagemap_stop(), also where only some could be mapped: a page
 * of these may have failed already.
 * Return: 0 or a negative errno.
 */
int pagemap_map(struct fsdev *fsdev)
{
	return chunk_each(fsdev->chunks, map_chunk);
}

/**
 * pagemap_stop() - undo pagemap_map()
 * @fsdev: a device whose pages are in no use
 *
 * Unmaps all chunks at the same time. A static page map outlives the driver. Without clearing its
 * operations a later failure of its memory would be sent into code that may have been unloaded.
 *
 * Context: removal; may sleep.
 */
void pagemap_stop(struct fsdev *fsdev)
{
	struct chunks *chunks = fsdev->chunks;

	blocked_by(fsdev,
		   "the page map is in use by the handling of a memory failure, waiting for that to end");
	for (struct chunks *more = chunks->next; more; more = more->next)
		chunk_each(more, unmap_chunk);
	chunk_each(chunks, unmap_chunk);
	blocked_over(fsdev);
	for (unsigned int i = 0; i < chunks->nr; i++) {
		chunks->chunk[i].pgmap->ops = NULL;
		chunks->chunk[i].pgmap->owner = NULL;
	}
}

/**
 * pagemap_free() - undo pagemap_create()
 * @fsdev: a device whose page maps are unmapped, and for which pagemap_put() is called no more
 *
 * A pagemap_put() that has dropped the last reference still uses what this frees.
 *
 * Context: removal.
 */
void pagemap_free(struct fsdev *fsdev)
{
	struct chunks *chunks, *next;

	for (chunks = fsdev->chunks; chunks; chunks = next) {
		next = chunks->next;
		free_chunks(fsdev, chunks);
	}
}

/* Where the list names its last page maps. */
static struct chunks **last_place(struct fsdev *fsdev)
{
	struct chunks **at = &fsdev->chunks;

	while ((*at)->next)
		at = &(*at)->next;
	return at;
}

/**
 * pagemap_retract() - undo pagemap_extend()
 * @fsdev: the device
 * @added: the ranges
 *
 * No page of them is in use, and no report of a failure finds them.
 *
 * Context: growth that fails, may sleep. Caller must hold the device_lock.
 */
void pagemap_retract(struct fsdev *fsdev, const struct geometry *added)
{
	struct chunks **at = last_place(fsdev), *chunks = *at;

	/* waits for references of pagemap_get() */
	chunk_each(chunks, unmap_chunk);
	mutex_lock(&fsdev->poison.lock);
	*at = NULL;
	mutex_unlock(&fsdev->poison.lock);
	free_chunks(fsdev, chunks);
	release_ranges(fsdev, added, added->nr);
}

/**
 * pagemap_extend() - prepare page maps for ranges that the device is about to grow by
 * @fsdev: a dynamic device that is bound
 * @added: the ranges
 * @first: number of the first one on the bus
 *
 * Removal undoes it with pagemap_stop() and pagemap_free(), as what was there at probe: none of it
 * is left to the driver core, but for the reservation.
 *
 * Context: growth, may sleep. Caller must hold the device_lock. Undone by pagemap_retract().
 * Return: 0; -EBUSY where a range is taken; -ENOMEM.
 */
int pagemap_extend(struct fsdev *fsdev, const struct geometry *added, u32 first)
{
	struct chunks *chunks = chunk_ranges(fsdev, added, fsdev->chunks->ops);
	int rc;

	if (IS_ERR(chunks))
		return PTR_ERR(chunks);
	rc = reserve_ranges(fsdev, added, first);
	if (rc) {
		free_chunks(fsdev, chunks);
		return rc;
	}
	/* before a page can fail, for pagemap_get() */
	mutex_lock(&fsdev->poison.lock);
	(*last_place(fsdev))->next = chunks;
	mutex_unlock(&fsdev->poison.lock);
	return 0;
}

/**
 * pagemap_map_last() - give what pagemap_extend() has prepared page structures
 * @fsdev: the device
 *
 * As pagemap_map().
 *
 * Context: growth, may sleep. Caller must hold the device_lock. Undone by pagemap_retract().
 * Return: 0 or a negative errno.
 */
int pagemap_map_last(struct fsdev *fsdev)
{
	return chunk_each(*last_place(fsdev), map_chunk);
}

static struct chunk *find_chunk(struct fsdev *fsdev, const struct dev_pagemap *pgmap)
{
	for (struct chunks *chunks = fsdev->chunks; chunks; chunks = chunks->next)
		for (unsigned int i = 0; i < chunks->nr; i++)
			if (chunks->chunk[i].pgmap == pgmap)
				return &chunks->chunk[i];
	return NULL;
}

/**
 * pagemap_get() - take a reference to a page map
 * @fsdev: the device
 * @pgmap: a page map of the device that the caller has a reference to
 *
 * Its page structures stay until pagemap_put(): unmapping them waits.
 *
 * Context: process. Caller must hold the poison lock.
 */
void pagemap_get(struct fsdev *fsdev, struct dev_pagemap *pgmap)
{
	struct chunk *chunk;

	lockdep_assert_held(&fsdev->poison.lock);
	chunk = find_chunk(fsdev, pgmap);
	if (!chunk)
		return;
	if (!chunk->kept)
		percpu_ref_get(&pgmap->ref);
	chunk->kept = true;
}

static void put_kept(struct chunks *chunks)
{
	for (unsigned int i = 0; i < chunks->nr; i++) {
		struct chunk *chunk = &chunks->chunk[i];

		if (chunk->kept)
			percpu_ref_put(&chunk->pgmap->ref);
		chunk->kept = false;
	}
}

/**
 * pagemap_put() - undo pagemap_get(), for all page maps of the device
 * @fsdev: the device
 *
 * Context: process. Caller must hold the poison lock.
 */
void pagemap_put(struct fsdev *fsdev)
{
	lockdep_assert_held(&fsdev->poison.lock);
	for (struct chunks *chunks = fsdev->chunks; chunks; chunks = chunks->next)
		put_kept(chunks);
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
	fsdev->dev_dax->pgmap = fsdev->chunks->chunk[0].pgmap;
}
