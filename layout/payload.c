// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE /* memmem() */
#include <elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#include "complain.h"
#include "payload.h"
#include "unpack.h"

/* Documentation/arch/x86/boot.rst; all little-endian, wherever this runs. */
#define BOOT_SETUP_SECTS 0x1f1
#define BOOT_FLAG 0x1fe
#define BOOT_MAGIC 0x202
#define BOOT_VERSION 0x206
#define BOOT_PAYLOAD_OFFSET 0x248
#define BOOT_PAYLOAD_LENGTH 0x24c
#define BOOT_END 0x250
#define BOOT_HAS_PAYLOAD 0x0208
#define SECTOR 512

/* Documentation/arch/arm64/booting.rst, and the header in front of an EFI program that unpacks itself. */
#define IMAGE_MAGIC 0x38
#define IMAGE_END 0x40
#define ZBOOT_TYPE 4
#define ZBOOT_PAYLOAD_OFFSET 8
#define ZBOOT_PAYLOAD_SIZE 12
#define ZBOOT_METHOD 24
#define ZBOOT_END 56

/* The header of BTF, with the offsets of its two parts behind it. */
#define BTF_HEADER 24
#define BTF_HEADER_LENGTH 4
#define BTF_TYPES 8
#define BTF_TYPES_LENGTH 12
#define BTF_STRINGS 16
#define BTF_STRINGS_LENGTH 20

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ELF_NATIVE ELFDATA2LSB
#else
#define ELF_NATIVE ELFDATA2MSB
#endif

struct bytes {
	const unsigned char *at;
	size_t size;
};

static __u32 le16(const unsigned char *p)
{
	return p[0] | p[1] << 8;
}

static __u32 le32(const unsigned char *p)
{
	return le16(p) | le16(p + 2) << 16;
}

static bool holds(struct bytes in, __u64 offset, __u64 size)
{
	return offset <= in.size && size <= in.size - offset;
}

static bool is_raw_btf(struct bytes in)
{
	return in.size >= 2 && ((in.at[0] == 0x9f && in.at[1] == 0xeb) ||
				(in.at[0] == 0xeb && in.at[1] == 0x9f));
}

static bool is_elf(struct bytes in)
{
	return in.size >= SELFMAG && !memcmp(in.at, ELFMAG, SELFMAG);
}

static bool is_bzimage(struct bytes in)
{
	return in.size >= BOOT_END && le16(in.at + BOOT_FLAG) == 0xaa55 &&
	       !memcmp(in.at + BOOT_MAGIC, "HdrS", 4);
}

static bool is_image(struct bytes in)
{
	return in.size >= IMAGE_END && !memcmp(in.at + IMAGE_MAGIC, "ARMd", 4);
}

static bool is_zboot(struct bytes in)
{
	return in.size >= ZBOOT_END && !memcmp(in.at, "MZ", 2) &&
	       !memcmp(in.at + ZBOOT_TYPE, "zimg", 4);
}

static bool is_gzip(struct bytes in)
{
	return in.size >= 2 && in.at[0] == 0x1f && in.at[1] == 0x8b;
}

/* section: header number @i of the table that @elf names; false where it lies outside the file. */
static bool section(struct bytes in, const Elf64_Ehdr *elf, __u32 i, Elf64_Shdr *header)
{
	__u64 at = (__u64)i * sizeof(*header);

	if (!holds(in, elf->e_shoff, at + sizeof(*header)))
		return false;
	memcpy(header, in.at + elf->e_shoff + at, sizeof(*header));
	return true;
}

static bool is_named(struct bytes names, const Elf64_Shdr *header, const char *name)
{
	size_t size = strlen(name) + 1;

	return holds(names, header->sh_name, size) &&
	       !memcmp(names.at + header->sh_name, name, size);
}

static int elf_header(struct bytes in, Elf64_Ehdr *elf, FILE *err)
{
	if (in.size > EI_CLASS && in.at[EI_CLASS] == ELFCLASS32)
		return complain(err, "the kernel is a 32-bit one: fsdev needs a 64-bit kernel");
	if (in.size < sizeof(*elf))
		return complain(err, "the ELF file is cut short: it has only %zu bytes", in.size);
	if (in.at[EI_CLASS] != ELFCLASS64 || in.at[EI_DATA] != ELF_NATIVE)
		return complain(err,
				"the ELF file is for another kind of machine (class %u, data %u)",
				in.at[EI_CLASS], in.at[EI_DATA]);
	memcpy(elf, in.at, sizeof(*elf));
	if (!elf->e_shoff || !elf->e_shnum || elf->e_shentsize != sizeof(Elf64_Shdr))
		return complain(err,
				"the ELF file has no section headers, so no .BTF can be found");
	return 0;
}

static int section_names(struct bytes in, const Elf64_Ehdr *elf, struct bytes *names, FILE *err)
{
	Elf64_Shdr header;

	if (!section(in, elf, elf->e_shstrndx, &header) ||
	    !holds(in, header.sh_offset, header.sh_size))
		return complain(err, "the ELF file's section names lie outside the file");
	names->at = in.at + header.sh_offset;
	names->size = header.sh_size;
	return 0;
}

static int find_in_elf(struct bytes in, const char *name, struct payload *found, FILE *err)
{
	struct bytes names = { 0 };
	Elf64_Shdr header;
	Elf64_Ehdr elf;
	__u32 i;

	if (elf_header(in, &elf, err) || section_names(in, &elf, &names, err))
		return -1;
	for (i = 0; i < elf.e_shnum && section(in, &elf, i, &header); i++) {
		if (header.sh_type == SHT_NOBITS || !is_named(names, &header, name))
			continue;
		if (!holds(in, header.sh_offset, header.sh_size))
			return complain(err, "the ELF file's %s section lies outside the file", name);
		found->btf = in.at + header.sh_offset;
		found->size = header.sh_size;
		return 0;
	}
	return 1;
}

static int find_btf_in_elf(struct bytes in, struct payload *found, FILE *err)
{
	int rc = find_in_elf(in, ".BTF", found, err);

	if (rc > 0)
		rc = complain(err,
			      "the kernel has no .BTF section: it was built without CONFIG_DEBUG_INFO_BTF");
	return rc;
}

/* packed: the compressed kernel inside a bzImage, behind the boot sectors. */
static int packed(struct bytes image, struct bytes *kernel, FILE *err)
{
	__u32 version = le16(image.at + BOOT_VERSION);
	__u32 sectors = image.at[BOOT_SETUP_SECTS];
	__u32 length = le32(image.at + BOOT_PAYLOAD_LENGTH);
	__u64 offset;

	if (version < BOOT_HAS_PAYLOAD)
		return complain(err,
				"the bzImage speaks boot protocol %u.%02u, which names no payload (2.08 does)",
				version >> 8, version & 0xff);
	/* 0 means 4, says the protocol; the boot sector itself comes on top */
	offset = ((sectors ? sectors : 4) + 1) * SECTOR;
	offset += le32(image.at + BOOT_PAYLOAD_OFFSET);
	if (!holds(image, offset, length))
		return complain(err,
				"the bzImage's payload (%u bytes at %llu) lies outside the file of %zu bytes",
				length, offset, image.size);
	kernel->at = image.at + offset;
	kernel->size = length;
	return 0;
}

/* btf_size: of the BTF that @in begins with; 0 if it does not look like BTF. */
static __u64 btf_size(struct bytes in)
{
	__u64 header, types, strings, at;

	if (in.size < BTF_HEADER)
		return 0;
	header = le32(in.at + BTF_HEADER_LENGTH);
	types = le32(in.at + BTF_TYPES_LENGTH);
	strings = le32(in.at + BTF_STRINGS_LENGTH);
	at = header + le32(in.at + BTF_STRINGS);
	if (header < BTF_HEADER || le32(in.at + BTF_TYPES) || at < header + types || !strings ||
	    !holds(in, at, strings))
		return 0;
	/* the first string is the empty one, and the last one ends */
	return in.at[at] || in.at[at + strings - 1] ? 0 : at + strings;
}

/* A raw image has no table of what is where. Its BTF is the largest one in it. */
static int find_in_image(struct bytes in, struct payload *found, FILE *err)
{
	static const unsigned char magic[] = { 0x9f, 0xeb, 1, 0 };
	const unsigned char *end = in.at + in.size, *at = in.at;

	while ((at = memmem(at, end - at, magic, sizeof(magic)))) {
		__u64 size = btf_size((struct bytes){ at, end - at });

		if (size > found->size) {
			found->btf = at;
			found->size = size;
		}
		at += size ? size : sizeof(magic);
	}
	if (!found->size)
		return complain(err,
				"the kernel's Image has no BTF in it: it was built without CONFIG_DEBUG_INFO_BTF");
	return 0;
}

/* find_packed: in what unpack() can unpack. @kind: what it is, for a complaint. */
static int find_packed(struct bytes packed, const char *kind, struct payload *found, FILE *err)
{
	struct bytes kernel;
	unsigned char *unpacked;
	int rc = -1;

	if (unpack(packed.at, packed.size, &unpacked, &kernel.size, err))
		return -1;
	kernel.at = unpacked;
	if (is_elf(kernel))
		rc = find_btf_in_elf(kernel, found, err);
	else if (is_image(kernel))
		rc = find_in_image(kernel, found, err);
	else
		complain(err, "what the %s unpacks to is neither an ELF file nor an Image", kind);
	if (rc)
		free(unpacked);
	else
		found->unpacked = unpacked;
	return rc;
}

static int find_in_bzimage(struct bytes image, struct payload *found, FILE *err)
{
	struct bytes kernel;

	if (packed(image, &kernel, err))
		return -1;
	return find_packed(kernel, "bzImage", found, err);
}

static int find_in_zboot(struct bytes image, struct payload *found, FILE *err)
{
	__u64 offset = le32(image.at + ZBOOT_PAYLOAD_OFFSET);
	__u64 size = le32(image.at + ZBOOT_PAYLOAD_SIZE);

	/* the unpacked size comes behind the payload, but for gzip, which ends with it */
	if (memcmp(image.at + ZBOOT_METHOD, "gzip", 4))
		size += 4;
	if (!holds(image, offset, size))
		return complain(err,
				"the EFI image's payload (%llu bytes at %llu) lies outside the file of %zu bytes",
				size, offset, image.size);
	return find_packed((struct bytes){ image.at + offset, size }, "EFI image", found, err);
}

static int complain_kind(struct bytes in, FILE *err)
{
	unsigned char first[4] = { 0 };

	memcpy(first, in.at, in.size < sizeof(first) ? in.size : sizeof(first));
	return complain(err,
			"the file of %zu bytes (magic %02x %02x %02x %02x) is neither raw BTF nor an ELF vmlinux nor an image of x86 or arm64",
			in.size, first[0], first[1], first[2], first[3]);
}

/**
 * payload_find() - find the BTF in a file, whichever of the known kinds it is
 * @file: the whole file: raw BTF, a 64-bit ELF file with a .BTF section, an x86 bzImage, or an
 *	arm64 Image, which may be packed with gzip or inside an EFI program that unpacks it; told
 *	apart by content, and safe for any bytes
 * @size: its length in bytes
 * @found: filled in on success; it points into @file, which has to outlive it
 * @err: gets one line that says what is wrong
 *
 * What is found is not parsed here: libbpf does that.
 *
 * Return: 0, then payload_free() is due, or -1 after a complaint.
 */
int payload_find(const unsigned char *file, size_t size, struct payload *found, FILE *err)
{
	struct bytes in = { file, size };

	memset(found, 0, sizeof(*found));
	if (!size)
		return complain(err, "the file is empty");
	if (is_elf(in))
		return find_btf_in_elf(in, found, err);
	if (is_bzimage(in))
		return find_in_bzimage(in, found, err);
	if (is_zboot(in))
		return find_in_zboot(in, found, err);
	if (is_image(in))
		return find_in_image(in, found, err);
	if (is_gzip(in))
		return find_packed(in, "gzip file", found, err);
	if (!is_raw_btf(in))
		return complain_kind(in, err);
	found->btf = file;
	found->size = size;
	return 0;
}

/**
 * payload_section() - find a section of a module
 * @file: the whole file; safe for any bytes
 * @size: its length in bytes
 * @name: the section's name
 * @found: filled in on success; it points into @file, and there is nothing to free
 * @err: gets one line that says what is wrong
 *
 * Return: 0, or -1 after a complaint.
 */
int payload_section(const unsigned char *file, size_t size, const char *name,
		    struct payload *found, FILE *err)
{
	struct bytes in = { file, size };
	int rc;

	memset(found, 0, sizeof(*found));
	if (!is_elf(in))
		return complain_kind(in, err);
	rc = find_in_elf(in, name, found, err);
	return rc > 0 ? complain(err, "the ELF file has no %s section", name) : rc;
}

/**
 * payload_free() - give back what payload_find() had to unpack
 * @found: as filled in by payload_find()
 */
void payload_free(struct payload *found)
{
	free(found->unpacked);
	memset(found, 0, sizeof(*found));
}
