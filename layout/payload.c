// SPDX-License-Identifier: GPL-2.0
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

static int find_in_elf(struct bytes in, struct payload *found, FILE *err)
{
	struct bytes names = { 0 };
	Elf64_Shdr header;
	Elf64_Ehdr elf;
	__u32 i;

	if (elf_header(in, &elf, err) || section_names(in, &elf, &names, err))
		return -1;
	for (i = 0; i < elf.e_shnum && section(in, &elf, i, &header); i++) {
		if (header.sh_type == SHT_NOBITS || !is_named(names, &header, ".BTF"))
			continue;
		if (!holds(in, header.sh_offset, header.sh_size))
			return complain(err, "the ELF file's .BTF section lies outside the file");
		found->btf = in.at + header.sh_offset;
		found->size = header.sh_size;
		return 0;
	}
	return complain(err,
			"the kernel has no .BTF section: it was built without CONFIG_DEBUG_INFO_BTF");
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

static int find_in_bzimage(struct bytes image, struct payload *found, FILE *err)
{
	struct bytes kernel;
	unsigned char *unpacked;
	int rc = -1;

	if (packed(image, &kernel, err) ||
	    unpack(kernel.at, kernel.size, &unpacked, &kernel.size, err))
		return -1;
	kernel.at = unpacked;
	if (is_elf(kernel))
		rc = find_in_elf(kernel, found, err);
	else
		complain(err, "what the bzImage unpacks to is no ELF file");
	if (rc)
		free(unpacked);
	else
		found->unpacked = unpacked;
	return rc;
}

static int complain_kind(struct bytes in, FILE *err)
{
	unsigned char first[4] = { 0 };

	memcpy(first, in.at, in.size < sizeof(first) ? in.size : sizeof(first));
	return complain(err,
			"the file of %zu bytes (magic %02x %02x %02x %02x) is neither raw BTF nor an ELF vmlinux nor an x86 bzImage",
			in.size, first[0], first[1], first[2], first[3]);
}

/**
 * payload_find() - find the BTF in a file, whichever of the known kinds it is
 * @file: the whole file: raw BTF, a 64-bit ELF file with a .BTF section, or an x86 bzImage;
 *	told apart by content, and safe for any bytes
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
		return find_in_elf(in, found, err);
	if (is_bzimage(in))
		return find_in_bzimage(in, found, err);
	if (!is_raw_btf(in))
		return complain_kind(in, err);
	found->btf = file;
	found->size = size;
	return 0;
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
