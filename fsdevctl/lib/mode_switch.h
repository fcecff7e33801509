/* SPDX-License-Identifier: GPL-2.0 */
/* Changing a device's mode, as one transaction. */
#ifndef FSDEVCTL_MODE_SWITCH_H
#define FSDEVCTL_MODE_SWITCH_H

#include "device.h"

struct mode_options {
	bool force;	/* also where somebody uses the device */
	bool dry_run;	/* only say what would be done */
};

enum outcome mode_switch(struct device *device, enum mode to, const struct mode_options *options);

#endif
