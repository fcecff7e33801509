/* SPDX-License-Identifier: GPL-2.0 */
/* What /etc/fstab has mounted at boot. */
#ifndef FSDEVCTL_FSTAB_H
#define FSDEVCTL_FSTAB_H

#include <stdbool.h>
#include <stddef.h>

struct device;

bool fstab_mounts(const struct device *device, char *where, size_t size);

#endif
