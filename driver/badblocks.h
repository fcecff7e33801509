/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bad blocks: what the block device shows of the poison in sysfs.
 */
#ifndef FSDEV_BADBLOCKS_H
#define FSDEV_BADBLOCKS_H

#include <linux/badblocks.h>

#include "poison.h"

struct fsdev;

/**
 * struct badblocks_mirror - the block device's list of bad blocks
 * @list: the first MAX_BADBLOCKS poisoned ranges; protected by the poison lock
 * @listener: keeps it true
 */
struct badblocks_mirror {
	struct badblocks list;
	struct poison_listener listener;
};

int badblocks_mirror_start(struct fsdev *fsdev);
void badblocks_mirror_stop(struct fsdev *fsdev);

#endif
