/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bad ranges: which bytes of a device are not to be touched.
 *
 * Memory fails in pages, and few of them; so what is kept is a sorted list of ranges, and nothing
 * of what is good. The list is there twice, 32 bytes for each range. A writer changes one copy
 * while readers use the other, then the other one; a reader begins anew if it was overtaken by half
 * a change. So readers take no lock, wait for nobody, may be many and in any context, and see the
 * set as it was at one moment: a page that is bad all the while is found by every search, whatever
 * happens to its neighbours. Writers, badrange_add(), badrange_remove() and badrange_move(), are
 * kept apart by the caller.
 *
 * Whoever has to tell others at once that a page is bad need not wait for a writer's place. There
 * is room for one page in front of the list, where badrange_note() puts it with one exchange,
 * without looking at the list. That works only between badrange_open() and badrange_shut(), and a
 * writer calls the latter first, which takes what was noted into the list, and the former last. So
 *
 *  - a note is what an addition between two writers would be; a writer finds all that is bad in the
 *    list, and nothing is noted while it is at work;
 *  - a search looks at the noted page first and at the list then, and the page goes into the list
 *    first and from its place in front of it then: whoever misses it there finds it in the list;
 *  - what is noted finds room in the list, as the set is opened only if there is some.
 *
 * A set is shut at first; if nobody opens it, writers need not shut it.
 *
 * The memory comes from the caller, who gives more with badrange_move() before the room is used up.
 * If it has none to give when memory fails, the nearest range grows to take the new one in: what
 * lies between them is fenced with them, but nothing bad is left out.
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

/* The largest device: with room to spare for the sums. */
#define BADRANGE_SIZE_MAX 0x4000000000000000ULL

/* The most ranges that a list can have room for. */
#define BADRANGE_ROOM_MAX 0x10000000u

/* In the place of a noted page: one may be noted; none may. */
#define BADRANGE_OPEN 0UL
#define BADRANGE_SHUT ULONG_MAX

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
 * struct badrange_span - one entry of a list
 * @first: its first page
 * @end: the page behind its last one
 */
struct badrange_span {
	unsigned long first;
	unsigned long end;
};

/**
 * struct badrange_list - the ranges in their order, twice
 * @room: how many each copy has room for
 * @count: how many each copy has
 * @span: the first copy, and behind its room the second one
 */
struct badrange_list {
	unsigned long room;
	unsigned long count[2];
	struct badrange_span span[];
};

/**
 * struct badrange - the set of a device's bad pages
 * @size: bytes of the device
 * @shift: log2 of a page's bytes
 * @bad: pages that are bad
 * @turn: goes up before each half of a change; its lowest bit says which copy readers use
 * @list: address of the list
 * @fresh: the page that was noted, plus 1; or BADRANGE_OPEN or BADRANGE_SHUT
 *
 * Private to badrange; complete only for the inline functions.
 */
struct badrange {
	u64 size;
	u32 shift;
	unsigned long bad;
	unsigned long turn;
	unsigned long list;
	unsigned long fresh;
};

size_t badrange_list_bytes(u32 room);
bool badrange_init(struct badrange *bad, u64 size, unsigned int shift, void *list, u32 room);
void *badrange_list(const struct badrange *bad);
u32 badrange_room(const struct badrange *bad, u32 *all);
void *badrange_move(struct badrange *bad, void *list, u32 room);
void badrange_widen(const struct badrange *bad, u64 *offset, u64 *len);
u64 badrange_add(struct badrange *bad, u64 offset, u64 len);
u64 badrange_remove(struct badrange *bad, u64 offset, u64 len);
bool badrange_shut(struct badrange *bad, struct badrange_piece *piece);
void badrange_open(struct badrange *bad);
bool badrange_next(const struct badrange *bad, u64 *from, struct badrange_piece *piece);
u64 badrange_good(const struct badrange *bad, u64 offset, u64 len);

/**
 * badrange_bad() - how much of the device is bad
 * @bad: the set
 *
 * Context: any. A page that was noted counts from when it is taken into the list.
 * Return: bytes; 0 if there is nothing bad.
 */
static inline u64 badrange_bad(const struct badrange *bad)
{
	return (u64)READ_ONCE(bad->bad) << bad->shift;
}

/**
 * badrange_note() - note that a page is bad, at once
 * @bad: the set
 * @page: its number; in the device
 *
 * It is bad for every search that begins after this. What the caller writes after it is written
 * after what the last writer wrote before its badrange_open(), and what the caller wrote before is
 * seen by the next writer after its badrange_shut().
 *
 * Context: any; takes no lock.
 * Return: false if that cannot be: a writer is at work, another page is noted that none has taken
 * in yet, or there is no room. Then it is for badrange_add().
 */
static inline bool badrange_note(struct badrange *bad, unsigned long page)
{
	unsigned long fresh = BADRANGE_OPEN;

	return try_cmpxchg(&bad->fresh, &fresh, page + 1);
}

#endif
