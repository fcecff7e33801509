/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Binary attributes: what reads one. 6.14 to 6.16 have a second function for that.
 */
#ifndef FSDEV_COMPAT_BIN_ATTRIBUTE_H
#define FSDEV_COMPAT_BIN_ATTRIBUTE_H

#include <linux/errno.h>
#include <linux/sysfs.h>

/* The attribute of no file: its size and what it has are all that its function looks at. */
static inline ssize_t compat_bin_read(struct bin_attribute *file, struct kobject *kobj,
				      char *to, loff_t from, size_t size)
{
#ifdef FSDEV_HAVE_BIN_ATTRIBUTE_READ_NEW
	if (file->read_new)
		return file->read_new(NULL, kobj, file, to, from, size);
#endif
	return file->read ? file->read(NULL, kobj, file, to, from, size) : -EOPNOTSUPP;
}

#endif
