/* SPDX-License-Identifier: GPL-2.0 */
/* Keeping everybody else from claiming a device's disk while its mode is changed. */
#ifndef FSDEVCTL_CLAIM_H
#define FSDEVCTL_CLAIM_H

#include <stdbool.h>

struct device;

int claim_take(const struct device *device, bool *alone);

#endif
