/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fstype: what the first bytes of a disk or partition say of the file system there.
 */
#ifndef FSDEV_FSTYPE_H
#define FSDEV_FSTYPE_H

#include <linux/types.h>

struct fsdev;
struct gendisk;

/**
 * struct fstype_parts - the partitions of a disk
 * @rcu: frees it
 * @nr: how many there are
 * @part: each of them: device offsets of its first byte and behind its last; in no order
 */
struct fstype_parts {
	struct rcu_head rcu;
	u32 nr;
	struct fstype_part {
		u64 start;
		u64 end;
	} part[];
};

bool fstype_has_partitions(struct gendisk *disk);
bool fstype_whole_claimed(struct gendisk *disk);
bool fstype_xfs_end(const struct fsdev *fsdev, u64 offset, u64 *end);
u64 fstype_reach(const struct fsdev *fsdev, struct gendisk *disk);
bool fstype_may_hold(struct fsdev *fsdev, struct gendisk *disk);
struct fstype_parts *fstype_parts(struct gendisk *disk);
u64 fstype_told(const struct fsdev *fsdev, const struct fstype_parts *parts, u64 offset, u64 len,
		bool *told);
bool fstype_may_share(struct fsdev *fsdev, struct gendisk *disk);

#endif
