/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cow: no entry of a DAX file outlives the blocks that copy-on-write has replaced.
 */
#ifndef FSDEV_COW_H
#define FSDEV_COW_H

#include <linux/types.h>

struct inode;
struct xfs_hook;

extern struct xfs_hook cow_end_hook, cow_cancel_hook;

/**
 * enum cow_kind - what a copy-on-write that is about to begin is
 * @COW_WRITE: a write()
 * @COW_LOCKED: of a task that holds the file's invalidate_lock exclusively
 * @COW_NOTHING: the same, and nothing will have been copied: its end is to cancel it
 */
enum cow_kind { COW_WRITE, COW_LOCKED, COW_NOTHING };

int cow_init(void);
void cow_hooked(bool hooked);
void cow_exit(void);
bool cow_begin(struct inode *inode, enum cow_kind kind);
void cow_forget(void);

#endif
