/* SPDX-License-Identifier: GPL-2.0 */
/* The region that a dynamic device is a part of, and the memory in it that no device has. */
#ifndef FSDEVCTL_REGION_H
#define FSDEVCTL_REGION_H

#include <stdbool.h>
#include <stdint.h>

struct device;
struct devices;

/* A piece of physical memory. */
struct span {
	uint64_t start, len;
};

/**
 * struct region - a region, and what is free in it
 * @start: physical address of its first byte
 * @start_known: the kernel tells @start; else it is that of the lowest range of a device
 * @size: bytes
 * @granule: what ranges have to be aligned to, in bytes
 * @hole: free pieces, whole granules, in the order of their addresses
 * @holes: how many
 * @free: bytes in them
 */
struct region {
	uint64_t start, size, granule, free;
	bool start_known;
	struct span *hole;
	unsigned int holes;
};

uint64_t region_granule(const struct device *device);
int region_load(const struct devices *devices, const struct device *device, struct region *region);
void region_free(struct region *region);
int region_choose(const struct region *region, uint64_t size, uint64_t above, struct span **chosen,
		  unsigned int *count);
const struct span *region_hole(const struct region *region, uint64_t start, uint64_t len);

#endif
