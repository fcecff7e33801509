/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cow: copy-on-write of DAX files other than in a fault, with faults of the file locked out.
 */
#ifndef FSDEV_COW_H
#define FSDEV_COW_H

#include <linux/types.h>

struct file_system_type;
struct inode;
struct redirect;

/**
 * enum cow_verdict - what becomes of copy-on-write that is about to begin
 * @COW_GO: it may go on
 * @COW_AGAIN: it has to fail, and is done again from a copy of what is written
 * @COW_REFUSED: it has to fail: its end cannot be seen
 */
enum cow_verdict { COW_GO, COW_AGAIN, COW_REFUSED };

extern struct redirect cow_rw_redirect, cow_unshare_redirect, cow_zero_redirect;
extern struct redirect cow_end_redirect, cow_cancel_redirect;

void cow_see(void);
enum cow_verdict cow_begin(const struct inode *inode, bool nothing);
void cow_hooked(bool hooked, const struct file_system_type *known);
void cow_init(void);
void cow_exit(void);

#endif
