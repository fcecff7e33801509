/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exports: what other modules call. include/fsdev/dax.h declares the rest of it.
 */
#ifndef FSDEV_EXPORTS_H
#define FSDEV_EXPORTS_H

#include <linux/types.h>

struct dax_device;
struct dax_holder_operations;
struct device_driver;

void exports_init(const struct device_driver *driver);
struct dax_device *exports_find_alive(dev_t devt);
int exports_claim(struct dax_device *dax_dev, void *holder,
		  const struct dax_holder_operations *ops);

#endif
