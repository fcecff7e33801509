// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>

#include "complain.h"

/**
 * complain() - write one complaint as a line of its own
 * @err: where errors go: stderr in the program, memory in the tests
 * @format: the sentence, as for printf(), without a newline
 *
 * The line starts with the program's name.
 *
 * Return: -1, so that a caller can say what failed and fail in one statement.
 */
int complain(FILE *err, const char *format, ...)
{
	va_list args;

	fputs("btf2layout: ", err);
	va_start(args, format);
	vfprintf(err, format, args);
	va_end(args);
	fputc('\n', err);
	return -1;
}
