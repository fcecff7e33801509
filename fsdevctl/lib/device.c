// SPDX-License-Identifier: GPL-2.0
/*
 * The machine's DAX devices. What the field's libraries know comes from them: libdaxctl for the
 * device itself, origin.c for where it comes from; the driver and the block device from sysfs.
 */
#include <daxctl/libdaxctl.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "journal.h"
#include "node.h"
#include "origin.h"
#include "page.h"
#include "sysfs.h"

/**
 * device_named_is_ours() - tell whose the loaded driver fsdev_dax is
 *
 * On kernels without one, the module of that name is fsdev under another name: it needs fsdev.ko,
 * which the kernel's own does not.
 *
 * Return: whether it is loaded and ours.
 */
bool device_named_is_ours(void)
{
	return sysfs_there("/sys/module/fsdev/holders/" NAMED_DRIVER);
}

static enum mode driver_mode(const char *driver)
{
	if (!strcmp(driver, NAMED_DRIVER) && device_named_is_ours())
		return MODE_FSDEV;
	return mode_of_driver(driver);
}

/**
 * device_mode_now() - ask the kernel which driver has a device at this moment
 * @device: the device
 *
 * Return: its mode; MODE_NONE without a driver.
 */
enum mode device_mode_now(const struct device *device)
{
	char driver[DEVICE_NAME];

	if (sysfs_link_name(driver, sizeof(driver), DAX_BUS "/devices/%s/driver", device->name))
		return MODE_NONE;
	return driver_mode(driver);
}

static int by_offset(const void *a, const void *b)
{
	const struct device_range *left = a, *right = b;

	return (left->offset > right->offset) - (left->offset < right->offset);
}

/* Physical addresses are root's: what libdaxctl makes of what it may not read is wrong. */
static bool is_readable(const struct device *device)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DAX_BUS "/devices/%s/mapping0/start", device->name);
	if (sysfs_there("%s", path))
		return !access(path, R_OK);
	snprintf(path, sizeof(path), DAX_BUS "/devices/%s/resource", device->name);
	return !access(path, R_OK);
}

/* A device that is not dynamic has no mapping attributes: one range from its resource on. */
static int ranges_load(struct device *device, struct daxctl_dev *dev)
{
	struct daxctl_mapping *mapping;
	unsigned int room = 0;

	device->addresses_known = is_readable(device);
	if (!device->addresses_known)
		return 0;

	daxctl_mapping_foreach(dev, mapping)
		room++;
	device->ranges = calloc(room ? room : 1, sizeof(*device->ranges));
	if (!device->ranges)
		return -ENOMEM;
	if (!room) {
		device->ranges[0].start = device->resource;
		device->ranges[0].len = device->size;
		device->nr_ranges = device->size ? 1 : 0;
		return 0;
	}
	daxctl_mapping_foreach(dev, mapping) {
		struct device_range *range = &device->ranges[device->nr_ranges++];

		range->start = daxctl_mapping_get_start(mapping);
		range->len = daxctl_mapping_get_end(mapping) - range->start + 1;
		range->offset = daxctl_mapping_get_offset(mapping) * page_size();
	}
	qsort(device->ranges, device->nr_ranges, sizeof(*device->ranges), by_offset);
	return 0;
}

static void disk_load(struct device *device)
{
	char text[4];

	device->disk[0] = '\0';
	if (device->mode == MODE_FSDEV)
		snprintf(device->disk, sizeof(device->disk), "fsdev%.20s", device->name + 3);
	if (device->disk[0] && !sysfs_there("/sys/class/block/%s", device->disk))
		device->disk[0] = '\0';
	device->read_only = device->disk[0] &&
		!sysfs_read(text, sizeof(text), "/sys/class/block/%s/ro", device->disk) &&
		!strcmp(text, "1");
}

/* No stock kernel has the attribute yet; a device without a tag has one of zeros there. */
static void uuid_load(struct device *device)
{
	char text[64];

	if (sysfs_read(text, sizeof(text), DAX_BUS "/devices/%s/uuid", device->name) ||
	    strlen(text) != sizeof(device->uuid) - 1 || !text[strspn(text, "0-")])
		return;
	memcpy(device->uuid, text, sizeof(device->uuid));
}

static int device_load(struct device *device, struct daxctl_dev *dev, bool brief)
{
	struct daxctl_region *region = daxctl_dev_get_region(dev);
	const char *path = daxctl_region_get_path(region);

	snprintf(device->name, sizeof(device->name), "%s", daxctl_dev_get_devname(dev));
	snprintf(device->region_path, sizeof(device->region_path), "%s",
		 !strncmp(path, "/sys/devices", 12) ? path + 12 : path);
	device->region = daxctl_region_get_id(region);
	device->size = daxctl_dev_get_size(dev);
	device->align = daxctl_dev_get_align(dev);
	device->resource = daxctl_dev_get_resource(dev);
	device->node = daxctl_dev_get_target_node(dev);
	if (sysfs_link_name(device->driver, sizeof(device->driver), DAX_BUS "/devices/%s/driver",
			    device->name))
		device->driver[0] = '\0';
	device->mode = driver_mode(device->driver);
	device->interrupted = device->mode == MODE_NONE ? journal_read(device) : MODE_OTHER;
	device->kind = KIND_UNKNOWN;
	uuid_load(device);
	disk_load(device);
	return brief ? 0 : ranges_load(device, dev);
}

static int by_name(const void *a, const void *b)
{
	const struct device *left = a, *right = b;

	return strverscmp(left->name, right->name);
}

static int gather(struct devices *devices, struct daxctl_ctx *ctx, bool brief)
{
	struct daxctl_region *region;
	struct daxctl_dev *dev;

	daxctl_region_foreach(ctx, region) {
		daxctl_dev_foreach(region, dev) {
			struct device *more = realloc(devices->device,
						      (devices->count + 1) * sizeof(*more));
			int rc;

			if (!more)
				return -ENOMEM;
			devices->device = more;
			memset(&more[devices->count], 0, sizeof(*more));
			rc = device_load(&more[devices->count++], dev, brief);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static enum outcome load(struct devices *devices, bool brief)
{
	struct daxctl_ctx *ctx;
	int rc;

	memset(devices, 0, sizeof(*devices));
	rc = daxctl_new(&ctx);
	if (rc)
		return say(FAILED, "cannot ask libdaxctl: %s", strerror(-rc));
	rc = gather(devices, ctx, brief);
	daxctl_unref(ctx);
	if (rc) {
		devices_free(devices);
		return say(FAILED, "cannot read the DAX devices: %s", strerror(-rc));
	}
	if (devices->count)
		qsort(devices->device, devices->count, sizeof(*devices->device), by_name);
	if (brief)
		return DONE;
	origins_load(devices);
	for (unsigned int i = 0; i < devices->count; i++)
		device_bad_load(&devices->device[i]);
	return DONE;
}

/**
 * devices_load() - look at every DAX device of the machine
 * @devices: the devices, in the order of their names; freed by devices_free()
 *
 * Return: DONE, or FAILED after saying why.
 */
enum outcome devices_load(struct devices *devices)
{
	return load(devices, false);
}

/**
 * devices_load_brief() - load devices without ranges, origin and bad memory
 * @devices: the devices, in the order of their names; freed by devices_free()
 *
 * For what looks again and again: the kernel can deadlock where an attribute of a range is read while
 * another program gives the device another size.
 *
 * Return: DONE, or FAILED after saying why.
 */
enum outcome devices_load_brief(struct devices *devices)
{
	return load(devices, true);
}

/**
 * devices_free() - free what devices_load() made
 * @devices: the devices
 */
void devices_free(struct devices *devices)
{
	for (unsigned int i = 0; i < devices->count; i++) {
		free(devices->device[i].ranges);
		free(devices->device[i].cxl_serials);
		free(devices->device[i].bad);
	}
	free(devices->device);
	memset(devices, 0, sizeof(*devices));
}

static int add_bad(struct device *device, uint64_t offset, uint64_t len)
{
	unsigned int n = device->nr_bad;
	struct device_bad *more = device->bad;

	/* there is room for a power of two of them */
	if (!(n & (n - 1)))
		more = realloc(more, (n ? 2 * n : 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	device->bad = more;
	more[n].offset = offset;
	more[n].len = len;
	device->nr_bad++;
	device->bad_bytes += len;
	return 0;
}

/* The block device's list counts in sectors; it is there for users who may not open the node. */
static int bad_from_disk(struct device *device)
{
	unsigned long long sector, sectors;
	char path[PATH_MAX];
	int rc = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/block/%s/badblocks", device->disk);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!rc && fscanf(file, "%llu %llu", &sector, &sectors) == 2)
		rc = add_bad(device, sector * 512, sectors * 512);
	fclose(file);
	return rc;
}

/**
 * device_bad_load() - load a device's bad ranges anew
 * @device: the device
 *
 * Return: 0, also where the device is not in fsdev mode and so nothing is known; or a negative
 * errno.
 */
int device_bad_load(struct device *device)
{
	int rc;

	free(device->bad);
	device->bad = NULL;
	device->nr_bad = 0;
	device->bad_bytes = 0;
	if (device->mode != MODE_FSDEV)
		return 0;
	rc = node_bad(device, add_bad);
	if (rc && device->disk[0] && !device->nr_bad)
		rc = bad_from_disk(device);
	device->bad_known = !rc;
	return rc;
}
