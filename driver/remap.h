/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Remap: before blocks of a DAX file become shared, its entries of 2 MiB go.
 */
#ifndef FSDEV_REMAP_H
#define FSDEV_REMAP_H

#include <linux/types.h>

struct inode;
struct redirect;

extern struct redirect remap_prep_redirect, remap_range_redirect;

void remap_exit(void);
bool remap_running_from(const struct inode *inode);

#endif
