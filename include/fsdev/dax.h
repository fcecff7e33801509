/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For an out-of-tree file system: find and claim a character DAX device as a file system for Linux
 * 7.x does it, on any kernel that fsdev supports.
 *
 * A function that is declared under an upstream name is the kernel's where the kernel exports it,
 * and otherwise fsdev.ko's of the same name, signature and meaning; the kernel's header may declare
 * it as well. So on older kernels build with KBUILD_EXTRA_SYMBOLS=.../Module.symvers of fsdev;
 * depmod then has fsdev loaded first.
 *
 * What the header of every kernel has (fs_put_dax(), fs_dax_get_by_bdev(), dax_direct_access(),
 * dax_holder_operations, ...) is not repeated. A holder does:
 *
 *	dax_dev = fsdev_find_dax_by_path("/dev/dax0.0");
 *	rc = fs_dax_get(dax_dev, holder, &holder_ops);
 *	...
 *	fs_put_dax(dax_dev, holder);
 *	put_dax(dax_dev);
 *
 * @holder is an address that no other holder uses (a superblock). holder_ops.notify_failure() is
 * called with device offsets in bytes when memory has failed, and once with MF_MEM_PRE_REMOVE
 * before the device is removed: the file system shuts down then, and still calls fs_put_dax()
 * later. (6.1 does not know that flag: there the first page is reported as failed.)
 *
 * fs_put_dax() does not wait for a notify_failure() that is running. So notify_failure() asks
 * fsdev_dax_holder() for its holder, which may be NULL, and a holder that is to be freed is
 * drained after its release:
 *
 *	fs_put_dax(dax_dev, holder);
 *	fsdev_notify_drain();
 *	kfree(holder);
 */
#ifndef FSDEV_DAX_H
#define FSDEV_DAX_H

#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/poison.h>

/**
 * fs_dax_get() - claim a DAX device
 * @dax_dev: the device
 * @holder: the new holder
 * @hops: called when its memory fails and before it is removed
 *
 * Excludes, and is excluded by, a claim of the block device of the same memory. A holder that has
 * not released the device when it is unbound gets -ENXIO from then on, and fsdev does not bind the
 * device again before fs_put_dax().
 *
 * Context: may sleep; takes the device's lock, so not from inside @hops.
 * Return: 0; -ENODEV if the device is dead or being removed, -EOPNOTSUPP if it is alive and not in
 * fsdev mode, or that of a block device; -EBUSY if it has a holder or its block device is claimed.
 * (The function of 7.x calls a device that is being removed -EBUSY.)
 */
int fs_dax_get(struct dax_device *dax_dev, void *holder, const struct dax_holder_operations *hops);

/**
 * dax_dev_get() - find the DAX device of a device number
 * @devt: of a character device /dev/daxX.Y
 *
 * The kernel's own makes a new device for a number that none has; see fsdev_find_dax().
 *
 * Context: may sleep.
 * Return: the device, to be given back by put_dax(); or NULL.
 */
struct dax_device *dax_dev_get(dev_t devt);

/**
 * dax_dev_find() - find the live DAX device of a device number
 * @devt: of a character device /dev/daxX.Y, in whatever mode
 *
 * Makes no device. It may be dead a moment later; fs_dax_get() looks again.
 *
 * Context: may sleep.
 * Return: the device, to be given back by put_dax(); NULL if none has that number, or it is dead.
 */
struct dax_device *dax_dev_find(dev_t devt);

/**
 * dax_set_ops() - set or clear the operations of a DAX device
 * @dax_dev: a DAX device that is not alive
 * @ops: the operations; NULL clears them
 *
 * Context: any.
 * Return: 0, or -EBUSY if there are other operations already.
 */
int dax_set_ops(struct dax_device *dax_dev, const struct dax_operations *ops);

/* These are fsdev.ko's on every kernel; kernel-doc in driver/exports.c. */
struct dax_device *fsdev_find_dax(dev_t devt);
struct dax_device *fsdev_find_dax_by_path(const char *path);
long fsdev_whole(struct dax_device *dax_dev, void **kaddr);
void fsdev_notify_drain(void);

/* In the place of a holder: claims are refused. No memory has this address. */
#define FSDEV_CLAIMS_DENIED (POISON_POINTER_DELTA + 0xfd0UL)

/**
 * fsdev_dax_holder() - get the holder of a DAX device
 * @dax_dev: the device
 *
 * For notify_failure(), in the place of dax_holder(): that gives FSDEV_CLAIMS_DENIED as an address
 * where the holder has released the device meanwhile, and the device is being removed or its block
 * device is claimed.
 *
 * Context: any; the holder may release the device at any time.
 * Return: the holder; NULL if there is none.
 */
static inline void *fsdev_dax_holder(struct dax_device *dax_dev)
{
	void *holder = dax_holder(dax_dev);

	return (unsigned long)holder == FSDEV_CLAIMS_DENIED ? NULL : holder;
}

/**
 * fsdev_may_open_dev() - check whether device files count at a path
 * @path: of a device file
 *
 * In the place of may_open_dev(), which no kernel exports.
 *
 * Context: any.
 * Return: false if its mount or its file system is one without devices.
 */
static inline bool fsdev_may_open_dev(const struct path *path)
{
	return !(path->mnt->mnt_flags & MNT_NODEV) &&
	       !(path->mnt->mnt_sb->s_iflags & SB_I_NODEV);
}

/**
 * fsdev_kill_char_super() - end a superblock that has the number of a character device
 * @sb: made by sget_dev() with the number of /dev/daxX.Y
 *
 * For kill_sb(), in the place of kill_char_super() of file systems that bring a patch for one.
 * kill_anon_super() would free a number that it never gave. A file system that keeps its dentries
 * by reference counts drops them before this, as kill_litter_super() does where there is one.
 *
 * Context: kill_sb(); the caller releases the DAX device afterwards.
 */
static inline void fsdev_kill_char_super(struct super_block *sb)
{
	generic_shutdown_super(sb);
}

#endif
