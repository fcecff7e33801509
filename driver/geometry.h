/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Geometry: the one copy of the device's ranges.
 */
#ifndef FSDEV_GEOMETRY_H
#define FSDEV_GEOMETRY_H

#include <linux/types.h>

#include "core/rangemap.h"

struct dev_dax;

/**
 * struct geometry - a copy of a device's ranges
 * @nr: how many
 * @range: the ranges, in device order
 *
 * Immutable once geometry_read() has returned it.
 */
struct geometry {
	u32 nr;
	struct rangemap_range range[];
};

struct geometry *geometry_read(struct dev_dax *dev_dax);
struct geometry *geometry_added(const struct geometry *old, const struct geometry *now);
u64 geometry_bytes(const struct geometry *geometry);

#endif
