/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands of the character device.
 */
#ifndef FSDEV_CHARDEV_IOCTL_H
#define FSDEV_CHARDEV_IOCTL_H

struct file;

long chardev_ioctl(struct file *handle, unsigned int number, unsigned long argument);

#endif
