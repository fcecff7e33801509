/* SPDX-License-Identifier: GPL-2.0 */
/* The report of fsdevctl selftest: a line for each step. */
#ifndef FSDEVCTL_STEPS_H
#define FSDEVCTL_STEPS_H

#include <stdbool.h>

#include "device.h"

enum outcome steps_begin(const char *path);
enum outcome steps_end(enum outcome outcome, const char *path);
void steps_tell(const char *format, ...) __printf(1, 2);
void steps_step(const char *name, bool good, const char *detail);
void steps_about(const struct device *device);
double steps_now(void);

#endif
