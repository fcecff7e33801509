// SPDX-License-Identifier: GPL-2.0
/*
 * A device that holds published images. It is read and written past the page cache, which would keep
 * what another host has overwritten since.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "program.h"
#include "shared.h"
#include "sysfs.h"

/**
 * shared_open() - open a device of images and reads its headers
 * @shared: the open device
 * @device: the device, in fsdev mode
 * @write: to write, too
 *
 * Return: DONE, or FAILED after saying why.
 */
enum outcome shared_open(struct shared *shared, const struct device *device, bool write)
{
	char path[64];
	int rc;

	memset(shared, 0, sizeof(*shared));
	shared->device = device;
	snprintf(path, sizeof(path), "/dev/%s", device->disk);
	shared->fd = open(path, (write ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (shared->fd < 0)
		return say(FAILED, "%s: cannot open it: %s", path, strerror(errno));
	rc = -posix_memalign((void **)&shared->page, IMAGE_PAGE, IMAGE_PAGE);
	if (!rc)
		rc = shared_read_headers(shared);
	if (!rc)
		return DONE;
	shared_close(shared);
	return say(FAILED, "%s: cannot be read: %s", path, strerror(-rc));
}

/**
 * shared_close() - close it
 * @shared: the open device
 */
void shared_close(struct shared *shared)
{
	free(shared->page);
	close(shared->fd);
}

/**
 * shared_read_page() - read a page into @shared->page
 * @shared: the open device
 * @offset: where from
 *
 * Return: 0 or a negative errno.
 */
int shared_read_page(struct shared *shared, uint64_t offset)
{
	ssize_t n = pread(shared->fd, shared->page, IMAGE_PAGE, offset);

	return n == IMAGE_PAGE ? 0 : n < 0 ? -errno : -EIO;
}

/**
 * shared_write_page() - write @shared->page, so that it is in the memory when this returns
 * @shared: the open device
 * @offset: where to
 *
 * Return: 0 or a negative errno.
 */
int shared_write_page(struct shared *shared, uint64_t offset)
{
	ssize_t n = pwrite(shared->fd, shared->page, IMAGE_PAGE, offset);

	if (n != IMAGE_PAGE)
		return n < 0 ? -errno : -EIO;
	return fdatasync(shared->fd) ? -errno : 0;
}

/**
 * shared_read_headers() - read both headers anew
 * @shared: the open device
 *
 * Return: 0, or a negative errno if neither can be read; a header that is not good is no error.
 */
int shared_read_headers(struct shared *shared)
{
	shared->other_version = 0;
	shared->other_size = 0;
	shared->last = 0;
	for (unsigned int slot = 0; slot < 2; slot++) {
		struct image *image = &shared->image[slot];

		shared->good[slot] = false;
		shared->unreadable[slot] = shared_read_page(shared, slot * IMAGE_PAGE);
		if (shared->unreadable[slot])
			continue;
		if (image_other_version(shared->page))
			shared->other_version = image_other_version(shared->page);
		if (!image_read(image, shared->page))
			continue;
		if (image->generation > shared->last)
			shared->last = image->generation;
		shared->good[slot] = image_fits(image, shared->device->size, slot);
		if (!shared->good[slot])
			shared->other_size = image->device_size;
	}
	return shared->unreadable[0] ? shared->unreadable[1] : 0;
}

static enum outcome check_size(const struct shared *shared)
{
	const struct device *device = shared->device;

	if (!shared->other_size)
		return DONE;
	return say(FAILED, "%s: its images are of a device of %llu bytes, and it has %llu: 'fsdevctl publish DIR %s --force' overwrites them",
		   device->name, (unsigned long long)shared->other_size,
		   (unsigned long long)device->size, device->name);
}

/**
 * shared_check_version() - refuse images of another layout, or of a device of another size
 * @shared: the open device
 *
 * Return: DONE, or FAILED after saying so.
 */
enum outcome shared_check_version(const struct shared *shared)
{
	if (!shared->other_version)
		return check_size(shared);
	return say(FAILED, "%s: its images have layout %llu, and this fsdevctl has layout %u: use the version that published them, or 'fsdevctl publish DIR %s --force', which overwrites them",
		   shared->device->name, (unsigned long long)shared->other_version, IMAGE_VERSION,
		   shared->device->name);
}

/**
 * shared_newest() - find the newest whole image
 * @shared: the open device
 *
 * Return: the image, or NULL where none was published.
 */
const struct image *shared_newest(const struct shared *shared)
{
	const struct image *newest = NULL;

	for (unsigned int slot = 0; slot < 2; slot++)
		if (shared->good[slot] &&
		    (!newest || shared->image[slot].generation > newest->generation))
			newest = &shared->image[slot];
	return newest;
}

/* At most each tenth of a second, and only where a person looks. */
static void tell_progress(uint64_t done, uint64_t len, void *arg)
{
	const struct shared *shared = arg;
	static struct timespec last;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (done < len && (now.tv_sec - last.tv_sec) * 10 + (now.tv_nsec - last.tv_nsec) / 100000000 < 1)
		return;
	last = now;
	fprintf(stderr, "\r%s: %3u %%%s", shared->device->name, (unsigned int)(done * 100 / len),
		done == len ? "\r\033[K" : "");
}

/**
 * shared_sum() - compute the checksum of a range in memory
 * @shared: the open device
 * @offset: where it starts, a multiple of a page
 * @len: its bytes, a multiple of a page
 * @sum: the checksum
 *
 * Return: 0 or a negative errno.
 */
int shared_sum(struct shared *shared, uint64_t offset, uint64_t len, uint8_t sum[SHA256_BYTES])
{
	return digest_range(shared->fd, offset, len, isatty(STDERR_FILENO) ? tell_progress : NULL,
			    shared, sum);
}

/**
 * shared_map_name() - name an image's device-mapper device
 * @device: the device it lies in
 * @generation: its generation
 * @name: where the name goes
 * @size: room there
 */
void shared_map_name(const struct device *device, uint64_t generation, char *name, size_t size)
{
	snprintf(name, size, "%s-gen%llu", device->disk, (unsigned long long)generation);
}

/**
 * shared_generation_of() - tell which generation a device-mapper device is made of
 * @device: the device it lies in
 * @path: the other one: /dev/dm-N, or /dev/mapper/NAME
 *
 * Return: the generation; 0 for another device.
 */
uint64_t shared_generation_of(const struct device *device, const char *path)
{
	static const char mapper[] = "/dev/mapper/";
	char name[96], start[64], own[96];
	uint64_t generation;
	int len;

	if (!strncmp(path, mapper, strlen(mapper)))
		snprintf(name, sizeof(name), "%s", path + strlen(mapper));
	else if (strncmp(path, "/dev/dm-", 8) ||
		 sysfs_read(name, sizeof(name), "/sys/class/block/%s/dm/name", path + strlen("/dev/")))
		return 0;
	len = snprintf(start, sizeof(start), "%s-gen", device->disk);
	if (strncmp(name, start, len))
		return 0;
	generation = strtoull(name + len, NULL, 10);
	shared_map_name(device, generation, own, sizeof(own));
	return strcmp(name, own) ? 0 : generation;
}

/**
 * shared_map_there() - do this host have an image attached
 * @device: the device it lies in
 * @generation: its generation
 *
 * Return: true if so.
 */
bool shared_map_there(const struct device *device, uint64_t generation)
{
	char name[96], path[128];

	shared_map_name(device, generation, name, sizeof(name));
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	return !access(path, F_OK);
}

/* Of one image alone, so that a device is known to be of it; at most 128 bytes. */
static void map_uuid(const struct device *device, const struct image *image, char *uuid, size_t size)
{
	size_t used = snprintf(uuid, size, "FSDEV-%.24s-%llu-", device->disk,
			       (unsigned long long)image->generation);

	for (unsigned int i = 0; i < SHA256_BYTES && used < size; i++)
		used += snprintf(uuid + used, size - used, "%02x", image->sum[i]);
}

/* A file of the device-mapper device's folder in sysfs, as text; empty where it cannot be read. */
static void map_attribute(const struct stat *st, const char *file, char *text, size_t size)
{
	if (sysfs_read(text, size, "/sys/dev/block/%u:%u/%s", major(st->st_rdev),
		       minor(st->st_rdev), file))
		text[0] = '\0';
}

/**
 * shared_map_is() - compare the device-mapper device of a generation with an image
 * @device: the device it lies in
 * @image: the image
 *
 * Return: true if it is of that image, read-only and of its length.
 */
bool shared_map_is(const struct device *device, const struct image *image)
{
	char name[96], path[128], uuid[129], text[160];
	struct stat st;

	shared_map_name(device, image->generation, name, sizeof(name));
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	if (stat(path, &st) || !S_ISBLK(st.st_mode))
		return false;
	map_uuid(device, image, uuid, sizeof(uuid));
	map_attribute(&st, "dm/uuid", text, sizeof(text));
	if (strcmp(text, uuid))
		return false;
	map_attribute(&st, "ro", text, sizeof(text));
	if (strcmp(text, "1"))
		return false;
	map_attribute(&st, "size", text, sizeof(text));
	return strtoull(text, NULL, 10) == image->len / 512;
}

static int map(const struct device *device, const struct image *image, uint64_t len, const char *uuid)
{
	char name[96], table[160];
	const char *words[] = { "dmsetup", "create", name, "--table", table,
				uuid ? "--readonly" : NULL, "--uuid", uuid, NULL };

	shared_map_name(device, image->generation, name, sizeof(name));
	snprintf(table, sizeof(table), "0 %llu linear /dev/%s %llu", (unsigned long long)len / 512,
		 device->disk, (unsigned long long)image->offset / 512);
	return program_run(words);
}

/**
 * shared_map_area() - make a block device of the area of an image, to write it
 * @device: the device
 * @image: generation and offset of the image
 *
 * Return: 0, a negative errno, or dmsetup's exit status after its own message.
 */
int shared_map_area(const struct device *device, const struct image *image)
{
	return map(device, image, image_area_size(device->size), NULL);
}

/**
 * shared_map_image() - make a read-only block device of an image, for DAX
 * @device: the device
 * @image: the image
 *
 * Return: 0, a negative errno, or dmsetup's exit status after its own message.
 */
int shared_map_image(const struct device *device, const struct image *image)
{
	char uuid[129];

	map_uuid(device, image, uuid, sizeof(uuid));
	return map(device, image, image->len, uuid);
}

/**
 * shared_stop() - have every write fail that goes through a generation's block device
 * @device: the device
 * @generation: names it
 *
 * What a program has written to the page cache of the block device is discarded by that: its memory
 * is another host's now. Without --noflush dmsetup would write it first.
 */
void shared_stop(const struct device *device, uint64_t generation)
{
	char name[96];
	const char *words[] = { "dmsetup", "wipe_table", "--force", "--noflush", "--nolockfs", name, NULL };

	shared_map_name(device, generation, name, sizeof(name));
	if (program_run(words))
		note("%s: writes to %s cannot be stopped", device->name, name);
}

/**
 * shared_unmap() - take that block device away
 * @device: the device
 * @generation: names it
 *
 * Return: 0, a negative errno, or dmsetup's exit status after its own message.
 */
int shared_unmap(const struct device *device, uint64_t generation)
{
	char name[96];
	const char *words[] = { "dmsetup", "remove", "--retry", name, NULL };

	shared_map_name(device, generation, name, sizeof(name));
	return program_run(words);
}
