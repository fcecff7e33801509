// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl enable and disable: devices to fsdev mode, and out of it.
 */
#include "cmd.h"
#include "mode.h"

static struct mode_options options;
static const char *leave_to;

static const struct opt enable_opts[] = {
	{ "force", OPT_FLAG, NULL, &options.force, "also where a process uses the device; says what happens" },
	{ "dry-run", OPT_FLAG, NULL, &options.dry_run, "say what would be done, change nothing" },
	{ NULL }
};

static const struct opt disable_opts[] = {
	{ "mode", OPT_TEXT, "MODE", &leave_to, "devdax (default), system-ram or kernel-fsdev" },
	{ "force", OPT_FLAG, NULL, &options.force, "also while mounted or held; says what happens" },
	{ "dry-run", OPT_FLAG, NULL, &options.dry_run, "say what would be done, change nothing" },
	{ NULL }
};

/* Nothing is changed before every name is known to be right; the first that fails ends it. */
static enum outcome switch_all(int argc, char **argv, enum mode to)
{
	struct devices devices;
	struct device *device;
	enum outcome outcome = devices_load(&devices);

	for (int i = 0; outcome == DONE && i < argc; i++)
		outcome = device_find(&devices, argv[i], &device);
	for (int i = 0; outcome == DONE && i < argc; i++) {
		device_find(&devices, argv[i], &device);
		if (device->mode == to) {
			note("%s: is in mode %s already", device->name, mode_name(to));
			continue;
		}
		outcome = mode_switch(device, to, &options);
		if (outcome == DONE && !options.dry_run)
			note("%s: %s%s%s", device->name, mode_name(to),
			     device->disk[0] ? ", block device /dev/" : "", device->disk);
	}
	devices_free(&devices);
	return outcome;
}

static enum outcome enable(int argc, char **argv)
{
	return switch_all(argc, argv, MODE_FSDEV);
}

static enum outcome disable(int argc, char **argv)
{
	enum mode to = MODE_DEVDAX;

	if (leave_to && (!mode_parse(leave_to, &to) || to == MODE_FSDEV))
		return say(BAD_INPUT, "--mode '%s': has to be devdax, system-ram or kernel-fsdev",
			   leave_to);
	return switch_all(argc, argv, to);
}

const struct command cmd_enable = {
	.name = "enable", .args = "DEV...", .help = "to fsdev mode, which file systems can use",
	.opts = enable_opts, .least = 1, .most = 1024, .run = enable,
};

const struct command cmd_disable = {
	.name = "disable", .args = "DEV...", .help = "back to devdax, or another mode",
	.opts = disable_opts, .least = 1, .most = 1024, .run = disable,
};
