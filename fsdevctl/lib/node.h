/* SPDX-License-Identifier: GPL-2.0 */
/* The character device /dev/daxX.Y in fsdev mode: every call to the driver is made here. */
#ifndef FSDEVCTL_NODE_H
#define FSDEVCTL_NODE_H

#include <stdint.h>

#include "uapi/fsdev.h"

struct device;

int node_open(const struct device *device, int flags);
int node_info(int fd, struct fsdev_info *info);
int node_bad(struct device *device,
	     int (*found)(struct device *device, uint64_t offset, uint64_t len));
int node_ranges(struct device *device);
int node_span(int fd, unsigned long command, uint64_t offset, uint64_t len, uint32_t flags,
	      uint64_t *done);
int node_phys(int fd, uint64_t offset, uint64_t *phys);
int node_watch(int fd);
const char *node_error(int rc);

#endif
