/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Unload: holders whose module is unloaded.
 */
#ifndef FSDEV_UNLOAD_H
#define FSDEV_UNLOAD_H

#include <linux/types.h>

struct fsdev;

/**
 * struct unload - what unload.c knows of a device
 * @list: in the list of devices that may have holders
 * @bus_ops: operations of the holder that the bus's DAX device had when removal began: they may be
 *	running, and are in none of the holder's words any more
 * @disk_ops: the same of the block device's DAX device
 * @unloaded: the module of @bus_ops has been unloaded; not cleared
 *
 * The operations are for comparison: they may be there no longer.
 */
struct unload {
	struct list_head list;
	const void *bus_ops;
	const void *disk_ops;
	bool unloaded;
};

int unload_init(void);
void unload_exit(void);
int unload_watch(struct fsdev *fsdev);
void unload_unwatch(struct fsdev *fsdev);

#endif
