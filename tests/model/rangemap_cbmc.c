// SPDX-License-Identifier: GPL-2.0
/*
 * Proofs about the range map, by cbmc: make -C tests/model cbmc
 *
 * Each covers all 64-bit addresses, lengths and offsets, and also that nothing overflows, shifts
 * too far or reaches outside its memory. They meet in the functions named ..._well_formed(): the
 * build_... proofs show that what is built is so and says what the ranges say; lookup and next
 * show that on every such map, whoever made it, the answer is right and the steps are few. The
 * numbers of ranges are in the Makefile:
 *
 *   layout        all: the parts of a map's memory are aligned, follow each other, hold what they
 *                 have to, and keep to the bound on memory
 *   build_check   up to RANGES: sorted right, and refused exactly if a range is bad
 *   build_merge   up to RANGES: neighbours are merged, no other, and the way back fits
 *   build_tables  up to RANGES, with OUTER cells: the cells that any offset uses
 *   lookup        up to RANGES, with OUTER cells and one crowd, for more are not used by a lookup
 *   next          up to RANGES
 *
 * So that so few ranges take every way through the tables, RANGEMAP_WALK is 1 here: two ranges in a
 * cell are a crowd.
 */
#if BITS == 32
#define FSDEV_CORE_TYPES_H
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef unsigned int u32;
typedef unsigned int u64;
#define U64_MAX (~0U)
#define likely(x) (x)
#define unlikely(x) (x)
#endif
#include "core/rangemap.c"

#ifndef RANGES
#define RANGES 4
#endif

enum { N = RANGES, OUTER = CELLS, CROWD_CELLS = 2 * (N - 1) + 1 };

/* A map with its memory, as one object whose parts have their types. */
static struct space {
	struct rangemap map;
	u32 cell[OUTER];
	struct rangemap_entry entry[N + 1];
	struct rangemap_crowd crowd;
	u32 crowd_cell[CROWD_CELLS];
} space;
static u64 address[N];
static u32 order[N];
static struct rangemap_range range[N];

/* Any value at all. */
struct space nondet_space(void);
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

/* A map of any ranges, without tables. */
static void make_any_entries(void)
{
	u32 nr = any_nr();
	u32 i;

	space = nondet_space();
	space.map.nr = nr;
	space.map.entry = space.entry;
	space.map.crowds = &space.crowd;
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

/* The cell of a crowd which is that of @offset. */
static bool crowd_cell_well_formed(u32 last, u64 offset)
{
	u32 shift = space.crowd.shift;
	u64 k = (offset - space.crowd.start) >> shift;
	u64 start = space.crowd.start + (k << shift);
	u32 i, limit;

	if (k > CROWD_CELLS - 2)
		return false;
	i = index_of(space.crowd_cell[k]);
	limit = index_of(space.crowd_cell[k + 1]);
	return i <= limit && limit < last &&
	       reaches(i, limit - i, start,
		       start + lesser(((u64)1 << shift) - 1, space.crowd.last_start - 1 - start));
}

/* The crowd in an outer cell from @start to @last, for an offset in this cell. */
static bool crowd_well_formed(u64 start, u64 last, u64 offset)
{
	u32 end = index_of(space.crowd.last);
	u32 i;

	for (i = 0; i < N && space.entry[i + 1].start != space.crowd.start;)
		i++;
	if (end >= N || i + 2 > end || !reaches(i, end - i, start, last) ||
	    space.crowd.before.start != space.entry[i].start ||
	    space.crowd.before.delta != space.entry[i].delta ||
	    space.crowd.last_start != space.entry[end].start || space.crowd.shift > BITS - 1)
		return false;
	return offset < space.crowd.start || offset >= space.crowd.last_start ||
	       crowd_cell_well_formed(end, offset);
}

/* What a lookup of @offset uses. */
static bool tables_well_formed(u64 offset)
{
	u64 start, last, k;

	if (space.map.shift > BITS - 1)
		return false;
	k = offset >> space.map.shift;
	start = k << space.map.shift;
	last = start + (((u64)1 << space.map.shift) - 1);
	if (k >= OUTER)
		return false;
	if (space.cell[k] == offsetof(struct space, crowd))
		return crowd_well_formed(start, last, offset);
	return reaches(index_of(space.cell[k]), RANGEMAP_WALK, start, last);
}

void build_crowd(void)
{
	u64 offset = nondet_u64(), start = nondet_u64(), last = nondet_u64();
	u32 before = nondet_u32(), nr = nondet_u32();

	make_any_entries();
	assume(before < N && nr >= CROWD_RANGES && nr < N && before + nr < space.map.nr);
	assume(reaches(before, nr, start, last) && start <= last && last >= space.entry[before + nr].start);
	assume(start <= offset && offset <= last);
	make_crowd(&space.map, &space.crowd, &space.entry[before], nr);
	prove(crowd_well_formed(start, last, offset));
}

void build_tables(void)
{
	u64 offset = nondet_u64();

	make_any_entries();
	assume(space.map.nr > 1 && offset < space.map.size);
	make_tables(&space.map, OUTER, &space.crowd);
	prove(tables_well_formed(offset));
}

void lookup(void)
{
	u64 offset = nondet_u64(), phys = 1, len;
	u64 expected_phys = 1, expected = 0;
	u32 i;

	make_any_entries();
	if (space.map.nr > 1 && offset < space.map.size)
		assume(tables_well_formed(offset));
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
