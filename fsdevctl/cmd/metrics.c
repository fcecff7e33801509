// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl metrics: the devices as Prometheus reads them, for node_exporter's textfile collector.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "lib/json.h"
#include "lib/node.h"
#include "lib/report.h"
#include "lib/users.h"

static const struct opt opts[] = {
	REPORT_OPT,
	{ NULL }
};

static void head(const char *name, const char *type, const char *help)
{
	printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void value(const char *name, const struct device *device, unsigned long long number)
{
	printf("%s{device=\"%s\"} %llu\n", name, device->name, number);
}

/* The number of the last event; false where the driver does not tell it. */
static bool last_event(const struct device *device, struct fsdev_info *info)
{
	int fd = device->mode == MODE_FSDEV ? node_open(device, O_RDONLY) : -1;
	int rc = fd < 0 ? fd : node_info(fd, info);

	if (fd >= 0)
		close(fd);
	return !rc;
}

static void show(const struct devices *devices, const struct users *users)
{
	struct fsdev_info info;

	head("fsdev_device_info", "gauge", "A DAX device; the value is always 1.");
	for (unsigned int i = 0; i < devices->count; i++) {
		const struct device *device = &devices->device[i];

		printf("fsdev_device_info{device=\"%s\",mode=\"%s\",kind=\"%s\",blockdev=\"%s\",node=\"%d\"} 1\n",
		       device->name, mode_name(device->mode), device->kind, device->disk,
		       device->node);
	}
	head("fsdev_size_bytes", "gauge", "Size of the device.");
	for (unsigned int i = 0; i < devices->count; i++)
		value("fsdev_size_bytes", &devices->device[i], devices->device[i].size);
	head("fsdev_bad_bytes", "gauge", "Bytes of bad memory that are known.");
	for (unsigned int i = 0; i < devices->count; i++)
		if (devices->device[i].mode == MODE_FSDEV && devices->device[i].bad_known)
			value("fsdev_bad_bytes", &devices->device[i], devices->device[i].bad_bytes);
	head("fsdev_bad_ranges", "gauge", "Ranges of bad memory that are known.");
	for (unsigned int i = 0; i < devices->count; i++)
		if (devices->device[i].mode == MODE_FSDEV && devices->device[i].bad_known)
			value("fsdev_bad_ranges", &devices->device[i], devices->device[i].nr_bad);
	head("fsdev_events_total", "counter", "Failures, repairs and removals since the device came to its driver.");
	for (unsigned int i = 0; i < devices->count; i++)
		if (last_event(&devices->device[i], &info))
			value("fsdev_events_total", &devices->device[i], info.events);
	head("fsdev_users", "gauge", "File systems, devices and processes that use the device.");
	for (unsigned int i = 0; i < devices->count; i++)
		value("fsdev_users", &devices->device[i], users_blocking(&users[i]));
	head("fsdev_interrupted", "gauge", "1 where a change of mode was cut off.");
	for (unsigned int i = 0; i < devices->count; i++)
		value("fsdev_interrupted", &devices->device[i],
		      devices->device[i].interrupted != MODE_OTHER);
}

/* The same numbers, by device. */
static void show_json(const struct devices *devices, const struct users *users)
{
	for (unsigned int i = 0; i < devices->count; i++) {
		const struct device *device = &devices->device[i];
		struct json_object *one = json_device(device, NULL);
		struct fsdev_info info;

		json_add_number(one, "bad_ranges", device->nr_bad);
		if (last_event(device, &info))
			json_add_number(one, "events", info.events);
		json_add_number(one, "users", users_blocking(&users[i]));
		report_append("devices", one);
	}
}

static enum outcome run(int argc, char **argv)
{
	struct devices devices;
	struct users *users = NULL;
	enum outcome outcome = devices_load(&devices);
	int rc;

	(void)argc;
	(void)argv;
	if (outcome == DONE) {
		rc = users_load_all(&devices, &users);
		if (rc)
			outcome = say(FAILED, "cannot find out who uses the devices: %s", strerror(-rc));
		else if (report_wanted)
			show_json(&devices, users);
		else
			show(&devices, users);
		users_free_all(&devices, users);
	}
	devices_free(&devices);
	return outcome;
}

const struct command cmd_metrics = {
	.name = "metrics", .args = "", .help = "show the devices as Prometheus reads them",
	.opts = opts, .run = run,
};
