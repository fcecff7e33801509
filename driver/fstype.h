/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fstype: what the first bytes of a disk or partition say of the file system there.
 */
#ifndef FSDEV_FSTYPE_H
#define FSDEV_FSTYPE_H

#include <linux/types.h>

struct fsdev;
struct gendisk;

bool fstype_has_partitions(struct gendisk *disk);
u64 fstype_xfs_end(const struct fsdev *fsdev, u64 end);
u64 fstype_reach(const struct fsdev *fsdev, struct gendisk *disk);
bool fstype_may_hold(struct fsdev *fsdev, struct gendisk *disk);
bool fstype_may_share(struct fsdev *fsdev, struct gendisk *disk);

#endif
