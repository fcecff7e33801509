// SPDX-License-Identifier: GPL-2.0
/*
 * Lookup: from a device number or a path to the DAX device.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/namei.h>

#include "device.h"
#include "include/fsdev/dax.h"
#include "lookup.h"

static const struct device_driver *our_driver;

/**
 * lookup_init() - gets ready to look devices up
 * @driver: a driver of the DAX bus
 *
 * Context: once, before the first lookup.
 */
void lookup_init(const struct device_driver *driver)
{
	our_driver = driver;
}

/**
 * fsdev_find_dax() - the DAX device of a device number
 * @devt: of a character device /dev/daxX.Y, in whatever mode
 *
 * Context: may sleep.
 * Return: the device, to be given back by put_dax(); NULL if no device on the DAX bus has that
 * number.
 */
struct dax_device *fsdev_find_dax(dev_t devt)
{
	struct dax_device *dax_dev;
	struct device *dev;

	dev = bus_find_device_by_devt(our_driver->bus, devt);
	if (!dev)
		return NULL;
	dax_dev = container_of(dev, struct dev_dax, dev)->dax_dev;
	/* the device holds a reference, and we hold the device */
	if (!igrab(dax_inode(dax_dev)))
		dax_dev = NULL;
	put_device(dev);
	return dax_dev;
}
EXPORT_SYMBOL_GPL(fsdev_find_dax);

/* What open() asks before it believes a device file. */
static bool has_no_devices(const struct vfsmount *mnt)
{
	return (mnt->mnt_flags & MNT_NODEV) || (mnt->mnt_sb->s_iflags & SB_I_NODEV);
}

/**
 * fsdev_find_dax_by_path() - the DAX device of a path
 * @path: of a character device /dev/daxX.Y, in whatever mode
 *
 * Context: may sleep; the path is that of the calling process.
 * Return: the device, to be given back by put_dax(); -EINVAL if the path is no character device,
 * -EACCES if its file system has no devices, -ENODEV if no DAX device has its number, or what the
 * walk along the path gives.
 */
struct dax_device *fsdev_find_dax_by_path(const char *path)
{
	struct dax_device *dax_dev;
	const struct inode *inode;
	struct path found;
	int rc;

	rc = kern_path(path, LOOKUP_FOLLOW, &found);
	if (rc)
		return ERR_PTR(rc);
	inode = d_backing_inode(found.dentry);
	if (!S_ISCHR(inode->i_mode)) {
		dax_dev = ERR_PTR(-EINVAL);
	} else if (has_no_devices(found.mnt)) {
		dax_dev = ERR_PTR(-EACCES);
	} else {
		dax_dev = fsdev_find_dax(inode->i_rdev);
		if (!dax_dev)
			dax_dev = ERR_PTR(-ENODEV);
	}
	path_put(&found);
	return dax_dev;
}
EXPORT_SYMBOL_GPL(fsdev_find_dax_by_path);
