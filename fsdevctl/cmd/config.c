// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl config: the configuration in /etc/fsdev.d, what it says about this machine's devices, and
 * doing what it says.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "lib/conf.h"
#include "lib/journal.h"
#include "lib/json.h"
#include "lib/mode_switch.h"

#define CONF_DIR "/etc/fsdev.d"

static struct mode_options options;
static const char *dir, *only;

static const struct opt opts[] = {
	{ "device", OPT_TEXT, "DEV", &only, "apply, link: this device only" },
	{ "dir", OPT_TEXT, "DIR", &dir, "read DIR instead of " CONF_DIR },
	{ "dry-run", OPT_FLAG, NULL, &options.dry_run, "apply: say what would be done" },
	{ NULL }
};

static void tell_values(const struct conf_rule *rule)
{
	for (unsigned int i = 0; i < CONF_KEYS; i++) {
		if (!rule->given[i])
			continue;
		if (rule->text[i][0])
			printf(" %s=%s", conf_key_name(i), rule->text[i]);
		else
			printf(" %s=%#llx", conf_key_name(i), (unsigned long long)rule->number[i]);
	}
	putchar('\n');
}

/* Every device with what decides about it; every section that decides about none. */
static enum outcome check(const struct conf *conf, const struct devices *devices)
{
	enum outcome outcome = DONE;

	if (!conf->rules)
		printf("%s has no section: nothing is done at boot\n", dir);
	for (unsigned int i = 0; i < devices->count; i++) {
		const struct device *device = &devices->device[i];
		const struct conf_rule *rule = conf_match(conf, device);

		if (rule)
			printf("%s (%s now): [%s] in %s:%u: %s\n", device->name,
			       mode_name(device->mode), rule->name, rule->file, rule->line,
			       rule->mode == MODE_NONE ? "ignore" : mode_name(rule->mode));
		else
			printf("%s (%s now): left alone\n", device->name, mode_name(device->mode));
	}
	for (unsigned int i = 0; i < conf->rules; i++) {
		const struct conf_rule *rule = &conf->rule[i];
		unsigned int taken = 0;

		for (unsigned int j = 0; j < devices->count; j++)
			taken += conf_match(conf, &devices->device[j]) == rule;
		if (taken == 1)
			continue;
		outcome = FOUND;
		printf("[%s] in %s:%u %s:", rule->name, rule->file, rule->line,
		       taken ? "is about more than one device" : "is about no device");
		tell_values(rule);
		for (unsigned int j = 0; !taken && j < devices->count; j++) {
			const char *key = conf_mismatch(rule, &devices->device[j]);

			printf("  %s: %s%s\n", devices->device[j].name, key ? key :
			       "an earlier section decides about it", key ? " differs" : "");
		}
	}
	return outcome;
}

static bool meant(const struct device *device)
{
	return !only || !strcmp(only, device->name);
}

static enum outcome apply(const struct conf *conf, const struct devices *devices)
{
	enum outcome worst = DONE;

	for (unsigned int i = 0; i < devices->count; i++) {
		struct device *device = &devices->device[i];
		const struct conf_rule *rule = conf_match(conf, device);
		enum outcome outcome;

		if (!meant(device) || !rule || rule->mode == MODE_NONE ||
		    (rule->mode == device->mode && device->interrupted == MODE_OTHER))
			continue;
		outcome = mode_switch(device, rule->mode, &options);
		if (outcome == DONE && !options.dry_run)
			note("%s: %s, by [%s] in %s:%u", device->name, mode_name(device->mode),
			     rule->name, rule->file, rule->line);
		if (outcome > worst)
			worst = outcome;
	}
	return worst;
}

/* For the udev rule: the names of the links that a block device gets. */
static enum outcome tell_link(const struct conf *conf, const struct devices *devices)
{
	struct device *device;
	const struct conf_rule *rule;

	if (!only)
		return say(BAD_INPUT, "config link: needs --device DEV");
	if (device_find(devices, only, &device) != DONE)
		return BAD_INPUT;
	rule = conf_match(conf, device);
	if (rule)
		printf("FSDEV_NAME=%s\n", rule->name);
	if (device->nvdimm_uuid[0])
		printf("FSDEV_UUID=%s\n", device->nvdimm_uuid);
	return DONE;
}

static enum outcome run(int argc, char **argv)
{
	const char *what = argv[0];
	struct devices devices;
	enum outcome outcome;
	struct conf conf;

	(void)argc;
	dir = dir ? dir : CONF_DIR;
	if (strcmp(what, "check") && strcmp(what, "apply") && strcmp(what, "link"))
		return say(BAD_INPUT, "config '%s': has to be check, apply or link", what);
	if (conf_load(&conf, dir, stderr)) {
		conf_free(&conf);
		return say(BAD_INPUT, "the configuration has mistakes; nothing was changed");
	}
	outcome = devices_load(&devices);
	if (outcome == DONE && !strcmp(what, "check"))
		outcome = check(&conf, &devices);
	else if (outcome == DONE && !strcmp(what, "apply"))
		outcome = apply(&conf, &devices);
	else if (outcome == DONE)
		outcome = tell_link(&conf, &devices);
	devices_free(&devices);
	conf_free(&conf);
	return outcome;
}

const struct command cmd_config = {
	.name = "config", .args = "check|apply|link", .opts = opts, .least = 1, .most = 1,
	.help = "the configuration in " CONF_DIR, .run = run,
};
