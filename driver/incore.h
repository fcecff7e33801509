/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Incore: an inode that is not in use is none that XFS fails to get, when it looks for the files
 * that have a failing page.
 */
#ifndef FSDEV_INCORE_H
#define FSDEV_INCORE_H

int incore_init(void);
void incore_hook(void);
void incore_exit(void);

#endif
