/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Poison: which pages of a device must not be handed out. The bottom of the driver: it calls
 * nothing of the other files, which learn of changes as listeners.
 *
 * The set is core/poison_set: a seqcount latch over an RCU-published array, and one pending page,
 * which is published without the lock. In front of both stands the summary map, a byte for many
 * pages.
 *
 * Readers take no lock. Writers hold poison.lock, except poison_add_fast(). Invariants:
 *
 *  P1. While a page is in the set its summary byte is set, but for the moment between the two
 *      steps of poison_add_fast(), whose caller notifies the holder after both. A page that the
 *      device has grown by has none: direct access looks for it in the set.
 *  P2. Between poison_lock() and poison_unlock() the pending slot is empty and closed: who has the
 *      lock in this way finds every poisoned page in the set, and no page is added beside it. Who
 *      takes it by mutex_lock() alone may miss one.
 *  P3. A reader looks at the pending slot and then at the set; poison_lock() inserts into the set
 *      and then empties the slot. So every reader finds the page in one of the two.
 *  P4. While pages are unreported, or discover.c reports one, the pending slot stays closed: the
 *      report takes the page from there under the lock, and not if it was repaired before.
 *  P5. Listeners are called with the lock held: for pages that poison_remove() takes out, or that a
 *      read of the driver has found (poison_add_found()), at once, for a merged pending page by
 *      poison_unlock(), for pages that poison_add() or poison_add_known() has added by
 *      poison_update_listeners(), which the caller calls when the holder has been notified.
 *  P6. Repair does not begin while a report is in progress, or the page's flag or the direct map
 *      may change yet: see poison_report_end().
 *  P7. Between poison_lock() and poison_unlock() no allocation waits for I/O: a file system may be
 *      writing back to this device to free memory, and a repair of its write takes the lock.
 */
#ifndef FSDEV_POISON_H
#define FSDEV_POISON_H

#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pfn.h>
#include <linux/types.h>

#include "core/poison_set.h"

/* Bytes of the summary map; how many one load reads; log2 of the fewest pages that one covers. */
#define POISON_SUMMARY 2048
#define POISON_SUMMARY_LOAD 8
#define POISON_SUMMARY_SHIFT_MIN 7

/*
 * How long after ->memory_failure() the kernel may take to be done with the page: with its flag,
 * its place in the direct map, and its page structure.
 */
#define POISON_REPORT_GRACE HZ

struct poison;

/**
 * struct poison_listener - hears of pages that have become poisoned or good
 * @node: in poison.listeners
 * @changed: called with the lock held; may sleep
 */
struct poison_listener {
	struct list_head node;
	void (*changed)(struct poison_listener *listener, u64 offset, u64 len, bool poisoned);
};

/**
 * struct poison - the poisoned pages of a device
 * @set: them; lockless readers, see above
 * @unreported: those that the driver found and memory_failure() has not been told of; protected by
 *	@lock
 * @mapped: pages that have failed and that processes may still have mapped; protected by @lock
 * @retired: the list that a set had before poison_grow(), to be freed after a grace period;
 *	protected by @lock
 * @lock: serializes updates of the set and the summary map, repair, and the listeners
 * @listeners: protected by @lock
 * @switch_access: exchanges direct access when the set becomes empty or is no longer; called with
 *	@lock held; immutable after probe
 * @merged: the pending page that poison_lock() has merged, for poison_unlock(); its length is 0 if
 *	there was none or it was in the set already; protected by @lock
 * @pending_new: the last pending page was not in the set before; protected by @lock
 * @reporting_found: discover.c reports a page of @unreported; protected by @lock
 * @stuck: a repair has given up waiting for reports, and they have not been over since; set with
 *	@lock held, cleared also without it
 * @noio: the lock holder's own state in front of memalloc_noio_save(); protected by @lock
 * @reporting: how many reports of failing memory are in progress; atomic
 * @quiet_after: when the last one of failing hardware has had its effects on the direct map where
 *	the device is unbound, in jiffies; written before @reporting drops, without a lock
 * @repair_after: when the last one has had the effects that a repair must come after; as
 *	@quiet_after
 * @size: bytes of the device that the summary map covers, from its start; those that were there at
 *	probe; immutable after that
 * @summary_pages: pages that one load of the summary map covers; immutable after probe
 * @summary_shift: log2 of the pages that one byte covers; immutable after probe
 * @summary: not 0 where one of these pages may be poisoned; cleared with @lock held
 */
struct poison {
	struct poison_set set;
	struct poison_set unreported;
	struct poison_set mapped;
	void *retired;
	struct mutex lock;	/* see above */
	struct list_head listeners;
	void (*switch_access)(struct poison *poison);
	struct poison_piece merged;
	bool pending_new;
	bool reporting_found;
	bool stuck;
	unsigned int noio;
	atomic_t reporting;
	unsigned long quiet_after;
	unsigned long repair_after;
	u64 size;
	u64 summary_pages;
	u32 summary_shift;
	u8 summary[POISON_SUMMARY + POISON_SUMMARY_LOAD - 1];
};

int poison_init(struct poison *poison, u64 size, void (*switch_access)(struct poison *poison));
void poison_free(struct poison *poison);
void poison_listen(struct poison *poison, struct poison_listener *listener);
void poison_unlisten(struct poison *poison, struct poison_listener *listener);
void poison_refill(struct poison *poison);
void poison_lock(struct poison *poison);
void poison_unlock(struct poison *poison);
bool poison_add(struct poison *poison, u64 *offset, u64 *len);
int __must_check poison_add_behind(struct poison *poison, u64 from, u64 offset, u64 len);
bool poison_add_known(struct poison *poison, u64 *at, u64 end, struct poison_piece *piece);
bool poison_add_found(struct poison *poison, u64 offset);
void poison_update_listeners(struct poison *poison, u64 offset, u64 len);
bool poison_next_unreported(struct poison *poison, u64 *offset);
bool poison_unreported(const struct poison *poison, u64 offset);
bool poison_take_unreported(struct poison *poison, u64 offset);
void poison_note_mapped(struct poison *poison, u64 offset, u64 len);
bool poison_take_mapped(struct poison *poison, u64 most, struct poison_piece *piece);
bool poison_merge(struct poison *poison, u64 offset);
int poison_remove(struct poison *poison, u64 offset, u64 len);
bool poison_quiet(const struct poison *poison);
void poison_unstick(struct poison *poison);
bool poison_repairable(const struct poison *poison);

/**
 * poison_good() - how many bytes from an offset on are not poisoned
 * @poison: the device's poison
 * @offset: device offset in bytes
 * @len: how many bytes are of interest; they lie in the device
 *
 * Context: any; takes no lock.
 * Return: at most @len; 0 if the page at @offset is poisoned.
 */
static inline u64 poison_good(const struct poison *poison, u64 offset, u64 len)
{
	return poison_set_good(&poison->set, offset, len);
}

/**
 * poison_next() - find the next poisoned range
 * @poison: the device's poison
 * @from: device offset at which to begin; moved behind what was found
 * @piece: where to put what was found
 *
 * Context: any; takes no lock.
 * Return: true if there was another.
 */
static inline bool poison_next(const struct poison *poison, u64 *from, struct poison_piece *piece)
{
	return poison_set_next(&poison->set, from, piece);
}

/**
 * poison_bytes() - how many bytes are poisoned
 * @poison: the device's poison
 *
 * Context: any. A pending page counts once it is merged.
 * Return: bytes.
 */
static inline u64 poison_bytes(const struct poison *poison)
{
	return poison_set_bytes(&poison->set);
}

/**
 * poison_ranges() - how many poisoned ranges there are
 * @poison: the device's poison
 *
 * Context: any. A pending page counts once it is merged.
 * Return: ranges.
 */
static inline u32 poison_ranges(const struct poison *poison)
{
	return poison_set_ranges(&poison->set);
}

/* The summary byte for a byte of the device. */
static inline u64 poison_cell(const struct poison *poison, u64 offset)
{
	return PHYS_PFN(offset) >> (poison->summary_shift & 63);
}

/**
 * poison_far() - are the pages from one on certain not to be poisoned?
 * @poison: the device's poison
 * @pgoff: first page; in the device
 *
 * Context: any; takes no lock.
 * Return: true if poison.summary_pages pages from there on are good.
 */
static __always_inline bool poison_far(const struct poison *poison, pgoff_t pgoff)
{
	u64 cells;

	memcpy(&cells, poison->summary + (pgoff >> (poison->summary_shift & 63)), sizeof(cells));
	return !cells;
}

/**
 * poison_add_fast() - mark one page poisoned without taking the lock
 * @poison: the device's poison
 * @offset: device offset of the page; in what the summary map covers
 *
 * Publishes the page in the pending slot, then sets its summary byte. The caller switches direct
 * access next, and calls poison_merge() when the holder has been notified. A lock holder merges the
 * slot before it does anything else, so it cannot clear the byte or switch direct access back while
 * the page is poisoned. A repair may race with what follows the publishing: poison_merge() looks
 * again.
 *
 * Context: any; takes no lock. One caller at a time: the kernel serializes memory_failure().
 * Return: false if the slot is closed or taken; the page is for poison_add() then.
 */
static inline bool poison_add_fast(struct poison *poison, u64 offset)
{
	u8 *cell;

	if (unlikely(!poison_set_publish(&poison->set, PHYS_PFN(offset))))
		return false;
	cell = poison->summary + poison_cell(poison, offset);
	data_race(*cell = 1); /* a byte, which no lock holder clears meanwhile */
	return true;
}

/**
 * poison_report_begin() - hold off repairs while memory_failure() is in progress
 * @poison: the device's poison
 *
 * Where a repair has given up, and the reports that it waited for are over by now, this one is
 * waited for again.
 *
 * Context: any.
 */
static inline void poison_report_begin(struct poison *poison)
{
	if (unlikely(READ_ONCE(poison->stuck)))
		poison_unstick(poison);
	atomic_inc(&poison->reporting);
}

/**
 * poison_report_end() - undo poison_report_begin()
 * @poison: the device's poison
 * @may_unmap: the kernel may now want to take the page out of the direct map
 * @holds_repair: repairs have to wait for what the kernel does now
 *
 * For hardware errors the kernel calls set_mce_nospec() after ->memory_failure() has returned, and
 * does not notify drivers. While the device is bound direct_map.c has it leave the page where it
 * is. Once it is unbound the page would be missing for the next driver, so unbind waits for
 * POISON_REPORT_GRACE.
 *
 * A repair has to wait as long: one event can be reported twice, and without the hook of
 * direct_map.c the page would count as good and have no direct mapping, so that the next access
 * would oops. It has to wait for the page's flag as well, which the kernel sets after
 * ->memory_failure() where no holder has dealt with the page.
 *
 * Context: any.
 */
static inline void poison_report_end(struct poison *poison, bool may_unmap, bool holds_repair)
{
	unsigned long after = jiffies + POISON_REPORT_GRACE;

	if (may_unmap)
		WRITE_ONCE(poison->quiet_after, after);
	if (holds_repair)
		WRITE_ONCE(poison->repair_after, after);
	smp_mb__before_atomic();	/* pairs with smp_rmb() in reports_over() in poison.c */
	atomic_dec(&poison->reporting);
}

#endif
