// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: each is one line, begins with the tool's name, and goes to standard error. A line of the
 * result goes to standard output. Where the result is JSON, both are collected for it: in a file, as
 * child processes say things too.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "text.h"

static int collected = -1;

/**
 * say_collect() - keep all that is said from now on
 * @fd: a file opened with O_APPEND; it gets a character for each text (E: why it ends as it does,
 *      N: a note, R: a line of the result), the text, and a byte of 0
 */
void say_collect(int fd)
{
	collected = fd;
}

/* One write for each, so that processes do not mix. */
static void collect(char kind, const char *text)
{
	size_t len = strlen(text) + 2;
	char *record = collected < 0 ? NULL : malloc(len);

	if (!record)
		return;
	record[0] = kind;
	memcpy(record + 1, text, len - 1);
	if (write(collected, record, len) != (ssize_t)len)
		fputs("fsdevctl: a message is missing from the JSON\n", stderr);
	free(record);
}

static void speak(char kind, const char *format, va_list args)
{
	char *text;

	fflush(stdout);
	if (vasprintf(&text, format, args) < 0)
		return;
	text_plain(text);
	collect(kind, text);
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
	speak(outcome == DONE ? 'N' : 'E', format, args);
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
	speak('N', format, args);
	va_end(args);
}

/**
 * say_result() - report a line of the result
 * @format: as for printf, without an end of line
 */
void say_result(const char *format, ...)
{
	va_list args;
	char *text;
	int rc;

	va_start(args, format);
	rc = vasprintf(&text, format, args);
	va_end(args);
	if (rc < 0)
		return;
	text_plain(text);
	if (collected < 0)
		puts(text);
	else
		collect('R', text);
	free(text);
}

/**
 * say_complaint() - report mistakes in what the user wrote, which are lines already
 * @text: the lines; changed
 */
void say_complaint(char *text)
{
	fflush(stdout);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		text_plain(line);
		collect('E', !strncmp(line, "fsdevctl: ", 10) ? line + 10 : line);
		fprintf(stderr, "%s\n", line);
	}
}
