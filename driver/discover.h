/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Discovery: the driver finds poison, or is told of it by the platform or by user space.
 */
#ifndef FSDEV_DISCOVER_H
#define FSDEV_DISCOVER_H

#include <linux/notifier.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct fsdev;

/**
 * struct discover - discovery of poison on a device
 * @stopped: @report_work is not scheduled any more; protected by the poison lock
 * @report_work: reports pages that the driver found to memory_failure()
 * @mce: on the decode chain of machine checks
 */
struct discover {
	bool stopped;
	struct work_struct report_work;
	struct notifier_block mce;
};

void discover_prepare(struct fsdev *fsdev);
int discover_start(struct fsdev *fsdev);
void discover_stop(struct fsdev *fsdev);
void discover_read_error(struct fsdev *fsdev, u64 offset);
int discover_add(struct fsdev *fsdev, u64 offset, u64 len);
int discover_scrub(struct fsdev *fsdev, u64 offset, u64 len, u64 *done);
int discover_inject(struct fsdev *fsdev, u64 offset, u64 len, u64 *done);

#endif
