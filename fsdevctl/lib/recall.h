/* SPDX-License-Identifier: GPL-2.0 */
/* Poison that is written down, for memory whose platform forgets it. */
#ifndef FSDEVCTL_RECALL_H
#define FSDEVCTL_RECALL_H

#include "device.h"
#include "known.h"

#define RECALL_DIR "/var/lib/fsdev/poison"

/* How a device is when its poison is written down. */
enum recall_state {
	RECALL_KEEP,	/* as it was */
	RECALL_BOUND,	/* a driver that knows of the record has it, and may repair pages */
	RECALL_CLOSED,	/* it has ended, and this is what it left */
	RECALL_ADD,	/* as it was, and its driver may not know of all: nothing is taken out */
};

bool recall_waits(const char *dir);
bool recall_keeps(const struct device *device);
bool recall_bound(const char *dir, const struct device *device);
enum outcome recall_load(const char *dir, const struct device *device, struct known *known,
			 bool *doubtful);
enum outcome recall_save(const char *dir, const struct device *device, enum recall_state state);
enum outcome recall_mark(const char *dir, const struct device *device, enum recall_state state);
enum outcome recall_forget(const char *dir, const struct device *device, uint64_t start,
			   uint64_t len, uint64_t *bytes);

#endif
