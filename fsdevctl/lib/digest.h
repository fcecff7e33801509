/* SPDX-License-Identifier: GPL-2.0 */
/* SHA-256 of bytes, and of a range of a file by all processors. */
#ifndef FSDEVCTL_DIGEST_H
#define FSDEVCTL_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

typedef void digest_progress_t(uint64_t done, uint64_t len, void *arg);

void digest_bytes(const void *data, size_t size, uint8_t sum[SHA256_BYTES]);
int digest_range(int fd, uint64_t offset, uint64_t len, digest_progress_t *progress, void *arg,
		 uint8_t sum[SHA256_BYTES]);

#endif
