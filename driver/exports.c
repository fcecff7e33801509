// SPDX-License-Identifier: GPL-2.0
/*
 * Exports: what other modules call: find the DAX device of a device number or a path, and claim
 * one as a file system does.
 */
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/sched.h>

#include "access.h"
#include "clamp.h"
#include "device.h"
#include "disk.h"
#include "exports.h"
#include "holder.h"
#include "include/fsdev/dax.h"
#include "memory.h"
#include "poison.h"

static const struct device_driver *our_driver;

/**
 * exports_init() - prepare to find devices
 * @driver: a driver of the DAX bus
 *
 * Context: module load.
 */
void exports_init(const struct device_driver *driver)
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

/**
 * exports_find_alive() - find the live DAX device of a device number
 * @devt: of a character device /dev/daxX.Y, in whatever mode
 *
 * This is dax_dev_find().
 *
 * Context: may sleep.
 * Return: the device, to be given back by put_dax(); NULL if no device on the DAX bus has that
 * number, or it is dead.
 */
struct dax_device *exports_find_alive(dev_t devt)
{
	struct dax_device *dax_dev = fsdev_find_dax(devt);
	bool alive;
	int id;

	if (!dax_dev)
		return NULL;
	id = dax_read_lock();
	alive = dax_alive(dax_dev);
	dax_read_unlock(id);
	if (alive)
		return dax_dev;
	put_dax(dax_dev);
	return NULL;
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
	} else if (!fsdev_may_open_dev(&found)) {
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

static long whole_device(struct fsdev *fsdev, void **kaddr)
{
	struct rangemap_piece first;
	u64 size = memory_size(fsdev);

	/* not memory_lookup(): that ends where the device ended at probe */
	memory_range(fsdev, 0, &first);
	if (READ_ONCE(fsdev->platform.read_only))
		return -EROFS;
	if (first.len < size) {
		dev_info(fsdev_dev(fsdev),
			 "%u ranges that are not one piece: no single address for all of it\n",
			 memory_ranges(fsdev));
		return -EXDEV;
	}
	if (poison_good(&fsdev->poison, 0, size) < size) {
		dev_info(fsdev_dev(fsdev),
			 "%llu bytes are poisoned: no single address for all of it\n",
			 poison_bytes(&fsdev->poison));
		return -EIO;
	}
	if (fsdev->shared)
		memory_refresh_range(fsdev, 0, size);
	*kaddr = __va(first.phys);
	return size;
}

/**
 * fsdev_whole() - get one address for the whole device
 * @dax_dev: a device on the DAX bus whose holder is the caller
 * @kaddr: where to put the address
 *
 * For a file system that does not ask dax_direct_access() for each part. The address is good until
 * notify_failure() has returned from the news of the removal; a page that it reports as failed is
 * not to be touched any more.
 *
 * Context: may sleep.
 * Return: the size in bytes; -EROFS if the memory is read-only, -EXDEV if it is more than one
 * piece, -EIO if a page of it is poisoned, -EOPNOTSUPP if the device is not in fsdev mode, -ENODEV
 * without a live device. The log says what is in the way.
 */
long fsdev_whole(struct dax_device *dax_dev, void **kaddr)
{
	long size = -ENODEV;
	int id;

	id = dax_read_lock();
	if (dax_dev && dax_alive(dax_dev))
		size = access_is_ours(dax_dev) ? whole_device(fsdev_of(dax_dev), kaddr) :
		       -EOPNOTSUPP;
	dax_read_unlock(id);
	return size;
}
EXPORT_SYMBOL_GPL(fsdev_whole);

/**
 * fsdev_notify_drain() - wait for running calls of notify_failure()
 *
 * A holder calls this after fs_put_dax(), and then frees what its notify_failure() uses. Waits for
 * the calls of all holders.
 *
 * Context: may sleep. Not from inside notify_failure(), nor under a lock that one takes.
 */
void fsdev_notify_drain(void)
{
	holder_drain();
}
EXPORT_SYMBOL_GPL(fsdev_notify_drain);

/* Gets a reference to a device in fsdev mode, for put_device(), if its removal has not begun. */
static int find_device(struct dax_device *dax_dev, struct device **dev)
{
	int rc = 0, id;

	id = dax_read_lock();
	if (!dax_dev || !dax_alive(dax_dev) || test_bit(HOLDER_DYING, &dax_dev->flags))
		rc = -ENODEV;
	else if (!access_is_ours(dax_dev) || dax_dev != fsdev_bus_dax(fsdev_of(dax_dev)))
		rc = -EOPNOTSUPP;
	else
		*dev = get_device(fsdev_dev(fsdev_of(dax_dev)));
	dax_read_unlock(id);
	return rc;
}

/*
 * The same with the device_lock. An unbind holds it for as long as something uses the device, and
 * is not waited for: the caller may be a mount, behind which sync(2) waits.
 */
static int lock_device(struct dax_device *dax_dev, struct device **dev)
{
	for (;;) {
		int rc = find_device(dax_dev, dev);

		if (rc || device_trylock(*dev))
			return rc;
		put_device(*dev);
		schedule_timeout_uninterruptible(1);
	}
}

/**
 * exports_claim() - claim a device without its block device
 * @dax_dev: the device; NULL counts as a dead one
 * @holder: the new holder; an address that no other holder uses
 * @ops: what to call when its memory fails or is about to go, or NULL
 *
 * This is the claim of fs_dax_get(). As fsdev_holder_claim(), but it also excludes, and is excluded
 * by, claims of the block device. An open without a claim does neither.
 *
 * Context: may sleep; does not wait for a removal of the device. Not from inside @ops.
 * Return: 0; -ENODEV if the device is dead, is being removed or was unbound, -EOPNOTSUPP if it is
 * not in fsdev mode or that of a block device, -EBUSY if it has a holder or its block device is
 * claimed, -EINVAL without @holder.
 */
int exports_claim(struct dax_device *dax_dev, void *holder,
		  const struct dax_holder_operations *ops)
{
	struct device *dev;
	int rc;

	/* keeps the disk; removal holds this lock and takes the disk's inside it, as here */
	rc = lock_device(dax_dev, &dev);
	if (rc)
		return rc;
	if (!access_is_ours(dax_dev))
		rc = -ENODEV;
	else if (memory_ranges(fsdev_of(dax_dev)) > 1 || memory_has_grown(fsdev_of(dax_dev)))
		/* an out-of-tree file system may share blocks, too */
		rc = clamp_get(fsdev_of(dax_dev));
	if (!rc) {
		disk_look_for_claims(fsdev_of(dax_dev));
		rc = fsdev_holder_claim_bus(fsdev_of(dax_dev), holder, ops);
	}
	device_unlock(dev);
	put_device(dev);
	return rc;
}
