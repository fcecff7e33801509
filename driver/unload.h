/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Unload: holders whose module is unloaded.
 */
#ifndef FSDEV_UNLOAD_H
#define FSDEV_UNLOAD_H

struct device_driver;

int unload_init(const struct device_driver *driver);
void unload_exit(void);

#endif
