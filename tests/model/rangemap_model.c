// SPDX-License-Identifier: GPL-2.0
/*
 * The naive range map knows nothing but the list of ranges it was given. It walks that list for
 * every question, and counts in 128 bits so that no sum can wrap.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rangemap_model.h"

#define u128 unsigned __int128

enum { MOST_RANGES = 1100, MOST_PIECES = 40 };

struct geometry {
	struct rangemap_range range[MOST_RANGES];
	unsigned int nr;
	u64 granule;
};

/* The naive map. */

static u128 end_of(const struct rangemap_range *range)
{
	return (u128)range->start + range->len;
}

static bool overlaps(const struct rangemap_range *a, const struct rangemap_range *b)
{
	return a->start < end_of(b) && b->start < end_of(a);
}

/* The first range that is bad whatever the others are, but for how much lies in front; or nr. */
static unsigned int naive_bad_alone(const struct geometry *g)
{
	u128 size = 0;
	unsigned int i;

	for (i = 0; i < g->nr; i++) {
		const struct rangemap_range *range = &g->range[i];

		size += range->len;
		if (range->len == 0 || range->start % g->granule || range->len % g->granule ||
		    end_of(range) > (u128)1 << 64 || size > U64_MAX)
			break;
	}
	return i;
}

static bool overlaps_an_earlier_one(const struct geometry *g, unsigned int i)
{
	unsigned int k;

	for (k = 0; k < i; k++)
		if (overlaps(&g->range[k], &g->range[i]))
			return true;
	return false;
}

static bool any_overlap(const struct geometry *g)
{
	unsigned int i;

	for (i = 1; i < g->nr; i++)
		if (overlaps_an_earlier_one(g, i))
			return true;
	return false;
}

static bool continues(const struct geometry *g, unsigned int i)
{
	return i + 1 < g->nr && end_of(&g->range[i]) == g->range[i + 1].start;
}

static u64 naive_lookup(const struct geometry *g, u64 offset, u64 *phys)
{
	u64 left = offset, len;
	unsigned int i;

	for (i = 0; i < g->nr && left >= g->range[i].len; i++)
		left -= g->range[i].len;
	if (i == g->nr)
		return 0;
	*phys = g->range[i].start + left;
	len = g->range[i].len - left;
	for (; continues(g, i); i++)
		len += g->range[i + 1].len;
	return len;
}

static bool naive_next(const struct geometry *g, u64 *phys, u64 *len, struct rangemap_piece *piece)
{
	u128 span_end = (u128)*phys + *len, first, end;
	unsigned int i, found = 0;
	u64 offset = 0;

	if (span_end > (u128)1 << 64)
		span_end = (u128)1 << 64;
	first = span_end;
	for (i = 0; i < g->nr; offset += g->range[i].len, i++) {
		u128 at = g->range[i].start > *phys ? g->range[i].start : *phys;

		if (at >= end_of(&g->range[i]) || at >= first)
			continue;
		first = at;
		found = i;
		piece->phys = at;
		piece->offset = offset + (at - g->range[i].start);
	}
	if (first == span_end) {
		*len = 0;
		return false;
	}
	while (continues(g, found))
		found++;
	end = end_of(&g->range[found]);
	if (end > span_end)
		end = span_end;
	piece->len = end - first;
	*phys = end;
	*len = span_end - end;
	return true;
}

/* Bytes of the input, and zeroes when there are no more. */

struct input {
	const u8 *data;
	size_t left;
};

static u8 take8(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->data++;
}

static u64 take(struct input *in, unsigned int bytes)
{
	u64 value = 0;

	while (bytes--)
		value = value << 8 | take8(in);
	return value;
}

/* A number of any size: as likely to have few bits as many. */
static u64 take_scaled(struct input *in)
{
	unsigned int bits = take8(in) % 65;
	u64 value = take(in, 8);

	return bits ? value >> (64 - bits) : 0;
}

/* Geometries. */

/* How the lengths and the gaps of a geometry come about. */
struct style {
	u8 scales;	/* lengths are shifted by up to so many bits */
	u8 steps;	/* lengths are multiplied by up to so much */
	u8 touching;	/* how many of 256 begin where the one before ends */
	u8 gap_scales;	/* gaps are shifted by up to so many bits */
	u8 wild;	/* how many of 256 are any numbers at all */
};

static u8 pick(struct input *in, const u8 *choices, size_t nr)
{
	return choices[take8(in) % nr];
}

static struct style take_style(struct input *in)
{
	static const u8 scales[] = { 1, 1, 1, 4, 12, 36 };
	static const u8 steps[] = { 1, 2, 3, 100 };
	static const u8 touching[] = { 0, 0, 30, 128, 230, 255 };
	static const u8 gap_scales[] = { 1, 1, 10, 30 };
	static const u8 wild[] = { 0, 0, 0, 0, 0, 0, 2, 60 };
	struct style style;

	style.scales = pick(in, scales, sizeof(scales));
	style.steps = pick(in, steps, sizeof(steps));
	style.touching = pick(in, touching, sizeof(touching));
	style.gap_scales = pick(in, gap_scales, sizeof(gap_scales));
	style.wild = pick(in, wild, sizeof(wild));
	return style;
}

static unsigned int take_nr(struct input *in)
{
	unsigned int kind = take8(in), nr = take(in, 2);

	if (kind < 2)
		return 1 + nr % MOST_RANGES;
	if (kind < 32)
		return 1 + nr % 64;
	return 1 + nr % 12;
}

static u64 take_base(struct input *in, u64 granule)
{
	switch (take8(in) % 4) {
	case 0:
		return 0;
	case 1:
		return 0 - granule * (1 + take8(in));	/* soon past the top */
	default:
		return take_scaled(in) & ~(granule - 1);
	}
}

/* Ranges in physical order. */
static void take_ranges(struct geometry *g, struct input *in)
{
	struct style style = take_style(in);
	u64 at = take_base(in, g->granule);
	unsigned int i;

	for (i = 0; i < g->nr; i++) {
		struct rangemap_range *range = &g->range[i];

		if (take8(in) >= style.touching)
			at += g->granule << (take8(in) % style.gap_scales);
		range->start = at;
		range->len = g->granule * (1 + take8(in) % style.steps) <<
			     (take8(in) % style.scales);
		if (style.wild && take8(in) < style.wild) {
			range->start = take_scaled(in);
			range->len = take_scaled(in);
			if (take8(in) % 4) {
				range->start &= ~(g->granule - 1);
				range->len &= ~(g->granule - 1);
			}
		}
		at = range->start + range->len;
	}
}

static void swap(struct geometry *g, unsigned int i, unsigned int k)
{
	struct rangemap_range range = g->range[i];

	g->range[i] = g->range[k];
	g->range[k] = range;
}

/* Their order in the device. */
static void take_order(struct geometry *g, struct input *in)
{
	unsigned int kind = take8(in) % 4, i, swaps;

	if (kind == 1)
		for (i = 0; i < g->nr / 2; i++)
			swap(g, i, g->nr - 1 - i);
	if (kind >= 2)
		for (swaps = kind == 2 ? 2 : g->nr; swaps--;)
			swap(g, take(in, 2) % g->nr, take(in, 2) % g->nr);
}

static void take_geometry(struct geometry *g, struct input *in)
{
	static const u8 granules[] = { 12, 12, 21, 0, 5 };

	g->granule = 1ULL << pick(in, granules, sizeof(granules));
	g->nr = take_nr(in);
	take_ranges(g, in);
	take_order(g, in);
}

/* Comparing. */

static bool differ(const struct geometry *g, const char *what, u64 asked, u64 real, u64 naive)
{
	unsigned int i;

	fprintf(stderr, "# %s of 0x%llx: 0x%llx, the naive map says 0x%llx; granule 0x%llx\n",
		what, asked, real, naive, g->granule);
	for (i = 0; i < g->nr; i++)
		fprintf(stderr, "#   range %u: 0x%llx, 0x%llx bytes\n", i, g->range[i].start,
			g->range[i].len);
	return false;
}

static bool compare_build(const struct geometry *g, int err, unsigned int bad)
{
	unsigned int alone = naive_bad_alone(g);

	if (alone < g->nr) {
		if (err != -EINVAL || bad != alone)
			return differ(g, "bad range", err, bad, alone);
		return true;
	}
	if (any_overlap(g)) {
		if (err != -EINVAL || bad >= g->nr || !overlaps_an_earlier_one(g, bad))
			return differ(g, "overlap", err, bad, 0);
		return true;
	}
	if (err)
		return differ(g, "build", err, bad, 0);
	return true;
}

/* The short way finds the same or nothing; of a single range everything. */
static bool compare_near(const struct geometry *g, const struct rangemap *map, u64 offset,
			 u64 len, u64 phys)
{
	unsigned int shift = __builtin_ctzll(g->granule);
	u64 start = offset >> shift << shift, near_phys = 1;
	u64 near = rangemap_lookup_fast(map, offset >> shift, shift, &near_phys);

	if (!near)
		return rangemap_count(map) > 1 || differ(g, "one range", offset, 0, len);
	if (near != len + (offset - start))
		return differ(g, "contiguous bytes, near", offset, near, len + (offset - start));
	if (near_phys != phys - (offset - start))
		return differ(g, "address, near", offset, near_phys, phys - (offset - start));
	return true;
}

static bool compare_lookup(const struct geometry *g, const struct rangemap *map, u64 offset)
{
	u64 real_phys = 1, naive_phys = 1;
	u64 real = rangemap_lookup(map, offset, &real_phys);
	u64 naive = naive_lookup(g, offset, &naive_phys);

	if (real != naive)
		return differ(g, "contiguous bytes", offset, real, naive);
	if (real_phys != naive_phys)
		return differ(g, "physical address", offset, real_phys, naive_phys);
	return !naive || compare_near(g, map, offset, naive, naive_phys);
}

static bool compare_offset(const struct geometry *g, const struct rangemap *map, u64 phys)
{
	struct rangemap_piece naive = { .offset = RANGEMAP_NOWHERE };
	u64 asked = phys, real, len = 1;
	bool found = rangemap_offset(map, phys, &real);

	if (found != naive_next(g, &phys, &len, &naive))
		return differ(g, "whether there is an offset", asked, found, !found);
	return real == naive.offset || differ(g, "offset", asked, real, naive.offset);
}

static bool compare_span(const struct geometry *g, const struct rangemap *map, u64 phys, u64 len)
{
	u64 asked = phys, real_phys = phys, real_len = len;
	unsigned int pieces;

	if (!compare_offset(g, map, phys))
		return false;
	for (pieces = 0; pieces < MOST_PIECES; pieces++) {
		struct rangemap_piece real = { 1, 1, 1 }, naive = { 1, 1, 1 };
		bool more = rangemap_next(map, &real_phys, &real_len, &real);

		if (more != naive_next(g, &phys, &len, &naive))
			return differ(g, "piece in span", asked, more, !more);
		if (real_len != len)
			return differ(g, "rest of span", asked, real_len, len);
		if (!more)
			return true;
		if (real.phys != naive.phys)
			return differ(g, "piece's address", asked, real.phys, naive.phys);
		if (real.offset != naive.offset)
			return differ(g, "piece's offset", asked, real.offset, naive.offset);
		if (real.len != naive.len)
			return differ(g, "piece's length", asked, real.len, naive.len);
		if (real_phys != phys)
			return differ(g, "rest's address", asked, real_phys, phys);
	}
	return true;
}

/* That the ranges of @map, one after the other, are what the naive map has. */
static bool compare_ranges(const struct geometry *g, const struct rangemap *map)
{
	struct rangemap_piece piece;
	u64 offset = 0, phys = 0, len;
	unsigned int i = 0;

	for (; (len = naive_lookup(g, offset, &phys)); i++, offset += len) {
		if (i >= rangemap_count(map))
			break;
		rangemap_get(map, i, &piece);
		if (piece.phys != phys || piece.len != len || piece.offset != offset)
			return differ(g, "range", i, piece.phys, phys);
	}
	if (rangemap_count(map) != i)
		return differ(g, "count", 0, rangemap_count(map), i);
	if (rangemap_size(map) != offset)
		return differ(g, "size", 0, rangemap_size(map), offset);
	return true;
}

/* A number near @at, more often than not within two bytes. */
static u64 take_near(struct input *in, u64 at)
{
	u8 kind = take8(in);

	return kind < 160 ? at + kind % 5 - 2 : at + take_scaled(in);
}

static u64 offset_of(const struct geometry *g, unsigned int range)
{
	u64 offset = 0;

	while (range--)
		offset += g->range[range].len;
	return offset;
}

static bool compare_request(const struct geometry *g, const struct rangemap *map, struct input *in)
{
	unsigned int range = take(in, 2) % g->nr;
	u64 phys, len;

	switch (take8(in) % 4) {
	case 0:
		return compare_lookup(g, map, take(in, 8) % rangemap_size(map));
	case 1:
		return compare_lookup(g, map, take_near(in, offset_of(g, range)));
	default:
		phys = take_near(in, g->range[range].start);
		if (take8(in) % 2)
			phys = take_near(in, g->range[range].start + g->range[range].len);
		len = take8(in) % 2 ? take_near(in, g->range[range].len) : take_scaled(in);
		return compare_span(g, map, phys, len);
	}
}

static bool compare_requests(const struct geometry *g, const struct rangemap *map,
			     struct input *in, struct rangemap_model_count *count)
{
	unsigned int i;

	if (!compare_ranges(g, map) || !compare_span(g, map, 0, U64_MAX))
		return false;
	for (i = 0; i < g->nr; i++)
		if (!compare_lookup(g, map, offset_of(g, i + 1) - 1))
			return false;
	for (; in->left; count->requests++)
		if (!compare_request(g, map, in))
			return false;
	return true;
}

bool rangemap_model_compare(const u8 *data, size_t size, struct rangemap_model_count *count)
{
	struct input in = { data, size };
	static struct geometry g;
	struct rangemap *map;
	unsigned int bad;
	size_t bytes;
	bool same;
	int err;

	take_geometry(&g, &in);
	bytes = rangemap_bytes(g.nr);
	map = calloc(1, bytes);
	if (!map)
		abort();
	err = rangemap_build(map, bytes, g.range, g.nr, g.granule, &bad);
	count->geometries++;
	count->refused += err != 0;
	same = compare_build(&g, err, bad);
	if (same && !err)
		same = compare_requests(&g, map, &in, count);
	free(map);
	return same;
}
