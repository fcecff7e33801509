/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For a file system outside the kernel's tree: finding and owning a character DAX device, as a
 * file system for Linux 7.x does it, on any kernel that fsdev runs on.
 *
 * Nothing here asks which kernel this is. What is declared under an upstream name is the kernel's
 * own function where the kernel exports one, and fsdev.ko's of the same name, signature and meaning
 * where it does not; a kernel's own header may declare it as well. So on older kernels build with
 * KBUILD_EXTRA_SYMBOLS=.../Module.symvers of fsdev; depmod then has fsdev loaded first.
 *
 * What is in the header of every kernel (fs_put_dax(), fs_dax_get_by_bdev(), dax_direct_access(),
 * dax_holder_operations, ...) is not repeated. An owner goes this way:
 *
 *	dax_dev = fsdev_find_dax_by_path("/dev/dax0.0");
 *	rc = fs_dax_get(dax_dev, holder, &holder_ops);
 *	...
 *	fs_put_dax(dax_dev, holder);
 *	put_dax(dax_dev);
 *
 * @holder is an address that is the owner's alone (a superblock). holder_ops.notify_failure() is
 * called with device offsets in bytes when memory has failed, and once with MF_MEM_PRE_REMOVE when
 * the device is about to go: the file system shuts down then, and still calls fs_put_dax(), whenever
 * it comes to it. (6.1 does not know that flag: there the first page is reported as failed.)
 */
#ifndef FSDEV_DAX_H
#define FSDEV_DAX_H

#include <linux/dax.h>
#include <linux/kdev_t.h>

/**
 * fs_dax_get() - become the one holder of a DAX device
 * @dax_dev: the device
 * @holder: who claims it
 * @hops: what to call when its memory fails or goes
 *
 * Excludes, and is excluded by, whatever has claimed the block device of the same memory. Who has
 * not let go when the device leaves the driver gets -ENXIO from then on, and fsdev does not take the
 * device back before fs_put_dax().
 *
 * Context: may sleep; takes the device's lock, so not from inside @hops.
 * Return: 0; -ENODEV if the device is dead or being removed, -EOPNOTSUPP if it is alive and not in
 * fsdev mode, or that of a block device; -EBUSY if it has a holder or its block device is claimed.
 * (The function of 7.x calls a device that is being removed -EBUSY.)
 */
int fs_dax_get(struct dax_device *dax_dev, void *holder, const struct dax_holder_operations *hops);

/**
 * dax_dev_get() - the DAX device of a device number
 * @devt: of a character device /dev/daxX.Y
 *
 * The kernel's own makes a new device for a number that none has; see fsdev_find_dax().
 *
 * Context: may sleep.
 * Return: the device, to be given back by put_dax(); or NULL.
 */
struct dax_device *dax_dev_get(dev_t devt);

/**
 * dax_set_ops() - puts operations on a DAX device, or takes them away
 * @dax_dev: a DAX device that is not alive
 * @ops: the operations; NULL takes away what is there
 *
 * Return: 0, or -EBUSY if there are other operations already.
 */
int dax_set_ops(struct dax_device *dax_dev, const struct dax_operations *ops);

/* These two are fsdev.ko's on every kernel; kernel-doc in driver/lookup.c. */
struct dax_device *fsdev_find_dax(dev_t devt);
struct dax_device *fsdev_find_dax_by_path(const char *path);

#endif
