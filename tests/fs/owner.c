// SPDX-License-Identifier: GPL-2.0
/*
 * Owning devices: from a path to the DAX device, and what is done when its memory fails or goes.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>

#include <fsdev/dax.h>

#include "slotfs.h"

static bool marks_only;
module_param(marks_only, bool, 0600);
MODULE_PARM_DESC(marks_only, "leave the mappings of a device that goes to its driver (default: N)");

/*
 * A failure can be reported while its mount is being taken down, and a release does not wait for
 * that. So a mount is looked up by its device, under a lock, and unmounting takes it out first.
 */
static DEFINE_MUTEX(mounts_lock);
static LIST_HEAD(mounts);

static struct slotfs_device *device_of(const struct dax_device *dax_dev)
{
	struct slotfs *fs;

	list_for_each_entry(fs, &mounts, node)
		for (unsigned int i = 0; i < fs->devices; i++)
			if (fs->device[i].dax_dev == dax_dev)
				return &fs->device[i];
	return NULL;
}

/* A piece of one file has failed: every process that has it mapped gets SIGBUS. */
static int fail_piece(struct slotfs *fs, unsigned int index, u64 from, u64 to, int mf_flags)
{
	struct inode *inode = fs->inodes[index];
	pgoff_t first = from >> PAGE_SHIFT, end = PAGE_ALIGN(to) >> PAGE_SHIFT;

	pr_warn("slotfs: %s: file%u has lost bytes %llu to %llu\n", inode->i_sb->s_id, index, from,
		to - 1);
	return mf_dax_kill_procs(inode->i_mapping, first, end - first, mf_flags);
}

/*
 * No new access to the device, and no old mapping either (fsdev does that, too); the files on other
 * devices go on.
 */
static void shut_down(struct slotfs_device *device)
{
	unsigned int end = device->first + device->files;

	WRITE_ONCE(device->gone, true);
	for (unsigned int i = device->first; i < end && !READ_ONCE(marks_only); i++) {
		struct address_space *mapping = device->fs->inodes[i]->i_mapping;

		filemap_invalidate_lock(mapping);
		unmap_mapping_range(mapping, 0, 0, 1);
		filemap_invalidate_unlock(mapping);
	}
	pr_warn("slotfs: the device goes, or its superblock has failed: file%u to file%u are shut down\n",
		device->first, end - 1);
}

/* Offsets are the device's, in bytes; a span may lie over several files. */
static int notify(struct slotfs_device *device, u64 offset, u64 len, int mf_flags)
{
	u64 slot_bytes = device->fs->slot_bytes;
	int rc = 0;

	/*
	 * Removal is told as a failure of all there is; 6.1 knows no such notice, and there it is
	 * one of the first page, without which there is no file system either.
	 */
	if (offset < sizeof(struct slotfs_disk)) {
		shut_down(device);
		return 0;
	}
	for (unsigned int i = device->first; i < device->first + device->files; i++) {
		u64 start = slotfs_start(device, i);
		u64 from = max(offset, start), to = min(offset + len, start + slot_bytes);

		if (from < to)
			rc = fail_piece(device->fs, i, from - start, to - start, mf_flags) ?: rc;
	}
	return rc;
}

static int notify_failure(struct dax_device *dax_dev, u64 offset, u64 len, int mf_flags)
{
	struct slotfs_device *device;
	int rc = -EOPNOTSUPP;

	mutex_lock(&mounts_lock);
	device = device_of(dax_dev);
	if (device)
		rc = notify(device, offset, len, mf_flags);
	mutex_unlock(&mounts_lock);
	return rc;
}

static const struct dax_holder_operations holder_ops = { .notify_failure = notify_failure };

/**
 * slotfs_own() - finds a device and becomes its holder
 * @fs: the mount that gets it
 * @path: of a character device /dev/daxX.Y in fsdev mode
 *
 * Context: may sleep. What it got is given back by slotfs_disown(), also after an error.
 * Return: 0, or what finding and claiming give.
 */
int slotfs_own(struct slotfs *fs, const char *path)
{
	struct slotfs_device *device = &fs->device[fs->devices];
	struct dax_device *dax_dev;
	int rc;

	if (fs->devices == SLOTFS_MAX_DEVICES)
		return -E2BIG;
	dax_dev = fsdev_find_dax_by_path(path);
	if (IS_ERR(dax_dev))
		return PTR_ERR(dax_dev);
	device->fs = fs;
	device->dax_dev = dax_dev;
	fs->devices++;
	/* each device has a holder of its own: a mount that names one twice is refused */
	rc = fs_dax_get(dax_dev, device, &holder_ops);
	if (rc)
		return rc;
	device->owned = true;
	return 0;
}

/**
 * slotfs_follow() - from here on failures reach the mount
 * @fs: a mount that has its files
 */
void slotfs_follow(struct slotfs *fs)
{
	mutex_lock(&mounts_lock);
	list_add(&fs->node, &mounts);
	mutex_unlock(&mounts_lock);
}

/**
 * slotfs_disown() - gives the devices back
 * @fs: what holds them, whether or not all of slotfs_own() had succeeded
 *
 * Context: may sleep; the files are still there, as a failure may be under way in them.
 */
void slotfs_disown(struct slotfs *fs)
{
	mutex_lock(&mounts_lock);
	list_del_init(&fs->node);
	mutex_unlock(&mounts_lock);
	for (unsigned int i = 0; i < fs->devices; i++) {
		struct slotfs_device *device = &fs->device[i];

		if (device->owned)
			fs_put_dax(device->dax_dev, device);
		if (device->dax_dev)
			put_dax(device->dax_dev);
		device->owned = false;
		device->dax_dev = NULL;
	}
}
