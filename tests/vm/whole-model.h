/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The model of tests/vm/whole.c: what each byte of a file may be, and who it belongs to.
 *
 * Rules:
 * 1. Each byte is the last that was acknowledged.
 * 2. Where an operation failed, each byte it touched is the one before or the one after; the first
 *    look decides.
 * 3. A page that failed reads as an error until all of it has been written, or it is no longer part
 *    of the file.
 * 4. When the binding ends, a page that failed may come back: as an error, or with bytes of the same
 *    owner; the first look decides.
 * 5. Each word carries its owner (a file system or a fill of the device), so that a byte of another
 *    one is recognized wherever it is seen, also without a model of its place.
 */
#ifndef WHOLE_MODEL_H
#define WHOLE_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PAGE 4096UL
#define FILE_PAGES 1152UL		/* longer than a range, so that files cross the ends */
#define FILE_MOST (FILE_PAGES * PAGE)
#define OWNERS 65025U			/* numbers from 0 that a word can carry */

#define MAY_READ 1U			/* the page may be read: its bytes are those of the model */
#define MAY_FAIL 2U			/* it may be an error */
#define EITHER 4U			/* each byte may be that of model_old */
#define ANY 8U				/* it may be any byte of the same owner */
#define OLD_MAPPING 16U			/* mappings from before it failed may still show it */

/**
 * struct model_file - a file
 * @size: bytes
 * @owner: whose it is
 * @may_eio: a page has failed: a flush of the file may report that
 * @users: how many refer to it
 * @flags: of each page: MAY_READ and so on
 * @bytes: what it holds; zeros behind @size
 */
struct model_file {
	uint64_t size;
	unsigned int owner;
	bool may_eio;
	int users;
	unsigned char flags[FILE_PAGES];
	unsigned char bytes[FILE_MOST];
};

/* What the file held before the operation that is under way, where that may fail. */
static unsigned char model_old[FILE_MOST];

static inline uint64_t model_mix(uint64_t z)
{
	z += 0x9e3779b97f4a7c15ULL;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* The last two bytes of each word are its owner's, and neither is zero. */
static inline uint64_t model_tag(unsigned int owner)
{
	return (uint64_t)(1 + owner % 255) << 48 | (uint64_t)(1 + owner / 255) << 56;
}

/* model_fill() - data of an owner for a place: @from is where in the file or device it will lie */
static inline void model_fill(unsigned char *to, uint64_t from, uint64_t len, uint64_t seed,
			      unsigned int owner)
{
	uint64_t tag = model_tag(owner), base = 0, page = ~0ULL, at = from;

	while (at < from + len) {
		uint64_t word, start = at % 8, n = 8 - start;

		if (at / PAGE != page) {
			page = at / PAGE;
			base = model_mix(seed + page);
		}
		if (n > from + len - at)
			n = from + len - at;
		word = ((base + at / 8 * 0x9e3779b97f4a7c15ULL) & 0xffffffffffffULL) | tag;
		memcpy(to + (at - from), (unsigned char *)&word + start, n);
		at += n;
	}
}

/* model_foreign() - the first byte in whole words that is not the owner's, or @len */
static inline uint64_t model_foreign(const unsigned char *seen, uint64_t len, unsigned int owner)
{
	uint64_t tag = model_tag(owner), word;

	for (uint64_t i = 0; i + 8 <= len; i += 8) {
		memcpy(&word, seen + i, 8);
		word &= 0xffffULL << 48;
		if (word == tag || !word)
			continue;
		if (word & 0xffULL << 48 && (word ^ tag) & 0xffULL << 48)
			return i + 6;
		if (word & 0xffULL << 56 && (word ^ tag) & 0xffULL << 56)
			return i + 7;
	}
	return len;
}

/* model_owner_of() - the owner that the word around a byte names, or -1 */
static inline int model_owner_of(const unsigned char *seen, uint64_t len, uint64_t byte)
{
	uint64_t word = byte & ~7ULL;

	if (word + 8 > len || !seen[word + 6] || !seen[word + 7])
		return -1;
	return (seen[word + 7] - 1) * 255 + seen[word + 6] - 1;
}

static inline void model_init(struct model_file *file, unsigned int owner)
{
	memset(file, 0, sizeof(*file));
	memset(file->flags, MAY_READ, sizeof(file->flags));
	file->owner = owner;
	file->users = 1;
}

static inline uint64_t model_end_page(uint64_t from, uint64_t len)
{
	uint64_t end = (from + len + PAGE - 1) / PAGE;

	return end < FILE_PAGES ? end : FILE_PAGES;
}

/* model_may_fail() - whether an operation there may meet a page that has failed */
static inline bool model_may_fail(const struct model_file *file, uint64_t from, uint64_t len)
{
	/* what lies between the end of the file and the operation is zeroed, from the last page on */
	if (from > file->size)
		from = file->size;
	for (uint64_t page = from / PAGE; page < FILE_PAGES && page * PAGE < from + len + 1; page++)
		if (file->flags[page] & MAY_FAIL)
			return true;
	return false;
}

/* model_remember() - keep what is there, before an operation that may fail */
static inline void model_remember(const struct model_file *file, uint64_t from, uint64_t len)
{
	uint64_t start = from / PAGE * PAGE, end = model_end_page(from, len) * PAGE;

	if (start < end)
		memcpy(model_old + start, file->bytes + start, end - start);
}

/* model_failed() - the operation has been done in the model, and failed in the file */
static inline void model_failed(struct model_file *file, uint64_t from, uint64_t len)
{
	for (uint64_t page = from / PAGE; page < model_end_page(from, len); page++) {
		if (file->flags[page] & MAY_FAIL)
			file->flags[page] = MAY_READ | MAY_FAIL | ANY;
		else
			file->flags[page] |= EITHER;
	}
}

/* Pages that an operation has written as a whole are good. */
static inline void model_whole_pages(struct model_file *file, uint64_t from, uint64_t len)
{
	for (uint64_t page = (from + PAGE - 1) / PAGE; (page + 1) * PAGE <= from + len; page++)
		if (page < FILE_PAGES)
			file->flags[page] = MAY_READ;
}

/* model_write() - the file holds @data from there on */
static inline void model_write(struct model_file *file, uint64_t from, uint64_t len,
			       const unsigned char *data)
{
	memcpy(file->bytes + from, data, len);
	if (from + len > file->size)
		file->size = from + len;
}

/* model_zero() - zeros; the file keeps its size */
static inline void model_zero(struct model_file *file, uint64_t from, uint64_t len)
{
	memset(file->bytes + from, 0, len);
}

/* model_truncate() - the file ends there */
static inline void model_truncate(struct model_file *file, uint64_t to)
{
	if (to < file->size)
		memset(file->bytes + to, 0, file->size - to);
	for (uint64_t page = (to + PAGE - 1) / PAGE; page < FILE_PAGES; page++)
		file->flags[page] = MAY_READ;
	file->size = to;
}

/* model_clone() - pages of another file, or of this one, are this one's as well */
static inline void model_clone(struct model_file *file, uint64_t to, const struct model_file *from,
			       uint64_t at, uint64_t len)
{
	uint64_t pages = (len + PAGE - 1) / PAGE;

	memmove(file->bytes + to, from->bytes + at, len);
	memmove(file->flags + to / PAGE, from->flags + at / PAGE, pages);
	if (to + len > file->size)
		file->size = to + len;
	file->may_eio |= from->may_eio;
}

/* model_fail() - the page has failed */
static inline void model_fail(struct model_file *file, uint64_t page, bool old_mappings)
{
	file->flags[page] = MAY_FAIL | (old_mappings ? OLD_MAPPING : 0);
	file->may_eio = true;
}

/* model_cleared() - the page had failed, and was repaired with zeros */
static inline void model_cleared(struct model_file *file, uint64_t page)
{
	if (!(file->flags[page] & MAY_FAIL))
		return;
	/* where it was not sure that it had failed it may be as it was */
	file->flags[page] = MAY_READ | (file->flags[page] & MAY_READ ? ANY : 0);
	memset(file->bytes + page * PAGE, 0, PAGE);
}

/* model_ended() - the binding has ended: rule 4 */
static inline void model_ended(struct model_file *file)
{
	for (uint64_t page = 0; page < FILE_PAGES; page++)
		if (file->flags[page] & MAY_FAIL)
			file->flags[page] = MAY_READ | MAY_FAIL | ANY;
}

static inline bool model_is_zero(const struct model_file *file, uint64_t page)
{
	static const unsigned char zeros[PAGE];

	return page >= FILE_PAGES || !memcmp(file->bytes + page * PAGE, zeros, PAGE);
}

/**
 * model_see() - judge what was seen of a page, and learn from it
 * @file: whose
 * @page: of the file
 * @seen: its bytes, or NULL for an error
 * @len: how many of them
 * @mapped: seen through a mapping that may be older than the page's failure
 * @byte: where in the page the first wrong byte is
 *
 * Return: NULL, or what is wrong.
 */
static inline const char *model_see(struct model_file *file, uint64_t page,
				    const unsigned char *seen, uint64_t len, bool mapped,
				    uint64_t *byte)
{
	unsigned char *want = file->bytes + page * PAGE, flags = file->flags[page];

	*byte = 0;
	if (!seen) {
		if (!(flags & MAY_FAIL))
			return "an error, and the page has not failed";
		file->flags[page] = MAY_FAIL | (flags & OLD_MAPPING);
		return NULL;
	}
	*byte = model_foreign(seen, len, file->owner);
	if (*byte < len)
		return "bytes of another owner";
	*byte = 0;
	if (!(flags & MAY_READ) && !(flags & OLD_MAPPING && mapped))
		return "bytes of a page that has failed";
	if (flags & ANY) {
		memcpy(want, seen, len);
		file->flags[page] = MAY_READ;
		return NULL;
	}
	if (memcmp(seen, want, len))
		for (uint64_t i = 0; i < len; i++) {
			if (seen[i] == want[i])
				continue;
			*byte = i;
			if (!(flags & EITHER) || seen[i] != model_old[page * PAGE + i])
				return "bytes that it does not have to hold";
			want[i] = seen[i];
		}
	if (flags & MAY_READ)
		file->flags[page] &= ~(EITHER | MAY_FAIL);
	return NULL;
}

#endif
