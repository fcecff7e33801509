/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sleep: hibernation and suspend are refused where they would not be survived.
 */
#ifndef FSDEV_SLEEP_H
#define FSDEV_SLEEP_H

#include <linux/list.h>

struct fsdev;

/**
 * struct sleep - a device as sleep.c knows it
 * @list: in one of its lists; protected by sleep_lock
 */
struct sleep {
	struct list_head list;
};

int sleep_init(void);
void sleep_exit(void);
int sleep_bind(struct fsdev *fsdev);
void sleep_unbind(struct fsdev *fsdev);
void sleep_forget(struct fsdev *fsdev);

#endif
