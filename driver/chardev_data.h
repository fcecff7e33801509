/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory itself through the character device: read() and write() of a descriptor that neither
 * owns the device nor watches it.
 */
#ifndef FSDEV_CHARDEV_DATA_H
#define FSDEV_CHARDEV_DATA_H

#include <linux/types.h>

struct file;

ssize_t chardev_data_read(struct file *handle, char __user *to, size_t size, loff_t *pos);
ssize_t chardev_data_write(struct file *handle, const char __user *from, size_t size, loff_t *pos);
loff_t chardev_data_seek(struct file *handle, loff_t offset, int whence);
int chardev_data_sync(struct file *handle);

#endif
