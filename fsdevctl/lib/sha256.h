/* SPDX-License-Identifier: GPL-2.0 */
/* SHA-256, as FIPS 180-4 has it. */
#ifndef FSDEVCTL_SHA256_H
#define FSDEVCTL_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

struct sha256 {
	uint32_t state[8];
	uint64_t bytes;
	uint8_t block[64];
};

void sha256_start(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t size);
void sha256_end(struct sha256 *sha, uint8_t sum[SHA256_BYTES]);

#endif
