/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Failure: from a failing page to the bad ranges and to the file system that has it.
 */
#ifndef FSDEV_FAILURE_H
#define FSDEV_FAILURE_H

#include <linux/types.h>

struct dev_pagemap_ops;
struct fsdev;

extern const struct dev_pagemap_ops failure_pagemap_ops;
int failure_prepare(struct fsdev *fsdev);
int failure_start(struct fsdev *fsdev);
void failure_end(struct fsdev *fsdev);
void failure_lock(struct fsdev *fsdev);
void failure_unlock(struct fsdev *fsdev);
bool failure_settled(struct fsdev *fsdev);
void failure_read_error(struct fsdev *fsdev, u64 offset);
int failure_repaired(struct fsdev *fsdev, u64 offset, u64 len);
int failure_add_known(struct fsdev *fsdev, u64 offset, u64 len);
int failure_scrub(struct fsdev *fsdev, u64 offset, u64 len, u64 *done);
int failure_inject(struct fsdev *fsdev, u64 offset, u64 len, u64 *done);

#endif
