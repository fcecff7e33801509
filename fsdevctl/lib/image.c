// SPDX-License-Identifier: GPL-2.0
/*
 * The headers of images in memory that hosts share. What another host wrote is not trusted: a header
 * counts only if its checksum is right and what it says fits the device and its slot.
 */
#include <string.h>

#include "image.h"

static const uint8_t image_magic[8] = "FSDEVIMG", claim_magic[8] = "FSDEVCLM";

#define VERSION 1u
#define SUMMED (8 + 6 * 8 + SHA256_BYTES)	/* bytes in front of the header's own checksum */

static void put(uint8_t *to, uint64_t value)
{
	for (unsigned int i = 0; i < 8; i++)
		to[i] = value >> 8 * i;
}

static uint64_t get(const uint8_t *from)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < 8; i++)
		value |= (uint64_t)from[i] << 8 * i;
	return value;
}

static void own_sum(const uint8_t *page, uint8_t sum[SHA256_BYTES])
{
	struct sha256 sha;

	sha256_start(&sha);
	sha256_add(&sha, page, SUMMED);
	sha256_end(&sha, sum);
}

/**
 * image_area_size() - compute the bytes for an image
 * @device_size: bytes of the device
 *
 * Return: bytes, a multiple of 2 MiB; 0 where the device is too small.
 */
uint64_t image_area_size(uint64_t device_size)
{
	if (device_size < 3 * IMAGE_ALIGN)
		return 0;
	return (device_size - IMAGE_ALIGN) / 2 / IMAGE_ALIGN * IMAGE_ALIGN;
}

/**
 * image_area() - compute where a generation's image starts
 * @generation: the generation
 * @device_size: bytes of the device
 *
 * Return: the device offset.
 */
uint64_t image_area(uint64_t generation, uint64_t device_size)
{
	return IMAGE_ALIGN + (generation % 2) * image_area_size(device_size);
}

/**
 * image_encode() - write a header
 * @image: what it says
 * @page: where to
 */
void image_encode(const struct image *image, uint8_t page[IMAGE_PAGE])
{
	memset(page, 0, IMAGE_PAGE);
	memcpy(page, image_magic, 8);
	put(page + 8, VERSION);
	put(page + 16, image->generation);
	put(page + 24, image->offset);
	put(page + 32, image->len);
	put(page + 40, image->device_size);
	put(page + 48, image->time);
	memcpy(page + 56, image->sum, SHA256_BYTES);
	own_sum(page, page + SUMMED);
}

/**
 * image_decode() - read a header
 * @image: what it says
 * @page: its bytes
 * @device_size: bytes of the device it was read from
 * @slot: which slot it was read from
 *
 * Return: whether it is a good one.
 */
bool image_decode(struct image *image, const uint8_t page[IMAGE_PAGE], uint64_t device_size,
		  unsigned int slot)
{
	uint8_t sum[SHA256_BYTES];

	own_sum(page, sum);
	if (memcmp(page, image_magic, 8) || get(page + 8) != VERSION ||
	    memcmp(page + SUMMED, sum, SHA256_BYTES))
		return false;
	image->generation = get(page + 16);
	image->offset = get(page + 24);
	image->len = get(page + 32);
	image->device_size = get(page + 40);
	image->time = get(page + 48);
	memcpy(image->sum, page + 56, SHA256_BYTES);
	return image->generation && image->generation % 2 == slot &&
		image->device_size == device_size &&
		image->offset == image_area(image->generation, device_size) &&
		image->len && image->len % IMAGE_PAGE == 0 &&
		image->len <= image_area_size(device_size);
}

/**
 * image_claim_encode() - write who is publishing
 * @claim: who
 * @page: where to
 */
void image_claim_encode(const struct image_claim *claim, uint8_t page[IMAGE_PAGE])
{
	memset(page, 0, IMAGE_PAGE);
	memcpy(page, claim_magic, 8);
	put(page + 8, claim->pid);
	memcpy(page + 16, claim->boot, sizeof(claim->boot));
	memcpy(page + 64, claim->host, sizeof(claim->host));
}

/**
 * image_claim_decode() - read who is publishing
 * @claim: who
 * @page: its bytes
 *
 * Return: whether there is such a process.
 */
bool image_claim_decode(struct image_claim *claim, const uint8_t page[IMAGE_PAGE])
{
	if (memcmp(page, claim_magic, 8))
		return false;
	claim->pid = get(page + 8);
	memcpy(claim->boot, page + 16, sizeof(claim->boot));
	memcpy(claim->host, page + 64, sizeof(claim->host));
	claim->boot[sizeof(claim->boot) - 1] = '\0';
	claim->host[sizeof(claim->host) - 1] = '\0';
	return true;
}
