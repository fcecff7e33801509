// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl disable: devices out of fsdev mode.
 */
#include "cmd.h"
#include "lib/mode_switch.h"
#include "lib/report.h"

static struct mode_options options;
static const char *leave_to, *timeout;

static const struct opt opts[] = {
	{ "mode", OPT_TEXT, "MODE", &leave_to, "devdax (default), system-ram or kernel-fsdev" },
	{ "force", OPT_FLAG, NULL, &options.force, "also while mounted or held; says what happens" },
	{ "overwrite", OPT_FLAG, NULL, &options.overwrite, "system-ram: also where something lies on it, which is lost" },
	{ "timeout", OPT_TEXT, "SECONDS", &timeout, "from system-ram: give up taking its memory offline after so long" },
	{ "dry-run", OPT_FLAG, NULL, &options.dry_run, "say what would be done, change nothing" },
	REPORT_OPT,
	{ NULL }
};

static enum outcome run(int argc, char **argv)
{
	enum mode to = MODE_DEVDAX;

	if (leave_to && (!mode_parse(leave_to, &to) || to == MODE_FSDEV))
		return say(BAD_INPUT, "--mode '%s': has to be devdax, system-ram or kernel-fsdev",
			   leave_to);
	if (cmd_seconds(timeout, &options.timeout) != DONE)
		return BAD_INPUT;
	return cmd_switch(argc, argv, to, &options);
}

const struct command cmd_disable = {
	.name = "disable", .args = "DEV...", .help = "back to devdax, or another mode",
	.opts = opts, .least = 1, .most = 1024, .run = run,
};
