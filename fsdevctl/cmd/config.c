// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl config: the configuration in /etc/fsdev.d, what it says about this machine's devices, and
 * doing what it says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "lib/conf.h"
#include "lib/journal.h"
#include "lib/json.h"
#include "lib/keep.h"
#include "lib/mode_switch.h"
#include "lib/recall.h"
#include "lib/report.h"

static struct mode_options options;
static const char *dir, *only, *name, *mode_text, *timeout;

static const struct opt opts[] = {
	{ "device", OPT_TEXT, "DEV", &only, "add, apply, link: this device only" },
	{ "name", OPT_TEXT, "NAME", &name, "add: the section's name, and that of /dev/fsdev/NAME" },
	{ "mode", OPT_TEXT, "MODE", &mode_text, "add: fsdev (default), devdax or kernel-fsdev" },
	{ "dir", OPT_TEXT, "DIR", &dir, "read DIR instead of " CONF_DIR },
	{ "timeout", OPT_TEXT, "SECONDS", &timeout, "apply: give up taking memory offline after so long" },
	{ "dry-run", OPT_FLAG, NULL, &options.dry_run, "add, apply: say what would be done" },
	REPORT_OPT,
	{ NULL }
};

static const char *rule_mode(const struct conf_rule *rule)
{
	return rule->mode == MODE_NONE ? "ignore" : mode_name(rule->mode);
}

static void report_section(const struct conf_rule *rule, unsigned int devices)
{
	struct json_object *one = json_object_new_object();

	json_add_text(one, "section", rule->name);
	json_add_text(one, "file", rule->file);
	json_add_number(one, "line", rule->line);
	json_add_text(one, "mode", rule_mode(rule));
	json_add_number(one, "devices", devices);
	for (unsigned int i = 0; i < CONF_KEYS; i++) {
		if (rule->given[i] && rule->text[i][0])
			json_add_text(one, conf_key_name(i), rule->text[i]);
		else if (rule->given[i])
			json_add_number(one, conf_key_name(i), rule->number[i]);
	}
	report_append("sections", one);
}

static void tell_section(const struct conf_rule *rule, unsigned int devices)
{
	char values[CONF_KEYS * (CONF_NAME + 32)] = "";
	size_t used = 0;

	for (unsigned int i = 0; i < CONF_KEYS; i++) {
		if (rule->given[i] && rule->text[i][0])
			used += snprintf(values + used, sizeof(values) - used, " %s=%s",
					 conf_key_name(i), rule->text[i]);
		else if (rule->given[i])
			used += snprintf(values + used, sizeof(values) - used, " %s=%#llx",
					 conf_key_name(i), (unsigned long long)rule->number[i]);
	}
	say_result("[%s] in %s:%u %s:%s", rule->name, rule->file, rule->line,
		   devices ? "is about more than one device" : "is about no device", values);
}

/* What decides about a device. */
static void tell_device(const struct device *device, const struct conf_rule *rule)
{
	struct json_object *one = json_object_new_object();

	json_add_text(one, "chardev", device->name);
	json_add_text(one, "mode", mode_name(device->mode));
	if (rule) {
		say_result("%s (%s now): [%s] in %s:%u: %s", device->name, mode_name(device->mode),
			   rule->name, rule->file, rule->line, rule_mode(rule));
		json_add_text(one, "section", rule->name);
		json_add_text(one, "mode_wanted", rule_mode(rule));
	} else {
		say_result("%s (%s now): left alone", device->name, mode_name(device->mode));
	}
	report_append("devices", one);
}

/* Every device with what decides about it; every section that decides about none. */
static enum outcome check(const struct conf *conf, const struct devices *devices)
{
	enum outcome outcome = DONE;

	if (!conf->rules)
		say_result("%s has no section: nothing is done at boot", dir);
	for (unsigned int i = 0; i < devices->count; i++)
		tell_device(&devices->device[i], conf_match(conf, &devices->device[i]));
	for (unsigned int i = 0; i < conf->rules; i++) {
		const struct conf_rule *rule = &conf->rule[i];
		unsigned int taken = 0;

		for (unsigned int j = 0; j < devices->count; j++)
			taken += conf_match(conf, &devices->device[j]) == rule;
		report_section(rule, taken);
		if (taken == 1)
			continue;
		outcome = FOUND;
		tell_section(rule, taken);
		for (unsigned int j = 0; !taken && j < devices->count; j++) {
			const char *key = conf_mismatch(rule, &devices->device[j]);

			say_result("  %s: %s%s", devices->device[j].name, key ? key :
				   "an earlier section decides about it", key ? " differs" : "");
		}
	}
	return outcome;
}

/* What a section says of one device may be lost is not said of those that come to match it later. */
static bool may_overwrite(const struct conf *conf, const struct devices *devices,
			  const struct device *device, const struct conf_rule *rule)
{
	unsigned int matching = 0;

	if (!rule->overwrite || rule->mode != MODE_SYSTEM_RAM)
		return false;
	for (unsigned int i = 0; i < devices->count; i++)
		matching += conf_match(conf, &devices->device[i]) == rule;
	if (matching > 1)
		note("%s: [%s] in %s:%u is about %u devices, so its overwrite = yes does not count: it needs a section for each device",
		     device->name, rule->name, rule->file, rule->line, matching);
	return matching == 1;
}

static enum outcome apply_one(const struct conf *conf, const struct devices *devices,
			      struct device *device)
{
	const struct conf_rule *rule = conf_match(conf, device);
	enum mode before = device->mode;
	enum outcome outcome;

	if (!rule || rule->mode == MODE_NONE)
		return DONE;
	if (rule->mode == device->mode && device->interrupted == MODE_OTHER &&
	    !(device->mode == MODE_FSDEV && (journal_held(device) || keep_missing(device))))
		return DONE;
	if (rule->mode == MODE_FSDEV && recall_keeps(device) && recall_waits(RECALL_DIR)) {
		note("%s: waits until " RECALL_DIR " is mounted, where its poison is written down",
		     device->name);
		return DONE;
	}
	options.overwrite = may_overwrite(conf, devices, device, rule);
	outcome = rule->mode == MODE_FSDEV && !options.dry_run && device->mode != MODE_FSDEV ?
		cmd_mark_shared(device, rule->shared) : DONE;
	if (outcome == DONE)
		outcome = mode_switch(device, rule->mode, &options);
	if (outcome == DONE && !options.dry_run)
		note("%s: %s, by [%s] in %s:%u", device->name, mode_name(device->mode), rule->name,
		     rule->file, rule->line);
	cmd_report_switch(device, before);
	return outcome;
}

static enum outcome apply(const struct conf *conf, const struct devices *devices,
			  const struct device *one)
{
	enum outcome worst = DONE;

	for (unsigned int i = 0; i < devices->count; i++) {
		enum outcome outcome;

		if (one && one != &devices->device[i])
			continue;
		outcome = apply_one(conf, devices, &devices->device[i]);
		if (outcome > worst)
			worst = outcome;
	}
	return worst;
}

static void tell_property(const char *key, const char *value)
{
	say_result("%s=%s", key, value);
	report_text(key, value);
}

/* UINT64_MAX where that is not known. */
static uint64_t lowest_address(const struct device *device)
{
	uint64_t low = UINT64_MAX;

	for (unsigned int i = 0; device->addresses_known && i < device->nr_ranges; i++)
		if (device->ranges[i].start < low)
			low = device->ranges[i].start;
	return low;
}

/*
 * What names the device at the next boot as well: its own UUID or its namespace's, the serial numbers
 * of its CXL memory, or its address; with its number in the region, where that is not the only one.
 */
static void tell_serial(const struct device *device)
{
	unsigned long number = strtoul(device->name + strcspn(device->name, ".") + 1, NULL, 10);
	uint64_t low = lowest_address(device);
	char *text = NULL;
	size_t size;
	FILE *out;

	if (device->uuid[0] || device->nvdimm_uuid[0]) {
		tell_property("FSDEV_SERIAL", device->uuid[0] ? device->uuid : device->nvdimm_uuid);
		return;
	}
	if (!device->nr_serials && low == UINT64_MAX)
		return;
	out = open_memstream(&text, &size);
	if (!out)
		return;
	fprintf(out, "%s", device->nr_serials ? "cxl" : "mem");
	for (unsigned int i = 0; i < device->nr_serials; i++)
		fprintf(out, "-%llx", (unsigned long long)device->cxl_serials[i]);
	if (!device->nr_serials)
		fprintf(out, "-%llx", (unsigned long long)low);
	else if (number)
		fprintf(out, "-%lu", number);
	fclose(out);
	tell_property("FSDEV_SERIAL", text);
	free(text);
}

/*
 * For the udev rules: the name of the link that a block device gets, and whether a section claims the
 * device, so that no driver is to take it by itself.
 */
static void tell_link(const struct conf *conf, const struct device *device)
{
	const struct conf_rule *rule = conf_match(conf, device);

	if (rule) {
		tell_property("FSDEV_NAME", rule->name);
		tell_property("FSDEV_CLAIM", rule->mode == MODE_NONE ? "" : mode_name(rule->mode));
	}
	tell_serial(device);
}

/* What stays the same when devices are numbered otherwise. */
static enum outcome section_text(const struct device *device, enum mode mode, char *text,
				 size_t size)
{
	uint64_t low = lowest_address(device);
	int used;

	if (device->uuid[0])
		used = snprintf(text, size, "[%s]\nuuid = %s\n", name, device->uuid);
	else if (device->nvdimm_uuid[0])
		used = snprintf(text, size, "[%s]\nnvdimm-uuid = %s\n", name, device->nvdimm_uuid);
	else if (device->nr_serials == 1)
		used = snprintf(text, size, "[%s]\ncxl-serial = %#llx\nsize = %#llx\n", name,
				(unsigned long long)device->cxl_serials[0],
				(unsigned long long)device->size);
	else if (device->nr_ranges && device->addresses_known)
		used = snprintf(text, size, "[%s]\naddress = %#llx\nsize = %#llx\n", name,
				(unsigned long long)low, (unsigned long long)device->size);
	else
		return say(FAILED, "%s: nothing of it that stays the same is known to this user: it takes root",
			   device->name);
	if (mode != MODE_FSDEV && used > 0 && (size_t)used < size)
		snprintf(text + used, size - used, "mode = %s\n", mode_name(mode));
	return DONE;
}

/* The new section has to be right, and to be about this device alone. */
static enum outcome try_section(const struct devices *devices, const struct device *device,
				const char *path, const char *text)
{
	enum outcome outcome = DONE;
	char *mistakes = NULL;
	struct conf conf;
	size_t size;
	FILE *err;
	int rc = cmd_conf_load(&conf, dir);

	err = rc ? NULL : open_memstream(&mistakes, &size);
	if (err) {
		rc = conf_parse(&conf, path, text, strlen(text), err);
		fclose(err);
		say_complaint(mistakes);
		free(mistakes);
	}
	if (!err || rc) {
		conf_free(&conf);
		return say(BAD_INPUT, "the configuration would have mistakes; nothing was changed");
	}
	for (unsigned int i = 0; i < devices->count && outcome == DONE; i++) {
		const struct device *other = &devices->device[i];
		const struct conf_rule *rule = conf_match(&conf, other);

		if (other == device && strcmp(rule->name, name))
			outcome = say(BAD_INPUT, "%s: [%s] in %s:%u decides about it already", other->name,
				      rule->name, rule->file, rule->line);
		else if (other != device && rule && !strcmp(rule->name, name))
			outcome = say(BAD_INPUT, "%s: the section would be about %s too", device->name,
				      other->name);
	}
	conf_free(&conf);
	return outcome;
}

static void tell_section_text(const char *path, const char *text)
{
	char copy[256];

	say_result("%s:", path);
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n"))
		say_result("%s", line);
	report_text("file", path);
	report_text("text", text);
}

static enum outcome write_section(const char *path, const char *text)
{
	ssize_t len = strlen(text);
	int fd, bad;

	if (mkdir(dir, 0755) && errno != EEXIST)
		return say(FAILED, "cannot make %s: %s", dir, strerror(errno));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return say(FAILED, "cannot write %s: %s", path, strerror(errno));
	bad = write(fd, text, len) != len || fsync(fd);
	if (close(fd) || bad) {
		unlink(path);
		return say(FAILED, "cannot write %s: %s", path, strerror(errno));
	}
	report_changed();
	tell_section_text(path, text);
	return DONE;
}

static enum outcome add(const struct devices *devices, const struct device *device)
{
	enum mode mode = MODE_FSDEV;
	char path[PATH_MAX], text[256];
	enum outcome outcome;

	if (!device || !name)
		return say(BAD_INPUT, "config add: needs --device DEV and --name NAME");
	if (mode_text && (!mode_parse(mode_text, &mode) || mode == MODE_SYSTEM_RAM))
		return say(BAD_INPUT, "--mode '%s': has to be fsdev, devdax or kernel-fsdev", mode_text);
	outcome = section_text(device, mode, text, sizeof(text));
	if (outcome != DONE)
		return outcome;
	snprintf(path, sizeof(path), "%s/%s.conf", dir, name);
	outcome = try_section(devices, device, path, text);
	if (outcome != DONE)
		return outcome;
	if (options.dry_run) {
		tell_section_text(path, text);
		say_result("nothing was changed");
		return DONE;
	}
	return write_section(path, text);
}

static enum outcome carry_out(const char *what, const struct conf *conf)
{
	struct devices devices;
	struct device *one = NULL;
	enum outcome outcome = devices_load(&devices);

	if (outcome == DONE && only)
		outcome = device_find(&devices, only, &one);
	if (outcome == DONE && !strcmp(what, "check"))
		outcome = check(conf, &devices);
	else if (outcome == DONE && !strcmp(what, "apply"))
		outcome = apply(conf, &devices, one);
	else if (outcome == DONE && !strcmp(what, "add"))
		outcome = add(&devices, one);
	else if (outcome == DONE)
		tell_link(conf, one);
	devices_free(&devices);
	return outcome;
}

static enum outcome check_words(const char *what)
{
	bool is_apply = !strcmp(what, "apply"), is_add = !strcmp(what, "add");
	bool is_link = !strcmp(what, "link");

	if (strcmp(what, "check") && !is_apply && !is_add && !is_link)
		return say(BAD_INPUT, "config '%s': has to be add, check, apply or link", what);
	if (options.dry_run && !is_apply && !is_add)
		return say(BAD_INPUT, "--dry-run goes with config add and config apply");
	if (only && !strcmp(what, "check"))
		return say(BAD_INPUT, "--device goes with config add, apply and link");
	if ((name || mode_text) && !is_add)
		return say(BAD_INPUT, "--name and --mode go with config add");
	if (timeout && !is_apply)
		return say(BAD_INPUT, "--timeout goes with config apply");
	if (is_link && !only)
		return say(BAD_INPUT, "config link: needs --device DEV");
	return cmd_seconds(timeout, &options.timeout);
}

static enum outcome run(int argc, char **argv)
{
	const char *what = argv[0];
	enum outcome outcome = check_words(what);
	struct conf conf;

	(void)argc;
	if (outcome != DONE)
		return outcome;
	dir = dir ? dir : CONF_DIR;
	if (cmd_conf_load(&conf, dir)) {
		conf_free(&conf);
		/* what is claimed is unknown, so everything is */
		if (!strcmp(what, "link"))
			tell_property("FSDEV_CLAIM", "unknown");
		return say(strcmp(what, "link") ? BAD_INPUT : DONE,
			   "the configuration has mistakes; nothing was changed");
	}
	if (!strcmp(what, "check") && geteuid())
		note("not root: addresses cannot be seen, and sections that name one match nothing");
	/* without sections devices are not looked at, but for a disk, whose links do not hang on a section */
	if (conf.rules || !strcmp(what, "check") || !strcmp(what, "add") ||
	    (!strcmp(what, "link") && !strncmp(only, "fsdev", 5)))
		outcome = carry_out(what, &conf);
	conf_free(&conf);
	return outcome;
}

const struct command cmd_config = {
	.name = "config", .args = "add|check|apply|link", .opts = opts, .least = 1, .most = 1,
	.help = "the configuration in " CONF_DIR, .run = run,
};
