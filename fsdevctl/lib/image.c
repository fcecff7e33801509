// SPDX-License-Identifier: GPL-2.0
/*
 * The headers of images in memory that hosts share. What another host wrote is not trusted: a header
 * counts only if its checksum is right and what it says fits the device and its slot.
 */
#include <stddef.h>
#include <string.h>

#include "image.h"

static const uint8_t image_magic[8] = "FSDEVIMG", claim_magic[8] = "FSDEVCLM";

/* The header's own checksum stands behind what is signed. */
#define SUMMED IMAGE_SIGNED
#define SIGNATURE_LEN 1024
#define SIGNATURE (SIGNATURE_LEN + 8)

_Static_assert(SUMMED == 8 + 6 * 8 + SHA256_BYTES, "header");
_Static_assert(SIGNATURE + IMAGE_SIGNATURE_MAX <= IMAGE_PAGE, "signature");

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
	put(page + 8, IMAGE_VERSION);
	put(page + 16, image->generation);
	put(page + 24, image->offset);
	put(page + 32, image->len);
	put(page + 40, image->device_size);
	put(page + 48, image->time);
	memcpy(page + 56, image->sum, SHA256_BYTES);
	digest_bytes(page, SUMMED, page + SUMMED);
}

/**
 * image_read() - read a header, of whichever device
 * @image: what it says
 * @page: its bytes
 *
 * Return: whether it is a whole header of this layout.
 */
bool image_read(struct image *image, const uint8_t page[IMAGE_PAGE])
{
	uint8_t sum[SHA256_BYTES];

	digest_bytes(page, SUMMED, sum);
	if (memcmp(page, image_magic, 8) || get(page + 8) != IMAGE_VERSION ||
	    memcmp(page + SUMMED, sum, SHA256_BYTES))
		return false;
	image->generation = get(page + 16);
	image->offset = get(page + 24);
	image->len = get(page + 32);
	image->device_size = get(page + 40);
	image->time = get(page + 48);
	memcpy(image->sum, page + 56, SHA256_BYTES);
	return image->generation && image->generation <= UINT64_MAX / 2;
}

/**
 * image_fits() - compare a header with the place where it was found
 * @image: what it says
 * @device_size: bytes of the device it was read from
 * @slot: which slot it was read from
 *
 * Return: whether its image can lie there.
 */
bool image_fits(const struct image *image, uint64_t device_size, unsigned int slot)
{
	return image->generation % 2 == slot && image->device_size == device_size &&
		image->offset == image_area(image->generation, device_size) &&
		image->len && image->len % IMAGE_PAGE == 0 &&
		image->len <= image_area_size(device_size);
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
	return image_read(image, page) && image_fits(image, device_size, slot);
}

/**
 * image_other_version() - tell a header of another layout
 * @page: bytes of a slot's header
 *
 * Return: the version of its layout; 0 if it is no header, or one of ours.
 */
uint64_t image_other_version(const uint8_t page[IMAGE_PAGE])
{
	if (memcmp(page, image_magic, 8) || get(page + 8) == IMAGE_VERSION)
		return 0;
	return get(page + 8);
}

/**
 * image_sign() - put a signature into a header
 * @page: the header, from image_encode()
 * @signature: of its first IMAGE_SIGNED bytes
 * @len: bytes, at most IMAGE_SIGNATURE_MAX
 */
void image_sign(uint8_t page[IMAGE_PAGE], const uint8_t *signature, size_t len)
{
	put(page + SIGNATURE_LEN, len);
	memcpy(page + SIGNATURE, signature, len);
}

/**
 * image_signature() - find the signature in a header
 * @page: the header
 * @len: its bytes
 *
 * Return: the signature, or NULL where there is none.
 */
const uint8_t *image_signature(const uint8_t page[IMAGE_PAGE], size_t *len)
{
	*len = get(page + SIGNATURE_LEN);
	return *len && *len <= IMAGE_SIGNATURE_MAX ? page + SIGNATURE : NULL;
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
	put(page + 136, claim->token);
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
	/* none is from before there were tokens */
	claim->token = get(page + 136) ?: 1;
	memcpy(claim->boot, page + 16, sizeof(claim->boot));
	memcpy(claim->host, page + 64, sizeof(claim->host));
	claim->boot[sizeof(claim->boot) - 1] = '\0';
	claim->host[sizeof(claim->host) - 1] = '\0';
	return true;
}
