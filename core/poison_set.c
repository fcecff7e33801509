// SPDX-License-Identifier: GPL-2.0
/*
 * Poison set: a latched list of page ranges. poison_set.h has the invariants.
 */
#include "poison_set.h"

static struct poison_list *list_of(const struct poison_set *set)
{
	return (struct poison_list *)READ_ONCE(set->list);
}

static struct poison_span *copy_of(struct poison_list *list, unsigned int copy)
{
	return list->span + (copy ? list->capacity : 0);
}

static unsigned long pages_of(const struct poison_set *set)
{
	return ((set->size - 1) >> set->shift) + 1;
}

/**
 * poison_set_list_bytes() - compute the memory that a list needs
 * @capacity: entries of the list
 *
 * Context: any.
 * Return: bytes to allocate, zeroed; 0 if @capacity is 0 or more than POISON_SET_CAPACITY_MAX.
 */
size_t poison_set_list_bytes(u32 capacity)
{
	if (!capacity || capacity > POISON_SET_CAPACITY_MAX)
		return 0;
	return sizeof(struct poison_list) + 2 * (size_t)capacity * sizeof(struct poison_span);
}

/**
 * poison_set_init() - initialize an empty set, closed for pending pages
 * @set: the set
 * @size: bytes of the device
 * @shift: log2 of the bytes of a page
 * @list: zeroed memory of poison_set_list_bytes(@capacity) bytes
 * @capacity: entries of @list
 *
 * Context: any; before there are readers.
 * Return: false if the device is empty or larger than POISON_SET_SIZE_MAX, or @shift is not from 9
 * to 30.
 */
bool poison_set_init(struct poison_set *set, u64 size, unsigned int shift, void *list, u32 capacity)
{
	struct poison_list *empty = list;

	if (!size || size > POISON_SET_SIZE_MAX || shift < 9 || shift > 30)
		return false;
	empty->capacity = capacity;
	*set = (struct poison_set){
		.size = size,
		.shift = shift,
		.list = (unsigned long)list,
		.pending = POISON_PENDING_CLOSED,
	};
	return true;
}

/**
 * poison_set_list() - get the memory of the list
 * @set: the set
 *
 * Context: caller must serialize writers.
 * Return: what poison_set_init() or poison_set_grow() was given last; to be freed with the set.
 */
void *poison_set_list(const struct poison_set *set)
{
	return list_of(set);
}

/**
 * poison_set_spare() - count the free entries of the list
 * @set: the set
 * @capacity: where to put the number of all entries
 *
 * Context: caller must serialize writers.
 * Return: free entries; splitting a range takes one.
 */
u32 poison_set_spare(const struct poison_set *set, u32 *capacity)
{
	const struct poison_list *list = list_of(set);

	*capacity = list->capacity;
	return list->capacity - list->count[0];
}

/* Copies @n spans. Readers that are still in this copy see @seq changed, and try again. */
static void write_spans(struct poison_span *to, const struct poison_span *from, unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n; i++) {
		WRITE_ONCE(to[i].first, from[i].first);
		WRITE_ONCE(to[i].end, from[i].end);
	}
}

/**
 * poison_set_grow() - replace the list by a larger one
 * @set: the set
 * @list: zeroed memory of poison_set_list_bytes(@capacity) bytes
 * @capacity: entries of @list; not fewer than are in use
 *
 * Context: any; caller must serialize writers.
 * Return: the memory of the old list, to be freed after an RCU grace period.
 */
void *poison_set_grow(struct poison_set *set, void *list, u32 capacity)
{
	struct poison_list *old = list_of(set), *new = list;
	unsigned int copy;

	new->capacity = capacity;
	for (copy = 0; copy < 2; copy++) {
		new->count[copy] = old->count[copy];
		write_spans(copy_of(new, copy), copy_of(old, copy), old->count[copy]);
	}
	/* publish the list complete; pairs with the address dependency in search(), below */
	smp_wmb();
	WRITE_ONCE(set->list, (unsigned long)new);
	return old;
}

/* Index of the first span of a copy that ends after page @at; the number of spans if none does. */
static unsigned long first_after(const struct poison_span *span, unsigned long count,
				 unsigned long at)
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
 * Finds the first span of the list that ends after page @at. The copy may be written concurrently:
 * every index stays inside its memory, and the result is used only if @seq has not changed.
 */
static bool search(const struct poison_set *set, unsigned long at, struct poison_span *found)
{
	unsigned long seq, count, i;
	bool any;

	rcu_read_lock(); /* protects the list against poison_set_grow() */
	do {
		struct poison_list *list;
		struct poison_span *span;

		/* @seq before its copy; pairs with the first smp_wmb() in splice(), below */
		seq = smp_load_acquire(&set->seq);
		list = list_of(set);
		span = copy_of(list, seq & 1);
		count = READ_ONCE(list->count[seq & 1]);
		i = first_after(span, count, at);
		any = i < count;
		if (any) {
			found->first = READ_ONCE(span[i].first);
			found->end = READ_ONCE(span[i].end);
		}
		/* the copy before @seq again; pairs with the second smp_wmb() in splice(), below */
		smp_rmb();
	} while (READ_ONCE(set->seq) != seq);
	rcu_read_unlock();
	return any;
}

/* Finds the first span that ends after page @at: the pending page or one of the list. */
static bool first_poisoned(const struct poison_set *set, unsigned long at,
			   struct poison_span *found)
{
	unsigned long page = READ_ONCE(set->pending) - 1;
	bool any;

	/* invariant 3; pairs with smp_wmb() in poison_set_close(), below */
	smp_rmb();
	any = search(set, at, found);
	if (page < at || page >= POISON_PENDING_CLOSED - 1 || (any && page >= found->first))
		return any;
	found->first = page;
	found->end = page + 1;
	return true;
}

/**
 * poison_set_next() - find the next poisoned range
 * @set: the set
 * @from: device offset at which to begin; moved to the end of what was found
 * @piece: where to put what was found
 *
 * A range is found whole, but for the part before @from. A pending page beside a range is found by
 * itself.
 *
 * Context: any; takes no lock.
 * Return: true if there was another range.
 */
bool poison_set_next(const struct poison_set *set, u64 *from, struct poison_piece *piece)
{
	struct poison_span span;
	unsigned long at;

	if (*from >= set->size)
		return false;
	at = *from >> set->shift;
	if (!first_poisoned(set, at, &span))
		return false;
	if (span.first < at)
		span.first = at;
	piece->offset = (u64)span.first << set->shift;
	piece->len = (u64)(span.end - span.first) << set->shift;
	if (piece->len > set->size - piece->offset)
		piece->len = set->size - piece->offset;
	*from = piece->offset + piece->len;
	return true;
}

/**
 * poison_set_good() - measure how far memory is free of poison
 * @set: the set
 * @offset: device offset in bytes
 * @len: how many bytes are of interest; they lie in the device
 *
 * The cost grows with the logarithm of the number of poisoned ranges.
 *
 * Context: any; takes no lock.
 * Return: bytes from @offset on without poison, at most @len; 0 if the page at @offset is poisoned.
 */
u64 poison_set_good(const struct poison_set *set, u64 offset, u64 len)
{
	struct poison_span span;
	u64 start;

	if (!first_poisoned(set, offset >> set->shift, &span))
		return len;
	start = (u64)span.first << set->shift;
	if (start <= offset)
		return 0;
	return start - offset < len ? start - offset : len;
}

/**
 * poison_set_ranges() - count the poisoned ranges
 * @set: the set
 *
 * Context: any; takes no lock. A pending page counts from its merge on.
 * Return: ranges that lie apart.
 */
u32 poison_set_ranges(const struct poison_set *set)
{
	u32 count;

	rcu_read_lock(); /* protects the list against poison_set_grow() */
	count = READ_ONCE(list_of(set)->count[READ_ONCE(set->seq) & 1]);
	rcu_read_unlock();
	return count;
}

/* Replaces @cut spans from index @at on by @n others, in one copy. */
static void splice_copy(struct poison_list *list, unsigned int copy, unsigned long at,
			unsigned long cut, const struct poison_span *put, unsigned long n)
{
	unsigned long count = list->count[copy], tail = count - at - cut, i;
	struct poison_span *span = copy_of(list, copy);

	if (n < cut)
		write_spans(span + at + n, span + at + cut, tail);
	else if (n > cut)
		for (i = tail; i--;)
			write_spans(span + at + n + i, span + at + cut + i, 1);
	write_spans(span + at, put, n);
	WRITE_ONCE(list->count[copy], count - cut + n);
}

/* Does it in both copies, each while readers use the other one. */
static void splice(struct poison_set *set, unsigned long at, unsigned long cut,
		   const struct poison_span *put, unsigned long n)
{
	unsigned int copy;

	for (copy = 0; copy < 2; copy++) {
		/* complete the copy that readers move to; pairs with the acquire in search() */
		smp_wmb();
		WRITE_ONCE(set->seq, set->seq + 1);
		/* move readers before this copy changes; pairs with smp_rmb() in search() */
		smp_wmb();
		splice_copy(list_of(set), copy, at, cut, put, n);
	}
}

/* Counts the pages of @from to @end that are in the spans @at to @last. */
static unsigned long common(const struct poison_span *span, unsigned long at, unsigned long last,
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

/* Rounds bytes out to pages; false if none of them is in the device. */
static bool pages_touched(const struct poison_set *set, u64 offset, u64 len,
			  struct poison_span *pages)
{
	if (!len || offset >= set->size)
		return false;
	if (len > set->size - offset)
		len = set->size - offset;
	pages->first = offset >> set->shift;
	pages->end = ((offset + len - 1) >> set->shift) + 1;
	return true;
}

/* Finds the spans that @pages overlap or touch: from *@at up to the result. */
static unsigned long joined(const struct poison_set *set, const struct poison_span *pages,
			    unsigned long *at)
{
	struct poison_list *list = list_of(set);
	unsigned long last;

	*at = first_after(list->span, list->count[0], pages->first ? pages->first - 1 : 0);
	for (last = *at; last < list->count[0] && list->span[last].first <= pages->end; last++)
		;
	return last;
}

/* Invariant 5: where the list is full, grows @pages up to the nearest span. */
static void widen(const struct poison_set *set, struct poison_span *pages)
{
	const struct poison_list *list = list_of(set);
	const struct poison_span *next;
	unsigned long at, last;

	if (list->count[0] < list->capacity)
		return;
	last = joined(set, pages, &at);
	if (last > at)
		return;
	next = &list->span[at];
	if (at == list->count[0] || (at && pages->first - next[-1].end < next->first - pages->end))
		pages->first = next[-1].end;
	else
		pages->end = next->first;
}

/**
 * poison_set_widen() - compute what poison_set_add() would add
 * @set: the set
 * @offset: device offset of the first byte; in the device
 * @len: bytes; the part outside the device is ignored
 *
 * These are the pages that have one of the bytes and, where the list is full, the pages up to the
 * nearest range.
 *
 * Context: any; caller must serialize writers.
 */
void poison_set_widen(const struct poison_set *set, u64 *offset, u64 *len)
{
	struct poison_span pages;

	if (!pages_touched(set, *offset, *len, &pages))
		return;
	widen(set, &pages);
	*offset = (u64)pages.first << set->shift;
	*len = (u64)(pages.end - pages.first) << set->shift;
	if (*len > set->size - *offset)
		*len = set->size - *offset;
}

/**
 * poison_set_add() - add poisoned pages
 * @set: the set
 * @offset: device offset of the first byte
 * @len: bytes; the part outside the device is ignored
 *
 * Adds every page that has one of the bytes, and more where the list is full: see
 * poison_set_widen().
 *
 * Context: any; caller must serialize writers.
 * Return: bytes that were not poisoned before, in whole pages.
 */
u64 poison_set_add(struct poison_set *set, u64 offset, u64 len)
{
	const struct poison_span *span = list_of(set)->span;
	unsigned long at, last, added;
	struct poison_span pages;

	if (!pages_touched(set, offset, len, &pages))
		return 0;
	widen(set, &pages);
	last = joined(set, &pages, &at);
	added = pages.end - pages.first - common(span, at, last, pages.first, pages.end);
	if (!added)
		return 0;
	if (last > at) {
		if (span[at].first < pages.first)
			pages.first = span[at].first;
		if (span[last - 1].end > pages.end)
			pages.end = span[last - 1].end;
	}
	splice(set, at, last - at, &pages, 1);
	WRITE_ONCE(set->pages, set->pages + added);
	return (u64)added << set->shift;
}

/**
 * poison_set_close() - merge the pending page and close the slot
 * @set: the set
 * @piece: where to put the page that was merged; its length is 0 if it was in the list already
 *
 * No page becomes pending until poison_set_open(). May be called again before that.
 *
 * Context: any; caller must serialize writers, and is one until poison_set_open().
 * Return: true if a page was pending.
 */
bool poison_set_close(struct poison_set *set, struct poison_piece *piece)
{
	unsigned long pending = cmpxchg(&set->pending, POISON_PENDING_NONE, POISON_PENDING_CLOSED);

	if (pending == POISON_PENDING_NONE || pending == POISON_PENDING_CLOSED)
		return false;
	/* pairs with try_cmpxchg() in poison_set_publish() in poison_set.h */
	smp_rmb();
	piece->offset = (u64)(pending - 1) << set->shift;
	piece->len = poison_set_add(set, piece->offset, 1);
	/* invariant 3; pairs with smp_rmb() in first_poisoned() */
	smp_wmb();
	WRITE_ONCE(set->pending, POISON_PENDING_CLOSED);
	return true;
}

/**
 * poison_set_open() - allow a pending page, if the list has a free entry
 * @set: the set
 *
 * Context: any; caller must serialize writers, and is none after this.
 */
void poison_set_open(struct poison_set *set)
{
	const struct poison_list *list = list_of(set);

	if (list->count[0] < list->capacity)
		/* pairs with try_cmpxchg() in poison_set_publish() in poison_set.h */
		smp_store_release(&set->pending, POISON_PENDING_NONE);
}

/* Rounds bytes in to whole pages; false if there are none. */
static bool pages_covered(const struct poison_set *set, u64 offset, u64 len,
			  struct poison_span *pages)
{
	u64 page = 1ULL << set->shift;

	if (offset >= set->size)
		return false;
	pages->first = (offset + page - 1) >> set->shift;
	/* the last page of the device may be a part of one */
	pages->end = len < set->size - offset ? (offset + len) >> set->shift : pages_of(set);
	return pages->first < pages->end;
}

/**
 * poison_set_remove() - remove repaired pages
 * @set: the set
 * @offset: device offset of the first byte
 * @len: bytes
 *
 * Removes only pages that lie in the range whole. The caller orders the repair before this, for
 * readers that find the page good. Where a range would be split and the list is full, the pages
 * stay poisoned.
 *
 * Context: any; caller must serialize writers.
 * Return: bytes that are no longer poisoned, in whole pages.
 */
u64 poison_set_remove(struct poison_set *set, u64 offset, u64 len)
{
	const struct poison_list *list = list_of(set);
	const struct poison_span *span = list->span;
	struct poison_span pages, rest[2];
	unsigned long at, last, removed, n = 0;

	if (!pages_covered(set, offset, len, &pages))
		return 0;
	at = first_after(span, list->count[0], pages.first);
	for (last = at; last < list->count[0] && span[last].first < pages.end; last++)
		;
	if (last == at)
		return 0;
	removed = common(span, at, last, pages.first, pages.end);
	if (span[at].first < pages.first)
		rest[n++] = (struct poison_span){ span[at].first, pages.first };
	if (span[last - 1].end > pages.end)
		rest[n++] = (struct poison_span){ pages.end, span[last - 1].end };
	if (list->count[0] - (last - at) + n > list->capacity)
		return 0;
	splice(set, at, last - at, rest, n);
	WRITE_ONCE(set->pages, set->pages - removed);
	return (u64)removed << set->shift;
}
