// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl monitor: the events of devices in fsdev mode, as they come; and writing down what is
 * poisoned, so that it outlives the device's mode and the boot.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/c.h"
#include "cmd.h"
#include "lib/files.h"
#include "lib/json.h"
#include "lib/keep.h"
#include "lib/node.h"
#include "lib/origin.h"
#include "lib/program.h"
#include "lib/recall.h"
#include "lib/report.h"
#include "lib/uevent.h"
#include "lib/users.h"

#define WATCHED_MAX 256
#define SETTLE_MS 200	/* after an announcement: a driver is bound in a moment */

static bool with_files;
static const char *count, *exec_path;
static bool record;

static const struct opt opts[] = {
	{ "json", OPT_FLAG, NULL, &report_wanted, "one JSON object a line" },
	{ "exec", OPT_TEXT, "PROGRAM", &exec_path, "run PROGRAM for each event, which it has in FSDEV_... variables" },
	{ "files", OPT_FLAG, NULL, &with_files, "say which file a failure is in, which reads every folder" },
	{ "record", OPT_FLAG, NULL, &record, "write down what is poisoned, for the next boot" },
	{ "count", OPT_TEXT, "N", &count, "end after N events" },
	{ NULL }
};

/*
 * The devices that are watched; a slot without a descriptor is free. @told: not yet written down.
 * @whole: the device's bad ranges are all that the driver has.
 */
static struct {
	struct device *device;
	int fd;
	bool told, whole;
} watched[WATCHED_MAX];
static unsigned int slots;
static int uevents = -1;	/* of devices that come */

static void wall_clock(uint64_t monotonic, char *text, size_t size)
{
	struct timespec now, boot;
	struct tm tm;
	char zone[8];
	int64_t ns;
	time_t s;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_MONOTONIC, &boot);
	ns = (now.tv_sec - boot.tv_sec) * 1000000000ll + now.tv_nsec - boot.tv_nsec + monotonic;
	s = ns / 1000000000;
	localtime_r(&s, &tm);
	strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	snprintf(text + strlen(text), size - strlen(text), ".%03d%.3s:%s",
		 (int)(ns / 1000000 % 1000), zone, zone + 3);
}

static const char *kind_name(uint32_t kind)
{
	switch (kind) {
	case FSDEV_EVENT_FAILURE: return "failure";
	case FSDEV_EVENT_REMOVAL: return "removal";
	case FSDEV_EVENT_CLEARED: return "cleared";
	case FSDEV_EVENT_LOST: return "lost";
	case FSDEV_EVENT_GROWN: return "grown";
	default: return "unknown";
	}
}

static const struct {
	uint32_t flag;
	const char *name;
} flags[] = {
	{ FSDEV_EVENT_ACTION_REQUIRED, "action-required" },
	{ FSDEV_EVENT_SIMULATED, "simulated" },
	{ FSDEV_EVENT_KNOWN, "known" },
	{ FSDEV_EVENT_READ, "read" },
};

#define FLAGS ARRAY_SIZE(flags)

/* What is known of an event beside what the driver tells: its address, and what has its bytes. */
struct event_facts {
	uint64_t phys;
	bool phys_known;
	struct device device;
	struct pieces pieces;
};

/* The first file, or whatever has the first byte. */
static void find_files(struct event_facts *facts, const char *name, const struct fsdev_event *event)
{
	const struct device_bad span = { .offset = event->offset, .len = event->len };
	struct devices devices;
	struct users users;

	if (devices_load_brief(&devices) != DONE)
		return;
	for (unsigned int i = 0; i < devices.count; i++) {
		const struct device *device = &devices.device[i];
		int rc;

		if (strcmp(device->name, name) || users_load(device, &users))
			continue;
		rc = files_load(device, &users, &span, 1, true, &facts->pieces);
		if (rc && rc != -ENOENT)
			note("%s: cannot map bad ranges to files: %s", name, strerror(-rc));
		users_free(&users);
	}
	devices_free(&devices);
}

static void add_facts(struct json_object *one, const struct event_facts *facts)
{
	struct json_object *has;

	if (facts->phys_known)
		json_add_number(one, "start", facts->phys);
	if (!facts->pieces.count)
		return;
	has = json_object_new_array();
	for (unsigned int i = 0; i < facts->pieces.count; i++)
		json_object_array_add(has, json_piece(&facts->device, facts->pieces.piece[i].offset,
						      facts->pieces.piece[i].len,
						      &facts->pieces.piece[i]));
	json_object_object_add(one, "has", has);
}

static void tell_json(const char *name, const struct fsdev_event *event, const char *when,
		      const struct event_facts *facts)
{
	struct json_object *one = json_object_new_object(), *array = json_object_new_array();

	json_add_text(one, "chardev", name);
	json_add_text(one, "time", when);
	json_add_number(one, "sequence", event->sequence);
	json_add_text(one, "event", kind_name(event->kind));
	json_add_number(one, "offset", event->offset);
	json_add_number(one, "length", event->len);
	add_facts(one, facts);
	for (unsigned int i = 0; i < FLAGS; i++)
		if (event->flags & flags[i].flag)
			json_object_array_add(array, json_object_new_string(flags[i].name));
	json_object_object_add(one, "flags", array);
	puts(json_object_to_json_string_ext(one, JSON_C_TO_STRING_PLAIN));
	json_object_put(one);
}

/* The program is waited for, so that events reach it one after the other. */
static void run_program(const char *name, const struct fsdev_event *event, const char *when,
			const struct event_facts *facts)
{
	const char *words[] = { exec_path, NULL };
	const struct piece *piece = facts->pieces.count ? facts->pieces.piece : NULL;
	char text[32];
	int rc;

	setenv("FSDEV_DEVICE", name, 1);
	setenv("FSDEV_EVENT", kind_name(event->kind), 1);
	setenv("FSDEV_TIME", when, 1);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)event->offset);
	setenv("FSDEV_OFFSET", text, 1);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)event->len);
	setenv("FSDEV_LENGTH", text, 1);
	snprintf(text, sizeof(text), "%#llx", (unsigned long long)facts->phys);
	setenv("FSDEV_ADDRESS", facts->phys_known ? text : "", 1);
	setenv("FSDEV_FILE", piece && piece->kind == PIECE_FILE && piece->name ? piece->name : "", 1);
	rc = program_run(words);
	if (rc)
		note("--exec: %s: %s %d", exec_path, rc < 0 ? "cannot be run, error" : "status",
		     rc < 0 ? -rc : rc);
}

static void tell_files(const struct event_facts *facts)
{
	char text[8400];

	for (unsigned int i = 0; i < facts->pieces.count; i++) {
		piece_text(&facts->pieces.piece[i], facts->pieces.piece[i].offset, text, sizeof(text));
		printf("  %s\n", text);
	}
}

static void tell(unsigned int slot, const struct fsdev_event *event)
{
	const char *name = watched[slot].device->name;
	bool failure = event->kind == FSDEV_EVENT_FAILURE;
	struct event_facts facts = { 0 };
	char when[64];

	if (failure || event->kind == FSDEV_EVENT_CLEARED)
		facts.phys_known = !node_phys(watched[slot].fd, event->offset, &facts.phys);
	if (failure && with_files)
		find_files(&facts, name, event);
	wall_clock(event->time, when, sizeof(when));
	if (report_wanted) {
		tell_json(name, event, when, &facts);
	} else {
		printf("%s %s %s", when, name, kind_name(event->kind));
		if (event->kind == FSDEV_EVENT_LOST)
			printf(" %llu events", (unsigned long long)event->len);
		else if (event->kind != FSDEV_EVENT_REMOVAL)
			printf(" %#llx+%#llx", (unsigned long long)event->offset,
			       (unsigned long long)event->len);
		for (unsigned int i = 0; i < FLAGS; i++)
			if (event->flags & flags[i].flag)
				printf(" %s", flags[i].name);
		if (facts.phys_known)
			printf(" memory %#llx", (unsigned long long)facts.phys);
		putchar('\n');
		tell_files(&facts);
	}
	fflush(stdout);
	if (exec_path)
		run_program(name, event, when, &facts);
	files_free(&facts.pieces);
}

static bool is_watched(const char *name)
{
	for (unsigned int i = 0; i < slots; i++)
		if (watched[i].fd >= 0 && !strcmp(watched[i].device->name, name))
			return true;
	return false;
}

static void device_free(struct device *device)
{
	struct devices one = { .device = device, .count = 1 };

	devices_free(&one);
}

/*
 * The driver's list is what is written down from here on, if it is whole, and if the driver has had
 * what was written down; otherwise it comes to it. A failure to write is said, and is no end: the next
 * event tries again.
 */
static void write_down(unsigned int slot, bool ended)
{
	struct device *device = watched[slot].device;
	struct device_bad *before = device->bad;
	unsigned int count_before = device->nr_bad;
	enum recall_state state = ended ? RECALL_CLOSED : RECALL_BOUND;

	watched[slot].told = false;
	if (!record || !recall_keeps(device))
		return;
	/* what it had before is better than nothing, should it be unbound already */
	device->bad = NULL;
	device->nr_bad = 0;
	if (ended || device_bad_load(device)) {
		free(device->bad);
		device->bad = before;
		device->nr_bad = count_before;
	} else {
		free(before);
		watched[slot].whole = true;
	}
	if (!watched[slot].whole || keep_missing(device))
		state = RECALL_ADD;
	recall_save(RECALL_DIR, device, state);
}

/* What the driver has not got of what is written down comes first: it would be taken for repaired. */
static void write_down_first(unsigned int slot)
{
	struct device *device = watched[slot].device;

	if (!record)
		return;
	node_ranges(device);
	watched[slot].whole = !device_bad_load(device);
	if (!recall_keeps(device))
		return;
	if (keep_missing(device))
		keep_late(device);
	else
		write_down(slot, false);
}

/* Takes the device over where it is watched then. */
static int watch(struct device *device)
{
	unsigned int slot = 0;
	int fd, rc;

	while (slot < slots && watched[slot].fd >= 0)
		slot++;
	if (slot == WATCHED_MAX)
		return -ENOSPC;
	fd = node_open(device, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	rc = node_watch(fd);
	if (rc) {
		close(fd);
		return rc;
	}
	watched[slot].device = malloc(sizeof(*device));
	if (!watched[slot].device) {
		close(fd);
		return -ENOMEM;
	}
	*watched[slot].device = *device;
	/* only the driver's own list counts: the disk's is empty while the disk is deleted */
	watched[slot].device->disk[0] = '\0';
	device->ranges = NULL;
	device->cxl_serials = NULL;
	device->bad = NULL;
	watched[slot].fd = fd;
	watched[slot].told = false;
	watched[slot].whole = false;
	slots = slot == slots ? slots + 1 : slots;
	write_down_first(slot);
	return 0;
}

/* All devices in fsdev mode. One that cannot be watched ends it only at the beginning. */
static enum outcome look(bool first)
{
	struct devices devices;
	enum outcome outcome = devices_load_brief(&devices);

	if (outcome == DONE && record)
		origins_load(&devices);
	for (unsigned int i = 0; outcome == DONE && i < devices.count; i++) {
		struct device *device = &devices.device[i];
		int rc;

		if (device->mode != MODE_FSDEV || is_watched(device->name))
			continue;
		rc = watch(device);
		if (rc && first && record)
			note("%s: cannot be watched: %s", device->name, node_error(rc));
		else if (rc && first)
			outcome = say(FAILED, "%s: cannot be watched: %s", device->name, node_error(rc));
	}
	devices_free(&devices);
	return outcome;
}

static enum outcome look_named(int argc, char **argv)
{
	struct devices devices;
	enum outcome outcome = devices_load(&devices);

	for (int i = 0; outcome == DONE && i < argc; i++) {
		struct device *device;
		int rc;

		outcome = device_find(&devices, argv[i], &device);
		if (outcome != DONE || is_watched(device->name))
			continue;
		if (device->mode != MODE_FSDEV) {
			outcome = say(FAILED, "%s: is in mode %s and has to be in fsdev mode: fsdevctl enable %s",
				      device->name, mode_name(device->mode), device->name);
			continue;
		}
		rc = watch(device);
		if (rc)
			outcome = say(FAILED, "%s: cannot be watched: %s", device->name, node_error(rc));
	}
	devices_free(&devices);
	return outcome;
}

/* It has grown; what it had stays where it cannot be asked any more. */
static void ranges_again(struct device *device)
{
	struct device_range *before = device->ranges;
	unsigned int count = device->nr_ranges;
	bool known = device->addresses_known;

	device->ranges = NULL;
	if (!node_ranges(device)) {
		free(before);
		return;
	}
	free(device->ranges);
	device->ranges = before;
	device->nr_ranges = count;
	device->addresses_known = known;
}

/* Everything that a descriptor has; closes it after the last event. How many there were. */
static unsigned int drain(unsigned int slot, unsigned int most)
{
	struct fsdev_event event;
	unsigned int printed = 0;

	while (printed < most) {
		ssize_t n = read(watched[slot].fd, &event, sizeof(event));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return printed;
		if (n != sizeof(event)) {
			close(watched[slot].fd);
			watched[slot].fd = -1;
			write_down(slot, true);
			device_free(watched[slot].device);
			return printed;
		}
		if (event.kind == FSDEV_EVENT_LOST || keep_event(watched[slot].device, &event))
			watched[slot].whole = false;
		if (event.kind == FSDEV_EVENT_GROWN)
			ranges_again(watched[slot].device);
		watched[slot].told = true;
		/* whatever becomes of the machine while a program or a walk is waited for */
		if ((exec_path || with_files) && event.kind != FSDEV_EVENT_REMOVAL)
			write_down(slot, false);
		tell(slot, &event);
		printed++;
	}
	return printed;
}

/* @come: a device may have come. */
static unsigned int wait_once(unsigned int left, bool *come)
{
	struct pollfd poll_fds[WATCHED_MAX + 1];
	unsigned int printed = 0;

	for (unsigned int i = 0; i < slots; i++) {
		poll_fds[i].fd = watched[i].fd;
		poll_fds[i].events = POLLIN;
		poll_fds[i].revents = 0;
	}
	poll_fds[slots].fd = uevents;
	poll_fds[slots].events = POLLIN;
	poll_fds[slots].revents = 0;
	*come = false;
	if (poll(poll_fds, slots + 1, -1) <= 0)
		return 0;
	*come = poll_fds[slots].revents && uevent_of_dax();
	for (unsigned int i = 0; i < slots && printed < left; i++)
		if (poll_fds[i].revents)
			printed += drain(i, left - printed);
	for (unsigned int i = 0; i < slots; i++)
		if (watched[i].fd >= 0 && watched[i].told)
			write_down(i, false);
	return printed;
}

static bool any_left(void)
{
	for (unsigned int i = 0; i < slots; i++)
		if (watched[i].fd >= 0)
			return true;
	return false;
}

static enum outcome run(int argc, char **argv)
{
	unsigned int left = UINT32_MAX;
	enum outcome outcome;
	char *end;

	report_lines();
	if (count) {
		unsigned long number = strtoul(count, &end, 10);

		if (!isdigit((unsigned char)*count) || *end || !number || number > UINT32_MAX)
			return say(BAD_INPUT, "--count '%s': has to be a number from 1 to 4294967295",
				   count);
		left = number;
	}
	/* before the first look, so that nothing comes in between */
	if (!argc) {
		uevents = uevent_open();
		if (uevents < 0)
			return say(FAILED, "cannot listen to what the kernel announces: %s",
				   strerror(-uevents));
	}
	outcome = argc ? look_named(argc, argv) : look(true);
	if (outcome == DONE)
		note("watching; ends with Ctrl-C");
	while (outcome == DONE && left && (record || !ferror(stdout))) {
		bool come;

		left -= wait_once(left, &come);
		if (argc && !any_left())
			break;
		if (!come)
			continue;
		usleep(SETTLE_MS * 1000);
		outcome = look(false);
	}
	return outcome;
}

const struct command cmd_monitor = {
	.name = "monitor", .args = "[DEV...]", .help = "show failures and removals as they come",
	.opts = opts, .most = 1024, .run = run,
};
