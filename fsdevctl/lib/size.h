/* SPDX-License-Identifier: GPL-2.0 */
/* Sizes, addresses and ranges as people write and read them. */
#ifndef FSDEVCTL_SIZE_H
#define FSDEVCTL_SIZE_H

#include <stddef.h>
#include <stdint.h>

#define SIZE_TEXT 32	/* bytes that hold what size_text() writes */

int size_parse(const char *text, uint64_t *bytes);
int range_parse(const char *text, uint64_t *start, uint64_t *len);
const char *size_text(char text[SIZE_TEXT], uint64_t bytes);

#endif
