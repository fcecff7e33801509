/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Owners and watchers: descriptors that own a device or listen to its events.
 */
#ifndef FSDEV_CHARDEV_OWNER_H
#define FSDEV_CHARDEV_OWNER_H

#include <linux/compiler.h>
#include <linux/types.h>

struct chardev_file;

long chardev_own(struct chardev_file *file, void __user *argument);
long chardev_watch(struct chardev_file *file, void __user *argument);
bool chardev_is_owner(const struct chardev_file *file);
void chardev_unclaim(struct chardev_file *file);

#endif
