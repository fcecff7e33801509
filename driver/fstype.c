// SPDX-License-Identifier: GPL-2.0
/*
 * Fstype: can what is about to use a disk have files that share blocks? And how far does it reach?
 *
 * The claim of a disk comes before its user shows itself, so the superblock is read. Only a file
 * system that is known not to share blocks counts as one that does not: everything else may, and
 * device-mapper.
 */
#include <linux/blkdev.h>
#include <linux/magic.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "device.h"
#include "fstype.h"
#include "memory.h"
#include "poison.h"

/* Superblocks, as the file systems' documents have them; offsets in bytes from the start. */
#define FSTYPE_BYTES 2048
#define XFS_MAGIC 0x58465342
#define XFS_VERSION_AT 100
#define XFS_VERSION_MASK 0xf
#define XFS_RO_COMPAT_AT 212
#define XFS_RO_COMPAT_REFLINK BIT(2)
/* The superblock in words, as far as what says how large it is. */
#define XFS_WORDS 23
#define XFS_BLOCK_SIZE_WORD 1
#define XFS_GROUP_BLOCKS_WORD 21
#define XFS_GROUPS_WORD 22
#define EXT4_MAGIC_AT (1024 + 0x38)
#define EROFS_MAGIC_AT 1024

/* ext4 and EROFS do not hold the DAX device. */
static bool fstype_holds(const void *start)
{
	return be32_to_cpup(start) == XFS_MAGIC ||
	       (le16_to_cpup(start + EXT4_MAGIC_AT) != EXT4_SUPER_MAGIC &&
		le32_to_cpup(start + EROFS_MAGIC_AT) != EROFS_SUPER_MAGIC_V1);
}

static bool fstype_shares(const void *start)
{
	unsigned int version = be16_to_cpup(start + XFS_VERSION_AT) & XFS_VERSION_MASK;

	if (be32_to_cpup(start) != XFS_MAGIC)
		return fstype_holds(start);
	/* version 4 has no such files, and no feature word; 5 has both */
	return version != 4 && (be32_to_cpup(start + XFS_RO_COMPAT_AT) & XFS_RO_COMPAT_REFLINK);
}

/* Reads the start of a disk or partition, machine-check safe; false where there is none. */
static bool fstype_read_some(const struct fsdev *fsdev, u64 offset, void *start, size_t len)
{
	u64 phys, run = memory_lookup(fsdev, offset, &phys);

	return run >= len && poison_good(&fsdev->poison, offset, len) == len &&
	       !copy_mc_to_kernel(start, __va(phys), len);
}

static bool fstype_read(const struct fsdev *fsdev, u64 offset, void *start)
{
	return fstype_read_some(fsdev, offset, start, FSTYPE_BYTES);
}

/* Device-mapper's claim has words that say so, and it may put a file system where it likes. */
static bool fstype_claimed_by_dm(const void *claimer)
{
	static const char dm[] = "I belong to device-mapper";
	char claim[sizeof(dm)];

	return copy_from_kernel_nofault(claim, claimer, sizeof(claim)) ||
	       !memcmp(claim, dm, sizeof(dm));
}

static bool fstype_is_of(struct gendisk *disk, dev_t dev)
{
	struct block_device *part;
	unsigned long index;

	xa_for_each(&disk->part_tbl, index, part)
		if (part->bd_dev == dev)
			return true;
	return false;
}

/*
 * A process that opens the disk with O_EXCL claims it by its file, and does no direct access. What
 * the claimer is nothing says; it is taken for a file where it names an inode of this disk.
 */
static bool fstype_claimed_by_process(struct gendisk *disk, const void *claimer)
{
	const struct file *file = claimer;
	struct inode *inode;
	umode_t mode;
	dev_t dev;

	return !get_kernel_nofault(inode, &file->f_inode) &&
	       !get_kernel_nofault(mode, &inode->i_mode) && S_ISBLK(mode) &&
	       !get_kernel_nofault(dev, &inode->i_rdev) &&
	       fstype_is_of(disk, dev);
}

/**
 * fstype_has_partitions() - is a disk partitioned?
 * @disk: the disk
 *
 * Context: open of the disk, whose open_mutex is held.
 * Return: true if it has a partition.
 */
bool fstype_has_partitions(struct gendisk *disk)
{
	struct block_device *part;
	unsigned long index;

	xa_for_each_start(&disk->part_tbl, index, part, 1)
		return true;
	return false;
}

/**
 * fstype_whole_claimed() - is a disk claimed, and not a partition of it?
 * @disk: the disk
 *
 * The block layer lets none of the partitions be claimed then, and marks the disk as claimed where
 * one of them is.
 *
 * Context: open of the disk, whose open_mutex is held; or an RCU read-side section. A claim that is
 * about to be made with the open that is under way does not count yet.
 * Return: true if it is.
 */
bool fstype_whole_claimed(struct gendisk *disk)
{
	struct block_device *part;
	unsigned long index;

	xa_for_each_start(&disk->part_tbl, index, part, 1)
		if (READ_ONCE(part->bd_holder))
			return false;
	return compat_disk_claimed(disk);
}

/**
 * fstype_xfs_end() - find where an XFS ends
 * @fsdev: the device
 * @offset: device offset at which it begins
 * @end: where to put the device offset behind its last allocation group; untouched without an XFS
 *
 * The superblock says so, which XFS may write a moment after it has grown.
 *
 * Context: any.
 * Return: false if the superblock cannot be read.
 */
bool fstype_xfs_end(const struct fsdev *fsdev, u64 offset, u64 *end)
{
	__be32 start[XFS_WORDS];
	u64 group, bytes;

	if (!fstype_read_some(fsdev, offset, start, sizeof(start)))
		return false;
	group = (u64)be32_to_cpu(start[XFS_BLOCK_SIZE_WORD]) *
		be32_to_cpu(start[XFS_GROUP_BLOCKS_WORD]);
	/* what does not fit a u64 is no XFS */
	if (be32_to_cpu(start[0]) == XFS_MAGIC &&
	    !check_mul_overflow(group, (u64)be32_to_cpu(start[XFS_GROUPS_WORD]), &bytes) &&
	    !check_add_overflow(offset, bytes, &bytes))
		*end = bytes;
	return true;
}

/**
 * fstype_reach() - how far into the disk may its user be told of failures?
 * @fsdev: the device
 * @disk: its disk, which has no partitions and is being claimed
 *
 * XFS of 6.1 and 6.12 takes for granted that there is an allocation group for each byte of its
 * disk, and dereferences NULL where the disk is larger. Device-mapper, which has the file systems
 * of volumes, hears of no failure.
 *
 * Context: open of the disk, whose open_mutex is held; may sleep.
 * Return: the device offset behind its file system; U64_MAX if it may be told of all.
 */
u64 fstype_reach(const struct fsdev *fsdev, struct gendisk *disk)
{
	const void *claimer = READ_ONCE(disk->part0->bd_claiming);
	u64 end = U64_MAX;

	if (!claimer || fstype_claimed_by_dm(claimer) || fstype_claimed_by_process(disk, claimer))
		return end;
	return sync_blockdev(disk->part0) || !fstype_xfs_end(fsdev, 0, &end) ? 0 : end;
}

/**
 * fstype_parts() - note where the partitions of a disk are
 * @disk: the disk
 *
 * For fstype_told(), which comes when the disk may be gone.
 *
 * Context: open of the disk, whose open_mutex is held; may sleep.
 * Return: the partitions, for kfree_rcu(); NULL without memory.
 */
struct fstype_parts *fstype_parts(struct gendisk *disk)
{
	struct fstype_parts *parts;
	struct block_device *part;
	unsigned long index;
	u32 nr = 0;

	xa_for_each_start(&disk->part_tbl, index, part, 1)
		nr++;
	parts = kzalloc(struct_size(parts, part, nr), GFP_KERNEL);
	if (!parts)
		return NULL;
	/* open_mutex keeps them as they are */
	xa_for_each_start(&disk->part_tbl, index, part, 1) {
		struct fstype_part *one = &parts->part[parts->nr++];

		one->start = (u64)part->bd_start_sect << SECTOR_SHIFT;
		one->end = one->start + bdev_nr_bytes(part);
	}
	return parts;
}

/* The partition that begins last in front of @offset, or there; NULL if none does. */
static const struct fstype_part *fstype_part_at(const struct fstype_parts *parts, u64 offset)
{
	const struct fstype_part *at = NULL;

	for (u32 i = 0; i < parts->nr; i++)
		if (parts->part[i].start <= offset && (!at || parts->part[i].start > at->start))
			at = &parts->part[i];
	return at;
}

/* Where the first partition behind @offset begins; U64_MAX if there is none. */
static u64 fstype_next_part(const struct fstype_parts *parts, u64 offset)
{
	u64 next = U64_MAX;

	for (u32 i = 0; i < parts->nr; i++)
		if (parts->part[i].start > offset)
			next = min(next, parts->part[i].start);
	return next;
}

/**
 * fstype_told() - may the user of a partition be told of a failure?
 * @fsdev: the device
 * @parts: the partitions of its disk; protected by RCU
 * @offset: device offset of what fails
 * @len: bytes
 * @told: where to put the answer
 *
 * Only of what is known to lie in its file system, as for fstype_reach(): where a partition has
 * become larger that is nothing, until the file system has grown. Of a partition whose superblock
 * is poisoned that is the first page, which has XFS shut down. A superblock of a larger file system
 * that was there before says nothing of the next partition.
 *
 * Context: any.
 * Return: for how many bytes from @offset on that is the answer; at most @len.
 */
u64 fstype_told(const struct fsdev *fsdev, const struct fstype_parts *parts, u64 offset, u64 len,
		bool *told)
{
	const struct fstype_part *part = fstype_part_at(parts, offset);
	u64 next = fstype_next_part(parts, offset), end = 0;

	if (part) {
		end = part->end;
		if (!fstype_xfs_end(fsdev, part->start, &end))
			end = ALIGN(part->start + 1, PAGE_SIZE);
	}
	*told = offset < end;
	return min(len, (*told ? min(end, next) : next) - offset);
}

/* Is one of the file systems such as @is says? Also where that is not known. */
static bool fstype_any(struct fsdev *fsdev, struct gendisk *disk, bool (*is)(const void *start))
{
	bool parts = fstype_has_partitions(disk), any = false;
	struct block_device *part;
	unsigned long index;
	void *start;

	start = kmalloc(FSTYPE_BYTES, GFP_KERNEL);
	if (!start)
		return true;
	/* what was written through the page cache is what a mount will read */
	xa_for_each(&disk->part_tbl, index, part)
		any |= sync_blockdev(part) != 0;
	xa_for_each(&disk->part_tbl, index, part) {
		if (!fstype_read(fsdev, part->bd_start_sect << SECTOR_SHIFT, start))
			any = true;
		/* a disk with partitions begins with their table, but where they are leftovers */
		else if (!parts || index || be32_to_cpup(start) == XFS_MAGIC)
			any |= is(start);
	}
	kfree(start);
	return any;
}

/**
 * fstype_may_share() - can files of a disk's user share blocks?
 * @fsdev: the device
 * @disk: its disk, which is being claimed
 *
 * Context: open of the disk, whose open_mutex is held; may sleep.
 * Return: false only if it or each of its partitions has a file system that cannot.
 */
bool fstype_may_share(struct fsdev *fsdev, struct gendisk *disk)
{
	const void *claimer = READ_ONCE(disk->part0->bd_claiming);

	if (!claimer || fstype_claimed_by_dm(claimer))
		return true;
	return !fstype_claimed_by_process(disk, claimer) && fstype_any(fsdev, disk, fstype_shares);
}

/**
 * fstype_may_hold() - can a disk's user become the holder of the DAX device?
 * @fsdev: the device
 * @disk: its disk, which is being claimed
 *
 * Device-mapper does not, whatever is above it.
 *
 * Context: open of the disk, whose open_mutex is held; may sleep.
 * Return: false only if it or each of its partitions has a file system that does not.
 */
bool fstype_may_hold(struct fsdev *fsdev, struct gendisk *disk)
{
	const void *claimer = READ_ONCE(disk->part0->bd_claiming);

	if (!claimer)
		return true;
	return !fstype_claimed_by_dm(claimer) && !fstype_claimed_by_process(disk, claimer) &&
	       fstype_any(fsdev, disk, fstype_holds);
}
