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
#include "lib/mode_switch.h"

static struct mode_options options;
static const char *dir, *only, *name, *mode_text, *timeout;

static const struct opt opts[] = {
	{ "device", OPT_TEXT, "DEV", &only, "add, apply, link: this device only" },
	{ "name", OPT_TEXT, "NAME", &name, "add: the section's name, and that of /dev/fsdev/NAME" },
	{ "mode", OPT_TEXT, "MODE", &mode_text, "add: fsdev (default), devdax or kernel-fsdev" },
	{ "dir", OPT_TEXT, "DIR", &dir, "read DIR instead of " CONF_DIR },
	{ "timeout", OPT_TEXT, "SECONDS", &timeout, "apply: give up taking memory offline after so long" },
	{ "dry-run", OPT_FLAG, NULL, &options.dry_run, "add, apply: say what would be done" },
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

static enum outcome apply_one(const struct conf *conf, struct device *device)
{
	const struct conf_rule *rule = conf_match(conf, device);
	enum outcome outcome;

	if (!rule || rule->mode == MODE_NONE)
		return DONE;
	if (rule->mode == device->mode && device->interrupted == MODE_OTHER &&
	    !(device->mode == MODE_FSDEV && journal_held(device)))
		return DONE;
	options.overwrite = rule->overwrite;
	outcome = rule->mode == MODE_FSDEV && !options.dry_run && device->mode != MODE_FSDEV ?
		cmd_mark_shared(device, rule->shared) : DONE;
	if (outcome == DONE)
		outcome = mode_switch(device, rule->mode, &options);
	if (outcome == DONE && !options.dry_run)
		note("%s: %s, by [%s] in %s:%u", device->name, mode_name(device->mode), rule->name,
		     rule->file, rule->line);
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
		outcome = apply_one(conf, &devices->device[i]);
		if (outcome > worst)
			worst = outcome;
	}
	return worst;
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

	if (device->uuid[0] || device->nvdimm_uuid[0]) {
		printf("FSDEV_SERIAL=%s\n", device->uuid[0] ? device->uuid : device->nvdimm_uuid);
		return;
	}
	if (!device->nr_serials && low == UINT64_MAX)
		return;
	printf("FSDEV_SERIAL=%s", device->nr_serials ? "cxl" : "mem");
	for (unsigned int i = 0; i < device->nr_serials; i++)
		printf("-%llx", (unsigned long long)device->cxl_serials[i]);
	if (!device->nr_serials)
		printf("-%llx", (unsigned long long)low);
	else if (number)
		printf("-%lu", number);
	printf("\n");
}

/*
 * For the udev rules: the name of the link that a block device gets, and whether a section claims the
 * device, so that no driver is to take it by itself.
 */
static void tell_link(const struct conf *conf, const struct device *device)
{
	const struct conf_rule *rule = conf_match(conf, device);

	if (rule) {
		printf("FSDEV_NAME=%s\n", rule->name);
		printf("FSDEV_CLAIM=%s\n", rule->mode == MODE_NONE ? "" : mode_name(rule->mode));
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
	struct conf conf;

	if (conf_load(&conf, dir, stderr) ||
	    conf_parse(&conf, path, text, strlen(text), stderr)) {
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
	printf("%s:\n%s", path, text);
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
		printf("%s:\n%snothing was changed\n", path, text);
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
	if (conf_load(&conf, dir, stderr)) {
		conf_free(&conf);
		/* what is claimed is unknown, so everything is */
		if (!strcmp(what, "link"))
			printf("FSDEV_CLAIM=unknown\n");
		return say(strcmp(what, "link") ? BAD_INPUT : DONE,
			   "the configuration has mistakes; nothing was changed");
	}
	if (!strcmp(what, "check") && geteuid())
		note("not root: addresses cannot be seen, and sections that name one match nothing");
	/* a machine without sections: its devices are not looked at */
	if (conf.rules || !strcmp(what, "check") || !strcmp(what, "add"))
		outcome = carry_out(what, &conf);
	conf_free(&conf);
	return outcome;
}

const struct command cmd_config = {
	.name = "config", .args = "add|check|apply|link", .opts = opts, .least = 1, .most = 1,
	.help = "the configuration in " CONF_DIR, .run = run,
};
