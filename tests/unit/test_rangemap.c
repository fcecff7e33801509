// SPDX-License-Identifier: GPL-2.0
/*
 * The range map by example. tests/model compares it with a naive one on geometries of every kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/rangemap.h"

#define PAGE 0x1000ULL
#define MIB 0x100000ULL
#define GIB 0x40000000ULL
#define TIB 0x10000000000ULL

/* An end that no u64 holds: the top of the address space. */
#define TOP_PAGE (0 - PAGE)

#define UNTOUCHED 0x5a5a5a5a5a5a5a5aULL

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Builds a map in exactly the memory it asks for, so that the address sanitizer guards its end. */
static struct rangemap *build(const struct rangemap_range *ranges, unsigned int nr)
{
	size_t bytes = rangemap_bytes(nr);
	struct rangemap *map = calloc(1, bytes);
	unsigned int bad;

	assert_non_null(map);
	assert_int_equal(rangemap_build(map, bytes, ranges, nr, PAGE, &bad), 0);
	return map;
}

/* Expects -EINVAL, and returns the range that was found to be bad. */
static unsigned int bad_range(const struct rangemap_range *ranges, unsigned int nr, u64 granule)
{
	size_t bytes = rangemap_bytes(nr);
	struct rangemap *map = calloc(1, bytes);
	unsigned int bad = 0x5a5a5a5a;

	assert_non_null(map);
	assert_int_equal(rangemap_build(map, bytes, ranges, nr, granule, &bad), -EINVAL);
	free(map);
	return bad;
}

/* The short way may leave a granule to rangemap_lookup(), but not one of a device of one range. */
static void expect_near(const struct rangemap *map, u64 offset, u64 phys, u64 len)
{
	u32 shift = map->shift - map->granule_cell_shift;
	u64 before = offset & ((1ULL << shift) - 1);
	u64 found = UNTOUCHED, near = rangemap_lookup_fast(map, offset >> shift, shift, &found);

	if (!near) {
		assert_true(rangemap_count(map) > 1);
		return;
	}
	assert_int_equal(near, len + before);
	assert_int_equal(found, phys - before);
}

static void expect_lookup(const struct rangemap *map, u64 offset, u64 phys, u64 len)
{
	u64 found = UNTOUCHED;

	assert_int_equal(rangemap_lookup(map, offset, &found), len);
	assert_int_equal(found, phys);
	if (len)
		expect_near(map, offset, phys, len);
}

static void expect_outside(const struct rangemap *map, u64 offset)
{
	expect_lookup(map, offset, UNTOUCHED, 0);
}

static void expect_next(const struct rangemap *map, u64 *phys, u64 *len, u64 piece_phys,
			u64 offset, u64 piece_len)
{
	u64 last = *phys + *len - 1;
	struct rangemap_piece piece;

	assert_true(rangemap_next(map, phys, len, &piece));
	assert_int_equal(piece.phys, piece_phys);
	assert_int_equal(piece.offset, offset);
	assert_int_equal(piece.len, piece_len);
	assert_int_equal(*phys, piece_phys + piece_len);
	assert_int_equal(*phys + *len - 1, last);
}

static void expect_no_next(const struct rangemap *map, u64 phys, u64 len)
{
	struct rangemap_piece piece = { UNTOUCHED, UNTOUCHED, UNTOUCHED };

	assert_false(rangemap_next(map, &phys, &len, &piece));
	assert_int_equal(len, 0);
	assert_int_equal(piece.phys, UNTOUCHED);
	assert_int_equal(piece.offset, UNTOUCHED);
	assert_int_equal(piece.len, UNTOUCHED);
}

/* The first and the last byte of each range, of which none can merge, in both directions. */
static void expect_every_boundary(const struct rangemap *map, const struct rangemap_range *ranges,
				  unsigned int nr)
{
	u64 offset = 0;
	unsigned int i;

	assert_int_equal(rangemap_count(map), nr);
	for (i = 0; i < nr; i++) {
		u64 start = ranges[i].start;
		u64 last = ranges[i].len - 1;
		struct rangemap_piece piece;
		u64 phys, len;

		expect_lookup(map, offset, start, last + 1);
		expect_lookup(map, offset + last / 2, start + last / 2, last + 1 - last / 2);
		expect_lookup(map, offset + last, start + last, 1);

		rangemap_get(map, i, &piece);
		assert_int_equal(piece.phys, start);
		assert_int_equal(piece.offset, offset);
		assert_int_equal(piece.len, last + 1);

		phys = start;
		len = 1;
		expect_next(map, &phys, &len, start, offset, 1);
		phys = start + last;
		len = 1;
		expect_next(map, &phys, &len, start + last, offset + last, 1);
		offset += last + 1;
	}
	assert_int_equal(rangemap_size(map), offset);
	expect_outside(map, offset);
	expect_outside(map, U64_MAX);
}

static void build_and_expect(const struct rangemap_range *ranges, unsigned int nr)
{
	struct rangemap *map = build(ranges, nr);

	expect_every_boundary(map, ranges, nr);
	free(map);
}

/* The memory of a map. */

static void memory_is_bounded(void **state)
{
	unsigned int nr;

	(void)state;
	for (nr = 1; nr <= RANGEMAP_MAX; nr++)
		assert_in_range(rangemap_bytes(nr), 1, 64 * nr + 4096);
}

static void memory_of_impossible_counts_is_0(void **state)
{
	(void)state;
	assert_int_equal(rangemap_bytes(0), 0);
	assert_int_equal(rangemap_bytes(RANGEMAP_MAX + 1), 0);
	assert_int_equal(rangemap_bytes(~0U), 0);
}

static void too_little_memory_is_enomem(void **state)
{
	struct rangemap_range ranges[] = { { 0, PAGE }, { 2 * PAGE, PAGE } };
	size_t bytes = rangemap_bytes(2);
	struct rangemap *map = calloc(1, bytes);
	unsigned int bad;

	(void)state;
	assert_non_null(map);
	assert_int_equal(rangemap_build(map, bytes - 1, ranges, 2, PAGE, &bad), -ENOMEM);
	assert_int_equal(rangemap_build(map, 0, ranges, 2, PAGE, &bad), -ENOMEM);
	assert_int_equal(rangemap_build(map, bytes, ranges, 2, PAGE, &bad), 0);
	free(map);
}

static void map_does_not_need_its_input(void **state)
{
	struct rangemap_range ranges[] = { { GIB, PAGE }, { 3 * GIB, PAGE } };
	struct rangemap *map = build(ranges, 2);

	(void)state;
	memset(ranges, 0, sizeof(ranges));
	expect_lookup(map, 0, GIB, PAGE);
	expect_lookup(map, PAGE, 3 * GIB, PAGE);
	free(map);
}

/* From device offset to physical address. */

static void one_range(void **state)
{
	struct rangemap_range range = { 4 * GIB, GIB };
	struct rangemap *map = build(&range, 1);

	(void)state;
	assert_int_equal(rangemap_count(map), 1);
	assert_int_equal(rangemap_size(map), GIB);
	expect_lookup(map, 0, 4 * GIB, GIB);
	expect_lookup(map, 5 * PAGE, 4 * GIB + 5 * PAGE, GIB - 5 * PAGE);
	expect_lookup(map, GIB - 1, 5 * GIB - 1, 1);
	expect_outside(map, GIB);
	expect_outside(map, GIB + 1);
	expect_outside(map, U64_MAX);
	free(map);
}

static void one_range_at_address_0(void **state)
{
	struct rangemap_range range = { 0, PAGE };

	(void)state;
	build_and_expect(&range, 1);
}

static void two_ranges_with_a_hole(void **state)
{
	struct rangemap_range ranges[] = { { GIB, 2 * MIB }, { 2 * GIB, 4 * MIB } };
	struct rangemap *map = build(ranges, 2);

	(void)state;
	assert_int_equal(rangemap_size(map), 6 * MIB);
	expect_lookup(map, 0, GIB, 2 * MIB);
	expect_lookup(map, 2 * MIB - 1, GIB + 2 * MIB - 1, 1);
	expect_lookup(map, 2 * MIB, 2 * GIB, 4 * MIB);
	expect_lookup(map, 6 * MIB - 1, 2 * GIB + 4 * MIB - 1, 1);
	expect_outside(map, 6 * MIB);
	free(map);
}

static void device_order_need_not_be_physical_order(void **state)
{
	struct rangemap_range ranges[] = {
		{ 3 * GIB, PAGE }, { GIB, 2 * PAGE }, { 2 * GIB, PAGE },
	};
	struct rangemap *map = build(ranges, 3);

	(void)state;
	expect_lookup(map, 0, 3 * GIB, PAGE);
	expect_lookup(map, PAGE, GIB, 2 * PAGE);
	expect_lookup(map, 2 * PAGE, GIB + PAGE, PAGE);
	expect_lookup(map, 3 * PAGE, 2 * GIB, PAGE);
	expect_outside(map, 4 * PAGE);
	free(map);
}

/* Neighbours. */

static void neighbours_in_both_orders_are_one_range(void **state)
{
	struct rangemap_range ranges[] = {
		{ GIB, PAGE }, { GIB + PAGE, 2 * PAGE }, { GIB + 3 * PAGE, PAGE },
		{ 2 * GIB, PAGE }, { 2 * GIB + PAGE, PAGE },
	};
	struct rangemap *map = build(ranges, COUNT(ranges));
	struct rangemap_piece piece;

	(void)state;
	assert_int_equal(rangemap_count(map), 2);
	assert_int_equal(rangemap_size(map), 6 * PAGE);
	expect_lookup(map, 0, GIB, 4 * PAGE);
	expect_lookup(map, PAGE, GIB + PAGE, 3 * PAGE);
	expect_lookup(map, 4 * PAGE - 1, GIB + 4 * PAGE - 1, 1);
	expect_lookup(map, 4 * PAGE, 2 * GIB, 2 * PAGE);
	expect_outside(map, 6 * PAGE);
	rangemap_get(map, 0, &piece);
	assert_int_equal(piece.len, 4 * PAGE);
	rangemap_get(map, 1, &piece);
	assert_int_equal(piece.phys, 2 * GIB);
	assert_int_equal(piece.offset, 4 * PAGE);
	assert_int_equal(piece.len, 2 * PAGE);
	free(map);
}

static void neighbours_in_the_wrong_order_stay_apart(void **state)
{
	struct rangemap_range ranges[] = { { GIB + PAGE, PAGE }, { GIB, PAGE } };

	(void)state;
	build_and_expect(ranges, 2);
}

static void neighbours_with_another_between_stay_apart(void **state)
{
	struct rangemap_range ranges[] = { { GIB, PAGE }, { 2 * GIB, PAGE }, { GIB + PAGE, PAGE } };

	(void)state;
	build_and_expect(ranges, 3);
}

static void thousand_neighbours_are_one_range(void **state)
{
	struct rangemap_range ranges[1024];
	struct rangemap *map;
	unsigned int i;

	(void)state;
	for (i = 0; i < COUNT(ranges); i++)
		ranges[i] = (struct rangemap_range){ GIB + i * PAGE, PAGE };
	map = build(ranges, COUNT(ranges));
	assert_int_equal(rangemap_count(map), 1);
	expect_lookup(map, 0, GIB, 1024 * PAGE);
	expect_lookup(map, 512 * PAGE, GIB + 512 * PAGE, 512 * PAGE);
	expect_outside(map, 1024 * PAGE);
	free(map);
}

static void merging_keeps_the_way_back(void **state)
{
	/* In physical order: the pair that merges, then the first, then the pair that cannot. */
	struct rangemap_range ranges[] = {
		{ 4 * GIB, PAGE },
		{ GIB, PAGE }, { GIB + PAGE, PAGE },
		{ 8 * GIB + PAGE, PAGE }, { 8 * GIB, PAGE },
	};
	struct rangemap *map = build(ranges, COUNT(ranges));
	u64 phys = 0, len = TIB;

	(void)state;
	assert_int_equal(rangemap_count(map), 4);
	expect_next(map, &phys, &len, GIB, PAGE, 2 * PAGE);
	expect_next(map, &phys, &len, 4 * GIB, 0, PAGE);
	expect_next(map, &phys, &len, 8 * GIB, 4 * PAGE, PAGE);
	expect_next(map, &phys, &len, 8 * GIB + PAGE, 3 * PAGE, PAGE);
	expect_no_next(map, phys, len);
	free(map);
}

/* Many ranges, in each shape that takes another way through the tables. */

enum { MANY = 1024 };

static u64 always_2m(unsigned int i)
{
	(void)i;
	return 2 * MIB;
}

static u64 always_3_pages(unsigned int i)
{
	(void)i;
	return 3 * PAGE;
}

static u64 giant_first(unsigned int i)
{
	return i == 0 ? TIB : 2 * MIB;
}

static u64 giant_in_the_middle(unsigned int i)
{
	return i == 8 ? TIB : 2 * MIB;
}

static u64 giant_every_16(unsigned int i)
{
	return i % 16 == 15 ? TIB : PAGE;
}

/* Many scales at once: no table of evenly wide cells tells the smallest apart. */
static u64 doubling(unsigned int i)
{
	return PAGE << (i / 32);
}

static u64 uneven(unsigned int i)
{
	return PAGE * (1 + i * 2654435761U % 977);
}

static u64 (*const shapes[])(unsigned int) = {
	always_2m, always_3_pages, giant_first, giant_in_the_middle, giant_every_16, doubling,
	uneven,
};

/* Physical addresses ascend with a hole in front of each; then they are dealt out anew. */
static void make_many(struct rangemap_range *ranges, unsigned int nr, u64 (*shape)(unsigned int),
		      unsigned int stride)
{
	u64 start = GIB;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		unsigned int which = i * stride % nr;	/* stride and nr are coprime */

		ranges[which] = (struct rangemap_range){ start, shape(which) };
		start += ranges[which].len + PAGE;
	}
}

static void try_many(unsigned int nr, unsigned int stride)
{
	struct rangemap_range ranges[MANY];
	unsigned int i;

	for (i = 0; i < COUNT(shapes); i++) {
		make_many(ranges, nr, shapes[i], stride);
		build_and_expect(ranges, nr);
	}
}

static void many_ranges_in_physical_order(void **state)
{
	(void)state;
	try_many(2, 1);
	try_many(17, 1);
	try_many(MANY, 1);
}

static void many_ranges_in_reverse_order(void **state)
{
	(void)state;
	try_many(2, 1);
	try_many(17, 16);
	try_many(MANY, MANY - 1);
}

static void many_ranges_out_of_order(void **state)
{
	(void)state;
	try_many(17, 5);
	try_many(1000, 389);
	try_many(MANY, 389);
}

static void many_ranges_touching_in_reverse_order(void **state)
{
	struct rangemap_range ranges[MANY];
	unsigned int i;

	(void)state;
	for (i = 0; i < MANY; i++)
		ranges[i] = (struct rangemap_range){ GIB + (MANY - 1 - i) * PAGE, PAGE };
	build_and_expect(ranges, MANY);
}

static void every_page_of_uneven_ranges(void **state)
{
	struct rangemap_range ranges[17];
	struct rangemap *map;
	unsigned int i;
	u64 page, offset = 0;

	(void)state;
	make_many(ranges, COUNT(ranges), uneven, 5);
	map = build(ranges, COUNT(ranges));
	for (i = 0; i < COUNT(ranges); i++) {
		for (page = 0; page < ranges[i].len; page += PAGE)
			expect_lookup(map, offset + page, ranges[i].start + page,
				      ranges[i].len - page);
		offset += ranges[i].len;
	}
	free(map);
}

/* The ends of the address space. */

static void range_up_to_the_top(void **state)
{
	struct rangemap_range ranges[] = { { GIB, PAGE }, { TOP_PAGE, PAGE } };

	(void)state;
	build_and_expect(ranges, 2);
	build_and_expect(&ranges[1], 1);
}

static void the_top_is_no_neighbour_of_0(void **state)
{
	struct rangemap_range ranges[] = { { TOP_PAGE, PAGE }, { 0, PAGE } };

	(void)state;
	build_and_expect(ranges, 2);
}

static void device_of_almost_2_to_the_64(void **state)
{
	struct rangemap_range ranges[] = { { 1ULL << 63, 1ULL << 63 }, { 0, (1ULL << 63) - PAGE } };

	(void)state;
	build_and_expect(ranges, 2);
}

static void device_of_2_to_the_64_is_refused(void **state)
{
	struct rangemap_range ranges[] = { { 1ULL << 63, 1ULL << 63 }, { 0, 1ULL << 63 } };

	(void)state;
	assert_int_equal(bad_range(ranges, 2, PAGE), 1);
}

/* Bad geometry. */

static void empty_range_is_bad(void **state)
{
	struct rangemap_range ranges[] = { { GIB, PAGE }, { 2 * GIB, 0 }, { 3 * GIB, PAGE } };

	(void)state;
	assert_int_equal(bad_range(ranges, 3, PAGE), 1);
	ranges[1].start = 0;
	assert_int_equal(bad_range(ranges, 3, PAGE), 1);
}

static void misaligned_start_is_bad(void **state)
{
	struct rangemap_range ranges[] = { { GIB, PAGE }, { 2 * GIB + 0x800, PAGE } };

	(void)state;
	assert_int_equal(bad_range(ranges, 2, PAGE), 1);
}

static void misaligned_length_is_bad(void **state)
{
	struct rangemap_range ranges[] = { { GIB, PAGE + 1 }, { 2 * GIB, PAGE } };

	(void)state;
	assert_int_equal(bad_range(ranges, 2, PAGE), 0);
}

static void granule_of_1_takes_any_bytes(void **state)
{
	struct rangemap_range ranges[] = { { 5, 3 }, { 9, 1 }, { 2, 3 } };
	size_t bytes = rangemap_bytes(3);
	struct rangemap *map = calloc(1, bytes);
	unsigned int bad;

	(void)state;
	assert_non_null(map);
	assert_int_equal(rangemap_build(map, bytes, ranges, 3, 1, &bad), 0);
	expect_every_boundary(map, ranges, 3);
	free(map);
}

static void range_past_the_top_is_bad(void **state)
{
	struct rangemap_range ranges[] = { { TOP_PAGE, 2 * PAGE }, { GIB, PAGE } };

	(void)state;
	assert_int_equal(bad_range(ranges, 2, PAGE), 0);
	ranges[0] = (struct rangemap_range){ 2 * PAGE, TOP_PAGE };
	assert_int_equal(bad_range(ranges, 1, PAGE), 0);
}

static void overlap_is_bad(void **state)
{
	struct rangemap_range overlapping[] = {
		{ GIB - PAGE, 2 * PAGE },	/* its first page */
		{ GIB + 3 * PAGE, 2 * PAGE },	/* its last page */
		{ GIB, 4 * PAGE },		/* all of it */
		{ GIB, PAGE },			/* inside, at its start */
		{ GIB + 3 * PAGE, PAGE },	/* inside, at its end */
		{ GIB + PAGE, PAGE },		/* inside */
		{ GIB - PAGE, 6 * PAGE },	/* all around */
	};
	struct rangemap_range ranges[] = {
		{ 4 * GIB, PAGE }, { GIB, 4 * PAGE }, { 2 * GIB, PAGE }, { 0 }, { 3 * GIB, PAGE },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < COUNT(overlapping); i++) {
		ranges[3] = overlapping[i];
		assert_int_equal(bad_range(ranges, COUNT(ranges), PAGE), 3);
	}
}

static void overlap_of_one_byte_is_bad(void **state)
{
	struct rangemap_range ranges[] = { { 10, 5 }, { 14, 5 } };

	(void)state;
	assert_int_equal(bad_range(ranges, 2, 1), 1);
}

static void overlap_at_the_top_is_bad(void **state)
{
	struct rangemap_range ranges[] = { { TOP_PAGE - PAGE, 2 * PAGE }, { TOP_PAGE, PAGE } };

	(void)state;
	assert_int_equal(bad_range(ranges, 2, PAGE), 1);
}

static void overlap_of_neighbours_in_the_device_is_bad(void **state)
{
	/* The first two merge; the third overlaps the second. */
	struct rangemap_range ranges[] = {
		{ GIB, PAGE }, { GIB + PAGE, 2 * PAGE }, { GIB + 2 * PAGE, PAGE },
	};

	(void)state;
	assert_int_equal(bad_range(ranges, 3, PAGE), 2);
}

static void first_range_that_is_bad_by_itself_is_named(void **state)
{
	struct rangemap_range ranges[] = {
		{ GIB, PAGE }, { GIB, PAGE }, { 2 * GIB, 1 }, { 3 * GIB, 0 },
	};

	(void)state;
	assert_int_equal(bad_range(ranges, 4, PAGE), 2);
}

static void impossible_granule_or_count_names_no_range(void **state)
{
	struct rangemap_range ranges[] = { { GIB, PAGE }, { 2 * GIB, PAGE } };
	struct rangemap map;
	unsigned int bad = 77;

	(void)state;
	assert_int_equal(bad_range(ranges, 2, 0), 2);
	assert_int_equal(bad_range(ranges, 2, 3 * PAGE), 2);
	assert_int_equal(rangemap_build(&map, sizeof(map), ranges, 0, PAGE, &bad), -EINVAL);
	assert_int_equal(bad, 0);
	assert_int_equal(rangemap_build(&map, SIZE_MAX, ranges, RANGEMAP_MAX + 1, PAGE, &bad),
			 -EINVAL);
	assert_int_equal(bad, RANGEMAP_MAX + 1);
}

/* From physical address to device offset. */

/* In physical order: the third, a hole, the first, the second touching it, a hole, the fourth. */
static const struct rangemap_range scattered[] = {
	{ 2 * GIB, 4 * PAGE }, { 2 * GIB + 4 * PAGE + PAGE, PAGE }, { GIB, 2 * PAGE },
	{ 2 * GIB + 4 * PAGE, PAGE },
};

static void span_over_all_visits_all(void **state)
{
	struct rangemap *map = build(scattered, COUNT(scattered));
	u64 phys = 0, len = U64_MAX;

	(void)state;
	expect_next(map, &phys, &len, GIB, 5 * PAGE, 2 * PAGE);
	expect_next(map, &phys, &len, 2 * GIB, 0, 4 * PAGE);
	expect_next(map, &phys, &len, 2 * GIB + 4 * PAGE, 7 * PAGE, PAGE);
	expect_next(map, &phys, &len, 2 * GIB + 5 * PAGE, 4 * PAGE, PAGE);
	expect_no_next(map, phys, len);
	free(map);
}

static void span_cuts_its_first_and_last_piece(void **state)
{
	struct rangemap *map = build(scattered, COUNT(scattered));
	u64 phys = GIB + PAGE + 16, len = GIB + 2 * PAGE;

	(void)state;
	expect_next(map, &phys, &len, GIB + PAGE + 16, 6 * PAGE + 16, PAGE - 16);
	expect_next(map, &phys, &len, 2 * GIB, 0, 3 * PAGE + 16);
	assert_int_equal(len, 0);
	expect_no_next(map, phys, len);
	free(map);
}

static void span_inside_one_range(void **state)
{
	struct rangemap *map = build(scattered, COUNT(scattered));
	u64 phys = 2 * GIB + PAGE, len = PAGE;

	(void)state;
	expect_next(map, &phys, &len, 2 * GIB + PAGE, PAGE, PAGE);
	assert_int_equal(len, 0);
	free(map);
}

static void span_that_begins_in_a_hole(void **state)
{
	struct rangemap *map = build(scattered, COUNT(scattered));
	u64 phys = 2 * GIB - 3 * PAGE, len = 4 * PAGE;

	(void)state;
	expect_next(map, &phys, &len, 2 * GIB, 0, PAGE);
	assert_int_equal(len, 0);
	free(map);
}

static void span_in_no_range(void **state)
{
	struct rangemap *map = build(scattered, COUNT(scattered));

	(void)state;
	expect_no_next(map, 0, GIB);				/* in front, touching */
	expect_no_next(map, GIB + 2 * PAGE, GIB - 2 * PAGE);	/* a whole hole */
	expect_no_next(map, GIB + 8 * PAGE, PAGE);		/* in the hole */
	expect_no_next(map, 2 * GIB + 6 * PAGE, GIB);		/* behind, touching */
	expect_no_next(map, U64_MAX, 1);
	free(map);
}

static void span_of_nothing(void **state)
{
	struct rangemap *map = build(scattered, COUNT(scattered));

	(void)state;
	expect_no_next(map, 2 * GIB, 0);
	expect_no_next(map, 0, 0);
	free(map);
}

static void span_that_wraps_ends_at_the_top(void **state)
{
	struct rangemap_range ranges[] = { { 0, PAGE }, { TOP_PAGE - PAGE, 2 * PAGE } };
	struct rangemap *map = build(ranges, 2);
	struct rangemap_piece piece;
	u64 phys = TOP_PAGE, len = U64_MAX;

	(void)state;
	assert_true(rangemap_next(map, &phys, &len, &piece));
	assert_int_equal(piece.phys, TOP_PAGE);
	assert_int_equal(piece.offset, 2 * PAGE);
	assert_int_equal(piece.len, PAGE);
	assert_int_equal(len, 0);
	expect_no_next(map, phys, len);
	free(map);
}

static void span_that_wraps_from_behind_the_device(void **state)
{
	struct rangemap_range ranges[] = { { 0, PAGE }, { GIB, PAGE } };
	struct rangemap *map = build(ranges, 2);

	(void)state;
	expect_no_next(map, TOP_PAGE, 2 * PAGE);
	expect_no_next(map, 2 * GIB, U64_MAX);
	free(map);
}

static void span_over_a_thousand_ranges(void **state)
{
	struct rangemap_range ranges[MANY];
	u64 phys = 0, len = U64_MAX, found = 0;
	struct rangemap_piece piece;
	unsigned int pieces = 0;
	struct rangemap *map;

	(void)state;
	make_many(ranges, MANY, uneven, 389);
	map = build(ranges, MANY);
	while (rangemap_next(map, &phys, &len, &piece)) {
		expect_lookup(map, piece.offset, piece.phys, piece.len);
		found += piece.len;
		pieces++;
	}
	assert_int_equal(pieces, MANY);
	assert_int_equal(found, rangemap_size(map));
	free(map);
}

/* Of the end of the device alone, also where it begins inside a range. */
static void span_over_the_end_of_the_device(void **state)
{
	const struct rangemap_range ranges[] = { { 0x8000, 0x2000 }, { 0x2000, 0x3000 } };
	struct rangemap *map = build(ranges, 2);
	u64 phys = 0, len = 0x20000;
	struct rangemap_piece piece;

	(void)state;
	assert_true(rangemap_next_from(map, 0x1000, &phys, &len, &piece));
	assert_int_equal(piece.offset, 0x2000);
	assert_int_equal(piece.len, 0x3000);
	assert_true(rangemap_next_from(map, 0x1000, &phys, &len, &piece));
	assert_int_equal(piece.phys, 0x9000);
	assert_int_equal(piece.offset, 0x1000);
	assert_int_equal(piece.len, 0x1000);
	assert_false(rangemap_next_from(map, 0x1000, &phys, &len, &piece));
	assert_int_equal(len, 0);
	phys = 0;
	len = 0x20000;
	assert_true(rangemap_next_from(map, 0x2000, &phys, &len, &piece));
	assert_int_equal(piece.offset, 0x2000);
	assert_false(rangemap_next_from(map, 0x2000, &phys, &len, &piece));
	free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(memory_of_impossible_counts_is_0),
		cmocka_unit_test(too_little_memory_is_enomem),
		cmocka_unit_test(map_does_not_need_its_input),
		cmocka_unit_test(one_range),
		cmocka_unit_test(one_range_at_address_0),
		cmocka_unit_test(two_ranges_with_a_hole),
		cmocka_unit_test(device_order_need_not_be_physical_order),
		cmocka_unit_test(neighbours_in_both_orders_are_one_range),
		cmocka_unit_test(neighbours_in_the_wrong_order_stay_apart),
		cmocka_unit_test(neighbours_with_another_between_stay_apart),
		cmocka_unit_test(thousand_neighbours_are_one_range),
		cmocka_unit_test(merging_keeps_the_way_back),
		cmocka_unit_test(many_ranges_in_physical_order),
		cmocka_unit_test(many_ranges_in_reverse_order),
		cmocka_unit_test(many_ranges_out_of_order),
		cmocka_unit_test(many_ranges_touching_in_reverse_order),
		cmocka_unit_test(every_page_of_uneven_ranges),
		cmocka_unit_test(range_up_to_the_top),
		cmocka_unit_test(the_top_is_no_neighbour_of_0),
		cmocka_unit_test(device_of_almost_2_to_the_64),
		cmocka_unit_test(device_of_2_to_the_64_is_refused),
		cmocka_unit_test(empty_range_is_bad),
		cmocka_unit_test(misaligned_start_is_bad),
		cmocka_unit_test(misaligned_length_is_bad),
		cmocka_unit_test(granule_of_1_takes_any_bytes),
		cmocka_unit_test(range_past_the_top_is_bad),
		cmocka_unit_test(overlap_is_bad),
		cmocka_unit_test(overlap_of_one_byte_is_bad),
		cmocka_unit_test(overlap_at_the_top_is_bad),
		cmocka_unit_test(overlap_of_neighbours_in_the_device_is_bad),
		cmocka_unit_test(first_range_that_is_bad_by_itself_is_named),
		cmocka_unit_test(impossible_granule_or_count_names_no_range),
		cmocka_unit_test(span_over_all_visits_all),
		cmocka_unit_test(span_cuts_its_first_and_last_piece),
		cmocka_unit_test(span_inside_one_range),
		cmocka_unit_test(span_that_begins_in_a_hole),
		cmocka_unit_test(span_in_no_range),
		cmocka_unit_test(span_of_nothing),
		cmocka_unit_test(span_that_wraps_ends_at_the_top),
		cmocka_unit_test(span_that_wraps_from_behind_the_device),
		cmocka_unit_test(span_over_a_thousand_ranges),
		cmocka_unit_test(span_over_the_end_of_the_device),
	};

	return cmocka_run_group_tests_name("rangemap", tests, NULL, NULL);
}
