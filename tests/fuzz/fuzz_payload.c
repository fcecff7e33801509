// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target: any bytes as a kernel image. payload_find() and unpack() must neither crash
 * nor read outside them.
 *
 * An even first byte: the rest is the file. An odd one: the rest is the payload of a bzImage that
 * is sound, which random bytes alone would hardly ever be.
 *
 * Goes together with layout's complain.c, payload.c and unpack.c and with -llzma -lzstd -lz, all
 * compiled with -DUNPACK_MAX='(1u << 20)', so that no run takes long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout/array.h"
#include "layout/payload.h"

#define SETUP 1024
#define PAYLOAD_LENGTH 0x24c

static const struct {
	size_t at;
	const char *bytes;
	size_t size;
} sound[] = {
	{ 0x1f1, "\x01", 1 },		/* setup_sects */
	{ 0x1fe, "\x55\xaa", 2 },
	{ 0x202, "HdrS", 4 },
	{ 0x206, "\x0f\x02", 2 },	/* version; payload_offset stays 0 */
};

static size_t wrap(unsigned char *file, const unsigned char *data, size_t size)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sound); i++)
		memcpy(file + sound[i].at, sound[i].bytes, sound[i].size);
	for (i = 0; i < 4; i++)
		file[PAYLOAD_LENGTH + i] = size >> 8 * i;
	memcpy(file + SETUP, data, size);
	return SETUP + size;
}

/* sum: reads what was found, so that the address sanitizer judges where it lies. */
static unsigned int sum(const struct payload *found)
{
	unsigned int total = 0;
	size_t i;

	for (i = 0; i < found->size; i++)
		total += found->btf[i];
	return total;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static FILE *err;
	struct payload found;
	unsigned char *file;

	if (!size)
		return 0;
	if (!err)
		err = fopen("/dev/null", "w");
	/* of exactly the file's size */
	file = calloc(1, size - 1 + (data[0] & 1 ? SETUP : 0));
	if (data[0] & 1)
		size = wrap(file, data + 1, size - 1);
	else
		memcpy(file, data + 1, --size);
	if (!payload_find(file, size, &found, err)) {
		fprintf(err, "%u\n", sum(&found));
		payload_free(&found);
	}
	free(file);
	return 0;
}
