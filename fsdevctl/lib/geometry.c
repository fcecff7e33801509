// SPDX-License-Identifier: GPL-2.0
/*
 * Device offsets and physical addresses of one device.
 */
#include "device.h"
#include "geometry.h"

/**
 * device_phys() - translate a device offset to a physical address
 * @device: the device
 * @offset: device offset
 * @phys: physical address
 *
 * Return: whether the device has that byte.
 */
bool device_phys(const struct device *device, uint64_t offset, uint64_t *phys)
{
	for (unsigned int i = 0; i < device->nr_ranges; i++) {
		const struct device_range *range = &device->ranges[i];

		if (offset >= range->offset && offset - range->offset < range->len) {
			*phys = range->start + (offset - range->offset);
			return true;
		}
	}
	return false;
}

/**
 * device_offset() - translate a physical address to a device offset
 * @device: the device
 * @phys: physical address
 * @offset: device offset
 *
 * Return: whether the device has that address.
 */
bool device_offset(const struct device *device, uint64_t phys, uint64_t *offset)
{
	for (unsigned int i = 0; i < device->nr_ranges; i++) {
		const struct device_range *range = &device->ranges[i];

		if (phys >= range->start && phys - range->start < range->len) {
			*offset = range->offset + (phys - range->start);
			return true;
		}
	}
	return false;
}
