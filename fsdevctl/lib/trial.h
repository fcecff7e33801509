/* SPDX-License-Identifier: GPL-2.0 */
/* A new file of a mounted file system on trial. */
#ifndef FSDEVCTL_TRIAL_H
#define FSDEVCTL_TRIAL_H

#include "device.h"

enum outcome trial_file(const struct device *device, const char *path);

#endif
