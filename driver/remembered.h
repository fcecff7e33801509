/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Remembered poison: what is known of an earlier binding or boot.
 */
#ifndef FSDEV_REMEMBERED_H
#define FSDEV_REMEMBERED_H

#include <linux/sysfs.h>
#include <linux/types.h>

struct fsdev;
struct rangemap;

/* The most ranges that wait for devices to be bound. */
#define REMEMBERED_MAX 65536

typedef int (remembered_add_t)(struct fsdev *fsdev, u64 offset, u64 len);

extern const struct attribute_group remembered_group;

int __must_check remembered_each(struct fsdev *fsdev, const struct rangemap *map, u64 from,
				 remembered_add_t *add);
void remembered_taken(const struct rangemap *map, u64 from);
int __must_check remembered_add(u64 phys, u64 len);
void remembered_exit(void);

#endif
