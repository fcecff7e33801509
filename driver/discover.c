// SPDX-License-Identifier: GPL-2.0
/*
 * Discovery: poison that the kernel does not report by itself.
 *
 * The driver's own machine-check-safe copies find it, and so do those of the DAX core, which only
 * the decode chain of machine checks tells of; the platform and user space know of it. A page that
 * was found is added to the set at once and handed to memory_failure() by a worker: it is found
 * under the locks of a file system that takes them when it is notified. Of poison that was known
 * before the holder is notified directly.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "blocked.h"
#include "device.h"
#include "discover.h"
#include "failure.h"
#include "memory.h"
#include "platform.h"
#include "poison.h"
#include "remembered.h"
#include "revoke.h"
#include "uapi/fsdev.h"

/*
 * Devices whose copies are watched; protected by discover_lock. There is one notifier for all of
 * them, from loading the module to unloading it. A device must not come to the decode chain and
 * leave it by itself: it would wait there for a running handler. That of an NVDIMM bus takes the
 * device_lock of the region, which is held while the region is unbound, and this driver with it.
 */
static LIST_HEAD(discover_devices);
static DECLARE_RWSEM(discover_lock);

/*
 * Reports each page as one that the hardware has reported: the kernel calls the driver back through
 * the page map, and processes lose the page. A page that is repaired before that, while
 * memory_failure() waits for its lock, is reported no more.
 */
static void discover_report(struct work_struct *work)
{
	struct discover *discover = container_of(work, struct discover, report_work);
	struct fsdev *fsdev = container_of(discover, struct fsdev, discover);
	u64 offset;

	while (poison_next_unreported(&fsdev->poison, &offset)) {
		WRITE_ONCE(fsdev->failure.reporter, current);
		compat_memory_failure(memory_pfn(fsdev, offset), 0);
		WRITE_ONCE(fsdev->failure.reporter, NULL);
		/* where the kernel has not called back */
		poison_take_unreported(&fsdev->poison, offset);
		cond_resched();
	}
}

/**
 * discover_read_error() - mark a page poisoned that could not be read
 * @fsdev: the device
 * @offset: device offset of the page; a multiple of the page size
 *
 * Reads it once more with the lock held: since the read that failed it may have been repaired, and
 * what was written to it then must not be lost to that news. The holder is notified later, once.
 *
 * Context: may sleep, also under the locks of a file system; takes the poison lock.
 * Return: true if the page is poisoned; false if it can be read.
 */
bool discover_read_error(struct fsdev *fsdev, u64 offset)
{
	bool poisoned;

	poison_lock(&fsdev->poison);
	poisoned = !poison_good(&fsdev->poison, offset, PAGE_SIZE);
	if (!poisoned && !memory_reads(fsdev, offset)) {
		poisoned = true;
		poison_add_found(&fsdev->poison, offset);
		/* its report may come after an fsync() */
		revoke_note_lost(pfn_to_page(memory_pfn(fsdev, offset)));
		if (!fsdev->discover.stopped)
			schedule_work(&fsdev->discover.report_work);
	}
	poison_unlock(&fsdev->poison);
	poison_refill(&fsdev->poison);
	return poisoned;
}

static bool queue_take(struct discover *discover, u64 *offset)
{
	bool any;

	spin_lock(&discover->queue_lock);
	any = discover->queued;
	if (any)
		*offset = discover->queue[--discover->queued];
	spin_unlock(&discover->queue_lock);
	return any;
}

static bool queue_put(struct discover *discover, u64 offset)
{
	bool free;

	spin_lock(&discover->queue_lock);
	free = discover->queued < DISCOVER_QUEUE;
	if (free)
		discover->queue[discover->queued++] = offset;
	spin_unlock(&discover->queue_lock);
	return free;
}

static void discover_queued(struct work_struct *work)
{
	struct discover *discover = container_of(work, struct discover, queue_work);
	struct fsdev *fsdev = container_of(discover, struct fsdev, discover);
	u64 offset;

	while (queue_take(discover, &offset))
		discover_read_error(fsdev, offset);
}

/* A copy of the kernel's own has hit an error at a physical address. */
static void discover_copy_error(struct fsdev *fsdev, u64 phys)
{
	struct discover *discover = &fsdev->discover;
	struct rangemap_piece piece;
	u64 len = PAGE_SIZE;

	if (!memory_next(fsdev, &phys, &len, &piece))
		return;
	if (queue_put(discover, piece.offset))
		schedule_work(&discover->queue_work);
	else
		discover_read_error(fsdev, piece.offset);
}

/*
 * A read() of a file is copied by the DAX core, not by the driver, and poison only makes the copy
 * short. The poison lock is not taken here, where every machine check would wait for it, as long as
 * there is a place in the queue.
 */
static int discover_mce(struct notifier_block *mce, unsigned long action, void *data)
{
	struct discover *discover;
	u64 phys;

	if (!data || !compat_copy_failed(data, &phys))
		return NOTIFY_DONE;
	phys = ALIGN_DOWN(phys, PAGE_SIZE);
	down_read(&discover_lock);
	list_for_each_entry(discover, &discover_devices, node)
		discover_copy_error(container_of(discover, struct fsdev, discover), phys);
	up_read(&discover_lock);
	return NOTIFY_DONE;
}

static struct notifier_block discover_mce_block = {
	.notifier_call = discover_mce,
};

static bool in_device(const struct fsdev *fsdev, u64 offset, u64 len)
{
	u64 size = memory_size(fsdev);

	return len && offset < size && len <= size - offset;
}

/**
 * discover_add() - mark a range poisoned on behalf of the platform or user space
 * @fsdev: the device
 * @offset: device offset
 * @len: bytes; every page that has one of them is poisoned from here on
 *
 * The holder is notified; processes that have it mapped lose it.
 *
 * Context: may sleep; the device is bound, or probe.
 * Return: 0; -EINVAL if it is empty or not in the device.
 */
int discover_add(struct fsdev *fsdev, u64 offset, u64 len)
{
	u64 end;

	if (!in_device(fsdev, offset, len))
		return -EINVAL;
	end = PAGE_ALIGN(offset + len);
	offset = ALIGN_DOWN(offset, PAGE_SIZE);
	len = end - offset;
	failure_add_known(fsdev, offset, len);
	return 0;
}

/**
 * discover_add_listed() - mark a range poisoned that is in a list of the platform
 * @fsdev: the device
 * @offset: device offset in bytes
 * @len: bytes
 *
 * The list may have what was repaired since: such pages are left out if they can be read. No page
 * is repaired between that look and its mark.
 *
 * Context: may sleep; the device is bound.
 * Return: 0; -EINVAL if it is empty or not in the device.
 */
int discover_add_listed(struct fsdev *fsdev, u64 offset, u64 len)
{
	if (!in_device(fsdev, offset, len))
		return -EINVAL;
	poison_report_begin(&fsdev->poison);
	/* a repair that had begun is over and noted when the lock can be had */
	poison_lock(&fsdev->poison);
	poison_unlock(&fsdev->poison);
	platform_each_unrepaired(fsdev, offset, len, discover_add);
	poison_report_end(&fsdev->poison, false, false);
	return 0;
}

/**
 * discover_scrub() - read a range and mark poisoned what cannot be read
 * @fsdev: the device
 * @offset: device offset; a multiple of the page size
 * @len: bytes; a multiple of the page size
 * @done: where to put how many bytes were read
 *
 * Reads with copy_mc_to_kernel().
 *
 * Context: may sleep; the device stays bound.
 * Return: 0; -EINVAL if it is empty or not in the device; -EOPNOTSUPP where the kernel would not
 * survive to read what has failed; -ENOMEM; -EINTR.
 */
int discover_scrub(struct fsdev *fsdev, u64 offset, u64 len, u64 *done)
{
	void *page;
	u64 run;
	int rc = 0;

	*done = 0;
	if (!in_device(fsdev, offset, len))
		return -EINVAL;
	if (!COMPAT_COPY_SURVIVES)
		return -EOPNOTSUPP;
	page = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	for (; *done < len && !rc; *done += PAGE_SIZE) {
		u64 at = offset + *done;

		if (poison_good(&fsdev->poison, at, PAGE_SIZE) &&
		    copy_mc_to_kernel(page, memory_address(fsdev, at, &run), PAGE_SIZE))
			discover_read_error(fsdev, at);
		if (fatal_signal_pending(current))
			rc = -EINTR;
		cond_resched();
	}
	kfree(page);
	return rc;
}

/*
 * Repairs wait until memory_failure() has returned: where no holder deals with the page it flags it
 * after it has called the driver back.
 */
static int inject_page(struct fsdev *fsdev, unsigned long pfn)
{
	int rc;

	poison_report_begin(&fsdev->poison);
	WRITE_ONCE(fsdev->failure.injector, current);
	rc = compat_memory_failure(pfn, MF_SW_SIMULATED);
	WRITE_ONCE(fsdev->failure.injector, NULL);
	poison_report_end(&fsdev->poison, false, false);
	return rc;
}

/**
 * discover_inject() - have the kernel handle a failure of each page, as a test
 * @fsdev: the device
 * @offset: device offset; a multiple of the page size, in the device
 * @len: bytes; a multiple of the page size
 * @done: where to put how many bytes have failed
 *
 * The hardware stays as it is.
 *
 * Context: may sleep; the device stays bound.
 * Return: 0; what memory_failure() returns if it did not call the driver back.
 */
int discover_inject(struct fsdev *fsdev, u64 offset, u64 len, u64 *done)
{
	int rc = 0;

	mutex_lock(&fsdev->discover.inject_lock);
	for (*done = 0; *done < len; *done += PAGE_SIZE) {
		long before = atomic_long_read(&fsdev->failure.reports);

		rc = inject_page(fsdev, memory_pfn(fsdev, offset + *done));
		/* an unused page, which is an error to the kernel, is none of the injection */
		if (atomic_long_read(&fsdev->failure.reports) == before)
			break;
		rc = 0;
	}
	mutex_unlock(&fsdev->discover.inject_lock);
	return rc;
}

/**
 * discover_stop() - undo discover_start()
 * @fsdev: a device of which no read can discover poison any more
 *
 * Context: removal; may sleep.
 */
void discover_stop(struct fsdev *fsdev)
{
	down_write(&discover_lock);
	list_del_init(&fsdev->discover.node);
	up_write(&discover_lock);
	cancel_work_sync(&fsdev->discover.queue_work);
	poison_lock(&fsdev->poison);
	fsdev->discover.stopped = true;
	poison_unlock(&fsdev->poison);
	blocked_by(fsdev,
		   "a memory failure is being handled, on this or another device, waiting for its holder to be told");
	cancel_work_sync(&fsdev->discover.report_work);
	blocked_over(fsdev);
}

/**
 * discover_prepare() - prepare for the first read that discovers poison
 * @fsdev: the device
 *
 * Context: probe.
 */
void discover_prepare(struct fsdev *fsdev)
{
	INIT_WORK(&fsdev->discover.report_work, discover_report);
	INIT_WORK(&fsdev->discover.queue_work, discover_queued);
	spin_lock_init(&fsdev->discover.queue_lock);
	mutex_init(&fsdev->discover.inject_lock);
	INIT_LIST_HEAD(&fsdev->discover.node);
}

/* What is remembered may be what a CXL device's list says, which has what was repaired as well. */
static int add_remembered(struct fsdev *fsdev, u64 offset, u64 len)
{
	platform_each_unrepaired(fsdev, offset, len, discover_add);
	return 0;
}

/**
 * discover_start() - take over known poison, and watch the device's machine checks
 * @fsdev: a device with its page map, which is not yet open for access
 *
 * Context: probe, may sleep. Undone by discover_stop().
 * Return: 0 or a negative errno.
 */
int discover_start(struct fsdev *fsdev)
{
	int rc;

	platform_each_poison(fsdev, discover_add);
	rc = remembered_each(fsdev, &fsdev->map, 0, add_remembered);
	if (rc)
		return rc;
	down_write(&discover_lock);
	list_add(&fsdev->discover.node, &discover_devices);
	up_write(&discover_lock);
	return 0;
}

/**
 * discover_init() - watch machine checks
 *
 * Context: loading the module, before the first device is bound.
 */
void discover_init(void)
{
	compat_watch_copies(&discover_mce_block);
}

/**
 * discover_exit() - undo discover_init()
 *
 * Context: unloading the module, when no device is bound; no device_lock is held.
 */
void discover_exit(void)
{
	compat_unwatch_copies(&discover_mce_block);
}
