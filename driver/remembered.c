// SPDX-License-Identifier: GPL-2.0
/*
 * Remembered poison: what user space has written down of an earlier binding or boot.
 *
 * Most platforms forget which of their memory has failed. User space writes the ranges to the
 * driver's attribute `remembered_poison`, by physical address, before a device is bound or grows;
 * probe and growth take over what lies in the memory before anything can reach it. A range stays in
 * the list until a device that has it is bound, or has grown by it.
 *
 * A range may be in doubt: user space has not heard how the last binding ended, so pages of it may
 * have been overwritten and repaired meanwhile. Of such a range only those pages are poisoned that
 * cannot be read; all of them where reading poison is the kernel's end.
 */
#include <linux/capability.h>
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "core/rangemap.h"
#include "memory.h"
#include "remembered.h"

/* Long enough for "-START+LENGTH?". */
#define REMEMBERED_TEXT 48

/**
 * struct remembered - a range of physical memory
 * @node: in remembered_ranges
 * @start: physical address; a multiple of the page size
 * @len: bytes; a multiple of the page size
 * @doubtful: only pages that cannot be read are poisoned
 * @seen: a device that has a part of it was being bound since it was written
 */
struct remembered {
	struct list_head node;
	u64 start;
	u64 len;
	bool doubtful;
	bool seen;
};

static LIST_HEAD(remembered_ranges);
static unsigned int remembered_count;
static unsigned int remembered_noio;
static DEFINE_MUTEX(remembered_lock);	/* protects these; poison.lock is taken inside it */

/*
 * What the lock holder allocates does not wait for I/O: a file system may be writing back to a
 * device to free memory, a repair of its write waits for the report of a failure, and the report
 * may wait for the lock.
 */
static void lock_ranges(void)
{
	mutex_lock(&remembered_lock);
	remembered_noio = memalloc_noio_save();
}

static void unlock_ranges(void)
{
	memalloc_noio_restore(remembered_noio);
	mutex_unlock(&remembered_lock);
}

static struct remembered *find_remembered(u64 start, u64 len)
{
	struct remembered *one;

	lockdep_assert_held(&remembered_lock);
	list_for_each_entry(one, &remembered_ranges, node)
		if (one->start == start && one->len == len)
			return one;
	return NULL;
}

/* In front of @next: what is made while the list is walked is not visited again. */
static int new_range(struct list_head *next, u64 start, u64 len, bool doubtful)
{
	struct remembered *one;

	lockdep_assert_held(&remembered_lock);
	if (remembered_count >= REMEMBERED_MAX)
		return -ENOSPC;
	one = kzalloc(sizeof(*one), GFP_KERNEL);
	if (!one)
		return -ENOMEM;
	one->start = start;
	one->len = len;
	one->doubtful = doubtful;
	list_add_tail(&one->node, next);
	remembered_count++;
	return 0;
}

static void free_range(struct remembered *one)
{
	lockdep_assert_held(&remembered_lock);
	list_del(&one->node);
	remembered_count--;
	kfree(one);
}

/* What is certain does not become doubtful by being written again. */
static int remember_range(u64 start, u64 len, bool doubtful)
{
	struct remembered *one = find_remembered(start, len);

	if (!one)
		return new_range(&remembered_ranges, start, len, doubtful);
	one->doubtful &= doubtful;
	return 0;
}

/* What lies outside of @start to @end stays. */
static int cut_range(struct remembered *one, u64 start, u64 end)
{
	u64 last = one->start + one->len;
	int rc = 0;

	if (last <= start || one->start >= end)
		return 0;
	if (last > end)
		rc = new_range(&one->node, end, last - end, one->doubtful);
	if (rc)
		return rc;
	if (one->start < start)
		one->len = start - one->start;
	else
		free_range(one);
	return 0;
}

static int drop_range(u64 start, u64 len)
{
	struct remembered *one, *next;
	int rc = 0;

	list_for_each_entry_safe(one, next, &remembered_ranges, node)
		rc = rc ?: cut_range(one, start, start + len);
	return rc;
}

/* "START+LENGTH", with whole pages of it. */
static int parse_range(char *text, u64 *start, u64 *len)
{
	char *from = strsep(&text, "+");
	u64 end;

	if (!text || kstrtou64(from, 0, start) || kstrtou64(text, 0, len) || !*len)
		return -EINVAL;
	end = *start + *len;
	/* no memory is that high; rounding the end up must not overflow either */
	if (end < *start || end > U64_MAX - PAGE_SIZE)
		return -EINVAL;
	*start = ALIGN_DOWN(*start, PAGE_SIZE);
	*len = ALIGN(end, PAGE_SIZE) - *start;
	return 0;
}

/*
 * "START+LENGTH" adds a range, "START+LENGTH?" one in doubt, "-START+LENGTH" takes away what has
 * it.
 */
static ssize_t remembered_poison_store(struct device_driver *driver, const char *text, size_t count)
{
	char word[REMEMBERED_TEXT], *range;
	bool forget, doubtful;
	u64 start, len;
	size_t chars;
	int rc;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (strscpy(word, text, sizeof(word)) < 0)
		return -EINVAL;
	range = strim(word);
	forget = *range == '-';
	range += forget;
	chars = strlen(range);
	doubtful = chars && range[chars - 1] == '?';
	if (doubtful)
		range[chars - 1] = '\0';
	rc = parse_range(range, &start, &len);
	if (rc)
		return rc;
	lock_ranges();
	if (forget)
		rc = drop_range(start, len);
	else
		rc = remember_range(start, len, doubtful);
	unlock_ranges();
	return rc ?: count;
}

/* As much as an attribute holds. */
static ssize_t remembered_poison_show(struct device_driver *driver, char *page)
{
	struct remembered *one;
	ssize_t len = 0;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	lock_ranges();
	list_for_each_entry(one, &remembered_ranges, node) {
		if (len + REMEMBERED_TEXT > PAGE_SIZE)
			break;
		len += sysfs_emit_at(page, len, "%#llx+%#llx%s\n", one->start, one->len,
				     one->doubtful ? "?" : "");
	}
	unlock_ranges();
	return len;
}

static struct driver_attribute driver_attr_remembered_poison =
	__ATTR_RW_MODE(remembered_poison, 0600);

static struct attribute *remembered_attributes[] = {
	&driver_attr_remembered_poison.attr,
	NULL,
};

/* for the driver core */
const struct attribute_group remembered_group = {
	.attrs = remembered_attributes,
};

/**
 * struct doubtful - a piece of a device that is to be read
 * @node: in a list
 * @piece: the piece
 */
struct doubtful {
	struct list_head node;
	struct rangemap_piece piece;
};

/* To be read without the lock, as that takes long; false if there is no memory for it. */
static bool put_aside(struct list_head *aside, const struct rangemap_piece *piece)
{
	struct doubtful *one = kmalloc(sizeof(*one), GFP_KERNEL);

	if (!one)
		return false;
	one->piece = *piece;
	list_add_tail(&one->node, aside);
	return true;
}

static int add_unreadable(struct fsdev *fsdev, const struct rangemap_piece *piece,
			  remembered_add_t *add)
{
	int rc = 0;

	for (u64 at = 0; !rc && at < piece->len; at += PAGE_SIZE) {
		if (!memory_reads_phys(piece->phys + at))
			rc = add(fsdev, piece->offset + at, PAGE_SIZE);
		cond_resched();
	}
	return rc;
}

/* What is in doubt is put aside where that can be. */
static int add_piece(struct fsdev *fsdev, const struct rangemap_piece *piece, bool doubtful,
		     struct list_head *aside, remembered_add_t *add)
{
	if (!doubtful || !COMPAT_COPY_SURVIVES)
		return add(fsdev, piece->offset, piece->len);
	return put_aside(aside, piece) ? 0 : add_unreadable(fsdev, piece, add);
}

/**
 * remembered_each() - walk the remembered poison of a device, or of its end
 * @fsdev: the device
 * @map: of all of it; from @from on it has page structures and is not yet open for access
 * @from: device offset in bytes
 * @add: called for each range
 *
 * Context: probe or growth; may sleep.
 * Return: 0; or what @add has returned that was not 0, after which it was not called again.
 */
int remembered_each(struct fsdev *fsdev, const struct rangemap *map, u64 from,
		    remembered_add_t *add)
{
	struct doubtful *doubtful, *next;
	struct rangemap_piece piece;
	struct remembered *one;
	LIST_HEAD(aside);
	int rc = 0;

	lock_ranges();
	list_for_each_entry(one, &remembered_ranges, node) {
		u64 phys = one->start, len = one->len;

		while (!rc && rangemap_next_from(map, from, &phys, &len, &piece)) {
			one->seen = true;
			rc = add_piece(fsdev, &piece, one->doubtful, &aside, add);
		}
	}
	unlock_ranges();
	list_for_each_entry_safe(doubtful, next, &aside, node) {
		rc = rc ?: add_unreadable(fsdev, &doubtful->piece, add);
		kfree(doubtful);
	}
	return rc;
}

/* The parts of a range that lie elsewhere stay; false if there is no memory. */
static bool keep_rest(const struct rangemap *map, u64 from_offset, struct remembered *one)
{
	u64 phys = one->start, len = one->len, from = one->start, end = one->start + one->len;
	struct rangemap_piece piece;

	while (rangemap_next_from(map, from_offset, &phys, &len, &piece)) {
		if (piece.phys > from &&
		    new_range(&one->node, from, piece.phys - from, one->doubtful))
			return false;
		from = piece.phys + piece.len;
	}
	return from == end || !new_range(&one->node, from, end - from, one->doubtful);
}

/**
 * remembered_taken() - forget what a device has taken over
 * @map: of a device
 * @from: device offset from which on it has taken over what remembered_each() found
 *
 * Its poison set has it from now on. What cannot be forgotten for want of memory is taken over once
 * more by the next bind.
 *
 * Context: probe or growth, when it cannot fail any more; may sleep.
 */
void remembered_taken(const struct rangemap *map, u64 from)
{
	struct remembered *one, *next;
	struct rangemap_piece piece;

	lock_ranges();
	list_for_each_entry_safe(one, next, &remembered_ranges, node) {
		u64 phys = one->start, len = one->len;

		/* what was written after remembered_each() waits for the next bind */
		if (one->seen && rangemap_next_from(map, from, &phys, &len, &piece) &&
		    keep_rest(map, from, one))
			free_range(one);
	}
	unlock_ranges();
}

/**
 * remembered_add() - remember a range
 * @phys: physical address; a multiple of the page size
 * @len: bytes; a multiple of the page size
 *
 * The next device that has it takes it over.
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM; -ENOSPC where there are as many as can be.
 */
int remembered_add(u64 phys, u64 len)
{
	int rc;

	lock_ranges();
	rc = remember_range(phys, len, false);
	unlock_ranges();
	return rc;
}

/**
 * remembered_exit() - forget all ranges
 *
 * Context: module unload.
 */
void remembered_exit(void)
{
	struct remembered *one, *next;

	lock_ranges();
	list_for_each_entry_safe(one, next, &remembered_ranges, node)
		free_range(one);
	unlock_ranges();
}
