/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disks: allocating one with DAX, whose features are part of the queue's limits from 6.11 on and
 * flags of the queue before that; hearing that it is opened; claiming it.
 */
#ifndef FSDEV_COMPAT_BLOCK_H
#define FSDEV_COMPAT_BLOCK_H

#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/pagemap.h>
#include <linux/sizes.h>

/**
 * struct compat_disk_limits - what a disk is
 * @logical_block_size: bytes
 * @physical_block_size: bytes
 * @write_cache: flushes have a meaning
 *
 * Each takes bios with REQ_NOWAIT.
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
		.features = BLK_FEAT_DAX | BLK_FEAT_SYNCHRONOUS | BLK_FEAT_NOWAIT,
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
	/* else 1.25 MiB, where a stripe of device-mapper cuts direct access: no 2 MiB mapping */
	disk->queue->limits.max_sectors = SZ_64M >> SECTOR_SHIFT;
	blk_queue_flag_set(QUEUE_FLAG_NONROT, disk->queue);
	blk_queue_flag_set(QUEUE_FLAG_NOWAIT, disk->queue);
#ifdef QUEUE_FLAG_SYNCHRONOUS
	blk_queue_flag_set(QUEUE_FLAG_SYNCHRONOUS, disk->queue);
#endif
	blk_queue_flag_set(QUEUE_FLAG_DAX, disk->queue);
	blk_queue_write_cache(disk->queue, want->write_cache, want->write_cache);
	return disk;
}
#endif

/*
 * COMPAT_DISK_OPEN(name, inner): the function for block_device_operations.open, around @inner,
 * which gets the disk, and whether the opener claims it or a partition of it, and wants to write.
 * COMPAT_DISK_RELEASE(name, inner): the same for .release, around @inner, which gets the disk.
 */
#ifdef FSDEV_HAVE_DISK_OPEN_GENDISK
#define COMPAT_DISK_OPEN(name, inner)							\
static int name(struct gendisk *disk, blk_mode_t mode)					\
{											\
	return inner(disk, mode & BLK_OPEN_EXCL, mode & BLK_OPEN_WRITE);			\
}

#define COMPAT_DISK_RELEASE(name, inner)						\
static void name(struct gendisk *disk)							\
{											\
	inner(disk);									\
}

#define COMPAT_DISK_CLAIM_UNSEEN false
#else
#define COMPAT_DISK_OPEN(name, inner)							\
static int name(struct block_device *bdev, fmode_t mode)				\
{											\
	return inner(bdev->bd_disk, mode & FMODE_EXCL, mode & FMODE_WRITE);		\
}

#define COMPAT_DISK_RELEASE(name, inner)						\
static void name(struct gendisk *disk, fmode_t mode)					\
{											\
	inner(disk);									\
}

/* Before 6.5 a partition that is open already is claimed without opening the disk. */
#define COMPAT_DISK_CLAIM_UNSEEN true
#endif

/*
 * 6.1 reads into the page cache without making a bio, where a disk has an operation for that.
 * COMPAT_DISK_RW_PAGE(inner): that function, around @inner, which gets the disk, the sector,
 * memory, its length, and whether to write. Whatever error it returns, the kernel makes a bio then.
 * COMPAT_DISK_OPERATIONS: its place in block_device_operations.
 */
#ifdef FSDEV_HAVE_BLOCK_DEVICE_OPERATIONS_RW_PAGE
#define COMPAT_DISK_RW_PAGE(inner)							\
static int compat_disk_rw_page(struct block_device *bdev, sector_t sector,		\
			       struct page *page, enum req_op op)			\
{											\
	int rc = inner(bdev->bd_disk, sector, page_address(page), thp_size(page),	\
		       op_is_write(op));						\
											\
	if (!rc)									\
		page_endio(page, op_is_write(op), 0);					\
	return rc;									\
}

#define COMPAT_DISK_OPERATIONS .rw_page = compat_disk_rw_page,
#else
#define COMPAT_DISK_RW_PAGE(inner) static_assert(sizeof(typeof(inner) *))
#define COMPAT_DISK_OPERATIONS
#endif

/**
 * compat_disk_claimed() - is a disk or a partition of it claimed?
 * @disk: the disk
 *
 * Context: the disk's open_mutex. A claim that is about to be made with the open that is under way
 * does not count yet.
 * Return: true if it is.
 */
static inline bool compat_disk_claimed(const struct gendisk *disk)
{
	return READ_ONCE(disk->part0->bd_holder);
}

/**
 * compat_bdev_inode() - the inode that has a block device's page cache
 * @bdev: the disk or a partition of it
 *
 * Return: the inode, which stays for as long as @bdev.
 */
static inline struct inode *compat_bdev_inode(const struct block_device *bdev)
{
#ifdef FSDEV_HAVE_BLOCK_DEVICE_BD_MAPPING
	return bdev->bd_mapping->host;
#else
	return bdev->bd_inode;
#endif
}

/**
 * struct compat_disk_claim - a disk that is open exclusively
 * @file: the open file, where the kernel opens disks as files
 * @bdev: the open disk, elsewhere
 */
struct compat_disk_claim {
#ifdef FSDEV_HAVE_BDEV_FILE_OPEN_BY_DEV
	struct file *file;
#else
	struct block_device *bdev;
#endif
};

/**
 * compat_claim_disk() - open a disk exclusively
 * @devt: number of the disk
 * @holder: the claimer
 * @claim: for compat_unclaim_disk()
 *
 * Context: may sleep, also until another claim has come about or failed.
 * Return: 0 or a negative errno.
 */
static inline int compat_claim_disk(dev_t devt, void *holder, struct compat_disk_claim *claim)
{
#ifdef FSDEV_HAVE_BDEV_FILE_OPEN_BY_DEV
	claim->file = bdev_file_open_by_dev(devt, BLK_OPEN_READ, holder, NULL);
	return PTR_ERR_OR_ZERO(claim->file);
#else
	claim->bdev = blkdev_get_by_dev(devt, FMODE_READ | FMODE_EXCL, holder);
	return PTR_ERR_OR_ZERO(claim->bdev);
#endif
}

/**
 * compat_unclaim_disk() - undo compat_claim_disk()
 * @claim: what it has filled
 */
static inline void compat_unclaim_disk(struct compat_disk_claim *claim)
{
#ifdef FSDEV_HAVE_BDEV_FILE_OPEN_BY_DEV
	bdev_fput(claim->file);
#else
	blkdev_put(claim->bdev, FMODE_READ | FMODE_EXCL);
#endif
}

#endif
