// SPDX-License-Identifier: GPL-2.0
/*
 * Failure: from a failing page to the bad ranges and to the file system that has it.
 *
 * Failures come from the kernel, through the page map; from the driver's own reads, which meet bad
 * memory before anybody else has; and from those who know of them already. Each is fenced first, so
 * that nobody is given the page any more, and then told. The bad ranges are what counts: the disk's
 * list of bad blocks shows them, and the operations look at them while there are any.
 *
 * Who has to hear of a failing page may be about to use it, so nothing else keeps the holder
 * waiting: the page is noted with a few instructions and without a lock, and gets its place among
 * the bad ranges once the holder knows.
 */
#include <linux/jiffies.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "access.h"
#include "blocked.h"
#include "chardev.h"
#include "device.h"
#include "disk.h"
#include "failure.h"
#include "holder.h"
#include "pagemap.h"
#include "platform.h"
#include "revoke.h"
#include "uapi/fsdev.h"

/* What the log says of one device in five seconds; every bad range is in the table besides. */
#define LOG_INTERVAL (5 * HZ)
#define LOG_BURST 10

/*
 * Bad ranges that there is room for at first, in a KiB; more is made when fewer than the second are
 * left.
 */
#define BAD_ROOM 31
#define BAD_RESERVE 16

/* How long after a report the kernel may take to be done with the page: its mapping, its count. */
#define SETTLE HZ
#define SETTLE_STEP (HZ / 100 + 1)

/* How long the kernel may take to signal those who map a page, with the size of their mapping. */
#define UNMAP_DELAY (HZ / 10)

/* Each device has a limit of its own: one that fails much does not silence another. */
static __printf(2, 3) void log_failure(struct fsdev *fsdev, const char *format, ...)
{
	struct va_format text = { .fmt = format };
	va_list args;

	if (!__ratelimit(&fsdev->log_limit))
		return;
	va_start(args, format);
	text.va = &args;
	dev_warn(fsdev_dev(fsdev), "%pV\n", &text);
	va_end(args);
}

/*
 * Has a list ready for more ranges while there is still room for some. Without memory it stays as
 * it is, and the next failure tries again. Under bad_lock.
 */
static void make_room(struct poison_set *bad)
{
	unsigned int flags;
	void *list;
	u32 all;

	if (poison_set_spare(bad, &all) >= BAD_RESERVE || all > POISON_SET_CAPACITY_MAX / 2)
		return;
	/* also for a file system that writes out what it has, to make room for others */
	flags = memalloc_noio_save();
	list = kvzalloc(poison_set_list_bytes(2 * all), GFP_KERNEL | __GFP_NOWARN);
	memalloc_noio_restore(flags);
	if (!list)
		return;
	list = poison_set_grow(bad, list, 2 * all);
	synchronize_rcu();
	kvfree(list);
}

/**
 * failure_lock() - becomes the one who changes what is bad, and what hangs on it
 * @fsdev: the device
 *
 * What somebody has noted without the lock is among the bad ranges when this returns, and nothing
 * more is noted until failure_unlock(): a failure that the kernel tells of meanwhile waits for the
 * lock. So whoever has it need not think of notes.
 *
 * Context: may sleep; takes @fsdev->bad_lock.
 */
void failure_lock(struct fsdev *fsdev)
{
	struct poison_piece page;

	mutex_lock(&fsdev->bad_lock);
	if (!poison_set_close(&fsdev->bad, &page))
		return;
	fsdev->noted_new = page.len;
	if (page.len)
		disk_set_bad(fsdev, page.offset, page.len);
}

/**
 * failure_unlock() - undoes failure_lock()
 * @fsdev: the device
 *
 * While the driver has not yet told of what it met itself nothing is noted: what is told then is
 * taken from there, with the lock.
 */
void failure_unlock(struct fsdev *fsdev)
{
	if (likely(!poison_set_bytes(&fsdev->untold)))
		poison_set_open(&fsdev->bad);
	mutex_unlock(&fsdev->bad_lock);
}

/*
 * From here on nobody is given these bytes; nor, where there was no memory to note just these, what
 * lies between them and the nearest that are bad: @offset and @len become what is fenced. Returns
 * whether that is new for some of them. Under failure_lock().
 */
static bool fence_locked(struct fsdev *fsdev, u64 *offset, u64 *len)
{
	bool new;

	make_room(&fsdev->bad);
	poison_set_widen(&fsdev->bad, offset, len);
	access_mark(fsdev, *offset, *len);
	new = poison_set_add(&fsdev->bad, *offset, *len);
	access_fence(fsdev);
	return new;
}

/*
 * The block device's list shows what is bad. It is for people, so whoever has to hear of a failure
 * hears of it first; and what has been repaired by then is not shown. Under failure_lock().
 */
static void show_locked(struct fsdev *fsdev, u64 offset, u64 len)
{
	u64 at = offset, end = offset + len;
	struct poison_piece piece;

	while (at < end && poison_set_next(&fsdev->bad, &at, &piece) && piece.offset < end)
		disk_set_bad(fsdev, piece.offset, min(piece.len, end - piece.offset));
}

/* The same for what is about to be told: what the driver met of it needs no telling any more. */
static bool fence(struct fsdev *fsdev, u64 *offset, u64 *len)
{
	bool new;

	failure_lock(fsdev);
	new = fence_locked(fsdev, offset, len);
	if (unlikely(poison_set_bytes(&fsdev->untold)))
		poison_set_remove(&fsdev->untold, *offset, *len);
	failure_unlock(fsdev);
	return new;
}

static void show(struct fsdev *fsdev, u64 offset, u64 len)
{
	failure_lock(fsdev);
	show_locked(fsdev, offset, len);
	failure_unlock(fsdev);
}

/**
 * failure_repaired() - what was bad is good again
 * @fsdev: the device
 * @offset: device offset; a multiple of the page size
 * @len: bytes; a multiple of the page size
 *
 * What was written there is visible to all processors.
 *
 * Context: failure_lock(), may sleep.
 * Return: 0; -ENOMEM if that cannot be noted: it stays bad.
 */
int failure_repaired(struct fsdev *fsdev, u64 offset, u64 len)
{
	make_room(&fsdev->bad);
	if (!poison_set_remove(&fsdev->bad, offset, len))
		return -ENOMEM;
	poison_set_remove(&fsdev->untold, offset, len);
	access_unmark(fsdev, offset, len);
	disk_set_good(fsdev, offset, len);
	access_fence(fsdev);
	chardev_event(fsdev, FSDEV_EVENT_CLEARED, 0, offset, len);
	return 0;
}

/* Which of two outcomes says more: an error beats "nobody holds it", which beats success. */
static int worse(int a, int b)
{
	if (!a || (a == -EOPNOTSUPP && b))
		return b;
	return a;
}

/* What those who listen are told of a failure besides where it is. */
static u32 event_flags(const struct fsdev *fsdev, unsigned long pfn, int mf_flags)
{
	return (mf_flags & MF_ACTION_REQUIRED ? FSDEV_EVENT_ACTION_REQUIRED : 0) |
	       (mf_flags & MF_SW_SIMULATED ? FSDEV_EVENT_SIMULATED : 0) |
	       (READ_ONCE(fsdev->met) == pfn ? FSDEV_EVENT_READ : 0);
}

/*
 * Where the hardware has failed, the kernel takes the page out of its own mapping of memory after
 * the report, without a word to us. A repair that came before that would be undone by it: the page
 * would count as good, and the first access through the mapping would be the kernel's end. So
 * repairs wait until no report is going on and the last one is a while ago. A report as a test has
 * no such effects, but it is waited for as well.
 */
static void report_begins(struct fsdev *fsdev)
{
	atomic_inc(&fsdev->reporting);
}

/* The kernel changes its mapping only after reports that went well, or that it goes on with. */
static void report_ends(struct fsdev *fsdev, int mf_flags, int rc)
{
	if (!(mf_flags & MF_SW_SIMULATED) && (!rc || rc == -EOPNOTSUPP))
		WRITE_ONCE(fsdev->settled, jiffies + SETTLE);
	smp_mb__before_atomic();	/* whoever sees that the report is over sees since when */
	atomic_dec(&fsdev->reporting);
}

/**
 * failure_settled() - whether nothing will happen to the kernel's mapping of a bad page
 * @fsdev: the device
 *
 * Context: any; to rely on it failure_lock(): a report that is not seen here as going on has to
 * wait for that lock before it is told.
 * Return: true if bad pages can be repaired.
 */
bool failure_settled(struct fsdev *fsdev)
{
	if (atomic_read(&fsdev->reporting))
		return false;
	smp_rmb(); /* the other half of report_ends() */
	return time_after_eq(jiffies, READ_ONCE(fsdev->settled));
}

/*
 * When we have answered, the kernel gives back its reference to the page map, and looks at the
 * page once more to count it (action_result() in mm/memory-failure.c). The page structure of a
 * device that is being unbound could be gone by then, so it stays for a while.
 */
static void keep_page(struct fsdev *fsdev, struct dev_pagemap *pgmap)
{
	fsdev->kept_until = jiffies + SETTLE;
	pagemap_keep(fsdev, pgmap);
	schedule_delayed_work(&fsdev->let_go, SETTLE);
}

static void failure_let_go(struct work_struct *work)
{
	struct fsdev *fsdev = container_of(to_delayed_work(work), struct fsdev, let_go);

	mutex_lock(&fsdev->bad_lock);
	if (time_before(jiffies, fsdev->kept_until))
		schedule_delayed_work(&fsdev->let_go, fsdev->kept_until - jiffies);
	else
		pagemap_let_go(fsdev);
	mutex_unlock(&fsdev->bad_lock);
}

/* Mappings are not undone once the device is being unbound: by then every one is revoked. */
static void report_follows(struct fsdev *fsdev, struct dev_pagemap *pgmap)
{
	mutex_lock(&fsdev->bad_lock);
	if (!fsdev->stopped)
		schedule_delayed_work(&fsdev->unmap, UNMAP_DELAY);
	keep_page(fsdev, pgmap);
	mutex_unlock(&fsdev->bad_lock);
}

/* The log, and those who listen, hear of what the holder has been told. */
static void record(struct fsdev *fsdev, const struct rangemap_piece *piece, bool new, u32 flags)
{
	log_failure(fsdev, "memory failure at %#llx: device offset %#llx, %llu bytes%s",
		    piece->phys, piece->offset, piece->len, new ? "" : ", as before");
	chardev_event(fsdev, FSDEV_EVENT_FAILURE, flags, piece->offset, piece->len);
	atomic_long_inc(&fsdev->reports);
}

/*
 * The memory of a failing span is reported piece by piece, each contiguous in the device. What
 * lies in front of the data or between the ranges belongs to nobody: it is logged and goes no
 * further.
 */
static noinline int notify_span(struct fsdev *fsdev, unsigned long pfn, unsigned long nr_pages,
				int mf_flags)
{
	u64 phys = PFN_PHYS(pfn), len = PFN_PHYS(nr_pages), told = 0;
	struct rangemap_piece piece;
	int rc = 0;

	while (rangemap_next(&fsdev->map, &phys, &len, &piece)) {
		bool new;

		told += piece.len;
		new = fence(fsdev, &piece.offset, &piece.len);
		rc = worse(rc, fsdev_holder_notify(fsdev, piece.offset, piece.len, mf_flags));
		if (new)
			show(fsdev, piece.offset, piece.len);
		record(fsdev, &piece, new, event_flags(fsdev, pfn, mf_flags));
	}
	if (!told)
		log_failure(fsdev, "memory failure at %#llx, %lu pages: outside the data",
			    PFN_PHYS(pfn), nr_pages);
	else if (told < PFN_PHYS(nr_pages))
		log_failure(fsdev, "memory failure at %#llx, %lu pages: in part outside the data",
			    PFN_PHYS(pfn), nr_pages);
	return told ? rc : -ENXIO;
}

/* What is left to do for a page that was noted, now that its holder knows of it. */
static noinline void settle_page(struct fsdev *fsdev, u64 offset, int mf_flags)
{
	struct rangemap_piece piece = { .offset = offset, .len = PAGE_SIZE };
	bool new;

	failure_lock(fsdev); /* which takes it among the bad ranges, if nobody's has yet */
	new = fsdev->noted_new;
	make_room(&fsdev->bad);
	if (poison_set_good(&fsdev->bad, offset, PAGE_SIZE)) {
		/* a repair was quick: fence_page() may have had its effects after it */
		access_unmark(fsdev, offset, PAGE_SIZE);
		access_fence(fsdev);
	}
	failure_unlock(fsdev);
	rangemap_lookup(&fsdev->map, offset, &piece.phys);
	record(fsdev, &piece, new, event_flags(fsdev, PHYS_PFN(piece.phys), mf_flags));
}

/*
 * Poisons a page that has just failed, without a lock.
 *
 * Works while nobody has failure_lock(), and for one page at a time. The page is noted first: from
 * then on, whoever gets the lock finds it among the bad ranges, so nobody takes away its mark, or
 * the operations that look for marks, before it is repaired; and what others took away before, with
 * the lock, came before the note. Should it be repaired before this ends, both are there for
 * nothing: the caller looks for that when it has the lock itself.
 */
static __always_inline bool fence_page(struct fsdev *fsdev, u64 offset)
{
	u8 *mark;

	if (unlikely(!poison_set_publish(&fsdev->bad, PHYS_PFN(offset))))
		return false;
	mark = fsdev->mark + fsdev_mark_cell(fsdev, offset);
	data_race(*mark = 1); /* a byte, which nobody clears meanwhile */
	access_look_out(&fsdev->access);
	return true;
}

/* Fences a page and tells of it, or returns false if that has to be done with the lock. */
static __always_inline bool notify_page(struct fsdev *fsdev, u64 offset, int mf_flags, int *rc)
{
	if (unlikely(!fence_page(fsdev, offset)))
		return false;
	*rc = fsdev_holder_notify(fsdev, offset, PAGE_SIZE, mf_flags);
	settle_page(fsdev, offset, mf_flags);
	return true;
}

/* What is not one page of the first range; or one for which that does not do. */
static noinline __noclone int notify_far(struct fsdev *fsdev, unsigned long pfn,
					 unsigned long nr_pages, int mf_flags)
{
	u64 offset;
	int rc;

	if (nr_pages == 1 && rangemap_offset(&fsdev->map, PFN_PHYS(pfn), &offset) &&
	    notify_page(fsdev, offset, mf_flags, &rc))
		return rc;
	return notify_span(fsdev, pfn, nr_pages, mf_flags);
}

/*
 * A page that fails a second time is reported a second time: somebody may have met it just now, and
 * needs to hear. The kernel tells of one page at a time, so that the short way is nearly always
 * taken: up to the holder it is as long as that of a driver which fences nothing.
 */
static int failure_notify(struct dev_pagemap *pgmap, unsigned long pfn, unsigned long nr_pages,
			  int mf_flags)
{
	struct fsdev *fsdev = pgmap->owner;
	u64 offset;
	int rc;

	report_begins(fsdev);
	if (unlikely(nr_pages != 1) ||
	    unlikely(!rangemap_offset_fast(&fsdev->map, PFN_PHYS(pfn), &offset)) ||
	    unlikely(!notify_page(fsdev, offset, mf_flags, &rc)))
		rc = notify_far(fsdev, pfn, nr_pages, mf_flags);
	report_ends(fsdev, mf_flags, rc);
	report_follows(fsdev, pgmap);
	return rc;
}

const struct dev_pagemap_ops failure_pagemap_ops = {
	.memory_failure = failure_notify,
};

/* The physical page of a device offset. */
static unsigned long pfn_of(const struct fsdev *fsdev, u64 offset)
{
	u64 phys = 0;

	rangemap_lookup(&fsdev->map, offset, &phys);
	return PHYS_PFN(phys);
}

/* Takes the next page that the driver has met and not reported. */
static bool next_untold(struct fsdev *fsdev, u64 *offset)
{
	struct poison_piece piece;
	u64 at = 0;
	bool found;

	failure_lock(fsdev);
	found = poison_set_next(&fsdev->untold, &at, &piece);
	if (found) {
		*offset = piece.offset;
		poison_set_remove(&fsdev->untold, piece.offset, PAGE_SIZE);
	}
	failure_unlock(fsdev);
	return found;
}

/*
 * The kernel handles the failure as one that it was told of by the hardware: it comes back to
 * failure_notify(), and processes lose the page. Not where it was met, under the locks of a file
 * system which wants to take them when it is told.
 */
static void failure_report(struct work_struct *work)
{
	struct fsdev *fsdev = container_of(work, struct fsdev, report);
	u64 offset;

	while (next_untold(fsdev, &offset)) {
		unsigned long pfn = pfn_of(fsdev, offset);

		/* repaired meanwhile, or here only as there was no memory for ranges apart */
		if (poison_set_good(&fsdev->bad, offset, PAGE_SIZE))
			continue;
		compat_fence_page(pfn);
		WRITE_ONCE(fsdev->met, pfn);
		compat_memory_failure(pfn, 0);
		WRITE_ONCE(fsdev->met, ULONG_MAX);
		cond_resched();
	}
}

/*
 * The kernel takes a bad page from those whom it signals, and by default that is only who has met
 * it. Here it is taken from the others: they meet a fault instead of the memory.
 */
static void failure_unmap(struct work_struct *work)
{
	struct fsdev *fsdev = container_of(to_delayed_work(work), struct fsdev, unmap);
	struct poison_piece piece;
	u64 at = 0;

	while (poison_set_next(&fsdev->bad, &at, &piece)) {
		at = piece.offset + PAGE_SIZE;
		revoke_bad(pfn_to_page(pfn_of(fsdev, piece.offset)));
		cond_resched();
	}
}

/**
 * failure_read_error() - a read of the driver's own has met bad memory
 * @fsdev: the device
 * @offset: device offset of the page; a multiple of the page size
 *
 * The page is bad when this returns; the holder is told later, once.
 *
 * Context: may sleep; takes failure_lock(). Also under the locks of a file system.
 */
void failure_read_error(struct fsdev *fsdev, u64 offset)
{
	u64 len = PAGE_SIZE;
	bool new;

	failure_lock(fsdev);
	new = fence_locked(fsdev, &offset, &len);
	if (new) {
		show_locked(fsdev, offset, len);
		make_room(&fsdev->untold);
		poison_set_add(&fsdev->untold, offset, len);
	}
	if (new && !fsdev->stopped)
		schedule_work(&fsdev->report);
	failure_unlock(fsdev);
}

/*
 * A read() of a file is copied by the kernel, not by us, and all that comes of bad memory there is
 * that the copy is short.
 */
static int failure_of_copy(struct notifier_block *watcher, unsigned long action, void *data)
{
	struct fsdev *fsdev = container_of(watcher, struct fsdev, watcher);
	u64 phys, len = PAGE_SIZE;
	struct rangemap_piece piece;

	if (!data || !compat_copy_failed(data, &phys))
		return NOTIFY_DONE;
	phys = ALIGN_DOWN(phys, PAGE_SIZE);
	if (rangemap_next(&fsdev->map, &phys, &len, &piece))
		failure_read_error(fsdev, piece.offset);
	return NOTIFY_DONE;
}

/* Whether a stretch that somebody asks for lies in the device. */
static bool inside(const struct fsdev *fsdev, u64 offset, u64 len)
{
	u64 size = rangemap_size(&fsdev->map);

	return len && offset < size && len <= size - offset;
}

/**
 * failure_add_known() - takes a stretch for bad, as somebody knows it to be
 * @fsdev: the device
 * @offset: device offset
 * @len: bytes; every page that has one of them is bad from here on
 *
 * Whoever holds the device is told.
 *
 * Context: may sleep; the device is bound, or probe.
 * Return: 0; -EINVAL if it is empty or not in the device.
 */
int failure_add_known(struct fsdev *fsdev, u64 offset, u64 len)
{
	u64 end;

	if (!inside(fsdev, offset, len))
		return -EINVAL;
	end = PAGE_ALIGN(offset + len);
	offset = ALIGN_DOWN(offset, PAGE_SIZE);
	len = end - offset;
	if (!fence(fsdev, &offset, &len))
		return 0;
	fsdev_holder_notify(fsdev, offset, len, 0);
	show(fsdev, offset, len);
	log_failure(fsdev, "known to be bad: device offset %#llx, %llu bytes", offset, len);
	chardev_event(fsdev, FSDEV_EVENT_FAILURE, FSDEV_EVENT_KNOWN, offset, len);
	return 0;
}

/**
 * failure_scrub() - reads a stretch with care and takes for bad what cannot be read
 * @fsdev: the device
 * @offset: device offset; a multiple of the page size
 * @len: bytes; a multiple of the page size
 * @done: bytes that were looked at
 *
 * Context: may sleep; the device is bound all the while.
 * Return: 0; -EINVAL if it is empty or not in the device; -ENOMEM; -EINTR.
 */
int failure_scrub(struct fsdev *fsdev, u64 offset, u64 len, u64 *done)
{
	void *page;
	u64 run;
	int rc = 0;

	*done = 0;
	if (!inside(fsdev, offset, len))
		return -EINVAL;
	page = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	for (; *done < len && !rc; *done += PAGE_SIZE) {
		u64 at = offset + *done;

		if (poison_set_good(&fsdev->bad, at, PAGE_SIZE) &&
		    copy_mc_to_kernel(page, access_read_address(fsdev, at, &run), PAGE_SIZE))
			failure_read_error(fsdev, at);
		if (fatal_signal_pending(current))
			rc = -EINTR;
		cond_resched();
	}
	kfree(page);
	return rc;
}

/**
 * failure_inject() - has the kernel handle the failure of each page of a stretch, as a test
 * @fsdev: the device
 * @offset: device offset; a multiple of the page size, in the device
 * @len: bytes; a multiple of the page size
 * @done: bytes that have failed
 *
 * The hardware stays as it is.
 *
 * Context: may sleep; the device is bound all the while.
 * Return: 0; what the kernel says if it does not come back to us with the failure.
 */
int failure_inject(struct fsdev *fsdev, u64 offset, u64 len, u64 *done)
{
	unsigned long pfn, before;
	int rc;

	for (*done = 0; *done < len; *done += PAGE_SIZE) {
		pfn = pfn_of(fsdev, offset + *done);
		before = atomic_long_read(&fsdev->reports);
		rc = compat_memory_failure(pfn, MF_SW_SIMULATED);
		/* that nobody uses the page is no failure of the injection */
		if (atomic_long_read(&fsdev->reports) == before)
			return rc;
	}
	return 0;
}

static void free_set(struct poison_set *bad)
{
	kvfree(poison_set_list(bad));
	*bad = (struct poison_set){};
}

/* Returns false if the system goes down meanwhile. */
static bool failure_settle(struct fsdev *fsdev)
{
	while (!failure_settled(fsdev)) {
		blocked_by(fsdev,
			   "%d reports of memory failures are under way or a moment ago, waiting for them to have their effects",
			   atomic_read(&fsdev->reporting));
		if (!blocked_sleep(SETTLE_STEP))
			return false;
	}
	blocked_over(fsdev);
	return true;
}

/*
 * Puts every page that the kernel has taken out of its direct map back: else the gap would stay
 * when the memory goes, and the next driver to get it would fault there.
 */
static void unfence_all(struct fsdev *fsdev)
{
	struct poison_piece piece;
	u64 at = 0;

	while (poison_set_next(&fsdev->bad, &at, &piece)) {
		at = piece.offset + PAGE_SIZE;
		compat_unfence_page(pfn_of(fsdev, piece.offset));
		cond_resched();
	}
}

static void failure_free(void *data)
{
	struct fsdev *fsdev = data;

	if (fsdev->abandoned)
		return;
	/* the page maps have gone, so it has let go, but it may not have returned */
	cancel_delayed_work_sync(&fsdev->let_go);
	free_set(&fsdev->untold);
	free_set(&fsdev->bad);
}

static int empty_set(struct fsdev *fsdev, struct poison_set *bad)
{
	void *list = kvzalloc(poison_set_list_bytes(BAD_ROOM), GFP_KERNEL);
	u64 size = rangemap_size(&fsdev->map);

	if (!list)
		return -ENOMEM;
	if (poison_set_init(bad, size, PAGE_SHIFT, list, BAD_ROOM))
		return 0;
	dev_err(fsdev_dev(fsdev), "%#llx bytes: has to be at most %#llx\n", size,
		POISON_SET_SIZE_MAX);
	kvfree(list);
	return -EINVAL;
}

/**
 * failure_prepare() - makes room for what can fail
 * @fsdev: a device with its geometry
 *
 * Context: probe, may sleep. Undone by devm.
 * Return: 0; -ENOMEM; -EINVAL if the device is too large.
 */
int failure_prepare(struct fsdev *fsdev)
{
	int rc;

	mutex_init(&fsdev->bad_lock);
	ratelimit_state_init(&fsdev->log_limit, LOG_INTERVAL, LOG_BURST);
	WRITE_ONCE(fsdev->settled, jiffies);
	WRITE_ONCE(fsdev->met, ULONG_MAX);
	INIT_WORK(&fsdev->report, failure_report);
	INIT_DELAYED_WORK(&fsdev->unmap, failure_unmap);
	INIT_DELAYED_WORK(&fsdev->let_go, failure_let_go);
	rc = empty_set(fsdev, &fsdev->bad);
	if (rc)
		return rc;
	rc = empty_set(fsdev, &fsdev->untold);
	if (rc) {
		free_set(&fsdev->bad);
		return rc;
	}
	return devm_add_action_or_reset(fsdev_dev(fsdev), failure_free, fsdev);
}

/**
 * failure_end() - ends what failures have begun
 * @fsdev: the device, whose pages are mapped or some of them
 *
 * A report of the kernel's may still come; it begins no work but what keeps its page structure.
 *
 * Context: probe that fails, or removal: no read is running that could find bad memory. May sleep,
 * about a second where memory has just failed.
 */
void failure_end(struct fsdev *fsdev)
{
	failure_lock(fsdev);
	fsdev->stopped = true;
	failure_unlock(fsdev);
	blocked_by(fsdev,
		   "a memory failure is being handled, on this or another device, waiting for its holder to be told");
	cancel_work_sync(&fsdev->report);
	cancel_delayed_work_sync(&fsdev->unmap);
	if (!poison_set_bytes(&fsdev->bad)) {
		blocked_over(fsdev);
		return;
	}
	if (!failure_settle(fsdev)) {
		access_abandon(fsdev);
		return;
	}
	dev_warn(fsdev_dev(fsdev), "%llu bytes are bad still, which is forgotten now\n",
		 poison_set_bytes(&fsdev->bad));
	unfence_all(fsdev);
}

static void failure_stop(void *data)
{
	struct fsdev *fsdev = data;

	if (fsdev->abandoned)
		return;
	compat_unwatch_copies(&fsdev->watcher);
	failure_end(fsdev);
}

/**
 * failure_start() - takes over what is known to be bad, and begins to listen
 * @fsdev: a device with its page map, which nobody can reach yet
 *
 * Context: probe, may sleep. Undone by devm.
 * Return: 0 or -ENOMEM.
 */
int failure_start(struct fsdev *fsdev)
{
	platform_known(fsdev);
	fsdev->watcher.notifier_call = failure_of_copy;
	compat_watch_copies(&fsdev->watcher);
	return devm_add_action_or_reset(fsdev_dev(fsdev), failure_stop, fsdev);
}
