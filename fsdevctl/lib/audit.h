/* SPDX-License-Identifier: GPL-2.0 */
/* A line in the system's log for each change. */
#ifndef FSDEVCTL_AUDIT_H
#define FSDEVCTL_AUDIT_H

#include "c.h"

void audit(const char *format, ...) __printf(1, 2);

#endif
