// SPDX-License-Identifier: GPL-2.0
/*
 * The character device /dev/daxX.Y in fsdev mode: every call to the driver is made here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "device.h"
#include "node.h"

#define BAD_AT_ONCE 64
#define RANGES_AT_ONCE 64

/**
 * node_open() - open a device's node
 * @device: the device
 * @flags: as for open()
 *
 * Return: a descriptor or a negative errno.
 */
int node_open(const struct device *device, int flags)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", device->name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/**
 * node_info() - get the driver's information about a device
 * @fd: its node
 * @info: what it says
 *
 * Return: 0 or a negative errno; -ENOTTY if the driver there is another one.
 */
int node_info(int fd, struct fsdev_info *info)
{
	memset(info, 0, sizeof(*info));
	return ioctl(fd, FSDEV_IOC_INFO, info) ? -errno : 0;
}

/**
 * node_bad() - load a device's bad ranges, and whether it is shared, from the driver
 * @device: the device
 * @found: gets each, in device order; anything but 0 ends it
 *
 * Return: 0, what @found returned, or a negative errno.
 */
int node_bad(struct device *device,
	     int (*found)(struct device *device, uint64_t offset, uint64_t len))
{
	struct fsdev_bad_range ranges[BAD_AT_ONCE];
	struct fsdev_bad bad = { .buffer = (uintptr_t)ranges };
	struct fsdev_info info;
	int fd = node_open(device, O_RDONLY), rc = 0;

	if (fd < 0)
		return fd;
	if (!node_info(fd, &info))
		device->shared = info.flags & FSDEV_INFO_SHARED;
	do {
		bad.count = BAD_AT_ONCE;
		if (ioctl(fd, FSDEV_IOC_BAD, &bad))
			rc = -errno;
		for (unsigned int i = 0; !rc && i < bad.count; i++)
			rc = found(device, ranges[i].offset, ranges[i].len);
	} while (!rc && bad.count == BAD_AT_ONCE);
	close(fd);
	return rc;
}

/**
 * node_ranges() - load a device's ranges from the driver
 * @device: the device, in fsdev mode; what it had is freed
 *
 * Where attributes of ranges are better not read, as they can deadlock with a change of size.
 *
 * Return: 0; -EPERM where the driver does not tell addresses; another negative errno.
 */
int node_ranges(struct device *device)
{
	struct fsdev_range ranges[BAD_AT_ONCE];
	struct fsdev_ranges get = { .buffer = (uintptr_t)ranges };
	int fd = node_open(device, O_RDONLY), rc = 0;

	if (fd < 0)
		return fd;
	free(device->ranges);
	device->ranges = NULL;
	device->nr_ranges = 0;
	device->addresses_known = false;
	do {
		struct device_range *more;

		get.count = BAD_AT_ONCE;
		if (ioctl(fd, FSDEV_IOC_RANGES, &get)) {
			rc = -errno;
			break;
		}
		more = realloc(device->ranges, (get.first + get.count) * sizeof(*more));
		if (!more) {
			rc = -ENOMEM;
			break;
		}
		device->ranges = more;
		for (unsigned int i = 0; !rc && i < get.count; i++) {
			rc = ranges[i].start == FSDEV_NO_ADDRESS ? -EPERM : 0;
			more[get.first + i] = (struct device_range){
				ranges[i].start, ranges[i].len, ranges[i].offset
			};
		}
		get.first += get.count;
	} while (!rc && get.count == BAD_AT_ONCE);
	close(fd);
	if (rc)
		return rc;
	device->nr_ranges = get.first;
	device->addresses_known = true;
	return 0;
}

/**
 * node_span() - have the driver do something with a part of the device
 * @fd: its node, open for writing
 * @command: FSDEV_IOC_CLEAR, _ADD_BAD, _INJECT or _SCRUB
 * @offset: where it starts
 * @len: bytes
 * @flags: those of the command
 * @done: bytes it was done to; may be NULL
 *
 * Return: 0 or a negative errno.
 */
int node_span(int fd, unsigned long command, uint64_t offset, uint64_t len, uint32_t flags,
	      uint64_t *done)
{
	struct fsdev_span span = { .offset = offset, .len = len, .flags = flags };
	int rc = ioctl(fd, command, &span) ? -errno : 0;

	if (done)
		*done = span.done;
	return rc;
}

/**
 * node_phys() - ask the driver for the physical address of a byte
 * @fd: a device's node
 * @offset: device offset
 * @phys: the address
 *
 * Return: 0; -EACCES where this user gets no addresses; -ENOENT where the device has no such byte;
 * another negative errno.
 */
int node_phys(int fd, uint64_t offset, uint64_t *phys)
{
	struct fsdev_range range[RANGES_AT_ONCE] = { 0 };
	struct fsdev_ranges ranges = { .buffer = (uintptr_t)range };

	do {
		ranges.count = RANGES_AT_ONCE;
		if (ioctl(fd, FSDEV_IOC_RANGES, &ranges))
			return -errno;
		for (unsigned int i = 0; i < ranges.count; i++) {
			if (offset < range[i].offset || offset - range[i].offset >= range[i].len)
				continue;
			*phys = range[i].start + (offset - range[i].offset);
			return range[i].start == FSDEV_NO_ADDRESS ? -EACCES : 0;
		}
		ranges.first += ranges.count;
	} while (ranges.count == RANGES_AT_ONCE);
	return -ENOENT;
}

/**
 * node_watch() - start the events of a descriptor
 * @fd: a device's node
 *
 * Return: 0 or a negative errno.
 */
int node_watch(int fd)
{
	struct fsdev_listen listen = { 0 };

	return ioctl(fd, FSDEV_IOC_WATCH, &listen) ? -errno : 0;
}

/**
 * node_error() - describe an error of the driver for a user
 * @rc: a negative errno
 *
 * Return: the words.
 */
const char *node_error(int rc)
{
	switch (-rc) {
	case ENOTTY:
		return "the driver of this device cannot do that; an older fsdev module is loaded, or another driver has the device";
	case EPERM:
	case EACCES:
		return "it takes root";
	case ENODEV:
		return "the device has left fsdev mode";
	case EBUSY:
		return "the device has another holder";
	default:
		return strerror(-rc);
	}
}
