/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_SYMVERS_H
#define LAYOUT_SYMVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct symvers;

struct symvers *symvers_parse(const char *text, size_t size, FILE *err);

bool symvers_exports(const struct symvers *list, const char *symbol);

void symvers_free(struct symvers *list);

#endif
