/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The platform: what it knows of bad memory, and how it repairs it.
 */
#ifndef FSDEV_PLATFORM_H
#define FSDEV_PLATFORM_H

#include <linux/types.h>

struct fsdev;

int platform_clear(struct fsdev *fsdev, phys_addr_t phys, unsigned int len);
void platform_known(struct fsdev *fsdev);

#endif
