// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "symvers.h"

#define LINE "'CRC symbol module EXPORT_type namespace', with tabs between them"

enum field { CRC, SYMBOL, MODULE, TYPE, NAMESPACE, FIELDS };

/* @text is cut into strings in place; @symbols points into it, in the order of strcmp(). */
struct symvers {
	char *text;
	const char **symbols;
	size_t count;
};

static bool is_crc(const char *field)
{
	if (field[0] != '0' || field[1] != 'x' || !field[2])
		return false;
	for (field += 2; *field; field++)
		if (!isxdigit((unsigned char)*field))
			return false;
	return true;
}

/* split: cuts @line at its tabs and returns how many fields that makes, FIELDS + 1 at most. */
static unsigned int split(char *line, char **fields)
{
	unsigned int n = 0;

	while (line && n < FIELDS) {
		fields[n++] = line;
		line = strchr(line, '\t');
		if (line)
			*line++ = '\0';
	}
	return line ? FIELDS + 1 : n;
}

static bool is_export(char **fields, unsigned int n)
{
	return (n == NAMESPACE || n == FIELDS) && is_crc(fields[CRC]) && *fields[SYMBOL] &&
	       *fields[MODULE] && !strncmp(fields[TYPE], "EXPORT_SYMBOL", 13);
}

static bool for_everyone(char **fields, unsigned int n)
{
	return n < FIELDS || strncmp(fields[NAMESPACE], "module:", 7);
}

static int parse_line(struct symvers *list, char *line, size_t size, size_t number, FILE *err)
{
	char *fields[FIELDS];
	unsigned int n;

	if (strlen(line) != size)
		return complain(err, "--symvers line %zu holds a NUL byte", number);
	n = split(line, fields);
	if (!is_export(fields, n))
		return complain(err, "--symvers line %zu is not " LINE, number);
	if (for_everyone(fields, n))
		list->symbols[list->count++] = fields[SYMBOL];
	return 0;
}

static int parse(struct symvers *list, char *end, FILE *err)
{
	char *line, *next;
	size_t number = 0;

	for (line = list->text; line < end; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		if (!next)
			next = end;
		*next = '\0';
		if (parse_line(list, line, (size_t)(next - line), ++number, err))
			return -1;
	}
	if (!number)
		return complain(err, "--symvers names no symbol at all");
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t count_lines(const char *text, size_t size)
{
	size_t i, n = 1;

	for (i = 0; i < size; i++)
		n += text[i] == '\n';
	return n;
}

/**
 * symvers_parse() - read a kernel's Module.symvers, the list of what it exports
 * @text: the whole file: lines of CRC, symbol, module, export type and, if any, namespace, with
 *	tabs between them; any bytes are safe
 * @size: its length in bytes
 * @err: gets one line that names the first line that is malformed
 *
 * Return: the list, for symvers_free(), or NULL after a complaint: a malformed line, no line at
 * all, no memory.
 */
struct symvers *symvers_parse(const char *text, size_t size, FILE *err)
{
	struct symvers *list = calloc(1, sizeof(*list));

	if (list) {
		list->text = malloc(size + 1);
		list->symbols = calloc(count_lines(text, size), sizeof(*list->symbols));
	}
	if (!list || !list->text || !list->symbols) {
		complain(err, "no memory for --symvers of %zu bytes", size);
		symvers_free(list);
		return NULL;
	}
	memcpy(list->text, text, size);
	list->text[size] = '\0';
	if (parse(list, list->text + size, err)) {
		symvers_free(list);
		return NULL;
	}
	qsort(list->symbols, list->count, sizeof(*list->symbols), by_name);
	return list;
}

/**
 * symvers_exports() - check whether this module can use a symbol
 * @list: from symvers_parse()
 * @symbol: its name
 *
 * A symbol exported to certain modules by name is not exported to us.
 *
 * Return: true if a GPL module of any name can link to it.
 */
bool symvers_exports(const struct symvers *list, const char *symbol)
{
	return bsearch(&symbol, list->symbols, list->count, sizeof(*list->symbols), by_name);
}

/**
 * symvers_free() - forget the list
 * @list: from symvers_parse(), or NULL
 */
void symvers_free(struct symvers *list)
{
	if (!list)
		return;
	free(list->text);
	free(list->symbols);
	free(list);
}
