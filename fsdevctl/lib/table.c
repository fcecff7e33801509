// SPDX-License-Identifier: GPL-2.0
/*
 * Tables of text. Cells are given row by row; an empty one is shown as "-", so that a program that
 * splits at blanks counts right. What a cell holds is shown without characters that would move
 * the cursor.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "text.h"

struct table {
	const char * const *heads;
	unsigned int columns, cells, room;
	bool no_heads;
	char **cell;
};

/**
 * table_new() - create an empty table
 * @heads: the columns' names, which have to outlive it
 * @columns: how many
 *
 * Return: the table, or NULL without memory.
 */
struct table *table_new(const char * const *heads, unsigned int columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table) {
		table->heads = heads;
		table->columns = columns;
	}
	return table;
}

/**
 * table_cell() - add the next cell
 * @table: the table
 * @format: as for printf
 *
 * Return: 0 or -ENOMEM.
 */
int table_cell(struct table *table, const char *format, ...)
{
	va_list args;
	char *text;
	int rc;

	if (table->cells == table->room) {
		unsigned int room = table->room ? 2 * table->room : 64;
		char **cell = realloc(table->cell, room * sizeof(*cell));

		if (!cell)
			return -ENOMEM;
		table->cell = cell;
		table->room = room;
	}
	va_start(args, format);
	rc = vasprintf(&text, format, args);
	va_end(args);
	if (rc < 0)
		return -ENOMEM;
	if (!*text) {
		free(text);
		text = strdup("-");
		if (!text)
			return -ENOMEM;
	}
	text_plain(text);
	table->cell[table->cells++] = text;
	return 0;
}

/**
 * table_no_heads() - leave out the line of column names
 * @table: the table
 */
void table_no_heads(struct table *table)
{
	table->no_heads = true;
}

/* Characters, not bytes: those of UTF-8 that go on another are not counted. */
static unsigned int width(const char *text)
{
	unsigned int count = 0;

	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

/**
 * table_print() - show the table
 * @table: the table
 * @out: where to
 *
 * The last column is not filled up, so that no line ends in blanks.
 */
void table_print(const struct table *table, FILE *out)
{
	unsigned int columns = table->columns, most[columns];

	for (unsigned int i = 0; i < columns; i++)
		most[i] = table->no_heads ? 0 : width(table->heads[i]);
	for (unsigned int i = 0; i < table->cells; i++)
		if (width(table->cell[i]) > most[i % columns])
			most[i % columns] = width(table->cell[i]);
	for (unsigned int i = table->no_heads ? columns : 0; i < columns + table->cells; i++) {
		const char *text = i < columns ? table->heads[i] : table->cell[i - columns];
		bool last = i % columns == columns - 1 || i == columns + table->cells - 1;

		if (last)
			fprintf(out, "%s\n", text);
		else
			fprintf(out, "%s%*s", text, (int)(most[i % columns] - width(text) + 2), "");
	}
}

/**
 * table_free() - free a table
 * @table: the table, or NULL
 */
void table_free(struct table *table)
{
	if (!table)
		return;
	for (unsigned int i = 0; i < table->cells; i++)
		free(table->cell[i]);
	free(table->cell);
	free(table);
}
