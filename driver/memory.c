// SPDX-License-Identifier: GPL-2.0
/*
 * Memory: addresses of a device's memory, and stores to it.
 */
#include <linux/io.h>
#include <linux/libnvdimm.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "device.h"
#include "memory.h"
#include "poison.h"

/* How much of a page is read at a time: it is on the stack. */
#define READ_PIECE 256

/* The most bytes that are refreshed without giving the processor up. */
#define MEMORY_STEP SZ_1M

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

	*len = rangemap_lookup(&fsdev->map, offset, &phys);
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

	rangemap_lookup(&fsdev->map, offset, &phys);
	return PHYS_PFN(phys);
}

/**
 * memory_reads() - can a page be read?
 * @fsdev: the device
 * @offset: device offset of the page
 *
 * Context: any. Reading poison raises a machine check that the kernel survives.
 * Return: false if a machine-check-safe copy of it comes back short.
 */
bool memory_reads(const struct fsdev *fsdev, u64 offset)
{
	u8 piece[READ_PIECE];
	u64 run;
	const void *mem = memory_address(fsdev, offset, &run);

	for (size_t at = 0; at < PAGE_SIZE; at += sizeof(piece))
		if (copy_mc_to_kernel(piece, mem + at, sizeof(piece)))
			return false;
	return true;
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
 * @len: bytes that are contiguous from there on
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
