// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "array.h"
#include "complain.h"
#include "unpack.h"

#define TRAILER 4
#define LZ4_LEAST_MATCH 4
#define XZ_MEMORY (512u << 20)

/* A stream to unpack and the room for it; @used is how much of the room it filled. */
struct job {
	const unsigned char *in;
	size_t in_size;
	unsigned char *out;
	size_t out_size;
	size_t used;
};

struct method {
	const char *name;
	unsigned char magic[6];
	size_t magic_size;
	/* NULL: known by name only, so that the complaint can say it */
	bool (*run)(struct job *job);
};

/* The kernel packs with the x86 filter in front of LZMA2; liblzma finds that in the stream. */
static bool unpack_xz(struct job *job)
{
	uint64_t memory = XZ_MEMORY;
	size_t in_pos = 0;

	return lzma_stream_buffer_decode(&memory, 0, NULL, job->in, &in_pos, job->in_size,
					 job->out, &job->used, job->out_size) == LZMA_OK;
}

/* ZSTD_decompress() wants to end where the frame ends, which is before the trailer. */
static bool unpack_zstd(struct job *job)
{
	size_t frame = ZSTD_findFrameCompressedSize(job->in, job->in_size);
	size_t done;

	if (ZSTD_isError(frame))
		return false;
	done = ZSTD_decompress(job->out, job->out_size, job->in, frame);
	if (ZSTD_isError(done))
		return false;
	job->used = done;
	return true;
}

static bool unpack_gzip(struct job *job)
{
	z_stream stream = {
		.next_in = (unsigned char *)job->in,
		.avail_in = (uInt)job->in_size,
		.next_out = job->out,
		.avail_out = (uInt)job->out_size,
	};
	int end;

	/* + 16: a gzip header, not zlib's own */
	if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK)
		return false;
	end = inflate(&stream, Z_FINISH);
	job->used = job->out_size - stream.avail_out;
	inflateEnd(&stream);
	return end == Z_STREAM_END;
}

static size_t le32(const unsigned char *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (size_t)p[3] << 24;
}

/* lz4_length: a length of 15 goes on in bytes, of which the first below 255 is the last. */
static bool lz4_length(const unsigned char **at, const unsigned char *end, size_t *length)
{
	unsigned char more = 255;

	if (*length != 15)
		return true;
	while (more == 255) {
		if (*at == end)
			return false;
		more = *(*at)++;
		*length += more;
	}
	return true;
}

/* lz4_match: copies from what was unpacked of this block, which may overlap with where it goes. */
static bool lz4_match(struct job *job, size_t first, size_t distance, size_t length)
{
	if (!distance || distance > job->used - first || length > job->out_size - job->used)
		return false;
	for (; length; length--, job->used++)
		job->out[job->used] = job->out[job->used - distance];
	return true;
}

/* A block is a sequence of literals and a match, again and again; the last has no match. */
static bool lz4_block(struct job *job, const unsigned char *at, size_t size)
{
	const unsigned char *end = at + size;
	size_t first = job->used;

	while (at < end) {
		unsigned char token = *at++;
		size_t literals = token >> 4, match = token & 15, distance;

		if (!lz4_length(&at, end, &literals) || literals > (size_t)(end - at) ||
		    literals > job->out_size - job->used)
			return false;
		memcpy(job->out + job->used, at, literals);
		job->used += literals;
		at += literals;
		if (at == end)
			return true;
		if (end - at < 2)
			return false;
		distance = at[0] | at[1] << 8;
		at += 2;
		if (!lz4_length(&at, end, &match) ||
		    !lz4_match(job, first, distance, match + LZ4_LEAST_MATCH))
			return false;
	}
	return false;
}

/* The old format of the lz4 program: a magic, then blocks behind their packed size. */
static bool unpack_lz4(struct job *job)
{
	const unsigned char *at = job->in + 4, *end = job->in + job->in_size;

	/* what is left where all is unpacked is the trailer */
	while (job->used < job->out_size && end - at > 4) {
		size_t size = le32(at);

		at += 4;
		if (size > (size_t)(end - at) || !lz4_block(job, at, size))
			return false;
		at += size;
	}
	return end - at == TRAILER;
}

static const struct method methods[] = {
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, unpack_xz },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ "gzip", { 0x1f, 0x8b }, 2, unpack_gzip },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
	{ "lzo", { 0x89, 'L', 'Z', 'O' }, 4, NULL },
	{ "lzma", { 0x5d, 0x00, 0x00 }, 3, NULL },
	{ "bzip2", { 'B', 'Z', 'h' }, 3, NULL },
};

static const struct method *method_of(const unsigned char *packed, size_t size)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(methods); i++)
		if (size >= methods[i].magic_size &&
		    !memcmp(packed, methods[i].magic, methods[i].magic_size))
			return &methods[i];
	return NULL;
}

static size_t trailer_of(const unsigned char *packed, size_t size)
{
	return le32(packed + size - TRAILER);
}

static int complain_method(const unsigned char *p, const struct method *method, FILE *err)
{
	return complain(err,
			"the kernel image is packed with %s (magic %02x %02x %02x %02x), and only xz, zstd, gzip and lz4 can be unpacked: give --btf an unpacked vmlinux or /sys/kernel/btf/vmlinux",
			method ? method->name : "something unknown", p[0], p[1], p[2], p[3]);
}

static int run(const struct method *method, struct job *job, FILE *err)
{
	if (!method->run(job))
		return complain(err,
				"the kernel image's %s payload is damaged or cut short, or unpacks to more than the %zu bytes that its end names",
				method->name, job->out_size);
	if (job->used != job->out_size)
		return complain(err,
				"the kernel image's %s payload unpacks to %zu bytes, but its end names %zu",
				method->name, job->used, job->out_size);
	return 0;
}

/**
 * unpack() - decompress the payload of a kernel image
 * @packed: the payload: one xz, zstd, gzip or lz4 stream, then its unpacked size as 4 little-endian
 *	bytes (in gzip those are the end of the stream itself); any bytes are safe
 * @size: of @packed, in bytes
 * @unpacked: set to the result, which the caller frees
 * @unpacked_size: set to its length in bytes, at most UNPACK_MAX
 * @err: gets one line that says what is wrong
 *
 * Return: 0, or -1 after a complaint: unknown compression (named by its magic), damaged or cut
 * data, another length than the payload's own, no memory. Nothing is left to free then.
 */
int unpack(const unsigned char *packed, size_t size, unsigned char **unpacked,
	   size_t *unpacked_size, FILE *err)
{
	struct job job = { .in = packed, .in_size = size };
	const struct method *method;

	if (size <= TRAILER || size > UNPACK_MAX)
		return complain(err, "the kernel image's payload cannot be %zu bytes long", size);
	method = method_of(packed, size);
	if (!method || !method->run)
		return complain_method(packed, method, err);
	job.out_size = trailer_of(packed, size);
	if (!job.out_size || job.out_size > UNPACK_MAX)
		return complain(err,
				"the kernel image's %s payload claims to be of %zu bytes unpacked, which no kernel is",
				method->name, job.out_size);
	job.out = malloc(job.out_size);
	if (!job.out)
		return complain(err, "no memory for an unpacked kernel of %zu bytes", job.out_size);
	if (run(method, &job, err)) {
		free(job.out);
		return -1;
	}
	*unpacked = job.out;
	*unpacked_size = job.out_size;
	return 0;
}
