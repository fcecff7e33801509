/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Images in memory that hosts share: two slots with a header each, of which one is always whole.
 *
 *   0        header of slot 0
 *   4 KiB    header of slot 1
 *   8 KiB    who is publishing, all zeros if no host is
 *   2 MiB    area of slot 0
 *   2 MiB + area_size   area of slot 1
 *
 * Generation N lies in slot N % 2. To publish, the header of the older slot is wiped, its area is
 * written, and its header is written last. A host that dies on the way leaves the other slot as it
 * was. Headers are little-endian and carry their own checksum; a signature stands behind it.
 *
 * A change of all this is another version of the layout, which hosts of this one refuse. So they
 * refuse whole headers of a device of another size, as the areas lie elsewhere there.
 */
#ifndef FSDEVCTL_IMAGE_H
#define FSDEVCTL_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "digest.h"

#define IMAGE_PAGE 4096u	/* of the layout, on every host; no page of memory */
#define IMAGE_ALIGN (2ull << 20)	/* the same: no page */
#define IMAGE_CLAIM (2 * IMAGE_PAGE)
#define IMAGE_VERSION 2u
#define IMAGE_SIGNED 88u	/* bytes of a header that a signature is of */
#define IMAGE_SIGNATURE_MAX 1024u

/**
 * struct image - one slot as its header tells
 * @generation: from 1
 * @offset: where the image starts in the device
 * @len: its bytes
 * @device_size: bytes of the device it was published in
 * @time: when, in seconds since 1970
 * @sum: checksum of the image, by digest_range()
 */
struct image {
	uint64_t generation, offset, len, device_size, time;
	uint8_t sum[SHA256_BYTES];
};

/**
 * struct image_claim - who is publishing
 * @token: of this attempt to publish; not 0
 * @pid: process
 * @boot: boot id of the host, a text of 36 bytes
 * @host: its name
 */
struct image_claim {
	uint64_t token, pid;
	char boot[37], host[65];
};

uint64_t image_area_size(uint64_t device_size);
uint64_t image_area(uint64_t generation, uint64_t device_size);
void image_encode(const struct image *image, uint8_t page[IMAGE_PAGE]);
bool image_read(struct image *image, const uint8_t page[IMAGE_PAGE]);
bool image_fits(const struct image *image, uint64_t device_size, unsigned int slot);
bool image_decode(struct image *image, const uint8_t page[IMAGE_PAGE], uint64_t device_size,
		  unsigned int slot);
uint64_t image_other_version(const uint8_t page[IMAGE_PAGE]);
void image_sign(uint8_t page[IMAGE_PAGE], const uint8_t *signature, size_t len);
const uint8_t *image_signature(const uint8_t page[IMAGE_PAGE], size_t *len);
void image_claim_encode(const struct image_claim *claim, uint8_t page[IMAGE_PAGE]);
bool image_claim_decode(struct image_claim *claim, const uint8_t page[IMAGE_PAGE]);

#endif
