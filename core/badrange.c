// SPDX-License-Identifier: GPL-2.0
/*
 * Bad ranges: the tree of bits. badrange.h says what it is.
 */
#include "badrange.h"

#define WORD_SHIFT (BITS_PER_LONG == 64 ? 6 : 5)
#define WORD_MASK ((unsigned long)BITS_PER_LONG - 1)

/* The words of a level that has @bits bits. */
static u64 words_of(u64 bits)
{
	return ((bits - 1) >> WORD_SHIFT) + 1;
}

static u64 pages_of(u64 size, unsigned int shift)
{
	return ((size - 1) >> shift) + 1;
}

/**
 * badrange_bytes() - how much memory a set needs
 * @size: bytes of the device
 * @shift: log2 of the bytes of a page
 *
 * Context: any.
 * Return: the bytes to allocate, zeroed, for badrange_init(); 0 if the device is empty or larger
 * than BADRANGE_SIZE_MAX, or @shift is not from 9 to 30.
 */
size_t badrange_bytes(u64 size, unsigned int shift)
{
	u64 words, total = 0;

	if (!size || size > BADRANGE_SIZE_MAX || shift < 9 || shift > 30)
		return 0;
	words = pages_of(size, shift);
	do {
		words = words_of(words);
		total += words;
	} while (words > 1);
	return sizeof(struct badrange) + total * sizeof(unsigned long);
}

/**
 * badrange_init() - make an empty set
 * @bad: zeroed memory of badrange_bytes(@size, @shift) bytes
 * @size: bytes of the device
 * @shift: log2 of the bytes of a page
 *
 * Context: any; before there are readers.
 */
void badrange_init(struct badrange *bad, u64 size, unsigned int shift)
{
	unsigned long *word = bad->word;
	u64 words = pages_of(size, shift);

	bad->size = size;
	bad->shift = shift;
	do {
		words = words_of(words);
		bad->level[bad->levels++] = word;
		word += words;
	} while (words > 1);
}

/*
 * The lowest bit that is set from @from on, in the whole level; or ULONG_MAX. It climbs while there
 * is nothing to the right, then goes down.
 */
static unsigned long next_set(const struct badrange *bad, unsigned long from, unsigned long last)
{
	unsigned long at = from, word;
	u32 l = 0;

	for (;;) {
		if (at > last >> (l * WORD_SHIFT))
			return ULONG_MAX;
		word = READ_ONCE(bad->level[l][at >> WORD_SHIFT]) & (~0UL << (at & WORD_MASK));
		if (!word) {
			if (l + 1 == bad->levels)
				return ULONG_MAX;
			at = (at >> WORD_SHIFT) + 1;
			l++;
			continue;
		}
		at = (at & ~WORD_MASK) + __ffs(word);
		if (!l)
			return at;
		/* Should a writer have emptied the word meanwhile, the search goes on behind it. */
		at <<= WORD_SHIFT;
		l--;
	}
}

/**
 * badrange_find() - the first bad page between two
 * @bad: the set
 * @from: where to begin, in pages
 * @last: where to end, in pages; it is in the device
 *
 * Context: any; takes no lock.
 * Return: the page; a number greater than @last if there is none.
 */
unsigned long badrange_find(const struct badrange *bad, unsigned long from, unsigned long last)
{
	return next_set(bad, from, last);
}

/* The first page from @from on that is not bad, at most @end. */
static unsigned long next_clear(const struct badrange *bad, unsigned long from, unsigned long end)
{
	unsigned long word;

	while (from < end) {
		word = ~READ_ONCE(bad->level[0][from >> WORD_SHIFT]) & (~0UL << (from & WORD_MASK));
		from &= ~WORD_MASK;
		if (word) {
			from += __ffs(word);
			break;
		}
		from += BITS_PER_LONG;
	}
	return from < end ? from : end;
}

/**
 * badrange_next() - the next bad range
 * @bad: the set
 * @from: device offset at which to begin; moved behind what was found
 * @piece: where to put what was found
 *
 * What is found is as long as it can be: the pages on both sides are good, except where @from
 * points into the middle.
 *
 * Context: any; takes no lock. With writers at work each page is as it was at some moment.
 * Return: whether there was another.
 */
bool badrange_next(const struct badrange *bad, u64 *from, struct badrange_piece *piece)
{
	unsigned long pages = pages_of(bad->size, bad->shift), first, end;

	if (*from >= bad->size)
		return false;
	first = next_set(bad, *from >> bad->shift, pages - 1);
	if (first >= pages)
		return false;
	end = next_clear(bad, first + 1, pages);
	piece->offset = (u64)first << bad->shift;
	piece->len = (u64)(end - first) << bad->shift;
	if (piece->len > bad->size - piece->offset)
		piece->len = bad->size - piece->offset;
	*from = piece->offset + piece->len;
	return true;
}

/* The bits of the word at @at that lie in @at to @last; both are numbers of bits. */
static unsigned long mask_of(unsigned long at, unsigned long last)
{
	unsigned long mask = ~0UL << (at & WORD_MASK);

	if (at >> WORD_SHIFT == last >> WORD_SHIFT)
		mask &= ~0UL >> (WORD_MASK - (last & WORD_MASK));
	return mask;
}

/* Says in the levels above that word @at of level 0 is not 0. */
static void mark_above(struct badrange *bad, unsigned long at)
{
	u32 l;

	for (l = 1; l < bad->levels; l++) {
		unsigned long *word = &bad->level[l][at >> WORD_SHIFT];
		unsigned long was = *word;

		WRITE_ONCE(*word, was | BIT(at & WORD_MASK));
		if (was)
			break;
		at >>= WORD_SHIFT;
	}
}

/* Says in the levels above that word @at of level 0 is 0. */
static void clear_above(struct badrange *bad, unsigned long at)
{
	u32 l;

	for (l = 1; l < bad->levels; l++) {
		unsigned long *word = &bad->level[l][at >> WORD_SHIFT];

		WRITE_ONCE(*word, *word & ~BIT(at & WORD_MASK));
		if (*word)
			break;
		at >>= WORD_SHIFT;
	}
}

/**
 * badrange_add() - note that bytes are bad
 * @bad: the set
 * @offset: device offset of the first
 * @len: bytes; what lies outside the device is left out
 *
 * Every page that has one of them is bad.
 *
 * Context: any; the caller keeps other writers away.
 * Return: how many bytes are bad now that were not before, in whole pages.
 */
u64 badrange_add(struct badrange *bad, u64 offset, u64 len)
{
	unsigned long at, last, added = 0;

	if (!len || offset >= bad->size)
		return 0;
	if (len > bad->size - offset)
		len = bad->size - offset;
	last = (offset + len - 1) >> bad->shift;
	for (at = offset >> bad->shift; at <= last; at = (at | WORD_MASK) + 1) {
		unsigned long *word = &bad->level[0][at >> WORD_SHIFT];
		unsigned long was = *word, new = was | mask_of(at, last);

		if (new == was)
			continue;
		added += hweight_long(new & ~was);
		WRITE_ONCE(*word, new);
		if (!was)
			mark_above(bad, at >> WORD_SHIFT);
	}
	WRITE_ONCE(bad->bad, bad->bad + added);
	return (u64)added << bad->shift;
}

/**
 * badrange_remove() - note that bytes are good again
 * @bad: the set
 * @offset: device offset of the first
 * @len: bytes
 *
 * Only pages all of whose bytes are among them become good. What made them good has to be visible
 * to other processors before this is called.
 *
 * Context: any; the caller keeps other writers away.
 * Return: how many bytes were bad and are not any more, in whole pages.
 */
u64 badrange_remove(struct badrange *bad, u64 offset, u64 len)
{
	u64 page = 1ULL << bad->shift, end;
	unsigned long at, last, removed = 0;

	if (offset >= bad->size)
		return 0;
	/* a last page that is not a whole one ends with the device */
	end = len < bad->size - offset ? (offset + len) >> bad->shift
				       : pages_of(bad->size, bad->shift);
	at = (offset + page - 1) >> bad->shift;
	if (at >= end)
		return 0;
	last = end - 1;
	for (; at <= last; at = (at | WORD_MASK) + 1) {
		unsigned long *word = &bad->level[0][at >> WORD_SHIFT];
		unsigned long was = *word, new = was & ~mask_of(at, last);

		if (new == was)
			continue;
		removed += hweight_long(was & ~new);
		WRITE_ONCE(*word, new);
		if (!new)
			clear_above(bad, at >> WORD_SHIFT);
	}
	WRITE_ONCE(bad->bad, bad->bad - removed);
	return (u64)removed << bad->shift;
}
