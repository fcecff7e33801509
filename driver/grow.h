/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Growth: ranges that the bus has given a bound device become part of it.
 */
#ifndef FSDEV_GROW_H
#define FSDEV_GROW_H

struct attribute_group;

extern const struct attribute_group grow_group;

#endif
