/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Poison set: which pages of a device are poisoned and must not be handed out.
 *
 * A sorted array of page ranges under a seqcount latch, with one pending page in front of it that
 * is published without the writers' lock. Readers take no lock and run in any context; writers are
 * serialized by the caller.
 *
 * The latch is that of linux/seqlock.h. Each list holds two copies of the array. A writer raises
 * @seq before it changes a copy, which sends readers to the other one, and changes the two in turn;
 * a reader tries again if @seq has changed meanwhile. The list that @list points to is replaced
 * with RCU when it has to grow.
 *
 * The pending page is for a failure that has to be visible at once: poison_set_publish() puts it in
 * @pending with one cmpxchg(). poison_set_close() merges it into the list and closes the slot until
 * poison_set_open(); a caller that serializes writers by a lock calls the two when it takes and
 * when it drops the lock.
 *
 * Invariants:
 *
 *  1. A page that is poisoned throughout a search is found by it, whatever happens to its
 *     neighbours.
 *  2. Between poison_set_close() and poison_set_open() @pending is empty and the list is complete.
 *  3. A search reads @pending before the list, and a merge writes the list before @pending: a
 *     search that no longer finds a page pending finds it in the list.
 *  4. @pending accepts a page only while the list has a free entry, so that a merge never fails.
 *  5. A page is never dropped for want of an entry: where the list is full, the nearest range grows
 *     to cover the new page and the pages between.
 *
 * The memory of the lists belongs to the caller, who calls poison_set_grow() before the entries are
 * used up. To walk all poisoned ranges:
 *
 *	struct poison_piece piece;
 *	u64 at = 0;
 *
 *	while (poison_set_next(set, &at, &piece))
 *		print(piece.offset, piece.len);
 *
 * All offsets are device offsets in bytes.
 */
#ifndef FSDEV_CORE_POISON_SET_H
#define FSDEV_CORE_POISON_SET_H

#include "atomic.h"
#include "types.h"

/* The largest device; sums of two offsets do not overflow. */
#define POISON_SET_SIZE_MAX 0x4000000000000000ULL

/* The most entries of a list. */
#define POISON_SET_CAPACITY_MAX 0x10000000u

/* States of the pending slot that are no page: free, and closed by a writer. */
#define POISON_PENDING_NONE 0UL
#define POISON_PENDING_CLOSED ULONG_MAX

/**
 * struct poison_piece - poisoned bytes that follow each other
 * @offset: device offset of the first
 * @len: bytes
 */
struct poison_piece {
	u64 offset;
	u64 len;
};

/**
 * struct poison_span - an entry of a list
 * @first: its first page
 * @end: the page after its last one
 */
struct poison_span {
	unsigned long first;
	unsigned long end;
};

/**
 * struct poison_list - two copies of the sorted ranges
 * @capacity: entries of each copy
 * @count: entries in use in each copy
 * @span: the first copy, and after its @capacity entries the second one
 */
struct poison_list {
	unsigned long capacity;
	unsigned long count[2];
	struct poison_span span[];
};

/**
 * struct poison_set - the poisoned pages of a device
 * @size: bytes of the device; immutable after poison_set_init()
 * @shift: log2 of the bytes of a page; immutable after poison_set_init()
 * @pages: number of poisoned pages in the list; changed by writers only
 * @seq: latch sequence; its lowest bit selects the copy for readers; changed by writers only
 * @list: address of the list, RCU-published; changed by writers only
 * @pending: the pending page plus 1, POISON_PENDING_NONE or POISON_PENDING_CLOSED; atomic
 *
 * Private to poison_set.c, and complete only for the inline functions.
 */
struct poison_set {
	u64 size;
	u32 shift;
	unsigned long pages;
	unsigned long seq;
	unsigned long list;
	unsigned long pending;
};

size_t poison_set_list_bytes(u32 capacity);
bool poison_set_init(struct poison_set *set, u64 size, unsigned int shift, void *list,
		     u32 capacity);
void *poison_set_list(const struct poison_set *set);
u32 poison_set_spare(const struct poison_set *set, u32 *capacity);
void *poison_set_grow(struct poison_set *set, void *list, u32 capacity);
void poison_set_widen(const struct poison_set *set, u64 *offset, u64 *len);
u64 poison_set_add(struct poison_set *set, u64 offset, u64 len);
u64 poison_set_remove(struct poison_set *set, u64 offset, u64 len);
bool poison_set_close(struct poison_set *set, struct poison_piece *piece);
void poison_set_open(struct poison_set *set);
bool poison_set_next(const struct poison_set *set, u64 *from, struct poison_piece *piece);
u64 poison_set_good(const struct poison_set *set, u64 offset, u64 len);
u32 poison_set_ranges(const struct poison_set *set);

/**
 * poison_set_bytes() - count poisoned bytes
 * @set: the set
 *
 * Context: any. A pending page counts from its merge on.
 * Return: bytes; 0 if no page is poisoned.
 */
static inline u64 poison_set_bytes(const struct poison_set *set)
{
	return (u64)READ_ONCE(set->pages) << set->shift;
}

/**
 * poison_set_publish() - publish a page as pending
 * @set: the set
 * @page: its number in the device
 *
 * Every search that begins after this finds the page. The cmpxchg() is a full barrier, which pairs
 * with the release in poison_set_open() and the read barrier in poison_set_close(): the caller's
 * later writes come after those of the last writer, and the next writer sees the caller's earlier
 * ones.
 *
 * Context: any; takes no lock.
 * Return: false if a writer is at work, another page is pending or the list is full. The caller
 * then uses poison_set_add().
 */
static inline bool poison_set_publish(struct poison_set *set, unsigned long page)
{
	unsigned long pending = POISON_PENDING_NONE;

	return try_cmpxchg(&set->pending, &pending, page + 1);
}

#endif
