/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The character device.
 */
#ifndef FSDEV_CHARDEV_H
#define FSDEV_CHARDEV_H

#include <linux/types.h>

struct fsdev;

int chardev_create(struct fsdev *fsdev);
int chardev_attach(struct fsdev *fsdev);
int chardev_open(struct fsdev *fsdev);
void chardev_event(struct fsdev *fsdev, u32 kind, u32 flags, u64 offset, u64 len);

#endif
