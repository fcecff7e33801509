/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Late: holders of the bus's DAX device that have not let go when the binding ends.
 */
#ifndef FSDEV_LATE_H
#define FSDEV_LATE_H

#include <linux/types.h>

struct dax_device;
struct fsdev;
struct module;

bool late_awaits(struct dax_device *dax_dev);
void late_unloaded(const struct module *module);
void late_leave(struct fsdev *fsdev);
int late_check(struct fsdev *fsdev);
void late_exit(void);

#endif
