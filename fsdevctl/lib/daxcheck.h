/* SPDX-License-Identifier: GPL-2.0 */
/* Is a mounted file system really DAX? */
#ifndef FSDEVCTL_DAXCHECK_H
#define FSDEVCTL_DAXCHECK_H

#include "device.h"

enum outcome daxcheck(const struct device *device, const char *disk, const char *dir,
		      const char *type);

#endif
