// SPDX-License-Identifier: GPL-2.0
/*
 * Finding the BTF in raw BTF, ELF files and kernel images, and refusing every damaged one by name.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "layout/payload.h"
#include "layout/unpack.h"

#define SECTOR 512
#define BTF_SIZE 5000
#define NAMES "\0.shstrtab\0.BTF_ids\0.BTF"
#define NAME_OF_STRTAB 1
#define NAME_OF_IDS 11
#define NAME_OF_BTF 20

/* A file in memory of exactly its size, so that the address sanitizer guards its end. */
struct blob {
	unsigned char *bytes;
	size_t size;
};

/* Not parsed here, so any bytes behind the magic will do; they shrink, but not to nothing. */
static const unsigned char *btf(void)
{
	static unsigned char bytes[BTF_SIZE];
	unsigned int i;

	for (i = 0; i < BTF_SIZE; i++)
		bytes[i] = i * i >> 5;
	bytes[0] = 0x9f;
	bytes[1] = 0xeb;
	return bytes;
}

static struct blob new_file(size_t size)
{
	struct blob file = { calloc(1, size), size };

	assert_non_null(file.bytes);
	return file;
}

static void put32(unsigned char *at, uint32_t value)
{
	at[0] = value;
	at[1] = value >> 8;
	at[2] = value >> 16;
	at[3] = value >> 24;
}

/* cut: the file's first @size bytes, in memory of their own. */
static struct blob cut(struct blob file, size_t size)
{
	struct blob shorter = new_file(size);

	memcpy(shorter.bytes, file.bytes, size);
	free(file.bytes);
	return shorter;
}

static Elf64_Ehdr *elf_of(struct blob file)
{
	return (Elf64_Ehdr *)file.bytes;
}

static Elf64_Shdr *sections_of(struct blob file)
{
	return (Elf64_Shdr *)(file.bytes + elf_of(file)->e_shoff);
}

/* A vmlinux: header, names, BTF, then the headers of no section, .BTF_ids, .BTF and .shstrtab. */
static struct blob elf_file(void)
{
	size_t names = sizeof(Elf64_Ehdr), data = names + 32, table = data + BTF_SIZE;
	struct blob file = new_file(table + 4 * sizeof(Elf64_Shdr));
	Elf64_Ehdr *elf = elf_of(file);
	Elf64_Shdr *section;

	memcpy(elf->e_ident, ELFMAG, SELFMAG);
	elf->e_ident[EI_CLASS] = ELFCLASS64;
	elf->e_ident[EI_DATA] = ELFDATA2LSB;
	elf->e_shoff = table;
	elf->e_shentsize = sizeof(Elf64_Shdr);
	elf->e_shnum = 4;
	elf->e_shstrndx = 3;
	memcpy(file.bytes + names, NAMES, sizeof(NAMES));
	memcpy(file.bytes + data, btf(), BTF_SIZE);
	section = sections_of(file);
	section[1] = (Elf64_Shdr){ .sh_name = NAME_OF_IDS, .sh_type = SHT_PROGBITS, .sh_size = 4 };
	section[2] = (Elf64_Shdr){ .sh_name = NAME_OF_BTF, .sh_type = SHT_PROGBITS,
				   .sh_offset = data, .sh_size = BTF_SIZE };
	section[3] = (Elf64_Shdr){ .sh_name = NAME_OF_STRTAB, .sh_type = SHT_STRTAB,
				   .sh_offset = names, .sh_size = sizeof(NAMES) };
	return file;
}

typedef size_t pack_fn(const unsigned char *in, size_t size, unsigned char *out, size_t room);

/* As the kernel packs with xz: LZMA2 behind the x86 filter, checked by CRC32. */
static size_t pack_xz(const unsigned char *in, size_t size, unsigned char *out, size_t room)
{
	lzma_options_lzma lzma;
	lzma_filter filters[] = {
		{ .id = LZMA_FILTER_X86 },
		{ .id = LZMA_FILTER_LZMA2, .options = &lzma },
		{ .id = LZMA_VLI_UNKNOWN },
	};
	size_t used = 0;

	assert_false(lzma_lzma_preset(&lzma, 1));
	assert_int_equal(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, in, size, out,
						   &used, room), LZMA_OK);
	return used;
}

static size_t pack_zstd(const unsigned char *in, size_t size, unsigned char *out, size_t room)
{
	size_t used = ZSTD_compress(out, room, in, size, 1);

	assert_false(ZSTD_isError(used));
	return used;
}

static size_t pack_gzip(const unsigned char *in, size_t size, unsigned char *out, size_t room)
{
	z_stream stream = { .next_in = (unsigned char *)in, .avail_in = size, .next_out = out,
			    .avail_out = room };

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, 0), Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	/* its size is the stream's own end, so it gets none behind it */
	return stream.total_out - 4;
}

/* lz4_put: the length that a token begins, when it does not fit into its four bits */
static size_t lz4_put(unsigned char *out, size_t used, size_t length)
{
	for (length -= 15; length >= 255; length -= 255)
		out[used++] = 255;
	out[used++] = length;
	return used;
}

/* As `lz4 -l` packs, by a search that is slow and simple. Two blocks, as of a larger kernel. */
static size_t pack_lz4(const unsigned char *in, size_t size, unsigned char *out, size_t room)
{
	size_t used = 4, first, end;

	put32(out, 0x184c2102);
	for (first = 0; first < size; first = end) {
		size_t at = first, start = first, head = used;

		used += 4;
		end = first ? size : size / 2;
		while (at < end) {
			size_t length = 0, back, token = used++, literals;

			for (back = 1; back <= at - first && back < 0x10000; back++) {
				while (at + length < end && in[at + length] == in[at + length - back])
					length++;
				if (length >= 4)
					break;
				length = 0;
			}
			if (!length && ++at < end) {
				used--;
				continue;
			}
			literals = at - start;
			out[token] = (literals < 15 ? literals : 15) << 4;
			used = literals < 15 ? used : lz4_put(out, used, literals);
			memcpy(out + used, in + start, literals);
			used += literals;
			assert_true(used + 300 < room);
			if (!length)
				break;
			put32(out + used, back);
			used += 2;
			out[token] |= length - 4 < 15 ? length - 4 : 15;
			used = length - 4 < 15 ? used : lz4_put(out, used, length - 4);
			at += length;
			start = at;
			if (at == end)
				out[used++] = 0;
		}
		put32(out + head, used - head - 4);
	}
	return used;
}

/* Where bzimage() puts the payload: behind @sectors and 16 bytes of code. */
static size_t payload_at(unsigned int sectors)
{
	return ((sectors ? sectors : 4) + 1) * SECTOR + 16;
}

/* A bzImage of that payload, which is already complete. */
static struct blob bzimage(unsigned int sectors, const unsigned char *payload, size_t size)
{
	struct blob image = new_file(payload_at(sectors) + size + 32);

	image.bytes[0x1f1] = sectors;
	image.bytes[0x1fe] = 0x55;
	image.bytes[0x1ff] = 0xaa;
	memcpy(image.bytes + 0x202, "HdrS", 4);
	image.bytes[0x206] = 0x0f;
	image.bytes[0x207] = 0x02;
	put32(image.bytes + 0x248, 16);
	put32(image.bytes + 0x24c, size);
	memcpy(image.bytes + payload_at(sectors), payload, size);
	return image;
}

/* A bzImage of that content; its size goes behind the packed content, and @trailer is put there. */
static struct blob packed_as(pack_fn *pack, struct blob content, size_t trailer,
			     unsigned int sectors)
{
	size_t room = content.size + 1000, size;
	unsigned char *payload = malloc(room + 4);
	struct blob image;

	assert_non_null(payload);
	size = pack(content.bytes, content.size, payload, room);
	put32(payload + size, trailer);
	image = bzimage(sectors, payload, size + 4);
	free(payload);
	free(content.bytes);
	return image;
}

static struct blob packed(pack_fn *pack)
{
	struct blob elf = elf_file();

	return packed_as(pack, elf, elf.size, 39);
}

/* put_btf: a header with a part for types and one for strings, as a search has to tell it by. */
static void put_btf(unsigned char *at, size_t size)
{
	memset(at, 0, size);
	put32(at, 0x0001eb9f);
	put32(at + 4, 24);
	put32(at + 12, size - 24 - 16);
	put32(at + 16, size - 24 - 16);
	put32(at + 20, 16);
	memset(at + 24, 'x', size - 24 - 16);
}

#define IMAGE_SIZE 9000
#define IMAGE_BTF 1236
#define IMAGE_BTF_SIZE 4000

/* An arm64 Image: its magic, and in it a BTF, a smaller one, and what only begins as one. */
static struct blob arm_image(void)
{
	struct blob image = new_file(IMAGE_SIZE);

	memcpy(image.bytes, "MZ", 2);
	memcpy(image.bytes + 0x38, "ARMd", 4);
	put_btf(image.bytes + 1000, 100);
	put_btf(image.bytes + IMAGE_BTF, IMAGE_BTF_SIZE);
	put_btf(image.bytes + 6000, 200);
	memcpy(image.bytes + IMAGE_SIZE - 10, "\x9f\xeb\x01\x00\x18", 5);
	return image;
}

/* An EFI program with that kernel in it. */
static struct blob zboot(pack_fn *pack, const char *method, struct blob content)
{
	size_t room = content.size + 1000, size, tail = strcmp(method, "gzip") ? 0 : 4;
	struct blob image = new_file(512 + room + 4);

	memcpy(image.bytes, "MZ", 2);
	memcpy(image.bytes + 4, "zimg", 4);
	size = pack(content.bytes, content.size, image.bytes + 512, room);
	if (!tail)
		put32(image.bytes + 512 + size, content.size);
	put32(image.bytes + 8, 512);
	put32(image.bytes + 12, size + tail);
	memcpy(image.bytes + 24, method, strlen(method));
	free(content.bytes);
	return image;
}

enum outcome { REFUSED, OTHER, FOUND };

/* find: frees the file, and returns what was said; OTHER is BTF that is not btf()'s. */
static char *find(struct blob file, enum outcome *outcome)
{
	struct payload found;
	size_t said_size;
	char *said;
	FILE *err = open_memstream(&said, &said_size);

	assert_non_null(err);
	*outcome = REFUSED;
	if (!payload_find(file.bytes, file.size, &found, err)) {
		bool same = found.size == BTF_SIZE && !memcmp(found.btf, btf(), BTF_SIZE);

		*outcome = same ? FOUND : OTHER;
		payload_free(&found);
		assert_null(found.unpacked);
	}
	fclose(err);
	free(file.bytes);
	return said;
}

static void expect_btf(struct blob file)
{
	enum outcome outcome;
	char *said = find(file, &outcome);

	assert_string_equal(said, "");
	assert_int_equal(outcome, FOUND);
	free(said);
}

static void expect_refusal(struct blob file, const char *complaint)
{
	enum outcome outcome;
	char *said = find(file, &outcome);

	assert_int_equal(outcome, REFUSED);
	assert_memory_equal(said, "btf2layout: ", 12);
	assert_string_equal(said + 12, complaint);
	free(said);
}

static void raw_btf_is_taken_whole(void **state)
{
	struct blob file = new_file(BTF_SIZE);

	(void)state;
	memcpy(file.bytes, btf(), BTF_SIZE);
	expect_btf(file);
}

static void other_files_are_refused(void **state)
{
	struct blob script = new_file(3);

	(void)state;
	memcpy(script.bytes, "#!/", 3);
	expect_refusal(new_file(0), "the file is empty\n");
	expect_refusal(script,
		       "the file of 3 bytes (magic 23 21 2f 00) is neither raw BTF nor an ELF vmlinux nor an image of x86 or arm64\n");
}

static void elf_section_is_found(void **state)
{
	(void)state;
	expect_btf(elf_file());
}

static void damaged_elf_is_refused(void **state)
{
	static const char no_headers[] =
		"the ELF file has no section headers, so no .BTF can be found\n";
	struct blob file;

	(void)state;
	expect_refusal(cut(elf_file(), 20), "the ELF file is cut short: it has only 20 bytes\n");
	file = elf_file();
	elf_of(file)->e_ident[EI_DATA] = ELFDATA2MSB;
	expect_refusal(file, "the ELF file is for another kind of machine (class 2, data 2)\n");
	file = elf_file();
	elf_of(file)->e_shnum = 0;
	expect_refusal(file, no_headers);
	file = elf_file();
	elf_of(file)->e_shentsize = 40;
	expect_refusal(file, no_headers);
	expect_refusal(cut(elf_file(), 4096),
		       "the ELF file's section names lie outside the file\n");
	file = elf_file();
	elf_of(file)->e_shoff = UINT64_MAX - 8;
	expect_refusal(file, "the ELF file's section names lie outside the file\n");
	file = elf_file();
	sections_of(file)[3].sh_size = UINT64_MAX;
	expect_refusal(file, "the ELF file's section names lie outside the file\n");
	file = elf_file();
	sections_of(file)[2].sh_size = UINT64_MAX - 100;
	expect_refusal(file, "the ELF file's .BTF section lies outside the file\n");
}

static void thirty_two_bit_elf_is_refused(void **state)
{
	struct blob file = elf_file();

	(void)state;
	elf_of(file)->e_ident[EI_CLASS] = ELFCLASS32;
	expect_refusal(file, "the kernel is a 32-bit one: fsdev needs a 64-bit kernel\n");
}

static void kernel_without_btf_is_refused(void **state)
{
	static const char no_btf[] =
		"the kernel has no .BTF section: it was built without CONFIG_DEBUG_INFO_BTF\n";
	struct blob file = elf_file();

	(void)state;
	sections_of(file)[2].sh_name = NAME_OF_IDS;
	expect_refusal(file, no_btf);
	/* a name that ends where the names end, and one that lies outside them */
	file = elf_file();
	sections_of(file)[3].sh_size = NAME_OF_BTF + 4;
	expect_refusal(file, no_btf);
	file = elf_file();
	sections_of(file)[2].sh_name = UINT32_MAX;
	expect_refusal(file, no_btf);
	/* a file of debug information keeps the header only */
	file = elf_file();
	sections_of(file)[2].sh_type = SHT_NOBITS;
	expect_refusal(file, no_btf);
}

static void bzimage_is_unpacked(void **state)
{
	(void)state;
	expect_btf(packed(pack_xz));
	expect_btf(packed(pack_zstd));
	expect_btf(packed(pack_gzip));
	expect_btf(packed(pack_lz4));
}

/* expect_image: what is found is the BTF of arm_image(). */
static void expect_image(struct blob file)
{
	static unsigned char wanted[IMAGE_BTF_SIZE];
	struct payload found;

	put_btf(wanted, sizeof(wanted));
	assert_int_equal(payload_find(file.bytes, file.size, &found, stderr), 0);
	assert_int_equal(found.size, IMAGE_BTF_SIZE);
	assert_memory_equal(found.btf, wanted, IMAGE_BTF_SIZE);
	payload_free(&found);
	free(file.bytes);
}

static void largest_btf_of_an_image_is_found(void **state)
{
	(void)state;
	expect_image(arm_image());
}

static void packed_images_are_unpacked(void **state)
{
	struct blob image = arm_image(), file = new_file(image.size);

	(void)state;
	file.size = pack_gzip(image.bytes, image.size, file.bytes, file.size) + 4;
	free(image.bytes);
	expect_image(cut(file, file.size));
	expect_image(zboot(pack_gzip, "gzip", arm_image()));
	expect_image(zboot(pack_zstd, "zstd22", arm_image()));
	expect_image(zboot(pack_xz, "xzkern", arm_image()));
	expect_image(zboot(pack_lz4, "lz4", arm_image()));
}

static void damaged_images_are_refused(void **state)
{
	static const char no_btf[] =
		"the kernel's Image has no BTF in it: it was built without CONFIG_DEBUG_INFO_BTF\n";
	static const struct {
		size_t at;
		uint32_t value;
	} damages[] = {
		{ 4, 23 }, { 4, UINT32_MAX }, { 8, 4 }, { 12, UINT32_MAX }, { 16, 0 },
		{ 16, UINT32_MAX }, { 20, 0 }, { 20, UINT32_MAX },
	};
	struct blob file;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		file = arm_image();
		memset(file.bytes + 1000, 0, 100);
		memset(file.bytes + 6000, 0, 200);
		put32(file.bytes + IMAGE_BTF + damages[i].at, damages[i].value);
		expect_refusal(file, no_btf);
	}
	file = arm_image();
	memset(file.bytes + 1000, 0, 100);
	expect_refusal(cut(file, IMAGE_BTF + IMAGE_BTF_SIZE - 1), no_btf);
	file = zboot(pack_gzip, "gzip", arm_image());
	put32(file.bytes + 12, UINT32_MAX);
	expect_refusal(file, "the EFI image's payload (4294967295 bytes at 512) lies outside the file of 10516 bytes\n");
	file = zboot(pack_gzip, "gzip", arm_image());
	put32(file.bytes + 8, UINT32_MAX);
	free(find(file, &(enum outcome){ OTHER }));
	file = new_file(64);
	expect_refusal(zboot(pack_gzip, "gzip", file),
		       "what the EFI image unpacks to is neither an ELF file nor an Image\n");
}

static void no_setup_sectors_mean_four(void **state)
{
	struct blob elf = elf_file();

	(void)state;
	expect_btf(packed_as(pack_xz, elf, elf.size, 0));
}

static void lying_payload_place_is_refused(void **state)
{
	struct blob image = packed(pack_xz);
	char complaint[128];

	(void)state;
	put32(image.bytes + 0x24c, image.size);
	snprintf(complaint, sizeof(complaint),
		 "the bzImage's payload (%zu bytes at 20496) lies outside the file of %zu bytes\n",
		 image.size, image.size);
	expect_refusal(image, complaint);
	image = packed(pack_xz);
	put32(image.bytes + 0x248, UINT32_MAX);
	put32(image.bytes + 0x24c, UINT32_MAX);
	snprintf(complaint, sizeof(complaint),
		 "the bzImage's payload (4294967295 bytes at 4294987775) lies outside the file of %zu bytes\n",
		 image.size);
	expect_refusal(image, complaint);
	image = packed(pack_xz);
	put32(image.bytes + 0x24c, 4);
	expect_refusal(image, "the kernel image's payload cannot be 4 bytes long\n");
}

static void old_boot_protocol_is_refused(void **state)
{
	struct blob image = packed(pack_xz);

	(void)state;
	image.bytes[0x206] = 0x07;
	expect_refusal(image,
		       "the bzImage speaks boot protocol 2.07, which names no payload (2.08 does)\n");
}

static void cut_payload_is_refused(pack_fn *pack, const char *name)
{
	struct blob elf = elf_file();
	size_t elf_size = elf.size, size;
	unsigned char *payload = malloc(elf.size + 1000);
	char complaint[160];

	assert_non_null(payload);
	size = pack(elf.bytes, elf.size, payload, elf.size + 996) / 2;
	put32(payload + size, elf_size);
	snprintf(complaint, sizeof(complaint),
		 "the kernel image's %s payload is damaged or cut short, or unpacks to more than the %zu bytes that its end names\n",
		 name, elf_size);
	expect_refusal(bzimage(39, payload, size + 4), complaint);
	free(payload);
	free(elf.bytes);
}

static void cut_payloads_are_refused(void **state)
{
	(void)state;
	cut_payload_is_refused(pack_xz, "xz");
	cut_payload_is_refused(pack_zstd, "zstd");
	cut_payload_is_refused(pack_gzip, "gzip");
	cut_payload_is_refused(pack_lz4, "lz4");
}

/* The first bytes of a packed kernel turned over, one at a time: whatever comes out, no crash. */
static void any_damage_is_survived(void **state)
{
	static pack_fn *const packs[] = { pack_xz, pack_zstd, pack_gzip, pack_lz4 };
	enum outcome outcome;
	size_t i, at;

	(void)state;
	for (i = 0; i < 4; i++) {
		struct blob image = packed(packs[i]);

		for (at = payload_at(39); at < payload_at(39) + 400; at++) {
			struct blob damaged = new_file(image.size);

			memcpy(damaged.bytes, image.bytes, image.size);
			damaged.bytes[at] ^= 0xff;
			free(find(damaged, &outcome));
		}
		free(image.bytes);
	}
}

/* Blocks that say of themselves what is not so; the memory that is given ends where the payload does. */
static void lying_lz4_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} payloads[] = {
#define PAYLOAD(bytes) { bytes, sizeof(bytes) - 1 }
		/* a block behind the end, and one whose last sequence has a match */
		PAYLOAD("\xff\x00\x00\x00\x10\x61\x10\x00\x00\x00"),
		PAYLOAD("\x04\x00\x00\x00\x10\x61\x01\x00\x10\x00\x00\x00"),
		/* more literals than bytes; than there is room for; a length that goes on behind the end */
		PAYLOAD("\x02\x00\x00\x00\xe0\x61\x10\x00\x00\x00"),
		PAYLOAD("\x06\x00\x00\x00\x50\x61\x62\x63\x64\x65\x02\x00\x00\x00"),
		PAYLOAD("\x02\x00\x00\x00\xf0\xff\x10\x00\x00\x00"),
		PAYLOAD("\x05\x00\x00\x00\x1f\x61\x01\x00\xff\xff\x00\x00\x00"),
		/* a match that is cut off, is nowhere, is in front of the block, is longer than the room */
		PAYLOAD("\x03\x00\x00\x00\x10\x61\x01\x10\x00\x00\x00"),
		PAYLOAD("\x05\x00\x00\x00\x10\x61\x00\x00\x00\x05\x00\x00\x00"),
		PAYLOAD("\x05\x00\x00\x00\x10\x61\x02\x00\x00\x05\x00\x00\x00"),
		PAYLOAD("\x03\x00\x00\x00\x20\x61\x62\x05\x00\x00\x00\x10\x63\x02\x00\x00\x07\x00\x00\x00"),
		PAYLOAD("\x05\x00\x00\x00\x18\x61\x01\x00\x00\x03\x00\x00\x00"),
		/* another length than it says; something behind the last block */
		PAYLOAD("\x03\x00\x00\x00\x20\x61\x62\x03\x00\x00\x00"),
		PAYLOAD("\x03\x00\x00\x00\x20\x61\x62\x00\x02\x00\x00\x00"),
	};
	FILE *err = fopen("/dev/null", "w");
	size_t i;

	(void)state;
	assert_non_null(err);
	for (i = 0; i < sizeof(payloads) / sizeof(*payloads); i++) {
		struct blob file = new_file(4 + payloads[i].size), out;

		put32(file.bytes, 0x184c2102);
		memcpy(file.bytes + 4, payloads[i].bytes, payloads[i].size);
		if (!unpack(file.bytes, file.size, &out.bytes, &out.size, err))
			fail_msg("payload %zu was unpacked", i);
		free(file.bytes);
	}
	fclose(err);
}

static void lying_size_is_refused(void **state)
{
	struct blob elf = elf_file();
	char complaint[160];

	(void)state;
	snprintf(complaint, sizeof(complaint),
		 "the kernel image's zstd payload unpacks to %zu bytes, but its end names %zu\n",
		 elf.size, elf.size + 1);
	expect_refusal(packed_as(pack_zstd, elf, elf.size + 1, 39), complaint);
	elf = elf_file();
	snprintf(complaint, sizeof(complaint),
		 "the kernel image's xz payload is damaged or cut short, or unpacks to more than the %zu bytes that its end names\n",
		 elf.size - 1);
	expect_refusal(packed_as(pack_xz, elf, elf.size - 1, 39), complaint);
	expect_refusal(packed_as(pack_xz, elf_file(), 0, 39),
		       "the kernel image's xz payload claims to be of 0 bytes unpacked, which no kernel is\n");
	expect_refusal(packed_as(pack_xz, elf_file(), UINT32_MAX, 39),
		       "the kernel image's xz payload claims to be of 4294967295 bytes unpacked, which no kernel is\n");
}

static void other_compressions_are_named(void **state)
{
	(void)state;
	expect_refusal(bzimage(39, (const unsigned char *)"\x89LZO what", 9),
		       "the kernel image is packed with lzo (magic 89 4c 5a 4f), and only xz, zstd, gzip and lz4 can be unpacked: give --btf an unpacked vmlinux or /sys/kernel/btf/vmlinux\n");
	expect_refusal(bzimage(39, (const unsigned char *)"\x01\x02\x03\x04 what", 9),
		       "the kernel image is packed with something unknown (magic 01 02 03 04), and only xz, zstd, gzip and lz4 can be unpacked: give --btf an unpacked vmlinux or /sys/kernel/btf/vmlinux\n");
}

static void unpacked_kernel_has_to_be_elf(void **state)
{
	struct blob file = new_file(64);

	(void)state;
	expect_refusal(packed_as(pack_zstd, file, file.size, 39),
		       "what the bzImage unpacks to is neither an ELF file nor an Image\n");
	file = elf_file();
	elf_of(file)->e_ident[EI_CLASS] = ELFCLASS32;
	expect_refusal(packed_as(pack_zstd, file, file.size, 39),
		       "the kernel is a 32-bit one: fsdev needs a 64-bit kernel\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_btf_is_taken_whole),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(elf_section_is_found),
		cmocka_unit_test(damaged_elf_is_refused),
		cmocka_unit_test(thirty_two_bit_elf_is_refused),
		cmocka_unit_test(kernel_without_btf_is_refused),
		cmocka_unit_test(bzimage_is_unpacked),
		cmocka_unit_test(largest_btf_of_an_image_is_found),
		cmocka_unit_test(packed_images_are_unpacked),
		cmocka_unit_test(damaged_images_are_refused),
		cmocka_unit_test(no_setup_sectors_mean_four),
		cmocka_unit_test(lying_payload_place_is_refused),
		cmocka_unit_test(old_boot_protocol_is_refused),
		cmocka_unit_test(cut_payloads_are_refused),
		cmocka_unit_test(any_damage_is_survived),
		cmocka_unit_test(lying_lz4_is_refused),
		cmocka_unit_test(lying_size_is_refused),
		cmocka_unit_test(other_compressions_are_named),
		cmocka_unit_test(unpacked_kernel_has_to_be_elf),
	};

	return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
