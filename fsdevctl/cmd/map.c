// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl map: draws a device.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "lib/draw.h"
#include "lib/files.h"
#include "lib/json.h"
#include "lib/report.h"
#include "lib/users.h"

static const char *svg;
static bool no_files;

static const struct opt opts[] = {
	{ "svg", OPT_TEXT, "FILE", &svg, "write a picture to FILE, - for standard output" },
	{ "no-files", OPT_FLAG, NULL, &no_files, "do not look for files, which reads every folder" },
	REPORT_OPT,
	{ NULL }
};

static enum outcome to_svg(const struct device *device, const struct pieces *pieces)
{
	FILE *file = strcmp(svg, "-") ? fopen(svg, "we") : stdout;
	int bad;

	if (!file)
		return say(FAILED, "--svg: cannot write %s: %s", svg, strerror(errno));
	draw_svg(device, pieces, file);
	bad = ferror(file);
	if (file != stdout && fclose(file))
		bad = 1;
	return bad ? say(FAILED, "--svg: %s was not written whole", svg) : DONE;
}

static void to_json(const struct device *device, const struct users *users,
		    const struct pieces *pieces)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < pieces->count; i++)
		json_object_array_add(array, json_piece(device, pieces->piece[i].offset,
							pieces->piece[i].len, &pieces->piece[i]));
	report_object("device", json_device(device, users));
	report_object("pieces", array);
}

static enum outcome draw(const struct device *device)
{
	const struct device_bad whole = { .len = device->size };
	struct pieces pieces = { 0 };
	enum outcome outcome = DONE;
	struct users users;
	int rc;

	rc = users_load(device, &users);
	if (!rc)
		rc = files_load(device, &users, &whole, 1, !no_files, &pieces);
	if (rc && rc != -ENOENT)
		note("%s: what lies there is not known: %s", device->name,
		     rc == -EOPNOTSUPP ? "the file system is mounted through another device" :
		     strerror(-rc));
	if (report_wanted)
		to_json(device, &users, &pieces);
	if (svg)
		outcome = to_svg(device, &pieces);
	else if (!report_wanted)
		draw_text(device, &pieces, stdout);
	files_free(&pieces);
	users_free(&users);
	return outcome;
}

static enum outcome run(int argc, char **argv)
{
	struct devices devices;
	struct device *device;
	enum outcome outcome;

	(void)argc;
	if (report_wanted && svg && !strcmp(svg, "-"))
		return say(BAD_INPUT, "--json and --svg - exclude each other: both are for standard output");
	outcome = cmd_one_device(argv[0], &devices, &device);
	if (outcome == DONE && !device->size)
		outcome = say(FAILED, "%s: has no memory to draw", device->name);
	if (outcome == DONE)
		outcome = draw(device);
	devices_free(&devices);
	return outcome;
}

const struct command cmd_map = {
	.name = "map", .args = "DEV", .help = "draw a device: ranges, holes, bad pages, files",
	.opts = opts, .least = 1, .most = 1, .run = run,
};
