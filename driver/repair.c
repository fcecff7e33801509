// SPDX-License-Identifier: GPL-2.0
/*
 * Repair: a bad page is overwritten as a whole and becomes good.
 *
 * The order keeps readers away from what is not yet right. The page stays in the bad ranges, so
 * that nobody is given it, while the platform clears its poison, the kernel's mapping of it is put
 * back, the new data is written past the caches and read back with care. Then its flag goes, and
 * last of all its place among the bad ranges: whoever finds it good finds the new data.
 */
#include <linux/dax.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "access.h"
#include "device.h"
#include "failure.h"
#include "platform.h"
#include "repair.h"

#define SETTLE_STEP_MS 10
#define SETTLE_TRIES 500

#define READ_BACK 256

static bool is_bad(const struct fsdev *fsdev, u64 offset)
{
	return !poison_set_good(&fsdev->bad, offset, PAGE_SIZE);
}

/* Whether physical page @pfn is one of the device's, and where. */
static bool is_ours(const struct fsdev *fsdev, unsigned long pfn, u64 *offset)
{
	u64 phys = PFN_PHYS(pfn), len = PAGE_SIZE;
	struct rangemap_piece piece;

	if (!rangemap_next(&fsdev->map, &phys, &len, &piece))
		return false;
	*offset = piece.offset;
	return true;
}

/*
 * The page's flag; and that of the first page of its 2 MiB, on which some kernels put the flag of
 * any page of a folio of that size.
 */
static void clear_flag(const struct fsdev *fsdev, unsigned long pfn)
{
	unsigned long head = ALIGN_DOWN(pfn, PTRS_PER_PMD);
	u64 offset;

	ClearPageHWPoison(pfn_to_page(pfn));
	if (is_ours(fsdev, head, &offset) && !is_bad(fsdev, offset))
		ClearPageHWPoison(pfn_to_page(head));
}

/* Whether memory can be read, and has what was written to it; by pieces that fit on the stack. */
static bool holds(const void *mem, const void *data)
{
	u8 piece[READ_BACK];

	for (size_t at = 0; at < PAGE_SIZE; at += sizeof(piece))
		if (copy_mc_to_kernel(piece, mem + at, sizeof(piece)) ||
		    memcmp(piece, data + at, sizeof(piece)))
			return false;
	return true;
}

static int repair_locked(struct fsdev *fsdev, u64 offset, const void *data)
{
	u64 len;
	void *mem = access_read_address(fsdev, offset, &len);
	unsigned long pfn = PHYS_PFN(__pa(mem));
	int rc;

	rc = platform_clear(fsdev, PFN_PHYS(pfn), PAGE_SIZE);
	if (rc && rc != -EOPNOTSUPP)
		return rc;
	compat_unfence_page(pfn);
	/* a cache may hold what the memory had before */
	arch_invalidate_pmem(mem, PAGE_SIZE);
	memcpy_flushcache(mem, data, PAGE_SIZE);
	wmb(); /* in memory before it is read back */
	if (!holds(mem, data)) {
		compat_fence_page(pfn);
		return -EIO;
	}
	clear_flag(fsdev, pfn);
	smp_mb(); /* and visible before it counts as good */
	return failure_repaired(fsdev, offset, PAGE_SIZE);
}

/*
 * Takes the lock when no failure is being reported. Gives up after a while: the report may wait for
 * what the caller's file system has locked.
 */
static bool lock_settled(struct fsdev *fsdev)
{
	for (int i = 0; i < SETTLE_TRIES; i++) {
		failure_lock(fsdev);
		if (failure_settled(fsdev))
			return true;
		failure_unlock(fsdev);
		msleep(SETTLE_STEP_MS);
	}
	return false;
}

/**
 * repair_page() - overwrites a page, which makes it good if it was bad
 * @fsdev: the device
 * @offset: device offset; a multiple of the page size, in the device
 * @data: the page's new contents; NULL for zeros
 *
 * Context: may sleep; takes failure_lock(). Also under input and output: allocates nothing that
 * would wait for it.
 * Return: 0; -EIO if the page could not be written, did not hold what was written, or if failures
 * go on being reported; -ENOMEM. It then is bad still.
 */
int repair_page(struct fsdev *fsdev, u64 offset, const void *data)
{
	u64 len;
	int rc = 0;

	if (!data)
		data = page_address(ZERO_PAGE(0));
	if (!lock_settled(fsdev))
		return -EIO;
	if (is_bad(fsdev, offset)) {
		rc = repair_locked(fsdev, offset, data);
		if (rc && __ratelimit(&fsdev->log_limit))
			dev_warn(fsdev_dev(fsdev),
				 "device offset %#llx, %lu bytes: still bad after an overwrite\n",
				 offset, PAGE_SIZE);
	} else {
		/* somebody was quicker */
		access_store(fsdev, access_read_address(fsdev, offset, &len), data, PAGE_SIZE);
	}
	failure_unlock(fsdev);
	return rc;
}

/**
 * failure_repair() - overwrites what is bad of a stretch with zeros
 * @fsdev: the device
 * @offset: device offset; a multiple of the page size
 * @len: bytes; a multiple of the page size
 * @done: bytes that were bad and are good now
 *
 * What is not bad is left alone.
 *
 * Context: may sleep; takes failure_lock() for each page. The device is bound all the while.
 * Return: 0; -EIO if some of it stays bad, after all has been tried; -EINTR.
 */
int failure_repair(struct fsdev *fsdev, u64 offset, u64 len, u64 *done)
{
	u64 end = offset + min(len, U64_MAX - offset), at = offset;
	struct poison_piece piece;
	int rc = 0;

	*done = 0;
	while (poison_set_next(&fsdev->bad, &at, &piece) && piece.offset < end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (repair_page(fsdev, piece.offset, NULL))
			rc = -EIO;
		else
			*done += PAGE_SIZE;
		at = piece.offset + PAGE_SIZE;
		cond_resched();
	}
	return rc;
}
