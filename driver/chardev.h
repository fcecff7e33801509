/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The character device.
 */
#ifndef FSDEV_CHARDEV_H
#define FSDEV_CHARDEV_H

struct fsdev;

int chardev_create(struct fsdev *fsdev);
int chardev_attach(struct fsdev *fsdev);
int chardev_open(struct fsdev *fsdev);
void chardev_close(struct fsdev *fsdev);
void chardev_detach(struct fsdev *fsdev);
void chardev_put(struct fsdev *fsdev);

#endif
