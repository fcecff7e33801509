/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clamp: DAX mappings are cut to what is contiguous and free of poison before fs/dax.c uses them.
 */
#ifndef FSDEV_CLAMP_H
#define FSDEV_CLAMP_H

#include <linux/bits.h>
#include <linux/pfn.h>
#include <linux/types.h>

struct fsdev;

/* An address on a DAX device, in bytes, that none has: a mapping to be refused gets it. */
#define CLAMP_REFUSED BIT_ULL(62)
#define CLAMP_REFUSED_PGOFF PHYS_PFN(CLAMP_REFUSED)

/**
 * struct clamp - what a device needs
 * @on: mappings of DAX files are clamped for it; protected by clamp.c's lock
 */
struct clamp {
	bool on;
};

int clamp_get(struct fsdev *fsdev);
void clamp_stop(struct fsdev *fsdev);
int clamp_init(void);
void clamp_exit(void);

#endif
