/* SPDX-License-Identifier: GPL-2.0 */
/* What a command was about to do, for the one that comes after it was cut off. */
#ifndef FSDEVCTL_JOURNAL_H
#define FSDEVCTL_JOURNAL_H

#include "device.h"

#define STATE_DIR "/run/fsdev"

int journal_lock(const struct device *device);
int journal_write(const struct device *device, enum mode from);
void journal_clear(const struct device *device);
enum mode journal_read(const struct device *device);
void journal_hold(const struct device *device, bool hold);
bool journal_held(const struct device *device);
void journal_scrub(const struct device *device, uint64_t offset);
uint64_t journal_scrubbed(const struct device *device);

#endif
