/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What fs/dax.c and XFS of older kernels get wrong.
 */
#ifndef FSDEV_COMPAT_IOMAP_H
#define FSDEV_COMPAT_IOMAP_H

#include <linux/version.h>

/* Nothing in the types tells these two from later kernels. */
#if KERNEL_VERSION(6, 2, 0) > LINUX_VERSION_CODE
#define COMPAT_BEFORE_6_2 true
#else
#define COMPAT_BEFORE_6_2 false
#endif

/*
 * Before 6.2 dax_dedupe_file_range_compare() compares every extent of the destination with the
 * source's first bytes, so that it can call different files the same.
 */
#define COMPAT_DAX_DEDUPE_WRONG COMPAT_BEFORE_6_2

/* Before 6.2 XFS zeroes DAX files by operations that have no ->iomap_end(). */
#define COMPAT_DAX_ZERO_UNENDED COMPAT_BEFORE_6_2

/*
 * Before 6.2 copy-on-write leaves what the new blocks held before around the bytes that are written
 * where the source has no data, and copies from blocks that are unwritten.
 */
#define COMPAT_DAX_COW_UNZEROED COMPAT_BEFORE_6_2

/* Before 6.2 a write that copies on write leaves the file's old pages mapped meanwhile. */
#define COMPAT_DAX_COW_MAPPED COMPAT_BEFORE_6_2

/* Before 6.2 XFS sets IOMAP_F_SHARED for writes only. */
#define COMPAT_IOMAP_READS_UNSHARED COMPAT_BEFORE_6_2

#endif
