// SPDX-License-Identifier: GPL-2.0
/*
 * The platform: its list of poisoned memory, its command to clear poison, its flush, and whether it
 * allows writes.
 *
 * Only the NVDIMM bus has these. A devdax namespace hangs below its region there: the DAX device's
 * parent is the namespace's device, and that one's parent the region. For memory of other kinds
 * user space adds what is known, through the character device.
 */
#include <linux/badblocks.h>
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/xarray.h>

#include "device.h"
#include "memory.h"
#include "platform.h"

/* Bytes that no list of bad blocks is too short for. */
#define POPULATE_MIN ((u64)(MAX_BADBLOCKS / 2) << SECTOR_SHIFT)

/* Numbers of pages that the platform may call bad, and that were repaired since. */
static DEFINE_XARRAY(platform_repaired);

/**
 * platform_region() - find the region of the NVDIMM bus
 * @fsdev: the device
 *
 * Context: any.
 * Return: the device of the region that the memory belongs to, or NULL.
 */
struct device *platform_region(struct fsdev *fsdev)
{
	struct device *dev;

	for (dev = fsdev_dev(fsdev)->parent; dev; dev = dev->parent)
		if (dev->bus && !strcmp(dev->bus->name, "nd") && strstarts(dev_name(dev), "region"))
			return dev;
	return NULL;
}

/* An attribute of a device's type. */
static struct attribute *find_attribute(const struct device *dev, const char *name)
{
	const struct attribute_group *const *group = dev->type ? dev->type->groups : NULL;

	for (; group && *group; group++)
		for (struct attribute **attr = (*group)->attrs; attr && *attr; attr++)
			if (!strcmp((*attr)->name, name))
				return *attr;
	return NULL;
}

/**
 * platform_asks_read_only() - ask the platform whether the memory must not be written
 * @fsdev: the device
 *
 * A region is read-only where a DIMM of it is not armed, so that stores would be lost with the
 * power, and where user space says so in its attribute.
 *
 * Context: may sleep.
 * Return: true if it must not; also if the answer cannot be had.
 */
bool platform_asks_read_only(struct fsdev *fsdev)
{
	struct device *region = platform_region(fsdev);
	bool read_only = true;
	struct attribute *attr;
	char *page;

	if (!region)
		return false;
	attr = find_attribute(region, "read_only");
	page = (char *)get_zeroed_page(GFP_KERNEL);
	if (!attr || !page ||
	    get_ktype(&region->kobj)->sysfs_ops->show(&region->kobj, attr, page) <= 0 ||
	    kstrtobool(page, &read_only))
		dev_err(fsdev_dev(fsdev), "cannot ask whether %s is read-only: taken to be\n",
			dev_name(region));
	free_page((unsigned long)page);
	return read_only;
}

/**
 * platform_stop() - make the last stores durable
 * @fsdev: the device, which nothing stores to any more
 *
 * Context: removal, also one that was abandoned as the machine goes down; may sleep.
 */
void platform_stop(struct fsdev *fsdev)
{
	int rc = platform_flush(fsdev);

	if (rc)
		dev_err(fsdev_dev(fsdev), "the last flush failed: error %d\n", rc);
	/* a removal that was abandoned leaves a disk that may still flush */
	if (fsdev->platform.flush && !fsdev->removal.abandoned)
		symbol_put(nvdimm_flush);
}

/**
 * platform_start() - learn how stores to a device's memory become durable
 * @fsdev: a device that nothing can reach yet
 *
 * Context: probe, may sleep. Undone by platform_stop().
 * Return: 0; -ENXIO if the NVDIMM bus cannot be asked.
 */
int platform_start(struct fsdev *fsdev)
{
	struct device *region = platform_region(fsdev);
	struct platform *platform = &fsdev->platform;
	struct nd_region *(*to_region)(struct device *dev);
	int (*has_cache)(struct nd_region *nd_region);
	bool (*is_sync)(struct nd_region *nd_region);

	platform->cached = fsdev->persistent;
	platform->synchronous = true;
	platform->read_only = platform_asks_read_only(fsdev);
	if (!region)
		return 0;
	to_region = symbol_get(to_nd_region);
	has_cache = symbol_get(nvdimm_has_cache);
	is_sync = symbol_get(is_nvdimm_sync);
	platform->flush = symbol_get(nvdimm_flush);
	if (to_region && has_cache && is_sync && platform->flush) {
		platform->region = to_region(region);
		platform->cached = has_cache(platform->region);
		platform->synchronous = is_sync(platform->region);
	} else if (platform->flush) {
		symbol_put(nvdimm_flush);
		platform->flush = NULL;
	}
	if (is_sync)
		symbol_put(is_nvdimm_sync);
	if (has_cache)
		symbol_put(nvdimm_has_cache);
	if (to_region)
		symbol_put(to_nd_region);
	if (!platform->flush) {
		dev_err(fsdev_dev(fsdev), "cannot ask %s how its memory is flushed\n",
			dev_name(region));
		return -ENXIO;
	}
	return 0;
}

/**
 * platform_flush() - make stores durable that have left the processor's caches
 * @fsdev: the device
 *
 * Also those that another processor has made before, as of a bio that has ended. Waits where the
 * platform answers later: how nvdimm_flush() would end a bio by itself differs between kernels.
 *
 * Context: may sleep.
 * Return: 0; a negative errno if they may not be.
 */
int platform_flush(struct fsdev *fsdev)
{
	const struct platform *platform = &fsdev->platform;
	int rc;

	if (!platform->flush) {
		wmb(); /* pairs with power failure: what went past the caches is durable first */
		return 0;
	}
	rc = platform->flush(platform->region, NULL);
	/* a positive one would mean that the flush goes on */
	return rc > 0 ? -EIO : rc;
}

/**
 * platform_clear() - have the platform clear the poison of memory
 * @fsdev: the device
 * @phys: physical address
 * @len: bytes
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP if the platform cannot, which says nothing of the memory; -EIO if it
 * failed.
 */
int platform_clear(struct fsdev *fsdev, phys_addr_t phys, unsigned int len)
{
	struct device *region = platform_region(fsdev);
	long (*clear)(struct device *dev, phys_addr_t phys, unsigned int len);
	long cleared;

	if (!region)
		return -EOPNOTSUPP;
	clear = symbol_get(nvdimm_clear_poison);
	if (!clear)
		return -EOPNOTSUPP;
	cleared = clear(region, phys, len);
	symbol_put(nvdimm_clear_poison);
	if (cleared == len)
		return 0;
	/* no such command of the firmware, or not for this memory */
	if (cleared == -ENOTTY || cleared == -ENXIO || cleared == -EOPNOTSUPP)
		return -EOPNOTSUPP;
	return -EIO;
}

/**
 * platform_note_repaired() - remember a page that was repaired and that the platform cannot clear
 * @fsdev: the device
 * @phys: physical address of the page; platform_clear() has said -EOPNOTSUPP
 *
 * The NVDIMM bus, or the poison list of a CXL device, goes on calling it bad. It is not taken for
 * that when the device is bound again.
 *
 * Context: may sleep; also under I/O.
 */
void platform_note_repaired(struct fsdev *fsdev, phys_addr_t phys)
{
	void *old;

	old = xa_store(&platform_repaired, PHYS_PFN(phys), xa_mk_value(1), GFP_NOIO | __GFP_NOWARN);
	if (xa_is_err(old))
		dev_warn_ratelimited(fsdev_dev(fsdev),
				     "%#llx was repaired; it may be bad again when the device is bound again: error %d\n",
				     (u64)phys, xa_err(old));
}

/**
 * platform_note_poison() - forget that pages were repaired
 * @phys: physical address of the first, which have failed
 * @len: bytes
 *
 * Context: may sleep.
 */
void platform_note_poison(phys_addr_t phys, u64 len)
{
	unsigned long pfn, last = PHYS_PFN(phys + len - 1);
	void *entry;

	if (xa_empty(&platform_repaired))
		return;
	xa_for_each_range(&platform_repaired, pfn, entry, PHYS_PFN(phys), last)
		xa_erase(&platform_repaired, pfn);
}

/**
 * platform_note_lost() - have the platform know again that a page is poisoned
 * @fsdev: the device
 * @phys: physical address of a page that platform_clear() has cleared, and that is poisoned still
 *
 * Context: may sleep; also under I/O.
 */
void platform_note_lost(struct fsdev *fsdev, phys_addr_t phys)
{
	struct device *region = platform_region(fsdev);
	int (*add)(struct nvdimm_bus *nvdimm_bus, u64 addr, u64 length);
	struct nvdimm_bus *(*to_bus)(struct device *dev);

	if (!region || !region->parent)
		return;
	add = symbol_get(nvdimm_bus_add_badrange);
	to_bus = symbol_get(to_nvdimm_bus);
	if (add && to_bus)
		add(to_bus(region->parent), phys, PAGE_SIZE);
	if (to_bus)
		symbol_put(to_nvdimm_bus);
	if (add)
		symbol_put(nvdimm_bus_add_badrange);
}

/**
 * platform_exit() - forget what was repaired
 *
 * Context: unloading the module.
 */
void platform_exit(void)
{
	xa_destroy(&platform_repaired);
}

/* Was the page repaired in an earlier binding, and is it good still? */
static bool known_repaired(struct fsdev *fsdev, u64 offset)
{
	unsigned long pfn = memory_pfn(fsdev, offset);

	if (!xa_load(&platform_repaired, pfn))
		return false;
	/* where reading what has failed cannot be survived the list is believed */
	if (COMPAT_COPY_SURVIVES && memory_reads(fsdev, offset))
		return true;
	xa_erase(&platform_repaired, pfn);
	return false;
}

/**
 * platform_each_unrepaired() - walk what was not repaired of a range that the platform calls bad
 * @fsdev: a device that is not yet open for access, or of which no page is being repaired
 * @offset: device offset in bytes
 * @len: bytes
 * @add: called for each piece
 *
 * Context: may sleep.
 */
void platform_each_unrepaired(struct fsdev *fsdev, u64 offset, u64 len, platform_add_t *add)
{
	u64 end = PAGE_ALIGN(offset + len), from = ALIGN_DOWN(offset, PAGE_SIZE), at;

	if (xa_empty(&platform_repaired)) {
		add(fsdev, offset, len);
		return;
	}
	for (at = from; at < end; at += PAGE_SIZE) {
		cond_resched();
		if (!known_repaired(fsdev, at))
			continue;
		if (from < at)
			add(fsdev, from, at - from);
		from = at + PAGE_SIZE;
	}
	if (from < end)
		add(fsdev, from, end - from);
}

/* The sectors of @bb are counted from device offset @start; @sectors of them. */
static void each_bad_block(struct fsdev *fsdev, struct badblocks *bb, u64 start, sector_t sectors,
			   platform_add_t *add)
{
	sector_t from = 0, first, bad;

	for (;;) {
		first = compat_badblocks_next(bb, &from, sectors, &bad);
		if (first >= sectors)
			return;
		platform_each_unrepaired(fsdev, start + ((u64)first << SECTOR_SHIFT),
					 (u64)bad << SECTOR_SHIFT, add);
	}
}

typedef void (populate_t)(struct nd_region *nd_region, struct badblocks *bb,
			  const struct range *range);

/*
 * The kernel's list has MAX_BADBLOCKS entries, of 256 KiB at most, and drops what does not go in.
 * So the device is asked for in parts, each so small that its list is not full: one of
 * POPULATE_MIN has at most half as many bad sectors. Before 6.7 badblocks_set() puts the pieces of
 * what is longer than an entry into the list in the wrong order, and they are not found again: then
 * a part with bad sectors is no longer than an entry.
 */
static int each_part(struct fsdev *fsdev, populate_t *populate, platform_add_t *add)
{
	u64 size = memory_size(fsdev), part = size, at = 0;
	u64 phys = PFN_PHYS(memory_pfn(fsdev, 0));

	while (at < size) {
		u64 len = min(part, size - at);
		struct range range = { .start = phys + at, .end = phys + at + len - 1 };
		struct badblocks bb = {};
		int rc = badblocks_init(&bb, 1);

		if (rc)
			return rc;
		populate(fsdev->platform.region, &bb, &range);
		if (!bb.count || len <= POPULATE_MIN ||
		    (bb.count < MAX_BADBLOCKS && !COMPAT_BADBLOCKS_UNORDERED)) {
			each_bad_block(fsdev, &bb, at, len >> SECTOR_SHIFT, add);
			at += len;
			part = min(2 * part, size);
		} else {
			part = ALIGN(len / 2, POPULATE_MIN);
		}
		badblocks_exit(&bb);
		cond_resched();
	}
	return 0;
}

/**
 * platform_each_poison() - walk the poison that the platform knows of
 * @fsdev: a device that is not yet open for access
 * @add: called for each range
 *
 * Pages that were repaired since are left out.
 *
 * Context: probe, may sleep. A list that cannot be had is logged; the device works without it.
 */
void platform_each_poison(struct fsdev *fsdev, platform_add_t *add)
{
	populate_t *populate;
	int rc = -ENXIO;

	/* a device of the NVDIMM bus is static and has one range */
	if (!fsdev->platform.region || memory_ranges(fsdev) != 1)
		return;
	populate = symbol_get(nvdimm_badblocks_populate);
	if (populate) {
		rc = each_part(fsdev, populate, add);
		symbol_put(nvdimm_badblocks_populate);
	}
	if (rc)
		dev_warn(fsdev_dev(fsdev), "cannot read the poison list of %s: error %d\n",
			 dev_name(platform_region(fsdev)), rc);
}
