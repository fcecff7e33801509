/* SPDX-License-Identifier: GPL-2.0 */
/* Tables of text: columns as wide as what stands in them. */
#ifndef FSDEVCTL_TABLE_H
#define FSDEVCTL_TABLE_H

#include <stdio.h>

#include "c.h"

struct table;

struct table *table_new(const char * const *heads, unsigned int columns);
int table_cell(struct table *table, const char *format, ...)
	__printf(2, 3);
void table_no_heads(struct table *table);
void table_print(const struct table *table, FILE *out);
void table_free(struct table *table);

#endif
