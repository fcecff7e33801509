/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Range map: translates device offsets to physical addresses and back.
 *
 * A device consists of physical ranges. Its offsets count through them in device order without
 * gaps, wherever the ranges lie. Ranges that are adjacent both in the device and in physical memory
 * are merged. A map is immutable once it is built: readers take no lock, in any context.
 *
 * Offset to address is on the path of every access, and its cost does not grow with the number of
 * ranges. It is a bucket table of two levels; a bucket is called a cell:
 *
 *  - The first range is tried first, with one comparison: most devices have no other.
 *  - Otherwise the offset, shifted, is the index of a cell, which names the range that holds the
 *    cell's first byte. There are two to four cells per range, so it is that range or one of the
 *    next two.
 *  - Where sizes are so uneven that more than RANGEMAP_WALK ranges begin inside one cell, the cell
 *    names a subtable instead, which spans just the ranges that begin in it. Where these are uneven
 *    again, a binary search over them follows.
 *
 * Address to offset is used on memory failures only: a binary search over the sorted addresses.
 */
#ifndef FSDEV_CORE_RANGEMAP_H
#define FSDEV_CORE_RANGEMAP_H

#include "types.h"

/* The offset of an address outside the device; no device is that large. */
#define RANGEMAP_NOWHERE U64_MAX

/* The most ranges that a map takes. */
#define RANGEMAP_MAX 0x100000u

/* The most ranges that may begin inside a cell that has no subtable. */
#ifndef RANGEMAP_WALK
#define RANGEMAP_WALK 4u
#endif

/**
 * struct rangemap_range - a range of the device, as the caller gives it
 * @start: physical address of its first byte
 * @len: bytes
 */
struct rangemap_range {
	u64 start;
	u64 len;
};

/**
 * struct rangemap_piece - a part of the device, contiguous in physical memory
 * @phys: physical address of its first byte
 * @offset: device offset of its first byte
 * @len: bytes
 */
struct rangemap_piece {
	u64 phys;
	u64 offset;
	u64 len;
};

/* A range. The entries lie in device order; a range ends where the next entry starts. */
struct rangemap_entry {
	u64 start;	/* device offset */
	u64 delta;	/* physical address minus device offset, modulo 2^64 */
};

/*
 * Stands in for an entry where too many ranges begin in one cell. It begins as the entry of the
 * range that holds the cell's first byte, which ends where the first range of the subtable starts.
 */
struct rangemap_subtable {
	struct rangemap_entry before;
	u64 start;	/* device offset at which the first range of the subtable starts */
	u64 last_start;	/* ... and the last one */
	u32 last;	/* that range, named as in a cell */
	u32 shift;	/* log2 of the bytes that one of the following cells covers */
	u32 cell[];	/* from @start to @last_start, and then one more, as a limit */
};

/**
 * struct rangemap - an immutable map between device offsets and physical addresses
 * @first_end: device offset at which the first range ends
 * @first_delta: what the first range adds to an offset
 * @size: bytes of the device
 * @shift: log2 of the bytes that a cell of the outer table covers
 * @granule_cell_shift: log2 of the granules that it covers
 * @nr: ranges, after merging
 * @half: the greatest power of two not above @nr
 * @address: physical addresses of the ranges, ascending
 * @order: which range, in device order, each of @address is
 * @entry: the ranges; the entry after the last one starts at @size
 * @subtables: the subtables, after the entries in memory
 * @cell: the outer table: for each cell the byte offset, in the map, of the entry which holds the
 *	cell's first byte, or of a subtable
 *
 * Private to rangemap.c, and complete only for the inline functions.
 */
struct rangemap {
	u64 first_end;
	u64 first_delta;
	u64 size;
	u32 shift;
	u32 granule_cell_shift;
	u32 nr;
	u32 half;
	const u64 *address;
	const u32 *order;
	const struct rangemap_entry *entry;
	const void *subtables;
	u32 cell[];
};

size_t rangemap_bytes(unsigned int nr);
int rangemap_build(struct rangemap *map, size_t bytes, const struct rangemap_range *ranges,
		   unsigned int nr, u64 granule, unsigned int *bad);
bool rangemap_next(const struct rangemap *map, u64 *phys, u64 *len, struct rangemap_piece *piece);
bool rangemap_next_from(const struct rangemap *map, u64 from, u64 *phys, u64 *len,
			struct rangemap_piece *piece);
u64 rangemap_offset_slow(const struct rangemap *map, u64 phys);
void rangemap_get(const struct rangemap *map, unsigned int i, struct rangemap_piece *piece);

/*
 * Index of the cell of @bytes. The mask tells the compiler that the shift is below 64: it adds no
 * instruction, and a kernel with UBSAN_SHIFT then checks nothing and saves no registers.
 */
static inline u64 rangemap_cell(u64 bytes, u32 shift)
{
	return bytes >> (shift & 63);
}

/* What a cell names, by one addition: cells hold byte offsets, not indices of entries. */
static inline const void *rangemap_named(const struct rangemap *map, u64 cell)
{
	return (const void *)map + cell;
}

/* The last of @nr entries that starts at or before @offset, as the first one does. */
static inline const struct rangemap_entry *
rangemap_bisect(const struct rangemap_entry *entry, u64 nr, u64 offset)
{
	while (nr > 1) {
		u64 half = nr / 2;

		if (entry[half].start <= offset)
			entry += half;
		nr -= half;
	}
	return entry;
}

/* The range that holds @offset, which is not before the start of @subtable. */
static inline const struct rangemap_entry *
rangemap_find_subtable(const struct rangemap *map, const struct rangemap_subtable *subtable,
		       u64 offset)
{
	const struct rangemap_entry *entry;
	const u32 *cell;

	if (offset >= subtable->last_start)
		return rangemap_named(map, subtable->last);
	cell = &subtable->cell[rangemap_cell(offset - subtable->start, subtable->shift)];
	entry = rangemap_named(map, cell[0]);
	if (likely(offset < entry[1].start))
		return entry;
	return rangemap_bisect(entry + 1, (cell[1] - cell[0]) / sizeof(*entry), offset);
}

/* Finds an entry with start and delta of the range that holds @offset; it ends after @offset. */
static inline const struct rangemap_entry *rangemap_find(const struct rangemap *map, u64 offset)
{
	const struct rangemap_entry *entry;

	entry = rangemap_named(map, map->cell[rangemap_cell(offset, map->shift)]);
	if (likely(offset < entry[1].start))
		return entry;
	if (unlikely((const void *)entry >= map->subtables))
		return rangemap_find_subtable(map, (const void *)entry, offset);
	do
		entry++;
	while (offset >= entry[1].start);
	return entry;
}

/**
 * rangemap_lookup() - translate a device offset to a physical address
 * @map: a map that rangemap_build() has built
 * @offset: device offset in bytes
 * @phys: where to put the physical address
 *
 * Context: any; takes no lock. The cost does not depend on the number of ranges, except where
 * sizes differ so much that a binary search is left.
 * Return: how many bytes from @offset on are contiguous in physical memory, up to the end of the
 * range; 0, with *@phys untouched, if @offset is not in the device.
 */
static inline u64 rangemap_lookup(const struct rangemap *map, u64 offset, u64 *phys)
{
	const struct rangemap_entry *entry;

	if (likely(offset < map->first_end)) {
		*phys = offset + map->first_delta;
		return map->first_end - offset;
	}
	if (unlikely(offset >= map->size))
		return 0;
	entry = rangemap_find(map, offset);
	*phys = offset + entry[0].delta;
	return entry[1].start - offset;
}

/**
 * rangemap_lookup_fast() - translate a granule, if that takes few steps
 * @map: a map that rangemap_build() has built
 * @granule: number of the granule, which lies in the device
 * @granule_shift: log2 of the granule that rangemap_build() was given; a constant
 * @phys: where to put the physical address
 *
 * Fast path: succeeds for the first range and for the range that holds the first byte of the
 * granule's cell. With ranges of equal size these are all. It counts in granules, so that the shift
 * to the cell needs no copy of the offset.
 *
 * Context: any; takes no lock. The cost does not depend on the number of ranges.
 * Return: as rangemap_lookup(); 0 if the caller has to use that.
 */
static inline u64 rangemap_lookup_fast(const struct rangemap *map, u64 granule,
				       unsigned int granule_shift, u64 *phys)
{
	u64 offset = granule << granule_shift, end = map->first_end, delta, cell;
	const struct rangemap_entry *entry;

	if (offset < end) {
		delta = map->first_delta;
	} else {
		cell = map->cell[rangemap_cell(granule, map->granule_cell_shift)];
		entry = rangemap_named(map, cell);
		end = entry[1].start;
		/* named again, so that the addition is part of either load */
		unrelated(cell);
		entry = rangemap_named(map, cell);
		delta = entry[0].delta;
		if (unlikely(offset >= end))
			return 0;
	}
	*phys = offset + delta;
	return end - offset;
}

/**
 * rangemap_offset_fast() - translate an address in the first range
 * @map: a map that rangemap_build() has built
 * @phys: physical address
 * @offset: where to put the device offset in bytes
 *
 * Context: any; takes no lock.
 * Return: true if @phys is in the first range; otherwise *@offset is undefined.
 */
static inline bool rangemap_offset_fast(const struct rangemap *map, u64 phys, u64 *offset)
{
	*offset = phys - map->first_delta;
	return *offset < map->first_end;
}

/**
 * rangemap_offset() - translate a physical address to a device offset
 * @map: a map that rangemap_build() has built
 * @phys: physical address
 * @offset: where to put the device offset in bytes
 *
 * Context: any; takes no lock. The cost grows with the logarithm of the number of ranges.
 * Return: true if @phys is in the device; otherwise *@offset is RANGEMAP_NOWHERE.
 */
static inline bool rangemap_offset(const struct rangemap *map, u64 phys, u64 *offset)
{
	if (likely(rangemap_offset_fast(map, phys, offset)))
		return true;
	*offset = rangemap_offset_slow(map, phys);
	return *offset != RANGEMAP_NOWHERE;
}

/**
 * rangemap_size() - get the size of the device
 * @map: a map that rangemap_build() has built
 *
 * Context: any.
 * Return: the sum of the ranges' lengths in bytes.
 */
static inline u64 rangemap_size(const struct rangemap *map)
{
	return map->size;
}

/**
 * rangemap_count() - get the number of ranges
 * @map: a map that rangemap_build() has built
 *
 * Context: any.
 * Return: the number of ranges after merging.
 */
static inline unsigned int rangemap_count(const struct rangemap *map)
{
	return map->nr;
}

#endif
