/* SPDX-License-Identifier: GPL-2.0 */
/* The memory blocks that a device in system-ram mode has become. */
#ifndef FSDEVCTL_MEMORY_H
#define FSDEVCTL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"

/**
 * struct memory_block - one block of the kernel's memory
 * @number: as in /sys/devices/system/memory/memoryNUMBER
 * @online: it was online when it was looked at
 * @movable: all of it is in a movable zone, which the kernel can empty
 */
struct memory_block {
	uint64_t number;
	bool online, movable;
};

struct memory_blocks {
	struct memory_block *block;
	unsigned int count, online;
};

int memory_load(const struct device *device, struct memory_blocks *blocks);
void memory_free(struct memory_blocks *blocks);
enum outcome memory_offline(const struct device *device, const struct memory_blocks *blocks);
bool memory_online_at_once(const struct device *device);
void memory_restore(const struct device *device, const struct memory_blocks *blocks);

#endif
