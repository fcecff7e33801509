// SPDX-License-Identifier: GPL-2.0
/*
 * The holder: claims a DAX device as a file system does, and writes down what it is told.
 *
 *   hold-disk ID       claims it through its block device
 *   hold-direct ID     claims it without one
 *   let-go ID          gives the claim back
 *   reach ID WANTED    asks for a page as the holder: 1, or an error
 *   told-removal ID    it was told once, of the removal of everything, while the device was alive
 */
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "fsdev_test.h"
#include "include/fsdev/dax.h"

#ifdef FSDEV_HAVE_MF_MEM_PRE_REMOVE
#define REMOVAL_FLAGS MF_MEM_PRE_REMOVE
#define REMOVAL_LEN U64_MAX
#else
#define REMOVAL_FLAGS 0
#define REMOVAL_LEN PAGE_SIZE
#endif

static int write_down(struct dax_device *dax_dev, u64 offset, u64 len, int flags)
{
	struct test_claim *claim = dax_holder(dax_dev);

	if (claim->count < ARRAY_SIZE(claim->told)) {
		struct told *told = &claim->told[claim->count];

		told->offset = offset;
		told->len = len;
		told->flags = flags;
		told->alive = dax_alive(dax_dev);
		told->reached = access_try(dax_dev, PHYS_PFN(offset), 1, NULL, NULL);
	}
	claim->count++;
	return claim->answer;
}

static const struct dax_holder_operations holder_operations = {
	.notify_failure = write_down,
};

static int claim_disk(struct test_device *device, struct test_claim *claim)
{
	u64 start;

	/* as a mount does: the block device is claimed as well */
	claim->file = device_disk(device, O_RDWR | O_EXCL);
	if (IS_ERR(claim->file))
		return PTR_ERR(claim->file);
	claim->dax_dev = fs_dax_get_by_bdev(I_BDEV(claim->file->f_mapping->host), &start, claim,
					    &holder_operations);
	if (claim->dax_dev && start == 0)
		return 0;
	fput(claim->file);
	return -EBUSY;
}

static int claim_direct(struct test_device *device, struct test_claim *claim)
{
	claim->dax_dev = test_dax(device);
	return fs_dax_get(claim->dax_dev, claim, &holder_operations);
}

static int hold(const char *id,
		int (*claim_it)(struct test_device *device, struct test_claim *claim))
{
	struct test_device *device = device_find(id);
	struct test_claim *claim;
	int rc;

	if (!device || device->claim)
		return -EINVAL;
	claim = kvzalloc(sizeof(*claim), GFP_KERNEL);
	if (!claim)
		return -ENOMEM;
	rc = claim_it(device, claim);
	if (rc)
		kvfree(claim);
	else
		device->claim = claim;
	return rc;
}

static int hold_disk(char **word)
{
	return hold(word[0], claim_disk);
}

static int hold_direct(char **word)
{
	return hold(word[0], claim_direct);
}

/**
 * holder_drop() - gives a claim back, if there is one
 * @device: a device
 *
 * Context: the command lock.
 */
void holder_drop(struct test_device *device)
{
	struct test_claim *claim = device->claim;

	if (!claim)
		return;
	fs_put_dax(claim->dax_dev, claim);
	if (claim->file)
		fput(claim->file);
	device->claim = NULL;
	kvfree(claim);
}

static int release_by_word(char **word)
{
	struct test_device *device = device_find(word[0]);

	if (!device || !device->claim)
		return -EINVAL;
	holder_drop(device);
	return 0;
}

static int told_removal(char **word)
{
	struct test_device *device = device_find(word[0]);
	const struct told *told;

	if (!device || !device->claim)
		return -EINVAL;
	told = &device->claim->told[0];
	report_point(device->claim->count == 1, "the holder was told once");
	report_note("%u times", device->claim->count);
	report_point(told->offset == 0 && told->len == REMOVAL_LEN, "of the whole device");
	report_note("offset %#llx, length %#llx", told->offset, told->len);
	report_point(told->flags == REMOVAL_FLAGS, "that it will be removed");
	report_note("flags %#x", told->flags);
	report_point(told->alive, "the device was alive at that moment");
	report_point(told->reached == 1, "its memory could be reached at that moment");
	report_note("got %ld", told->reached);
	report_point(!dax_holder(device->claim->dax_dev), "the dead device has no holder");
	return 0;
}

static int reach(char **word)
{
	struct test_device *device = device_find(word[0]);
	int wanted, id;
	long got;

	if (!device || !device->claim || kstrtoint(word[1], 0, &wanted))
		return -EINVAL;
	id = dax_read_lock();
	got = access_try(device->claim->dax_dev, 0, 1, NULL, NULL);
	dax_read_unlock(id);
	report_point(got == wanted, "the holder gets %d when it asks for a page", wanted);
	report_note("got %ld", got);
	return 0;
}

const struct test_verb holder_verbs[] = {
	{ "hold-disk", 1, hold_disk },
	{ "hold-direct", 1, hold_direct },
	{ "let-go", 1, release_by_word },
	{ "told-removal", 1, told_removal },
	{ "reach", 2, reach },
	{ }
};
