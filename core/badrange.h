/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bad ranges: which bytes of a device are not to be touched.
 *
 * Memory fails in pages, so what is kept is a bit for each page, and above it a tree of summaries:
 * a bit for each word of the level below that is not 0. That makes the memory it takes known
 * beforehand, 1/32000 of the device, and nothing has to be allocated when memory fails; and a
 * search passes over good memory in a few steps, however much is bad elsewhere.
 *
 * Readers take no lock and may be many, in any context. Writers, badrange_add() and
 * badrange_remove(), are kept apart by the caller. A page that is bad all the while is found by
 * every search, whatever happens to its neighbours.
 *
 * To go over all that is bad, for example to list it:
 *
 *	struct badrange_piece piece;
 *	u64 at = 0;
 *
 *	while (badrange_next(bad, &at, &piece))
 *		say(piece.offset, piece.len);
 *
 * All offsets are device offsets in bytes.
 */
#ifndef FSDEV_CORE_BADRANGE_H
#define FSDEV_CORE_BADRANGE_H

#include "atomic.h"
#include "types.h"

/* Levels of 64 each reach over 2^54 pages. */
#define BADRANGE_LEVELS 9

/* The largest device: with room to spare for the sums. */
#define BADRANGE_SIZE_MAX 0x4000000000000000ULL

/**
 * struct badrange_piece - bad bytes that follow each other
 * @offset: device offset of the first
 * @len: bytes
 */
struct badrange_piece {
	u64 offset;
	u64 len;
};

/**
 * struct badrange - the set of a device's bad pages
 * @size: bytes of the device
 * @shift: log2 of a page's bytes
 * @levels: how many there are; the last one is a single word
 * @bad: pages that are bad
 * @level: the levels; [0] has a bit for each page
 * @word: their memory
 *
 * Private to badrange; complete only for the inline functions.
 */
struct badrange {
	u64 size;
	u32 shift;
	u32 levels;
	unsigned long bad;
	unsigned long *level[BADRANGE_LEVELS];
	unsigned long word[];
};

size_t badrange_bytes(u64 size, unsigned int shift);
void badrange_init(struct badrange *bad, u64 size, unsigned int shift);
u64 badrange_add(struct badrange *bad, u64 offset, u64 len);
u64 badrange_remove(struct badrange *bad, u64 offset, u64 len);
bool badrange_next(const struct badrange *bad, u64 *from, struct badrange_piece *piece);
unsigned long badrange_find(const struct badrange *bad, unsigned long from, unsigned long last);

/**
 * badrange_bad() - how much of the device is bad
 * @bad: the set
 *
 * Context: any.
 * Return: bytes; 0 if there is nothing bad.
 */
static inline u64 badrange_bad(const struct badrange *bad)
{
	return (u64)READ_ONCE(bad->bad) << bad->shift;
}

/**
 * badrange_good() - how far from an offset on the device is good
 * @bad: the set
 * @offset: device offset in bytes
 * @len: how many bytes are of interest; they lie in the device
 *
 * Context: any; takes no lock. The cost does not depend on how much is bad.
 * Return: bytes from @offset on that are good, at most @len; 0 if the page at @offset is bad.
 */
static inline u64 badrange_good(const struct badrange *bad, u64 offset, u64 len)
{
	unsigned long first = offset >> bad->shift, last, found;

	if (unlikely(!len))
		return 0;
	last = (offset + len - 1) >> bad->shift;
	found = badrange_find(bad, first, last);
	if (likely(found > last))
		return len;
	return found == first ? 0 : ((u64)found << bad->shift) - offset;
}

#endif
