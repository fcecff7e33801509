// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl list: every DAX device of the machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/c.h"
#include "cmd.h"
#include "lib/json.h"
#include "lib/report.h"
#include "lib/size.h"
#include "lib/table.h"
#include "lib/users.h"

static bool all, verbose, no_heads;
static const char *columns_text, *only_region, *only_mode, *only_kind, *only_node;

static const struct opt opts[] = {
	{ "json", OPT_FLAG, NULL, &report_wanted, "for programs, with daxctl's keys" },
	{ "all", OPT_FLAG, NULL, &all, "also devices that have no memory" },
	{ "output", OPT_TEXT, "COLUMNS", &columns_text, "these columns, with commas between", 'o' },
	{ "verbose", OPT_FLAG, NULL, &verbose, "all columns", 'v' },
	{ "noheadings", OPT_FLAG, NULL, &no_heads, "without the line of column names", 'n' },
	{ "region", OPT_TEXT, "REGION", &only_region, "devices of this region alone", 'r' },
	{ "mode", OPT_TEXT, "MODE", &only_mode, "devices in this mode alone", 'm' },
	{ "kind", OPT_TEXT, "KIND", &only_kind, "nvdimm, cxl, soft-reserved or other alone" },
	{ "numa-node", OPT_TEXT, "NODE", &only_node, "devices of this node alone" },
	{ NULL }
};

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

/* What a cell is made of. */
struct view {
	const struct device *device;
	const struct users *users;
};

static void cell_device(const struct view *view, char *text, size_t size)
{
	snprintf(text, size, "%s", view->device->name);
}

static void cell_region(const struct view *view, char *text, size_t size)
{
	region(view->device, text, size);
}

static void cell_mode(const struct view *view, char *text, size_t size)
{
	const struct device *device = view->device;

	snprintf(text, size, "%s%s", device->mode == MODE_OTHER ? device->driver :
		 mode_name(device->mode), device->interrupted == MODE_OTHER ? "" : "!");
}

static void cell_size(const struct view *view, char *text, size_t size)
{
	(void)size;
	size_text(text, view->device->size);
}

static void cell_align(const struct view *view, char *text, size_t size)
{
	(void)size;
	size_text(text, view->device->align);
}

static void cell_ranges(const struct view *view, char *text, size_t size)
{
	if (view->device->addresses_known)
		snprintf(text, size, "%u", view->device->nr_ranges);
	else
		snprintf(text, size, "?");
}

static void cell_node(const struct view *view, char *text, size_t size)
{
	snprintf(text, size, "%d", view->device->node);
}

static void cell_disk(const struct view *view, char *text, size_t size)
{
	snprintf(text, size, "%s", view->device->disk);
}

static void cell_bad(const struct view *view, char *text, size_t size)
{
	if (view->device->mode == MODE_FSDEV && view->device->bad_known)
		size_text(text, view->device->bad_bytes);
	else
		snprintf(text, size, "%s", view->device->mode == MODE_FSDEV ? "?" : "");
}

static void cell_users(const struct view *view, char *text, size_t size)
{
	used_by(view->users, text, size);
}

static void cell_address(const struct view *view, char *text, size_t size)
{
	const struct device *device = view->device;
	uint64_t low = UINT64_MAX;

	for (unsigned int i = 0; i < device->nr_ranges; i++)
		if (device->ranges[i].start < low)
			low = device->ranges[i].start;
	if (!device->addresses_known)
		snprintf(text, size, "?");
	else if (device->nr_ranges)
		snprintf(text, size, "%#llx", (unsigned long long)low);
}

static void cell_read_only(const struct view *view, char *text, size_t size)
{
	snprintf(text, size, "%d", view->device->read_only);
}

static void cell_shared(const struct view *view, char *text, size_t size)
{
	snprintf(text, size, "%d", view->device->shared);
}

static void cell_kind(const struct view *view, char *text, size_t size)
{
	snprintf(text, size, "%s", view->device->kind);
}

static void cell_uuid(const struct view *view, char *text, size_t size)
{
	const struct device *device = view->device;

	snprintf(text, size, "%s", device->uuid[0] ? device->uuid : device->nvdimm_uuid);
}

static void cell_serials(const struct view *view, char *text, size_t size)
{
	size_t used = 0;

	for (unsigned int i = 0; i < view->device->nr_serials && used < size; i++)
		used += snprintf(text + used, size - used, "%s%#llx", i ? "," : "",
				 (unsigned long long)view->device->cxl_serials[i]);
}

static void cell_driver(const struct view *view, char *text, size_t size)
{
	snprintf(text, size, "%s", view->device->driver);
}

#define CELL_TEXT 256	/* more than SIZE_TEXT */

static const struct column {
	const char *head, *name;
	bool usual;
	void (*cell)(const struct view *view, char *text, size_t size);
} columns[] = {
	{ "DEVICE", "device", true, cell_device }, { "REGION", "region", true, cell_region },
	{ "MODE", "mode", true, cell_mode }, { "SIZE", "size", true, cell_size },
	{ "ALIGN", "align", true, cell_align }, { "RANGES", "ranges", true, cell_ranges },
	{ "NODE", "node", true, cell_node }, { "BLOCKDEV", "blockdev", true, cell_disk },
	{ "BAD", "bad", true, cell_bad }, { "KIND", "kind", false, cell_kind },
	{ "ADDRESS", "address", false, cell_address }, { "UUID", "uuid", false, cell_uuid },
	{ "SERIALS", "serials", false, cell_serials }, { "DRIVER", "driver", false, cell_driver },
	{ "RO", "ro", false, cell_read_only }, { "SHARED", "shared", false, cell_shared },
	{ "USED BY", "used-by", true, cell_users },
};

#define COLUMNS ARRAY_SIZE(columns)

/* The columns that are shown, and their heads. */
static const struct column *shown_columns[COLUMNS];
static const char *heads[COLUMNS];
static unsigned int nr_columns;

static void show_column(const struct column *column)
{
	shown_columns[nr_columns] = column;
	heads[nr_columns++] = column->head;
}

static enum outcome choose_named(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		unsigned int i = 0;

		while (i < COLUMNS && (strlen(columns[i].name) != len ||
				       strncasecmp(columns[i].name, text, len)))
			i++;
		if (i == COLUMNS || nr_columns == COLUMNS)
			return say(BAD_INPUT, "--output: '%.*s' is no column; there are device, region, mode, size, align, ranges, node, blockdev, bad, kind, address, uuid, serials, driver, ro, shared and used-by",
				   (int)len, text);
		show_column(&columns[i]);
		text += len + (text[len] == ',');
	}
	return nr_columns ? DONE : say(BAD_INPUT, "--output: names no column");
}

static enum outcome choose_columns(void)
{
	if (columns_text)
		return choose_named(columns_text);
	for (unsigned int i = 0; i < COLUMNS; i++)
		if (columns[i].usual || verbose)
			show_column(&columns[i]);
	return DONE;
}

static void row(struct table *table, const struct device *device, const struct users *users)
{
	const struct view view = { .device = device, .users = users };
	char text[CELL_TEXT];

	for (unsigned int i = 0; i < nr_columns; i++) {
		text[0] = '\0';
		shown_columns[i]->cell(&view, text, sizeof(text));
		table_cell(table, "%s", text);
	}
}

/* What the table has no room for. */
static void tell_notes(const struct device *device, const struct users *users)
{
	char text[512];

	if (device->interrupted != MODE_OTHER)
		note("%s: a change of mode was cut off; it was in mode %s before: fsdevctl enable %s, or fsdevctl disable %s",
		     device->name, mode_name(device->interrupted), device->name, device->name);
	if (device->read_only)
		note("%s: its memory is read-only", device->name);
	for (unsigned int i = 0; i < users->count; i++) {
		if (users->user[i].kind != USER_STALE)
			continue;
		user_text(&users->user[i], text, sizeof(text));
		note("%s: %s", device->name, text);
	}
}

static bool wanted(const struct device *device)
{
	char text[CELL_TEXT], node[16];

	region(device, text, sizeof(text));
	snprintf(node, sizeof(node), "%d", device->node);
	return (device->size || all) && (!only_region || !strcmp(only_region, text)) &&
		(!only_mode || !strcmp(only_mode, mode_name(device->mode))) &&
		(!only_kind || !strcmp(only_kind, device->kind)) &&
		(!only_node || !strcmp(only_node, node));
}

static enum outcome show(const struct devices *devices)
{
	struct table *table = report_wanted ? NULL : table_new(heads, nr_columns);
	struct json_object *array = report_wanted ? json_object_new_array() : NULL;
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

		if (!wanted(device))
			continue;
		shown++;
		if (array)
			json_object_array_add(array, json_device(device, &users[i]));
		else
			row(table, device, &users[i]);
		tell_notes(device, &users[i]);
	}
	users_free_all(devices, users);
	if (array) {
		report_whole(array);
		return DONE;
	}
	if (no_heads)
		table_no_heads(table);
	if (shown)
		table_print(table, stdout);
	else if (!devices->count)
		note("this machine has no DAX device; 'fsdevctl doctor' says more");
	table_free(table);
	return DONE;
}

/* The devices that are named, each once, in the order of their names. */
static enum outcome show_named(const struct devices *devices, int argc, char **argv)
{
	struct devices some = { .device = calloc(devices->count, sizeof(*some.device)) };
	bool *named = calloc(devices->count, sizeof(*named));
	enum outcome outcome = DONE;
	struct device *one;

	if (!some.device || !named) {
		free(some.device);
		free(named);
		return say(FAILED, "there is not enough memory");
	}

	for (int i = 0; i < argc && outcome == DONE; i++) {
		outcome = device_find(devices, argv[i], &one);
		if (outcome == DONE)
			named[one - devices->device] = true;
	}
	for (unsigned int i = 0; i < devices->count && outcome == DONE; i++)
		if (named[i])
			some.device[some.count++] = devices->device[i];
	if (outcome == DONE)
		outcome = show(&some);
	free(some.device);
	free(named);
	return outcome;
}

static enum outcome run(int argc, char **argv)
{
	struct devices devices;
	struct device *none;
	enum outcome outcome = choose_columns();

	if (outcome != DONE)
		return outcome;
	outcome = devices_load(&devices);
	if (outcome == DONE && !devices.count && argc)
		outcome = device_find(&devices, argv[0], &none);
	else if (outcome == DONE && argc && strcmp(argv[0], "all"))
		outcome = show_named(&devices, argc, argv);
	else if (outcome == DONE)
		outcome = show(&devices);
	devices_free(&devices);
	return outcome;
}

const struct command cmd_list = {
	.name = "list", .args = "[DEV...]", .help = "show the DAX devices", .opts = opts, .most = 1024,
	.run = run,
};
