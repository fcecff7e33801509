/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cow: no entry of a DAX file outlives the blocks that copy-on-write has replaced.
 */
#ifndef FSDEV_COW_H
#define FSDEV_COW_H

#include <linux/types.h>

struct inode;

int cow_init(void);
int cow_start(void);
void cow_stop(void);
void cow_exit(void);
bool cow_begin(struct inode *inode, bool locked);
void cow_forget(void);

#endif
