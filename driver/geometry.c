// SPDX-License-Identifier: GPL-2.0
/*
 * Geometry: one copy of the device's ranges, taken at probe and where it grows. Nothing else in the
 * driver reads dev_dax->ranges or dev_dax->nr_range, so that no later change of them can come
 * between two readers.
 *
 * The bus changes both when `mapping` or `size` is written. Before 6.9 it held the device_lock
 * meanwhile, as probe does. Since then it holds dax_dev_rwsem for writing, which is static to the
 * bus: mapping_store() appends a range whether a driver is bound or not, and moves the array with
 * krealloc(). So the array may be freed while it is read. The copy is whole and current because:
 *
 *  G1. While probe runs ranges are only appended. size_store(), which removes or resizes them,
 *      looks at dev->driver under dax_dev_rwsem; that was set before probe, and size_show() takes
 *      the same lock in step 1, so a size_store() that saw none has ended by then. The ranges go
 *      with the device after device_del(), which waits for the device_lock.
 *  G2. size_show() gives the length of all ranges, under dax_dev_rwsem. An append that fails after
 *      it has counted the range takes it back under the same hold of the lock, so it never shows.
 *      No range is empty; so a size stands for one number of ranges, from the first on.
 *  G3. If the size is the same in steps 1, 3 and 5, no append has succeeded between them.
 *  G4. krealloc() moves the array only where it is full, to a larger one that is allocated before
 *      the old one is freed. Without an append that succeeds that happens once at most, and the
 *      pointer differs afterwards. If it is the same in steps 2 and 4, nothing was moved or freed
 *      between them; and where it was moved just before step 2, the contents are visible after
 *      step 3, which has waited for the lock.
 *
 * What was read until step 4 may be anything, also memory that is no longer mapped, and is used for
 * nothing but the sum until all five steps agree. If they never do, probe fails.
 *
 * A range that is appended later does not belong to this binding until user space has the device
 * grow, which reads them all again: with the device_lock, and with a driver on the device, so that
 * G1 to G4 hold as in probe.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>

#include "geometry.h"

/* Each takes an append of the bus, which makes a device in sysfs, to fail; and ranges run out. */
#define GEOMETRY_TRIES 1000

/* Ranges that may be appended between counting and copying. */
#define GEOMETRY_SPARE 8

static struct geometry *alloc_geometry(u32 nr)
{
	return kvzalloc(struct_size_t(struct geometry, range, nr), GFP_KERNEL);
}

/* Caller must hold the device_lock, which keeps all writers away. */
static struct geometry *copy_locked(const struct dev_dax *dev_dax)
{
	u32 nr = dev_dax->nr_range;
	struct geometry *geometry = alloc_geometry(nr);

	if (!geometry)
		return ERR_PTR(-ENOMEM);
	for (u32 i = 0; i < nr; i++) {
		geometry->range[i].start = dev_dax->ranges[i].range.start;
		geometry->range[i].len = range_len(&dev_dax->ranges[i].range);
	}
	geometry->nr = nr;
	return geometry;
}

/* The bus's attribute `size`. */
static struct attribute *find_size(const struct device *dev)
{
	const struct attribute_group *const *group = dev->type ? dev->type->groups : NULL;

	for (; group && *group; group++)
		for (struct attribute **attr = (*group)->attrs; attr && *attr; attr++)
			if (!strcmp((*attr)->name, "size"))
				return *attr;
	return NULL;
}

/* @page: as size_show() wants it, a whole page */
static int read_size(struct device *dev, struct attribute *attr, char *page, u64 *size)
{
	ssize_t len = get_ktype(&dev->kobj)->sysfs_ops->show(&dev->kobj, attr, page);

	if (len < 0)
		return len;
	return kstrtou64(page, 10, size);
}

/* -EAGAIN if the size is not @size any more */
static int check_size(struct device *dev, struct attribute *attr, char *page, u64 size)
{
	u64 now;
	int rc = read_size(dev, attr, page, &now);

	return rc ?: now == size ? 0 : -EAGAIN;
}

/* Copies ranges from a place that may be freed meanwhile, until there are @size bytes of them. */
static int copy_ranges(struct geometry *geometry, u32 room, const struct dev_dax_range *from,
		       u64 size)
{
	struct dev_dax_range range;
	u64 sum = 0;

	for (geometry->nr = 0; sum < size && geometry->nr < room; geometry->nr++) {
		struct rangemap_range *to = &geometry->range[geometry->nr];

		if (copy_from_kernel_nofault(&range, from + geometry->nr, sizeof(range)))
			return -EAGAIN;
		to->start = range.range.start;
		to->len = range_len(&range.range);
		sum += to->len;
	}
	return sum == size ? 0 : -EAGAIN;
}

/* One try, see above; -EAGAIN if something changed meanwhile. */
static int copy_steps(struct dev_dax *dev_dax, struct attribute *attr, char *page,
		      struct geometry *geometry, u32 room)
{
	const struct dev_dax_range *from;
	struct device *dev = &dev_dax->dev;
	u64 size;
	int rc;

	rc = read_size(dev, attr, page, &size);			/* 1 */
	if (rc)
		return rc;
	/* data_race: the bus writes plainly */
	from = data_race(READ_ONCE(dev_dax->ranges));		/* 2 */
	rc = check_size(dev, attr, page, size);			/* 3 */
	if (rc)
		return rc;
	rc = copy_ranges(geometry, room, from, size);
	if (rc)
		return rc;
	smp_rmb(); /* pairs with the store of the pointer in alloc_dev_dax_range() */
	/* data_race: as above */
	if (data_race(READ_ONCE(dev_dax->ranges)) != from)	/* 4 */
		return -EAGAIN;
	return check_size(dev, attr, page, size);		/* 5 */
}

static struct geometry *copy_verified(struct dev_dax *dev_dax, struct attribute *attr, char *page)
{
	for (unsigned int try = 0; try < GEOMETRY_TRIES; try++) {
		/* data_race: more than that is not copied */
		u32 room = data_race(READ_ONCE(dev_dax->nr_range)) + GEOMETRY_SPARE;
		struct geometry *geometry = alloc_geometry(room);
		int rc = geometry ? copy_steps(dev_dax, attr, page, geometry, room) : -ENOMEM;

		if (!rc)
			return geometry;
		kvfree(geometry);
		if (rc != -EAGAIN)
			return ERR_PTR(rc);
		cond_resched();
	}
	dev_err(&dev_dax->dev,
		"ranges changed during each of %u reads: bind while no process writes `mapping`\n",
		GEOMETRY_TRIES);
	return ERR_PTR(-EBUSY);
}

/**
 * geometry_read() - copy a device's ranges
 * @dev_dax: the device
 *
 * Context: probe, or growth; may sleep. Caller must hold the device_lock.
 * Return: the copy, for kvfree(); -EBUSY if it changes all the time, -EINTR, -ENOMEM.
 */
struct geometry *geometry_read(struct dev_dax *dev_dax)
{
	struct attribute *attr = find_size(&dev_dax->dev);
	struct geometry *geometry;
	char *page;

	device_lock_assert(&dev_dax->dev);
	if (!compat_bus_locks_ranges())
		return copy_locked(dev_dax);
	if (!attr) {
		dev_err(&dev_dax->dev, "the DAX bus has no attribute `size`: cannot read ranges\n");
		return ERR_PTR(-EOPNOTSUPP);
	}
	page = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!page)
		return ERR_PTR(-ENOMEM);
	geometry = copy_verified(dev_dax, attr, page);
	kfree(page);
	return geometry;
}

/**
 * geometry_bytes() - add the ranges up
 * @geometry: a copy of a device's ranges
 *
 * Context: any.
 * Return: bytes.
 */
u64 geometry_bytes(const struct geometry *geometry)
{
	u64 size = 0;

	for (u32 i = 0; i < geometry->nr; i++)
		size += geometry->range[i].len;
	return size;
}

/**
 * geometry_added() - find what a device has been given
 * @old: its ranges as they are mapped
 * @now: as the bus has them
 *
 * Context: may sleep.
 * Return: the ranges that are new, for kvfree(), perhaps none; -EIO if those that are mapped are no
 * longer what the bus has; -ENOMEM.
 */
struct geometry *geometry_added(const struct geometry *old, const struct geometry *now)
{
	struct geometry *added;

	if (now->nr < old->nr || memcmp(now->range, old->range, old->nr * sizeof(*old->range)))
		return ERR_PTR(-EIO);
	added = alloc_geometry(now->nr - old->nr);
	if (!added)
		return ERR_PTR(-ENOMEM);
	added->nr = now->nr - old->nr;
	memcpy(added->range, now->range + old->nr, added->nr * sizeof(*added->range));
	return added;
}
