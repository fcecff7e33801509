/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared memory: devices whose memory other hosts write, where no hardware keeps caches coherent.
 */
#ifndef FSDEV_SHARED_H
#define FSDEV_SHARED_H

#include <linux/types.h>

struct attribute_group;
struct fsdev;

extern const struct attribute_group shared_group;

int shared_start(struct fsdev *fsdev);
void shared_stop(struct fsdev *fsdev);
void shared_exit(void);

#endif
