// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own announcements of devices that come, go and change, through libudev, which knows what
 * processes may have sent. Nothing has to be polled, and the attributes of devices that are being
 * changed are left alone.
 */
#include <errno.h>
#include <string.h>

#include "uevent.h"
#include "uevent_udev.h"

static struct udev_monitor *monitor;

/**
 * uevent_open() - start to listen
 *
 * The kernel's announcements are listened to, not those of udevd, which need not run.
 *
 * Return: a descriptor that can be read when something was announced, or a negative errno.
 */
int uevent_open(void)
{
	struct udev *udev = udev_new();
	int rc = -ENOMEM;

	if (!udev)
		return rc;
	monitor = udev_monitor_new_from_netlink(udev, "kernel");
	if (monitor)
		rc = udev_monitor_filter_add_match_subsystem_devtype(monitor, "dax", NULL);
	if (!rc)
		rc = udev_monitor_filter_add_match_subsystem_devtype(monitor, "block", NULL);
	if (!rc)
		rc = udev_monitor_enable_receiving(monitor);
	if (!rc)
		return udev_monitor_get_fd(monitor);
	if (monitor)
		monitor = udev_monitor_unref(monitor);
	udev_unref(udev);
	return rc;
}

static bool is_dax(struct udev_device *device)
{
	const char *subsystem = udev_device_get_subsystem(device);
	const char *name = udev_device_get_sysname(device);

	return (subsystem && !strcmp(subsystem, "dax")) || (name && !strncmp(name, "fsdev", 5));
}

/**
 * uevent_of_dax() - take everything that was announced
 *
 * Return: whether any of it was about a DAX device or its disk; also where announcements were lost.
 */
bool uevent_of_dax(void)
{
	struct udev_device *device;
	bool found = false;

	for (;;) {
		errno = 0;
		device = udev_monitor_receive_device(monitor);
		if (!device)
			return found || (errno && errno != EAGAIN);
		found |= is_dax(device);
		udev_device_unref(device);
	}
}
