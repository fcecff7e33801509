/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Repair: a poisoned page is overwritten as a whole and becomes good.
 */
#ifndef FSDEV_REPAIR_H
#define FSDEV_REPAIR_H

#include <linux/types.h>

struct fsdev;

int repair_page(struct fsdev *fsdev, u64 offset, const void *data);
int repair_range(struct fsdev *fsdev, u64 offset, u64 len, u64 *done);

#endif
