// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl enable: devices to fsdev mode.
 */
#include "cmd.h"
#include "lib/mode_switch.h"
#include "lib/report.h"

static struct mode_options options;
static const char *timeout;

static const struct opt opts[] = {
	{ "force", OPT_FLAG, NULL, &options.force, "also where a process uses the device; says what happens" },
	{ "shared", OPT_FLAG, NULL, &options.shared, "other hosts write to the memory, and no hardware keeps caches coherent" },
	{ "no-shared", OPT_FLAG, NULL, &options.unshared, "none does, also where the configuration says 'shared = yes'" },
	{ "timeout", OPT_TEXT, "SECONDS", &timeout, "from system-ram: give up taking its memory offline after so long" },
	{ "dry-run", OPT_FLAG, NULL, &options.dry_run, "say what would be done, change nothing" },
	REPORT_OPT,
	{ NULL }
};

static enum outcome run(int argc, char **argv)
{
	enum outcome outcome = cmd_seconds(timeout, &options.timeout);

	if (options.shared && options.unshared)
		return say(BAD_INPUT, "--shared and --no-shared exclude each other");

	return outcome == DONE ? cmd_switch(argc, argv, MODE_FSDEV, &options) : outcome;
}

const struct command cmd_enable = {
	.name = "enable", .args = "DEV...", .help = "switch devices to fsdev mode (makes /dev/fsdevX.Y)",
	.opts = opts, .least = 1, .most = 1024, .run = run,
};
