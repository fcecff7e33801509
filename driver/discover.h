/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Discovery: the driver finds poison, or is told of it by the platform or by user space.
 */
#ifndef FSDEV_DISCOVER_H
#define FSDEV_DISCOVER_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct fsdev;

/* Machine checks that wait to be looked at; more of them wait in the decode chain. */
#define DISCOVER_QUEUE 64

/**
 * struct discover - discovery of poison on a device
 * @stopped: @report_work is not scheduled any more; protected by the poison lock
 * @report_work: reports pages that the driver found to memory_failure()
 * @node: in the list of devices whose machine checks are looked at; protected by discover_lock
 * @queue_lock: protects @queue and @queued
 * @queue: device offsets of pages that a machine check names
 * @queued: how many they are
 * @queue_work: looks at them
 * @inject_lock: one injection at a time: failure.injector is its task
 */
struct discover {
	bool stopped;
	struct work_struct report_work;
	struct list_head node;
	spinlock_t queue_lock;	/* see above */
	u64 queue[DISCOVER_QUEUE];
	unsigned int queued;
	struct work_struct queue_work;
	struct mutex inject_lock;	/* see above */
};

void discover_init(void);
void discover_exit(void);
void discover_prepare(struct fsdev *fsdev);
int discover_start(struct fsdev *fsdev);
void discover_stop(struct fsdev *fsdev);
bool discover_read_error(struct fsdev *fsdev, u64 offset);
int discover_add_listed(struct fsdev *fsdev, u64 offset, u64 len);
int discover_add(struct fsdev *fsdev, u64 offset, u64 len);
int discover_scrub(struct fsdev *fsdev, u64 offset, u64 len, u64 *done);
int discover_inject(struct fsdev *fsdev, u64 offset, u64 len, u64 *done);

#endif
