// SPDX-License-Identifier: GPL-2.0
/*
 * The region that a dynamic device is a part of. The kernel shows a region's size and the ranges of
 * each device in it; what no device has is free. It has no attribute for a region's first address,
 * which is looked for in what else the kernel shows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "region.h"
#include "sysfs.h"

#define SUBSECTION (2ull << 20)		/* no page: what the kernel has page structures for */
#define FIRMWARE_ENTRIES 1024

/* The ranges of all devices of one region, in the order of their addresses. */
struct used {
	struct span *span;
	unsigned int count;
	uint64_t sum;
};

static int by_start(const void *a, const void *b)
{
	const struct span *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

static int add(struct span **list, unsigned int *count, uint64_t start, uint64_t len)
{
	struct span *more = realloc(*list, (*count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	*list = more;
	more[*count].start = start;
	more[(*count)++].len = len;
	return 0;
}

static bool in_region(const struct device *one, const struct device *device)
{
	return one->region == device->region && !strcmp(one->region_path, device->region_path);
}

static int used_load(const struct devices *devices, const struct device *device, struct used *used)
{
	for (unsigned int i = 0; i < devices->count; i++) {
		const struct device *one = &devices->device[i];

		if (!in_region(one, device))
			continue;
		if (one->size && !one->addresses_known)
			return -EACCES;
		for (unsigned int j = 0; j < one->nr_ranges; j++) {
			int rc = add(&used->span, &used->count, one->ranges[j].start,
				     one->ranges[j].len);

			if (rc)
				return rc;
			used->sum += one->ranges[j].len;
		}
	}
	if (!used->count)
		return -ENODATA;
	qsort(used->span, used->count, sizeof(*used->span), by_start);
	return 0;
}

/* Whether a region that starts there has all ranges of its devices. */
static bool can_start(const struct region *region, const struct used *used, uint64_t start)
{
	const struct span *last = &used->span[used->count - 1];

	return start <= used->span[0].start && region->size <= UINT64_MAX - start &&
		last->start + last->len <= start + region->size;
}

/* A device without memory lies where its region starts. */
static bool start_of_empty(const struct devices *devices, const struct device *device,
			   uint64_t *start)
{
	for (unsigned int i = 0; i < devices->count; i++) {
		const struct device *one = &devices->device[i];

		if (!in_region(one, device) || one->size || !one->resource ||
		    one->resource == UINT64_MAX)
			continue;
		*start = one->resource;
		return true;
	}
	return false;
}

static bool start_of_cxl(const struct device *device, uint64_t *start)
{
	return !strcmp(device->kind, "cxl") &&
		!sysfs_number(start, "/sys/devices%s/../resource", device->region_path);
}

/* An entry of the kernel's memory map that is as large, and has all of the devices' ranges. */
static bool start_in_iomem(const struct region *region, const struct used *used, uint64_t *start)
{
	FILE *file = fopen("/proc/iomem", "re");
	unsigned long long from, to;
	char line[256];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %llx-%llx", &from, &to) != 2 || to - from + 1 != region->size)
			continue;
		*start = from;
		found = can_start(region, used, from);
	}
	if (file)
		fclose(file);
	return found;
}

/* The same in the firmware's map. */
static bool start_in_firmware(const struct region *region, const struct used *used, uint64_t *start)
{
	uint64_t end;

	for (unsigned int i = 0; i < FIRMWARE_ENTRIES; i++) {
		if (sysfs_number(start, "/sys/firmware/memmap/%u/start", i) ||
		    sysfs_number(&end, "/sys/firmware/memmap/%u/end", i))
			return false;
		if (end - *start + 1 == region->size && can_start(region, used, *start))
			return true;
	}
	return false;
}

static int find_start(const struct devices *devices, const struct device *device,
		      const struct used *used, struct region *region)
{
	const struct span *first = &used->span[0], *last = &used->span[used->count - 1];
	uint64_t start = 0;

	region->start_known = true;
	if ((start_of_empty(devices, device, &start) && can_start(region, used, start)) ||
	    (start_of_cxl(device, &start) && can_start(region, used, start)) ||
	    start_in_iomem(region, used, &start) || start_in_firmware(region, used, &start)) {
		region->start = start;
		return 0;
	}
	region->start = first->start;
	region->start_known = last->start + last->len - first->start == region->size;
	return can_start(region, used, region->start) ? 0 : -ENODATA;
}

/* What of a free piece is whole granules. */
static int add_hole(struct region *region, uint64_t from, uint64_t to)
{
	uint64_t mask = region->granule - 1;
	int rc;

	from = (from + mask) & ~mask;
	to &= ~mask;
	if (from >= to)
		return 0;
	rc = add(&region->hole, &region->holes, from, to - from);
	if (!rc)
		region->free += to - from;
	return rc;
}

static int find_holes(const struct used *used, struct region *region)
{
	uint64_t from = region->start;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < used->count; i++) {
		rc = add_hole(region, from, used->span[i].start);
		from = used->span[i].start + used->span[i].len;
	}
	return rc ? rc : add_hole(region, from, region->start + region->size);
}

static int look(const struct devices *devices, const struct device *device, struct used *used,
		struct region *region)
{
	uint64_t available;
	int rc;

	if (sysfs_number(&available, "/sys/devices%s/dax_region/available_size",
			 device->region_path))
		return -EOPNOTSUPP;
	rc = sysfs_number(&region->size, "/sys/devices%s/dax_region/size", device->region_path);
	if (!rc)
		rc = used_load(devices, device, used);
	if (rc)
		return rc;
	/* a device came, went or changed between the two */
	if (used->sum > region->size || region->size - used->sum != available)
		return -EAGAIN;
	rc = find_start(devices, device, used, region);
	return rc ? rc : find_holes(used, region);
}

/**
 * region_granule() - get what a device's ranges have to be aligned to
 * @device: the device
 *
 * Return: bytes.
 */
uint64_t region_granule(const struct device *device)
{
	return device->align > SUBSECTION ? device->align : SUBSECTION;
}

/**
 * region_load() - find the free memory of a device's region
 * @devices: all devices
 * @device: the device
 * @region: its region; freed by region_free() whatever comes back
 *
 * Return: 0; -EOPNOTSUPP for a region whose memory cannot be divided (NVDIMM); -EACCES where this
 * user may not see addresses; -EAGAIN where devices of the region change at this moment; or another
 * negative errno.
 */
int region_load(const struct devices *devices, const struct device *device, struct region *region)
{
	struct used used = { 0 };
	int rc;

	memset(region, 0, sizeof(*region));
	region->granule = region_granule(device);
	rc = look(devices, device, &used, region);
	free(used.span);
	return rc;
}

/**
 * region_free() - free what region_load() made
 * @region: the region
 */
void region_free(struct region *region)
{
	free(region->hole);
	memset(region, 0, sizeof(*region));
}

/**
 * region_hole() - find the hole that a piece of memory lies in
 * @region: the region
 * @start: physical address
 * @len: bytes
 *
 * Return: the hole, or NULL where not all of it is free.
 */
const struct span *region_hole(const struct region *region, uint64_t start, uint64_t len)
{
	for (unsigned int i = 0; i < region->holes; i++) {
		const struct span *hole = &region->hole[i];

		if (start >= hole->start && len <= hole->len &&
		    start - hole->start <= hole->len - len)
			return hole;
	}
	return NULL;
}

/* The smallest hole that is large enough, else the largest; of equal ones the lowest. */
static struct span *best(struct span *holes, unsigned int count, uint64_t size)
{
	struct span *best = NULL;

	for (unsigned int i = 0; i < count; i++) {
		struct span *one = &holes[i];
		bool fits = one->len >= size;

		if (!one->len)
			continue;
		if (!best || (fits && best->len < size) ||
		    (fits ? one->len < best->len : one->len > best->len && best->len < size))
			best = one;
	}
	return best;
}

/* The holes from an address on, to be used up. */
static struct span *holes_above(const struct region *region, uint64_t above, unsigned int *count,
				uint64_t *sum)
{
	struct span *holes = calloc(region->holes ? region->holes : 1, sizeof(*holes));

	*count = 0;
	*sum = 0;
	for (unsigned int i = 0; holes && i < region->holes; i++) {
		if (region->hole[i].start < above)
			continue;
		holes[(*count)++] = region->hole[i];
		*sum += region->hole[i].len;
	}
	return holes;
}

/**
 * region_choose() - choose free memory for new ranges
 * @region: the region
 * @size: bytes, whole granules
 * @above: memory from this address on is preferred, if that is enough
 * @chosen: the pieces, in the order of their addresses; to be freed by the caller
 * @count: how many; as few as can be
 *
 * Return: 0; -ENOSPC where less is free; -ENOMEM.
 */
int region_choose(const struct region *region, uint64_t size, uint64_t above, struct span **chosen,
		  unsigned int *count)
{
	unsigned int holes;
	struct span *hole;
	uint64_t sum;
	int rc = 0;

	*chosen = NULL;
	*count = 0;
	if (size > region->free)
		return -ENOSPC;
	hole = holes_above(region, above, &holes, &sum);
	if (hole && sum < size) {
		free(hole);
		hole = holes_above(region, 0, &holes, &sum);
	}
	if (!hole)
		return -ENOMEM;
	while (size && !rc) {
		struct span *one = best(hole, holes, size);
		uint64_t len = one->len < size ? one->len : size;

		rc = add(chosen, count, one->start, len);
		one->len = 0;
		size -= len;
	}
	free(hole);
	if (*count)
		qsort(*chosen, *count, sizeof(**chosen), by_start);
	return rc;
}
