// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl scrub: reads all of a device by machine-check-safe copies, so that bad pages are found before
 * their contents are needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "lib/journal.h"
#include "lib/json.h"
#include "lib/known.h"
#include "lib/node.h"
#include "lib/page.h"
#include "lib/report.h"
#include "lib/size.h"

#define STEP (32ull << 20)
#define PAGE page_size()

static bool quiet, resume, dry_run;
static const char *rate_text;
static uint64_t rate;	/* bytes a second; 0 for no limit */

static const struct opt opts[] = {
	{ "quiet", OPT_FLAG, NULL, &quiet, "no progress" },
	{ "rate", OPT_TEXT, "SIZE", &rate_text, "read no more than SIZE a second" },
	{ "resume", OPT_FLAG, NULL, &resume, "go on where an earlier one with --resume was ended" },
	{ "dry-run", OPT_FLAG, NULL, &dry_run, "say what would be read" },
	REPORT_OPT,
	{ NULL }
};

static void progress(const struct device *device, uint64_t done)
{
	static const char full[] = "########################################";
	unsigned int percent = done * 100 / device->size;
	char size[SIZE_TEXT];

	if (quiet || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%s [%-40.*s] %3u %% of %s", device->name, (int)(percent * 2 / 5), full,
		percent, size_text(size, device->size));
	if (done == device->size)
		fputc('\n', stderr);
}

/* Without the driver's own scrub: reading the block device has it find what cannot be read. */
static int read_step(int disk, char *buffer, uint64_t offset, uint64_t len)
{
	for (uint64_t at = offset; at < offset + len; at += PAGE) {
		uint64_t n = 0;
		ssize_t got;

		/* all at once while it is good, page by page around what is bad */
		if (at == offset) {
			got = pread(disk, buffer, len, at);
			if (got == (ssize_t)len)
				return 0;
		}
		n = offset + len - at < PAGE ? offset + len - at : PAGE;
		got = pread(disk, buffer, n, at);
		if (got < 0 && errno != EIO)
			return -errno;
	}
	return 0;
}

/* The time that @done bytes should have taken has to be over. */
static void keep_rate(const struct timespec *begin, uint64_t done)
{
	struct timespec now;
	double left;

	if (!rate)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (double)done / rate - (now.tv_sec - begin->tv_sec) -
		(now.tv_nsec - begin->tv_nsec) / 1e9;
	if (left > 0)
		usleep(left * 1e6);
}

static int scrub(const struct device *device, int node, int disk, char *buffer)
{
	uint64_t first = resume ? journal_scrubbed(device) : 0;
	struct timespec begin;
	int rc = 0;

	if (first)
		note("%s: goes on at %#llx", device->name, (unsigned long long)first);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (uint64_t at = first; !rc && at < device->size; ) {
		uint64_t len = device->size - at < STEP ? device->size - at : STEP;

		if (disk < 0)
			rc = node_span(node, FSDEV_IOC_SCRUB, at, len, 0, NULL);
		else
			rc = read_step(disk, buffer, at, len);
		at += len;
		if (!rc)
			progress(device, at);
		/* a reboot begins anew: it may have put other memory there */
		if (!rc && resume)
			journal_scrub(device, at < device->size ? at : 0);
		keep_rate(&begin, at - first);
	}
	return rc;
}

/* What was not bad before. */
static enum outcome tell(const struct device *device, uint64_t before)
{
	uint64_t found = device->bad_bytes > before ? device->bad_bytes - before : 0;
	char bad[SIZE_TEXT], more[SIZE_TEXT];

	if (report_wanted) {
		struct json_object *one = json_device(device, NULL);

		json_add_number(one, "found_bytes", found);
		report_append("devices", one);
	}
	if (!device->nr_bad) {
		say_result("%s: no errors found", device->name);
		return DONE;
	}
	say_result("%s: %s bad in %u places, %s of it found now", device->name,
		   size_text(bad, device->bad_bytes), device->nr_bad, size_text(more, found));
	for (unsigned int i = 0; i < device->nr_bad; i++)
		say_result("  %#llx+%#llx", (unsigned long long)device->bad[i].offset,
			   (unsigned long long)device->bad[i].len);
	say_result("'fsdevctl errors %s --files' says what it belongs to, 'fsdevctl repair' repairs it",
		   device->name);
	return FOUND;
}

/* What a memory device has listed since `enable`. */
static void take_listed(const struct device *device)
{
	struct known known;
	int unread = known_load_late(device, &known), rc = known_take(device, &known, true);

	rc = rc ?: unread;
	if (rc == -ENOTTY)
		note("%s: what memory devices list as bad is not taken over: the module is older than this program, load the new one",
		     device->name);
	else if (rc && rc != -EOPNOTSUPP)
		note("%s: what the platform lists as bad cannot be taken over: %s", device->name,
		     strerror(-rc));
	known_free(&known);
}

static enum outcome scrub_device(struct device *device)
{
	uint64_t before = device->bad_bytes;
	int node = node_open(device, O_RDWR), disk = -1, rc;
	struct fsdev_info info;
	char *buffer = NULL;
	char path[64];

	if (node < 0)
		return say(FAILED, "%s: cannot open its node: %s", device->name, node_error(node));
	rc = node_info(node, &info);
	if (!rc && !(info.commands & FSDEV_CAN_SCRUB)) {
		close(node);
		return say(FAILED, "%s: is not read: this kernel would not survive to read memory that has failed, as it has no copy that does (CONFIG_ARCH_HAS_COPY_MC)",
			   device->name);
	}
	if (rc) {
		snprintf(path, sizeof(path), "/dev/%s", device->disk);
		disk = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
		rc = disk < 0 ? -errno : -posix_memalign((void **)&buffer, PAGE, STEP);
	}
	if (!rc)
		rc = scrub(device, node, disk, buffer);
	if (!rc)
		take_listed(device);
	if (!rc)
		rc = device_bad_load(device);
	free(buffer);
	if (disk >= 0)
		close(disk);
	close(node);
	if (rc)
		return say(FAILED, "%s: cannot be read: %s", device->name, node_error(rc));
	return tell(device, before);
}

static enum outcome one(struct device *device)
{
	char size[SIZE_TEXT];

	if (!dry_run)
		return scrub_device(device);
	say_result("%s: all of its %s would be read; nothing was changed", device->name,
		   size_text(size, device->size));
	return DONE;
}

/* What is found in one device does not keep the others from being read. */
static enum outcome each(const struct devices *devices)
{
	enum outcome worst = DONE;

	for (unsigned int i = 0; i < devices->count; i++) {
		enum outcome outcome;

		if (devices->device[i].mode != MODE_FSDEV)
			continue;
		outcome = one(&devices->device[i]);
		if (outcome == FAILED || (outcome == FOUND && worst == DONE))
			worst = outcome;
	}
	return worst;
}

static enum outcome run(int argc, char **argv)
{
	bool all = !strcmp(argv[0], "all");
	struct devices devices;
	struct device *device;
	enum outcome outcome;

	(void)argc;
	if (rate_text && (size_parse(rate_text, &rate) || !rate))
		return say(BAD_INPUT, "--rate '%s': has to be a size such as 512M", rate_text);
	outcome = all ? devices_load(&devices) : cmd_one_fsdev(argv[0], &devices, &device);
	if (outcome == DONE)
		outcome = all ? each(&devices) : one(device);
	devices_free(&devices);
	return outcome;
}

const struct command cmd_scrub = {
	.name = "scrub", .args = "DEV|all", .help = "read all of a device safely and find bad pages",
	.opts = opts, .least = 1, .most = 1, .run = run,
};
