// SPDX-License-Identifier: GPL-2.0
/*
 * Read-only memory: what a kernel user of it can do, and cannot.
 *
 *   readonly DISK NODE   a device on read-only memory that nothing has claimed
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/uio.h>

#include "fsdev_test.h"
#include "include/fsdev/dax.h"

static int readonly_holder;

static long readonly_ask(struct dax_device *dax_dev, enum dax_access_mode mode, void **kaddr)
{
	int id = dax_read_lock();
	long n = dax_direct_access(dax_dev, 0, 1, mode, kaddr, NULL);

	dax_read_unlock(id);
	return n;
}

static int readonly_zero(struct dax_device *dax_dev)
{
	int id = dax_read_lock();
	int rc = dax_zero_page_range(dax_dev, 0, 1);

	dax_read_unlock(id);
	return rc;
}

static size_t readonly_recover(struct dax_device *dax_dev, void *kaddr)
{
	struct kvec from = { .iov_base = page_address(ZERO_PAGE(0)), .iov_len = PAGE_SIZE };
	struct iov_iter iter;
	size_t n;
	int id;

	iov_iter_kvec(&iter, ITER_SOURCE, &from, 1, PAGE_SIZE);
	id = dax_read_lock();
	n = dax_recovery_write(dax_dev, 0, kaddr, PAGE_SIZE, &iter);
	dax_read_unlock(id);
	return n;
}

static int readonly_write(struct block_device *bdev)
{
	struct bio_vec vec;
	struct bio bio;
	int rc;

	bio_init(&bio, bdev, &vec, 1, REQ_OP_WRITE);
	if (bio_add_page(&bio, ZERO_PAGE(0), PAGE_SIZE, 0) != PAGE_SIZE)
		return -ENOMEM;
	rc = submit_bio_wait(&bio);
	bio_uninit(&bio);
	return rc;
}

static void readonly_points(struct block_device *bdev, struct dax_device *dax_dev)
{
	void *kaddr = NULL;

	report_point(readonly_ask(dax_dev, DAX_ACCESS, &kaddr) == 1 && kaddr,
		     "a file system gets the memory's address");
	report_point(readonly_ask(dax_dev, DAX_RECOVERY_WRITE, NULL) == -EROFS,
		     "it gets none to overwrite poison");
	report_point(readonly_zero(dax_dev) == -EROFS, "it cannot zero a page");
	report_point(kaddr && !readonly_recover(dax_dev, kaddr), "nor repair one");
	report_point(readonly_write(bdev) == -EIO, "nor write a block");
}

static int readonly(char **word)
{
	struct file *disk = filp_open(word[0], O_RDONLY | O_EXCL, 0);
	struct dax_device *dax_dev, *bus_dax;
	struct block_device *bdev;
	void *whole;
	u64 start;

	if (IS_ERR(disk))
		return PTR_ERR(disk);
	bus_dax = fsdev_find_dax_by_path(word[1]);
	if (IS_ERR(bus_dax)) {
		fput(disk);
		return PTR_ERR(bus_dax);
	}
	bdev = I_BDEV(disk->f_mapping->host);
	dax_dev = fs_dax_get_by_bdev(bdev, &start, &readonly_holder, NULL);
	report_point(dax_dev, "the disk has a DAX device");
	if (dax_dev) {
		readonly_points(bdev, dax_dev);
		fs_put_dax(dax_dev, &readonly_holder);
	}
	report_point(readonly_ask(bus_dax, DAX_ACCESS, NULL) == -EROFS,
		     "without the disk there is no address");
	report_point(fsdev_whole(bus_dax, &whole) == -EROFS, "nor one for all of it");
	put_dax(bus_dax);
	fput(disk);
	return 0;
}

const struct test_verb readonly_verbs[] = {
	{ "readonly", 2, readonly },
	{ }
};
