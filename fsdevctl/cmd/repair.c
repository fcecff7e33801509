// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl repair: overwrites poisoned memory, reads it back, and clears it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "lib/audit.h"
#include "lib/files.h"
#include "lib/json.h"
#include "lib/node.h"
#include "lib/report.h"
#include "lib/size.h"
#include "lib/users.h"

static bool yes, dry_run;

static const struct opt opts[] = {
	{ "yes", OPT_FLAG, NULL, &yes, "do not ask" },
	{ "dry-run", OPT_FLAG, NULL, &dry_run, "say what would be done, change nothing" },
	REPORT_OPT,
	{ NULL }
};

/* What of the bad memory lies in the range; how many bad ranges. */
static unsigned int cut(const struct device *device, uint64_t start, uint64_t end,
			struct device_bad *lost)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < device->nr_bad; i++) {
		uint64_t from = device->bad[i].offset, to = from + device->bad[i].len;

		from = from < start ? start : from;
		to = to > end ? end : to;
		if (from >= to)
			continue;
		lost[count].offset = from;
		lost[count++].len = to - from;
	}
	return count;
}

/* One range of them, with those of the pieces from @next on that have a part of it. */
static void tell_lost(const struct device *device, const struct device_bad *lost,
		      const struct pieces *pieces, unsigned int *next)
{
	struct json_object *one = report_wanted ? json_object_new_object() : NULL;
	struct json_object *has = json_object_new_array();
	uint64_t last = lost->offset + lost->len;
	char text[8400];

	say_result("%s: %#llx+%#llx becomes zeros", device->name, (unsigned long long)lost->offset,
		   (unsigned long long)lost->len);
	for (; *next < pieces->count && pieces->piece[*next].offset < last; (*next)++) {
		const struct piece *piece = &pieces->piece[*next];

		piece_text(piece, piece->offset, text, sizeof(text));
		say_result("  %s", text);
		if (one)
			json_object_array_add(has, json_piece(device, piece->offset, piece->len, piece));
	}
	if (!one) {
		json_object_put(has);
		return;
	}
	json_add_number(one, "offset", lost->offset);
	json_add_number(one, "length", lost->len);
	json_object_object_add(one, "has", has);
	report_append("lost", one);
}

/* The bytes that will be zeros, with what has them. */
static uint64_t tell_loss(const struct device *device, uint64_t start, uint64_t end)
{
	struct device_bad *lost = calloc(device->nr_bad ? device->nr_bad : 1, sizeof(*lost));
	unsigned int count = lost ? cut(device, start, end, lost) : 0, next = 0;
	struct pieces pieces = { 0 };
	struct users users = { 0 };
	uint64_t sum = 0;

	if (count && !users_load(device, &users))
		files_load(device, &users, lost, count, true, &pieces);
	for (unsigned int i = 0; i < count; i++) {
		sum += lost[i].len;
		tell_lost(device, &lost[i], &pieces, &next);
	}
	files_free(&pieces);
	users_free(&users);
	free(lost);
	return sum;
}

static enum outcome clear(struct device *device, uint64_t start, uint64_t end)
{
	uint64_t before = device->bad_bytes, done = 0;
	int node = node_open(device, O_RDWR), rc;
	char size[SIZE_TEXT], left[SIZE_TEXT];

	if (node < 0)
		return say(FAILED, "%s: cannot open its node: %s", device->name, node_error(node));
	rc = node_span(node, FSDEV_IOC_CLEAR, start, end - start, FSDEV_CLEAR_HELD, &done);
	close(node);
	device_bad_load(device);
	audit("%s: repair of %#llx+%#llx: %s", device->name, (unsigned long long)start,
	      (unsigned long long)(end - start), rc ? strerror(-rc) : "done");
	if (device->bad_bytes < before) {
		report_changed();
		report_number("repaired_bytes", before - device->bad_bytes);
	}
	report_number("bad_bytes", device->bad_bytes);
	if (rc)
		return say(FAILED, "%s: not all of it is repaired, %s is bad: %s", device->name,
			   size_text(size, device->bad_bytes), rc == -EIO ?
			   "it could not be read back; the memory itself is broken" : node_error(rc));
	say_result("%s: %s repaired, %s bad", device->name,
		   size_text(size, before - device->bad_bytes), size_text(left, device->bad_bytes));
	return DONE;
}

static enum outcome repair(int argc, char **argv)
{
	uint64_t start = 0, end = 0;
	struct devices devices;
	struct device *device;
	enum outcome outcome = cmd_one_writable(argv[0], &devices, &device);

	(void)argc;
	if (outcome == DONE)
		outcome = cmd_range(device, argv[1], &start, &end);
	if (outcome == DONE) {
		report_text("chardev", device->name);
		report_number("offset", start);
		report_number("length", end - start);
		if (!tell_loss(device, start, end))
			note("%s: nothing in %s is bad", device->name, argv[1]);
		else if (dry_run)
			say_result("nothing was changed");
		else if (cmd_agreed("what these bytes held is lost", yes, &outcome))
			outcome = clear(device, start, end);
	}
	devices_free(&devices);
	return outcome;
}

const struct command cmd_repair = {
	.name = "repair", .args = "DEV RANGE", .help = "overwrite bad memory and make it good",
	.opts = opts, .least = 2, .most = 2, .run = repair,
};
