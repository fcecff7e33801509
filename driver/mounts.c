// SPDX-License-Identifier: GPL-2.0
/*
 * Mounts: what the kernel has on a disk that is being deleted: file systems, and swap.
 *
 * A deleted disk tells neither its partitions nor who has mounted it, so both are noted before,
 * and the superblocks are kept until their files have been looked through.
 */
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "blocked.h"
#include "device.h"
#include "holder.h"
#include "mounts.h"
#include "supers.h"

/* A superblock that was mounted from the disk before it was deleted. */
struct mounts_super {
	struct mounts_super *next;
	struct super_block *sb;
};

/* The disk or a partition of it, as it was before the disk was deleted. */
struct mounts_part {
	struct mounts_part *next;
	struct block_device *bdev;
};

static void mounts_add(struct fsdev *fsdev, struct super_block *sb)
{
	struct mounts_super *super;

	for (super = fsdev->mounts.supers; super; super = super->next)
		if (super->sb == sb) {
			deactivate_super(sb); /* not the last to have it */
			return;
		}
	super = kmalloc(sizeof(*super), GFP_KERNEL | __GFP_NOFAIL);
	super->sb = sb;
	super->next = fsdev->mounts.supers;
	fsdev->mounts.supers = super;
}

/* The disk and its partitions: of a deleted disk its table tells no more than the disk. */
static void mounts_keep_parts(struct fsdev *fsdev)
{
	struct block_device *bdev;
	unsigned long index;

	mutex_lock(&fsdev->disk->open_mutex);
	xa_for_each(&fsdev->disk->part_tbl, index, bdev) {
		struct mounts_part *part = kmalloc(sizeof(*part), GFP_KERNEL | __GFP_NOFAIL);

		get_device(&bdev->bd_device);
		part->bdev = bdev;
		part->next = fsdev->mounts.parts;
		fsdev->mounts.parts = part;
	}
	mutex_unlock(&fsdev->disk->open_mutex);
}

static void mounts_drop_parts(struct fsdev *fsdev)
{
	while (fsdev->mounts.parts) {
		struct mounts_part *part = fsdev->mounts.parts;

		fsdev->mounts.parts = part->next;
		put_device(&part->bdev->bd_device);
		kfree(part);
	}
}

/* Notes the superblocks that are mounted; false if one is on its way out, which cannot be noted. */
static bool mounts_add_all(struct fsdev *fsdev)
{
	bool all = true;

	for (struct mounts_part *part = fsdev->mounts.parts; part; part = part->next) {
		struct super_block *sb = compat_bdev_super(part->bdev);

		if (sb)
			mounts_add(fsdev, sb);
		else if (compat_bdev_unmounting(part->bdev))
			all = false;
	}
	return all;
}

/**
 * mounts_note() - remember which file systems are mounted from the disk
 * @fsdev: a device whose disk is about to be deleted, or has just been
 *
 * Called before, since a deleted disk no longer has its partitions; and after, for what
 * was being mounted: the deletion has waited for that to succeed or fail. They stay in memory until
 * mounts_end().
 *
 * An unmount that is under way is waited for: XFS holds the device until its end, and where it
 * hears of a removal then it looks at what it has freed already (xfs_dax_notify_failure() in
 * fs/xfs/xfs_notify_failure.c). It lets go of the device just after the disk.
 *
 * Context: removal; may sleep.
 * Return: false if the machine goes down meanwhile: removal is abandoned.
 */
bool mounts_note(struct fsdev *fsdev)
{
	unsigned long end = jiffies;

	if (!fsdev->mounts.parts)
		mounts_keep_parts(fsdev);
	while (!mounts_add_all(fsdev)) {
		blocked_by(fsdev, "a file system on %s is being unmounted, waiting for that to end",
			   fsdev->disk->disk_name);
		end = jiffies + HZ;
		if (!blocked_sleep(HZ / 50))
			return false;
	}
	/* at most a second: another holder may have the device by now */
	while (fsdev_holder_exists(fsdev) && time_before(jiffies, end))
		if (!blocked_sleep(HZ / 50))
			return false;
	blocked_over(fsdev);
	return true;
}

/**
 * mounts_holder_start() - find where on the disk the holder's partition begins
 * @fsdev: a device that is being unbound
 *
 * XFS is the holder as what its superblock has as s_fs_info.
 *
 * Context: unbind, between mounts_note() and mounts_end().
 * Return: offset in bytes; 0 for the whole disk, or where the holder is no such file system.
 */
u64 mounts_holder_start(const struct fsdev *fsdev)
{
	const void *holder = READ_ONCE(fsdev->dax_dev->holder_data);

	for (struct mounts_super *super = fsdev->mounts.supers; super; super = super->next)
		if (super->sb->s_fs_info == holder && super->sb->s_bdev &&
		    super->sb->s_bdev->bd_disk == fsdev->disk)
			return (u64)super->sb->s_bdev->bd_start_sect << SECTOR_SHIFT;
	return 0;
}

/* Has the kernel swap on the disk, on a partition, or in a file of a superblock in the list? */
static bool mounts_have_swap(const struct fsdev *fsdev)
{
	for (struct mounts_part *part = fsdev->mounts.parts; part; part = part->next)
		if (IS_SWAPFILE(compat_bdev_inode(part->bdev)))
			return true;
	for (struct mounts_super *super = fsdev->mounts.supers; super; super = super->next)
		if (super_has_swap(super->sb))
			return true;
	return false;
}

/**
 * mounts_wait_swap() - wait until the kernel has no swap on the disk
 * @fsdev: a device whose disk is about to be deleted; after mounts_note()
 *
 * swapon(2) has no holder operations: the kernel goes on using a disk that is deleted, cannot open
 * it for swapoff(2) any more, and kills each process that needs a page of it. So it is waited for
 * while the disk still works. Swap on device-mapper or a loop device above is not seen.
 *
 * Context: removal; may sleep.
 * Return: false if the machine goes down meanwhile.
 */
bool mounts_wait_swap(struct fsdev *fsdev)
{
	while (mounts_have_swap(fsdev)) {
		blocked_by(fsdev, "%s is in use as swap, waiting for swapoff",
			   fsdev->disk->disk_name);
		if (!blocked_sleep(HZ / 10))
			return false;
	}
	blocked_over(fsdev);
	return true;
}

/**
 * mounts_lost_swap() - say that swap is lost
 * @fsdev: a device whose disk has been deleted
 *
 * What swapon(2) has taken between mounts_wait_swap() and the deletion.
 *
 * Context: removal; may sleep.
 */
void mounts_lost_swap(struct fsdev *fsdev)
{
	if (mounts_have_swap(fsdev))
		dev_warn(fsdev_dev(fsdev),
			 "swap on %s is lost: what is in it is gone, and swapoff cannot end it\n",
			 fsdev->disk->disk_name);
}

/**
 * mounts_end() - give back what mounts_note() keeps
 * @fsdev: a device whose disk has been deleted
 * @visit: is called for each superblock that was mounted from the disk, while it is active
 *
 * Context: removal; may sleep.
 */
void mounts_end(struct fsdev *fsdev, void (*visit)(struct super_block *sb, void *fsdev))
{
	mounts_drop_parts(fsdev);
	while (fsdev->mounts.supers) {
		struct mounts_super *super = fsdev->mounts.supers;

		fsdev->mounts.supers = super->next;
		visit(super->sb, fsdev);
		deactivate_super(super->sb);
		kfree(super);
	}
}
