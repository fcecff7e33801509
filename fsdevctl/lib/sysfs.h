/* SPDX-License-Identifier: GPL-2.0 */
/* Small files of the kernel. */
#ifndef FSDEVCTL_SYSFS_H
#define FSDEVCTL_SYSFS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "c.h"

int sysfs_read(char *text, size_t size, const char *format, ...)
	__printf(3, 4);
int sysfs_read_all(char *text, size_t size, const char *format, ...)
	__printf(3, 4);
int sysfs_number(uint64_t *value, const char *format, ...) __printf(2, 3);
int sysfs_write(const char *text, const char *format, ...) __printf(2, 3);
int sysfs_link_name(char *name, size_t size, const char *format, ...)
	__printf(3, 4);
bool sysfs_there(const char *format, ...) __printf(1, 2);

#endif
