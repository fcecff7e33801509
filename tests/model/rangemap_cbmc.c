// SPDX-License-Identifier: GPL-2.0
/*
 * Proofs about the range map, by cbmc: make -C tests/model cbmc
 *
 * Each shows, for all addresses, lengths and offsets, that nothing overflows that should not,
 * shifts too far, loops too long or reaches outside its memory, and that the result is right. They
 * meet in the functions called ..._well_formed(): build_outer and build_subtable show that what is
 * built is so; lookup shows that on every such map, however it was made, the answer is right.
 *
 *                ranges      address bits
 *  layout        any number  64  a map's parts are aligned, follow each other, and hold what they
 *                                have to
 *  layout_subtable  any number  64  there is room for subtables, however the ranges fall into them
 *  build_check   up to 3     32  refused exactly if a range is bad, and that one named; sorted
 *  build_merge   up to 3     32  neighbours are merged and no others; the way back fits
 *  build_outer   up to 3     32  the outer table, of up to 4 cells; which ranges are a subtable
 *  build_subtable   up to 3     32  a subtable's table
 *  lookup        up to 3     64  with 4 outer cells, and the one subtable that a lookup can meet
 *  lookup_fast   up to 3     64  the same for its short way, which may also leave it to the other
 *  search        up to 8     64  the sorted addresses are searched right
 *  next          up to 3     64  for any way back, also a wrong one, pieces lie in the span; that
 *                                they are the right ones is left to the comparison beside this
 *
 * With 32 bits the source is the same, but for a u64 of 32 bits. So that so few ranges take every
 * way, RANGEMAP_WALK is 1: two ranges that begin in one cell are a subtable. For lookup it is 2.
 */
#if BITS == 32
#define FSDEV_CORE_TYPES_H
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
typedef unsigned int u32;
typedef unsigned int u64;
#define U32_MAX (~0U)
#define U64_MAX (~0U)
#define likely(x) (x)
#define unlikely(x) (x)
#define unrelated(x) ((void)(x))
#endif

#include "core/rangemap.c"

/* The driver's: a page. */
#define GRANULE_SHIFT 12
#define GRANULE ((u64)1 << GRANULE_SHIFT)

enum { N = RANGES, OUTER = 4, SUBTABLE_CELLS = 2 * (N - 1) + 1 };

struct subtable_memory {
	struct rangemap_subtable subtable;
	u32 cell[SUBTABLE_CELLS];
};

/* A map with its memory, as one object whose parts have their types. */
static struct space {
	struct rangemap map;
	u32 cell[OUTER];
	struct rangemap_entry entry[N + 1];
#ifndef SUBTABLE_APART
	struct subtable_memory subtable;
#endif
} space;

/* Memory that nothing has to find from the map is an object of its own: that is easier to prove. */
#ifdef SUBTABLE_APART
static struct subtable_memory apart;
#else
#define apart space.subtable
#endif
static u64 address[N];
static u32 order[N];
static struct rangemap_range range[N];

/* Any value at all. */
struct space nondet_space(void);
struct rangemap_range nondet_range(void);
u64 nondet_u64(void);
u32 nondet_u32(void);

#define assume(condition) __CPROVER_assume(condition)
#define prove(condition) __CPROVER_assert(condition, #condition)

static u64 lesser(u64 a, u64 b)
{
	return a < b ? a : b;
}

static u32 any_nr(void)
{
	u32 nr = nondet_u32();

	assume(nr >= 1 && nr <= N);
	return nr;
}

/* The memory of a map. */

void layout(void)
{
	u32 nr = nondet_u32();
	struct layout l;

	assume(nr <= RANGEMAP_MAX);
	prove((rangemap_bytes(nr) == 0) == (nr == 0));
	assume(nr);
	l = layout_of(nr);
	prove(l.bytes == rangemap_bytes(nr));
	prove(l.cells >= nr);
	prove(l.entries == offsetof(struct rangemap, cell) + l.cells * sizeof(u32));
	prove(l.subtables >= l.entries + (nr + 1) * sizeof(struct rangemap_entry));
	prove(l.subtables <= U32_MAX);
	prove(l.order == l.address + nr * sizeof(u64) && l.bytes == l.order + nr * sizeof(u32));
	prove(l.entries % sizeof(u64) == 0 && l.subtables % sizeof(u64) == 0);
	prove(l.address % sizeof(u64) == 0 && subtable_bytes(nr) % sizeof(u64) == 0);
}

/* Subtables fit however ranges fall into them: one more subtable leaves the rest of the room. */
void layout_subtable(void)
{
	u32 nr = nondet_u32(), subtable = nondet_u32();
	struct layout all, rest;

	assume(nr <= RANGEMAP_MAX && subtable >= SUBTABLE_RANGES && subtable <= nr);
	all = layout_of(nr);
	rest = layout_of(nr - subtable);
	prove(all.address - all.subtables >= subtable_bytes(subtable) + (rest.address - rest.subtables));
	prove(subtable_bytes(subtable) >=
	      sizeof(struct rangemap_subtable) + (2 * subtable + 1) * sizeof(u32));
}

/* Checking the ranges. */

static bool multiple(u64 bytes, u32 bits)
{
	return bytes >> bits << bits == bytes;
}

static bool good_alone(u32 i, u32 bits, u64 in_front)
{
	return range[i].len && multiple(range[i].start, bits) && multiple(range[i].len, bits) &&
	       range[i].start <= U64_MAX - (range[i].len - 1) && range[i].len <= U64_MAX - in_front;
}

static bool overlap(u32 a, u32 b)
{
	return range[a].start < range[b].start ?
	       range[b].start - range[a].start < range[a].len :
	       range[a].start - range[b].start < range[b].len;
}

static void make_any_ranges(u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		range[i] = nondet_range();
}

void build_check(void)
{
	u32 nr = any_nr(), a = nondet_u32(), b = nondet_u32(), bits = nondet_u32(), i, bad = N;
	u64 in_front = 0;
	bool overlapping = false;

	make_any_ranges(nr);
	assume(bits < BITS && a < b && b < nr);
	for (i = 0; i < nr && good_alone(i, bits, in_front); i++)
		in_front += range[i].len;
	if (check_each(range, nr, (u64)1 << bits, &bad)) {
		prove(bad == i && i < nr);
		return;
	}
	prove(i == nr);

	sort_by_address(order, range, nr);
	prove(order[a] < nr && order[b] < nr && order[a] != order[b]);
	prove(range[order[a]].start <= range[order[b]].start);
	if (!check_overlap(order, range, nr, &bad)) {
		prove(!overlap(a, b));
		return;
	}
	prove(bad < nr);
	for (i = 0; i < bad; i++)
		overlapping |= overlap(i, bad);
	prove(overlapping);
}

/* Merging, and the way back. */

static void make_any_sorted_ranges(u32 nr)
{
	u64 size = 0;
	u32 i, k;

	make_any_ranges(nr);
	for (i = 0; i < nr; i++) {
		assume(good_alone(i, 0, size));
		size += range[i].len;
		order[i] = nondet_u32();
		assume(order[i] < nr);
		for (k = 0; k < i; k++)
			assume(range[order[k]].start < range[order[i]].start && !overlap(i, k));
	}
}

static bool follows(u32 i)
{
	return i && range[i].start > range[i - 1].start &&
	       range[i].start - range[i - 1].len == range[i - 1].start;
}

void build_merge(void)
{
	static struct rangemap_entry entry[N + 1];
	u32 nr = any_nr(), i, merged = 0;
	u32 a = nondet_u32();
	u64 offset = 0;

	make_any_sorted_ranges(nr);
	merge(&space.map, entry, range, nr);
	make_way_back(&space.map, range, nr, order, address);

	for (i = 0; i < nr; i++) {
		if (!follows(i)) {
			prove(entry[merged].start == offset);
			prove(entry[merged].delta == range[i].start - offset);
			merged++;
		}
		offset += range[i].len;
	}
	prove(space.map.nr == merged);
	prove(space.map.size == offset && entry[merged].start == offset);
	prove(space.map.first_end == entry[1].start && space.map.first_delta == entry[0].delta);
	prove(space.map.half <= merged && merged / 2 < space.map.half);
	prove((space.map.half & (space.map.half - 1)) == 0);

	assume(a < merged);
	prove(order[a] < merged);
	prove(address[a] == entry[order[a]].start + entry[order[a]].delta);
	prove(a == 0 || address[a - 1] < address[a]);
}

/* The tables. */

/* A map of any ranges, without tables. */
static void make_any_entries(void)
{
	u32 nr = any_nr(), i;

	space = nondet_space();
	space.map.nr = nr;
	space.map.entry = space.entry;
	space.map.subtables = &apart;
	space.entry[0].start = 0;
	for (i = 0; i < nr; i++)
		assume(space.entry[i].start < space.entry[i + 1].start);
	space.map.size = space.entry[nr].start;
	space.map.first_end = space.entry[1].start;
	space.map.first_delta = space.entry[0].delta;
}

/* Which range @cell names; N if none. */
static u32 index_of(u32 cell)
{
	u32 at = cell - offsetof(struct space, entry);
	u32 i = at / sizeof(struct rangemap_entry);

	return at % sizeof(struct rangemap_entry) || i >= space.map.nr ? N : i;
}

/* That range @i holds the byte at @start, and up to @last no more than @most others begin. */
static bool reaches(u32 i, u32 most, u64 start, u64 last)
{
	if (i >= space.map.nr || space.entry[i].start > start || start >= space.entry[i + 1].start)
		return false;
	return i + most + 1 >= space.map.nr || last < space.entry[i + most + 1].start;
}

/* The cell of a subtable which is that of @offset. */
static bool subtable_cell_well_formed(u32 last, u64 offset)
{
	u32 shift = apart.subtable.shift;
	u64 k = (offset - apart.subtable.start) >> shift;
	u64 start = apart.subtable.start + (k << shift);
	u32 i, limit;

	if (k > SUBTABLE_CELLS - 2)
		return false;
	i = index_of(apart.cell[k]);
	limit = index_of(apart.cell[k + 1]);
	return i <= limit && limit < last &&
	       reaches(i, limit - i, start,
		       start + lesser(((u64)1 << shift) - 1, apart.subtable.last_start - 1 - start));
}

/* The subtable in an outer cell from @start to @last, for an offset in this cell. */
static bool subtable_well_formed(u64 start, u64 last, u64 offset)
{
	u32 end = index_of(apart.subtable.last);
	u32 i;

	for (i = 0; i < N && space.entry[i + 1].start != apart.subtable.start;)
		i++;
	if (end >= N || i + 2 > end || !reaches(i, end - i, start, last) ||
	    apart.subtable.before.start != space.entry[i].start ||
	    apart.subtable.before.delta != space.entry[i].delta ||
	    apart.subtable.last_start != space.entry[end].start || apart.subtable.shift >= BITS)
		return false;
	return offset < apart.subtable.start || offset >= apart.subtable.last_start ||
	       subtable_cell_well_formed(end, offset);
}

void build_subtable(void)
{
	u64 offset = nondet_u64(), start = nondet_u64(), last = nondet_u64();
	u32 before = nondet_u32(), nr = nondet_u32();

	make_any_entries();
	assume(nr >= SUBTABLE_RANGES && nr < N && before < N && before + nr < space.map.nr);
	assume(start <= last && reaches(before, nr, start, last));
	assume(last >= space.entry[before + nr].start && offset >= start && offset <= last);
	make_subtable(&space.map, &apart.subtable, &space.entry[before], nr);
	prove(subtable_well_formed(start, last, offset));
}

/* The outer cell of @offset: its first and its last byte. */
static u64 cell_start(u64 offset)
{
	return offset >> space.map.shift << space.map.shift;
}

static u64 cell_last(u64 offset)
{
	return cell_start(offset) + (((u64)1 << space.map.shift) - 1);
}

static bool near_well_formed(void)
{
	return space.map.granule_cell_shift <= BITS - GRANULE_SHIFT &&
	       space.map.shift == space.map.granule_cell_shift + GRANULE_SHIFT;
}

static bool in_table(u64 offset)
{
	return space.map.shift < BITS && offset >> space.map.shift < OUTER;
}

#ifndef SUBTABLE_APART
static bool names_subtable(u64 offset)
{
	return space.cell[offset >> space.map.shift] == offsetof(struct space, subtable);
}

static bool cell_well_formed(u64 offset)
{
	return reaches(index_of(space.cell[offset >> space.map.shift]), RANGEMAP_WALK,
		       cell_start(offset), cell_last(offset));
}

/* In place of make_subtable(), which has its own proof: that it gets all that begin in one cell. */
static u32 subtable_before = N, subtable_nr;

void make_subtable_expected(const struct rangemap *map, struct rangemap_subtable *subtable,
			    const struct rangemap_entry *before, u32 nr)
{
	u64 cell = cell_start(before[nr].start);

	prove(map == &space.map && subtable == &apart.subtable);
	subtable_before = index_of((char *)before - (char *)map);
	subtable_nr = nr;
	prove(nr >= SUBTABLE_RANGES && reaches(subtable_before, nr, cell, cell_last(cell)));
	prove(before[1].start > cell);
}

void build_outer(void)
{
	u64 offset = nondet_u64();

	make_any_entries();
	assume(space.map.nr > 1 && offset < space.map.size);
	assume(!(space.map.size & (GRANULE - 1)));
	make_tables(&space.map, GRANULE, OUTER, &apart);
	prove(near_well_formed());
	prove(in_table(offset));
	if (names_subtable(offset)) {
		prove(subtable_before < N);
		prove(reaches(subtable_before, subtable_nr, cell_start(offset), cell_last(offset)));
	} else {
		prove(cell_well_formed(offset));
	}
}

void lookup(void)
{
	u64 offset = nondet_u64(), phys = 1, len;
	u64 expected_phys = 1, expected = 0;
	u32 i;

	make_any_entries();
	if (space.map.nr > 1 && offset < space.map.size) {
		assume(in_table(offset));
		assume(names_subtable(offset) ?
		       subtable_well_formed(cell_start(offset), cell_last(offset), offset) :
		       cell_well_formed(offset));
	}
	len = rangemap_lookup(&space.map, offset, &phys);

	for (i = 0; i < space.map.nr; i++) {
		if (offset >= space.entry[i].start && offset < space.entry[i + 1].start) {
			expected = space.entry[i + 1].start - offset;
			expected_phys = space.entry[i].delta + offset;
		}
	}
	prove(len == expected);
	prove(phys == expected_phys);
}

/* Of what lies in the device: all of it, or nothing, where lookup() has to be asked. */
void lookup_fast(void)
{
	u64 granule = nondet_u64(), offset = granule << GRANULE_SHIFT;
	u64 phys = 1, len, expected_phys = 1, expected = 0;
	u32 i;

	make_any_entries();
	assume(granule <= U64_MAX >> GRANULE_SHIFT && offset < space.map.size);
	if (space.map.nr > 1) {
		assume(near_well_formed());
		assume(in_table(offset));
		assume(names_subtable(offset) ?
		       subtable_well_formed(cell_start(offset), cell_last(offset), offset) :
		       cell_well_formed(offset));
	}
	len = rangemap_lookup_fast(&space.map, granule, GRANULE_SHIFT, &phys);

	for (i = 0; i < space.map.nr; i++) {
		if (offset >= space.entry[i].start && offset < space.entry[i + 1].start) {
			expected = space.entry[i + 1].start - offset;
			expected_phys = space.entry[i].delta + offset;
		}
	}
	prove(!len || len == expected);
	prove(!len || phys == expected_phys);
	prove(len || space.map.nr > 1);
}
#endif

/* The way back. */

/* That the address at @at is the last which is not above @phys, or the first if all are. */
static bool is_last_not_above(const struct rangemap *map, u64 phys, u32 at)
{
	return at < map->nr && (at == 0 || address[at] <= phys) &&
	       (at + 1 == map->nr || address[at + 1] > phys);
}

void search(void)
{
	u64 phys = nondet_u64();
	u32 i;

	space.map.nr = any_nr();
	space.map.address = address;
	space.map.half = nondet_u32();
	assume(space.map.half <= space.map.nr && space.map.nr / 2 < space.map.half);
	assume((space.map.half & (space.map.half - 1)) == 0);
	for (i = 0; i < space.map.nr; i++) {
		address[i] = nondet_u64();
		assume(i == 0 || address[i - 1] < address[i]);
	}
	prove(is_last_not_above(&space.map, phys, last_not_above(&space.map, phys)));
}

void next(void)
{
	static struct rangemap_entry entry[N + 1];
	u64 phys = nondet_u64(), len = nondet_u64(), rest_phys = phys, rest = len;
	struct rangemap_piece piece;
	u32 i;

	space.map.nr = any_nr();
	space.map.entry = entry;
	space.map.address = address;
	space.map.order = order;
	space.map.half = nondet_u32();
	assume(space.map.half <= space.map.nr && space.map.nr / 2 < space.map.half);
	assume((space.map.half & (space.map.half - 1)) == 0);
	for (i = 0; i <= space.map.nr; i++) {
		entry[i].start = nondet_u64();
		entry[i].delta = nondet_u64();
		assume(i == 0 || entry[i - 1].start < entry[i].start);
	}
	for (i = 0; i < space.map.nr; i++) {
		order[i] = nondet_u32();
		assume(order[i] < space.map.nr);
		address[i] = nondet_u64();
	}

	if (!rangemap_next(&space.map, &rest_phys, &rest, &piece)) {
		prove(rest == 0);
		return;
	}
	prove(rest < len);
	prove(piece.phys >= phys && piece.phys - phys < len);
}
