// SPDX-License-Identifier: GPL-2.0
/*
 * Is a mounted file system really DAX? A file of it is asked: the kernel says for each whether it is
 * (STATX_ATTR_DAX), and where its first part lies decides whether they can be one mapping.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daxcheck.h"
#include "form.h"
#include "page.h"
#include "size.h"

#define PATH_ROOM 4200

static char sample[PATH_ROOM];

static int take_sample(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)ftw;
	if (kind != FTW_F || !S_ISREG(st->st_mode) || !st->st_size)
		return 0;
	snprintf(sample, sizeof(sample), "%s", path);
	return 1;
}

/* A file to look at: any there is where nothing can be written, else a new one of @len bytes. */
static int open_sample(const char *dir, bool writable, uint64_t len)
{
	int fd;

	sample[0] = '\0';
	if (!writable) {
		nftw(dir, take_sample, 16, FTW_PHYS | FTW_MOUNT);
		if (!sample[0])
			return -ENOENT;
		fd = open(sample, O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	snprintf(sample, sizeof(sample), "%s/.fsdevctl.XXXXXX", dir);
	fd = mkostemp(sample, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(sample);
	if (posix_fallocate(fd, 0, len)) {
		close(fd);
		return -ENOSPC;
	}
	fsync(fd);
	return fd;
}

/**
 * daxcheck_dax() - is a file DAX?
 * @fd: the file
 *
 * Return: true if so, as the kernel says.
 */
bool daxcheck_dax(int fd)
{
	struct statx st;

	return !statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) &&
		(st.stx_attributes_mask & st.stx_attributes & STATX_ATTR_DAX);
}

/**
 * daxcheck_huge() - can a file be mapped by huge mappings?
 * @device: the device it is on
 * @fd: the file
 *
 * What the first one is of has to lie together, and begin at a multiple of it in memory.
 *
 * Return: true if so.
 */
bool daxcheck_huge(const struct device *device, int fd)
{
	const uint64_t huge = page_huge();
	struct fiemap *map = calloc(1, sizeof(*map) + sizeof(struct fiemap_extent));
	uint64_t phys;
	bool fits;

	if (!map)
		return false;
	map->fm_length = huge;
	map->fm_extent_count = 1;
	fits = !ioctl(fd, FS_IOC_FIEMAP, map) && map->fm_mapped_extents == 1 &&
		map->fm_extents[0].fe_length >= huge &&
		device_phys(device, map->fm_extents[0].fe_physical, &phys) && phys % huge == 0;
	free(map);
	return fits;
}

/**
 * daxcheck() - look whether a mounted file system is really DAX
 * @device: the device it is on
 * @disk: its block device
 * @dir: where it is mounted
 * @type: xfs, ext4 or erofs
 *
 * Return: DONE, or FAILED after saying what is not so.
 */
enum outcome daxcheck(const struct device *device, const char *disk, const char *dir,
		      const char *type)
{
	bool writable = strcmp(type, "erofs");
	int fd = open_sample(dir, writable,
			     2 * (form_huge(device->size) ? page_huge() : page_size()));
	char size[SIZE_TEXT];
	bool dax, huge;

	if (fd == -ENOENT) {
		say_result("%s: %s, made for DAX; it holds no file that could be asked", disk, type);
		return DONE;
	}
	if (fd < 0)
		return say(FAILED, "%s: cannot look at a file below %s: %s", disk, dir, strerror(-fd));
	dax = daxcheck_dax(fd);
	huge = daxcheck_huge(device, fd);
	close(fd);
	if (!dax)
		return say(FAILED, "%s: %s is mounted with dax=always, but its files are not DAX; see the kernel log",
			   disk, type);
	size_text(size, page_huge());
	if (!writable)
		say_result("%s: %s, its files are DAX", disk, type);
	else if (huge)
		say_result("%s: %s, its files are DAX, %s mappings work", disk, type, size);
	else
		say_result("%s: %s, its files are DAX, %s mappings do not work: files do not begin at a multiple of %s in memory",
			   disk, type, size, size);
	return DONE;
}
