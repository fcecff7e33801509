/* SPDX-License-Identifier: GPL-2.0 */
/* The device that a user names, by any of its names. */
#ifndef FSDEVCTL_NAMES_H
#define FSDEVCTL_NAMES_H

#include "device.h"

#define CONF_DIR "/etc/fsdev.d"

enum outcome device_find(const struct devices *devices, const char *name, struct device **device);

#endif
