// SPDX-License-Identifier: GPL-2.0
/*
 * Shared memory: devices whose memory other hosts write, where no hardware keeps caches coherent.
 *
 * User space names them in the driver's attribute `shared`, before they are bound. On such a device
 *
 *  - what is written to it leaves the caches: blocks and write() before they are complete,
 *    stores through mappings at msync(2) and fsync(2), as on persistent memory;
 *  - what is read from it comes from the memory: cache lines are written back and invalidated
 *    before blocks are read, when a file system asks for an address, and in a page fault;
 *  - an unbind leaves nothing of it in the caches.
 *
 * A load through a mapping that is there already is not seen; FSDEV_IOC_INVALIDATE is for those. A
 * line is written back first, as some architectures drop what they invalidate. Poisoned pages are
 * left out of all of it.
 */
#include <linux/device.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "blocked.h"
#include "device.h"
#include "memory.h"
#include "shared.h"

/* Long enough for the name of a DAX device. */
#define SHARED_NAME 32

/* A name in the attribute. */
struct shared_name {
	struct list_head node;
	char name[SHARED_NAME];
};

static LIST_HEAD(shared_names);
static size_t shared_chars;		/* that shared_show() prints */
static DEFINE_MUTEX(shared_lock);	/* protects both */

static struct shared_name *find_name(const char *name)
{
	struct shared_name *one;

	lockdep_assert_held(&shared_lock);
	list_for_each_entry(one, &shared_names, node)
		if (!strcmp(one->name, name))
			return one;
	return NULL;
}

static int add_name(const char *name)
{
	struct shared_name *one;

	if (find_name(name))
		return 0;
	/* an attribute is at most a page, with its end */
	if (shared_chars + strlen(name) + 1 >= PAGE_SIZE)
		return -ENOSPC;
	one = kzalloc(sizeof(*one), GFP_KERNEL);
	if (!one)
		return -ENOMEM;
	strscpy(one->name, name, sizeof(one->name));
	list_add_tail(&one->node, &shared_names);
	shared_chars += strlen(one->name) + 1;
	return 0;
}

static void remove_name(const char *name)
{
	struct shared_name *one = find_name(name);

	if (!one)
		return;
	shared_chars -= strlen(one->name) + 1;
	list_del(&one->node);
	kfree(one);
}

/* "dax0.0" adds a name, "-dax0.0" takes it away. Counts from the next bind on. */
static ssize_t shared_store(struct device_driver *driver, const char *text, size_t count)
{
	char word[SHARED_NAME + 2], *name;
	int rc = 0;

	if (strscpy(word, text, sizeof(word)) < 0)
		return -EINVAL;
	name = strim(word);
	if (!strstarts(name + (*name == '-'), "dax"))
		return -EINVAL;
	/* to say that none is shared is true everywhere */
	if (!MEMORY_CAN_REFRESH && *name != '-')
		return -EOPNOTSUPP;
	mutex_lock(&shared_lock);
	if (*name == '-')
		remove_name(name + 1);
	else
		rc = add_name(name);
	mutex_unlock(&shared_lock);
	return rc ?: count;
}

static ssize_t shared_show(struct device_driver *driver, char *page)
{
	struct shared_name *one;
	ssize_t len = 0;

	mutex_lock(&shared_lock);
	list_for_each_entry(one, &shared_names, node)
		len += sysfs_emit_at(page, len, "%s\n", one->name);
	mutex_unlock(&shared_lock);
	return len;
}

static DRIVER_ATTR_RW(shared);

static struct attribute *shared_attributes[] = {
	&driver_attr_shared.attr,
	NULL,
};

/* for the driver core */
const struct attribute_group shared_group = {
	.attrs = shared_attributes,
};

/**
 * shared_start() - learn whether other hosts write to a device's memory
 * @fsdev: a device that nothing can reach yet; after platform_start()
 *
 * Context: probe, may sleep.
 * Return: 0.
 */
int shared_start(struct fsdev *fsdev)
{
	mutex_lock(&shared_lock);
	fsdev->shared = find_name(dev_name(fsdev_dev(fsdev)));
	mutex_unlock(&shared_lock);
	if (fsdev->shared) {
		fsdev->past_caches = true;
		fsdev->platform.cached = true;
	}
	return 0;
}

/**
 * shared_stop() - leave nothing of a shared device in this host's caches
 * @fsdev: a device that nothing stores to any more
 *
 * Stores through a mapping whose file was deleted, or that came after the last sync, are in the
 * caches still. The processor would write them out at some time, over what another host has
 * written since.
 *
 * Context: removal, before the page maps go; may sleep.
 */
void shared_stop(struct fsdev *fsdev)
{
	if (!fsdev->shared)
		return;
	blocked_by(fsdev,
		   "its memory is being written back from the caches, waiting for the last byte");
	memory_refresh_range(fsdev, 0, memory_size(fsdev));
}

/**
 * shared_exit() - forget all names
 *
 * Context: module unload.
 */
void shared_exit(void)
{
	struct shared_name *one, *next;

	list_for_each_entry_safe(one, next, &shared_names, node)
		kfree(one);
}
