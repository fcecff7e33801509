/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page map: page structures for the device's memory.
 */
#ifndef FSDEV_PAGEMAP_H
#define FSDEV_PAGEMAP_H

struct dev_pagemap;
struct dev_pagemap_ops;
struct fsdev;

int pagemap_create(struct fsdev *fsdev, const struct dev_pagemap_ops *ops);
int pagemap_map(struct fsdev *fsdev);
void pagemap_stop(struct fsdev *fsdev);
void pagemap_free(struct fsdev *fsdev);
void pagemap_publish(struct fsdev *fsdev);
void pagemap_get(struct fsdev *fsdev, struct dev_pagemap *pgmap);
void pagemap_put(struct fsdev *fsdev);

#endif
