/* SPDX-License-Identifier: GPL-2.0 */
/* A device that holds published images: reading and writing it, and the device-mapper device of one. */
#ifndef FSDEVCTL_SHARED_H
#define FSDEVCTL_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "image.h"

/**
 * struct shared - an open device of images
 * @device: the device
 * @fd: its block device, without the page cache between
 * @page: room for one page, aligned for that
 * @good: which slots have a good header
 * @unreadable: which slots have a header that cannot be read: a negative errno, or 0
 * @image: what they say
 * @last: the highest generation of a whole header, also one that does not fit the device; or 0
 * @other_version: of another layout, which a slot has; or 0
 * @other_size: bytes of another device, for which a slot has a whole header; or 0
 */
struct shared {
	const struct device *device;
	int fd;
	uint8_t *page;
	bool good[2];
	int unreadable[2];
	struct image image[2];
	uint64_t last, other_version, other_size;
};

enum outcome shared_open(struct shared *shared, const struct device *device, bool write);
void shared_close(struct shared *shared);
int shared_read_headers(struct shared *shared);
enum outcome shared_check_version(const struct shared *shared);
const struct image *shared_newest(const struct shared *shared);
int shared_read_page(struct shared *shared, uint64_t offset);
int shared_write_page(struct shared *shared, uint64_t offset);
int shared_sum(struct shared *shared, uint64_t offset, uint64_t len, uint8_t sum[SHA256_BYTES]);
void shared_map_name(const struct device *device, uint64_t generation, char *name, size_t size);
uint64_t shared_generation_of(const struct device *device, const char *path);
bool shared_map_there(const struct device *device, uint64_t generation);
bool shared_map_is(const struct device *device, const struct image *image);
int shared_map_area(const struct device *device, const struct image *image);
int shared_map_image(const struct device *device, const struct image *image);
void shared_stop(const struct device *device, uint64_t generation);
int shared_unmap(const struct device *device, uint64_t generation);

#endif
