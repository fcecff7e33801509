// SPDX-License-Identifier: GPL-2.0
/*
 * Bad ranges: the list in two copies. badrange.h says what it is.
 */
#include "badrange.h"

static struct badrange_list *list_of(const struct badrange *bad)
{
	return (struct badrange_list *)READ_ONCE(bad->list);
}

static struct badrange_span *copy_of(struct badrange_list *list, unsigned int copy)
{
	return list->span + (copy ? list->room : 0);
}

static unsigned long pages_of(const struct badrange *bad)
{
	return ((bad->size - 1) >> bad->shift) + 1;
}

/**
 * badrange_list_bytes() - how much memory a list needs
 * @room: how many ranges it is to have room for
 *
 * Context: any.
 * Return: the bytes to allocate, zeroed; 0 if @room is 0 or more than BADRANGE_ROOM_MAX.
 */
size_t badrange_list_bytes(u32 room)
{
	if (!room || room > BADRANGE_ROOM_MAX)
		return 0;
	return sizeof(struct badrange_list) + 2 * (size_t)room * sizeof(struct badrange_span);
}

/**
 * badrange_init() - make an empty set
 * @bad: the set
 * @size: bytes of the device
 * @shift: log2 of the bytes of a page
 * @list: zeroed memory of badrange_list_bytes(@room) bytes
 * @room: how many ranges that has room for
 *
 * Context: any; before there are readers.
 * Return: false if the device is empty or larger than BADRANGE_SIZE_MAX, or @shift is not from 9 to
 * 30.
 */
bool badrange_init(struct badrange *bad, u64 size, unsigned int shift, void *list, u32 room)
{
	struct badrange_list *empty = list;

	if (!size || size > BADRANGE_SIZE_MAX || shift < 9 || shift > 30)
		return false;
	empty->room = room;
	*bad = (struct badrange){
		.size = size,
		.shift = shift,
		.list = (unsigned long)list,
		.fresh = BADRANGE_SHUT,
	};
	return true;
}

/**
 * badrange_list() - the memory of the list
 * @bad: the set
 *
 * Context: the caller keeps writers away.
 * Return: what was given to badrange_init() or badrange_move() last; to be freed with the set.
 */
void *badrange_list(const struct badrange *bad)
{
	return list_of(bad);
}

/**
 * badrange_room() - how many ranges can be added before there is no room
 * @bad: the set
 * @all: how many the list has room for in all
 *
 * Context: the caller keeps writers away.
 * Return: the number; one range in two is one more.
 */
u32 badrange_room(const struct badrange *bad, u32 *all)
{
	const struct badrange_list *list = list_of(bad);

	*all = list->room;
	return list->room - list->count[0];
}

/* Writes @n spans to @to on. Readers who are still in this copy find out, and begin anew. */
static void write_spans(struct badrange_span *to, const struct badrange_span *from, unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n; i++) {
		WRITE_ONCE(to[i].first, from[i].first);
		WRITE_ONCE(to[i].end, from[i].end);
	}
}

/**
 * badrange_move() - gives a set room for more ranges
 * @bad: the set
 * @list: zeroed memory of badrange_list_bytes(@room) bytes
 * @room: how many ranges that has room for; not fewer than it has
 *
 * Context: any; the caller keeps other writers away.
 * Return: the memory that it had before: to be freed when all readers that may know of it have
 * ended, in the kernel after synchronize_rcu().
 */
void *badrange_move(struct badrange *bad, void *list, u32 room)
{
	struct badrange_list *old = list_of(bad), *new = list;
	unsigned int copy;

	new->room = room;
	for (copy = 0; copy < 2; copy++) {
		new->count[copy] = old->count[copy];
		write_spans(copy_of(new, copy), copy_of(old, copy), old->count[copy]);
	}
	smp_wmb(); /* complete before it is found */
	WRITE_ONCE(bad->list, (unsigned long)new);
	return old;
}

/* Index of the first span of a copy that ends behind page @at; the number of spans if none does. */
static unsigned long behind(const struct badrange_span *span, unsigned long count, unsigned long at)
{
	unsigned long low = 0, high = count;

	while (low < high) {
		unsigned long middle = low + (high - low) / 2;

		if (READ_ONCE(span[middle].end) > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/*
 * The first span that ends behind page @at, as it was at one moment. The copy that is read may be
 * written meanwhile; what then comes out of it makes no sense, lies inside its memory all the same,
 * and is not used.
 */
static bool search(const struct badrange *bad, unsigned long at, struct badrange_span *found)
{
	unsigned long turn, count, i;
	bool any;

	rcu_read_lock(); /* the list stays */
	do {
		struct badrange_list *list;
		struct badrange_span *span;

		turn = smp_load_acquire(&bad->turn); /* before what it leads to */
		list = list_of(bad);
		span = copy_of(list, turn & 1);
		count = READ_ONCE(list->count[turn & 1]);
		i = behind(span, count, at);
		any = i < count;
		if (any) {
			found->first = READ_ONCE(span[i].first);
			found->end = READ_ONCE(span[i].end);
		}
		smp_rmb(); /* all of it was read before it is asked whether it was changed */
	} while (READ_ONCE(bad->turn) != turn);
	rcu_read_unlock();
	return any;
}

/*
 * The first span that ends behind page @at: the page that was noted, or of the list. If that page
 * has gone from its place, it has gone into the list.
 */
static bool first_bad(const struct badrange *bad, unsigned long at, struct badrange_span *found)
{
	unsigned long page = READ_ONCE(bad->fresh) - 1;
	bool any;

	smp_rmb(); /* the list is searched after that: the other half of badrange_shut() */
	any = search(bad, at, found);
	if (page < at || page >= BADRANGE_SHUT - 1 || (any && page >= found->first))
		return any;
	found->first = page;
	found->end = page + 1;
	return true;
}

/**
 * badrange_next() - the next bad range
 * @bad: the set
 * @from: device offset at which to begin; moved behind what was found
 * @piece: where to put what was found
 *
 * What is found is as long as it can be: the pages on both sides are good, except where @from
 * points into the middle, and beside a page that was noted and is in no range yet.
 *
 * Context: any; takes no lock.
 * Return: whether there was another.
 */
bool badrange_next(const struct badrange *bad, u64 *from, struct badrange_piece *piece)
{
	struct badrange_span span;
	unsigned long at;

	if (*from >= bad->size)
		return false;
	at = *from >> bad->shift;
	if (!first_bad(bad, at, &span))
		return false;
	if (span.first < at)
		span.first = at;
	piece->offset = (u64)span.first << bad->shift;
	piece->len = (u64)(span.end - span.first) << bad->shift;
	if (piece->len > bad->size - piece->offset)
		piece->len = bad->size - piece->offset;
	*from = piece->offset + piece->len;
	return true;
}

/**
 * badrange_good() - how far from an offset on the device is good
 * @bad: the set
 * @offset: device offset in bytes
 * @len: how many bytes are of interest; they lie in the device
 *
 * Context: any; takes no lock. The cost grows with the logarithm of the number of bad ranges.
 * Return: bytes from @offset on that are good, at most @len; 0 if the page at @offset is bad.
 */
u64 badrange_good(const struct badrange *bad, u64 offset, u64 len)
{
	struct badrange_span span;
	u64 start;

	if (!first_bad(bad, offset >> bad->shift, &span))
		return len;
	start = (u64)span.first << bad->shift;
	if (start <= offset)
		return 0;
	return start - offset < len ? start - offset : len;
}

/* Puts @n spans in the place of @cut others, in one copy. */
static void splice_copy(struct badrange_list *list, unsigned int copy, unsigned long at,
			unsigned long cut, const struct badrange_span *put, unsigned long n)
{
	unsigned long count = list->count[copy], tail = count - at - cut, i;
	struct badrange_span *span = copy_of(list, copy);

	if (n < cut)
		write_spans(span + at + n, span + at + cut, tail);
	else if (n > cut)
		for (i = tail; i--;)
			write_spans(span + at + n + i, span + at + cut + i, 1);
	write_spans(span + at, put, n);
	WRITE_ONCE(list->count[copy], count - cut + n);
}

/* The same in both copies, each while readers are sent to the other one. */
static void splice(struct badrange *bad, unsigned long at, unsigned long cut,
		   const struct badrange_span *put, unsigned long n)
{
	unsigned int copy;

	for (copy = 0; copy < 2; copy++) {
		smp_wmb(); /* the copy that they go to is complete */
		WRITE_ONCE(bad->turn, bad->turn + 1);
		smp_wmb(); /* they have been sent away before this one changes */
		splice_copy(list_of(bad), copy, at, cut, put, n);
	}
}

/* How many pages of @from to @end are in the spans @at to @last. */
static unsigned long common(const struct badrange_span *span, unsigned long at, unsigned long last,
			    unsigned long from, unsigned long end)
{
	unsigned long pages = 0;

	for (; at < last; at++) {
		unsigned long a = span[at].first > from ? span[at].first : from;
		unsigned long b = span[at].end < end ? span[at].end : end;

		pages += b > a ? b - a : 0;
	}
	return pages;
}

/* The pages that have one of these bytes; whether there are any. */
static bool pages_touched(const struct badrange *bad, u64 offset, u64 len,
			  struct badrange_span *pages)
{
	if (!len || offset >= bad->size)
		return false;
	if (len > bad->size - offset)
		len = bad->size - offset;
	pages->first = offset >> bad->shift;
	pages->end = ((offset + len - 1) >> bad->shift) + 1;
	return true;
}

/* The spans that @pages touch or join, as @at to the result. */
static unsigned long joined(const struct badrange *bad, const struct badrange_span *pages,
			    unsigned long *at)
{
	struct badrange_list *list = list_of(bad);
	unsigned long last;

	*at = behind(list->span, list->count[0], pages->first ? pages->first - 1 : 0);
	for (last = *at; last < list->count[0] && list->span[last].first <= pages->end; last++)
		;
	return last;
}

/* Where there is no room for another span, these become what it takes to join the nearest one. */
static void widen(const struct badrange *bad, struct badrange_span *pages)
{
	const struct badrange_list *list = list_of(bad);
	const struct badrange_span *next;
	unsigned long at;

	if (list->count[0] < list->room || joined(bad, pages, &at) > at)
		return;
	next = &list->span[at];
	if (at == list->count[0] || (at && pages->first - next[-1].end < next->first - pages->end))
		pages->first = next[-1].end;
	else
		pages->end = next->first;
}

/**
 * badrange_widen() - what badrange_add() would make bad
 * @bad: the set
 * @offset: device offset of the first byte; in the device
 * @len: bytes; what lies outside the device is left out
 *
 * That is the pages that have one of these bytes. Where the set has no room for another range it is
 * as many more as it takes to reach the nearest one.
 *
 * Context: any; the caller keeps writers away.
 */
void badrange_widen(const struct badrange *bad, u64 *offset, u64 *len)
{
	struct badrange_span pages;

	if (!pages_touched(bad, *offset, *len, &pages))
		return;
	widen(bad, &pages);
	*offset = (u64)pages.first << bad->shift;
	*len = (u64)(pages.end - pages.first) << bad->shift;
	if (*len > bad->size - *offset)
		*len = bad->size - *offset;
}

/**
 * badrange_add() - note that bytes are bad
 * @bad: the set
 * @offset: device offset of the first
 * @len: bytes; what lies outside the device is left out
 *
 * Every page that has one of them is bad; and where there is no room, more, as badrange_widen()
 * says.
 *
 * Context: any; the caller keeps other writers away.
 * Return: how many bytes are bad now that were not before, in whole pages.
 */
u64 badrange_add(struct badrange *bad, u64 offset, u64 len)
{
	const struct badrange_span *span = list_of(bad)->span;
	unsigned long at, last, added;
	struct badrange_span pages;

	if (!pages_touched(bad, offset, len, &pages))
		return 0;
	widen(bad, &pages);
	last = joined(bad, &pages, &at);
	added = pages.end - pages.first - common(span, at, last, pages.first, pages.end);
	if (!added)
		return 0;
	if (last > at) {
		if (span[at].first < pages.first)
			pages.first = span[at].first;
		if (span[last - 1].end > pages.end)
			pages.end = span[last - 1].end;
	}
	splice(bad, at, last - at, &pages, 1);
	WRITE_ONCE(bad->bad, bad->bad + added);
	return (u64)added << bad->shift;
}

/**
 * badrange_shut() - takes what was noted into the list, and has nothing more be noted
 * @bad: the set
 * @piece: where to put the page that was noted; its length is 0 if it was bad before
 *
 * Context: any; the caller keeps other writers away, and is one until badrange_open(). May be
 * called again before that.
 * Return: whether a page was noted.
 */
bool badrange_shut(struct badrange *bad, struct badrange_piece *piece)
{
	unsigned long fresh = cmpxchg(&bad->fresh, BADRANGE_OPEN, BADRANGE_SHUT);

	if (fresh == BADRANGE_OPEN || fresh == BADRANGE_SHUT)
		return false;
	smp_rmb(); /* what its finder wrote before it is read after it, as after an exchange */
	piece->offset = (u64)(fresh - 1) << bad->shift;
	piece->len = badrange_add(bad, piece->offset, 1);
	smp_wmb(); /* found in the list before it is no longer found here: see first_bad() */
	WRITE_ONCE(bad->fresh, BADRANGE_SHUT);
	return true;
}

/**
 * badrange_open() - lets a page be noted, if the list has room for it
 * @bad: the set
 *
 * Context: any; the caller is the only writer, and not one any more afterwards.
 */
void badrange_open(struct badrange *bad)
{
	const struct badrange_list *list = list_of(bad);

	if (list->count[0] < list->room)
		/* all that this writer has written comes before what a note makes somebody write */
		smp_store_release(&bad->fresh, BADRANGE_OPEN);
}

/* The pages all of whose bytes are among these; whether there are any. */
static bool pages_covered(const struct badrange *bad, u64 offset, u64 len,
			  struct badrange_span *pages)
{
	u64 page = 1ULL << bad->shift;

	if (offset >= bad->size)
		return false;
	pages->first = (offset + page - 1) >> bad->shift;
	/* a last page that is not a whole one ends with the device */
	pages->end = len < bad->size - offset ? (offset + len) >> bad->shift : pages_of(bad);
	return pages->first < pages->end;
}

/**
 * badrange_remove() - note that bytes are good again
 * @bad: the set
 * @offset: device offset of the first
 * @len: bytes
 *
 * Only pages all of whose bytes are among them become good. What made them good has to be visible
 * to other processors before this is called. Where one range would become two and there is no room
 * for that, they stay bad.
 *
 * Context: any; the caller keeps other writers away.
 * Return: how many bytes were bad and are not any more, in whole pages.
 */
u64 badrange_remove(struct badrange *bad, u64 offset, u64 len)
{
	const struct badrange_list *list = list_of(bad);
	const struct badrange_span *span = list->span;
	struct badrange_span pages, rest[2];
	unsigned long at, last, removed, n = 0;

	if (!pages_covered(bad, offset, len, &pages))
		return 0;
	at = behind(span, list->count[0], pages.first);
	for (last = at; last < list->count[0] && span[last].first < pages.end; last++)
		;
	if (last == at)
		return 0;
	removed = common(span, at, last, pages.first, pages.end);
	if (span[at].first < pages.first)
		rest[n++] = (struct badrange_span){ span[at].first, pages.first };
	if (span[last - 1].end > pages.end)
		rest[n++] = (struct badrange_span){ pages.end, span[last - 1].end };
	if (list->count[0] - (last - at) + n > list->room)
		return 0;
	splice(bad, at, last - at, rest, n);
	WRITE_ONCE(bad->bad, bad->bad - removed);
	return (u64)removed << bad->shift;
}
