/* SPDX-License-Identifier: GPL-2.0 */
/* Poison through a change of mode: taken over by the driver, and written down when it leaves. */
#ifndef FSDEVCTL_KEEP_H
#define FSDEVCTL_KEEP_H

#include "device.h"
#include "known.h"
#include "uapi/fsdev.h"

/**
 * struct keep - poison that a device has while its mode is changed
 * @recorded: what is written down
 * @doubtful: of that, pages that can be read are good
 * @platform: what the platform knows
 * @error: why it could not be asked, a negative errno
 * @offered: the driver has both before it has the memory
 * @partial: the bad ranges of the device may not be all that are to be written down
 * @watch: events of the device that the driver is about to leave, or -1
 */
struct keep {
	struct known recorded, platform;
	bool doubtful;
	int error;
	bool offered;
	bool partial;
	int watch;
};

void keep_init(struct keep *keep);
void keep_free(struct keep *keep);
enum outcome keep_prepare(struct keep *keep, const struct device *device);
void keep_ask(struct keep *keep, const struct device *device);
enum outcome keep_offer(struct keep *keep, const struct device *device);
enum outcome keep_taken(struct keep *keep, const struct device *device);
void keep_abandon(struct keep *keep, const struct device *device);
enum outcome keep_leave(struct keep *keep, struct device *device);
enum outcome keep_left(struct keep *keep, struct device *device);
void keep_again(const struct device *device);
bool keep_missing(const struct device *device);
enum outcome keep_late(struct device *device);
int keep_event(struct device *device, const struct fsdev_event *event);

#endif
