// SPDX-License-Identifier: GPL-2.0
/*
 * fs_dax_get(), dax_dev_get(), dax_dev_find(): exports.c under the names that newer kernels have,
 * where this kernel does not export them. include/fsdev/dax.h says what each does. The one file of
 * compat/ that calls the driver.
 */
#include <linux/dax.h>
#include <linux/export.h>

#include "exports.h"
#include "include/fsdev/dax.h"

#ifndef FSDEV_HAVE_FS_DAX_GET
int fs_dax_get(struct dax_device *dax_dev, void *holder, const struct dax_holder_operations *hops)
{
	return exports_claim(dax_dev, holder, hops);
}
EXPORT_SYMBOL_GPL(fs_dax_get);
#endif

#ifndef FSDEV_HAVE_DAX_DEV_GET
struct dax_device *dax_dev_get(dev_t devt)
{
	return fsdev_find_dax(devt);
}
EXPORT_SYMBOL_GPL(dax_dev_get);
#endif

#ifndef FSDEV_HAVE_DAX_DEV_FIND
struct dax_device *dax_dev_find(dev_t devt)
{
	return exports_find_alive(devt);
}
EXPORT_SYMBOL_GPL(dax_dev_find);
#endif
