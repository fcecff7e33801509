// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of newer kernels that others call too: exported under the names that those have, where
 * this kernel does not export them itself. include/fsdev/dax.h says what each does.
 */
#include <linux/dax.h>
#include <linux/export.h>

#include "device.h"
#include "holder.h"
#include "include/fsdev/dax.h"

#ifndef FSDEV_HAVE_FS_DAX_GET
int fs_dax_get(struct dax_device *dax_dev, void *holder, const struct dax_holder_operations *hops)
{
	return fsdev_holder_claim_alone(dax_dev, holder, hops);
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

#ifndef FSDEV_HAVE_DAX_SET_OPS
int dax_set_ops(struct dax_device *dax_dev, const struct dax_operations *ops)
{
	if (!ops) {
		WRITE_ONCE(dax_dev->ops, NULL);
		return 0;
	}
	return cmpxchg(&dax_dev->ops, NULL, ops) ? -EBUSY : 0;
}
EXPORT_SYMBOL_GPL(dax_set_ops);
#endif
