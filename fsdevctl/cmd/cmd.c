// SPDX-License-Identifier: GPL-2.0
/*
 * What the commands share: the device that is meant, the question before what cannot be undone, and
 * changes of mode.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "lib/conf.h"
#include "lib/journal.h"
#include "lib/json.h"
#include "lib/mode_switch.h"
#include "lib/module.h"
#include "lib/page.h"
#include "lib/report.h"
#include "lib/size.h"
#include "lib/sysfs.h"
#include "lib/users.h"

#define SHARED DAX_BUS "/drivers/fsdev/shared"

/**
 * cmd_one_device() - find the device that a command is about
 * @name: as the user gave it
 * @devices: all devices, to be freed by the caller whatever comes back
 * @device: the one
 *
 * Return: DONE, or what to end with after saying why.
 */
enum outcome cmd_one_device(const char *name, struct devices *devices, struct device **device)
{
	enum outcome outcome = devices_load(devices);

	return outcome == DONE ? device_find(devices, name, device) : outcome;
}

/**
 * cmd_one_fsdev() - find a device, which has to be in fsdev mode
 * @name: as the user gave it
 * @devices: all devices, to be freed by the caller whatever comes back
 * @device: the one
 *
 * Return: DONE, or what to end with after saying why.
 */
enum outcome cmd_one_fsdev(const char *name, struct devices *devices, struct device **device)
{
	enum outcome outcome = cmd_one_device(name, devices, device);

	if (outcome == DONE && (*device)->mode != MODE_FSDEV)
		outcome = say(FAILED, "%s: is in mode %s and has to be in fsdev mode: fsdevctl enable %s",
			      (*device)->name, mode_name((*device)->mode), (*device)->name);
	return outcome;
}

/**
 * cmd_one_writable() - find a device, which has to be in fsdev mode, on memory that can be written
 * @name: as the user gave it
 * @devices: all devices, to be freed by the caller whatever comes back
 * @device: the one
 *
 * Return: DONE, or what to end with after saying why.
 */
enum outcome cmd_one_writable(const char *name, struct devices *devices, struct device **device)
{
	enum outcome outcome = cmd_one_fsdev(name, devices, device);

	if (outcome == DONE && (*device)->read_only)
		outcome = say(FAILED, "%s: its memory is read-only; nothing was changed", (*device)->name);
	return outcome;
}

/**
 * cmd_seconds() - parse the value of --timeout
 * @text: as the user gave it, or NULL
 * @seconds: the number; 0 for no end
 *
 * Return: DONE, or BAD_INPUT after saying why.
 */
enum outcome cmd_seconds(const char *text, unsigned int *seconds)
{
	unsigned long number;
	char *end;

	*seconds = 0;
	if (!text)
		return DONE;
	number = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || !number || number > 86400)
		return say(BAD_INPUT, "--timeout '%s': has to be seconds, from 1 to 86400", text);
	*seconds = number;
	return DONE;
}

/**
 * cmd_agreed() - ask before something that cannot be undone
 * @question: what is about to happen
 * @yes: the user has said so already
 * @outcome: what to end with if not
 *
 * Return: whether to go on.
 */
bool cmd_agreed(const char *question, bool yes, enum outcome *outcome)
{
	char answer[16];

	if (yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		*outcome = say(BAD_INPUT, "%s: standard input is no terminal; give --yes to go on", question);
		return false;
	}
	fprintf(stderr, "%s. Go on? [y/N] ", question);
	if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return true;
	*outcome = say(FAILED, "nothing was changed");
	return false;
}

/**
 * cmd_tell_stale() - name old mounts that keep a file system from being mounted
 * @device: a device from which something does not mount
 *
 * XFS refuses a file system whose UUID is mounted already, and calls that an invalid argument.
 */
void cmd_tell_stale(const struct device *device)
{
	struct users users;
	char text[512];

	if (users_load(device, &users))
		return;
	for (unsigned int i = 0; i < users.count; i++) {
		if (users.user[i].kind != USER_STALE)
			continue;
		user_text(&users.user[i], text, sizeof(text));
		note("%s: %s", device->name, text);
	}
	users_free(&users);
}

/**
 * cmd_mark_shared() - tell the driver whether other hosts write to a device's memory
 * @device: the device, which is not in fsdev mode yet
 * @shared: whether they do
 *
 * Return: DONE, or FAILED after saying why.
 */
enum outcome cmd_mark_shared(const struct device *device, bool shared)
{
	char word[DEVICE_NAME + 1];
	int rc;

	/* what keeps it from being loaded is said when the mode is changed */
	module_load("fsdev");
	if (!shared && !sysfs_there(SHARED))
		return DONE;
	snprintf(word, sizeof(word), "%s%s", shared ? "" : "-", device->name);
	rc = sysfs_write(word, SHARED);
	return rc ? say(FAILED, "%s: the driver cannot be told whether its memory is shared: %s",
			device->name, strerror(-rc)) : DONE;
}

/**
 * cmd_conf_load() - read the configuration
 * @conf: the configuration, to be freed whatever comes back
 * @dir: the folder it is in
 *
 * Its mistakes are reported.
 *
 * Return: 0 or a negative errno.
 */
int cmd_conf_load(struct conf *conf, const char *dir)
{
	char *mistakes = NULL;
	size_t size;
	FILE *err = open_memstream(&mistakes, &size);
	int rc = -ENOMEM;

	memset(conf, 0, sizeof(*conf));
	if (err) {
		rc = conf_load(conf, dir, err);
		fclose(err);
		say_complaint(mistakes);
	}
	free(mistakes);
	return rc;
}

/**
 * cmd_report_switch() - add a device that was to get another mode to the result
 * @device: the device, as it is now
 * @before: the mode that it had
 */
void cmd_report_switch(const struct device *device, enum mode before)
{
	struct json_object *one = report_wanted ? json_device(device, NULL) : NULL;

	if (device->mode != before)
		report_changed();
	if (!one)
		return;
	json_object_object_add(one, "changed", json_object_new_boolean(device->mode != before));
	json_add_text(one, "mode_before", mode_name(before));
	report_append("devices", one);
}

/* As the user says, or else its section. The driver of a device that is bound has been told. */
static enum outcome mark_shared(const struct device *device, const struct mode_options *options)
{
	const struct conf_rule *rule;
	bool shared = options->shared;
	struct conf conf;
	int rc = 0;

	if (device->mode == MODE_FSDEV)
		return DONE;
	if (!options->shared && !options->unshared) {
		rc = cmd_conf_load(&conf, CONF_DIR);
		rule = rc ? NULL : conf_match(&conf, device);
		shared = rule && rule->shared;
		conf_free(&conf);
	}
	if (rc)
		return say(FAILED, "%s: the configuration cannot be read, so whether its memory is shared is unknown: give --shared or --no-shared",
			   device->name);
	return cmd_mark_shared(device, shared);
}

/* One device of cmd_switch(), which has another mode now. */
static enum outcome switch_one(struct device *device, enum mode to,
			       const struct mode_options *options)
{
	enum mode before = device->mode;
	enum outcome outcome = to == MODE_FSDEV && !options->dry_run ?
		mark_shared(device, options) : DONE;

	if (outcome == DONE)
		outcome = mode_switch(device, to, options);
	if (outcome == DONE && !options->dry_run)
		note("%s: %s%s%s", device->name, mode_name(to),
		     device->disk[0] ? ", block device /dev/" : "", device->disk);
	cmd_report_switch(device, before);
	return outcome;
}

/**
 * cmd_range() - read a range of a device that the user gave
 * @device: the device
 * @text: OFFSET, OFFSET+LENGTH, FIRST-LAST or "all"
 * @start: where it begins: a multiple of the page size
 * @end: where it ends: a multiple of the page size
 *
 * Return: DONE, or BAD_INPUT after saying why.
 */
enum outcome cmd_range(const struct device *device, const char *text, uint64_t *start, uint64_t *end)
{
	uint64_t len;

	if (!strcmp(text, "all")) {
		*start = 0;
		*end = device->size;
		return DONE;
	}
	if (range_parse(text, start, &len))
		return say(BAD_INPUT, "'%s' is no range: give OFFSET, OFFSET+LENGTH, FIRST-LAST or all, like 0x20003000+4K",
			   text);
	if (*start >= device->size || len > device->size - *start)
		return say(BAD_INPUT, "'%s' reaches past the end of %s, which is at %#llx", text,
			   device->name, (unsigned long long)device->size);
	*end = page_up(*start + len);
	*start = page_down(*start);
	return DONE;
}

/**
 * cmd_switch() - give devices another mode
 * @argc: how many
 * @argv: their names
 * @to: the mode
 * @options: how
 *
 * Nothing is changed before every name is known to be right; the first that fails ends it.
 *
 * Return: DONE, or what to end with after saying why.
 */
enum outcome cmd_switch(int argc, char **argv, enum mode to, const struct mode_options *options)
{
	struct devices devices;
	struct device *device;
	enum outcome outcome = devices_load(&devices);

	for (int i = 0; outcome == DONE && i < argc; i++)
		outcome = device_find(&devices, argv[i], &device);
	for (int i = 0; outcome == DONE && i < argc; i++) {
		device_find(&devices, argv[i], &device);
		if (device->mode == to && (options->dry_run || !journal_held(device))) {
			note("%s: is in mode %s already", device->name, mode_name(to));
			if (options->shared && !device->shared)
				outcome = say(FAILED, "%s: --shared counts from the next time it is enabled: fsdevctl disable %s first",
					      device->name, device->name);
			cmd_report_switch(device, to);
			continue;
		}
		outcome = switch_one(device, to, options);
	}
	devices_free(&devices);
	return outcome;
}
