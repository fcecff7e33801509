// SPDX-License-Identifier: GPL-2.0
/*
 * Poison: updates of the set of poisoned pages. poison.h says what it is and what holds.
 */
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "poison.h"

/*
 * Ranges that a set has capacity for at first, in a KiB; poison_refill() moves it to a larger array
 * when fewer than the second are free.
 */
#define POISON_RANGES 31
#define POISON_RESERVE 16

/* The capacity of a larger array; 0 if @least entries are free, or there are the most. */
static u32 larger_capacity(const struct poison_set *set, u32 least)
{
	u32 all, spare = poison_set_spare(set, &all);

	return spare >= least || all > POISON_SET_CAPACITY_MAX / 2 ? 0 : 2 * all;
}

/*
 * Moves a set that has no free entry to a larger array, if there is memory that is not waited for.
 * Without it the set stays as it is. Caller must hold the lock.
 */
static void poison_grow(struct poison *poison, struct poison_set *set)
{
	u32 capacity = larger_capacity(set, 1);
	void *list;

	lockdep_assert_held(&poison->lock);
	if (likely(!capacity) || poison->retired)
		return;
	list = kvzalloc(poison_set_list_bytes(capacity), GFP_NOWAIT | __GFP_NOWARN);
	if (list)
		WRITE_ONCE(poison->retired, poison_set_grow(set, list, capacity));
}

static void free_list(void *list)
{
	if (!list)
		return;
	synchronize_rcu();
	kvfree(list);
}

/* What poison_grow() has left. */
static void free_retired(struct poison *poison)
{
	void *list;

	poison_lock(poison);
	list = poison->retired;
	WRITE_ONCE(poison->retired, NULL);
	poison_unlock(poison);
	free_list(list);
}

static void refill_set(struct poison *poison, struct poison_set *set)
{
	unsigned int flags;
	void *list;
	u32 capacity;

	mutex_lock(&poison->lock);
	capacity = larger_capacity(set, POISON_RESERVE);
	mutex_unlock(&poison->lock);
	if (likely(!capacity))
		return;
	/* a file system may be writing back here to free memory */
	flags = memalloc_noio_save();
	list = kvzalloc(poison_set_list_bytes(capacity), GFP_KERNEL | __GFP_NOWARN);
	memalloc_noio_restore(flags);
	if (!list)
		return;
	poison_lock(poison);
	if (larger_capacity(set, POISON_RESERVE) == capacity)
		list = poison_set_grow(set, list, capacity);
	poison_unlock(poison);
	free_list(list);
}

/**
 * poison_refill() - have capacity for the next failures
 * @poison: the device's poison
 *
 * Called when the holder has been notified of a failure: until the next one there is time to wait
 * for memory. Nothing waits for the lock meanwhile. Without memory the sets stay as they are, and
 * the next failure tries again.
 *
 * Context: may sleep, and wait for memory but not for I/O; takes the lock.
 */
void poison_refill(struct poison *poison)
{
	if (unlikely(READ_ONCE(poison->retired)))
		free_retired(poison);
	refill_set(poison, &poison->set);
	refill_set(poison, &poison->unreported);
	refill_set(poison, &poison->mapped);
}

/* What of a range the summary map covers; 0 if nothing. */
static u64 summary_len(const struct poison *poison, u64 offset, u64 len)
{
	return offset < poison->size ? min(len, poison->size - offset) : 0;
}

static void summary_set(struct poison *poison, u64 offset, u64 len)
{
	u8 *cell, *last;

	len = summary_len(poison, offset, len);
	if (!len)
		return;
	cell = poison->summary + poison_cell(poison, offset);
	last = poison->summary + poison_cell(poison, offset + len - 1);
	for (; cell <= last; cell++)
		WRITE_ONCE(*cell, 1);
}

/* Clears the bytes that cover good pages only, after pages were taken out of the set. */
static void summary_clear(struct poison *poison, u64 offset, u64 len)
{
	u64 bytes = PFN_PHYS(1ULL << poison->summary_shift), size = poison->size;
	u64 last;

	len = summary_len(poison, offset, len);
	if (!len)
		return;
	last = poison_cell(poison, offset + len - 1);
	for (u64 cell = poison_cell(poison, offset); cell <= last; cell++) {
		u64 start = cell * bytes, in_device = min(bytes, size - start);

		if (poison_good(poison, start, in_device) == in_device)
			/* pairs with smp_rmb() in fsdev_checked_access() in access.c */
			smp_store_release(&poison->summary[cell], 0);
	}
}

static void poison_tell(struct poison *poison, u64 offset, u64 len, bool poisoned)
{
	struct poison_listener *listener;

	lockdep_assert_held(&poison->lock);
	list_for_each_entry(listener, &poison->listeners, node)
		listener->changed(listener, offset, len, poisoned);
}

/* Tells of what of a range is poisoned: by now some of it may have been repaired. */
static void poison_tell_added(struct poison *poison, u64 offset, u64 len)
{
	u64 at = offset, end = offset + len;
	struct poison_piece piece;

	while (at < end && poison_next(poison, &at, &piece) && piece.offset < end)
		poison_tell(poison, piece.offset, min(piece.len, end - piece.offset), true);
}

/**
 * poison_lock() - lock the set for update
 * @poison: the device's poison
 *
 * Merges the pending page, if there is one, and closes the slot: invariant P2. Failures that the
 * kernel reports meanwhile wait for the lock. What the lock holder allocates does not wait for I/O:
 * invariant P7.
 *
 * Context: may sleep.
 */
void poison_lock(struct poison *poison)
{
	struct poison_piece page;

	mutex_lock(&poison->lock);
	poison->noio = memalloc_noio_save();
	if (!poison_set_close(&poison->set, &page))
		return;
	poison->pending_new = page.len;
	poison->merged = page;
}

/**
 * poison_unlock() - unlock the set
 * @poison: the device's poison
 *
 * Tells the listeners of a page that poison_lock() has merged, and opens the slot, but see
 * invariant P4.
 *
 * Context: may sleep.
 */
void poison_unlock(struct poison *poison)
{
	if (poison->merged.len) {
		poison_tell_added(poison, poison->merged.offset, poison->merged.len);
		poison->merged.len = 0;
	}
	if (likely(!poison_set_bytes(&poison->unreported) && !poison->reporting_found))
		poison_set_open(&poison->set);
	memalloc_noio_restore(poison->noio);
	mutex_unlock(&poison->lock);
}

/*
 * Adds a range to the set. Without memory for one more range the nearest grows to take it in:
 * @offset and @len become what is poisoned then. Returns true if that is new for some of it.
 */
static bool poison_add_locked(struct poison *poison, u64 *offset, u64 *len)
{
	bool new;

	lockdep_assert_held(&poison->lock);
	poison_grow(poison, &poison->set);
	poison_set_widen(&poison->set, offset, len);
	summary_set(poison, *offset, *len);
	new = poison_set_add(&poison->set, *offset, *len);
	poison->switch_access(poison);
	return new;
}

/* No page of it is unreported afterwards: the caller reports it. */
static bool add_to_report(struct poison *poison, u64 *offset, u64 *len)
{
	bool new = poison_add_locked(poison, offset, len);

	if (unlikely(poison_set_bytes(&poison->unreported)))
		poison_set_remove(&poison->unreported, *offset, *len);
	return new;
}

/**
 * poison_add() - mark a range poisoned that the holder is about to be notified of
 * @poison: the device's poison
 * @offset: device offset in bytes; may become less
 * @len: bytes, in the device; may become more, where memory is short
 *
 * No page of it is unreported afterwards. poison_update_listeners() comes after the notification.
 *
 * Context: may sleep; takes the lock.
 * Return: true if some of it was not poisoned before.
 */
bool poison_add(struct poison *poison, u64 *offset, u64 *len)
{
	bool new;

	poison_lock(poison);
	new = add_to_report(poison, offset, len);
	poison_unlock(poison);
	return new;
}

/**
 * poison_add_behind() - mark a range poisoned, and nothing in front of an offset
 * @poison: the device's poison
 * @from: device offset
 * @offset: device offset in bytes; not less than @from
 * @len: bytes
 *
 * Where memory is short the nearest range grows, as for poison_add(), if that lies behind @from as
 * well. No listener is told.
 *
 * Context: may sleep; takes the lock.
 * Return: 0; -ENOMEM if it is not poisoned.
 */
int poison_add_behind(struct poison *poison, u64 from, u64 offset, u64 len)
{
	int rc = -ENOMEM;

	poison_lock(poison);
	poison_grow(poison, &poison->set);
	poison_set_widen(&poison->set, &offset, &len);
	if (offset >= from) {
		add_to_report(poison, &offset, &len);
		rc = 0;
	}
	poison_unlock(poison);
	return rc;
}

/*
 * Finds the first pages from *@at on that are not poisoned; @end is behind the last that count.
 * Returns false if there are none; else *@at is the first.
 */
static bool find_good(const struct poison *poison, u64 *at, u64 end, u64 *len)
{
	struct poison_piece piece;
	u64 next = *at;

	lockdep_assert_held(&poison->lock);
	while (poison_next(poison, &next, &piece) && piece.offset <= *at)
		*at = next = max(*at, piece.offset + piece.len);
	if (*at >= end)
		return false;
	*len = poison_good(poison, *at, end - *at);
	return true;
}

/**
 * poison_add_known() - mark the next pages of a range poisoned that are not yet
 * @poison: the device's poison
 * @at: device offset to begin at; moved behind what was added
 * @end: device offset at which the range ends
 * @piece: where to put what is to be notified
 *
 * What is poisoned already is left to its own report, of which there may be one under way or still
 * to come. Otherwise as poison_add().
 *
 * Context: may sleep; takes the lock.
 * Return: false if there are no more.
 */
bool poison_add_known(struct poison *poison, u64 *at, u64 end, struct poison_piece *piece)
{
	bool any;

	poison_lock(poison);
	any = find_good(poison, at, end, &piece->len);
	if (any) {
		piece->offset = *at;
		*at += piece->len;
		add_to_report(poison, &piece->offset, &piece->len);
	}
	poison_unlock(poison);
	return any;
}

/**
 * poison_update_listeners() - tell listeners of a range that poison_add() has added
 * @poison: the device's poison
 * @offset: device offset in bytes
 * @len: bytes
 *
 * Context: may sleep; takes the lock.
 */
void poison_update_listeners(struct poison *poison, u64 offset, u64 len)
{
	poison_lock(poison);
	poison_tell_added(poison, offset, len);
	poison_unlock(poison);
}

/**
 * poison_add_found() - mark a page poisoned that the driver found, to be reported later
 * @poison: the device's poison
 * @offset: device offset of the page
 *
 * Context: may sleep. Caller must hold the lock.
 * Return: true if it was not poisoned before: it is unreported now.
 */
bool poison_add_found(struct poison *poison, u64 offset)
{
	u64 len = PAGE_SIZE;

	if (!poison_add_locked(poison, &offset, &len))
		return false;
	poison_tell_added(poison, offset, len);
	poison_grow(poison, &poison->unreported);
	poison_set_add(&poison->unreported, offset, len);
	return true;
}

/**
 * poison_next_unreported() - find the next page that the driver found and has not reported
 * @poison: the device's poison
 * @offset: where to put its device offset
 *
 * It stays unreported until poison_take_unreported() or a repair. Invariant P4 holds until this
 * returns false.
 *
 * Context: may sleep; takes the lock. One caller at a time.
 * Return: false if there is none.
 */
bool poison_next_unreported(struct poison *poison, u64 *offset)
{
	struct poison_piece piece;
	u64 at = 0;

	poison_lock(poison);
	poison->reporting_found = poison_set_next(&poison->unreported, &at, &piece);
	if (poison->reporting_found)
		*offset = piece.offset;
	poison_unlock(poison);
	return poison->reporting_found;
}

/**
 * poison_unreported() - is a page still to be reported?
 * @poison: the device's poison
 * @offset: device offset of the page
 *
 * Context: Caller must hold the lock.
 * Return: true if the driver found it and memory_failure() has not come back with it.
 */
bool poison_unreported(const struct poison *poison, u64 offset)
{
	lockdep_assert_held(&poison->lock);
	return poison_set_good(&poison->unreported, offset, PAGE_SIZE) < PAGE_SIZE;
}

/**
 * poison_take_unreported() - begin the report of a page that the driver found
 * @poison: the device's poison
 * @offset: device offset of the page
 *
 * Context: may sleep; takes the lock. The report has begun: see poison_report_begin().
 * Return: false if the page was repaired, or reported by the kernel itself, meanwhile.
 */
bool poison_take_unreported(struct poison *poison, u64 offset)
{
	bool taken;

	poison_lock(poison);
	taken = poison_set_remove(&poison->unreported, offset, PAGE_SIZE) &&
		!poison_good(poison, offset, PAGE_SIZE);
	poison_unlock(poison);
	return taken;
}

/**
 * poison_note_mapped() - have pages unmapped from processes later
 * @poison: the device's poison
 * @offset: device offset of the first
 * @len: bytes
 *
 * Context: may sleep; takes the lock.
 */
void poison_note_mapped(struct poison *poison, u64 offset, u64 len)
{
	mutex_lock(&poison->lock);
	poison_grow(poison, &poison->mapped);
	poison_set_add(&poison->mapped, offset, len);
	mutex_unlock(&poison->lock);
}

/**
 * poison_take_mapped() - take the next pages of poison_note_mapped()
 * @poison: the device's poison
 * @most: how many bytes at most
 * @piece: where to put them
 *
 * Context: may sleep; takes the lock.
 * Return: false if there are none.
 */
bool poison_take_mapped(struct poison *poison, u64 most, struct poison_piece *piece)
{
	bool found;
	u64 at = 0;

	mutex_lock(&poison->lock);
	found = poison_set_next(&poison->mapped, &at, piece);
	if (found) {
		piece->len = min(piece->len, most);
		poison_set_remove(&poison->mapped, piece->offset, piece->len);
	}
	mutex_unlock(&poison->lock);
	return found;
}

/**
 * poison_merge() - finish what poison_add_fast() has begun
 * @poison: the device's poison
 * @offset: device offset of the page
 *
 * Context: may sleep; takes the lock. After the holder has been notified.
 * Return: true if the page was not poisoned before.
 */
bool poison_merge(struct poison *poison, u64 offset)
{
	bool new;

	poison_lock(poison);
	/* of our page: it is the only one that may have been pending since poison_add_fast() */
	new = poison->pending_new;
	if (poison_good(poison, offset, PAGE_SIZE)) {
		/* repaired already, perhaps before the last steps of adding it */
		summary_clear(poison, offset, PAGE_SIZE);
		poison->switch_access(poison);
	}
	poison_unlock(poison);
	return new;
}

/**
 * poison_remove() - take repaired pages out of the set
 * @poison: the device's poison
 * @offset: device offset; a multiple of the page size
 * @len: bytes; a multiple of the page size
 *
 * What was written there is visible to all processors.
 *
 * Context: may sleep. Caller must hold the lock.
 * Return: 0; -ENOMEM if a range would become two and there is no capacity: it stays poisoned.
 */
int poison_remove(struct poison *poison, u64 offset, u64 len)
{
	lockdep_assert_held(&poison->lock);
	poison_grow(poison, &poison->set);
	if (!poison_set_remove(&poison->set, offset, len))
		return -ENOMEM;
	poison_set_remove(&poison->unreported, offset, len);
	summary_clear(poison, offset, len);
	poison_tell(poison, offset, len, false);
	poison->switch_access(poison);
	return 0;
}

/* Is no report in progress, and *@after over? */
static bool reports_over(const struct poison *poison, const unsigned long *after)
{
	if (atomic_read(&poison->reporting))
		return false;
	smp_rmb(); /* pairs with smp_mb__before_atomic() in poison_report_end() in poison.h */
	return time_after_eq(jiffies, READ_ONCE(*after));
}

/**
 * poison_quiet() - has the last report had its effects on the direct map?
 * @poison: the device's poison
 *
 * Context: removal.
 * Return: true if the memory can be unmapped.
 */
bool poison_quiet(const struct poison *poison)
{
	return reports_over(poison, &poison->quiet_after);
}

/**
 * poison_repairable() - has the last report had the effects that repair must come after?
 * @poison: the device's poison
 *
 * A report that is not seen here as in progress has to wait for the lock before it notifies a
 * holder.
 *
 * Context: Caller must hold the lock.
 * Return: true if poisoned pages can be repaired.
 */
bool poison_repairable(const struct poison *poison)
{
	lockdep_assert_held(&poison->lock);
	return reports_over(poison, &poison->repair_after);
}

/**
 * poison_unstick() - have repairs wait for reports again if the last ones are over
 * @poison: the device's poison
 *
 * Context: any; a report is about to begin.
 */
void poison_unstick(struct poison *poison)
{
	if (reports_over(poison, &poison->repair_after))
		WRITE_ONCE(poison->stuck, false);
}

/**
 * poison_listen() - hear of changes
 * @poison: the device's poison
 * @listener: called in the order of registration
 *
 * Context: Caller must hold the lock.
 */
void poison_listen(struct poison *poison, struct poison_listener *listener)
{
	lockdep_assert_held(&poison->lock);
	list_add_tail(&listener->node, &poison->listeners);
}

/**
 * poison_unlisten() - undo poison_listen()
 * @poison: the device's poison
 * @listener: the listener
 *
 * Context: Caller must hold the lock.
 */
void poison_unlisten(struct poison *poison, struct poison_listener *listener)
{
	lockdep_assert_held(&poison->lock);
	list_del(&listener->node);
}

static void free_set(struct poison_set *set)
{
	kvfree(poison_set_list(set));	/* NULL if init_set() has failed */
	*set = (struct poison_set){};
}

/* For the largest device: one that grows needs no other set. */
static int init_set(struct poison_set *set)
{
	void *list = kvzalloc(poison_set_list_bytes(POISON_RANGES), GFP_KERNEL);

	if (!list)
		return -ENOMEM;
	poison_set_init(set, POISON_SET_SIZE_MAX, PAGE_SHIFT, list, POISON_RANGES);
	return 0;
}

/**
 * poison_init() - prepare an empty set
 * @poison: the device's poison, zeroed
 * @size: bytes of the device
 * @switch_access: called when the set becomes empty or is no longer
 *
 * Context: probe, may sleep.
 * Return: 0; -ENOMEM; -EINVAL if the device has more than POISON_SET_SIZE_MAX bytes.
 */
int poison_init(struct poison *poison, u64 size, void (*switch_access)(struct poison *poison))
{
	int rc;

	if (size > POISON_SET_SIZE_MAX)
		return -EINVAL;
	mutex_init(&poison->lock);
	INIT_LIST_HEAD(&poison->listeners);
	poison->switch_access = switch_access;
	poison->quiet_after = jiffies;
	poison->repair_after = jiffies;
	poison->size = size;
	poison->summary_shift = POISON_SUMMARY_SHIFT_MIN;
	while ((PHYS_PFN(size) - 1) >> poison->summary_shift >= POISON_SUMMARY)
		poison->summary_shift++;
	poison->summary_pages = (POISON_SUMMARY_LOAD - 1ULL) << poison->summary_shift;
	rc = init_set(&poison->set);
	if (rc)
		return rc;
	rc = init_set(&poison->unreported) ?: init_set(&poison->mapped);
	if (rc)
		poison_free(poison);
	return rc;
}

/**
 * poison_free() - undo poison_init()
 * @poison: the device's poison, which has no readers
 */
void poison_free(struct poison *poison)
{
	free_set(&poison->mapped);
	free_set(&poison->unreported);
	free_set(&poison->set);
	kvfree(poison->retired);
}
