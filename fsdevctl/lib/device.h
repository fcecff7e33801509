/* SPDX-License-Identifier: GPL-2.0 */
/* The machine's DAX devices, as the tool sees them. */
#ifndef FSDEVCTL_DEVICE_H
#define FSDEVCTL_DEVICE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "geometry.h"
#include "mode.h"
#include "say.h"

#define DAX_BUS "/sys/bus/dax"
#define DEVICE_NAME 32
#define KIND_UNKNOWN "other"

/**
 * struct device_range - a range that is contiguous in physical memory
 * @start: physical address
 * @len: bytes
 * @offset: where it lies in the device
 */
struct device_range {
	uint64_t start, len, offset;
};

/* A bad range, in device offsets. */
struct device_bad {
	uint64_t offset, len;
};

/**
 * struct device - one DAX device
 * @name: such as dax0.0
 * @driver: the name of its driver, empty without one
 * @mode: what that driver makes of it
 * @interrupted: a change of mode was cut off: the mode it had before, else MODE_OTHER
 * @region_path: its region below /sys/devices
 * @region: number of its region
 * @read_only: its memory, or its block device, must not be written
 * @shared: other hosts write to its memory, as the driver has been told
 * @is_static: made by a subsystem with one fixed range (NVDIMM)
 * @size: bytes
 * @align: its alignment on the bus
 * @resource: physical address of its first range, 0 if the kernel does not tell
 * @node: NUMA node that it is near to, or would become
 * @ranges: its ranges, in device order
 * @nr_ranges: how many
 * @addresses_known: the kernel tells @resource and @ranges to this user
 * @bad_known: @bad is what the driver says
 * @disk: its block device without /dev/, empty outside fsdev mode
 * @kind: where it comes from: "nvdimm", "cxl", "soft-reserved" or KIND_UNKNOWN
 * @nvdimm_uuid: of its namespace, empty for others
 * @uuid: of the device itself, where the kernel has one (the tag of dynamic capacity); else empty
 * @namespace: name of its namespace, empty for others
 * @cxl_region: name of its CXL region, empty for others
 * @cxl_serials: serial numbers of the CXL memory devices in that region
 * @nr_serials: how many
 * @cxl_start: physical address at which that region starts
 * @cxl_arrangement: what decides where in that region an address of a memory device lies: granularity,
 *	bytes of the region, serial numbers in the order of their positions, each with "@" and the device's
 *	own address of the region's part, where that is not 0; empty for others
 * @bad: bad ranges, in device order
 * @nr_bad: how many
 * @bad_bytes: bytes in them
 */
struct device {
	char name[DEVICE_NAME], driver[DEVICE_NAME];
	enum mode mode, interrupted;
	char region_path[PATH_MAX];
	unsigned int region;
	bool read_only, shared;
	bool is_static;
	uint64_t size, align, resource;
	int node;
	struct device_range *ranges;
	unsigned int nr_ranges;
	bool addresses_known, bad_known;
	char disk[DEVICE_NAME];
	const char *kind;
	char nvdimm_uuid[37], uuid[37];
	char namespace[DEVICE_NAME], cxl_region[DEVICE_NAME];
	uint64_t *cxl_serials;
	unsigned int nr_serials;
	uint64_t cxl_start;
	char cxl_arrangement[704];
	struct device_bad *bad;
	unsigned int nr_bad;
	uint64_t bad_bytes;
};

struct devices {
	struct device *device;
	unsigned int count;
};

/* The lowest address: a device's first byte need not lie in its lowest range. */
static inline uint64_t device_lowest(const struct device *device)
{
	uint64_t low = UINT64_MAX;

	for (unsigned int i = 0; i < device->nr_ranges; i++)
		if (device->ranges[i].start < low)
			low = device->ranges[i].start;
	return low;
}

enum outcome devices_load(struct devices *devices);
enum outcome devices_load_brief(struct devices *devices);
void devices_free(struct devices *devices);
enum mode device_mode_now(const struct device *device);
bool device_named_is_ours(void);
int device_bad_load(struct device *device);

#endif
