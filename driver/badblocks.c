// SPDX-License-Identifier: GPL-2.0
/*
 * Bad blocks: a listener of the poison set that mirrors it in the block device's list. It is for
 * people: a failing page is shown once its holder has been notified, unless it is repaired by then;
 * one that a read of the driver has found at once.
 *
 * The kernel's list has MAX_BADBLOCKS entries and shows the first ranges; pages beyond them are
 * poisoned all the same. A full list is filled anew and not added to: 6.12 would widen its first
 * entry, with a warning that counts the new sectors twice.
 */
#include <linux/blkdev.h>

#include "badblocks.h"
#include "device.h"
#include "memory.h"

/* The list may end before the last poisoned range. */
static bool mirror_full(const struct badblocks *list)
{
	return list->count >= MAX_BADBLOCKS;
}

static void mirror_add(struct badblocks *list, u64 offset, u64 len)
{
	compat_badblocks_set(list, offset >> SECTOR_SHIFT, len >> SECTOR_SHIFT);
}

static void mirror_refill(struct fsdev *fsdev)
{
	struct badblocks *list = &fsdev->badblocks.list;
	struct poison_piece piece;
	u64 at = 0;

	compat_badblocks_clear(list, 0, memory_size(fsdev) >> SECTOR_SHIFT);
	while (!mirror_full(list) && memory_next_poison(fsdev, &at, &piece))
		mirror_add(list, piece.offset, piece.len);
}

/* Pages that became good are no longer in the set. Caller holds the poison lock. */
static void mirror_changed(struct poison_listener *listener, u64 offset, u64 len, bool poisoned)
{
	struct badblocks_mirror *mirror = container_of(listener, struct badblocks_mirror, listener);
	struct fsdev *fsdev = container_of(mirror, struct fsdev, badblocks);

	if (mirror_full(&mirror->list))
		mirror_refill(fsdev);
	else if (poisoned)
		mirror_add(&mirror->list, offset, len);
	else if (!compat_badblocks_clear(&mirror->list, offset >> SECTOR_SHIFT,
					 len >> SECTOR_SHIFT))
		mirror_refill(fsdev);
}

/**
 * badblocks_mirror_stop() - undo badblocks_mirror_start()
 * @fsdev: a device that has no disk any more
 *
 * Context: removal; may sleep.
 */
void badblocks_mirror_stop(struct fsdev *fsdev)
{
	poison_lock(&fsdev->poison);
	poison_unlisten(&fsdev->poison, &fsdev->badblocks.listener);
	badblocks_exit(&fsdev->badblocks.list);
	poison_unlock(&fsdev->poison);
}

/**
 * badblocks_mirror_start() - fill the block device's list of bad blocks, and keep it true
 * @fsdev: the device
 *
 * Context: probe, before the disk is made; may sleep. Undone by badblocks_mirror_stop().
 * Return: 0 or -ENOMEM.
 */
int badblocks_mirror_start(struct fsdev *fsdev)
{
	int rc;

	fsdev->badblocks.listener.changed = mirror_changed;
	poison_lock(&fsdev->poison);
	rc = badblocks_init(&fsdev->badblocks.list, 1);
	if (!rc) {
		mirror_refill(fsdev);
		poison_listen(&fsdev->poison, &fsdev->badblocks.listener);
	}
	poison_unlock(&fsdev->poison);
	return rc;
}
