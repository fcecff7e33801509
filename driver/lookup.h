/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lookup: from a device number or a path to the DAX device.
 */
#ifndef FSDEV_LOOKUP_H
#define FSDEV_LOOKUP_H

struct device_driver;

void lookup_init(const struct device_driver *driver);

#endif
