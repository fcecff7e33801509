// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl list: every DAX device of the machine.
 */
#include <stdio.h>
#include <string.h>

#include "lib/c.h"
#include "cmd.h"
#include "lib/json.h"
#include "lib/size.h"
#include "lib/table.h"
#include "lib/users.h"

static bool as_json, all;

static const struct opt opts[] = {
	{ "json", OPT_FLAG, NULL, &as_json, "for programs, with daxctl's keys" },
	{ "all", OPT_FLAG, NULL, &all, "also devices that have no memory" },
	{ NULL }
};

static const char * const heads[] = {
	"DEVICE", "REGION", "MODE", "SIZE", "ALIGN", "RANGES", "NODE", "BLOCKDEV", "BAD", "USED BY"
};

#define COLUMNS ARRAY_SIZE(heads)

static void user_short(const struct user *user, char *text, size_t size)
{
	switch (user->kind) {
	case USER_PROCESS:
		snprintf(text, size, "%.64s(%d)", user->what, user->pid);
		break;
	case USER_PART:
		snprintf(text, size, "%s(%s)", user->what, user->options);
		break;
	case USER_HIDDEN:
		snprintf(text, size, "%s(unmounted)", user->type);
		break;
	case USER_KERNEL:
	case USER_OPENER:
		snprintf(text, size, "(unknown)");
		break;
	case USER_STALE:
		snprintf(text, size, "%s(old)", user->what[0] ? user->what : user->type);
		break;
	default:
		snprintf(text, size, "%s", user->what);
	}
}

/* The one that says most: a mount, else a holder, else a process; and how many more there are. */
static void used_by(const struct users *users, char *text, size_t size)
{
	const struct user *best = NULL;
	size_t used;

	text[0] = '\0';
	for (unsigned int i = 0; i < users->count; i++)
		if (!best || users->user[i].kind < best->kind)
			best = &users->user[i];
	if (!best)
		return;
	user_short(best, text, size);
	used = strlen(text);
	if (users->count > 1)
		snprintf(text + used, size - used, " +%u", users->count - 1);
}

static void region(const struct device *device, char *text, size_t size)
{
	if (device->cxl_region[0])
		snprintf(text, size, "%s", device->cxl_region);
	else if (device->namespace[0])
		snprintf(text, size, "%s", device->namespace);
	else
		snprintf(text, size, "%u", device->region);
}

static void row(struct table *table, const struct device *device, const struct users *users)
{
	char size[SIZE_TEXT], align[SIZE_TEXT], bad[SIZE_TEXT], text[256];

	table_cell(table, "%s", device->name);
	region(device, text, sizeof(text));
	table_cell(table, "%s", text);
	table_cell(table, "%s%s", device->mode == MODE_OTHER ? device->driver :
		   mode_name(device->mode), device->interrupted == MODE_OTHER ? "" : "!");
	table_cell(table, "%s", size_text(size, device->size));
	table_cell(table, "%s", size_text(align, device->align));
	if (device->addresses_known)
		table_cell(table, "%u", device->nr_ranges);
	else
		table_cell(table, "?");
	table_cell(table, "%d", device->node);
	table_cell(table, "%s", device->disk);
	table_cell(table, "%s", device->mode != MODE_FSDEV ? "" :
		   device->bad_known ? size_text(bad, device->bad_bytes) : "?");
	used_by(users, text, sizeof(text));
	table_cell(table, "%s", text);
}

/* What the table has no room for. */
static void tell_notes(const struct device *device, const struct users *users)
{
	char text[512];

	if (device->interrupted != MODE_OTHER)
		note("%s: a change of mode was cut off; it was in mode %s before: fsdevctl enable %s, or fsdevctl disable %s",
		     device->name, mode_name(device->interrupted), device->name, device->name);
	for (unsigned int i = 0; i < users->count; i++) {
		if (users->user[i].kind != USER_STALE)
			continue;
		user_text(&users->user[i], text, sizeof(text));
		note("%s: %s", device->name, text);
	}
}

static enum outcome show(const struct devices *devices)
{
	struct table *table = as_json ? NULL : table_new(heads, COLUMNS);
	struct json_object *array = as_json ? json_object_new_array() : NULL;
	unsigned int shown = 0;
	struct users *users;
	int rc;

	if (!table && !array)
		return say(FAILED, "there is not enough memory");
	rc = users_load_all(devices, &users);
	if (rc) {
		json_object_put(array);
		table_free(table);
		return say(FAILED, "cannot find out who uses the devices: %s", strerror(-rc));
	}
	for (unsigned int i = 0; i < devices->count; i++) {
		const struct device *device = &devices->device[i];

		if (!device->size && !all)
			continue;
		shown++;
		if (as_json)
			json_object_array_add(array, json_device(device, &users[i]));
		else
			row(table, device, &users[i]);
		tell_notes(device, &users[i]);
	}
	users_free_all(devices, users);
	if (as_json)
		return json_print(array);
	if (shown)
		table_print(table, stdout);
	else
		note("this machine has no DAX device; 'fsdevctl doctor' says more");
	table_free(table);
	return DONE;
}

static enum outcome run(int argc, char **argv)
{
	struct devices devices;
	struct device *one;
	enum outcome outcome = devices_load(&devices);

	if (outcome == DONE && argc) {
		struct devices only = { .count = 1 };

		outcome = device_find(&devices, argv[0], &one);
		only.device = one;
		if (outcome == DONE)
			outcome = show(&only);
	} else if (outcome == DONE) {
		outcome = show(&devices);
	}
	devices_free(&devices);
	return outcome;
}

const struct command cmd_list = {
	.name = "list", .args = "[DEV]", .help = "show the DAX devices", .opts = opts, .most = 1,
	.run = run,
};
