// SPDX-License-Identifier: GPL-2.0
/*
 * Range map: construction, and address to offset. The lookup by offset is in rangemap.h.
 */
#include "rangemap.h"

/* The outer table may always have this many cells, which spreads few ranges of uneven size. */
#ifndef CELLS_AT_LEAST
#define CELLS_AT_LEAST 256u
#endif

/* The fewest ranges of a subtable. */
#define SUBTABLE_RANGES (RANGEMAP_WALK + 1)

/* Byte offsets of the parts of a map. */
struct layout {
	u32 cells;	/* most cells of the outer table: a count */
	size_t entries;
	size_t subtables;
	size_t address;
	size_t order;
	size_t bytes;
};

/* The bytes of a subtable of @nr ranges, with up to two cells for each. */
static size_t subtable_bytes(size_t nr)
{
	return sizeof(struct rangemap_subtable) + (2 * nr + 2) * sizeof(u32);
}

static struct layout layout_of(unsigned int nr)
{
	struct layout l;

	l.cells = 4 * nr > CELLS_AT_LEAST ? 4 * nr : CELLS_AT_LEAST;
	l.entries = offsetof(struct rangemap, cell) + l.cells * sizeof(u32);
	l.subtables = l.entries + (nr + 1) * sizeof(struct rangemap_entry);
	l.address = l.subtables + nr / SUBTABLE_RANGES * subtable_bytes(SUBTABLE_RANGES) +
		    nr % SUBTABLE_RANGES * 2 * sizeof(u32);
	l.order = l.address + nr * sizeof(u64);
	l.bytes = l.order + nr * sizeof(u32);
	return l;
}

/**
 * rangemap_bytes() - compute the memory that a map needs
 * @nr: ranges
 *
 * Context: any.
 * Return: the bytes to allocate, zeroed and aligned for a u64, for rangemap_build(); 0 if @nr is 0
 * or more than RANGEMAP_MAX.
 */
size_t rangemap_bytes(unsigned int nr)
{
	if (!nr || nr > RANGEMAP_MAX)
		return 0;
	return layout_of(nr).bytes;
}

/* True if @next begins in physical memory where @range ends; address 0 follows no range. */
static bool touches(const struct rangemap_range *range, const struct rangemap_range *next)
{
	return next->start > range->start && next->start - range->start == range->len;
}

static bool valid_range(const struct rangemap_range *range, u64 granule)
{
	return range->len && !((range->start | range->len) & (granule - 1)) &&
	       range->len - 1 <= U64_MAX - range->start;
}

/* Checks each range by itself, and that the sum of their lengths fits a u64. */
static int check_each(const struct rangemap_range *ranges, unsigned int nr, u64 granule,
		      unsigned int *bad)
{
	u64 size = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!valid_range(&ranges[i], granule) || ranges[i].len > U64_MAX - size) {
			*bad = i;
			return -EINVAL;
		}
		size += ranges[i].len;
	}
	return 0;
}

/* Heap sort: sifts order[@top] down among the first @nr. */
static void sink(u32 *order, const struct rangemap_range *ranges, u32 top, u32 nr)
{
	u32 moving = order[top];
	u32 child;

	while ((child = 2 * top + 1) < nr) {
		if (child + 1 < nr &&
		    ranges[order[child + 1]].start > ranges[order[child]].start)
			child++;
		if (ranges[order[child]].start <= ranges[moving].start)
			break;
		order[top] = order[child];
		top = child;
	}
	order[top] = moving;
}

/* Fills @order with the indices of @ranges, ascending by physical address. */
static void sort_by_address(u32 *order, const struct rangemap_range *ranges, u32 nr)
{
	u32 i, greatest;

	for (i = 0; i < nr; i++)
		order[i] = i;
	for (i = nr / 2; i-- > 0;)
		sink(order, ranges, i, nr);
	for (i = nr; i-- > 1;) {
		greatest = order[0];
		order[0] = order[i];
		order[i] = greatest;
		sink(order, ranges, 0, i);
	}
}

/* Checks that no two ranges overlap; of two that do, the later one in the device is at fault. */
static int check_overlap(const u32 *order, const struct rangemap_range *ranges, unsigned int nr,
			 unsigned int *bad)
{
	unsigned int i;
	u32 a, b;

	for (i = 1; i < nr; i++) {
		a = order[i - 1];
		b = order[i];
		if (ranges[b].start - ranges[a].start < ranges[a].len) {
			*bad = a > b ? a : b;
			return -EINVAL;
		}
	}
	return 0;
}

/*
 * Makes the entries, with neighbours merged. Until the tables are made, cell[k] is the merged range
 * that range k went into.
 */
static void merge(struct rangemap *map, struct rangemap_entry *entry,
		  const struct rangemap_range *ranges, u32 nr)
{
	u32 k;

	for (k = 0; k < nr; k++) {
		if (k == 0 || !touches(&ranges[k - 1], &ranges[k])) {
			entry[map->nr].start = map->size;
			entry[map->nr].delta = ranges[k].start - map->size;
			map->nr++;
		}
		map->cell[k] = map->nr - 1;
		map->size += ranges[k].len;
	}
	entry[map->nr].start = map->size;
	map->entry = entry;
	map->first_end = entry[1].start;
	map->first_delta = entry[0].delta;
}

/* Makes the sorted addresses from @order of the unmerged ranges. Needs the cells of merge(). */
static void make_way_back(struct rangemap *map, const struct rangemap_range *ranges, u32 nr,
			  u32 *order, u64 *address)
{
	u32 i = 0;
	u32 k;

	for (k = 0; k < nr; k++) {
		u32 range = order[k];

		if (range && map->cell[range] == map->cell[range - 1])
			continue;
		address[i] = ranges[range].start;
		order[i] = map->cell[range];
		i++;
	}
	map->address = address;
	map->order = order;
	map->half = 1;
	while (map->half <= map->nr / 2)
		map->half *= 2;
}

/* The value of a cell that names @target. */
static u32 name(const struct rangemap *map, const void *target)
{
	return target - (const void *)map;
}

/* The smallest shift at which @bytes need no more than @cells. */
static u32 shift_for(u64 bytes, u32 cells)
{
	u32 shift = 0;

	while ((bytes - 1) >> shift >= cells)
		shift++;
	return shift;
}

/*
 * Fills the table @cell for the bytes from @start to @end: each cell names the entry, @entry or one
 * after it, that holds the cell's first byte. Returns the number of cells.
 */
static u32 fill_table(const struct rangemap *map, u32 *cell, u32 shift,
		      const struct rangemap_entry *entry, u64 start, u64 end)
{
	u32 cells = ((end - start - 1) >> shift) + 1;
	u32 k;

	for (k = 0; k < cells; k++) {
		while (entry[1].start - start <= (u64)k << shift)
			entry++;
		cell[k] = name(map, entry);
	}
	return cells;
}

/* Makes @subtable of the @nr ranges after @before. */
static void make_subtable(const struct rangemap *map, struct rangemap_subtable *subtable,
			  const struct rangemap_entry *before, u32 nr)
{
	u32 cells;

	subtable->before = before[0];
	subtable->start = before[1].start;
	subtable->last_start = before[nr].start;
	subtable->last = name(map, &before[nr]);
	subtable->shift = shift_for(subtable->last_start - subtable->start, 2 * nr);
	cells = fill_table(map, subtable->cell, subtable->shift, &before[1], subtable->start,
			   subtable->last_start);
	subtable->cell[cells] = name(map, &before[nr - 1]);
}

/* Makes the outer table, and a subtable of every cell in which too many ranges begin. */
static void make_tables(struct rangemap *map, u64 granule, u32 cells, void *subtable)
{
	const struct rangemap_entry *end = &map->entry[map->nr];
	u32 k;

	map->subtables = subtable;
	map->granule_cell_shift = shift_for(map->size / granule, cells);
	map->shift = map->granule_cell_shift + shift_for(granule, 1);
	cells = fill_table(map, map->cell, map->shift, map->entry, 0, map->size);
	for (k = 0; k < cells; k++) {
		const struct rangemap_entry *before = rangemap_named(map, map->cell[k]);
		const struct rangemap_entry *next = before + 1;
		u32 nr;

		while (next < end && next->start >> map->shift == k)
			next++;
		nr = next - before - 1;
		if (nr < SUBTABLE_RANGES)
			continue;
		make_subtable(map, subtable, before, nr);
		map->cell[k] = name(map, subtable);
		subtable += subtable_bytes(nr);
	}
}

/**
 * rangemap_build() - build a map of a device's ranges
 * @map: zeroed memory of at least rangemap_bytes(@nr) bytes, aligned for a u64
 * @bytes: how much memory @map has
 * @ranges: the device's ranges in device order, wherever they lie in physical memory
 * @nr: number of @ranges
 * @granule: what every start and length must be a multiple of, in bytes; a power of two
 * @bad: where to put the index of the range that is at fault
 *
 * Ranges must not overlap; between them there may be holes. Of two that overlap, the one later in
 * the device is at fault. @ranges is not needed afterwards. The map points into itself: it must
 * stay where it was built. After a failure its memory is to be zeroed before it is used again.
 *
 * Context: any; allocates nothing. Takes time in proportion to @nr log @nr.
 * Return: 0; -EINVAL with *@bad set if a range is empty, not a multiple of @granule, reaches past
 * the top of the address space or overlaps another, or makes the device larger than a u64 can
 * say; -EINVAL with *@bad set to @nr if @nr or @granule is not possible; -ENOMEM if @bytes is too
 * small.
 */
int rangemap_build(struct rangemap *map, size_t bytes, const struct rangemap_range *ranges,
		   unsigned int nr, u64 granule, unsigned int *bad)
{
	struct layout l;
	u32 *order;
	int err;

	*bad = nr;
	if (!rangemap_bytes(nr) || !granule || granule & (granule - 1))
		return -EINVAL;
	l = layout_of(nr);
	if (bytes < l.bytes)
		return -ENOMEM;

	err = check_each(ranges, nr, granule, bad);
	if (err)
		return err;
	order = (void *)map + l.order;
	sort_by_address(order, ranges, nr);
	err = check_overlap(order, ranges, nr, bad);
	if (err)
		return err;

	merge(map, (void *)map + l.entries, ranges, nr);
	make_way_back(map, ranges, nr, order, (void *)map + l.address);
	if (map->nr > 1)
		make_tables(map, granule, l.cells, (void *)map + l.subtables);
	return 0;
}

/**
 * rangemap_get() - get one range of the device
 * @map: a map that rangemap_build() has built
 * @i: its index in device order; less than rangemap_count()
 * @piece: where to put it
 *
 * Context: any; takes no lock.
 */
void rangemap_get(const struct rangemap *map, unsigned int i, struct rangemap_piece *piece)
{
	const struct rangemap_entry *entry = &map->entry[i];

	piece->phys = entry[0].start + entry[0].delta;
	piece->offset = entry[0].start;
	piece->len = entry[1].start - entry[0].start;
}

/*
 * The last of the sorted addresses that is not above @phys, or the first if all are. The steps are
 * powers of two: what the first one leaves on either side has at most map->half addresses.
 */
static u32 last_not_above(const struct rangemap *map, u64 phys)
{
	u32 step = map->half;
	u32 at = 0;

	if (map->address[map->nr - step] <= phys)
		at = map->nr - step;
	while (step >>= 1)
		if (map->address[at + step] <= phys)
			at += step;
	return at;
}

/**
 * rangemap_offset_slow() - translate an address outside the first range
 * @map: a map that rangemap_build() has built
 * @phys: physical address
 *
 * Context: any; takes no lock. The cost grows with the logarithm of the number of ranges.
 * Return: the device offset in bytes; RANGEMAP_NOWHERE if @phys is not in the device.
 */
u64 rangemap_offset_slow(const struct rangemap *map, u64 phys)
{
	const struct rangemap_entry *entry = &map->entry[map->order[last_not_above(map, phys)]];
	u64 offset = phys - entry[0].delta;

	return offset >= entry[0].start && offset < entry[1].start ? offset : RANGEMAP_NOWHERE;
}

/**
 * rangemap_next() - find the first piece of the device in a physical span
 * @map: a map that rangemap_build() has built
 * @phys: physical address at which the span begins
 * @len: bytes of the span; what would be past the top of the address space is cut off
 * @piece: where to put the piece
 *
 * Finds the piece with the lowest physical address, cut to the span, and moves *@phys and *@len
 * after it: calls until it returns false visit every part of the device in the span, and no hole
 * between ranges.
 *
 * Context: any; takes no lock. The cost grows with the logarithm of the number of ranges.
 * Return: true and the piece; false, with *@len 0 and *@piece untouched, if there is none.
 */
bool rangemap_next(const struct rangemap *map, u64 *phys, u64 *len, struct rangemap_piece *piece)
{
	struct rangemap_piece range;
	u64 end, last;		/* of the span: its last byte; of the piece */
	u32 at;

	if (!*len)
		return false;
	end = *len - 1 > U64_MAX - *phys ? U64_MAX : *phys + (*len - 1);

	at = last_not_above(map, *phys);
	rangemap_get(map, map->order[at], &range);
	if (*phys > range.phys && *phys - range.phys >= range.len && at + 1 < map->nr)
		rangemap_get(map, map->order[at + 1], &range);
	last = range.phys + (range.len - 1);
	if (range.phys > end || last < *phys) {
		*len = 0;
		return false;
	}

	piece->phys = range.phys > *phys ? range.phys : *phys;
	piece->offset = range.offset + (piece->phys - range.phys);
	if (last > end)
		last = end;
	piece->len = last - piece->phys + 1;
	*phys = last + 1;
	*len = end - last;
	return true;
}

/**
 * rangemap_next_from() - find the first piece of the device's end in a physical span
 * @map: a map that rangemap_build() has built
 * @from: device offset at which the end of the device begins
 * @phys: physical address at which the span begins; moved after the piece
 * @len: bytes of the span; those that are left
 * @piece: where to put the piece
 *
 * As rangemap_next(), without what lies in front of @from.
 *
 * Context: any; takes no lock.
 * Return: true and the piece; false, with *@len 0, if there is none.
 */
bool rangemap_next_from(const struct rangemap *map, u64 from, u64 *phys, u64 *len,
			struct rangemap_piece *piece)
{
	while (rangemap_next(map, phys, len, piece)) {
		u64 before = piece->offset < from ? from - piece->offset : 0;

		if (before >= piece->len)
			continue;
		piece->phys += before;
		piece->offset += before;
		piece->len -= before;
		return true;
	}
	return false;
}
