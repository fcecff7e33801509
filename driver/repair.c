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
#include "trace.h"
#include "uapi/fsdev.h"

/* Waiting until no memory_failure() is in progress: see poison_report_end(). */
#define QUIET_POLL_MS 10
#define QUIET_PATIENCE (5 * HZ)

/* How much is read back at a time: it is on the stack. */
#define READ_BACK 256

/* A process that has the page mapped may store to it while it is read back. */
#define WRITE_TRIES 3

static bool is_poisoned(const struct fsdev *fsdev, u64 offset)
{
	return !poison_good(&fsdev->poison, offset, PAGE_SIZE);
}

/* Finds the device offset of a page frame; false if it is none of the device. */
static bool offset_of_pfn(const struct fsdev *fsdev, unsigned long pfn, u64 *offset)
{
	u64 phys = PFN_PHYS(pfn), len = PAGE_SIZE;
	struct rangemap_piece piece;

	if (!memory_next(fsdev, &phys, &len, &piece))
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
	unsigned long head = ALIGN_DOWN(pfn, 1UL << (PMD_SHIFT - PAGE_SHIFT));
	u64 offset;

	ClearPageHWPoison(pfn_to_page(pfn));
	if (offset_of_pfn(fsdev, head, &offset) && !is_poisoned(fsdev, offset))
		ClearPageHWPoison(pfn_to_page(head));
}

/* Reads a page back: 0 if it has what was written to it, -EAGAIN if not, -EIO if it has poison. */
static int read_back(const void *mem, const void *data)
{
	u8 piece[READ_BACK];
	int rc = 0;

	for (size_t at = 0; at < PAGE_SIZE; at += sizeof(piece)) {
		if (copy_mc_to_kernel(piece, mem + at, sizeof(piece)))
			return -EIO;
		if (memcmp(piece, data + at, sizeof(piece)))
			rc = -EAGAIN;
	}
	return rc;
}

static int write_verified(void *mem, const void *data)
{
	int rc = -EAGAIN;

	for (int i = 0; i < WRITE_TRIES && rc == -EAGAIN; i++) {
		memcpy_flushcache(mem, data, PAGE_SIZE);
		wmb(); /* pairs with read_back() above: in memory before it is read */
		rc = read_back(mem, data);
	}
	return rc;
}

/*
 * The page is good again. Of one that the driver found, and memory_failure() has not come back
 * with, watchers hear only here that it had failed.
 */
static void record_repair(struct fsdev *fsdev, u64 offset, bool unreported)
{
	if (unreported) {
		trace_fsdev_failure(fsdev_dev(fsdev), offset, PAGE_SIZE,
				    PFN_PHYS(memory_pfn(fsdev, offset)), FSDEV_EVENT_READ, false);
		event_post(fsdev->events, FSDEV_EVENT_FAILURE, FSDEV_EVENT_READ, offset, PAGE_SIZE);
	}
	event_post(fsdev->events, FSDEV_EVENT_CLEARED, 0, offset, PAGE_SIZE);
}

static int repair_locked(struct fsdev *fsdev, u64 offset, const void *data)
{
	u64 len;
	void *mem = memory_address(fsdev, offset, &len);
	bool unreported = poison_unreported(&fsdev->poison, offset);
	unsigned long pfn = PHYS_PFN(__pa(mem));
	int rc, cleared;

	cleared = platform_clear(fsdev, PFN_PHYS(pfn), PAGE_SIZE);
	if (cleared && cleared != -EOPNOTSUPP)
		return cleared;
	compat_direct_map_restore(pfn);
	/* a cache may hold what the memory had before */
	arch_invalidate_pmem(mem, PAGE_SIZE);
	if (write_verified(mem, data)) {
		if (!cleared)
			platform_note_lost(fsdev, PFN_PHYS(pfn));
		return -EIO;
	}
	if (cleared)
		platform_note_repaired(fsdev, PFN_PHYS(pfn));
	clear_hwpoison_flag(fsdev, pfn);
	/* pairs with smp_rmb() in access.c and in disk_page() in disk.c */
	smp_mb();
	rc = poison_remove(&fsdev->poison, offset, PAGE_SIZE);
	if (!rc)
		record_repair(fsdev, offset, unreported);
	return rc;
}

/*
 * Takes the lock when no report of a failure is in progress; if asked to, also after the report of
 * a page that the driver found. Gives up after a while: the report may wait for locks that the
 * caller's file system holds. Once a caller has given up, others do so at once until the reports
 * have been over for a moment: a request may have thousands of poisoned pages.
 */
static bool lock_quiet(struct fsdev *fsdev, u64 offset, bool reported)
{
	struct poison *poison = &fsdev->poison;
	unsigned long end = jiffies + QUIET_PATIENCE;

	for (;;) {
		poison_lock(poison);
		if (poison_repairable(poison) && !(reported && poison_unreported(poison, offset))) {
			WRITE_ONCE(poison->stuck, false);
			return true;
		}
		if (time_after(jiffies, end))
			WRITE_ONCE(poison->stuck, true);
		if (READ_ONCE(poison->stuck)) {
			poison_unlock(poison);
			return false;
		}
		poison_unlock(poison);
		msleep(QUIET_POLL_MS);
	}
}

static int repair_logged(struct fsdev *fsdev, u64 offset, const void *data)
{
	int rc = repair_locked(fsdev, offset, data);

	trace_fsdev_repair(fsdev_dev(fsdev), offset, PAGE_SIZE,
			   PFN_PHYS(memory_pfn(fsdev, offset)), rc);
	if (rc && __ratelimit(&fsdev->failure.log_limit))
		dev_warn(fsdev_dev(fsdev),
			 "device offset %#llx, %lu bytes: still poisoned after an overwrite\n",
			 offset, PAGE_SIZE);
	return rc;
}

/**
 * repair_page() - overwrite a page, and make it good if it was poisoned
 * @fsdev: the device
 * @offset: device offset; a multiple of the page size, in the device
 * @data: the page's new contents; NULL for zeros
 *
 * Context: may sleep; takes the poison lock. Also under I/O: allocates no memory that would wait
 * for it.
 * Return: 0; -EROFS if the memory is read-only; -EIO if the page could not be written, did not read
 * back as written, or if reports of failures go on; -ENOMEM. It stays poisoned then.
 */
int repair_page(struct fsdev *fsdev, u64 offset, const void *data)
{
	u64 len;
	int rc = 0;

	if (READ_ONCE(fsdev->platform.read_only))
		return -EROFS;
	if (!data)
		data = page_address(ZERO_PAGE(0));
	if (!lock_quiet(fsdev, offset, false))
		return -EIO;
	if (is_poisoned(fsdev, offset))
		rc = repair_logged(fsdev, offset, data);
	else	/* repaired by another caller meanwhile */
		memory_store(fsdev, memory_address(fsdev, offset, &len), data, PAGE_SIZE);
	poison_unlock(&fsdev->poison);
	return rc;
}

/*
 * Overwrites a page with zeros if it is poisoned, once its holder has heard that. If a writer has
 * repaired it meanwhile, what was written stays.
 */
static int clear_page_poison(struct fsdev *fsdev, u64 offset, u64 *done)
{
	int rc = 0;

	if (!lock_quiet(fsdev, offset, true))
		return -EIO;
	if (is_poisoned(fsdev, offset)) {
		rc = repair_logged(fsdev, offset, page_address(ZERO_PAGE(0)));
		if (!rc)
			*done += PAGE_SIZE;
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
 * Other pages are left alone, also those that a writer repairs meanwhile.
 *
 * Context: may sleep; takes the poison lock for each page. The device stays bound.
 * Return: 0; -EROFS if the memory is read-only; -EIO if a page stays poisoned, after all have been
 * tried; -EINTR.
 */
int repair_range(struct fsdev *fsdev, u64 offset, u64 len, u64 *done)
{
	u64 end = offset + min(len, U64_MAX - offset), at = offset;
	struct poison_piece piece;
	int rc = 0;

	*done = 0;
	if (READ_ONCE(fsdev->platform.read_only))
		return -EROFS;
	while (poison_next(&fsdev->poison, &at, &piece) && piece.offset < end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (clear_page_poison(fsdev, piece.offset, done))
			rc = -EIO;
		at = piece.offset + PAGE_SIZE;
		cond_resched();
	}
	return rc;
}
