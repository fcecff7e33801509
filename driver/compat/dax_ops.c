// SPDX-License-Identifier: GPL-2.0
/*
 * dax_set_ops(): exported for out-of-tree file systems as well, where this kernel does not have it.
 * include/fsdev/dax.h says what it does.
 */
#include <linux/dax.h>
#include <linux/export.h>

#include "include/fsdev/dax.h"

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
