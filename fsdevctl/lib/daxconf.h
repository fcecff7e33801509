/* SPDX-License-Identifier: GPL-2.0 */
/* What daxctl's own configuration would do to a device. */
#ifndef FSDEVCTL_DAXCONF_H
#define FSDEVCTL_DAXCONF_H

#include <limits.h>
#include <stdbool.h>

#include "device.h"

/**
 * struct daxconf - a section of daxctl's configuration
 * @file: where it stands
 * @mode: the mode that it brings its device to
 */
struct daxconf {
	char file[PATH_MAX];
	char mode[32];
};

bool daxconf_find(const struct device *device, const char *dir, struct daxconf *found);

#endif
