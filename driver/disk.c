// SPDX-License-Identifier: GPL-2.0
/*
 * The block device /dev/fsdevX.Y, on which XFS, ext4, EROFS and device-mapper find the DAX device.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "fsdev.h"

/* One stretch of a bio, which may lie across ranges. */
static blk_status_t disk_copy(struct fsdev *fsdev, u64 offset, void *buf, unsigned int len,
			      bool write)
{
	while (len) {
		u64 run;
		void *mem = access_read_address(fsdev, offset, &run);
		unsigned int n = min_t(u64, run, len);

		if (unlikely(!mem))
			return BLK_STS_IOERR;
		if (write)
			access_store(fsdev, mem, buf, n);
		else if (copy_mc_to_kernel(buf, mem, n))
			return BLK_STS_IOERR;
		offset += n;
		buf += n;
		len -= n;
	}
	return BLK_STS_OK;
}

static void disk_submit_bio(struct bio *bio)
{
	struct fsdev *fsdev = bio->bi_bdev->bd_disk->private_data;
	bool account = blk_queue_io_stat(bio->bi_bdev->bd_disk->queue);
	bool write = op_is_write(bio_op(bio));
	unsigned long start = 0;
	struct bvec_iter iter;
	struct bio_vec bv;

	if (account)
		start = bio_start_io_acct(bio);
	bio_for_each_bvec(bv, bio, iter) {
		bio->bi_status = disk_copy(fsdev, iter.bi_sector << SECTOR_SHIFT, bvec_virt(&bv),
					   bv.bv_len, write);
		if (bio->bi_status)
			break;
	}
	if (fsdev->persistent && (bio->bi_opf & (REQ_PREFLUSH | REQ_FUA)))
		wmb(); /* the stores went past the caches; they come before the completion */
	if (account)
		bio_end_io_acct(bio, start);
	bio_endio(bio);
}

static const struct block_device_operations disk_fops = {
	.owner = THIS_MODULE,
	.submit_bio = disk_submit_bio,
};

/*
 * From here on nobody finds the DAX device through the disk. Deleting the disk writes what a
 * mounted file system still has in memory, which needs the device alive, and has the file
 * system shut down.
 */
static void disk_remove(void *data)
{
	struct fsdev *fsdev = data;

	dax_remove_host(fsdev->disk);
	revoke_note_supers(fsdev);
	del_gendisk(fsdev->disk);
	put_disk(fsdev->disk);
}

static struct gendisk *disk_create(struct fsdev *fsdev)
{
	const struct compat_disk_limits limits = {
		.logical_block_size = SECTOR_SIZE,
		.physical_block_size = PAGE_SIZE,
		.write_cache = fsdev->persistent,
	};
	struct device *dev = fsdev_dev(fsdev);
	struct gendisk *disk;

	disk = compat_alloc_dax_disk(&limits, dev_to_node(dev));
	if (IS_ERR(disk))
		return disk;
	disk->fops = &disk_fops;
	disk->private_data = fsdev;
	/* dax1.0 becomes fsdev1.0 */
	snprintf(disk->disk_name, sizeof(disk->disk_name), "fsdev%s",
		 dev_name(dev) + strlen("dax"));
	set_capacity(disk, rangemap_size(&fsdev->map) >> SECTOR_SHIFT);
	return disk;
}

/**
 * disk_add() - makes the block device
 * @fsdev: a device that is open for access
 *
 * Context: probe, may sleep. Undone by devm.
 * Return: 0 or a negative errno.
 */
int disk_add(struct fsdev *fsdev)
{
	struct device *dev = fsdev_dev(fsdev);
	struct gendisk *disk;
	int rc;

	disk = disk_create(fsdev);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	fsdev->disk = disk;
	rc = dax_add_host(fsdev_dax(fsdev), disk);
	if (rc)
		goto put;
	rc = device_add_disk(dev, disk, NULL);
	if (rc)
		goto remove_host;
	return devm_add_action_or_reset(dev, disk_remove, fsdev);

remove_host:
	dax_remove_host(disk);
put:
	put_disk(disk);
	dev_err(dev, "cannot add the block device: error %d\n", rc);
	return rc;
}

/**
 * disk_claim() - keeps everybody else from claiming the block device
 * @fsdev: a device that is bound, and stays so during the call
 * @holder: who claims it; an address that is the caller's alone
 * @claim: for disk_unclaim()
 *
 * A file system that does not hold the DAX device, as ext4, claims the block device alone.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if somebody has it; -ENXIO if it is gone; another negative errno.
 */
int disk_claim(struct fsdev *fsdev, void *holder, struct compat_disk_claim *claim)
{
	return compat_claim_disk(fsdev->disk, holder, claim);
}

/**
 * disk_unclaim() - undoes disk_claim()
 * @claim: of a disk that may be gone meanwhile
 *
 * Context: may sleep.
 */
void disk_unclaim(struct compat_disk_claim *claim)
{
	compat_unclaim_disk(claim);
}
