// SPDX-License-Identifier: GPL-2.0
/*
 * Small files of the kernel: each is read or written in one call, and errors are what that call
 * said.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysfs.h"

static int read_path(char *text, size_t size, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	text[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return n;
	text[n] = '\0';
	return 0;
}

/**
 * sysfs_read() - read a file of one line
 * @text: where it goes, without its end of line
 * @size: room there
 * @format: the path
 *
 * Return: 0 or a negative errno.
 */
int sysfs_read(char *text, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	int rc;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	rc = read_path(text, size, path);
	text[strcspn(text, "\n")] = '\0';
	return rc;
}

/**
 * sysfs_read_all() - read a file of several lines
 * @text: where it goes
 * @size: room there; what is longer is cut
 * @format: the path
 *
 * Return: 0 or a negative errno.
 */
int sysfs_read_all(char *text, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return read_path(text, size, path);
}

/**
 * sysfs_number() - read a file that holds a number, decimal or with 0x
 * @value: the number
 * @format: the path
 *
 * Return: 0 or a negative errno.
 */
int sysfs_number(uint64_t *value, const char *format, ...)
{
	char path[PATH_MAX], text[64], *end;
	va_list args;
	int rc;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	rc = sysfs_read(text, sizeof(text), "%s", path);
	if (rc)
		return rc;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno || end == text || *end ? -EINVAL : 0;
}

/**
 * sysfs_write() - write a file in one call
 * @text: what
 * @format: the path
 *
 * Return: 0 or a negative errno.
 */
int sysfs_write(const char *text, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	int fd, rc = 0;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/**
 * sysfs_link_name() - get the last part of a link's target
 * @name: where it goes; empty on error
 * @size: room there
 * @format: the link's path
 *
 * Return: 0 or a negative errno.
 */
int sysfs_link_name(char *name, size_t size, const char *format, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	va_list args;
	ssize_t n;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	name[0] = '\0';
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	last = strrchr(target, '/');
	snprintf(name, size, "%s", last ? last + 1 : target);
	return 0;
}

/**
 * sysfs_there() - check for a file
 * @format: the path
 *
 * Return: true if so.
 */
bool sysfs_there(const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return !access(path, F_OK);
}
