// SPDX-License-Identifier: GPL-2.0
/*
 * Keeping everybody else from claiming a device's disk while its mode is changed. File systems, their
 * journals and logs, device-mapper, md and swap open what they use exclusively, whatever /proc and
 * /sys show of it; so does this.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "claim.h"
#include "device.h"
#include "node.h"

/* The driver's count of openers has to be this descriptor's one, and the DAX device free. */
static bool is_alone(const struct device *device)
{
	struct fsdev_info info;
	int fd = node_open(device, O_RDONLY), rc;

	if (fd < 0)
		return false;
	rc = node_info(fd, &info);
	close(fd);
	if (rc)
		return false;
	/* before version 2 it did not count */
	return info.holder == FSDEV_HOLDER_NONE && (info.version < 2 || info.openers == 1);
}

/**
 * claim_take() - open a device's disk so that it cannot be claimed otherwise
 * @device: a device in fsdev mode with a disk
 * @alone: whether the disk is open by nothing else, and the DAX device is held by nothing
 *
 * While the descriptor is open a mount, swapon or dmsetup gets EBUSY.
 *
 * Return: the descriptor, -EBUSY where the disk or a partition is claimed already, or another
 * negative errno.
 */
int claim_take(const struct device *device, bool *alone)
{
	char path[64];
	int fd;

	*alone = false;
	snprintf(path, sizeof(path), "/dev/%.40s", device->disk);
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*alone = is_alone(device);
	return fd;
}
