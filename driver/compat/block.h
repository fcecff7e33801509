/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocating a disk with DAX: from 6.11 on its features are part of the queue's limits, before
 * that flags of the queue.
 */
#ifndef FSDEV_COMPAT_BLOCK_H
#define FSDEV_COMPAT_BLOCK_H

#include <linux/blkdev.h>
#include <linux/err.h>

/**
 * struct compat_disk_limits - what a disk is
 * @logical_block_size: bytes
 * @physical_block_size: bytes
 * @write_cache: flushes have a meaning
 */
struct compat_disk_limits {
	unsigned int logical_block_size;
	unsigned int physical_block_size;
	bool write_cache;
};

#ifdef FSDEV_HAVE_QUEUE_LIMITS_FEATURES
static inline struct gendisk *compat_alloc_dax_disk(const struct compat_disk_limits *want, int node)
{
	struct queue_limits lim = {
		.logical_block_size = want->logical_block_size,
		.physical_block_size = want->physical_block_size,
		.max_hw_sectors = UINT_MAX,
		.features = BLK_FEAT_DAX | BLK_FEAT_SYNCHRONOUS,
	};

	if (want->write_cache)
		lim.features |= BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA;
	return blk_alloc_disk(&lim, node);
}
#else
static inline struct gendisk *compat_alloc_dax_disk(const struct compat_disk_limits *want, int node)
{
	struct gendisk *disk = blk_alloc_disk(node);

	if (!disk)
		return ERR_PTR(-ENOMEM);
	blk_queue_logical_block_size(disk->queue, want->logical_block_size);
	blk_queue_physical_block_size(disk->queue, want->physical_block_size);
	blk_queue_max_hw_sectors(disk->queue, UINT_MAX);
	blk_queue_flag_set(QUEUE_FLAG_NONROT, disk->queue);
#ifdef QUEUE_FLAG_SYNCHRONOUS
	blk_queue_flag_set(QUEUE_FLAG_SYNCHRONOUS, disk->queue);
#endif
	blk_queue_flag_set(QUEUE_FLAG_DAX, disk->queue);
	blk_queue_write_cache(disk->queue, want->write_cache, want->write_cache);
	return disk;
}
#endif

#endif
