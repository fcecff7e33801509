// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl errors: a device's bad memory, and which files it belongs to.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "lib/audit.h"
#include "lib/files.h"
#include "lib/json.h"
#include "lib/keep.h"
#include "lib/known.h"
#include "lib/recall.h"
#include "lib/report.h"
#include "lib/size.h"
#include "lib/table.h"
#include "lib/users.h"

static bool with_files, forget, yes;

static const struct opt opts[] = {
	{ "files", OPT_FLAG, NULL, &with_files, "say which files the bad bytes belong to" },
	{ "forget", OPT_FLAG, NULL, &forget, "take back what is written down of bad memory, of RANGE or of all" },
	{ "yes", OPT_FLAG, NULL, &yes, "--forget: do not ask" },
	REPORT_OPT,
	{ NULL }
};

static const char * const heads[] = { "DEVICE OFFSET", "LENGTH", "MEMORY", "BELONGS TO" };

/* One bad range, or the part of it that one thing has. */
static void tell(struct table *table, struct json_object *array, const struct device *device,
		 uint64_t offset, uint64_t len, const struct piece *piece)
{
	char text[8400];
	uint64_t phys = 0;

	if (!table) {
		json_object_array_add(array, json_piece(device, offset, len, piece));
		return;
	}
	text[0] = '\0';
	device_phys(device, offset, &phys);
	if (piece)
		piece_text(piece, offset, text, sizeof(text));
	table_cell(table, "%#llx", (unsigned long long)offset);
	table_cell(table, "%#llx", (unsigned long long)len);
	table_cell(table, "%#llx", (unsigned long long)phys);
	if (with_files)
		table_cell(table, "%s", text);
}

/*
 * A bad range is printed in as many parts as it has owners; what nothing has comes as unknown. @next is
 * the first piece that does not lie before it.
 */
static void tell_files(struct table *table, struct json_object *array,
		       const struct device *device, const struct pieces *pieces,
		       unsigned int *next, const struct device_bad *bad)
{
	static const struct piece unknown = { .kind = PIECE_UNKNOWN };
	uint64_t at = bad->offset, end = bad->offset + bad->len;

	for (; *next < pieces->count && pieces->piece[*next].offset < end; (*next)++) {
		const struct piece *piece = &pieces->piece[*next];

		if (piece->offset > at)
			tell(table, array, device, at, piece->offset - at, &unknown);
		tell(table, array, device, piece->offset, piece->len, piece);
		if (piece->offset + piece->len > at)
			at = piece->offset + piece->len;
	}
	if (at < end)
		tell(table, array, device, at, end - at, &unknown);
}

static enum outcome show(const struct device *device, const struct users *users)
{
	struct table *table = report_wanted ? NULL : table_new(heads, with_files ? 4 : 3);
	struct json_object *array = report_wanted ? json_object_new_array() : NULL;
	struct pieces pieces = { 0 };
	unsigned int next = 0;
	int rc = 0;

	if (!table && !array)
		return say(FAILED, "there is not enough memory");
	if (with_files && device->nr_bad)
		rc = files_load(device, users, device->bad, device->nr_bad, true, &pieces);
	for (unsigned int i = 0; i < device->nr_bad; i++) {
		const struct device_bad *bad = &device->bad[i];

		if (with_files && !rc)
			tell_files(table, array, device, &pieces, &next, bad);
		else
			tell(table, array, device, bad->offset, bad->len, NULL);
	}
	files_free(&pieces);
	if (rc)
		note("%s: cannot map bad ranges to files: %s", device->name,
		     rc == -ENOENT ? "nothing is mounted from it" : rc == -EOPNOTSUPP ?
		     "the file system is mounted through another device" : strerror(-rc));
	if (array) {
		report_whole(array);
		return DONE;
	}
	if (device->nr_bad)
		table_print(table, stdout);
	else
		note("%s: no bad memory is known", device->name);
	table_free(table);
	return DONE;
}

/* What a driver calls poisoned is written down again at once: that is for a repair to end. */
static enum outcome forget_range(struct device *device, uint64_t start, uint64_t end)
{
	char size[SIZE_TEXT];
	uint64_t bytes;
	enum outcome outcome = recall_forget(RECALL_DIR, device, start, end - start, &bytes);
	int rc;

	audit("%s: what is written down of %#llx+%#llx: %s", device->name, (unsigned long long)start,
	      (unsigned long long)(end - start), outcome == DONE ? "forgotten" : "not forgotten");
	if (outcome != DONE)
		return outcome;
	rc = known_withdraw(device, start, end - start);
	if (rc)
		return say(FAILED, "%s: what the driver was given of it at an enable that failed cannot be taken back: %s",
			   device->name, strerror(-rc));
	report_changed();
	report_number("forgotten", bytes);
	say_result("%s: %s forgotten", device->name, size_text(size, bytes));
	if (device->mode != MODE_FSDEV || !device->bad_bytes)
		return DONE;
	note("%s: %s is poisoned as long as the driver has the device, and stays written down; fsdevctl repair makes it good",
	     device->name, size_text(size, device->bad_bytes));
	/* what a driver has not had is no reason to take more out of the record */
	return recall_save(RECALL_DIR, device, keep_missing(device) ? RECALL_ADD : RECALL_BOUND);
}

static enum outcome run_forget(int argc, char **argv)
{
	uint64_t start = 0, end = 0;
	struct devices devices;
	struct device *device;
	enum outcome outcome = cmd_one_device(argv[0], &devices, &device);

	if (outcome == DONE && geteuid())
		outcome = say(FAILED, "%s: forgetting its bad memory takes root", device->name);
	if (outcome == DONE && !recall_keeps(device))
		outcome = say(FAILED, "%s: nothing is written down of memory of this kind: its platform keeps a list, which a repair clears",
			      device->name);
	if (outcome == DONE)
		outcome = cmd_range(device, argc > 1 ? argv[1] : "all", &start, &end);
	if (outcome == DONE && cmd_agreed("memory that has failed will be used again; that is right if it was replaced, or if the failure was a test",
					  yes, &outcome))
		outcome = forget_range(device, start, end);
	devices_free(&devices);
	return outcome;
}

static enum outcome run(int argc, char **argv)
{
	struct devices devices;
	struct device *device;
	struct users users;
	enum outcome outcome;

	if (forget && !with_files)
		return run_forget(argc, argv);
	if (forget || yes || argc > 1)
		return say(BAD_INPUT, forget ? "--forget and --files exclude each other" :
			   "errors: RANGE and --yes go with --forget");
	outcome = cmd_one_fsdev(argv[0], &devices, &device);
	if (outcome == DONE) {
		users_load(device, &users);
		outcome = show(device, &users);
		users_free(&users);
	}
	if (outcome == DONE && device->nr_bad)
		outcome = FOUND;
	devices_free(&devices);
	return outcome;
}

const struct command cmd_errors = {
	.name = "errors", .args = "DEV [RANGE]", .help = "bad memory, and the files it belongs to",
	.opts = opts, .least = 1, .most = 2, .run = run,
};
