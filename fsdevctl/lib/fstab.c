// SPDX-License-Identifier: GPL-2.0
/*
 * What /etc/fstab has mounted at boot, by any name that mount(8) takes.
 */
#include <libmount/libmount.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "fstab.h"

/* The disk itself or a partition of it. */
static bool is_disk(const struct device *device, const char *path)
{
	size_t len = strlen(device->disk);
	char real[PATH_MAX];

	return path && realpath(path, real) && !strncmp(real, "/dev/", 5) &&
		!strncmp(real + 5, device->disk, len) && (!real[5 + len] || real[5 + len] == 'p');
}

/**
 * fstab_mounts() - look whether /etc/fstab mounts from a device
 * @device: a device with a disk
 * @where: the folder it is mounted on
 * @size: room there
 *
 * Return: whether it does.
 */
bool fstab_mounts(const struct device *device, char *where, size_t size)
{
	struct libmnt_table *table = mnt_new_table_from_file("/etc/fstab");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_cache *cache = mnt_new_cache();
	struct libmnt_fs *entry;
	bool found = false;

	while (device->disk[0] && table && iter && cache && !found &&
	       !mnt_table_next_fs(table, iter, &entry)) {
		const char *source = mnt_fs_get_source(entry);

		if (!source || !is_disk(device, mnt_resolve_spec(source, cache)))
			continue;
		snprintf(where, size, "%s", mnt_fs_get_target(entry));
		found = true;
	}
	mnt_unref_cache(cache);
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return found;
}
