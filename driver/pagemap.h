/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page map: page structures for the device's memory.
 */
#ifndef FSDEV_PAGEMAP_H
#define FSDEV_PAGEMAP_H

#include <linux/types.h>

struct dev_pagemap;
struct dev_pagemap_ops;
struct fsdev;
struct geometry;

int pagemap_create(struct fsdev *fsdev, const struct dev_pagemap_ops *ops);
int pagemap_map(struct fsdev *fsdev);
void pagemap_stop(struct fsdev *fsdev);
void pagemap_free(struct fsdev *fsdev);
int pagemap_extend(struct fsdev *fsdev, const struct geometry *added, u32 first);
int pagemap_map_last(struct fsdev *fsdev);
void pagemap_retract(struct fsdev *fsdev, const struct geometry *added);
void pagemap_publish(struct fsdev *fsdev);
void pagemap_get(struct fsdev *fsdev, struct dev_pagemap *pgmap);
void pagemap_put(struct fsdev *fsdev);

#endif
