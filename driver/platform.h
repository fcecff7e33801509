/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The platform: its list of poisoned memory, and its command to clear poison.
 */
#ifndef FSDEV_PLATFORM_H
#define FSDEV_PLATFORM_H

#include <linux/types.h>

struct fsdev;

typedef int (platform_add_t)(struct fsdev *fsdev, u64 offset, u64 len);

int platform_clear(struct fsdev *fsdev, phys_addr_t phys, unsigned int len);
void platform_each_poison(struct fsdev *fsdev, platform_add_t *add);

#endif
