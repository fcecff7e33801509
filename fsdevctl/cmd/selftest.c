// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl selftest: does an empty device, or a file of a mounted file system, do all that the driver
 * promises, on this hardware? Each step is one line of a report that can be sent on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "lib/audit.h"
#include "lib/content.h"
#include "lib/mode_switch.h"
#include "lib/node.h"
#include "lib/page.h"
#include "lib/program.h"
#include "lib/report.h"
#include "lib/steps.h"
#include "lib/trial.h"
#include "lib/users.h"

#define PAGE page_size()
#define BLOCK (2ull << 20)	/* written at once; no page */
#define SPEED_BYTES (256ull << 20)

static bool yes, overwrite, dry_run;
static const char *report_path;

static const struct opt opts[] = {
	{ "yes", OPT_FLAG, NULL, &yes, "do not ask" },
	{ "overwrite", OPT_FLAG, NULL, &overwrite, "also where something lies on it, which is lost" },
	{ "report", OPT_TEXT, "FILE", &report_path, "write the report to FILE, too" },
	{ "dry-run", OPT_FLAG, NULL, &dry_run, "say what would be done" },
	REPORT_OPT,
	{ NULL }
};

static void fill(unsigned char *page, uint64_t offset)
{
	for (unsigned int i = 0; i < PAGE; i += 8) {
		uint64_t word = (offset + i) * 0x9e3779b97f4a7c15ull;

		memcpy(page + i, &word, 8);
	}
}

/* One page of the disk is what was written there. */
static bool is_filled(int disk, unsigned char *page, uint64_t offset)
{
	unsigned char *want = page + PAGE;

	fill(want, offset);
	return pread(disk, page, PAGE, offset) == (ssize_t)PAGE && !memcmp(page, want, PAGE);
}

/* First and last page of each range hold what was written, when all have been written. */
static void ends(const struct device *device, int disk, unsigned char *page)
{
	unsigned int bad = 0;
	char detail[64] = "";

	for (unsigned int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < 2 * device->nr_ranges; i++) {
			const struct device_range *range = &device->ranges[i / 2];
			uint64_t at = range->offset + (i % 2 ? range->len - PAGE : 0);

			fill(page, at);
			bad += pass ? !is_filled(disk, page, at) :
				pwrite(disk, page, PAGE, at) != (ssize_t)PAGE;
		}
	}
	if (bad)
		snprintf(detail, sizeof(detail), "%u of %u pages", bad, 2 * device->nr_ranges);
	steps_step("both ends of each range", !bad, detail);
}

static void speed(const struct device *device, int disk, unsigned char *block)
{
	uint64_t bytes = device->size < SPEED_BYTES ? device->size : SPEED_BYTES;
	double begin = steps_now(), write_time, read_time;
	char detail[64];
	bool good = true;

	bytes -= bytes % BLOCK;
	memset(block, 0x5a, BLOCK);
	for (uint64_t at = 0; at < bytes; at += BLOCK)
		good &= pwrite(disk, block, BLOCK, at) == (ssize_t)BLOCK;
	write_time = steps_now() - begin;
	begin = steps_now();
	good &= !fsync(disk);
	snprintf(detail, sizeof(detail), "%.1f ms", (steps_now() - begin) * 1e3);
	steps_step("flush", good, detail);
	begin = steps_now();
	for (uint64_t at = 0; at < bytes; at += BLOCK)
		good &= pread(disk, block, BLOCK, at) == (ssize_t)BLOCK;
	read_time = steps_now() - begin;
	snprintf(detail, sizeof(detail), "%.2f GiB/s written, %.2f GiB/s read",
		 bytes / write_time / (1ull << 30), bytes / read_time / (1ull << 30));
	steps_step("throughput of one thread", good, bytes ? detail : "the device is too small");
}

/* A failure is simulated: the page cannot be read, is repaired, and can be used again. */
static void poison(const struct device *device, int disk, unsigned char *page)
{
	uint64_t at = device->size / 2 & ~(PAGE - 1);
	int node = node_open(device, O_RDWR), rc;
	ssize_t n;

	if (node < 0) {
		steps_step("poison", false, node_error(node));
		return;
	}
	rc = node_span(node, FSDEV_IOC_INJECT, at, PAGE, 0, NULL);
	steps_step("poison: injected", !rc, rc ? node_error(rc) : "");
	if (!rc) {
		n = pread(disk, page, PAGE, at);
		steps_step("poison: a read fails", n < 0 && errno == EIO, "");
		rc = node_span(node, FSDEV_IOC_CLEAR, at, PAGE, FSDEV_CLEAR_HELD, NULL);
		steps_step("poison: repaired", !rc, rc ? node_error(rc) : "");
		fill(page, at);
		n = pwrite(disk, page, PAGE, at);
		steps_step("poison: the page works again", n == (ssize_t)PAGE && is_filled(disk, page, at), "");
	}
	close(node);
}

/* A file system of this tool's making is DAX, with 2 MiB mappings. */
static void file_system(const struct device *device, const char *type)
{
	const char *words[] = { "/proc/self/exe", "mkfs", device->name, "--type", type, "--force", NULL };
	char name[64], detail[64] = "";
	int rc = program_run(words);

	snprintf(name, sizeof(name), "%s is DAX, with 2 MiB mappings", type);
	if (rc)
		snprintf(detail, sizeof(detail), "status %d; is the package of mkfs.%s there?", rc, type);
	steps_step(name, !rc, detail);
}

static int open_disk(const struct device *device)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/%.40s", device->disk);
	return open(path, O_RDWR | O_DIRECT | O_EXCL | O_CLOEXEC);
}

static void wipe(int disk, unsigned char *block)
{
	memset(block, 0, BLOCK);
	if (pwrite(disk, block, BLOCK, 0) != (ssize_t)BLOCK || fsync(disk))
		note("the first bytes of the device are not wiped");
}

static void removal(struct device *device, unsigned char *page)
{
	const struct mode_options options = { 0 };
	double begin = steps_now();
	char detail[64];
	bool good;
	int disk;

	good = mode_switch(device, MODE_DEVDAX, &options) == DONE;
	snprintf(detail, sizeof(detail), "%.2f s", steps_now() - begin);
	steps_step("removal", good, detail);
	begin = steps_now();
	good = mode_switch(device, MODE_FSDEV, &options) == DONE;
	snprintf(detail, sizeof(detail), "%.2f s", steps_now() - begin);
	steps_step("binding again", good, detail);
	disk = good ? open_disk(device) : -1;
	if (disk < 0)
		return;
	steps_step("what was written is there", is_filled(disk, page, device->size - PAGE), "");
	wipe(disk, page);
	close(disk);
}

static enum outcome test(struct device *device)
{
	unsigned char *block = NULL;
	int disk = open_disk(device);

	if (disk < 0)
		return say(errno == EBUSY ? IN_USE : FAILED, "%s: /dev/%s cannot be opened exclusively: %s",
			   device->name, device->disk, strerror(errno));
	if (posix_memalign((void **)&block, PAGE, BLOCK)) {
		close(disk);
		return say(FAILED, "there is not enough memory");
	}
	audit("%s: selftest", device->name);
	report_changed();
	steps_about(device);
	speed(device, disk, block);
	ends(device, disk, block);
	poison(device, disk, block);
	close(disk);
	file_system(device, "xfs");
	file_system(device, "ext4");
	disk = open_disk(device);
	if (disk >= 0) {
		fill(block, device->size - PAGE);
		if (pwrite(disk, block, PAGE, device->size - PAGE) != (ssize_t)PAGE || fsync(disk))
			steps_step("a page before the removal", false, strerror(errno));
		close(disk);
		removal(device, block);
	}
	free(block);
	return DONE;
}

static enum outcome look_first(const struct device *device)
{
	char found[64], text[512];
	struct users users;
	int rc = users_load(device, &users);

	if (rc)
		return say(FAILED, "%s: cannot find out who uses it: %s", device->name, strerror(-rc));
	for (unsigned int i = 0; i < users.count; i++) {
		if (users.user[i].kind == USER_STALE)
			continue;
		user_text(&users.user[i], text, sizeof(text));
		users_free(&users);
		return say(IN_USE, "%s: in use: %s; nothing was changed", device->name, text);
	}
	users_free(&users);
	rc = overwrite ? 0 : content_look(device, found, sizeof(found));
	if (rc)
		return say(FAILED, "%s: cannot be read (%s), so what would be lost is unknown; --overwrite goes on",
			   device->name, strerror(-rc));
	if (!overwrite && found[0])
		return say(FAILED, "%s: there is %s on it, and this takes an empty device; --overwrite goes on",
			   device->name, found);
	return DONE;
}

/* A path that is no device, in a folder that is there: the file that is to be made. */
static bool names_file(const char *name)
{
	struct stat st;

	return strchr(name, '/') && strncmp(name, "/dev/", 5) &&
		(stat(name, &st) ? errno == ENOENT : S_ISREG(st.st_mode));
}

/* The device that the folder of a file lies on; @dir has room for all of @path. */
static enum outcome find_by_file(const char *path, char *dir, struct devices *devices,
				 struct device **device)
{
	char real[PATH_MAX];
	struct stat st;
	char *slash;

	snprintf(dir, PATH_MAX, "%s", path);
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	if (!stat(path, &st))
		return say(BAD_INPUT, "%s: is there already; name a new file, which is made and removed", path);
	if (!realpath(dir, real))
		return say(BAD_INPUT, "%s: there is no folder %s", path, dir);
	return cmd_one_writable(real, devices, device);
}

static enum outcome run(int argc, char **argv)
{
	bool is_file = names_file(argv[0]);
	struct devices devices = { 0 };
	struct device *device;
	char question[PATH_MAX + 160], dir[PATH_MAX];
	enum outcome outcome;

	(void)argc;
	if (is_file && overwrite)
		return say(BAD_INPUT, "--overwrite is for a device: nothing of a file system is overwritten");
	outcome = is_file ? find_by_file(argv[0], dir, &devices, &device) :
		cmd_one_writable(argv[0], &devices, &device);
	if (outcome == DONE && !is_file)
		outcome = look_first(device);
	if (outcome == DONE) {
		snprintf(question, sizeof(question), is_file ?
			 "%s: a new file is written, a page of it on %s fails and is repaired, and it is removed" :
			 "%s: all of it is overwritten: file systems are made, a page fails, and the driver is unbound and bound",
			 is_file ? argv[0] : device->name, device->name);
		if (dry_run) {
			say_result("%s", question);
			say_result("nothing was changed");
		}
	}
	if (outcome == DONE && !dry_run && cmd_agreed(question, yes, &outcome)) {
		outcome = steps_begin(report_path);
		if (outcome == DONE)
			outcome = steps_end(is_file ? trial_file(device, argv[0]) : test(device), report_path);
	}
	devices_free(&devices);
	return outcome;
}

const struct command cmd_selftest = {
	.name = "selftest", .args = "DEV|FILE", .opts = opts, .least = 1, .most = 1, .run = run,
	.help = "try all that the driver promises, on an empty device or in a new file",
};
