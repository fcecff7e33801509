// SPDX-License-Identifier: GPL-2.0
/*
 * What lies on a device, before it is given to something that overwrites it: a file system, a
 * partition table or the like (libblkid), or published images. In fsdev mode the disk is read; in
 * devdax mode there is none, and both ends of the memory are copied to where libblkid can read.
 */
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content.h"
#include "device.h"
#include "image.h"
#include "node.h"
#include "page.h"

/* Every signature that libblkid knows lies in the first or the last MiB. */
#define END_BYTES (1ull << 20)

/* What images there are, or NULL. */
static const char *images(int fd)
{
	uint8_t page[IMAGE_PAGE];
	struct image image;

	for (unsigned int slot = 0; slot < 2; slot++) {
		if (pread(fd, page, sizeof(page), slot * IMAGE_PAGE) != sizeof(page))
			continue;
		if (image_read(&image, page))
			return "published images";
		if (image_other_version(page))
			return "published images of another layout";
	}
	return NULL;
}

static int probe(int fd, bool also_images, char *found, size_t size)
{
	blkid_probe probe = blkid_new_probe();
	const char *value, *found_images;
	int rc;

	if (!probe)
		return -ENOMEM;
	found_images = also_images ? images(fd) : NULL;
	if (found_images) {
		snprintf(found, size, "%s", found_images);
		blkid_free_probe(probe);
		return 0;
	}
	if (blkid_probe_set_device(probe, fd, 0, 0)) {
		blkid_free_probe(probe);
		return -EIO;
	}
	blkid_probe_enable_partitions(probe, 1);
	rc = blkid_do_fullprobe(probe);
	if (!rc && (!blkid_probe_lookup_value(probe, "TYPE", &value, NULL) ||
		    !blkid_probe_lookup_value(probe, "PTTYPE", &value, NULL)))
		snprintf(found, size, "%s", value);
	blkid_free_probe(probe);
	return rc < 0 ? -EIO : 0;
}

static int copy_out(const struct device *device, int from, int to, uint64_t offset, uint64_t len)
{
	uint64_t align = device->align ? device->align : page_size(), start = offset - offset % align;
	uint64_t span = (offset + len - start + align - 1) / align * align;
	void *map = mmap(NULL, span, PROT_READ, MAP_SHARED, from, start);
	ssize_t n;

	if (map == MAP_FAILED)
		return -errno;
	n = pwrite(to, (char *)map + (offset - start), len, offset);
	munmap(map, span);
	return n == (ssize_t)len ? 0 : -EIO;
}

/* In a child, as a bad page ends the process that reads it. */
static int copy_ends(const struct device *device, int to)
{
	uint64_t len = device->size < END_BYTES ? device->size : END_BYTES;
	int status, from, rc;
	pid_t child;

	from = node_open(device, O_RDONLY);
	if (from < 0)
		return from;
	fflush(NULL);
	child = fork();
	if (!child) {
		rc = copy_out(device, from, to, 0, len);
		if (!rc)
			rc = copy_out(device, from, to, device->size - len, len);
		_exit(-rc);
	}
	close(from);
	if (child < 0)
		return -errno;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static int look(const struct device *device, bool also_images, char *found, size_t size)
{
	char path[64];
	int fd, rc = 0;

	found[0] = '\0';
	if (device->mode == MODE_FSDEV && device->disk[0]) {
		snprintf(path, sizeof(path), "/dev/%.40s", device->disk);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		/* another host may have overwritten what the page cache holds */
		if (fd >= 0)
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	} else if (device->mode == MODE_DEVDAX) {
		fd = memfd_create("content", MFD_CLOEXEC);
		if (fd >= 0 && ftruncate(fd, device->size))
			rc = -errno;
		else if (fd >= 0)
			rc = copy_ends(device, fd);
	} else {
		return -EOPNOTSUPP;
	}
	if (fd < 0)
		return -errno;
	if (!rc)
		rc = probe(fd, also_images, found, size);
	close(fd);
	return rc;
}

/**
 * content_look() - find out what lies on a device
 * @device: the device
 * @found: what it is, empty for nothing that is known
 * @size: room there
 *
 * Return: 0; -EOPNOTSUPP in a mode in which its memory cannot be read; another negative errno.
 */
int content_look(const struct device *device, char *found, size_t size)
{
	return look(device, true, found, size);
}

/**
 * content_look_beside() - find out what lies on a device besides published images
 * @device: the device
 * @found: what it is, empty for nothing that is known
 * @size: room there
 *
 * Return: as content_look().
 */
int content_look_beside(const struct device *device, char *found, size_t size)
{
	return look(device, false, found, size);
}
