// SPDX-License-Identifier: GPL-2.0
/*
 * The report of fsdevctl selftest: what it is about, then a line for each step, which can be sent on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "node.h"
#include "report.h"
#include "size.h"
#include "steps.h"
#include "sysfs.h"

static FILE *report;
static unsigned int failed;

/**
 * steps_begin() - begin a report
 * @path: the file that gets it, too; NULL for none
 *
 * Return: DONE, or FAILED after saying why.
 */
enum outcome steps_begin(const char *path)
{
	failed = 0;
	report = path ? fopen(path, "we") : NULL;
	return path && !report ? say(FAILED, "--report: cannot write %s: %s", path, strerror(errno)) :
		DONE;
}

/**
 * steps_end() - end a report
 * @outcome: DONE where all steps have been made
 * @path: as for steps_begin()
 *
 * Return: DONE, FOUND where a step has failed, or what to end with after saying why.
 */
enum outcome steps_end(enum outcome outcome, const char *path)
{
	if (outcome == DONE) {
		steps_tell("%u steps failed", failed);
		report_number("failed", failed);
		outcome = failed ? FOUND : DONE;
	}
	if (report && fclose(report))
		outcome = say(FAILED, "--report: %s was not written whole", path);
	report = NULL;
	return outcome;
}

/**
 * steps_tell() - add a line to the report
 * @format: as for printf, without an end of line
 */
void steps_tell(const char *format, ...)
{
	va_list args;
	char *text;
	int rc;

	va_start(args, format);
	rc = vasprintf(&text, format, args);
	va_end(args);
	if (rc < 0)
		return;
	say_result("%s", text);
	if (report)
		fprintf(report, "%s\n", text);
	free(text);
}

/**
 * steps_step() - add a step to the report
 * @name: what was tried
 * @good: it is as it has to be
 * @detail: figures, or what is wrong; may be empty
 */
void steps_step(const char *name, bool good, const char *detail)
{
	struct json_object *one = json_object_new_object();

	failed += !good;
	json_add_text(one, "step", name);
	json_object_object_add(one, "good", json_object_new_boolean(good));
	json_add_text(one, "text", detail);
	report_append("steps", one);
	steps_tell("%-8s%s%s%s", good ? "ok" : "FAILED", name, detail[0] ? ": " : "", detail);
	fflush(NULL);
}

/**
 * steps_about() - say in the report what is tried
 * @device: the device, in fsdev mode
 */
void steps_about(const struct device *device)
{
	char version[64], size[SIZE_TEXT];
	struct fsdev_info info = { 0 };
	struct utsname kernel;
	int node = node_open(device, O_RDONLY);

	if (node >= 0) {
		node_info(node, &info);
		close(node);
	}
	if (uname(&kernel))
		memset(&kernel, 0, sizeof(kernel));
	if (sysfs_read(version, sizeof(version), "/sys/module/fsdev/version"))
		version[0] = '\0';
	steps_tell("kernel  %s %s", kernel.release, kernel.machine);
	steps_tell("module  fsdev %s, interface %u", version, info.version);
	steps_tell("device  %s, %s, %s in %u ranges, align %llu, node %d, %s", device->name, device->kind,
		   size_text(size, device->size), device->nr_ranges, (unsigned long long)device->align,
		   device->node, info.flags & FSDEV_INFO_PERSISTENT ? "persistent" : "volatile");
	for (unsigned int i = 0; i < device->nr_ranges; i++)
		steps_tell("range   %#llx+%#llx at %#llx", (unsigned long long)device->ranges[i].offset,
			   (unsigned long long)device->ranges[i].len,
			   (unsigned long long)device->ranges[i].start);
}

/**
 * steps_now() - read a clock that only goes on
 *
 * Return: seconds.
 */
double steps_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}
