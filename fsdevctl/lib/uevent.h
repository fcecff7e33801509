/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's own announcements of devices that come, go and change. */
#ifndef FSDEVCTL_UEVENT_H
#define FSDEVCTL_UEVENT_H

#include <stdbool.h>

int uevent_open(void);
bool uevent_of_dax(void);

#endif
