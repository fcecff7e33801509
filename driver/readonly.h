/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Read-only memory: a region of the NVDIMM bus that becomes read-only while it is in use.
 */
#ifndef FSDEV_READONLY_H
#define FSDEV_READONLY_H

#include <linux/kprobes.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct device_driver;
struct fsdev;

/**
 * struct readonly - the watch over a region
 * @work: asks the region anew
 * @probe: hit when the region has changed; registered from readonly_watch() to readonly_unwatch()
 */
struct readonly {
	struct work_struct work;
	struct kprobe probe;
};

int readonly_init(struct device_driver *driver);
void readonly_begin(void);
void readonly_stop(void);
void readonly_exit(void);
void readonly_watch(struct fsdev *fsdev);
void readonly_unwatch(struct fsdev *fsdev);

#endif
