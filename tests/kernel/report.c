// SPDX-License-Identifier: GPL-2.0
/*
 * The report: the test points of a command.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>

#include "fsdev_test.h"

static char text[64 << 10];
static size_t used;
static unsigned int points;

/**
 * report_clear() - begins the report of a command
 *
 * Context: the command lock.
 */
void report_clear(void)
{
	used = 0;
	points = 0;
	text[0] = '\0';
}

static void add_line(const char *line)
{
	used += scnprintf(text + used, sizeof(text) - used, "%s\n", line);
	pr_info("%s\n", line);
}

/**
 * report_point() - adds a test point
 * @good: what was expected is so
 * @format: what was expected
 *
 * Context: the command lock.
 */
void report_point(bool good, const char *format, ...)
{
	char line[256];
	size_t at;
	va_list args;

	at = scnprintf(line, sizeof(line), "%sok %u - ", good ? "" : "not ", ++points);
	va_start(args, format);
	vscnprintf(line + at, sizeof(line) - at, format, args);
	va_end(args);
	add_line(line);
}

/**
 * report_note() - adds what was seen instead of what the point before expected
 * @format: that
 *
 * Context: the command lock.
 */
void report_note(const char *format, ...)
{
	char line[256] = "# ";
	va_list args;

	va_start(args, format);
	vscnprintf(line + 2, sizeof(line) - 2, format, args);
	va_end(args);
	add_line(line);
}

/**
 * report_show() - the report and its plan
 * @seq: where to
 */
void report_show(struct seq_file *seq)
{
	seq_printf(seq, "%s1..%u\n", text, points);
}
