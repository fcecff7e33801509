/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fs_dax_get() of the kernel itself.
 */
#ifndef FSDEV_COMPAT_FS_DAX_H
#define FSDEV_COMPAT_FS_DAX_H

#include <linux/dax.h>
#include <linux/errno.h>

/* Has the kernel itself an fs_dax_get()? What fsdev.ko exports under that name is not it. */
#ifdef FSDEV_HAVE_FS_DAX_GET
#define COMPAT_KERNEL_HAS_FS_DAX_GET true
#define compat_kernel_fs_dax_get fs_dax_get
#else
#define COMPAT_KERNEL_HAS_FS_DAX_GET false

static inline int compat_kernel_fs_dax_get(struct dax_device *dax_dev, void *holder,
					   const struct dax_holder_operations *ops)
{
	return -EOPNOTSUPP;
}
#endif

#endif
