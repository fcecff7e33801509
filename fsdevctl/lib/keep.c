// SPDX-License-Identifier: GPL-2.0
/*
 * Poison through a change of mode: what is known of it is the driver's before anything can reach the
 * memory, and is written down when the driver leaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keep.h"
#include "node.h"
#include "recall.h"
#include "record.h"

/**
 * keep_init() - prepare for a change of mode
 * @keep: freed by keep_free()
 */
void keep_init(struct keep *keep)
{
	memset(keep, 0, sizeof(*keep));
	keep->watch = -1;
}

/**
 * keep_free() - free what the others made
 * @keep: the poison
 */
void keep_free(struct keep *keep)
{
	known_free(&keep->recorded);
	known_free(&keep->platform);
	if (keep->watch >= 0)
		close(keep->watch);
	keep->watch = -1;
}

/**
 * keep_prepare() - read what is written down
 * @keep: gets it
 * @device: the device, which is to have fsdev mode
 *
 * Return: DONE; FAILED after saying why: then it must not have that mode.
 */
enum outcome keep_prepare(struct keep *keep, const struct device *device)
{
	return recall_load(RECALL_DIR, device, &keep->recorded, &keep->doubtful);
}

/**
 * keep_ask() - ask what the platform knows
 * @keep: gets it
 * @device: the device
 */
void keep_ask(struct keep *keep, const struct device *device)
{
	keep->error = known_load(device, &keep->platform);
}

/**
 * keep_offer() - give the driver all that is known, before it has the memory
 * @keep: what is written down, and what the platform knows
 * @device: the device
 *
 * Return: DONE, also where the module is older, for which keep_taken() does it; FAILED after saying
 * why.
 */
enum outcome keep_offer(struct keep *keep, const struct device *device)
{
	int rc = known_offer(device, &keep->recorded, keep->doubtful);

	if (!rc)
		rc = known_offer(device, &keep->platform, false);
	keep->offered = !rc;
	if (rc && rc != -ENOENT)
		return say(FAILED, "%s: the driver cannot be given poison that is known: %s",
			   device->name, strerror(-rc));
	/* where it cannot be written, a binding that ends unseen is taken for one that repaired nothing */
	if (keep->recorded.count)
		recall_mark(RECALL_DIR, device, RECALL_BOUND);
	return DONE;
}

static void tell_platform(const struct device *device, const struct known *platform, int rc)
{
	if (rc == -EOPNOTSUPP)
		note("%s: this kernel cannot read the CXL poison list; bad memory shows when it is first used, or by 'fsdevctl scrub %s'",
		     device->name, device->name);
	else if (rc)
		note("%s: known bad memory could not be taken over: %s", device->name,
		     strerror(-rc));
	else if (platform->count)
		note("%s: %u bad ranges that the platform knows of were taken over",
		     device->name, platform->count);
}

/**
 * keep_again() - take over what the platform knows once more
 * @device: the device, which the driver has
 *
 * Where an older module may not have got all of it.
 */
void keep_again(const struct device *device)
{
	struct known platform;
	int unread = known_load(device, &platform), rc = known_take(device, &platform, true);

	/* what an older module has repaired is bad again then, as with the program of its age */
	if (rc == -ENOTTY)
		rc = known_take(device, &platform, false);
	tell_platform(device, &platform, rc ?: unread);
	known_free(&platform);
}

/**
 * keep_taken() - say what the driver has taken over
 * @keep: the poison
 * @device: the device, which the driver has
 *
 * Return: DONE; FAILED after saying why: then the driver lacks what is written down.
 */
enum outcome keep_taken(struct keep *keep, const struct device *device)
{
	int rc = keep->offered ? 0 : known_take(device, &keep->recorded, false);

	if (rc)
		return say(FAILED, "%s: the driver cannot be given poison that is known: %s",
			   device->name, strerror(-rc));
	if (keep->recorded.count)
		note("%s: %u bad ranges that are written down were taken over%s", device->name,
		     keep->recorded.count, keep->doubtful ?
		     ", but for pages that can be read: how the last binding ended was not seen" : "");
	rc = keep->error;
	if (!rc && !keep->offered)
		rc = known_take(device, &keep->platform, false);
	tell_platform(device, &keep->platform, rc);
	return DONE;
}

/**
 * keep_abandon() - undo keep_offer()
 * @keep: the poison
 * @device: the device, which the driver did not get
 *
 * What the driver was given stays with it, for the next that binds the device.
 */
void keep_abandon(struct keep *keep, const struct device *device)
{
	if (keep->recorded.count && !keep->doubtful)
		recall_mark(RECALL_DIR, device, RECALL_CLOSED);
}

/**
 * keep_leave() - write down what is poisoned, before the driver leaves
 * @keep: hears of what fails from now on
 * @device: the device, in fsdev mode
 *
 * Return: DONE; FAILED after saying why.
 */
enum outcome keep_leave(struct keep *keep, struct device *device)
{
	int rc;

	if (!recall_keeps(device))
		return DONE;
	keep->watch = node_open(device, O_RDONLY | O_NONBLOCK);
	rc = keep->watch < 0 ? keep->watch : node_watch(keep->watch);
	if (!rc)
		rc = device_bad_load(device);
	/* another module of that name, which knows of no poison */
	if (rc == -ENOTTY)
		return DONE;
	/* until it is known what the driver has, nothing is taken out of the record */
	keep->partial = rc;
	if (rc)
		return say(FAILED, "%s: cannot find out what is poisoned, to write it down: %s",
			   device->name, node_error(rc));
	if (keep_missing(device)) {
		keep->partial = true;
		if (keep_late(device) != DONE)
			return FAILED;
		keep->partial = false;
	}
	return recall_save(RECALL_DIR, device, RECALL_KEEP);
}

/**
 * keep_event() - apply an event to the bad ranges of a device
 * @device: the device
 * @event: the event
 *
 * Return: 0 or -ENOMEM.
 */
int keep_event(struct device *device, const struct fsdev_event *event)
{
	struct record set = { 0 };
	struct device_bad *bad;
	int rc = 0;

	if (event->kind != FSDEV_EVENT_FAILURE && event->kind != FSDEV_EVENT_CLEARED)
		return 0;
	for (unsigned int i = 0; !rc && i < device->nr_bad; i++)
		rc = record_add(&set, device->bad[i].offset, device->bad[i].len);
	if (!rc)
		rc = event->kind == FSDEV_EVENT_FAILURE ? record_add(&set, event->offset, event->len) :
			record_cut(&set, event->offset, event->len);
	bad = rc ? NULL : calloc(set.poison.count ? set.poison.count : 1, sizeof(*bad));
	if (!bad) {
		record_free(&set);
		return -ENOMEM;
	}
	device->bad_bytes = 0;
	for (unsigned int i = 0; i < set.poison.count; i++) {
		bad[i].offset = set.poison.range[i].start;
		bad[i].len = set.poison.range[i].len;
		device->bad_bytes += bad[i].len;
	}
	free(device->bad);
	device->bad = bad;
	device->nr_bad = set.poison.count;
	record_free(&set);
	return 0;
}

/**
 * keep_left() - write down what was poisoned at the end
 * @keep: what keep_leave() has begun
 * @device: the device, which the driver has left
 *
 * Return: DONE; FAILED after saying why.
 */
enum outcome keep_left(struct keep *keep, struct device *device)
{
	struct fsdev_event event;

	if (keep->watch < 0)
		return DONE;
	while (read(keep->watch, &event, sizeof(event)) == sizeof(event))
		keep->partial |= event.kind == FSDEV_EVENT_LOST || keep_event(device, &event);
	return recall_save(RECALL_DIR, device, keep->partial ? RECALL_ADD : RECALL_CLOSED);
}

/**
 * keep_missing() - does the driver lack poison that is written down?
 * @device: a device in fsdev mode
 *
 * It was bound in another way than by fsdevctl, or by one that had an older copy of the record.
 *
 * Return: true if so.
 */
bool keep_missing(const struct device *device)
{
	return !recall_bound(RECALL_DIR, device);
}

/**
 * keep_late() - take over what is written down, where the driver has the device already
 * @device: the device, in fsdev mode; its bad ranges are loaded anew
 *
 * What was recorded may have been written since, so pages are looked at, and those that can be read
 * are good. From here on what the driver calls poisoned is what is written down.
 *
 * Return: DONE; FAILED after saying why.
 */
enum outcome keep_late(struct device *device)
{
	struct known recorded;
	bool doubtful;
	uint64_t before = device->bad_bytes;
	enum outcome outcome = recall_load(RECALL_DIR, device, &recorded, &doubtful);
	int node, rc;

	if (outcome != DONE)
		return outcome;
	node = recorded.count ? node_open(device, O_RDWR) : -1;
	rc = recorded.count && node < 0 ? node : 0;
	for (unsigned int i = 0; !rc && i < recorded.count; i++)
		rc = node_span(node, FSDEV_IOC_SCRUB, recorded.bad[i].offset, recorded.bad[i].len, 0, NULL);
	if (node >= 0)
		close(node);
	if (!rc)
		rc = device_bad_load(device);
	if (rc)
		outcome = say(FAILED, "%s: poison that is written down cannot be looked for: %s",
			      device->name, node_error(rc));
	else if (recorded.count)
		note("%s: was given to the driver without the %u bad ranges that are written down; what of them cannot be read is poisoned now: %llu bytes",
		     device->name, recorded.count, (unsigned long long)(device->bad_bytes - before));
	known_free(&recorded);
	return outcome == DONE ? recall_save(RECALL_DIR, device, RECALL_BOUND) : outcome;
}
