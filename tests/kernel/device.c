// SPDX-License-Identifier: GPL-2.0
/*
 * Devices: regions and DAX devices of any shape, over unused memory.
 *
 *   make-dynamic ID START LENGTH ALIGN   without ranges; user space writes those to its "mapping"
 *   make-static ID START LENGTH ALIGN FROM LENGTH
 *                             with a page map of the last two; of length 0: without
 *   unmake ID
 *   fails ID                  the next probe of its parent fails, after it has made the device
 *   spoil-second-range ID     gives dev_dax->ranges a second, false range
 *   spoil-ranges ID           replaces dev_dax->ranges by ones that are all wrong
 *   spoil-map ID              gives the device a page map that is not one
 *   spoil-operations ID       gives the DAX device operations that are none
 *   mend ID                   undoes these four
 *   take START LENGTH ID      reserves memory; undone by "yield ID"
 *   yield ID
 */
#include <linux/fs.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "fsdev_test.h"

/* what drivers/dax/bus.h gives to a region whose devices bring their page maps */
#define REGION_IS_STATIC BIT(0)

LIST_HEAD(test_devices);

static const struct dax_operations no_operations;
static struct dev_pagemap no_map;

/**
 * device_find() - a device that was made
 * @id: its number as text
 *
 * Context: the command lock.
 * Return: the device or NULL.
 */
struct test_device *device_find(const char *id)
{
	struct test_device *device;
	int wanted;

	if (kstrtoint(id, 0, &wanted))
		return NULL;
	list_for_each_entry(device, &test_devices, node)
		if (device->id == wanted)
			return device;
	pr_err("fsdev_test: there is no device %d\n", wanted);
	return NULL;
}

/**
 * device_disk() - opens the block device of a device in fsdev mode
 * @device: the device
 * @flags: as of open()
 *
 * Context: may sleep.
 * Return: the file, for fput(); or an error pointer.
 */
struct file *device_disk(const struct test_device *device, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/fsdev%d.0", device->id);
	return filp_open(path, flags, 0);
}

static void device_forget(void *device)
{
	((struct test_device *)device)->dev_dax = NULL;
}

static int device_probe(struct platform_device *pdev)
{
	struct test_device *device = *(struct test_device **)dev_get_platdata(&pdev->dev);
	struct dev_pagemap pgmap = { .range = device->map, .nr_range = 1 };
	struct dev_dax_data data = { .id = device->fixed ? 0 : -1 };
	struct dev_dax *dev_dax;

	data.dax_region = alloc_dax_region(&pdev->dev, device->id, &device->data, NUMA_NO_NODE,
					   device->align, device->fixed ? REGION_IS_STATIC : 0);
	if (!data.dax_region)
		return -ENOMEM;
	if (device->fixed)
		data.size = range_len(&device->data);
	if (device->with_map)
		data.pgmap = &pgmap;
	dev_dax = devm_create_dev_dax(&data);
	if (IS_ERR(dev_dax))
		return PTR_ERR(dev_dax);
#ifdef FSDEV_HAVE_DAX_REGION_PUT
	dax_region_put(data.dax_region);
#endif
	device->dev_dax = dev_dax;
	return devm_add_action_or_reset(&pdev->dev, device_forget, device) ?:
	       device->fails ? -EIO : 0;
}

static struct platform_driver device_driver = {
	.probe = device_probe,
	.driver.name = "fsdev_test",
};

static int register_device(struct test_device *device)
{
	int rc;

	device->pdev = platform_device_alloc("fsdev_test", device->id);
	if (!device->pdev)
		return -ENOMEM;
	rc = platform_device_add_data(device->pdev, &device, sizeof(device));
	if (!rc)
		rc = platform_device_add(device->pdev);
	if (rc) {
		platform_device_put(device->pdev);
		return rc;
	}
	if (device->dev_dax)
		return 0;
	platform_device_unregister(device->pdev);
	return -ENXIO;
}

/* word[0..3]: id, start, length, alignment */
static struct test_device *parse_device(char **word)
{
	struct test_device *device = kzalloc(sizeof(*device), GFP_KERNEL);
	u64 len;

	if (!device)
		return NULL;
	if (kstrtoint(word[0], 0, &device->id) || kstrtou64(word[1], 0, &device->data.start) ||
	    kstrtou64(word[2], 0, &len) || kstrtouint(word[3], 0, &device->align)) {
		kfree(device);
		return NULL;
	}
	device->data.end = device->data.start + len - 1;
	return device;
}

static int add_device(struct test_device *device)
{
	int rc = register_device(device);

	if (rc) {
		kfree(device);
		return rc;
	}
	list_add_tail(&device->node, &test_devices);
	return 0;
}

static int make_dynamic(char **word)
{
	struct test_device *device = parse_device(word);

	return device ? add_device(device) : -EINVAL;
}

static int make_static(char **word)
{
	struct test_device *device = parse_device(word);
	u64 len;

	if (!device)
		return -EINVAL;
	if (kstrtou64(word[4], 0, &device->map.start) || kstrtou64(word[5], 0, &len)) {
		kfree(device);
		return -EINVAL;
	}
	device->fixed = true;
	device->with_map = len;
	device->map.end = device->map.start + len - 1;
	return add_device(device);
}

static void give_back_ranges(struct test_device *device)
{
	struct dev_dax *dev_dax = device->dev_dax;

	if (!device->kept_ranges)
		return;
	kfree(dev_dax->ranges);
	dev_dax->ranges = device->kept_ranges;
	dev_dax->nr_range = device->kept_nr;
	device->kept_ranges = NULL;
}

/* Takes the device's ranges away, and gives it @nr others. */
static struct dev_dax_range *replace_ranges(struct test_device *device, int nr)
{
	struct dev_dax *dev_dax = device->dev_dax;
	struct dev_dax_range *ranges;

	if (device->kept_ranges || !dev_dax->nr_range)
		return NULL;
	ranges = kcalloc(nr, sizeof(*ranges), GFP_KERNEL);
	if (!ranges)
		return NULL;
	device->kept_ranges = dev_dax->ranges;
	device->kept_nr = dev_dax->nr_range;
	dev_dax->ranges = ranges;
	dev_dax->nr_range = nr;
	return ranges;
}

static int spoil_second_range(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct dev_dax_range *ranges = device ? replace_ranges(device, 2) : NULL;
	const struct range *first;

	if (!ranges)
		return -EINVAL;
	ranges[0] = device->kept_ranges[0];
	first = &ranges[0].range;
	ranges[1].pgoff = PHYS_PFN(range_len(first));
	ranges[1].range.start = first->end + 1;
	ranges[1].range.end = first->end + range_len(first);
	return 0;
}

/* Every range that is read from here on is wrong: another place, another size, another order. */
static int spoil_ranges(char **word)
{
	struct test_device *device = device_find(word[0]);
	int nr = device ? device->dev_dax->nr_range : 0;
	struct dev_dax_range *ranges = device ? replace_ranges(device, nr) : NULL;

	if (!ranges)
		return -EINVAL;
	for (int i = 0; i < nr; i++) {
		const struct range *other = &device->kept_ranges[nr - 1 - i].range;

		ranges[i].pgoff = 7 * i;
		ranges[i].range.start = other->start + SZ_1M;
		ranges[i].range.end = other->start + SZ_1M + PAGE_SIZE - 1;
	}
	return 0;
}

static int spoil_map(char **word)
{
	struct test_device *device = device_find(word[0]);

	if (!device || device->dev_dax->pgmap)
		return -EINVAL;
	device->dev_dax->pgmap = &no_map;
	return 0;
}

static int spoil_operations(char **word)
{
	struct test_device *device = device_find(word[0]);

	if (!device || test_dax(device)->ops)
		return -EINVAL;
	test_dax(device)->ops = &no_operations;
	return 0;
}

static void mend_device(struct test_device *device)
{
	if (!device->dev_dax)
		return;
	give_back_ranges(device);
	if (device->dev_dax->pgmap == &no_map)
		device->dev_dax->pgmap = NULL;
	if (test_dax(device)->ops == &no_operations)
		test_dax(device)->ops = NULL;
}

static int mend(char **word)
{
	struct test_device *device = device_find(word[0]);

	if (!device)
		return -EINVAL;
	mend_device(device);
	return 0;
}

static int take(char **word)
{
	struct test_device *device = device_find(word[2]);
	u64 start, len;

	if (!device || device->taken || kstrtou64(word[0], 0, &start) ||
	    kstrtou64(word[1], 0, &len))
		return -EINVAL;
	device->taken = request_mem_region(start, len, "another user");
	return device->taken ? 0 : -EBUSY;
}

static void yield_memory(struct test_device *device)
{
	if (device->taken)
		release_mem_region(device->taken->start, resource_size(device->taken));
	device->taken = NULL;
}

static int yield_verb(char **word)
{
	struct test_device *device = device_find(word[0]);

	if (!device)
		return -EINVAL;
	yield_memory(device);
	return 0;
}

static void remove_device(struct test_device *device)
{
	mend_device(device);
	holder_drop(device);
	yield_memory(device);
	platform_device_unregister(device->pdev);
	list_del(&device->node);
	kfree(device);
}

static int unmake(char **word)
{
	struct test_device *device = device_find(word[0]);

	if (!device)
		return -EINVAL;
	remove_device(device);
	return 0;
}

static int fails(char **word)
{
	struct test_device *device = device_find(word[0]);

	if (!device)
		return -EINVAL;
	device->fails = true;
	return 0;
}

const struct test_verb device_verbs[] = {
	{ "make-dynamic", 4, make_dynamic },
	{ "make-static", 6, make_static },
	{ "unmake", 1, unmake },
	{ "fails", 1, fails },
	{ "spoil-second-range", 1, spoil_second_range },
	{ "spoil-ranges", 1, spoil_ranges },
	{ "spoil-map", 1, spoil_map },
	{ "spoil-operations", 1, spoil_operations },
	{ "mend", 1, mend },
	{ "take", 3, take },
	{ "yield", 1, yield_verb },
	{ }
};

/**
 * device_init() - registers the driver of the devices' parents
 *
 * Return: 0 or a negative errno.
 */
int device_init(void)
{
	return platform_driver_register(&device_driver);
}

/**
 * device_exit() - removes all devices
 */
void device_exit(void)
{
	struct test_device *device, *next;

	list_for_each_entry_safe(device, next, &test_devices, node)
		remove_device(device);
	platform_driver_unregister(&device_driver);
}
