/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Direct map: the kernel leaves the pages of bound devices in it when they fail.
 */
#ifndef FSDEV_DIRECT_MAP_H
#define FSDEV_DIRECT_MAP_H

#include <linux/types.h>

struct dev_pagemap_ops;
struct fsdev;

bool direct_map_kept(void);
void direct_map_get(struct fsdev *fsdev, const struct dev_pagemap_ops *ops);
void direct_map_exit(void);

#endif
