/* SPDX-License-Identifier: GPL-2.0 */
/* Device offsets and physical addresses of one device. */
#ifndef FSDEVCTL_GEOMETRY_H
#define FSDEVCTL_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

struct device;

bool device_phys(const struct device *device, uint64_t offset, uint64_t *phys);
bool device_offset(const struct device *device, uint64_t phys, uint64_t *offset);

#endif
