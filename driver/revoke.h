/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Revocation: no process has the memory mapped and no file names it.
 */
#ifndef FSDEV_REVOKE_H
#define FSDEV_REVOKE_H

#include <linux/compiler.h>

struct fsdev;
struct page;

bool __must_check revoke_mappings(struct fsdev *fsdev);
void revoke_poisoned(struct page *page);
void revoke_note_lost(struct page *page);

#endif
