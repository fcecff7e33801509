/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel types: is the kernel that runs the one that layout.h was made from?
 */
#ifndef FSDEV_KERNEL_TYPES_H
#define FSDEV_KERNEL_TYPES_H

int kernel_types_check(void);

#endif
