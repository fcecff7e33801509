/* SPDX-License-Identifier: GPL-2.0 */
/* Is a mounted file system really DAX? */
#ifndef FSDEVCTL_DAXCHECK_H
#define FSDEVCTL_DAXCHECK_H

#include "device.h"

bool daxcheck_dax(int fd);
bool daxcheck_huge(const struct device *device, int fd);
enum outcome daxcheck(const struct device *device, const char *disk, const char *dir,
		      const char *type);

#endif
