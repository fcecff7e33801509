// SPDX-License-Identifier: GPL-2.0
/*
 * Texts from elsewhere, made fit to be shown: names of files and processes, mount points, and what other
 * hosts wrote into shared memory. A terminal obeys control characters in them, and JSON takes UTF-8
 * only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* How many bytes the character at @at has; 0 where it is no UTF-8. */
static size_t character(const unsigned char *at)
{
	unsigned int value, least;
	size_t len;

	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] < 0xe0) {
		len = 2;
		least = 0x80;
		value = at[0] & 0x1f;
	} else if (at[0] >= 0xe0 && at[0] < 0xf0) {
		len = 3;
		least = 0x800;
		value = at[0] & 0xf;
	} else if (at[0] >= 0xf0 && at[0] < 0xf5) {
		len = 4;
		least = 0x10000;
		value = at[0] & 7;
	} else {
		return 0;
	}
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (at[i] & 0x3f);
	}
	return value < least || value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ? 0 : len;
}

/**
 * text_utf8() - copy a text as UTF-8
 * @text: the text
 *
 * A byte that is no part of a character becomes \xNN in it.
 *
 * Return: the copy, to be freed, or NULL without memory.
 */
char *text_utf8(const char *text)
{
	char *copy = malloc(4 * strlen(text) + 1), *to = copy;

	while (copy && *text) {
		size_t len = character((const unsigned char *)text);

		if (len) {
			memcpy(to, text, len);
			to += len;
			text += len;
		} else {
			to += sprintf(to, "\\x%02x", (unsigned char)*text++);
		}
	}
	if (copy)
		*to = '\0';
	return copy;
}

/* C0, DEL, and C1, which in UTF-8 are 0xc2 0x80 to 0xc2 0x9f; some terminals obey them too. */
static bool is_control(const unsigned char *at, size_t len)
{
	return (len == 1 && (*at < ' ' || *at == 0x7f)) ||
		(len == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

/**
 * text_plain() - take out of a text what a terminal would obey
 * @text: the text; each byte of a control character, and each that is no UTF-8, becomes '?'
 */
void text_plain(char *text)
{
	while (*text) {
		size_t len = character((const unsigned char *)text);

		if (!len || is_control((const unsigned char *)text, len)) {
			memset(text, '?', len ? len : 1);
			len = len ? len : 1;
		}
		text += len;
	}
}
