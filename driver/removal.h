/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Removal: undoes what probe has done.
 */
#ifndef FSDEV_REMOVAL_H
#define FSDEV_REMOVAL_H

#include <linux/types.h>

struct fsdev;

/**
 * enum removal_stage - how far probe has come: what there is to undo
 * @STAGE_CREATED: struct fsdev
 * @STAGE_PARENT: parent_precede()
 * @STAGE_PLATFORM: platform_start(), shared_start()
 * @STAGE_CHARDEV: chardev_create()
 * @STAGE_DAX: access_create()
 * @STAGE_POISON: failure_prepare(); direct_map_get(), which is not undone
 * @STAGE_PAGEMAP: pagemap_create(); page maps are mapped, or some of them
 * @STAGE_DISCOVER: discover_start()
 * @STAGE_ACCESS: access_start(), unload_watch()
 * @STAGE_COMMANDS: chardev_attach()
 * @STAGE_BADBLOCKS: badblocks_mirror_start()
 * @STAGE_DISK: disk_add()
 * @STAGE_NODE: chardev_open()
 * @STAGE_BOUND: sleep_bind()
 */
enum removal_stage {
	STAGE_CREATED,
	STAGE_PARENT,
	STAGE_PLATFORM,
	STAGE_CHARDEV,
	STAGE_DAX,
	STAGE_POISON,
	STAGE_PAGEMAP,
	STAGE_DISCOVER,
	STAGE_ACCESS,
	STAGE_COMMANDS,
	STAGE_BADBLOCKS,
	STAGE_DISK,
	STAGE_NODE,
	STAGE_BOUND,
};

/**
 * struct removal - the removal of a device
 * @stage: written by probe only; protected by the device_lock
 * @abandoned: the removal has been given up, as the machine goes down; nothing of the device is
 *	freed. Written by the unbinding task only
 */
struct removal {
	enum removal_stage stage;
	bool abandoned;
};

void removal_run(struct fsdev *fsdev);

#endif
