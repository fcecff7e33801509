/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The platform: its list of poisoned memory, its command to clear poison, and its flush.
 */
#ifndef FSDEV_PLATFORM_H
#define FSDEV_PLATFORM_H

#include <linux/types.h>

struct bio;
struct device;
struct fsdev;
struct nd_region;

/**
 * struct platform - how stores to the memory become durable
 * @region: of the NVDIMM bus; NULL for other memory
 * @flush: the region's flush, of libnvdimm; NULL for other memory
 * @cached: a store is durable only once its cache line is written back
 * @synchronous: it is then; else only after @flush as well
 * @read_only: the memory must not be written
 *
 * Written in probe; @read_only may become true later.
 */
struct platform {
	struct nd_region *region;
	int (*flush)(struct nd_region *nd_region, struct bio *bio);
	bool cached;
	bool synchronous;
	bool read_only;
};

int platform_start(struct fsdev *fsdev);
void platform_stop(struct fsdev *fsdev);
int platform_flush(struct fsdev *fsdev);
struct device *platform_region(struct fsdev *fsdev);
bool platform_asks_read_only(struct fsdev *fsdev);

typedef int (platform_add_t)(struct fsdev *fsdev, u64 offset, u64 len);

int platform_clear(struct fsdev *fsdev, phys_addr_t phys, unsigned int len);
void platform_note_repaired(struct fsdev *fsdev, phys_addr_t phys);
void platform_note_lost(struct fsdev *fsdev, phys_addr_t phys);
void platform_note_poison(phys_addr_t phys, u64 len);
void platform_exit(void);
void platform_each_unrepaired(struct fsdev *fsdev, u64 offset, u64 len, platform_add_t *add);
void platform_each_poison(struct fsdev *fsdev, platform_add_t *add);

#endif
