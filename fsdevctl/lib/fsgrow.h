/* SPDX-License-Identifier: GPL-2.0 */
/* Growing a mounted file system to the size of its disk. */
#ifndef FSDEVCTL_FSGROW_H
#define FSDEVCTL_FSGROW_H

#include <limits.h>

#include "device.h"

/**
 * struct fsgrow - a mounted file system that can grow
 * @type: xfs or ext4; empty where there is none
 * @dir: where it is mounted
 * @disk: what from, such as /dev/fsdev0.0
 */
struct fsgrow {
	char type[8];
	char dir[PATH_MAX];
	char disk[64];
};

enum outcome fsgrow_find(const struct device *device, struct fsgrow *fs);
void fsgrow_words(const struct fsgrow *fs, const char *words[3]);
enum outcome fsgrow_run(const struct device *device, const struct fsgrow *fs);

#endif
