/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is used of libudev. libndctl needs the library, so it is loaded in any case, but few
 * machines have its headers; these functions have been the same in it since 2009.
 */
#ifndef FSDEVCTL_UEVENT_UDEV_H
#define FSDEVCTL_UEVENT_UDEV_H

#if __has_include("libudev.h")
#include <libudev.h>
#else

struct udev;
struct udev_device;
struct udev_monitor;

struct udev *udev_new(void);
struct udev *udev_unref(struct udev *udev);
struct udev_monitor *udev_monitor_new_from_netlink(struct udev *udev, const char *source);
struct udev_monitor *udev_monitor_unref(struct udev_monitor *monitor);
int udev_monitor_filter_add_match_subsystem_devtype(struct udev_monitor *monitor, const char *subsystem,
						    const char *type);
int udev_monitor_enable_receiving(struct udev_monitor *monitor);
int udev_monitor_get_fd(struct udev_monitor *monitor);
struct udev_device *udev_monitor_receive_device(struct udev_monitor *monitor);
struct udev_device *udev_device_unref(struct udev_device *device);
const char *udev_device_get_subsystem(struct udev_device *device);
const char *udev_device_get_sysname(struct udev_device *device);

#endif

#endif
