/* SPDX-License-Identifier: GPL-2.0 */
/* Growing a device that is bound to fsdev, and the file system on it. */
#ifndef FSDEVCTL_GROW_H
#define FSDEVCTL_GROW_H

#include "device.h"
#include "fsgrow.h"
#include "region.h"

/**
 * struct grow_options - what a device is to grow by
 * @size: bytes of free memory of its region; 0 for none
 * @range: this piece of it; a length of 0 for none
 * @all: all of it
 * @fs: the file system that is mounted from it as well
 * @persist: change the section of the configuration that is about it
 * @dry_run: only say what would be done
 * @dir: the folder of the configuration
 */
struct grow_options {
	uint64_t size;
	struct span range;
	bool all, fs, persist, dry_run;
	const char *dir;
};

/**
 * struct grow_result - what a device has grown by, or would
 * @before: bytes of its disk before
 * @after: and after
 * @range: ranges that became capacity
 * @ranges: how many
 * @appended: how many of them, the last ones, were appended by this growth
 * @fs: the file system that has grown; its type is empty without
 */
struct grow_result {
	uint64_t before, after;
	struct span *range;
	unsigned int ranges, appended;
	struct fsgrow fs;
};

enum outcome grow(struct devices *devices, const char *name, const struct grow_options *options,
		  struct grow_result *result);
void grow_free(struct grow_result *result);
enum outcome grow_shrink(const struct device *device, uint64_t size);

#endif
