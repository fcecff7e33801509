/* SPDX-License-Identifier: GPL-2.0 */
/* The modes of a device and the drivers that make them. */
#ifndef FSDEVCTL_MODE_H
#define FSDEVCTL_MODE_H

#include <stdbool.h>

/* The kernel's own driver from 7.1 on; where it has none, a module of that name that is ours. */
#define NAMED_DRIVER "fsdev_dax"

enum mode {
	MODE_NONE,		/* no driver */
	MODE_DEVDAX,
	MODE_SYSTEM_RAM,
	MODE_FSDEV,
	MODE_KERNEL_FSDEV,	/* the driver that Linux has from 7.1 on */
	MODE_OTHER,
};

const char *mode_name(enum mode mode);
const char *mode_driver(enum mode mode);
enum mode mode_of_driver(const char *driver);
bool mode_parse(const char *text, enum mode *mode);

#endif
