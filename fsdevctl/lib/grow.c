// SPDX-License-Identifier: GPL-2.0
/*
 * Growing a device that is bound to fsdev. Free memory of its region is appended to its ranges by the
 * bus; then the driver takes up what the bus has appended, all of it or nothing.
 *
 * The bus cannot take a range back from a bound device. So all that can be known to fail is looked
 * at first, and what was appended and not taken up is named: it is no capacity, harms nothing, and the
 * next growth takes it up, as does the next binding.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "c.h"
#include "conf.h"
#include "confedit.h"
#include "grow.h"
#include "interrupt.h"
#include "journal.h"
#include "kmsg.h"
#include "keep.h"
#include "known.h"
#include "size.h"
#include "sysfs.h"

/* Where the driver is given the name of a device that is to take up what the bus has appended. */
#define GROW DAX_BUS "/drivers/fsdev/grow"

#define SPAN_TEXT 64

/* One growth. The device is found anew whenever all are loaded anew. */
struct growth {
	struct devices *devices;
	const struct device *device;
	const char *name;
	const struct grow_options *options;
	struct grow_result *result;
	struct span *chosen;		/* free memory that is to be appended */
	unsigned int nr_chosen;
	uint64_t granule;
	uint64_t bus_before;		/* bytes that the bus had for it */
	bool start_known;
};

static const char *span_text(char text[SPAN_TEXT], const struct span *span)
{
	char size[SIZE_TEXT];

	snprintf(text, SPAN_TEXT, "%#llx-%#llx (%s)", (unsigned long long)span->start,
		 (unsigned long long)(span->start + span->len - 1), size_text(size, span->len));
	return text;
}

static int capacity(const struct device *device, uint64_t *bytes)
{
	int rc = sysfs_number(bytes, "/sys/class/block/%s/size", device->disk);

	if (!rc)
		*bytes *= 512;
	return rc;
}

/* All devices as they are now, and this one among them, still in fsdev mode. */
static enum outcome look_again(struct growth *growth)
{
	enum outcome outcome;

	devices_free(growth->devices);
	growth->device = NULL;
	outcome = devices_load(growth->devices);
	if (outcome != DONE)
		return outcome;
	for (unsigned int i = 0; i < growth->devices->count; i++)
		if (!strcmp(growth->devices->device[i].name, growth->name))
			growth->device = &growth->devices->device[i];
	if (!growth->device)
		return say(FAILED, "%s: is there no more", growth->name);
	if (growth->device->mode != MODE_FSDEV || !growth->device->disk[0])
		return say(FAILED, "%s: is in mode %s and has to be in fsdev mode: fsdevctl enable %s",
			   growth->name, mode_name(growth->device->mode), growth->name);
	return DONE;
}

static int add_range(struct grow_result *result, uint64_t start, uint64_t len)
{
	struct span *more = realloc(result->range, (result->ranges + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	result->range = more;
	more[result->ranges].start = start;
	more[result->ranges++].len = len;
	return 0;
}

/* What the bus has for the device behind the end of its disk. */
static enum outcome find_stray(struct growth *growth)
{
	const struct device *device = growth->device;
	int rc = capacity(device, &growth->result->before);

	if (rc)
		return say(FAILED, "%s: the size of /dev/%s cannot be read: %s", device->name,
			   device->disk, strerror(-rc));
	growth->result->after = growth->result->before;
	growth->bus_before = device->size;
	for (unsigned int i = 0; i < device->nr_ranges; i++) {
		if (device->ranges[i].offset < growth->result->before)
			continue;
		if (add_range(growth->result, device->ranges[i].start, device->ranges[i].len))
			return say(FAILED, "there is not enough memory");
		growth->result->after += device->ranges[i].len;
	}
	return DONE;
}

static enum outcome can_grow(const struct device *device)
{
	if (device->is_static || !sysfs_there(DAX_BUS "/devices/%s/mapping", device->name))
		return say(FAILED, "%s: its memory is one fixed range of an NVDIMM namespace, which cannot grow; nothing was changed",
			   device->name);
	if (!device->addresses_known)
		return say(FAILED, "%s: its addresses are hidden from this user: it takes root",
			   device->name);
	if (!sysfs_there(GROW))
		return say(FAILED, "%s: the fsdev driver that is loaded cannot grow a bound device; load a newer one, or see 'Growing a device' in users.md; nothing was changed",
			   device->name);
	return DONE;
}

static const struct device *owner_of(const struct growth *growth, const struct span *span)
{
	for (unsigned int i = 0; i < growth->devices->count; i++) {
		const struct device *one = &growth->devices->device[i];

		for (unsigned int j = 0; j < one->nr_ranges; j++)
			if (span->start < one->ranges[j].start + one->ranges[j].len &&
			    one->ranges[j].start < span->start + span->len)
				return one;
	}
	return NULL;
}

static enum outcome misaligned(const struct growth *growth, const char *what)
{
	char size[SIZE_TEXT];

	return say(BAD_INPUT, "%s: %s has to be whole pieces of %s, the alignment of its ranges; nothing was changed",
		   growth->name, what, size_text(size, growth->granule));
}

static enum outcome choose_range(struct growth *growth, const struct region *region)
{
	const struct span *range = &growth->options->range;
	const struct device *owner = owner_of(growth, range);
	char text[SPAN_TEXT];
	struct span all = { region->start, region->size };

	if (range->start % growth->granule || range->len % growth->granule)
		return misaligned(growth, span_text(text, range));
	if (owner)
		return say(BAD_INPUT, "%s: %s is not free: %s has memory in it; nothing was changed",
			   growth->name, span_text(text, range), owner->name);
	if (region->start_known && !region_hole(region, range->start, range->len)) {
		char where[SPAN_TEXT];

		return say(BAD_INPUT, "%s: %s lies outside of its region, which is %s; nothing was changed",
			   growth->name, span_text(text, range), span_text(where, &all));
	}
	growth->chosen = malloc(sizeof(*growth->chosen));
	if (!growth->chosen)
		return say(FAILED, "there is not enough memory");
	growth->chosen[growth->nr_chosen++] = *range;
	return DONE;
}

static enum outcome choose_size(struct growth *growth, const struct region *region)
{
	uint64_t size = growth->options->all ? region->free : growth->options->size;
	char text[SIZE_TEXT], free[SIZE_TEXT];
	int rc;

	if (size % growth->granule)
		return misaligned(growth, size_text(text, size));
	if (growth->options->all && !size) {
		note("%s: region %u has no free memory", growth->name, growth->device->region);
		return DONE;
	}
	/* its lowest address is a name that it has: it stays where that can be */
	rc = region_choose(region, size, device_lowest(growth->device), &growth->chosen,
			   &growth->nr_chosen);
	if (rc == -ENOSPC)
		return say(FAILED, "%s: its region %u has only %s free, and %s is more; memory of another region is a device of its own, which LVM can join with this one; nothing was changed",
			   growth->name, growth->device->region, size_text(free, region->free),
			   size_text(text, size));
	return rc ? say(FAILED, "there is not enough memory") : DONE;
}

static enum outcome choose(struct growth *growth)
{
	const struct grow_options *options = growth->options;
	enum outcome outcome;
	struct region region;
	int rc;

	if (!options->all && !options->size && !options->range.len)
		return DONE;
	rc = region_load(growth->devices, growth->device, &region);
	growth->granule = region.granule;
	growth->start_known = region.start_known;
	if (rc)
		outcome = say(FAILED, "%s: what is free in its region is not known: %s; nothing was changed",
			      growth->name, rc == -EAGAIN ? "devices of the region change at this moment, try again" :
			      rc == -EOPNOTSUPP ? "the kernel does not divide memory of this kind" :
			      strerror(-rc));
	else
		outcome = options->range.len ? choose_range(growth, &region) :
			choose_size(growth, &region);
	region_free(&region);
	for (unsigned int i = 0; outcome == DONE && i < growth->nr_chosen; i++) {
		growth->result->after += growth->chosen[i].len;
		if (add_range(growth->result, growth->chosen[i].start, growth->chosen[i].len))
			outcome = say(FAILED, "there is not enough memory");
		growth->result->appended++;
	}
	return outcome;
}

static void tell_plan(const struct growth *growth)
{
	const struct grow_result *result = growth->result;
	unsigned int stray = result->ranges - result->appended;
	char from[SIZE_TEXT], to[SIZE_TEXT], text[SPAN_TEXT];

	say_result("%s: from %s to %s:", growth->name, size_text(from, result->before),
		   size_text(to, result->after));
	for (unsigned int i = 0; i < stray; i++)
		say_result("  %s was appended before and is no capacity yet",
			   span_text(text, &result->range[i]));
	for (unsigned int i = stray; i < result->ranges; i++)
		say_result("  append %s to its ranges", span_text(text, &result->range[i]));
	if (growth->nr_chosen && !growth->start_known)
		say_result("  (where the region starts is not known: the bus may refuse this)");
	if (result->ranges)
		say_result("  have the driver take up what was appended");
	if (result->fs.type[0]) {
		const char *words[3];

		fsgrow_words(&result->fs, words);
		say_result("  %s %s", words[0], words[1]);
	}
	say_result("nothing was changed");
}

static enum outcome plan(struct growth *growth)
{
	enum outcome outcome = look_again(growth);

	if (outcome == DONE)
		outcome = can_grow(growth->device);
	if (outcome == DONE)
		outcome = find_stray(growth);
	if (outcome == DONE)
		outcome = choose(growth);
	if (outcome == DONE && growth->options->fs)
		outcome = fsgrow_find(growth->device, &growth->result->fs);
	if (outcome == DONE && !growth->result->ranges && !growth->options->fs &&
	    !growth->options->all)
		outcome = say(BAD_INPUT, "%s: there is nothing to take up: give --size +SIZE, --range START-END or --all",
			      growth->name);
	return outcome;
}

/* Names what the bus has appended and the driver has not taken up. */
static enum outcome leave_stray(struct growth *growth)
{
	char text[SPAN_TEXT];
	uint64_t bytes;

	if (look_again(growth) != DONE)
		return STRANDED;
	if (growth->device->size == growth->bus_before)
		return say(FAILED, "%s: is as it was; nothing was changed", growth->name);
	if (capacity(growth->device, &bytes))
		bytes = growth->result->before;
	for (unsigned int i = 0; i < growth->device->nr_ranges; i++) {
		const struct device_range *range = &growth->device->ranges[i];
		const struct span span = { range->start, range->len };

		if (range->offset >= bytes)
			note("%s: %s is one of its ranges on the bus, and no capacity", growth->name,
			     span_text(text, &span));
	}
	return say(STRANDED, "%s: its users have what they had; the bus takes no range back from a bound device: 'fsdevctl grow %s' takes it up, and so does the next binding",
		   growth->name, growth->name);
}

static const char *bus_reason(int rc)
{
	switch (-rc) {
	case ENOMEM:
		return "it is not free any more, or lies outside of the region; --range names another piece";
	case ENXIO:
		return "the region has lost its driver";
	default:
		return strerror(-rc);
	}
}

/* The bus may accept what it does not do. */
static bool has_range(const struct device *device, const struct span *span)
{
	for (unsigned int i = 0; i < device->nr_ranges; i++)
		if (device->ranges[i].start == span->start && device->ranges[i].len == span->len)
			return true;
	return false;
}

static enum outcome append(struct growth *growth)
{
	char text[SPAN_TEXT], words[SPAN_TEXT];

	for (unsigned int i = 0; i < growth->nr_chosen; i++) {
		const struct span *span = &growth->chosen[i];
		int rc;

		snprintf(words, sizeof(words), "%llx-%llx", (unsigned long long)span->start,
			 (unsigned long long)(span->start + span->len - 1));
		rc = sysfs_write(words, DAX_BUS "/devices/%s/mapping", growth->name);
		if (rc) {
			note("%s: the bus refuses %s: %s", growth->name, span_text(text, span),
			     bus_reason(rc));
			return leave_stray(growth);
		}
		note("%s: appended %s", growth->name, span_text(text, span));
	}
	if (look_again(growth) != DONE)
		return STRANDED;
	for (unsigned int i = 0; i < growth->nr_chosen; i++) {
		if (has_range(growth->device, &growth->chosen[i]))
			continue;
		note("%s: the bus has not appended %s", growth->name,
		     span_text(text, &growth->chosen[i]));
		return leave_stray(growth);
	}
	return DONE;
}

static const char *driver_reason(int rc)
{
	switch (-rc) {
	case EBUSY:
		return "some of the memory is in use by something else (see /proc/iomem), or its ranges change all the time";
	case EINVAL:
		return "the driver does not take ranges of that shape";
	case ENODEV:
		return "the driver does not have it any more";
	case EOPNOTSUPP:
		return "the driver grows dynamic devices only";
	default:
		return strerror(-rc);
	}
}

/*
 * What lies before was taken over at the binding, and may have been repaired since. Ranges are merged
 * where they are listed: one may lie on both sides.
 */
static void leave_behind(struct known *known, uint64_t from)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < known->count; i++) {
		struct device_bad bad = known->bad[i];
		uint64_t before = bad.offset < from ? from - bad.offset : 0;

		if (before >= bad.len)
			continue;
		bad.offset += before;
		bad.len -= before;
		known->bad[count++] = bad;
	}
	known->count = count;
}

/* The driver poisons what is known of the new memory before it is capacity. */
static enum outcome offer_known(const struct growth *growth, struct keep *keep)
{
	enum outcome outcome = keep_prepare(keep, growth->device);

	if (outcome != DONE)
		return outcome;
	/* no binding has had that memory since */
	keep->doubtful = false;
	keep_ask(keep, growth->device);
	leave_behind(&keep->recorded, growth->result->before);
	leave_behind(&keep->platform, growth->result->before);
	return keep_offer(keep, growth->device);
}

static enum outcome take_up_known(struct growth *growth, struct keep *keep)
{
	struct grow_result *result = growth->result;
	char from[SIZE_TEXT], to[SIZE_TEXT];
	int kmsg = kmsg_start();
	int rc = sysfs_write(growth->name, GROW);
	uint64_t bytes = 0;

	if (rc) {
		note("%s: the driver does not take it up: %s", growth->name, driver_reason(rc));
		kmsg_tell(kmsg, growth->name);
		return leave_stray(growth);
	}
	if (kmsg >= 0)
		close(kmsg);
	if (!capacity(growth->device, &bytes) && bytes >= result->after) {
		note("%s: /dev/%s has grown from %s to %s", growth->name, growth->device->disk,
		     size_text(from, result->before), size_text(to, bytes));
		result->after = bytes;
		/* the file system on it has not grown yet */
		return keep_taken(keep, growth->device) == DONE ? DONE : STRANDED;
	}
	note("%s: the driver has taken up the ranges, and /dev/%s has not grown", growth->name,
	     growth->device->disk);
	return leave_stray(growth);
}

static enum outcome take_up(struct growth *growth)
{
	enum outcome outcome;
	struct keep keep;

	keep_init(&keep);
	if (offer_known(growth, &keep) == DONE)
		outcome = take_up_known(growth, &keep);
	else
		outcome = leave_stray(growth);
	keep_free(&keep);
	return outcome;
}

/* The keys of a section that growth has made wrong. */
static void mend_section(const struct growth *growth, const struct conf_rule *rule)
{
	static const enum conf_key keys[] = { CONF_SIZE, CONF_ADDRESS };
	const uint64_t values[] = { growth->device->size, device_lowest(growth->device) };

	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
		int rc = 0;

		if (!rule->given[keys[i]] || rule->number[keys[i]] == values[i])
			continue;
		if (growth->options->persist)
			rc = conf_edit(rule, keys[i], values[i]);
		if (rc)
			note("%s: cannot be written: %s", rule->file, strerror(-rc));
		if (rc || !growth->options->persist)
			note("%s: [%s] in %s:%u is not about it any more; change a line there to: %s = %#llx (--persist does)",
			     growth->name, rule->name, rule->file, rule->line, conf_key_name(keys[i]),
			     (unsigned long long)values[i]);
		else
			note("%s: [%s] in %s now says %s = %#llx", growth->name, rule->name, rule->file,
			     conf_key_name(keys[i]), (unsigned long long)values[i]);
	}
}

/*
 * The section that is about the device as it was. New ranges come last in the device, so what it was
 * is its first ranges.
 */
static void look_at_section(const struct growth *growth)
{
	struct device was = *growth->device;
	const struct conf_rule *rule;
	char *mistakes = NULL;
	struct conf conf;
	size_t size;
	FILE *err = open_memstream(&mistakes, &size);
	int rc;

	if (!err)
		return;
	rc = conf_load(&conf, growth->options->dir, err);
	fclose(err);
	free(mistakes);
	if (rc) {
		conf_free(&conf);
		note("%s: the configuration has mistakes, which 'fsdevctl config check' lists, and was left as it is",
		     growth->name);
		return;
	}
	was.size = growth->result->before;
	while (was.nr_ranges && was.ranges[was.nr_ranges - 1].offset >= was.size)
		was.nr_ranges--;
	rule = conf_match(&conf, &was);
	if (rule && conf_match(&conf, growth->device) != rule)
		mend_section(growth, rule);
	else if (!rule && growth->options->persist)
		note("%s: no section is about it: fsdevctl config add --device %s --name NAME",
		     growth->name, growth->name);
	conf_free(&conf);
	if (growth->options->persist)
		note("%s: the kernel keeps its ranges when it is bound anew, and forgets them at a reboot: firmware's memory comes back as one device of all of region %u",
		     growth->name, growth->device->region);
}

/* Until the first range is appended a signal ends it; then none is heard until the driver has them. */
static enum outcome carry_out(struct growth *growth)
{
	enum outcome outcome = DONE;

	if (growth->result->ranges) {
		interrupt_ignore();
		if (interrupt_seen())
			return say(FAILED, "%s: interrupted; nothing was changed", growth->name);
		outcome = append(growth);
		if (outcome == DONE)
			outcome = take_up(growth);
		audit("%s: growth from %llu to %llu bytes in %u ranges: %s", growth->name,
		      (unsigned long long)growth->result->before,
		      (unsigned long long)growth->result->after, growth->result->ranges,
		      outcome == DONE ? "done" : outcome == STRANDED ? "failed half way" : "failed");
		if (outcome == DONE)
			look_at_section(growth);
	}
	if (outcome == DONE && growth->options->fs) {
		/* a signal ends the program, not this one */
		interrupt_watch(0);
		outcome = fsgrow_run(growth->device, &growth->result->fs);
		audit("%s: growth of the file system on %s: %s", growth->name,
		      growth->result->fs.dir, outcome == DONE ? "done" : "failed");
	}
	return outcome;
}

/**
 * grow() - grow a device in fsdev mode
 * @devices: all devices; loaded anew, and to be freed by the caller whatever comes back
 * @name: the device, by the name that the bus has for it
 * @options: by what
 * @result: what became of it; freed by grow_free() whatever comes back
 *
 * Return: DONE. FAILED and BAD_INPUT: nothing was changed. STRANDED: it went half way, and the message
 * says what to do; users of the device have what they had.
 */
enum outcome grow(struct devices *devices, const char *name, const struct grow_options *options,
		  struct grow_result *result)
{
	struct growth growth = {
		.devices = devices, .options = options, .result = result
	};
	struct device named = { 0 };
	enum outcome outcome;
	int lock = -1;

	memset(result, 0, sizeof(*result));
	/* the caller's may be that of a device, which is loaded anew */
	snprintf(named.name, sizeof(named.name), "%s", name);
	growth.name = named.name;
	if (geteuid() && !options->dry_run)
		return say(FAILED, "%s: growing it takes root", growth.name);
	if (!options->dry_run) {
		lock = journal_lock(&named);
		if (lock < 0)
			return say(FAILED, "%s: cannot lock it below " STATE_DIR ": %s", growth.name,
				   strerror(-lock));
		interrupt_watch(0);
	}
	outcome = plan(&growth);
	if (outcome == DONE && !options->dry_run)
		outcome = carry_out(&growth);
	else if (outcome == DONE)
		tell_plan(&growth);
	if (!options->dry_run)
		interrupt_default();
	free(growth.chosen);
	if (lock >= 0)
		close(lock);
	return outcome;
}

/**
 * grow_free() - free what grow() made
 * @result: the result
 */
void grow_free(struct grow_result *result)
{
	free(result->range);
	memset(result, 0, sizeof(*result));
}

/**
 * grow_shrink() - say what it takes to make a device smaller
 * @device: the device
 * @size: by so many bytes
 *
 * Return: what to end with, after saying why; nothing is changed.
 */
enum outcome grow_shrink(const struct device *device, uint64_t size)
{
	uint64_t granule = region_granule(device);
	char text[SIZE_TEXT];

	if (device->is_static || !sysfs_there(DAX_BUS "/devices/%s/mapping", device->name))
		return say(FAILED, "%s: its memory is one fixed range of an NVDIMM namespace, which cannot shrink; nothing was changed",
			   device->name);
	if (!size || size % granule || size >= device->size)
		return say(BAD_INPUT, "%s: it can become smaller by whole pieces of %s, and by less than the %#llx bytes that it has; nothing was changed",
			   device->name, size_text(text, granule), (unsigned long long)device->size);
	note("%s: a bound device does not shrink: the bus takes no range back from it, and XFS and ext4 do not leave their end while mounted",
	     device->name);
	note("%s: what can be given back is its end, from device offset %#llx on, once nothing uses the device: XFS does not become smaller, ext4 does by resize2fs",
	     device->name, (unsigned long long)(device->size - size));
	note("then: fsdevctl disable %s && echo %s >" DAX_BUS "/devices/%s/driver/unbind && echo %llu >" DAX_BUS "/devices/%s/size && fsdevctl enable %s",
	     device->name, device->name, device->name, (unsigned long long)(device->size - size),
	     device->name, device->name);
	return say(FAILED, "%s: was not made smaller; nothing was changed", device->name);
}
