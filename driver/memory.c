// SPDX-License-Identifier: GPL-2.0
/*
 * Memory: addresses of a device's memory, and stores to it.
 */
#include <linux/io.h>
#include <linux/libnvdimm.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "device.h"
#include "memory.h"
#include "poison.h"

/* How much of a page is read at a time: it is on the stack. */
#define READ_PIECE 256

/* The map of the whole device as it is now. Caller must be in a read-side section of RCU. */
static const struct rangemap *current_map(const struct fsdev *fsdev)
{
	/* pairs with rcu_assign_pointer() in memory_grow() */
	return rcu_dereference(fsdev->grown) ?: &fsdev->map;
}

/**
 * memory_grow() - have the device be larger from now on
 * @fsdev: the device
 * @map: all of it; what is there stays where it is
 *
 * Reads of the last map go on until a grace period is over.
 *
 * Context: growth; Caller must hold the device_lock.
 */
void memory_grow(struct fsdev *fsdev, const struct rangemap *map)
{
	rcu_assign_pointer(fsdev->grown, map);
}

/**
 * memory_has_grown() - has the device grown since probe?
 * @fsdev: the device
 *
 * Then direct access ends where the device ended at probe, also where the memory goes on.
 *
 * Context: any.
 * Return: true if it has.
 */
bool memory_has_grown(const struct fsdev *fsdev)
{
	return rcu_access_pointer(fsdev->grown);
}

/**
 * memory_lookup() - translate a device offset to a physical address
 * @fsdev: the device
 * @offset: device offset in bytes
 * @phys: where to put the physical address
 *
 * Context: any.
 * Return: how many bytes from @offset on are contiguous in physical memory; 0, with *@phys
 * untouched, if @offset is not in the device.
 */
u64 memory_lookup(const struct fsdev *fsdev, u64 offset, u64 *phys)
{
	u64 len = rangemap_lookup(&fsdev->map, offset, phys);

	if (likely(len))
		return len;
	rcu_read_lock();
	len = rangemap_lookup(current_map(fsdev), offset, phys);
	rcu_read_unlock();
	return len;
}

/**
 * memory_offset() - translate a physical address to a device offset
 * @fsdev: the device
 * @phys: physical address
 * @offset: where to put the device offset in bytes
 *
 * Context: any.
 * Return: true if @phys is in the device; otherwise *@offset is RANGEMAP_NOWHERE.
 */
bool memory_offset(const struct fsdev *fsdev, u64 phys, u64 *offset)
{
	bool found;

	rcu_read_lock();
	found = rangemap_offset(current_map(fsdev), phys, offset);
	rcu_read_unlock();
	return found;
}

/**
 * memory_next() - find the first piece of the device in a physical span
 * @fsdev: the device
 * @phys: physical address at which the span begins; moved behind the piece
 * @len: bytes of the span; those that are left
 * @piece: where to put the piece
 *
 * As rangemap_next().
 *
 * Context: any.
 * Return: true and the piece; false if there is none.
 */
bool memory_next(const struct fsdev *fsdev, u64 *phys, u64 *len, struct rangemap_piece *piece)
{
	bool found;

	rcu_read_lock();
	found = rangemap_next(current_map(fsdev), phys, len, piece);
	rcu_read_unlock();
	return found;
}

/**
 * memory_shape() - get the device's size and the number of its ranges
 * @fsdev: the device
 * @size: where to put the size in bytes
 *
 * Context: any.
 * Return: the number of ranges after merging.
 */
unsigned int memory_shape(const struct fsdev *fsdev, u64 *size)
{
	const struct rangemap *map;
	unsigned int ranges;

	rcu_read_lock();
	map = current_map(fsdev);
	*size = rangemap_size(map);
	ranges = rangemap_count(map);
	rcu_read_unlock();
	return ranges;
}

/**
 * memory_size() - get the size of the device
 * @fsdev: the device
 *
 * Context: any.
 * Return: bytes.
 */
u64 memory_size(const struct fsdev *fsdev)
{
	u64 size;

	memory_shape(fsdev, &size);
	return size;
}

/**
 * memory_ranges() - get the number of ranges
 * @fsdev: the device
 *
 * Context: any.
 * Return: the number of ranges after merging.
 */
unsigned int memory_ranges(const struct fsdev *fsdev)
{
	u64 size;

	return memory_shape(fsdev, &size);
}

/**
 * memory_range() - get one range
 * @fsdev: the device
 * @i: its index in device order; less than memory_ranges()
 * @piece: where to put it
 *
 * Context: any.
 */
void memory_range(const struct fsdev *fsdev, unsigned int i, struct rangemap_piece *piece)
{
	rcu_read_lock();
	rangemap_get(current_map(fsdev), i, piece);
	rcu_read_unlock();
}

/**
 * memory_address() - translate a device offset to a kernel address
 * @fsdev: the device
 * @offset: device offset in bytes
 * @len: how many bytes from there on are contiguous
 *
 * Context: any.
 * Return: the address, or NULL with *@len 0 if @offset is outside the device.
 */
void *memory_address(const struct fsdev *fsdev, u64 offset, u64 *len)
{
	u64 phys;

	*len = memory_lookup(fsdev, offset, &phys);
	return *len ? __va(phys) : NULL;
}

/**
 * memory_pfn() - translate a device offset to a page frame number
 * @fsdev: the device
 * @offset: device offset in bytes; in the device
 *
 * Context: any.
 * Return: the number.
 */
unsigned long memory_pfn(const struct fsdev *fsdev, u64 offset)
{
	u64 phys = 0;

	memory_lookup(fsdev, offset, &phys);
	return PHYS_PFN(phys);
}

/**
 * memory_next_poison() - find the next poisoned range of the device as it is now
 * @fsdev: the device
 * @from: device offset at which to begin; moved behind what was found
 * @piece: where to put what was found
 *
 * As poison_next(), without what is noted of memory that the device is about to grow by.
 *
 * Context: any.
 * Return: true if there was another.
 */
bool memory_next_poison(const struct fsdev *fsdev, u64 *from, struct poison_piece *piece)
{
	u64 size = memory_size(fsdev), at = *from;

	if (!poison_next(&fsdev->poison, &at, piece) || piece->offset >= size)
		return false;
	piece->len = min(piece->len, size - piece->offset);
	*from = piece->offset + piece->len;
	return true;
}

/**
 * memory_reads_phys() - can a page be read?
 * @phys: physical address of the page; it has page structures
 *
 * Context: any. Reading poison raises a machine check that the kernel survives.
 * Return: false if a machine-check-safe copy of it comes back short.
 */
bool memory_reads_phys(u64 phys)
{
	u8 piece[READ_PIECE];
	const void *mem = __va(phys);

	for (size_t at = 0; at < PAGE_SIZE; at += sizeof(piece))
		if (copy_mc_to_kernel(piece, mem + at, sizeof(piece)))
			return false;
	return true;
}

/**
 * memory_reads() - can a page of the device be read?
 * @fsdev: the device
 * @offset: device offset of the page; in the device
 *
 * Context: any. Reading poison raises a machine check that the kernel survives.
 * Return: false if a machine-check-safe copy of it comes back short.
 */
bool memory_reads(const struct fsdev *fsdev, u64 offset)
{
	return memory_reads_phys(PFN_PHYS(memory_pfn(fsdev, offset)));
}

/**
 * memory_store() - write to the memory as the device's kind asks for
 * @fsdev: the device
 * @to: address from memory_address()
 * @from: source
 * @len: bytes
 *
 * Persistent and shared memory is written past the caches; other memory has nothing to flush.
 *
 * Context: any.
 */
void memory_store(const struct fsdev *fsdev, void *to, const void *from, size_t len)
{
	if (fsdev->past_caches)
		memcpy_flushcache(to, from, len);
	else
		memcpy(to, from, len);
}

/**
 * memory_refresh() - have the next loads come from the memory, not from this host's caches
 * @mem: address from memory_address()
 * @len: bytes that are contiguous from there on, at most MEMORY_STEP: the kernel's function takes
 *	32 bits of them
 *
 * What this host has stored there is written back first. See MEMORY_CAN_REFRESH for what another
 * processor of it stores in between.
 *
 * Context: any; where MEMORY_CAN_REFRESH.
 */
void memory_refresh(void *mem, size_t len)
{
	arch_wb_cache_pmem(mem, len);
	/* orders its own work after what is in front of it */
	arch_invalidate_pmem(mem, len);
}

/**
 * memory_refresh_range() - refresh a range of a device
 * @fsdev: the device
 * @offset: device offset in bytes
 * @len: bytes; what lies outside the device is left out, and so are poisoned pages: to write a line
 *	of theirs back would store to them
 *
 * Context: may sleep.
 * Return: how many bytes were refreshed.
 */
u64 memory_refresh_range(const struct fsdev *fsdev, u64 offset, u64 len)
{
	u64 done = 0;

	while (len) {
		u64 run, n;
		void *mem = memory_address(fsdev, offset, &run);
		u64 most = min3(run, len, (u64)MEMORY_STEP);

		if (!mem)
			break;
		n = poison_good(&fsdev->poison, offset, most);
		if (n)
			memory_refresh(mem, n);
		done += n;
		if (!n)
			n = min_t(u64, most, PAGE_SIZE - offset_in_page(offset));
		offset += n;
		len -= n;
		cond_resched();
	}
	return done;
}
