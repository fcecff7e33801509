/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The block device.
 */
#ifndef FSDEV_DISK_H
#define FSDEV_DISK_H

#include <linux/types.h>

struct compat_disk_claim;
struct fsdev;

int disk_add(struct fsdev *fsdev);
void disk_grow(struct fsdev *fsdev);
void disk_forbid_writes(struct fsdev *fsdev);
void disk_hide(struct fsdev *fsdev);
void disk_delete(struct fsdev *fsdev);
void disk_put(struct fsdev *fsdev);
void disk_look_for_claims(struct fsdev *fsdev);
int disk_hold_off(struct fsdev *fsdev, bool write);
void disk_let_in(struct fsdev *fsdev, bool write);
int disk_claim(struct fsdev *fsdev, void *holder, struct compat_disk_claim *claim);
void disk_unclaim(struct compat_disk_claim *claim);

#endif
