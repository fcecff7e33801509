/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an unbind waits for.
 */
#ifndef FSDEV_BLOCKED_H
#define FSDEV_BLOCKED_H

#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct fsdev;

/**
 * struct blocked - what an unbind waits for; blocked.c has it
 * @say: logs it
 * @lock: protects the rest
 * @format: tells this wait from others; NULL while there is none. Written by the unbinding task
 *	only
 * @text: what is waited for, and what ends the wait
 * @said: the log has it
 */
struct blocked {
	struct delayed_work say;
	spinlock_t lock;		/* format, text, said */
	const char *format;
	char text[160];
	bool said;
};

void blocked_init(struct fsdev *fsdev);
void __printf(2, 3) blocked_by(struct fsdev *fsdev, const char *format, ...);
void blocked_over(struct fsdev *fsdev);
bool __must_check blocked_sleep(unsigned long timeout);
void blocked_abandon(struct fsdev *fsdev);

#endif
