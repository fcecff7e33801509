// SPDX-License-Identifier: GPL-2.0
/*
 * Repair: a poisoned page is overwritten as a whole and becomes good.
 *
 * The page stays in the poison set, so that it is not handed out, until the platform has cleared
 * the memory's poison, the direct map has the page again, the new data has been written past the
 * caches and read back by a machine-check-safe copy. The page's flag is cleared then, and the page
 * taken out of the set last: a reader that finds it good reads the new data.
 */
#include <linux/dax.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "device.h"
#include "event.h"
#include "memory.h"
#include "platform.h"
#include "poison.h"
#include "repair.h"
#include "uapi/fsdev.h"

/* Waiting until no memory_failure() is in progress: see poison_report_end(). */
#define QUIET_POLL_MS 10
#define QUIET_TRIES 500

#define READ_BACK 256

static bool is_poisoned(const struct fsdev *fsdev, u64 offset)
{
	return !poison_good(&fsdev->poison, offset, PAGE_SIZE);
}

/* Finds the device offset of a page frame; false if it is none of the device. */
static bool offset_of_pfn(const struct fsdev *fsdev, unsigned long pfn, u64 *offset)
{
	u64 phys = PFN_PHYS(pfn), len = PAGE_SIZE;
	struct rangemap_piece piece;

	if (!rangemap_next(&fsdev->map, &phys, &len, &piece))
		return false;
	*offset = piece.offset;
	return true;
}

/*
 * Clears the page's flag; and that of the first page of its 2 MiB, which some kernels set for any
 * page of a folio of that size.
 */
static void clear_hwpoison_flag(const struct fsdev *fsdev, unsigned long pfn)
{
	unsigned long head = ALIGN_DOWN(pfn, PTRS_PER_PMD);
	u64 offset;

	ClearPageHWPoison(pfn_to_page(pfn));
	if (offset_of_pfn(fsdev, head, &offset) && !is_poisoned(fsdev, offset))
		ClearPageHWPoison(pfn_to_page(head));
}

/* Reads a page back, in pieces that fit on the stack; true if it has what was written to it. */
static bool reads_back(const void *mem, const void *data)
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
	void *mem = memory_address(fsdev, offset, &len);
	unsigned long pfn = PHYS_PFN(__pa(mem));
	int rc;

	rc = platform_clear(fsdev, PFN_PHYS(pfn), PAGE_SIZE);
	if (rc && rc != -EOPNOTSUPP)
		return rc;
	compat_direct_map_restore(pfn);
	/* a cache may hold what the memory had before */
	arch_invalidate_pmem(mem, PAGE_SIZE);
	memcpy_flushcache(mem, data, PAGE_SIZE);
	wmb(); /* pairs with reads_back() below: in memory before it is read */
	if (!reads_back(mem, data)) {
		compat_direct_map_remove(pfn);
		return -EIO;
	}
	clear_hwpoison_flag(fsdev, pfn);
	/* pairs with smp_rmb() in access.c and in disk_page() in disk.c */
	smp_mb();
	rc = poison_remove(&fsdev->poison, offset, PAGE_SIZE);
	if (!rc)
		event_post(fsdev->events, FSDEV_EVENT_CLEARED, 0, offset, PAGE_SIZE);
	return rc;
}

/*
 * Takes the lock when no report of a failure is in progress. Gives up after a while: the report may
 * wait for locks that the caller's file system holds.
 */
static bool lock_quiet(struct fsdev *fsdev)
{
	for (int i = 0; i < QUIET_TRIES; i++) {
		poison_lock(&fsdev->poison);
		if (poison_quiet(&fsdev->poison))
			return true;
		poison_unlock(&fsdev->poison);
		msleep(QUIET_POLL_MS);
	}
	return false;
}

/**
 * repair_page() - overwrite a page, and make it good if it was poisoned
 * @fsdev: the device
 * @offset: device offset; a multiple of the page size, in the device
 * @data: the page's new contents; NULL for zeros
 *
 * Context: may sleep; takes the poison lock. Also under I/O: allocates no memory that would wait
 * for it.
 * Return: 0; -EIO if the page could not be written, did not read back as written, or if reports of
 * failures go on; -ENOMEM. It stays poisoned then.
 */
int repair_page(struct fsdev *fsdev, u64 offset, const void *data)
{
	u64 len;
	int rc = 0;

	if (!data)
		data = page_address(ZERO_PAGE(0));
	if (!lock_quiet(fsdev))
		return -EIO;
	if (is_poisoned(fsdev, offset)) {
		rc = repair_locked(fsdev, offset, data);
		if (rc && __ratelimit(&fsdev->failure.log_limit))
			dev_warn(fsdev_dev(fsdev),
				 "device offset %#llx, %lu bytes: still poisoned after an overwrite\n",
				 offset, PAGE_SIZE);
	} else {
		/* repaired by another caller meanwhile */
		memory_store(fsdev, memory_address(fsdev, offset, &len), data, PAGE_SIZE);
	}
	poison_unlock(&fsdev->poison);
	return rc;
}

/**
 * repair_range() - overwrite the poisoned pages of a range with zeros
 * @fsdev: the device
 * @offset: device offset; a multiple of the page size
 * @len: bytes; a multiple of the page size
 * @done: where to put how many bytes were repaired
 *
 * Other pages are left alone.
 *
 * Context: may sleep; takes the poison lock for each page. The device stays bound.
 * Return: 0; -EIO if a page stays poisoned, after all have been tried; -EINTR.
 */
int repair_range(struct fsdev *fsdev, u64 offset, u64 len, u64 *done)
{
	u64 end = offset + min(len, U64_MAX - offset), at = offset;
	struct poison_piece piece;
	int rc = 0;

	*done = 0;
	while (poison_next(&fsdev->poison, &at, &piece) && piece.offset < end) {
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
