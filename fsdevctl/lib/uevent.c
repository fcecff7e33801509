// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own announcements of devices that come, go and change. Nothing has to be polled, and the
 * attributes of devices that are being changed are left alone.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "uevent.h"

#define KERNEL_GROUP 1

/**
 * uevent_open() - start to listen
 *
 * Return: a descriptor that can be read when something was announced, or a negative errno.
 */
int uevent_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

/* "ACTION@PATH", then "KEY=VALUE" each with its own end. */
static bool is_dax(const char *text, ssize_t len)
{
	for (const char *at = text; at < text + len; at += strlen(at) + 1)
		if (!strcmp(at, "SUBSYSTEM=dax") || !strncmp(at, "DEVNAME=fsdev", 13))
			return true;
	return false;
}

/**
 * uevent_of_dax() - take everything that was announced
 * @fd: from uevent_open()
 *
 * Return: whether any of it was about a DAX device or its disk; also where announcements were lost.
 */
bool uevent_of_dax(int fd)
{
	struct sockaddr_nl from;
	char text[8192];
	bool found = false;

	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &size);

		if (n < 0 && errno == ENOBUFS)
			found = true;
		else if (n < 0)
			return found;
		/* a process may send to this group too */
		if (n <= 0 || from.nl_pid)
			continue;
		text[n] = '\0';
		found |= is_dax(text, n);
	}
}
