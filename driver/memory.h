/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory: addresses of a device's memory, and stores to it.
 */
#ifndef FSDEV_MEMORY_H
#define FSDEV_MEMORY_H

#include <linux/sizes.h>
#include <linux/types.h>

#include "core/rangemap.h"

struct fsdev;
struct poison_piece;

/*
 * Does arch_invalidate_pmem() write back the lines that it invalidates? x86 does (CLFLUSH). Another
 * architecture drops what a processor of this host has stored since they were written back, so that
 * memory is not shared there.
 */
#define MEMORY_CAN_REFRESH IS_ENABLED(CONFIG_X86)

/* The most bytes that are refreshed without giving the processor up. */
#define MEMORY_STEP SZ_1M

void memory_grow(struct fsdev *fsdev, const struct rangemap *map);
bool memory_has_grown(const struct fsdev *fsdev);
u64 memory_lookup(const struct fsdev *fsdev, u64 offset, u64 *phys);
bool memory_offset(const struct fsdev *fsdev, u64 phys, u64 *offset);
bool memory_next(const struct fsdev *fsdev, u64 *phys, u64 *len, struct rangemap_piece *piece);
unsigned int memory_shape(const struct fsdev *fsdev, u64 *size);
u64 memory_size(const struct fsdev *fsdev);
unsigned int memory_ranges(const struct fsdev *fsdev);
void memory_range(const struct fsdev *fsdev, unsigned int i, struct rangemap_piece *piece);

void *memory_address(const struct fsdev *fsdev, u64 offset, u64 *len);
unsigned long memory_pfn(const struct fsdev *fsdev, u64 offset);
bool memory_next_poison(const struct fsdev *fsdev, u64 *from, struct poison_piece *piece);
bool memory_reads_phys(u64 phys);
bool memory_reads(const struct fsdev *fsdev, u64 offset);
void memory_store(const struct fsdev *fsdev, void *to, const void *from, size_t len);

void memory_refresh(void *mem, size_t len);
u64 memory_refresh_range(const struct fsdev *fsdev, u64 offset, u64 len);

#endif
