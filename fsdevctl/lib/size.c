// SPDX-License-Identifier: GPL-2.0
/*
 * Sizes, addresses and ranges as people write and read them.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"
#include "size.h"

/* How far the letter after a number shifts it, and where the text goes on. */
static unsigned int unit(const char **text)
{
	static const char letters[] = "KMGTP";
	const char *letter = **text ? strchr(letters, toupper((unsigned char)**text)) : NULL;

	if (!letter)
		return 0;
	(*text)++;
	if (!strncmp(*text, "iB", 2))
		*text += 2;
	return 10 * (letter - letters + 1);
}

/* One number with its unit; where it ends. */
static int number(const char *text, uint64_t *value, const char **end)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned int shift;
	char *after;

	if (hex ? !isxdigit((unsigned char)text[2]) : !isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &after, hex ? 16 : 10);
	if (errno)
		return -ERANGE;
	*end = after;
	shift = hex ? 0 : unit(end);
	if (*value > UINT64_MAX >> shift)
		return -ERANGE;
	*value <<= shift;
	return 0;
}

/**
 * size_parse() - read a size or an address
 * @text: decimal with K, M, G, T, P (or k ... p, KiB ... PiB) for powers of 1024, or hexadecimal
 *	with 0x
 * @bytes: the number
 *
 * Return: 0; -EINVAL where it is none; -ERANGE where it needs more than 64 bits.
 */
int size_parse(const char *text, uint64_t *bytes)
{
	const char *end;
	int rc = number(text, bytes, &end);

	if (rc)
		return rc;
	return *end ? -EINVAL : 0;
}

/**
 * range_parse() - read a range of a device
 * @text: OFFSET (one page), OFFSET+LENGTH, or FIRST-LAST with the last byte included
 * @start: first byte
 * @len: bytes
 *
 * Return: 0; -EINVAL where it is none, is empty or runs backwards; -ERANGE beyond 64 bits.
 */
int range_parse(const char *text, uint64_t *start, uint64_t *len)
{
	const char *end;
	uint64_t second;
	int rc = number(text, start, &end);

	if (rc)
		return rc;
	*len = page_size();
	if (*end == '+' || *end == '-') {
		bool last = *end == '-';

		rc = size_parse(end + 1, &second);
		if (rc)
			return rc;
		if (last && second < *start)
			return -EINVAL;
		*len = last ? second - *start + 1 : second;
	} else if (*end) {
		return -EINVAL;
	}
	if (!*len)
		return -EINVAL;
	return *len - 1 > UINT64_MAX - *start ? -ERANGE : 0;
}

/**
 * size_text() - write a size for people
 * @text: where it goes
 * @bytes: the size
 *
 * Return: @text, with the unit that leaves the number short, and no more digits than it has.
 */
const char *size_text(char text[SIZE_TEXT], uint64_t bytes)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned int i = 0;
	double value = bytes;

	while (value >= 1024 && i < 4) {
		value /= 1024;
		i++;
	}
	if (value == (uint64_t)value)
		snprintf(text, SIZE_TEXT, "%.0f %s", value, units[i]);
	else
		snprintf(text, SIZE_TEXT, "%.2f %s", value, units[i]);
	return text;
}
