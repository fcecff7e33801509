/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Remap: before blocks of a DAX file become shared, its entries of 2 MiB go.
 */
#ifndef FSDEV_REMAP_H
#define FSDEV_REMAP_H

#include <linux/types.h>

struct inode;
struct xfs_hook;

extern struct xfs_hook remap_range_hook;

int remap_start(void);
void remap_stop(void);
void remap_exit(void);
bool remap_running_from(const struct inode *inode);

#endif
