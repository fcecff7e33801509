/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Range map: where each byte of a device lies in physical memory, and the way back.
 *
 * A device is a row of physical ranges. Its offsets count through them in device order without
 * gaps, wherever the ranges lie. Ranges that follow each other both in the device and in physical
 * memory are one range here. A map never changes once it is built, so that any number of readers
 * may use it in any context, without a lock.
 *
 * Offset to physical address is on the path of every access, so its cost must not grow with the
 * number of ranges:
 *
 *  - The first range is tried first, with one comparison: most devices have no other.
 *  - Otherwise the offset, shifted, picks a cell, and the cell says which range reaches into it.
 *    There are two to four cells per range, so that range, or the one or two after it, is the one.
 *  - Where sizes are so uneven that more than RANGEMAP_WALK ranges begin inside one cell, the cell
 *    names a crowd instead: a second table which spans just the ranges that begin in it. What is
 *    crowded even there is searched by halves.
 *
 * The way back is needed only when memory has failed: a search by halves over the sorted addresses.
 */
#ifndef FSDEV_CORE_RANGEMAP_H
#define FSDEV_CORE_RANGEMAP_H

#include "types.h"

/* The offset of what is not in the device: no device is that large. */
#define RANGEMAP_NOWHERE U64_MAX

/* The most ranges that a map takes. */
#define RANGEMAP_MAX 0x100000u

/* The most ranges that may begin inside a cell before it becomes a crowd. */
#ifndef RANGEMAP_WALK
#define RANGEMAP_WALK 4u
#endif

/**
 * struct rangemap_range - a range as the caller knows it
 * @start: physical address of its first byte
 * @len: bytes
 */
struct rangemap_range {
	u64 start;
	u64 len;
};

/**
 * struct rangemap_piece - a stretch that is contiguous in physical memory and in the device
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
 * Stands in for an entry where too many ranges begin in one cell. It begins as the range that
 * reaches into the cell does, and so that this range ends where the first of the crowd starts.
 */
struct rangemap_crowd {
	struct rangemap_entry before;
	u64 start;	/* device offset at which the first range of the crowd starts */
	u64 last_start;	/* ... and the last one */
	u32 last;	/* which that is, as in a cell */
	u32 shift;	/* log2 of the bytes that one of the following cells covers */
	u32 cell[];	/* from @start to @last_start, and then one more, as a limit */
};

/**
 * struct rangemap - an immutable map between device offsets and physical addresses
 * @first_end: device offset at which the first range ends
 * @first_delta: what the first range adds to an offset
 * @size: bytes of the device
 * @shift: log2 of the bytes that a cell of the outer table covers
 * @near_shift: log2 of the granules that it covers
 * @nr: ranges, after merging
 * @half: the greatest power of two not above @nr
 * @address: physical addresses of the ranges, ascending
 * @order: which range, in device order, each of @address is
 * @entry: the ranges; the entry after the last one starts at @size
 * @crowds: the crowds, behind the entries in memory
 * @cell: the outer table: for each cell the byte offset, in the map, of the entry which holds the
 *	cell's first byte, or of a crowd
 *
 * Private to rangemap; complete only for the inline functions.
 */
struct rangemap {
	u64 first_end;
	u64 first_delta;
	u64 size;
	u32 shift;
	u32 near_shift;
	u32 nr;
	u32 half;
	const u64 *address;
	const u32 *order;
	const struct rangemap_entry *entry;
	const void *crowds;
	u32 cell[];
};

size_t rangemap_bytes(unsigned int nr);
int rangemap_build(struct rangemap *map, size_t bytes, const struct rangemap_range *ranges,
		   unsigned int nr, u64 granule, unsigned int *bad);
bool rangemap_next(const struct rangemap *map, u64 *phys, u64 *len, struct rangemap_piece *piece);
u64 rangemap_offset_far(const struct rangemap *map, u64 phys);
void rangemap_get(const struct rangemap *map, unsigned int i, struct rangemap_piece *piece);

/*
 * Which cell @bytes are in. That the shift is below 64 is said again for the compiler: it adds no
 * instruction, and a kernel with UBSAN_SHIFT then has nothing to check, nor to save registers for.
 */
static inline u64 rangemap_cell(u64 bytes, u32 shift)
{
	return bytes >> (shift & 63);
}

/* What a cell names. One addition: this is why cells do not count in entries. */
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

/* The range that holds @offset, which is not before the start of @crowd. */
static inline const struct rangemap_entry *
rangemap_find_crowded(const struct rangemap *map, const struct rangemap_crowd *crowd, u64 offset)
{
	const struct rangemap_entry *entry;
	const u32 *cell;

	if (offset >= crowd->last_start)
		return rangemap_named(map, crowd->last);
	cell = &crowd->cell[rangemap_cell(offset - crowd->start, crowd->shift)];
	entry = rangemap_named(map, cell[0]);
	if (likely(offset < entry[1].start))
		return entry;
	return rangemap_bisect(entry + 1, (cell[1] - cell[0]) / sizeof(*entry), offset);
}

/* An entry that starts and adds as the range which holds @offset does, and ends behind @offset. */
static inline const struct rangemap_entry *rangemap_find(const struct rangemap *map, u64 offset)
{
	const struct rangemap_entry *entry;

	entry = rangemap_named(map, map->cell[rangemap_cell(offset, map->shift)]);
	if (likely(offset < entry[1].start))
		return entry;
	if (unlikely((const void *)entry >= map->crowds))
		return rangemap_find_crowded(map, (const void *)entry, offset);
	do
		entry++;
	while (offset >= entry[1].start);
	return entry;
}

/**
 * rangemap_lookup() - the physical address of a device offset
 * @map: a map that rangemap_build() has built
 * @offset: device offset in bytes
 * @phys: where to put the physical address
 *
 * Context: any; takes no lock. The cost does not depend on the number of ranges, except where
 * sizes differ so much that a search by halves is left.
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
 * rangemap_lookup_near() - the physical address of a granule, where it takes few steps
 * @map: a map that rangemap_build() has built
 * @granule: which one, counted from the start of the device, in which it lies
 * @granule_shift: log2 of what rangemap_build() was given as granule; a constant
 * @phys: where to put the physical address
 *
 * Finds what lies in the first range, or in the range that reaches into the granule's cell: with
 * ranges of equal size that is everything. It counts in granules, so that finding the cell leaves
 * the offset as it is and needs no copy.
 *
 * Context: any; takes no lock. The cost does not depend on the number of ranges.
 * Return: as rangemap_lookup(), or 0 where that has to be asked.
 */
static inline u64 rangemap_lookup_near(const struct rangemap *map, u64 granule,
				       unsigned int granule_shift, u64 *phys)
{
	u64 offset = granule << granule_shift, end = map->first_end, delta, cell;
	const struct rangemap_entry *entry;

	if (offset < end) {
		delta = map->first_delta;
	} else {
		cell = map->cell[rangemap_cell(granule, map->near_shift)];
		entry = rangemap_named(map, cell);
		end = entry[1].start;
		/* found anew, so that both times the addition is part of the load */
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
 * rangemap_offset_near() - the device offset of a physical address in the first range
 * @map: a map that rangemap_build() has built
 * @phys: physical address
 * @offset: where to put the device offset in bytes
 *
 * Context: any; takes no lock.
 * Return: whether @phys is in the first range; if not, *@offset means nothing.
 */
static inline bool rangemap_offset_near(const struct rangemap *map, u64 phys, u64 *offset)
{
	*offset = phys - map->first_delta;
	return *offset < map->first_end;
}

/**
 * rangemap_offset() - the device offset of a physical address
 * @map: a map that rangemap_build() has built
 * @phys: physical address
 * @offset: where to put the device offset in bytes
 *
 * Context: any; takes no lock. The cost grows with the logarithm of the number of ranges.
 * Return: whether @phys is in the device; if not, *@offset is RANGEMAP_NOWHERE.
 */
static inline bool rangemap_offset(const struct rangemap *map, u64 phys, u64 *offset)
{
	if (likely(rangemap_offset_near(map, phys, offset)))
		return true;
	*offset = rangemap_offset_far(map, phys);
	return *offset != RANGEMAP_NOWHERE;
}

/**
 * rangemap_size() - how many bytes the device has
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
 * rangemap_count() - how many ranges the device has
 * @map: a map that rangemap_build() has built
 *
 * Context: any.
 * Return: the number of ranges, those that were merged counted as one.
 */
static inline unsigned int rangemap_count(const struct rangemap *map)
{
	return map->nr;
}

#endif
