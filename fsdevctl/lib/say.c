// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: each is one line, begins with the tool's name, and goes to standard error.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "say.h"
#include "text.h"

static void speak(const char *format, va_list args)
{
	char *text;

	fflush(stdout);
	if (vasprintf(&text, format, args) < 0)
		return;
	text_plain(text);
	fprintf(stderr, "fsdevctl: %s\n", text);
	free(text);
}

/**
 * say() - report why something ends as it does
 * @outcome: how it ends
 * @format: as for printf, without an end of line
 *
 * Return: @outcome, so that a function can end with it.
 */
enum outcome say(enum outcome outcome, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	speak(format, args);
	va_end(args);
	return outcome;
}

/**
 * note() - report what is being done, or what the user should know
 * @format: as for printf, without an end of line
 */
void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	speak(format, args);
	va_end(args);
}
