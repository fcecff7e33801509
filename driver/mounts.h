/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mounts: what the kernel has on a disk that is being deleted.
 */
#ifndef FSDEV_MOUNTS_H
#define FSDEV_MOUNTS_H

#include <linux/compiler.h>
#include <linux/types.h>

struct fsdev;
struct mounts_part;
struct mounts_super;
struct super_block;

/**
 * struct mounts - the file systems of a device that is being unbound
 * @supers: those that were mounted from the disk
 * @parts: the disk and its partitions
 *
 * Written by the unbinding task only.
 */
struct mounts {
	struct mounts_super *supers;
	struct mounts_part *parts;
};

bool __must_check mounts_note(struct fsdev *fsdev);
u64 mounts_holder_start(const struct fsdev *fsdev);
bool __must_check mounts_wait_swap(struct fsdev *fsdev);
void mounts_lost_swap(struct fsdev *fsdev);
void mounts_end(struct fsdev *fsdev, void (*visit)(struct super_block *sb, void *fsdev));

#endif
