/* SPDX-License-Identifier: GPL-2.0 */
/* Changing a device's mode, as one transaction. */
#ifndef FSDEVCTL_MODE_SWITCH_H
#define FSDEVCTL_MODE_SWITCH_H

#include "device.h"

struct mode_options {
	bool force;		/* also where the device is in use */
	bool overwrite;		/* also where something lies on it that would be lost */
	bool shared;		/* to fsdev: other hosts write to the memory; for cmd_mark_shared() */
	bool unshared;		/* to fsdev: none does, whatever is configured */
	bool dry_run;		/* only say what would be done */
	unsigned int timeout;	/* seconds for taking memory offline; 0 for no end */
};

enum outcome mode_switch(struct device *device, enum mode to, const struct mode_options *options);

#endif
