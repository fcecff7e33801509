/* SPDX-License-Identifier: GPL-2.0 */
/* Signatures of published images, by the program openssl. */
#ifndef FSDEVCTL_SIGN_H
#define FSDEVCTL_SIGN_H

#include <stddef.h>
#include <stdint.h>

int sign_make(const char *key, const uint8_t *data, size_t size, uint8_t *signature, size_t *len);
int sign_check(const char *key, const uint8_t *data, size_t size, const uint8_t *signature,
	       size_t len);

#endif
