/* SPDX-License-Identifier: GPL-2.0 */
/* What lies on a device, before it is given to something that overwrites it. */
#ifndef FSDEVCTL_CONTENT_H
#define FSDEVCTL_CONTENT_H

#include <stddef.h>

struct device;

int content_look(const struct device *device, char *found, size_t size);
int content_look_beside(const struct device *device, char *found, size_t size);

#endif
