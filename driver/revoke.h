/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Revocation: no process has the memory mapped and no file names it.
 */
#ifndef FSDEV_REVOKE_H
#define FSDEV_REVOKE_H

#include <linux/compiler.h>
#include <linux/types.h>

struct fsdev;
struct fsdev_part;
struct fsdev_super;
struct page;

/**
 * struct revoke - the file systems of a device that is being unbound
 * @supers: those that were mounted from the disk
 * @parts: the disk and its partitions
 *
 * Written by the unbinding task only.
 */
struct revoke {
	struct fsdev_super *supers;
	struct fsdev_part *parts;
};

bool __must_check revoke_note_supers(struct fsdev *fsdev);
u64 revoke_holder_start(const struct fsdev *fsdev);
bool __must_check revoke_wait_swap(struct fsdev *fsdev);
void revoke_lost_swap(struct fsdev *fsdev);
bool __must_check revoke_mappings(struct fsdev *fsdev);
void revoke_poisoned(struct page *page);
void revoke_note_lost(struct page *page);

#endif
