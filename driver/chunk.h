/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chunks: parts of a large device, each with a page map of its own.
 */
#ifndef FSDEV_CHUNK_H
#define FSDEV_CHUNK_H

#include <linux/range.h>
#include <linux/types.h>

#include "geometry.h"

struct dev_pagemap;
struct dev_pagemap_ops;
struct fsdev;

/**
 * struct chunk - a part of a device's memory that has a page map of its own
 * @fsdev: the device
 * @chunks: what it is one of
 * @pgmap: the page map; of the device if static, ours if dynamic
 * @mapped: the page map is mapped
 * @kept: pagemap_get() has taken a reference; protected by the poison lock
 * @node: where work on it runs best
 * @work: what is being done to it
 * @rc: what came of that
 */
struct chunk {
	struct fsdev *fsdev;
	struct chunks *chunks;
	struct dev_pagemap *pgmap;
	bool mapped;
	bool kept;
	int node;
	int (*work)(struct chunk *chunk);
	int rc;
};

/**
 * struct chunks - the memory that a device had at probe, or that it has grown by
 * @nr: how many; 1 for all but large devices and those of many ranges
 * @threads: how many threads work on them
 * @ops: the operations of their page maps
 * @next: those of the next growth, or NULL; changed with the device_lock and the poison lock held
 * @chunk: the chunks, in device order
 */
struct chunks {
	unsigned int nr;
	unsigned int threads;
	const struct dev_pagemap_ops *ops;
	struct chunks *next;
	struct chunk chunk[];
};

/**
 * struct chunk_place - a place in a device that is being cut
 * @range: in which of its ranges
 * @done: bytes of that in front of the place
 */
struct chunk_place {
	u32 range;
	u64 done;
};

/*
 * The most ranges of a chunk: when a page fails, the kernel goes through those of its page map one
 * by one before it tells us.
 */
#define CHUNK_RANGES_MAX 8

unsigned int chunk_threads(const struct geometry *geometry);
unsigned int chunk_cut(const struct geometry *geometry, struct chunk_place *at, u64 len,
		       struct range *ranges);
int chunk_each(struct chunks *chunks, int (*work)(struct chunk *chunk));

#endif
