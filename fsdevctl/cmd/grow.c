// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl grow: more memory for a device in fsdev mode, while it is used.
 */
#include <string.h>

#include "cmd.h"
#include "lib/grow.h"
#include "lib/json.h"
#include "lib/report.h"
#include "lib/size.h"

static struct grow_options options;
static const char *size, *range;

static const struct opt opts[] = {
	{ "size", OPT_TEXT, "+SIZE", &size, "so much of what is free in its region" },
	{ "range", OPT_TEXT, "START-END", &range, "this piece of physical memory" },
	{ "all", OPT_FLAG, NULL, &options.all, "all that is free in its region" },
	{ "fs", OPT_FLAG, NULL, &options.fs, "the mounted XFS or ext4 as well" },
	{ "persist", OPT_FLAG, NULL, &options.persist, "change its section in " CONF_DIR },
	{ "dry-run", OPT_FLAG, NULL, &options.dry_run, "say what would be done, change nothing" },
	REPORT_OPT,
	{ NULL }
};

/* What it became, or would become. */
static void describe(const struct grow_result *result)
{
	report_number("size_before", result->before);
	report_number("size", result->after);
	for (unsigned int i = 0; i < result->ranges; i++) {
		const struct span *span = &result->range[i];
		struct json_object *one = json_object_new_object();

		json_add_number(one, "start", span->start);
		json_add_number(one, "end", span->start + span->len - 1);
		json_add_number(one, "size", span->len);
		report_append("mappings", one);
	}
	report_text("mountpoint", result->fs.dir);
	report_text("fstype", result->fs.type);
}

static void tell(const char *name, const struct grow_result *result)
{
	char now[SIZE_TEXT], more[SIZE_TEXT];

	if (result->ranges || result->fs.type[0])
		report_changed();
	if (result->ranges)
		say_result("%s: %s, %s more", name, size_text(now, result->after),
			   size_text(more, result->after - result->before));
	else
		say_result("%s: %s, as before", name, size_text(now, result->after));
	if (result->fs.type[0])
		say_result("%s: %s on %s has grown", name, result->fs.type, result->fs.dir);
}

/* Less is not more. */
static enum outcome shrink(const struct device *device)
{
	uint64_t bytes;

	if (size_parse(size + 1, &bytes))
		return say(BAD_INPUT, "--size '%s': is no size; write it like +512M or +0x20000000", size);
	return grow_shrink(device, bytes);
}

static enum outcome parse(void)
{
	if (!!size + !!range + options.all > 1)
		return say(BAD_INPUT, "--size, --range and --all: only one of them can be given");
	if (size && size[0] != '+' && size[0] != '-')
		return say(BAD_INPUT, "--size '%s': has to be what is added, as in --size +512M", size);
	if (size && size[0] == '+' && (size_parse(size + 1, &options.size) || !options.size))
		return say(BAD_INPUT, "--size '%s': is no size; write it like +512M or +0x20000000", size);
	if (range && (!strpbrk(range, "-+") || range_parse(range, &options.range.start,
							   &options.range.len)))
		return say(BAD_INPUT, "--range '%s': has to be physical addresses, START-END with the last byte included, or START+LENGTH, like 0x148000000-0x14fffffff",
			   range);
	return DONE;
}

static enum outcome run(int argc, char **argv)
{
	struct grow_result result = { 0 };
	struct devices devices = { 0 };
	struct device *device;
	enum outcome outcome = parse();
	char name[DEVICE_NAME];

	(void)argc;
	if (outcome != DONE)
		return outcome;
	options.dir = CONF_DIR;
	outcome = cmd_one_fsdev(argv[0], &devices, &device);
	if (outcome == DONE && size && size[0] == '-') {
		outcome = shrink(device);
	} else if (outcome == DONE) {
		snprintf(name, sizeof(name), "%s", device->name);
		report_text("chardev", name);
		outcome = grow(&devices, name, &options, &result);
		if (outcome == STRANDED)
			report_changed();
		if (outcome == DONE)
			describe(&result);
		if (outcome == DONE && !options.dry_run)
			tell(name, &result);
	}
	grow_free(&result);
	devices_free(&devices);
	return outcome;
}

const struct command cmd_grow = {
	.name = "grow", .args = "DEV", .help = "more memory, while the device is used", .opts = opts,
	.least = 1, .most = 1, .run = run,
};
