/* SPDX-License-Identifier: GPL-2.0 */
/* Attempts to publish that this host has begun. */
#ifndef FSDEVCTL_ATTEMPT_H
#define FSDEVCTL_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"

int attempt_begin(const struct device *device, uint64_t token, uint64_t dead);
bool attempt_died(const struct device *device, uint64_t token);

#endif
