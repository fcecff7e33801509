/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page map: page structures for the device's memory.
 */
#ifndef FSDEV_PAGEMAP_H
#define FSDEV_PAGEMAP_H

struct dev_pagemap;
struct fsdev;

int pagemap_install(struct fsdev *fsdev, void (*end)(struct fsdev *fsdev));
void pagemap_publish(struct fsdev *fsdev);
void pagemap_get(struct fsdev *fsdev, struct dev_pagemap *pgmap);
void pagemap_put(struct fsdev *fsdev);

#endif
