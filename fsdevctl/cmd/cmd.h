/* SPDX-License-Identifier: GPL-2.0 */
/* The commands; each lives in a file of its own. */
#ifndef FSDEVCTL_CMD_H
#define FSDEVCTL_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/device.h"
#include "lib/names.h"
#include "lib/opts.h"

struct conf;
struct mode_options;

/**
 * struct command - one command of the tool
 * @name: what the user types
 * @args: its arguments, for the help
 * @help: one line
 * @opts: its options; --help is added for each
 * @least: how many arguments it needs
 * @most: how many it takes
 * @run: does it, with the arguments that are left when the options are taken out
 */
struct command {
	const char *name, *args, *help;
	const struct opt *opts;
	int least, most;
	enum outcome (*run)(int argc, char **argv);
};

extern const struct command cmd_list, cmd_enable, cmd_disable, cmd_mkfs, cmd_map, cmd_errors,
	cmd_scrub, cmd_repair, cmd_inject, cmd_monitor, cmd_metrics, cmd_doctor, cmd_config, cmd_publish,
	cmd_attach, cmd_selftest, cmd_grow;

enum outcome cmd_one_device(const char *name, struct devices *devices, struct device **device);
enum outcome cmd_one_fsdev(const char *name, struct devices *devices, struct device **device);
enum outcome cmd_one_writable(const char *name, struct devices *devices, struct device **device);
enum outcome cmd_seconds(const char *text, unsigned int *seconds);
bool cmd_agreed(const char *question, bool yes, enum outcome *outcome);
void cmd_tell_stale(const struct device *device);
enum outcome cmd_range(const struct device *device, const char *text, uint64_t *start, uint64_t *end);
enum outcome cmd_mark_shared(const struct device *device, bool shared);
int cmd_conf_load(struct conf *conf, const char *dir);
void cmd_report_switch(const struct device *device, enum mode before);
enum outcome cmd_switch(int argc, char **argv, enum mode to, const struct mode_options *options);

#endif
