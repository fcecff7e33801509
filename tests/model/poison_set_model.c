// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "poison_set_model.h"

#define PAGES_MAX 300000u

/* What is left of the input; once it is used up there are only zeros. */
struct input {
	const u8 *at;
	size_t left;
};

/* A device: one byte for each page; the pending page, which is in no range yet, or ULONG_MAX. */
struct naive {
	u64 size;
	unsigned int shift;
	unsigned long pages;
	unsigned long noted;
	u8 bad[PAGES_MAX];
};

static bool differs(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return false;
}

static u32 take(struct input *in, unsigned int bytes)
{
	u32 value = 0;

	while (bytes--) {
		value = value << 8 | (in->left ? *in->at : 0);
		if (in->left) {
			in->at++;
			in->left--;
		}
	}
	return value;
}

/* An offset: anywhere, beside a page's edge, beside one that others are at too, or outside. */
static u64 take_offset(const struct naive *n, struct input *in)
{
	u32 kind = take(in, 1), value = take(in, 3);
	u64 edge;

	switch (kind % 5) {
	case 0:
		return value % n->size;
	case 1:
		edge = (u64)(value % (n->pages + 1)) << n->shift;
		break;
	case 2:
		edge = (u64)(value % (n->pages / 64 + 1)) << (n->shift + 6);
		break;
	case 3:
		edge = (u64)(value % (n->pages / 4096 + 1)) << (n->shift + 12);
		break;
	default:
		edge = n->size;
		break;
	}
	return edge + (kind >> 4) % 3 - 1;
}

static u64 take_length(const struct naive *n, struct input *in)
{
	u32 kind = take(in, 1), value = take(in, 2);

	switch (kind % 5) {
	case 0:
		return value;
	case 1:
		return (u64)value << n->shift;
	case 2:
		return (u64)(value % 200) << n->shift;
	case 3:
		return U64_MAX - value;
	default:
		return 1ULL << n->shift;
	}
}

/* The end of a part of the device, as a byte offset. */
static u64 end_of(const struct naive *n, u64 offset, u64 len)
{
	return len > n->size - offset ? n->size : offset + len;
}

static u64 naive_add(struct naive *n, u64 offset, u64 len)
{
	u64 page = 1ULL << n->shift, added = 0;

	if (offset >= n->size || !len)
		return 0;
	for (u64 at = offset & -page; at < end_of(n, offset, len); at += page) {
		added += n->bad[at >> n->shift] ? 0 : page;
		n->bad[at >> n->shift] = 1;
	}
	return added;
}

static u64 naive_remove(struct naive *n, u64 offset, u64 len)
{
	u64 page = 1ULL << n->shift, removed = 0, end;

	if (offset >= n->size)
		return 0;
	end = end_of(n, offset, len);
	for (u64 at = 0; at < n->size; at += page) {
		u64 to = at + page < n->size ? at + page : n->size;

		if (at < offset || to > end)
			continue;
		removed += n->bad[at >> n->shift] ? page : 0;
		n->bad[at >> n->shift] = 0;
	}
	return removed;
}

static u64 naive_good(const struct naive *n, u64 offset, u64 len)
{
	for (u64 at = offset; at < offset + len; at = ((at >> n->shift) + 1) << n->shift)
		if (n->bad[at >> n->shift])
			return at - offset;
	return len;
}

/* All ranges, as the iteration gives them, from some offset on. */
static bool compare_ranges(const struct naive *n, const struct poison_set *bad, u64 from)
{
	struct poison_piece piece;
	unsigned long at = from >> n->shift;
	u64 total = 0;

	for (; poison_set_next(bad, &from, &piece); at = ((from - 1) >> n->shift) + 1) {
		unsigned long first = piece.offset >> n->shift;
		unsigned long end = ((piece.offset + piece.len - 1) >> n->shift) + 1;

		if (piece.offset + piece.len != from || !piece.len || from > n->size)
			return differs("range %#llx, %#llx is not one", piece.offset, piece.len);
		for (; at < first; at++)
			if (n->bad[at])
				return differs("page %lu was passed over", at);
		for (; at < end; at++)
			if (!n->bad[at])
				return differs("page %lu is good", at);
		if (at < n->pages && n->bad[at] && n->noted != at && n->noted != at - 1)
			return differs("range %#llx, %#llx ends too early", piece.offset,
				       piece.len);
		total++;
	}
	for (; at < n->pages; at++)
		if (n->bad[at])
			return differs("page %lu is missing after %llu ranges", at, total);
	return true;
}

/* What a writer begins with. */
static bool shut(struct naive *n, struct poison_set *bad)
{
	struct poison_piece piece = { 1, 0 };
	u64 left = 0;

	if (poison_set_close(bad, &piece) != (n->noted != ULONG_MAX))
		return differs("shut finds the page %lu that was noted, or does not", n->noted);
	if (n->noted == ULONG_MAX)
		return true;
	if (piece.offset != (u64)n->noted << n->shift)
		return differs("page %lu was noted, not %#llx", n->noted, piece.offset);
	n->noted = ULONG_MAX;
	for (unsigned long i = 0; i < n->pages; i++)
		left += (u64)n->bad[i] << n->shift;
	if (piece.len & ~(1ULL << n->shift) || poison_set_bytes(bad) != left)
		return differs("%#llx bytes bad after a note, not %#llx", poison_set_bytes(bad), left);
	return true;
}

/* One page, without being a writer. */
static bool compare_note(struct naive *n, struct poison_set *bad, u64 offset)
{
	unsigned long page = offset >> n->shift;
	bool room, noted;
	u32 all;

	room = poison_set_spare(bad, &all);
	noted = poison_set_publish(bad, page);
	if (noted != (room && n->noted == ULONG_MAX))
		return differs("page %lu is noted, or not, with %lu in its place", page, n->noted);
	if (noted) {
		n->bad[page] = 1;
		n->noted = page;
	}
	return true;
}

/* Gives the set a larger list now and then, as the driver does. */
static void grow(struct poison_set *bad, struct input *in)
{
	u32 kind = take(in, 1), all, left = poison_set_spare(bad, &all);
	u32 room = all - left + 1 + kind % 16;
	void *list;

	if (kind % 4)
		return;
	list = calloc(1, poison_set_list_bytes(room));
	if (!list)
		abort();
	free(poison_set_grow(bad, list, room));
}

/* Is a page good, or outside? */
static bool naive_is_good(const struct naive *n, unsigned long page)
{
	return page >= n->pages || !n->bad[page];
}

/* Where there is room it is the pages themselves; else as many more as reach the nearest range. */
static bool compare_widen(const struct naive *n, const struct poison_set *bad, u64 *offset,
			  u64 *len)
{
	unsigned long first, end, left, right, gap = 0;
	u64 at = *offset;
	u32 all;

	if (at >= n->size || !*len)
		return true;
	first = at >> n->shift;
	end = ((end_of(n, at, *len) - 1) >> n->shift) + 1;
	poison_set_widen(bad, offset, len);
	for (left = first; left && naive_is_good(n, left - 1); left--)
		;
	for (right = end; right < n->pages && naive_is_good(n, right); right++)
		;
	for (unsigned long page = first; page < end && gap != ULONG_MAX; page++)
		gap = n->bad[page] ? ULONG_MAX : 0;
	if (!poison_set_spare(bad, &all) && gap != ULONG_MAX && (left < first || !first) &&
	    (right > end || end == n->pages)) {
		gap = ULONG_MAX;
		if (left)
			gap = first - left;
		if (right < n->pages && right - end < gap)
			gap = right - end;
	} else {
		gap = 0;
	}
	if (*offset > (u64)first << n->shift || *offset + *len < end_of(n, at, 1) ||
	    ((*offset + *len - 1) >> n->shift) + 1 - (*offset >> n->shift) != end - first + gap)
		return differs("%#llx becomes %#llx, %#llx; %lu pages more were to be expected", at,
			       *offset, *len, gap);
	return true;
}

/* Whether this would make two ranges of one, for which there is no room. */
static bool cannot_split(const struct naive *n, const struct poison_set *bad, u64 offset, u64 len)
{
	unsigned long first, end;
	u32 all;

	if (poison_set_spare(bad, &all) || offset >= n->size)
		return false;
	first = (offset + (1ULL << n->shift) - 1) >> n->shift;
	end = end_of(n, offset, len) == n->size ? n->pages : (offset + len) >> n->shift;
	if (first >= end || !first || naive_is_good(n, first - 1) || naive_is_good(n, end))
		return false;
	for (; first < end; first++)
		if (naive_is_good(n, first))
			return false;
	return true;
}

static bool compare_one(struct naive *n, struct poison_set *bad, struct input *in)
{
	u32 kind = take(in, 1);
	u64 offset = take_offset(n, in), len = take_length(n, in), wide, wide_len, got, want;

	if (kind & 8 && offset < n->size)
		return compare_note(n, bad, offset);
	if (kind % 4 != 3 && !shut(n, bad))
		return false;
	if (kind % 4 != 3)
		grow(bad, in);
	switch (kind % 4) {
	case 0:
	case 1:
		wide = offset;
		wide_len = len;
		if (!compare_widen(n, bad, &wide, &wide_len))
			return false;
		got = poison_set_add(bad, offset, len);
		want = naive_add(n, wide, wide_len);
		break;
	case 2:
		want = cannot_split(n, bad, offset, len) ? 0 : naive_remove(n, offset, len);
		got = poison_set_remove(bad, offset, len);
		break;
	default:
		if (offset >= n->size)
			offset = n->size - 1;
		len = end_of(n, offset, len) - offset;
		got = poison_set_good(bad, offset, len);
		want = naive_good(n, offset, len);
		if (kind & 4 && !compare_ranges(n, bad, offset))
			return false;
	}
	if (kind % 4 != 3)
		poison_set_open(bad);
	if (got != want)
		return differs("kind %u of %#llx, %#llx gives %#llx, not %#llx", kind % 4, offset,
			       len, got, want);
	return true;
}

bool poison_set_model_compare(const u8 *data, size_t size)
{
	struct input in = { data, size };
	static struct naive n;
	struct poison_set bad;
	u64 left = 0;
	bool same = true;
	void *list;
	u32 room;

	memset(&n, 0, sizeof(n));
	n.shift = 9 + take(&in, 1) % 13;
	n.size = 1 + ((u64)take(&in, 3) * 77) % ((u64)PAGES_MAX << n.shift);
	if (take(&in, 1) % 2)
		n.size = 1 + n.size % (200ULL << n.shift);
	n.pages = ((n.size - 1) >> n.shift) + 1;
	room = 1 + take(&in, 1) % 40;
	list = calloc(1, poison_set_list_bytes(room));
	if (!list || !poison_set_init(&bad, n.size, n.shift, list, room))
		abort();
	n.noted = ULONG_MAX;
	poison_set_open(&bad);
	while (same && in.left)
		same = compare_one(&n, &bad, &in);
	if (same)
		same = compare_ranges(&n, &bad, 0) && shut(&n, &bad) && compare_ranges(&n, &bad, 0);
	for (unsigned long i = 0; i < n.pages; i++)
		left += (u64)n.bad[i] << n.shift;
	if (same && poison_set_bytes(&bad) != left)
		same = differs("%#llx bytes bad, not %#llx", poison_set_bytes(&bad), left);
	free(poison_set_list(&bad));
	return same;
}
