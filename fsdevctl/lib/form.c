// SPDX-License-Identifier: GPL-2.0
/*
 * How a file system is made, so that DAX and huge mappings work: blocks of a page, as DAX needs
 * them, and files that begin where a huge mapping can.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "form.h"
#include "page.h"

#define TEXT 64
#define SMALL (1ull << 30)

/* A file takes as much as a huge mapping, so there has to be room for some. */
#define LEAST_FILES 32

static unsigned int xfs_words(const char **words, uint64_t size, bool huge)
{
	/* rmapbt: XFS can tell the file of a bad page; no reflink: no copy breaks a huge mapping */
	static const char * const first[] = { "mkfs.xfs", "-q", "-f", "-m", "rmapbt=1,reflink=0" };
	static char log[TEXT], stripe[TEXT], block[TEXT];
	unsigned int n = 0;

	for (; n < sizeof(first) / sizeof(*first); n++)
		words[n] = first[n];
	snprintf(log, sizeof(log), "su=%lluk",
		 (unsigned long long)(page_size() > 32 << 10 ? page_size() >> 10 : 32));
	words[n++] = "-l";
	words[n++] = log;
	snprintf(stripe, sizeof(stripe), "su=%llum,sw=1,extszinherit=%llu",
		 (unsigned long long)page_huge() >> 20,
		 (unsigned long long)(page_huge() / page_size()));
	if (huge) {
		words[n++] = "-d";
		words[n++] = stripe;
	}
	/* as many groups as it takes for a stripe, its log would not fit into one of them */
	if (size < SMALL) {
		words[n++] = "-d";
		words[n++] = "agcount=4";
	}
	snprintf(block, sizeof(block), "size=%llu", (unsigned long long)page_size());
	words[n++] = "-b";
	words[n++] = block;
	return n;
}

static unsigned int ext4_words(const char **words, bool huge)
{
	static const char * const first[] = { "mkfs.ext4", "-q", "-F", "-b" };
	static char block[TEXT], stripe[TEXT];
	unsigned long long blocks = page_huge() / page_size();
	unsigned int n = 0;

	for (; n < sizeof(first) / sizeof(*first); n++)
		words[n] = first[n];
	snprintf(block, sizeof(block), "%llu", (unsigned long long)page_size());
	snprintf(stripe, sizeof(stripe), "stride=%llu,stripe_width=%llu,nodiscard", blocks, blocks);
	words[n++] = block;
	words[n++] = "-E";
	words[n++] = huge ? stripe : "nodiscard";
	return n;
}

static unsigned int erofs_words(const char **words)
{
	/* data that stands beside the inode has no page of its own to be mapped */
	static const char * const last[] = { "-E", "noinline_data" };
	static char block[TEXT];
	unsigned int n = 0;

	words[n++] = "mkfs.erofs";
	words[n++] = "--quiet";
	words[n++] = "-b";
	snprintf(block, sizeof(block), "%llu", (unsigned long long)page_size());
	words[n++] = block;
	words[n++] = last[0];
	words[n++] = last[1];
	return n;
}

/**
 * form_huge() - is a disk large enough for files that a huge mapping can be of?
 * @size: of the disk, in bytes
 *
 * Return: true if it is.
 */
bool form_huge(uint64_t size)
{
	return size / page_huge() >= LEAST_FILES;
}

/**
 * form_words() - the program that makes a file system, and its options
 * @words: where to put them; those that differ are overwritten by the next call
 * @type: xfs, ext4 or erofs
 * @size: of the disk, in bytes
 *
 * Return: how many they are.
 */
unsigned int form_words(const char *words[FORM_WORDS], const char *type, uint64_t size)
{
	bool huge = form_huge(size);

	if (!strcmp(type, "xfs"))
		return xfs_words(words, size, huge);
	return !strcmp(type, "ext4") ? ext4_words(words, huge) : erofs_words(words);
}
