// SPDX-License-Identifier: GPL-2.0
/*
 * Failure: from memory_failure(), by way of the page map, to the holder.
 *
 * The holder may be about to use the page, so it is notified first, and bookkeeping comes after
 * that. What comes before is that the page is poisoned: no access is given it any more. For one
 * page, which is what the kernel reports nearly always, that takes no lock, no memory and no call
 * (poison_add_fast()). A failure of several pages is cut into pieces that are contiguous in the
 * device (rangemap_next()), and each is added with the lock. And the file that has the page is
 * marked, if a store to it was not synced: an fsync() that comes after the notification must not
 * write the page back as if nothing were lost.
 *
 * A page that fails again is reported again: a process may have hit it just now, and its holder has
 * to know.
 *
 * While the device grows, what fails of the new memory is noted. It is poisoned before the memory
 * belongs to the device, and no holder has it by then.
 */
#include <linux/jiffies.h>
#include <linux/memremap.h>
#include <linux/mm.h>

#include "access.h"
#include "blocked.h"
#include "device.h"
#include "direct_map.h"
#include "event.h"
#include "failure.h"
#include "fstype.h"
#include "holder.h"
#include "kill.h"
#include "memory.h"
#include "pagemap.h"
#include "platform.h"
#include "poison.h"
#include "remembered.h"
#include "revoke.h"
#include "trace.h"
#include "uapi/fsdev.h"

/* What the log says of one device in five seconds; the set has every poisoned page besides. */
#define LOG_INTERVAL (5 * HZ)
#define LOG_BURST 10

/* Between two looks at reports that are in progress. */
#define REPORT_POLL (HZ / 100 + 1)

/* Pages that are unmapped from processes between two looks at whether the device is unbound. */
#define UNMAP_STEP (512 * PAGE_SIZE)

/* Not bound to a processor, whose other works would wait: it may have a lot to do. */
static struct workqueue_struct *unmap_queue;

/* How long the kernel may take to signal processes that map a page, with their mapping's size. */
#define UNMAP_DELAY (HZ / 10)

/**
 * failure_log() - log a failure, with a rate limit for each device
 * @fsdev: the device
 * @format: without a newline
 *
 * Context: any.
 */
void failure_log(struct fsdev *fsdev, const char *format, ...)
{
	struct va_format text = { .fmt = format };
	va_list args;

	if (!__ratelimit(&fsdev->failure.log_limit))
		return;
	va_start(args, format);
	text.va = &args;
	dev_warn(fsdev_dev(fsdev), "%pV\n", &text);
	va_end(args);
}

/* Merges the results of two notifications: an error wins over "no holder", and that over 0. */
static int merge_notify_rc(int a, int b)
{
	if (!a || (a == -EOPNOTSUPP && b))
		return b;
	return a;
}

/* Does discover.c report a page that it found? Its worker alone sees itself here. */
static bool reports_found(const struct fsdev *fsdev)
{
	return READ_ONCE(fsdev->failure.reporter) == current;
}

static u32 event_flags(const struct fsdev *fsdev, int mf_flags)
{
	return (mf_flags & MF_ACTION_REQUIRED ? FSDEV_EVENT_ACTION_REQUIRED : 0) |
	       (mf_flags & MF_SW_SIMULATED ? FSDEV_EVENT_SIMULATED : 0) |
	       (reports_found(fsdev) ? FSDEV_EVENT_READ : 0);
}

/*
 * When ->memory_failure() has returned, the kernel drops its reference to the page map and looks at
 * the page once more to count it (action_result() in mm/memory-failure.c). The page structure of a
 * device that is being unbound could be gone by then, so a reference is kept for a while. Caller
 * must hold the poison lock.
 */
static void keep_pagemap(struct fsdev *fsdev, struct dev_pagemap *pgmap)
{
	fsdev->failure.put_after = jiffies + POISON_REPORT_GRACE;
	pagemap_get(fsdev, pgmap);
	schedule_delayed_work(&fsdev->failure.put_work, POISON_REPORT_GRACE);
}

static void failure_put_pagemaps(struct work_struct *work)
{
	struct failure *failure = container_of(to_delayed_work(work), struct failure, put_work);
	struct fsdev *fsdev = container_of(failure, struct fsdev, failure);

	mutex_lock(&fsdev->poison.lock);
	if (time_before(jiffies, failure->put_after))
		schedule_delayed_work(&failure->put_work, failure->put_after - jiffies);
	else
		pagemap_put(fsdev);
	mutex_unlock(&fsdev->poison.lock);
}

/* A device that is being unbound has no mappings to undo: every one is revoked by then. */
static void schedule_unmap(struct fsdev *fsdev)
{
	lockdep_assert_held(&fsdev->poison.lock);
	if (!fsdev->failure.stopped)
		queue_delayed_work(unmap_queue, &fsdev->failure.unmap_work, UNMAP_DELAY);
}

static void schedule_works(struct fsdev *fsdev, struct dev_pagemap *pgmap)
{
	mutex_lock(&fsdev->poison.lock);
	schedule_unmap(fsdev);
	keep_pagemap(fsdev, pgmap);
	mutex_unlock(&fsdev->poison.lock);
}

/*
 * Before the holder is notified. A page that is in no file, or in several, needs no call. Caller
 * must hold a reference to the page's page map.
 */
static __always_inline void note_lost(unsigned long pfn)
{
	struct page *page = pfn_to_page(pfn);

	if (compat_dax_file(&page_folio(page)->page))
		revoke_note_lost(page);
}

static void note_lost_pages(const struct fsdev *fsdev, u64 offset, u64 len)
{
	for (u64 at = 0; at < len; at += PAGE_SIZE) {
		note_lost(memory_pfn(fsdev, offset + at));
		cond_resched();
	}
}

/* The log and the watchers are told what the holder has been notified of. */
static void record_failure(struct fsdev *fsdev, const struct rangemap_piece *piece, bool new,
			   u32 flags)
{
	platform_note_poison(PFN_PHYS(memory_pfn(fsdev, piece->offset)), piece->len);
	poison_note_mapped(&fsdev->poison, piece->offset, piece->len);
	failure_log(fsdev, "memory failure at %#llx: device offset %#llx, %llu bytes%s",
		    piece->phys, piece->offset, piece->len, new ? "" : ", already poisoned");
	trace_fsdev_failure(fsdev_dev(fsdev), piece->offset, piece->len, piece->phys, flags, !new);
	event_post(fsdev->events, FSDEV_EVENT_FAILURE, flags, piece->offset, piece->len);
	atomic_long_inc(&fsdev->failure.reports);
	poison_refill(&fsdev->poison);
}

/* The same page may be reported again and again. Caller must hold early->lock. */
static bool known_early(const struct failure_early *early, u64 offset, u64 len)
{
	unsigned int nr = min(early->nr, FAILURE_EARLY);

	for (unsigned int i = 0; i < nr; i++)
		if (offset >= early->piece[i].offset &&
		    offset + len <= early->piece[i].offset + early->piece[i].len)
			return true;
	return false;
}

/*
 * Returns false if there are too many for @piece to have a place of its own: the last is where the
 * direct map has to be looked at. Caller must hold early->lock.
 */
static bool add_early(struct failure_early *early, const struct rangemap_piece *piece)
{
	struct poison_piece *last = &early->piece[FAILURE_EARLY];
	bool fits = early->nr < FAILURE_EARLY;
	u64 end;

	if (early->nr <= FAILURE_EARLY) {
		early->piece[early->nr++] = (struct poison_piece){
			.offset = piece->offset,
			.len = piece->len,
		};
		return fits;
	}
	end = max(last->offset + last->len, piece->offset + piece->len);
	last->offset = min(last->offset, piece->offset);
	last->len = end - last->offset;
	return false;
}

/*
 * Notes the next piece that a failure hits of memory that the device is about to grow by, or was.
 * What is in no list that growth looks at is to be remembered. Returns false if there is none.
 */
static bool next_early(struct failure_early *early, u64 *phys, u64 *len,
		       struct rangemap_piece *piece, bool *remembers)
{
	const struct rangemap *map;
	bool found;

	spin_lock(&early->lock);
	map = early->map ?: early->rejected;
	found = map && rangemap_next_from(map, early->size, phys, len, piece);
	*remembers = found && !known_early(early, piece->offset, piece->len);
	if (*remembers)
		*remembers = !add_early(early, piece) || early->rejected;
	spin_unlock(&early->lock);
	return found;
}

/* The next device that has the memory takes it over. */
static void remember_early(u64 phys, u64 len)
{
	if (remembered_add(phys, len))
		pr_warn("fsdev: memory failure at %#llx, %llu bytes: not remembered\n", phys, len);
}

/*
 * Notes what a failure hits of memory that the device is about to grow by, or was. Returns how many
 * bytes of the span that was.
 */
static u64 note_early(struct fsdev *fsdev, u64 phys, u64 len)
{
	struct rangemap_piece piece;
	bool remembers;
	u64 noted = 0;

	while (len && next_early(&fsdev->failure.early, &phys, &len, &piece, &remembers)) {
		noted += piece.len;
		if (remembers)
			remember_early(piece.phys, piece.len);
	}
	return noted;
}

/* May the holder be told? Returns for how many bytes from @offset on that is the answer. */
static u64 told_len(const struct fsdev *fsdev, u64 offset, u64 len, bool *told)
{
	const struct fstype_parts *parts;
	struct gendisk *disk;

	rcu_read_lock();
	parts = rcu_dereference(fsdev->failure.parts);
	disk = READ_ONCE(fsdev->failure.disk);
	if (parts && !(disk && fstype_whole_claimed(disk))) {
		len = fstype_told(fsdev, parts, offset, len, told);
	} else {
		/* what partitions were left over says nothing of the disk */
		u64 reach = parts ? 0 : READ_ONCE(fsdev->failure.reach);
		u64 end = reach ?: U64_MAX;

		/* it may have grown */
		if (!fstype_xfs_end(fsdev, 0, &end))
			end = max(reach, PAGE_SIZE);
		*told = offset < end;
		if (*told)
			len = min(len, end - offset);
	}
	rcu_read_unlock();
	return len;
}

/* The signals that the holder sends are put off until it has returned. */
static __always_inline int notify_batched(struct fsdev *fsdev, u64 offset, u64 len, int mf_flags,
					  bool disk)
{
	struct kill_batch batch;
	int rc;

	kill_begin(&batch);
	if (disk)
		rc = fsdev_holder_notify(fsdev, offset, len, mf_flags);
	else
		rc = fsdev_holder_notify_bus(fsdev, offset, len, mf_flags);
	kill_end(fsdev, &batch, offset, len);
	return rc;
}

/*
 * Piece by piece. Of what lies behind the file systems only a holder hears that has not come by way
 * of the disk: it has all of the device, whatever lies on the disk.
 */
static noinline int notify_reached(struct fsdev *fsdev, u64 offset, u64 len, int mf_flags)
{
	int rc = 0;

	while (len) {
		bool told;
		u64 n = told_len(fsdev, offset, len, &told);

		rc = merge_notify_rc(rc, notify_batched(fsdev, offset, n, mf_flags, told));
		offset += n;
		len -= n;
	}
	return rc;
}

/*
 * Notifies the holder of what lies in its file system: of what lies behind it, some would look it
 * up all the same, see fstype_reach().
 */
static __always_inline int notify_holder(struct fsdev *fsdev, u64 offset, u64 len, int mf_flags)
{
	if (unlikely(offset + len > READ_ONCE(fsdev->failure.reach)))
		return notify_reached(fsdev, offset, len, mf_flags);
	return notify_batched(fsdev, offset, len, mf_flags, true);
}

/*
 * Any failure, with the lock. Memory in front of the data or between the ranges is logged and
 * reported to no holder; neither is a page that discover.c found and that was repaired before its
 * report came back here (invariant P4).
 */
static noinline int failure_notify_span(struct fsdev *fsdev, unsigned long pfn,
					unsigned long nr_pages, int mf_flags)
{
	u64 phys = PFN_PHYS(pfn), len = PFN_PHYS(nr_pages), reported;
	bool found = reports_found(fsdev);
	struct rangemap_piece piece;
	int rc = 0;

	/* first: what is not noted any more is in the device by now */
	reported = note_early(fsdev, phys, len);
	while (memory_next(fsdev, &phys, &len, &piece)) {
		bool new;

		reported += piece.len;
		if (found && !poison_take_unreported(&fsdev->poison, piece.offset))
			continue;
		new = poison_add(&fsdev->poison, &piece.offset, &piece.len);
		note_lost_pages(fsdev, piece.offset, piece.len);
		rc = merge_notify_rc(rc, notify_holder(fsdev, piece.offset, piece.len, mf_flags));
		/* the holder has been notified; everything below is bookkeeping */
		if (new)
			poison_update_listeners(&fsdev->poison, piece.offset, piece.len);
		record_failure(fsdev, &piece, new || found, event_flags(fsdev, mf_flags));
	}
	if (!reported)
		failure_log(fsdev, "memory failure at %#llx, %lu pages: outside the data",
			    PFN_PHYS(pfn), nr_pages);
	else if (reported < PFN_PHYS(nr_pages))
		failure_log(fsdev, "memory failure at %#llx, %lu pages: in part outside the data",
			    PFN_PHYS(pfn), nr_pages);
	return reported ? rc : -ENXIO;
}

/* Bookkeeping for a page that was added without the lock. */
static noinline void finish_fast_report(struct fsdev *fsdev, u64 offset, int mf_flags)
{
	struct rangemap_piece piece = { .offset = offset, .len = PAGE_SIZE };
	bool new = poison_merge(&fsdev->poison, offset);

	rangemap_lookup(&fsdev->map, offset, &piece.phys);
	record_failure(fsdev, &piece, new, event_flags(fsdev, mf_flags));
}

/* Reports one page without the lock; false if that cannot be done. */
static __always_inline bool failure_notify_fast(struct fsdev *fsdev, unsigned long pfn, u64 offset,
						int mf_flags, int *rc)
{
	if (unlikely(!poison_add_fast(&fsdev->poison, offset)))
		return false;
	access_check_poison(&fsdev->access);
	note_lost(pfn);
	*rc = notify_holder(fsdev, offset, PAGE_SIZE, mf_flags);
	/* the holder has been notified; everything below is bookkeeping */
	finish_fast_report(fsdev, offset, mf_flags);
	return true;
}

/* Pages outside the first range, spans of several pages, pages that have to wait for the lock. */
static noinline __noclone int failure_notify_slow(struct fsdev *fsdev, unsigned long pfn,
						  unsigned long nr_pages, int mf_flags)
{
	u64 offset;
	int rc;

	/* the summary map covers what was there at probe */
	if (nr_pages == 1 && memory_offset(fsdev, PFN_PHYS(pfn), &offset) &&
	    offset < PFN_PHYS(fsdev->pages) &&
	    failure_notify_fast(fsdev, pfn, offset, mf_flags, &rc))
		return rc;
	return failure_notify_span(fsdev, pfn, nr_pages, mf_flags);
}

/*
 * The kernel takes a page out of the direct map only after reports that went well, or that it goes
 * on with, and of those that discover.c makes after none. It goes on where no holder has dealt with
 * the page: then it flags the page next, also of a failure that is simulated. Of one that
 * discover.c injects it is known when that is done.
 */
static void end_report(struct fsdev *fsdev, int rc, int mf_flags)
{
	bool goes_on = rc == -EOPNOTSUPP && READ_ONCE(fsdev->failure.injector) != current;
	bool hardware = !(mf_flags & MF_SW_SIMULATED) && (!rc || goes_on);
	bool unmaps = hardware && !reports_found(fsdev);

	/*
	 * Also where the page stays in the direct map: one event may be reported twice, by two
	 * processors or by the record of the machine check, and the second must not make a page
	 * poisoned that has been overwritten after the first.
	 */
	poison_report_end(&fsdev->poison, unmaps, goes_on || unmaps);
}

/* Fast path: one page of the first range, pending slot free. The holder's callback comes first. */
static int failure_notify(struct dev_pagemap *pgmap, unsigned long pfn, unsigned long nr_pages,
			  int mf_flags)
{
	struct fsdev *fsdev = pgmap->owner;
	u64 offset;
	int rc;

	poison_report_begin(&fsdev->poison);
	if (unlikely(nr_pages != 1) ||
	    unlikely(!rangemap_offset_fast(&fsdev->map, PFN_PHYS(pfn), &offset)) ||
	    unlikely(!failure_notify_fast(fsdev, pfn, offset, mf_flags, &rc)))
		rc = failure_notify_slow(fsdev, pfn, nr_pages, mf_flags);
	end_report(fsdev, rc, mf_flags);
	schedule_works(fsdev, pgmap);
	return rc;
}

const struct dev_pagemap_ops failure_pagemap_ops = {
	.memory_failure = failure_notify,
};

/* Pages that have become poisoned as the platform or user space knows them to be. */
static void notify_known(struct fsdev *fsdev, u64 offset, u64 len)
{
	note_lost_pages(fsdev, offset, len);
	notify_holder(fsdev, offset, len, 0);
	poison_update_listeners(&fsdev->poison, offset, len);
	failure_log(fsdev, "known poison: device offset %#llx, %llu bytes", offset, len);
	trace_fsdev_failure(fsdev_dev(fsdev), offset, len, PFN_PHYS(memory_pfn(fsdev, offset)),
			    FSDEV_EVENT_KNOWN, false);
	event_post(fsdev->events, FSDEV_EVENT_FAILURE, FSDEV_EVENT_KNOWN, offset, len);
	poison_note_mapped(&fsdev->poison, offset, len);
	mutex_lock(&fsdev->poison.lock);
	schedule_unmap(fsdev);
	mutex_unlock(&fsdev->poison.lock);
	for (u64 at = 0; at < len; at += PAGE_SIZE) {
		platform_note_poison(PFN_PHYS(memory_pfn(fsdev, offset + at)), PAGE_SIZE);
		cond_resched();
	}
	poison_refill(&fsdev->poison);
}

/**
 * failure_add_known() - mark a range poisoned that the platform or user space knows to be
 * @fsdev: the device
 * @offset: device offset; a multiple of the page size
 * @len: bytes, in the device; a multiple of the page size
 *
 * The holder is notified, and processes lose what is new of it: what was poisoned before has, or
 * will have, a report of its own. No repair comes in between.
 *
 * Context: may sleep; the device is bound, or probe.
 */
void failure_add_known(struct fsdev *fsdev, u64 offset, u64 len)
{
	struct poison_piece piece;
	u64 end = offset + len;

	poison_report_begin(&fsdev->poison);
	while (poison_add_known(&fsdev->poison, &offset, end, &piece)) {
		notify_known(fsdev, piece.offset, piece.len);
		cond_resched();
	}
	poison_report_end(&fsdev->poison, false, false);
}

/**
 * failure_set_reach() - say what of the disk its users may be told of
 * @fsdev: the device
 * @reach: device offset from which on @parts, or the superblock of the disk, is looked at
 * @parts: where the partitions of the disk are; or NULL
 *
 * Context: open of the disk, whose open_mutex is held.
 */
void failure_set_reach(struct fsdev *fsdev, u64 reach, struct fstype_parts *parts)
{
	WRITE_ONCE(fsdev->failure.reach, reach);
	parts = rcu_replace_pointer(fsdev->failure.parts, parts, true);
	if (parts)
		kfree_rcu(parts, rcu);
}

/**
 * failure_set_disk() - say whose claims are looked at
 * @fsdev: the device
 * @disk: its disk, which has a reference until this is called with NULL
 *
 * The block layer frees a disk and its partitions after a grace period.
 *
 * Context: probe, or removal.
 */
void failure_set_disk(struct fsdev *fsdev, struct gendisk *disk)
{
	WRITE_ONCE(fsdev->failure.disk, disk);
}

/**
 * failure_has_parts() - has failure_set_reach() been given partitions?
 * @fsdev: the device
 *
 * Context: open of the disk, whose open_mutex is held.
 * Return: true if it has, the last time.
 */
bool failure_has_parts(const struct fsdev *fsdev)
{
	return rcu_access_pointer(fsdev->failure.parts);
}

/**
 * failure_expect() - note failures of memory that the device is about to grow by
 * @fsdev: the device
 * @map: of the device as it will be
 *
 * Context: growth, before the memory has page structures. Caller must hold the device_lock.
 * failure_admit() or failure_reject() follows.
 */
void failure_expect(struct fsdev *fsdev, const struct rangemap *map)
{
	struct failure_early *early = &fsdev->failure.early;

	spin_lock(&early->lock);
	early->map = map;
	early->size = memory_size(fsdev);
	early->nr = 0;
	spin_unlock(&early->lock);
}

/* Of the new memory only: what is in front of it is in use, and its users would not be told. */
static int add_new(struct fsdev *fsdev, u64 offset, u64 len)
{
	int rc = poison_add_behind(&fsdev->poison, fsdev->failure.early.size, offset, len);

	poison_refill(&fsdev->poison);
	return rc;
}

/**
 * failure_add_ahead() - mark poisoned what is known of memory that the device is about to grow by
 * @fsdev: the device
 * @offset: device offset as it will be; a multiple of the page size
 * @len: bytes; a multiple of the page size
 *
 * Context: growth, may sleep. Caller must hold the device_lock.
 * Return: 0 or -ENOMEM.
 */
int failure_add_ahead(struct fsdev *fsdev, u64 offset, u64 len)
{
	return add_new(fsdev, offset, len);
}

/*
 * Has the device be larger, unless a page has failed since the first @done were looked at. Returns
 * how many there are; what is noted stays.
 */
static unsigned int admit_if(struct fsdev *fsdev, unsigned int done)
{
	struct failure_early *early = &fsdev->failure.early;
	unsigned int nr;

	spin_lock(&early->lock);
	nr = early->nr;
	if (nr == done) {
		memory_grow(fsdev, early->map);
		early->map = NULL;
	}
	spin_unlock(&early->lock);
	return nr;
}

/**
 * failure_admit() - have the device be larger, with what failed meanwhile poisoned
 * @fsdev: a device whose new memory has page structures
 *
 * From one moment on lookups know the new memory, with the poisoned pages of it.
 *
 * Context: growth, may sleep. Caller must hold the device_lock. failure_tell_early() follows.
 * Return: 0; -EIO if too much has failed, or -ENOMEM, and the device is as it was.
 */
int failure_admit(struct fsdev *fsdev)
{
	struct failure_early *early = &fsdev->failure.early;
	unsigned int done = 0, nr;

	for (;;) {
		nr = admit_if(fsdev, done);
		if (nr == done)
			return 0;
		if (nr > FAILURE_EARLY)
			return -EIO;
		/* nothing but growth writes those that are there */
		for (; done < nr; done++) {
			const struct poison_piece *piece = &early->piece[done];
			int rc = add_new(fsdev, piece->offset, piece->len);

			if (rc)
				return rc;
		}
	}
}

/**
 * failure_tell_early() - tell of what was poisoned before the memory belonged to the device
 * @fsdev: a device that has grown
 * @from: its size before, in bytes
 *
 * A page that has failed since then may be told of twice, as one that fails again.
 *
 * Context: growth, may sleep. Caller must hold the device_lock.
 */
void failure_tell_early(struct fsdev *fsdev, u64 from)
{
	struct poison_piece piece;

	while (poison_next(&fsdev->poison, &from, &piece)) {
		poison_update_listeners(&fsdev->poison, piece.offset, piece.len);
		failure_log(fsdev, "known poison: device offset %#llx, %llu bytes", piece.offset,
			    piece.len);
		trace_fsdev_failure(fsdev_dev(fsdev), piece.offset, piece.len,
				    PFN_PHYS(memory_pfn(fsdev, piece.offset)), FSDEV_EVENT_KNOWN,
				    false);
		event_post(fsdev->events, FSDEV_EVENT_FAILURE, FSDEV_EVENT_KNOWN, piece.offset,
			   piece.len);
		cond_resched();
	}
	poison_refill(&fsdev->poison);
}

/* Calls for the first @nr of what has failed of the memory that the device does not grow by. */
static void early_each(const struct failure_early *early, const struct rangemap *map,
		       unsigned int nr, void (*visit)(u64 phys, u64 len))
{
	for (unsigned int i = 0; i < nr; i++) {
		const struct poison_piece *piece = &early->piece[i];
		u64 phys, run;

		for (u64 at = 0; at < piece->len; at += run) {
			run = rangemap_lookup(map, piece->offset + at, &phys);
			if (!run)
				break;
			run = min(run, piece->len - at);
			visit(phys, run);
		}
	}
}

static void restore_early(u64 phys, u64 len)
{
	for (u64 at = 0; at < len; at += PAGE_SIZE) {
		compat_direct_map_restore(PHYS_PFN(phys + at));
		cond_resched();
	}
}

/**
 * failure_reject() - undo failure_expect() and failure_add_ahead()
 * @fsdev: a device that does not grow
 *
 * Where memory has failed meanwhile, the kernel may not be done with it for as long as it takes.
 * That is for removal to wait for: the memory keeps its page structures until then. What has
 * failed, and what fails as long as there are page structures, is remembered for the next binding.
 *
 * Context: growth that fails, may sleep. Caller must hold the device_lock.
 * Return: true if the memory can be given back: failure_retracted() follows. False if some has
 * failed: the map that was given to failure_expect() is kept then, for failure_free().
 */
bool failure_reject(struct fsdev *fsdev)
{
	struct failure_early *early = &fsdev->failure.early;
	const struct rangemap *map;
	unsigned int nr;

	spin_lock(&early->lock);
	map = early->map;
	nr = early->nr;
	early->map = NULL;
	early->rejected = map;
	spin_unlock(&early->lock);
	poison_lock(&fsdev->poison);
	poison_remove(&fsdev->poison, early->size, rangemap_size(map) - early->size);
	poison_unlock(&fsdev->poison);
	if (!nr)
		return true;
	/* the others are */
	early_each(early, map, min(nr, FAILURE_EARLY), remember_early);
	return false;
}

/**
 * failure_retracted() - forget the memory of a growth that has failed
 * @fsdev: a device for which failure_reject() has returned true
 *
 * Context: growth that fails, when the memory has no page structures any more. Caller must hold the
 * device_lock.
 */
void failure_retracted(struct fsdev *fsdev)
{
	struct failure_early *early = &fsdev->failure.early;

	spin_lock(&early->lock);
	early->rejected = NULL;
	spin_unlock(&early->lock);
}

/*
 * memory_failure() unmaps a page from the processes that it signals, which by default is only the
 * one that hit it. The others have it unmapped here: their next access faults.
 */
static void failure_unmap(struct work_struct *work)
{
	struct failure *failure = container_of(to_delayed_work(work), struct failure, unmap_work);
	struct fsdev *fsdev = container_of(failure, struct fsdev, failure);
	struct poison_piece piece;

	while (!READ_ONCE(failure->stopped) &&
	       poison_take_mapped(&fsdev->poison, UNMAP_STEP, &piece))
		for (u64 at = 0; at < piece.len; at += PAGE_SIZE) {
			revoke_poisoned(pfn_to_page(memory_pfn(fsdev, piece.offset + at)));
			cond_resched();
		}
}

/* Returns false if the system goes down meanwhile. */
static bool wait_quiet(struct fsdev *fsdev)
{
	while (!poison_quiet(&fsdev->poison)) {
		blocked_by(fsdev,
			   "%d reports of memory failures are under way or a moment ago, waiting for them to have their effects",
			   atomic_read(&fsdev->poison.reporting));
		if (!blocked_sleep(REPORT_POLL))
			return false;
	}
	blocked_over(fsdev);
	return true;
}

/*
 * Maps every page again that the kernel has taken out of the direct map: else the gap would stay
 * when the memory goes, and the next driver to get it would fault there.
 */
static void restore_direct_map(struct fsdev *fsdev)
{
	struct poison_piece piece;
	u64 at = 0;

	while (poison_next(&fsdev->poison, &at, &piece)) {
		at = piece.offset + PAGE_SIZE;
		compat_direct_map_restore(memory_pfn(fsdev, piece.offset));
		cond_resched();
	}
}

/**
 * failure_free() - undo failure_prepare()
 * @fsdev: a device whose page maps are unmapped
 *
 * Context: removal; may sleep.
 */
void failure_free(struct fsdev *fsdev)
{
	poison_free(&fsdev->poison);
	kvfree(fsdev->failure.early.rejected);
	/* no failure is reported any more */
	kfree(rcu_dereference_protected(fsdev->failure.parts, true));
}

/**
 * failure_put_end() - wait until no page map's reference is being dropped
 * @fsdev: a device whose page maps are unmapped
 *
 * All references have been dropped by then, but what drops them may still run, and it may be queued
 * once more.
 *
 * Context: removal; may sleep.
 */
void failure_put_end(struct fsdev *fsdev)
{
	cancel_delayed_work_sync(&fsdev->failure.put_work);
}

/**
 * failure_prepare() - prepare for failures of the memory
 * @fsdev: a device with its geometry
 *
 * Context: probe, may sleep. Undone by failure_free().
 * Return: 0; -ENOMEM; -EINVAL if the device is too large.
 */
int failure_prepare(struct fsdev *fsdev)
{
	u64 size = rangemap_size(&fsdev->map);
	int rc;

	ratelimit_state_init(&fsdev->failure.log_limit, LOG_INTERVAL, LOG_BURST);
	spin_lock_init(&fsdev->failure.early.lock);
	fsdev->failure.reach = U64_MAX;
	INIT_DELAYED_WORK(&fsdev->failure.unmap_work, failure_unmap);
	INIT_DELAYED_WORK(&fsdev->failure.put_work, failure_put_pagemaps);
	rc = poison_init(&fsdev->poison, size, access_switch);
	if (rc == -EINVAL)
		dev_err(fsdev_dev(fsdev), "%#llx bytes: has to be at most %#llx\n", size,
			POISON_SET_SIZE_MAX);
	return rc;
}

/**
 * failure_init() - prepare for devices
 *
 * Return: 0 or -ENOMEM.
 */
int __init failure_init(void)
{
	unmap_queue = alloc_workqueue("fsdev_unmap", WQ_UNBOUND, 0);
	return unmap_queue ? 0 : -ENOMEM;
}

/**
 * failure_exit() - undo failure_init()
 */
void failure_exit(void)
{
	destroy_workqueue(unmap_queue);
}

/**
 * failure_stop() - end what failures have begun
 * @fsdev: the device, whose pages are mapped or some of them
 *
 * The kernel may still report failures; of what follows a report only the page map's reference is
 * left.
 *
 * Context: probe that fails, or removal, when no read can discover poison any more. Sleeps, about a
 * second where memory has just failed.
 * Return: false if the machine goes down meanwhile.
 */
bool failure_stop(struct fsdev *fsdev)
{
	poison_lock(&fsdev->poison);
	WRITE_ONCE(fsdev->failure.stopped, true);
	poison_unlock(&fsdev->poison);
	blocked_by(fsdev, "poisoned pages are being unmapped, waiting for that to end");
	cancel_delayed_work_sync(&fsdev->failure.unmap_work);
	blocked_over(fsdev);
	/* also where what was reported has been repaired: the kernel may not be done with it */
	if (!wait_quiet(fsdev))
		return false;
	if (fsdev->failure.early.rejected)
		early_each(&fsdev->failure.early, fsdev->failure.early.rejected,
			   fsdev->failure.early.nr, restore_early);
	if (!poison_bytes(&fsdev->poison))
		return true;
	dev_warn(fsdev_dev(fsdev), "unbinding with %llu bytes of poisoned memory\n",
		 poison_bytes(&fsdev->poison));
	restore_direct_map(fsdev);
	return true;
}
