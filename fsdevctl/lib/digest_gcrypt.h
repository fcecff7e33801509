/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is used of libgcrypt. Every Debian machine has the library, as apt and systemd use it, but few
 * have its headers; these functions have been the same in it since 2002.
 */
#ifndef FSDEVCTL_DIGEST_GCRYPT_H
#define FSDEVCTL_DIGEST_GCRYPT_H

#if __has_include("gcrypt.h")
#include <gcrypt.h>
#else

#include <stddef.h>

#define GCRY_MD_SHA256 8
#define GCRYCTL_DISABLE_SECMEM 37
#define GCRYCTL_INITIALIZATION_FINISHED 38

typedef struct gcry_md_handle *gcry_md_hd_t;

const char *gcry_check_version(const char *wanted);
unsigned int gcry_control(int command, ...);
unsigned int gcry_md_open(gcry_md_hd_t *hash, int algorithm, unsigned int flags);
void gcry_md_close(gcry_md_hd_t hash);
void gcry_md_reset(gcry_md_hd_t hash);
void gcry_md_write(gcry_md_hd_t hash, const void *data, size_t size);
unsigned char *gcry_md_read(gcry_md_hd_t hash, int algorithm);
void gcry_md_hash_buffer(int algorithm, void *sum, const void *data, size_t size);

#endif

#endif
