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
#include "lib/users.h"

static const char *svg;
static bool no_files;

static const struct opt opts[] = {
	{ "svg", OPT_TEXT, "FILE", &svg, "write a picture to FILE, - for standard output" },
	{ "no-files", OPT_FLAG, NULL, &no_files, "do not look for files, which reads every folder" },
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
	if (svg)
		outcome = to_svg(device, &pieces);
	else
		draw_text(device, &pieces, stdout);
	files_free(&pieces);
	users_free(&users);
	return outcome;
}

static enum outcome run(int argc, char **argv)
{
	struct devices devices;
	struct device *device;
	enum outcome outcome = cmd_one_device(argv[0], &devices, &device);

	(void)argc;
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
