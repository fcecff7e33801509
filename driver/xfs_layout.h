/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XFS layout: is XFS as it runs the one that layout.h was made from?
 */
#ifndef FSDEV_XFS_LAYOUT_H
#define FSDEV_XFS_LAYOUT_H

#include <linux/types.h>

struct module;

bool xfs_layout_fits(const struct module *xfs);

#endif
