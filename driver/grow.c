// SPDX-License-Identifier: GPL-2.0
/*
 * Growth: ranges that the bus has given a bound device become part of it.
 *
 * The bus appends a range to a device when `mapping` is written, also while the device is bound,
 * and tells no driver. User space has the driver take it up with the driver's attribute `grow`.
 *
 * What the device has stays where it is: the map that probe has made is never written again, and
 * direct access to what was there goes on in it. Everything else looks in the map of the whole
 * device (memory.c). In this order, so that what fails leaves the device as it was:
 *
 *  1. The ranges are read again, and have to begin with those that are mapped.
 *  2. A map of them all is made: a range that overlaps another is refused by name.
 *  3. The new ranges are reserved and get page structures. A page that fails from here on is noted.
 *  4. What is remembered of them and what is noted is poisoned; the map is published. From this
 *     moment on every lookup knows the new memory, by offset and by address. Nothing can fail any
 *     more.
 *  5. The disk shows its new capacity, and the event is posted.
 *
 * All of it with the device_lock, which keeps out bind and unbind, claims by fs_dax_get() and other
 * growths, and stops the bus from taking ranges away as long as there is a driver.
 */
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/mmzone.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "access.h"
#include "device.h"
#include "disk.h"
#include "event.h"
#include "failure.h"
#include "geometry.h"
#include "grow.h"
#include "holder.h"
#include "memory.h"
#include "pagemap.h"
#include "remembered.h"
#include "uapi/fsdev.h"

/* Long enough for the name of a DAX device. */
#define GROW_NAME 32

/* What memremap_pages() takes. */
#define GROW_ALIGN ((u64)PAGES_PER_SUBSECTION << PAGE_SHIFT)

/**
 * struct growth - a growth in progress
 * @fsdev: the device
 * @geometry: its ranges as they will be
 * @added: those of them that are new
 * @map: of @geometry
 */
struct growth {
	struct fsdev *fsdev;
	struct geometry *geometry;
	struct geometry *added;
	struct rangemap *map;
};

/* Says why, and returns @rc. */
static int __printf(3, 4) grow_refuse(const struct growth *growth, int rc, const char *format, ...)
{
	struct va_format text = { .fmt = format };
	va_list args;

	va_start(args, format);
	text.va = &args;
	dev_err(fsdev_dev(growth->fsdev), "cannot grow: %pV\n", &text);
	va_end(args);
	return rc;
}

static int grow_check_device(struct growth *growth)
{
	struct fsdev *fsdev = growth->fsdev;

	if (static_dev_dax(fsdev->dev_dax))
		return grow_refuse(growth, -EOPNOTSUPP,
				   "a static device has the memory that it was made with");
	if (fsdev->failure.early.rejected)
		return grow_refuse(growth, -EIO,
				   "memory that it was to grow by has failed; unbind it and bind it again");
	/* it has asked for the size, and does not learn of another one */
	if (fsdev_holder_has_bus(fsdev))
		return grow_refuse(growth, -EBUSY, "it is held via fs_dax_get()");
	return 0;
}

/* Step 1 */
static int grow_read(struct growth *growth)
{
	struct fsdev *fsdev = growth->fsdev;
	struct geometry *read, *added;

	read = geometry_read(fsdev->dev_dax);
	if (IS_ERR(read))
		return PTR_ERR(read) == -EBUSY ? -EBUSY :
		       grow_refuse(growth, PTR_ERR(read), "its ranges cannot be read: error %ld",
				   PTR_ERR(read));
	growth->geometry = read;
	added = geometry_added(fsdev->geometry, read);
	if (IS_ERR(added))
		return grow_refuse(growth, PTR_ERR(added),
				   "the bus has other ranges than are mapped, or memory is short: error %ld",
				   PTR_ERR(added));
	growth->added = added;
	return 0;
}

static int grow_check_ranges(const struct growth *growth)
{
	for (u32 i = 0; i < growth->added->nr; i++) {
		const struct rangemap_range *range = &growth->added->range[i];

		if (!IS_ALIGNED(range->start | range->len, GROW_ALIGN))
			return grow_refuse(growth, -EINVAL,
					   "mapping%u: %#llx-%#llx is not in units of %llu MiB",
					   growth->geometry->nr - growth->added->nr + i,
					   range->start, range->start + range->len - 1,
					   GROW_ALIGN >> 20);
	}
	if (geometry_bytes(growth->geometry) > POISON_SET_SIZE_MAX)
		return grow_refuse(growth, -EINVAL, "%#llx bytes: has to be at most %#llx",
				   geometry_bytes(growth->geometry), POISON_SET_SIZE_MAX);
	return 0;
}

/* Step 2 */
static int grow_make_map(struct growth *growth)
{
	const struct rangemap_range *range = growth->geometry->range;
	u32 nr = growth->geometry->nr;
	size_t bytes = rangemap_bytes(nr);
	unsigned int bad;
	int rc;

	if (!bytes)
		return grow_refuse(growth, -EINVAL, "%u ranges: has to be at most %u", nr,
				   RANGEMAP_MAX);
	growth->map = kvzalloc(bytes, GFP_KERNEL);
	if (!growth->map)
		return grow_refuse(growth, -ENOMEM, "no memory for a map of %u ranges", nr);
	rc = rangemap_build(growth->map, bytes, range, nr, PAGE_SIZE, &bad);
	if (rc)
		return grow_refuse(growth, rc, "mapping%u: %#llx-%#llx is empty or overlaps", bad,
				   range[bad].start, range[bad].start + range[bad].len - 1);
	return 0;
}

/* Steps 3 and 4 */
static int grow_take(struct growth *growth)
{
	struct fsdev *fsdev = growth->fsdev;
	int rc;

	failure_expect(fsdev, growth->map);
	rc = pagemap_extend(fsdev, growth->added, fsdev->geometry->nr);
	if (rc)
		goto reject;
	rc = pagemap_map_last(fsdev);
	if (rc)
		goto retract;
	rc = remembered_each(fsdev, growth->map, geometry_bytes(fsdev->geometry),
			     failure_add_ahead);
	if (!rc)
		rc = failure_admit(fsdev);
	if (!rc)
		return 0;
	grow_refuse(growth, rc, rc == -ENOMEM ? "no memory to note which new pages are poisoned" :
		    "too many of the new pages have failed");
retract:
	if (failure_reject(fsdev)) {
		pagemap_retract(fsdev, growth->added);
		failure_retracted(fsdev);
	} else {	/* removal has the rest, when the kernel is done with what has failed */
		growth->map = NULL;
	}
	return rc;

reject:
	/* without page structures none has failed */
	WARN_ON_ONCE(!failure_reject(fsdev));
	failure_retracted(fsdev);
	return rc == -ENOMEM ? grow_refuse(growth, rc, "no memory for page maps") : rc;
}

/* Step 5, and what the last growth has left. */
static void grow_tell(struct growth *growth, const struct rangemap *before)
{
	struct fsdev *fsdev = growth->fsdev;
	u64 old = geometry_bytes(fsdev->geometry), size = memory_size(fsdev);

	swap(fsdev->geometry, growth->geometry);
	growth->map = NULL;
	/*
	 * A request that the larger disk lets through finds the larger map: the block layer reads
	 * the capacity in no read-side section, so a lookup that begins after it may use an earlier
	 * load of the map. Pairs with rcu_dereference() in current_map() in memory.c.
	 */
	synchronize_rcu();
	disk_grow(fsdev);
	event_post(fsdev->events, FSDEV_EVENT_GROWN, 0, old, size);
	failure_tell_early(fsdev, old);
	remembered_taken(rcu_dereference_protected(fsdev->grown, true), old);
	dev_info(fsdev_dev(fsdev), "grown by %llu MiB to %llu MiB in %u ranges\n",
		 (size - old) >> 20, size >> 20, memory_ranges(fsdev));
	kvfree(before);
}

static int grow_prepare(struct growth *growth)
{
	int rc;

	rc = grow_check_device(growth);
	if (rc)
		return rc;
	rc = grow_read(growth);
	if (rc || !growth->added->nr)
		return rc;
	rc = grow_check_ranges(growth);
	if (rc)
		return rc;
	return grow_make_map(growth);
}

static int grow_device(struct fsdev *fsdev)
{
	struct growth growth = { .fsdev = fsdev };
	const struct rangemap *before;
	int rc;

	device_lock_assert(fsdev_dev(fsdev));
	before = rcu_dereference_protected(fsdev->grown, true);
	rc = grow_prepare(&growth);
	if (!rc && growth.map) {
		rc = grow_take(&growth);
		if (!rc)
			grow_tell(&growth, before);
	}
	kvfree(growth.map);
	kvfree(growth.added);
	kvfree(growth.geometry);
	return rc;
}

static int grow_locked(struct device *dev)
{
	struct dax_device *dax_dev = container_of(dev, struct dev_dax, dev)->dax_dev;

	if (!dev->driver || !access_is_ours(dax_dev) || !dev_get_drvdata(dev)) {
		dev_err(dev, "cannot grow: it is not bound to fsdev\n");
		return -ENODEV;
	}
	return grow_device(dev_get_drvdata(dev));
}

/* "dax0.0" has that device take up what the bus has given it. */
static ssize_t grow_store(struct device_driver *driver, const char *text, size_t count)
{
	char word[GROW_NAME + 1];
	struct device *dev;
	int rc;

	if (strscpy(word, text, sizeof(word)) < 0)
		return -EINVAL;
	dev = bus_find_device_by_name(driver->bus, NULL, strim(word));
	if (!dev)
		return -ENODEV;
	rc = device_lock_interruptible(dev);
	if (!rc) {
		rc = grow_locked(dev);
		device_unlock(dev);
	}
	put_device(dev);
	return rc ?: count;
}

static DRIVER_ATTR_WO(grow);

static struct attribute *grow_attributes[] = {
	&driver_attr_grow.attr,
	NULL,
};

const struct attribute_group grow_group = {
	.attrs = grow_attributes,
};
