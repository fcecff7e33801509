/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Named: what fsdev.ko gives to the driver of another name.
 */
#ifndef FSDEV_NAMED_H
#define FSDEV_NAMED_H

struct dax_device_driver;

void fsdev_driver_fill(struct dax_device_driver *driver);

#endif
