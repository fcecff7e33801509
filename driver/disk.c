// SPDX-License-Identifier: GPL-2.0
/*
 * The block device /dev/fsdevX.Y, on which XFS, ext4, EROFS and device-mapper find the DAX device.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "access.h"
#include "clamp.h"
#include "device.h"
#include "discover.h"
#include "disk.h"
#include "fstype.h"
#include "holder.h"
#include "incore.h"
#include "kill.h"
#include "memory.h"
#include "platform.h"
#include "poison.h"
#include "repair.h"

/* The most bytes that are copied at a time, without giving the processor up. */
#define DISK_STEP SZ_1M

/* Part of a bio, which may lie across ranges. */
static noinline blk_status_t disk_copy(struct fsdev *fsdev, u64 offset, void *buf,
				       unsigned int len, bool write)
{
	while (len) {
		u64 run;
		void *mem = memory_address(fsdev, offset, &run);
		unsigned int n = min_t(u64, run, len);

		if (unlikely(!mem))
			return BLK_STS_IOERR;
		if (write)
			memory_store(fsdev, mem, buf, n);
		else if (copy_mc_to_kernel(buf, mem, n))
			return BLK_STS_IOERR;
		offset += n;
		buf += n;
		len -= n;
	}
	return BLK_STS_OK;
}

/* Fast path: it lies in one range. */
static __always_inline blk_status_t disk_copy_fast(struct fsdev *fsdev, u64 offset, void *buf,
						   unsigned int len, bool write)
{
	u64 phys, run = rangemap_lookup(&fsdev->map, offset, &phys);

	if (unlikely(run < len))
		return disk_copy(fsdev, offset, buf, len, write);
	if (write)
		memory_store(fsdev, __va(phys), buf, len);
	else if (unlikely(copy_mc_to_kernel(buf, __va(phys), len)))
		return BLK_STS_IOERR;
	return BLK_STS_OK;
}

/* A large bio, step by step: huge pages make bios of gigabytes. */
static noinline blk_status_t disk_transfer_large(struct fsdev *fsdev, struct bio *bio, bool write)
{
	struct bvec_iter iter = bio->bi_iter;
	blk_status_t status = BLK_STS_OK;
	unsigned int left = DISK_STEP;

	while (iter.bi_size && !status) {
		struct bio_vec bv = mp_bvec_iter_bvec(bio->bi_io_vec, iter);
		unsigned int n = min(bv.bv_len, left);

		status = disk_copy_fast(fsdev, (u64)iter.bi_sector << SECTOR_SHIFT,
					bvec_virt(&bv), n, write);
		bio_advance_iter_single(bio, &iter, n);
		left -= n;
		if (!left) {
			left = DISK_STEP;
			cond_resched();
		}
	}
	return status;
}

static __always_inline blk_status_t disk_transfer(struct fsdev *fsdev, struct bio *bio, bool write)
{
	blk_status_t status = BLK_STS_OK;
	struct bvec_iter iter;
	struct bio_vec bv;

	if (unlikely(bio->bi_iter.bi_size > DISK_STEP))
		return disk_transfer_large(fsdev, bio, write);
	bio_for_each_bvec(bv, bio, iter) {
		status = disk_copy_fast(fsdev, iter.bi_sector << SECTOR_SHIFT, bvec_virt(&bv),
					bv.bv_len, write);
		if (status)
			break;
	}
	return status;
}

/* Copies the next @n bytes of a bio, which may be in several pieces, to a buffer. */
static void bio_gather(struct bio *bio, struct bvec_iter *iter, void *to, unsigned int n)
{
	while (n) {
		struct bio_vec bv = bio_iter_iovec(bio, *iter);
		unsigned int part = min(n, bv.bv_len);

		memcpy(to, bvec_virt(&bv), part);
		bio_advance_iter_single(bio, iter, part);
		to += part;
		n -= part;
	}
}

/* What may sleep is not for a bio whose submitter does not want to: it is submitted once more. */
static blk_status_t disk_would_wait(struct bio *bio)
{
	bio_set_flag(bio, BIO_QUIET);
	return BLK_STS_AGAIN;
}

/* @n bytes of a good page; one that cannot be read after all becomes poisoned. */
static blk_status_t disk_part(struct fsdev *fsdev, struct bio *bio, struct bvec_iter *iter,
			      unsigned int n, bool write)
{
	while (n) {
		u64 offset = (u64)iter->bi_sector << SECTOR_SHIFT;
		struct bio_vec bv = bio_iter_iovec(bio, *iter);
		unsigned int part = min(n, bv.bv_len);

		if (disk_copy(fsdev, offset, bvec_virt(&bv), part, write)) {
			if (bio->bi_opf & REQ_NOWAIT)
				return disk_would_wait(bio);
			/* again where it was repaired meanwhile */
			if (discover_read_error(fsdev, ALIGN_DOWN(offset, PAGE_SIZE)) ||
			    disk_copy(fsdev, offset, bvec_virt(&bv), part, write)) {
				bio_advance_iter(bio, iter, n);
				return BLK_STS_IOERR;
			}
		}
		bio_advance_iter_single(bio, iter, part);
		n -= part;
	}
	return BLK_STS_OK;
}

/* One page of the device, or the part of it that the bio has. */
static blk_status_t disk_page(struct fsdev *fsdev, struct bio *bio, struct bvec_iter *iter,
			      unsigned int n, bool write, void *buffer)
{
	u64 offset = (u64)iter->bi_sector << SECTOR_SHIFT;
	bool good = poison_good(&fsdev->poison, offset, n);

	smp_rmb(); /* pairs with smp_mb() in repair_locked() in repair.c */
	if (good)
		return disk_part(fsdev, bio, iter, n, write);
	/* the rest of a page that is overwritten in part only is lost */
	if (!write || n < PAGE_SIZE) {
		bio_advance_iter(bio, iter, n);
		return BLK_STS_IOERR;
	}
	if (bio->bi_opf & REQ_NOWAIT)
		return disk_would_wait(bio);
	if (!buffer) {
		bio_advance_iter(bio, iter, n);
		return BLK_STS_RESOURCE;
	}
	bio_gather(bio, iter, buffer, n);
	return errno_to_blk_status(repair_page(fsdev, offset, buffer));
}

/*
 * A bio that touches poison, page by page. Good pages are transferred all the same, so that a
 * caller who retries each page gets an error for the poisoned ones only. A poisoned page that is
 * overwritten as a whole is repaired, in however many pieces it comes.
 *
 * Poison is BLK_STS_IOERR, as nd_pmem has it: of BLK_STS_MEDIUM a file system hears as ENODATA,
 * which XFS took for an attribute that is not there.
 */
static noinline blk_status_t disk_transfer_checked(struct fsdev *fsdev, struct bio *bio, bool write)
{
	bool repairs = write && !(bio->bi_opf & REQ_NOWAIT);
	void *buffer = repairs ? kmalloc(PAGE_SIZE, GFP_NOIO) : NULL;
	struct bvec_iter iter = bio->bi_iter;
	blk_status_t status = BLK_STS_OK, one = BLK_STS_OK;

	while (iter.bi_size && one != BLK_STS_AGAIN) {
		unsigned int in_page = ((u64)iter.bi_sector << SECTOR_SHIFT) % PAGE_SIZE;
		unsigned int n = min_t(u32, iter.bi_size, PAGE_SIZE - in_page);

		one = disk_page(fsdev, bio, &iter, n, write, buffer);
		if (one)
			status = one;
		cond_resched();
	}
	kfree(buffer);
	return status;
}

static noinline bool disk_has_poison(struct fsdev *fsdev, struct bio *bio)
{
	u64 offset = (u64)bio->bi_iter.bi_sector << SECTOR_SHIFT, len = bio->bi_iter.bi_size;

	return poison_good(&fsdev->poison, offset, len) < len;
}

/* A read that hits unknown poison is redone page by page, so that only these pages fail. */
static __always_inline blk_status_t disk_move(struct fsdev *fsdev, struct bio *bio, bool write)
{
	blk_status_t status;

	if (unlikely(access_checks_poison(&fsdev->access)) && disk_has_poison(fsdev, bio))
		return disk_transfer_checked(fsdev, bio, write);
	/* read what was repaired after this; pairs with cmpxchg() in access_switch() in access.c */
	smp_rmb();
	status = disk_transfer(fsdev, bio, write);
	if (unlikely(status) && !write)
		return disk_transfer_checked(fsdev, bio, write);
	return status;
}

/* On persistent and shared memory: what comes before a flush, or is to be durable at once. */
static noinline blk_status_t disk_move_flushed(struct fsdev *fsdev, struct bio *bio, bool write)
{
	blk_status_t status = BLK_STS_OK;

	if (!fsdev->platform.synchronous && (bio->bi_opf & REQ_NOWAIT))
		return disk_would_wait(bio);
	if (bio->bi_opf & REQ_PREFLUSH)
		status = errno_to_blk_status(platform_flush(fsdev));
	if (!status)
		status = disk_move(fsdev, bio, write);
	if (!status && (bio->bi_opf & REQ_FUA))
		status = errno_to_blk_status(platform_flush(fsdev));
	return status;
}

static void disk_submit_bio(struct bio *bio)
{
	struct fsdev *fsdev = bio->bi_bdev->bd_disk->private_data;
	bool account = blk_queue_io_stat(bio->bi_bdev->bd_disk->queue) && bio_has_data(bio);
	bool write = op_is_write(bio_op(bio));
	unsigned long start = 0;

	if (account)
		start = bio_start_io_acct(bio);
	if (unlikely(fsdev->past_caches && (bio->bi_opf & (REQ_PREFLUSH | REQ_FUA))))
		bio->bi_status = disk_move_flushed(fsdev, bio, write);
	else
		bio->bi_status = disk_move(fsdev, bio, write);
	if (account)
		bio_end_io_acct(bio, start);
	bio_endio(bio);
}

/*
 * Transfers what the kernel asks for without a bio; not while some page may be poisoned, as a bio
 * can say more of that. After an error a bio comes.
 */
static int __maybe_unused disk_move_page(struct gendisk *disk, sector_t sector, void *buf,
					 unsigned int len, bool write)
{
	struct fsdev *fsdev = disk->private_data;

	if (unlikely(access_checks_poison(&fsdev->access)))
		return -EOPNOTSUPP;
	smp_rmb();	/* pairs with cmpxchg() in access_switch() in access.c */
	return disk_copy_fast(fsdev, (u64)sector << SECTOR_SHIFT, buf, len, write) ? -EIO : 0;
}

/*
 * A claim of the block device or a partition is one of the memory behind it, also where the DAX
 * device hears nothing of it (ext4, EROFS, device-mapper). So the bus's DAX device is barred while
 * there is such a claim, and where that has a holder the claim comes too late. Under open_mutex, as
 * disk_released().
 */
static int disk_opened(struct gendisk *disk, bool claims)
{
	struct fsdev *fsdev = disk->private_data;

	if (!claims || fsdev_holder_bar(fsdev))
		return 0;
	dev_notice_ratelimited(fsdev_dev(fsdev),
			       "exclusive open of /dev/%s by %s (%d) refused: the DAX device is held via fs_dax_get()\n",
			       disk->disk_name, current->comm, task_pid_nr(current));
	return -EBUSY;
}

/* Of a disk without partitions: also where it had some that were noted. */
static void disk_set_whole_reach(struct gendisk *disk, bool claims)
{
	struct fsdev *fsdev = disk->private_data;
	u64 end = U64_MAX;

	if (claims)
		failure_set_reach(fsdev, fstype_reach(fsdev, disk), NULL);
	else if (failure_has_parts(fsdev))
		failure_set_reach(fsdev, fstype_xfs_end(fsdev, 0, &end) ? end : 0, NULL);
}

/*
 * Failures are told as far as the users' file systems reach. Of partitions also where the disk is
 * opened without a claim: not every kernel tells of theirs. A partition that is made while the disk
 * itself is claimed can have no user.
 */
static int disk_set_reach(struct gendisk *disk, bool claims)
{
	struct fsdev *fsdev = disk->private_data;
	struct fstype_parts *parts;

	if (!fstype_has_partitions(disk)) {
		disk_set_whole_reach(disk, claims);
		return 0;
	}
	if (fstype_whole_claimed(disk))
		return 0;
	parts = fstype_parts(disk);
	if (!parts)
		return -ENOMEM;
	failure_set_reach(fsdev, 0, parts);
	return 0;
}

/*
 * The claim of the opener is gone by now. Also long after the device has left the driver. What was
 * partitioned while the disk itself was claimed is noted at the latest here: a claim may come
 * without an open.
 */
static void disk_released(struct gendisk *disk)
{
	struct fsdev *fsdev = disk->private_data;

	if (!fsdev || compat_disk_claimed(disk))
		return;
	fsdev_holder_unbar(fsdev);
	disk_set_reach(disk, false);
}

/*
 * Mappings are clamped before a file system that needs it, or device-mapper, has the disk; signals
 * are put off, and inodes that are not in use passed over, before one that may become the holder
 * has.
 */
static int disk_opened_clamped(struct gendisk *disk, bool claims)
{
	struct fsdev *fsdev = disk->private_data;
	bool unseen = COMPAT_DISK_CLAIM_UNSEEN && fstype_has_partitions(disk);
	int rc = disk_opened(disk, claims);

	if (rc)
		return rc;
	rc = disk_set_reach(disk, claims);
	if (rc) {
		disk_released(disk);	/* it does not come about */
		return rc;
	}
	if ((unseen || (claims && fstype_may_hold(fsdev, disk))) && kill_hook())
		incore_hook();
	if (!unseen && (!claims || !fstype_may_share(fsdev, disk)))
		return 0;
	rc = clamp_get(fsdev);
	if (rc)
		disk_released(disk);	/* it does not come about */
	return rc;
}

/*
 * No kernel keeps bios from writing to a disk that is read-only, and device-mapper would have a
 * writable device made of it, with direct access.
 */
static int disk_opened_checked(struct gendisk *disk, bool claims, bool writes)
{
	if (writes && get_disk_ro(disk))
		return -EROFS;
	return disk_opened_clamped(disk, claims);
}

COMPAT_DISK_OPEN(disk_open, disk_opened_checked)
COMPAT_DISK_RELEASE(disk_release, disk_released)
COMPAT_DISK_RW_PAGE(disk_move_page);

static const struct block_device_operations disk_fops = {
	.owner = THIS_MODULE,
	.open = disk_open,
	.release = disk_release,
	.submit_bio = disk_submit_bio,
	COMPAT_DISK_OPERATIONS
};

/* What is read comes from the memory, and what is written is there when the bio is complete. */
static void disk_submit_shared(struct bio *bio)
{
	const struct fsdev *fsdev = bio->bi_bdev->bd_disk->private_data;

	if (op_is_write(bio_op(bio)))
		bio->bi_opf |= REQ_FUA;
	else
		memory_refresh_range(fsdev, (u64)bio->bi_iter.bi_sector << SECTOR_SHIFT,
				     bio->bi_iter.bi_size);
	disk_submit_bio(bio);
}

static void disk_submit_readonly(struct bio *bio)
{
	const struct fsdev *fsdev = bio->bi_bdev->bd_disk->private_data;

	if (op_is_write(bio_op(bio)) && bio_sectors(bio))
		bio_io_error(bio);
	else if (fsdev->shared && !op_is_write(bio_op(bio)))
		disk_submit_shared(bio);
	else
		disk_submit_bio(bio);
}

/* BLKROSET: the memory, not the user, decides. */
static int disk_set_read_only(struct block_device *bdev, bool read_only)
{
	return read_only ? 0 : -EROFS;
}

static const struct block_device_operations disk_readonly_fops = {
	.owner = THIS_MODULE,
	.open = disk_open,
	.release = disk_release,
	.submit_bio = disk_submit_readonly,
	.set_read_only = disk_set_read_only,
};

static const struct block_device_operations disk_shared_fops = {
	.owner = THIS_MODULE,
	.open = disk_open,
	.release = disk_release,
	.submit_bio = disk_submit_shared,
};

/**
 * disk_forbid_writes() - make the disk read-only
 * @fsdev: a device with a disk
 *
 * A bio that has begun may go on. An open that has begun is counted when this returns.
 *
 * Context: may sleep; for good.
 */
void disk_forbid_writes(struct fsdev *fsdev)
{
	set_disk_ro(fsdev->disk, true);
	WRITE_ONCE(fsdev->disk->fops, &disk_readonly_fops);
	/* disk_opened_checked() is called with it held, and so is the opener counted */
	mutex_lock(&fsdev->disk->open_mutex);
	mutex_unlock(&fsdev->disk->open_mutex);
}

/**
 * disk_grow() - have the disk show how large the device is now
 * @fsdev: a device that has grown, and whose disk stays during the call
 *
 * The kernel notifies user space.
 *
 * Context: may sleep.
 */
void disk_grow(struct fsdev *fsdev)
{
	set_capacity_and_notify(fsdev->disk, memory_size(fsdev) >> SECTOR_SHIFT);
}

/**
 * disk_hide() - let no file system find the DAX device through the disk any more
 * @fsdev: the device
 *
 * Context: removal; may sleep.
 */
void disk_hide(struct fsdev *fsdev)
{
	dax_remove_host(fsdev->disk);
}

/*
 * Whose claims there are cannot be seen once partitions are being deleted: what the disk as a whole
 * is claimed for goes by its superblock from here on, else by the partitions.
 */
static void disk_keep_reach(struct fsdev *fsdev)
{
	if (failure_has_parts(fsdev) && fstype_whole_claimed(fsdev->disk))
		failure_set_reach(fsdev, 0, NULL);
	failure_set_disk(fsdev, NULL);
}

/**
 * disk_delete() - delete the disk
 * @fsdev: a device that is still alive
 *
 * Writes what a mounted file system still has in memory, which needs the device alive, and has the
 * file system shut down. No bio finds the device afterwards; a process that has the disk open may
 * close it later.
 *
 * Context: removal; sleeps until file systems have synced.
 */
void disk_delete(struct fsdev *fsdev)
{
	mutex_lock(&fsdev->disk->open_mutex);
	disk_keep_reach(fsdev);
	mutex_unlock(&fsdev->disk->open_mutex);
	del_gendisk(fsdev->disk);
	mutex_lock(&fsdev->disk->open_mutex);
	fsdev->disk->private_data = NULL;
	mutex_unlock(&fsdev->disk->open_mutex);
}

/**
 * disk_put() - give the disk up, after disk_delete()
 * @fsdev: the device
 *
 * Context: removal; may sleep.
 */
void disk_put(struct fsdev *fsdev)
{
	failure_set_disk(fsdev, NULL);
	put_disk(fsdev->disk);
}

static struct gendisk *disk_create(struct fsdev *fsdev)
{
	const struct compat_disk_limits limits = {
		.logical_block_size = SECTOR_SIZE,
		.physical_block_size = PAGE_SIZE,
		.write_cache = fsdev->past_caches,
	};
	struct device *dev = fsdev_dev(fsdev);
	struct gendisk *disk;

	disk = compat_alloc_dax_disk(&limits, dev_to_node(dev));
	if (IS_ERR(disk))
		return disk;
	disk->fops = fsdev->shared ? &disk_shared_fops : &disk_fops;
	disk->private_data = fsdev;
	disk->bb = &fsdev->badblocks.list;
	/* dax1.0 becomes fsdev1.0 */
	snprintf(disk->disk_name, sizeof(disk->disk_name), "fsdev%s",
		 dev_name(dev) + strlen("dax"));
	set_capacity(disk, rangemap_size(&fsdev->map) >> SECTOR_SHIFT);
	return disk;
}

/**
 * disk_add() - make the block device
 * @fsdev: a device that is open for access
 *
 * Context: probe, may sleep. Undone by disk_hide(), disk_delete() and disk_put().
 * Return: 0 or a negative errno.
 */
int disk_add(struct fsdev *fsdev)
{
	struct device *dev = fsdev_dev(fsdev);
	struct gendisk *disk;
	int rc;

	disk = disk_create(fsdev);
	if (IS_ERR(disk)) {
		rc = PTR_ERR(disk);
		goto fail;
	}
	fsdev->disk = disk;
	failure_set_disk(fsdev, disk);
	if (fsdev->platform.read_only)
		disk_forbid_writes(fsdev);
	rc = dax_add_host(fsdev->dax_dev, disk);
	if (rc)
		goto put;
	rc = device_add_disk(dev, disk, NULL);
	if (rc)
		goto remove_host;
	return 0;

remove_host:
	dax_remove_host(disk);
put:
	disk_put(fsdev);
fail:
	dev_err(dev, "cannot add the block device: error %d\n", rc);
	return rc;
}

/**
 * disk_look_for_claims() - bars the bus's DAX device if the block device is claimed, or not
 * @fsdev: a device that is bound, and stays so during the call
 *
 * It is so already, but for what the kernel tells late (a claim that a file system has given up,
 * until its file is closed) or never (6.1: claims and their ends on a partition that was open
 * already).
 *
 * Context: may sleep; takes the disk's open_mutex.
 */
void disk_look_for_claims(struct fsdev *fsdev)
{
	struct gendisk *disk = fsdev->disk;

	mutex_lock(&disk->open_mutex);
	if (compat_disk_claimed(disk))
		fsdev_holder_bar(fsdev);
	else
		fsdev_holder_unbar(fsdev);
	mutex_unlock(&disk->open_mutex);
}

/**
 * disk_hold_off() - keep claims of the memory away for a moment
 * @fsdev: a device that is bound, and stays so until disk_let_in()
 * @write: claims of the bus's DAX device by fs_dax_get() as well, which take no lock of the disk
 *
 * Context: may sleep; takes the disk's open_mutex and keeps it.
 * Return: 0; -EBUSY, without the open_mutex, if the disk is claimed or the device has a holder.
 */
int disk_hold_off(struct fsdev *fsdev, bool write)
{
	struct gendisk *disk = fsdev->disk;

	mutex_lock(&disk->open_mutex);
	if (!compat_disk_claimed(disk) && !fsdev_holder_exists(fsdev) &&
	    (!write || fsdev_holder_bar(fsdev)))
		return 0;
	mutex_unlock(&disk->open_mutex);
	return -EBUSY;
}

/**
 * disk_let_in() - undo disk_hold_off()
 * @fsdev: the device
 * @write: as there
 *
 * Context: releases the disk's open_mutex.
 */
void disk_let_in(struct fsdev *fsdev, bool write)
{
	lockdep_assert_held(&fsdev->disk->open_mutex);
	if (write)
		fsdev_holder_unbar(fsdev);
	mutex_unlock(&fsdev->disk->open_mutex);
}

/**
 * disk_claim() - claim the block device, to exclude other claims
 * @fsdev: a device that is bound, and stays so during the call
 * @holder: the claimer; an address that no other claimer uses
 * @claim: for disk_unclaim()
 *
 * A file system that does not hold the DAX device, as ext4, claims the block device alone.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if it is claimed, or the DAX device; -ENXIO if it is deleted; another negative
 * errno.
 */
int disk_claim(struct fsdev *fsdev, void *holder, struct compat_disk_claim *claim)
{
	return compat_claim_disk(disk_devt(fsdev->disk), holder, claim);
}

/**
 * disk_unclaim() - undo disk_claim()
 * @claim: of a disk that may be gone meanwhile
 *
 * Context: may sleep.
 */
void disk_unclaim(struct compat_disk_claim *claim)
{
	compat_unclaim_disk(claim);
}
