/* SPDX-License-Identifier: GPL-2.0 */
/* Bad memory that the platform knows of already. */
#ifndef FSDEVCTL_KNOWN_H
#define FSDEVCTL_KNOWN_H

#include "device.h"

struct known {
	struct device_bad *bad;
	unsigned int count;
};

int known_load(const struct device *device, struct known *known);
int known_load_late(const struct device *device, struct known *known);
void known_free(struct known *known);
int known_offer(const struct device *device, const struct known *known, bool doubtful);
int known_withdraw(const struct device *device, uint64_t start, uint64_t len);
int known_take(const struct device *device, const struct known *known, bool listed);

#endif
