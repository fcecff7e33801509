/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_PAYLOAD_H
#define LAYOUT_PAYLOAD_H

#include <stddef.h>
#include <stdio.h>

/**
 * struct payload - the BTF, or the section, that was found in a file
 * @btf: its first byte, inside the file's bytes or inside @unpacked
 * @size: its length in bytes
 * @unpacked: the kernel as unpacked from a bzImage, or NULL
 */
struct payload {
	const unsigned char *btf;
	size_t size;
	unsigned char *unpacked;
};

int payload_find(const unsigned char *file, size_t size, struct payload *found, FILE *err);

int payload_section(const unsigned char *file, size_t size, const char *name,
		    struct payload *found, FILE *err);

void payload_free(struct payload *found);

#endif
