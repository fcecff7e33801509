// SPDX-License-Identifier: GPL-2.0
/*
 * Poison that is written down, for memory whose platform forgets it.
 *
 * One file for each memory, named by what stays the same at the next boot: memory of a CXL region by
 * the serial numbers of its memory devices, what it has of each and how they are interleaved, with
 * ranges counted from the region's start, which may move; all other memory by its physical address. A
 * DAX device may be any part of a memory: what is written for it replaces what the files say of that
 * part. NVDIMMs are left out, as their bus keeps a list.
 *
 * What cannot be told for certain to be no matter refuses: a file that is damaged, that was written on
 * another machine, or that knows a CXL memory device in another arrangement.
 *
 * A record says in which boot which part of its memory was bound with it. If that is this boot, and it
 * is not written down how the binding ended, pages may have been repaired since: then they are looked
 * at, and are good if they can be read. What the driver of any other part says is no reason to take
 * poison out of the record: it may never have had it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recall.h"
#include "record.h"
#include "sysfs.h"

/* What unit tests have elsewhere. */
#ifndef RECALL_ROOT
#define RECALL_ROOT ""
#endif

#define FSTAB RECALL_ROOT "/etc/fstab"
#define DMI RECALL_ROOT "/sys/firmware/dmi/tables/DMI"
#define CARRIED "/carried"	/* in the folder: an initramfs has a copy */
#define SUFFIX ".poison"
#define TEXT_MAX (8u << 20)
#define NONE "-"

/**
 * struct memory - the memory that a device is a part of
 * @id: as in its record
 * @file: the record's name
 * @base: what the ranges of its record are counted from
 * @physical: they are physical addresses
 * @machine: as in its record
 * @modules: as in its record
 */
struct memory {
	char id[RECORD_ID], file[64];
	uint64_t base;
	bool physical;
	char machine[RECORD_WORD], modules[RECORD_WORD];
};

static uint64_t hash(uint64_t sum, const void *data, size_t size)
{
	const unsigned char *byte = data;

	while (size--)
		sum = (sum ^ *byte++) * 0x100000001b3ull;
	return sum;
}

#define HASH_START 0xcbf29ce484222325ull

/* String number @number behind a structure of DMI, which ends at @end; empty where it has none. */
static const char *dmi_string(const unsigned char *one, const unsigned char *end, unsigned int number)
{
	const char *text = (const char *)one + one[1];

	while (number > 1 && text < (const char *)end && *text) {
		text += strnlen(text, (const char *)end - text) + 1;
		number--;
	}
	return number && text < (const char *)end ? text : "";
}

/* Behind a structure and its strings, which two zeros end. */
static const unsigned char *dmi_next(const unsigned char *one, const unsigned char *end)
{
	for (one += one[1]; one + 1 < end; one++)
		if (!one[0] && !one[1])
			return one + 2;
	return end;
}

/* Of each memory module: size, place, maker, serial and part number, as far as there are. */
static uint64_t hash_modules(const unsigned char *one, const unsigned char *end)
{
	static const unsigned char strings[] = { 0x10, 0x11, 0x17, 0x18, 0x1a };
	uint64_t sum = HASH_START;
	bool any = false;

	for (; one + 4 <= end && one[1] >= 4 && one + one[1] <= end; one = dmi_next(one, end)) {
		if (one[0] != 17 || one[1] < 0x15)
			continue;
		any = true;
		sum = hash(sum, one + 0x0c, 2);
		for (unsigned int i = 0; i < sizeof(strings); i++) {
			const char *text = strings[i] < one[1] ?
				dmi_string(one, end, one[strings[i]]) : "";

			sum = hash(sum, text, strnlen(text, (const char *)end - text));
			sum = hash(sum, "", 1);
		}
	}
	return any ? sum : 0;
}

static void modules_load(char *text, size_t size)
{
	static unsigned char table[256 << 10];
	FILE *file = fopen(DMI, "re");
	size_t n = file ? fread(table, 1, sizeof(table), file) : 0;
	uint64_t sum = hash_modules(table, table + n);

	if (file)
		fclose(file);
	if (sum)
		snprintf(text, size, "%016" PRIx64, sum);
	else
		snprintf(text, size, NONE);
}

static void machine_load(char *text, size_t size)
{
	if (sysfs_read(text, size, RECALL_ROOT "/sys/class/dmi/id/product_uuid") || !*text ||
	    strchr(text, ' '))
		snprintf(text, size, NONE);
}

static void boot_load(char *text, size_t size)
{
	if (sysfs_read(text, size, RECALL_ROOT "/proc/sys/kernel/random/boot_id") || !*text)
		snprintf(text, size, NONE);
}

/* The DAX region, or the device alone where the kernel does not say. */
static void physical_id(const struct device *device, struct memory *memory)
{
	uint64_t start, len, low = UINT64_MAX, high = 0;

	for (unsigned int i = 0; i < device->nr_ranges; i++) {
		const struct device_range *range = &device->ranges[i];

		low = range->start < low ? range->start : low;
		high = range->start + range->len > high ? range->start + range->len : high;
	}
	if (sysfs_number(&start, RECALL_ROOT "/sys/devices%s/dax_region/resource", device->region_path) ||
	    sysfs_number(&len, RECALL_ROOT "/sys/devices%s/dax_region/size", device->region_path)) {
		start = low;
		len = high - low;
	}
	snprintf(memory->id, sizeof(memory->id), "memory %#" PRIx64 "+%#" PRIx64 " node %d", start, len,
		 device->node);
	snprintf(memory->file, sizeof(memory->file), "memory-%" PRIx64 SUFFIX, start);
	memory->physical = true;
	machine_load(memory->machine, sizeof(memory->machine));
	modules_load(memory->modules, sizeof(memory->modules));
}

/* False where nothing is written down. */
static bool memory_of(const struct device *device, struct memory *memory)
{
	memset(memory, 0, sizeof(*memory));
	if (!recall_keeps(device))
		return false;
	if (!device->cxl_arrangement[0]) {
		physical_id(device, memory);
		return true;
	}
	snprintf(memory->id, sizeof(memory->id), "cxl %s", device->cxl_arrangement);
	snprintf(memory->file, sizeof(memory->file), "cxl-%016" PRIx64 SUFFIX,
		 hash(HASH_START, memory->id, strlen(memory->id)));
	snprintf(memory->machine, sizeof(memory->machine), NONE);
	snprintf(memory->modules, sizeof(memory->modules), NONE);
	memory->base = device->cxl_start;
	return true;
}

/**
 * recall_keeps() - is poison of a device written down?
 * @device: the device
 *
 * Return: false for an NVDIMM, whose bus keeps a list, and where addresses are not known.
 */
bool recall_keeps(const struct device *device)
{
	return strcmp(device->kind, "nvdimm") && device->addresses_known && device->nr_ranges;
}

static bool is_mounted(struct libmnt_table *mounts, const char *path)
{
	return mounts && mnt_table_find_target(mounts, path, MNT_ITER_BACKWARD);
}

/* Is a file system to be mounted on @path at boot? In fstab, or by a unit: "/var/lib" is var-lib.mount. */
static bool is_to_be_mounted(struct libmnt_table *fstab, const char *path)
{
	static const char * const folders[] = {
		"/etc/systemd/system", "/run/systemd/generator", "/run/systemd/generator.late",
	};
	char unit[PATH_MAX];

	if (fstab && mnt_table_find_target(fstab, path, MNT_ITER_FORWARD))
		return true;
	snprintf(unit, sizeof(unit), "%s", path + 1);
	for (char *slash = unit; (slash = strchr(slash, '/')); )
		*slash = '-';
	for (unsigned int i = 0; i < ARRAY_SIZE(folders); i++)
		if (sysfs_there(RECALL_ROOT "%s/%s.mount", folders[i], unit))
			return true;
	return false;
}

/**
 * recall_waits() - is the folder of records on a file system that is not mounted yet?
 * @dir: the folder
 *
 * Early in a boot. What lies there then is not it.
 *
 * Return: true if so.
 */
bool recall_waits(const char *dir)
{
	struct libmnt_table *fstab, *mounts;
	char path[PATH_MAX];
	bool waits = false;

	if (sysfs_there("%s" CARRIED, dir))
		return false;
	fstab = mnt_new_table_from_file(FSTAB);
	mounts = mnt_new_table_from_file("/proc/self/mountinfo");
	snprintf(path, sizeof(path), "%s", dir);
	for (char *slash = path + 1; !waits && slash; ) {
		slash = strchr(slash, '/');
		if (slash)
			*slash = '\0';
		waits = is_to_be_mounted(fstab, path) && !is_mounted(mounts, path);
		if (slash)
			*slash++ = '/';
	}
	mnt_unref_table(fstab);
	mnt_unref_table(mounts);
	return waits;
}

static char *read_text(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	char *text = NULL;
	size_t n;

	if (!file) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	text = malloc(TEXT_MAX + 1);
	n = text ? fread(text, 1, TEXT_MAX, file) : 0;
	if (text && ferror(file)) {
		free(text);
		text = NULL;
	}
	if (text)
		text[n] = '\0';
	/* a zero in it ends it, and it is cut off then */
	fclose(file);
	return text;
}

/* Whole or not at all, also where power fails. */
static int write_text(int dir, const char *name, const char *text)
{
	char temporary[80];
	size_t len = strlen(text);
	int fd, rc = 0;

	snprintf(temporary, sizeof(temporary), ".%s.new", name);
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	for (size_t at = 0; !rc && at < len; ) {
		ssize_t n = write(fd, text + at, len - at);

		if (n < 0 && errno != EINTR)
			rc = -errno;
		at += n > 0 ? n : 0;
	}
	if (!rc && fsync(fd))
		rc = -errno;
	if (close(fd) && !rc)
		rc = -errno;
	if (!rc && renameat(dir, temporary, dir, name))
		rc = -errno;
	if (rc)
		unlinkat(dir, temporary, 0);
	else if (fsync(dir))
		rc = -errno;
	return rc;
}

static int remove_text(int dir, const char *name)
{
	if (unlinkat(dir, name, 0))
		return errno == ENOENT ? 0 : -errno;
	return fsync(dir) ? -errno : 0;
}

/* A record without ranges is none. */
static int write_record(int dir, const char *name, const struct record *record)
{
	char *before = read_text(dir, name), *text = record->poison.count ? record_text(record) : NULL;
	int rc = 0;

	if (record->poison.count && !text)
		rc = -ENOMEM;
	else if (text && (!before || strcmp(before, text)))
		rc = write_text(dir, name, text);
	else if (!text && before)
		rc = remove_text(dir, name);
	free(before);
	free(text);
	return rc;
}

/* The folder, with its lock. @make it. -ENOENT where there is none. */
static int open_folder(const char *path, bool make)
{
	char parent[PATH_MAX];
	int fd;

	if (make) {
		snprintf(parent, sizeof(parent), "%s", path);
		*strrchr(parent, '/') = '\0';
		if ((mkdir(parent, 0755) && errno != EEXIST) || (mkdir(path, 0700) && errno != EEXIST))
			return -errno;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

/* How a record concerns a device. */
enum concern {
	NO_CONCERN,	/* about other memory */
	CONCERNS,	/* it may have ranges of the device */
	DAMAGED,	/* it may be about any memory */
	FOREIGN,	/* physical addresses of another machine */
	REARRANGED,	/* a CXL memory device of this one, in another arrangement */
};

/**
 * struct visit - a walk over the records that may concern a device
 * @path: the folder
 * @folder: a descriptor of it, locked
 * @device: the device
 * @memory: its memory
 */
struct visit {
	const char *path;
	int folder;
	const struct device *device;
	struct memory memory;
};

static bool differs(const char *a, const char *b)
{
	return strcmp(a, NONE) && strcmp(b, NONE) && strcmp(a, b);
}

/**
 * struct parts - the memory devices that a CXL region's identity names
 * @part: where in each the region's memory begins
 * @count: how many
 * @len: bytes that it has of each
 */
struct parts {
	struct {
		uint64_t serial, start;
	} part[16];	/* CXL interleaves no more */
	unsigned int count;
	uint64_t len;
};

/* "cxl GRANULARITY LENGTH SERIAL[@ADDRESS]...": each device has as much of the length. */
static bool parts_of(struct parts *parts, const char *id)
{
	char text[RECORD_ID], *rest, *word;
	unsigned int at = 0;

	memset(parts, 0, sizeof(*parts));
	snprintf(text, sizeof(text), "%s", id);
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest), at++) {
		char *address = strchr(word, '@');

		if (at == 2)
			parts->len = strtoull(word, NULL, 0);
		if (at < 3)
			continue;
		if (parts->count == ARRAY_SIZE(parts->part))
			return false;
		parts->part[parts->count].serial = strtoull(word, NULL, 0);
		parts->part[parts->count++].start = address ? strtoull(address + 1, NULL, 0) : 0;
	}
	if (!parts->count)
		return false;
	parts->len /= parts->count;
	return true;
}

/* Have two regions memory in common? What is not understood may have. */
static bool shares_memory(const char *id, const char *other)
{
	struct parts a, b;

	if (!parts_of(&a, id) || !parts_of(&b, other))
		return true;
	for (unsigned int i = 0; i < a.count; i++)
		for (unsigned int j = 0; j < b.count; j++)
			if (a.part[i].serial == b.part[j].serial &&
			    a.part[i].start < b.part[j].start + b.len &&
			    b.part[j].start < a.part[i].start + a.len)
				return true;
	return false;
}

static bool has_ranges_of(const struct record *record, const struct device *device, uint64_t base)
{
	for (unsigned int i = 0; i < device->nr_ranges; i++)
		if (record_overlaps(record, device->ranges[i].start - base, device->ranges[i].len))
			return true;
	return false;
}

static enum concern concern_of(const struct visit *visit, const struct record *record)
{
	const struct memory *memory = &visit->memory;

	if (!memory->physical) {
		if (!strcmp(record->id, memory->id))
			return CONCERNS;
		return record->poison.count && shares_memory(record->id, memory->id) ? REARRANGED : NO_CONCERN;
	}
	if (strcmp(record->id, memory->id) && !has_ranges_of(record, visit->device, 0))
		return NO_CONCERN;
	return differs(record->machine, memory->machine) ? FOREIGN : CONCERNS;
}

/* The file names of records of the same sort of memory as the device's. */
static int list_files(const struct visit *visit, char ***names, unsigned int *count)
{
	const char *prefix = visit->memory.physical ? "memory-" : "cxl-";
	DIR *dir = opendir(visit->path);
	struct dirent *entry;
	int rc = dir ? 0 : -errno;

	*names = NULL;
	*count = 0;
	while (!rc && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);
		char **more;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) || len < strlen(SUFFIX) ||
		    strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX))
			continue;
		more = realloc(*names, (*count + 1) * sizeof(*more));
		if (more)
			*names = more;
		else
			rc = -ENOMEM;
		if (!rc)
			more[*count] = strdup(entry->d_name);
		if (!rc && !more[(*count)++])
			rc = -ENOMEM;
	}
	if (dir)
		closedir(dir);
	return rc;
}

typedef int visit_t(const struct visit *visit, const char *name, struct record *record,
		    enum concern concern, const char *why, void *arg);

/* Every record that concerns the device; ends at an error. */
static int visit_all(const struct visit *visit, visit_t *one, void *arg)
{
	unsigned int count;
	char **names;
	int rc = list_files(visit, &names, &count);

	for (unsigned int i = 0; i < count; i++) {
		char *text = rc ? NULL : read_text(visit->folder, names[i]);
		const char *why = "it cannot be read";
		struct record record = { 0 };
		enum concern concern = DAMAGED;

		if (!rc && text && !record_parse(&record, text, &why))
			concern = concern_of(visit, &record);
		if (!rc && concern != NO_CONCERN)
			rc = one(visit, names[i], &record, concern, why, arg);
		record_free(&record);
		free(text);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* -ENOENT where the device has no records; it may be one of those that have none. */
static int visit_begin(struct visit *visit, const char *dir, const struct device *device, bool make)
{
	visit->path = dir;
	visit->device = device;
	visit->folder = -1;
	if (!memory_of(device, &visit->memory))
		return -ENOENT;
	if (recall_waits(dir))
		return -EAGAIN;
	visit->folder = open_folder(dir, make);
	return visit->folder < 0 ? visit->folder : 0;
}

static void visit_end(struct visit *visit)
{
	if (visit->folder >= 0)
		close(visit->folder);
}

static enum outcome refuse(const struct visit *visit, const char *name, enum concern concern,
			   const char *why)
{
	const char *device = visit->device->name;

	switch (concern) {
	case DAMAGED:
		return say(FAILED, "%s: %s/%s is no good record of poison: %s; it may be about this memory; 'fsdevctl errors %s --forget' removes it",
			   device, visit->path, name, why, device);
	case FOREIGN:
		return say(FAILED, "%s: %s/%s has poison at these addresses, and was written on another machine; 'fsdevctl errors %s --forget' drops it, if this is other memory",
			   device, visit->path, name, device);
	default:
		return say(FAILED, "%s: %s/%s has poison of CXL memory in it, which was in a region of another shape then; make that region again, or 'fsdevctl errors %s --forget' drops it",
			   device, visit->path, name, device);
	}
}

static enum outcome tell_error(const struct visit *visit, int rc, const char *what)
{
	if (rc == -EAGAIN)
		return say(FAILED, "%s: %s is on a file system that is not mounted yet, so which of its memory is poisoned cannot be %s",
			   visit->device->name, visit->path, what);
	return say(FAILED, "%s: poison cannot be %s below %s: %s", visit->device->name, what, visit->path,
		   strerror(-rc));
}

/* What load_one() fills. */
struct load {
	struct known *known;
	bool doubtful;
	char boot[RECORD_WORD];
};

static int load_range(struct known *known, const struct device_range *range, uint64_t start,
		      uint64_t end)
{
	struct device_bad *more;

	start = start > range->start ? start : range->start;
	end = end < range->start + range->len ? end : range->start + range->len;
	if (start >= end)
		return 0;
	more = realloc(known->bad, (known->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	known->bad = more;
	more[known->count].offset = range->offset + (start - range->start);
	more[known->count++].len = end - start;
	return 0;
}

static int load_one(const struct visit *visit, const char *name, struct record *record,
		    enum concern concern, const char *why, void *arg)
{
	const struct device *device = visit->device;
	struct load *load = arg;
	unsigned int before = load->known->count;
	int rc = 0;

	if (concern != CONCERNS) {
		refuse(visit, name, concern, why);
		return -EBADMSG;
	}
	for (unsigned int i = 0; !rc && i < record->poison.count; i++)
		for (unsigned int j = 0; !rc && j < device->nr_ranges; j++)
			rc = load_range(load->known, &device->ranges[j],
					record->poison.range[i].start + visit->memory.base,
					record->poison.range[i].start + record->poison.range[i].len + visit->memory.base);
	if (rc || load->known->count == before)
		return rc;
	for (unsigned int i = 0; i < device->nr_ranges; i++)
		load->doubtful |= record_bound(record, load->boot,
					       device->ranges[i].start - visit->memory.base,
					       device->ranges[i].len);
	if (differs(record->modules, visit->memory.modules))
		note("%s: other memory modules are in this machine than when %s/%s was written; its poison is taken over all the same; if the memory is new: fsdevctl errors %s --forget",
		     device->name, visit->path, name, device->name);
	else if (strcmp(record->id, visit->memory.id))
		note("%s: %s/%s was written when memory was laid out otherwise ('%s', now '%s'); its poison is taken over by its address",
		     device->name, visit->path, name, record->id, visit->memory.id);
	return 0;
}

/**
 * recall_load() - read what is written down of a device's poison
 * @dir: the folder
 * @device: the device
 * @known: its poison, in device offsets; freed by known_free()
 * @doubtful: some of it may have been repaired since it was written
 *
 * Return: DONE, also where nothing is written down; FAILED after saying why: then what is poisoned is
 * not known.
 */
enum outcome recall_load(const char *dir, const struct device *device, struct known *known,
			 bool *doubtful)
{
	struct load load = { .known = known };
	struct visit visit;
	int rc;

	memset(known, 0, sizeof(*known));
	*doubtful = false;
	boot_load(load.boot, sizeof(load.boot));
	rc = visit_begin(&visit, dir, device, false);
	if (!rc)
		rc = visit_all(&visit, load_one, &load);
	visit_end(&visit);
	*doubtful = load.doubtful;
	if (!rc || rc == -ENOENT)
		return DONE;
	known_free(known);
	return rc == -EBADMSG ? FAILED : tell_error(&visit, rc, "read");
}

static int bound_one(const struct visit *visit, const char *name, struct record *record,
		     enum concern concern, const char *why, void *arg)
{
	const struct device *device = visit->device;
	struct load *load = arg;
	bool whole = concern == CONCERNS;

	(void)name;
	(void)why;
	/* as if it were not known: what is good in it is found by reading */
	for (unsigned int i = 0; whole && i < device->nr_ranges; i++)
		whole = record_bound_whole(record, load->boot,
					   device->ranges[i].start - visit->memory.base,
					   device->ranges[i].len);
	load->doubtful |= concern != CONCERNS ||
			  (has_ranges_of(record, device, visit->memory.base) && !whole);
	return 0;
}

/**
 * recall_bound() - did the driver get all that is written down?
 * @dir: the folder
 * @device: a device in fsdev mode
 *
 * Return: false where the device was bound in another way than by fsdevctl enable, and poison of it is
 * written down.
 */
bool recall_bound(const char *dir, const struct device *device)
{
	struct load load = { 0 };
	struct visit visit;

	boot_load(load.boot, sizeof(load.boot));
	if (!visit_begin(&visit, dir, device, false))
		visit_all(&visit, bound_one, &load);
	visit_end(&visit);
	return !load.doubtful;
}

/* What the device has of the record's memory. */
static int set_bound(struct record *record, const struct device *device, uint64_t base,
		     enum recall_state state)
{
	char boot[RECORD_WORD];
	int rc = 0;

	boot_load(boot, sizeof(boot));
	for (unsigned int i = 0; !rc && i < device->nr_ranges; i++) {
		const struct device_range *range = &device->ranges[i];

		if (state == RECALL_BOUND)
			rc = record_bind(record, boot, range->start - base, range->len);
		else if (state == RECALL_CLOSED)
			rc = record_unbind(record, range->start - base, range->len);
	}
	return rc;
}

static int cut_device(struct record *record, const struct device *device, uint64_t base)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < device->nr_ranges; i++)
		rc = record_cut(record, device->ranges[i].start - base, device->ranges[i].len);
	return rc;
}

/* Records of the same addresses when memory was laid out otherwise: the device's own has them now. */
static int save_other(const struct visit *visit, const char *name, struct record *record,
		      enum concern concern, const char *why, void *arg)
{
	int rc;

	(void)why;
	(void)arg;
	if (concern != CONCERNS || !strcmp(name, visit->memory.file))
		return 0;
	rc = cut_device(record, visit->device, visit->memory.base);
	return rc ? rc : write_record(visit->folder, name, record);
}

static int refuse_one(const struct visit *visit, const char *name, struct record *record,
		      enum concern concern, const char *why, void *arg)
{
	(void)record;
	(void)arg;
	if (concern == CONCERNS)
		return 0;
	refuse(visit, name, concern, why);
	return -EBADMSG;
}

static int add_bad_ranges(struct record *record, const struct device *device, uint64_t base)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < device->nr_bad; i++) {
		uint64_t at = device->bad[i].offset, end = at + device->bad[i].len;

		for (unsigned int j = 0; !rc && j < device->nr_ranges; j++) {
			const struct device_range *range = &device->ranges[j];
			uint64_t from = at > range->offset ? at : range->offset;
			uint64_t to = end < range->offset + range->len ? end : range->offset + range->len;

			if (from < to)
				rc = record_add(record, range->start + (from - range->offset) - base,
						to - from);
		}
	}
	return rc;
}

static int save_own(const struct visit *visit, enum recall_state state)
{
	const struct memory *memory = &visit->memory;
	char *text = read_text(visit->folder, memory->file);
	struct record record = { 0 };
	const char *why;
	int rc = 0;

	if (text)
		rc = record_parse(&record, text, &why);
	else
		snprintf(record.bound, sizeof(record.bound), NONE);
	free(text);
	snprintf(record.id, sizeof(record.id), "%s", memory->id);
	snprintf(record.machine, sizeof(record.machine), "%s", memory->machine);
	snprintf(record.modules, sizeof(record.modules), "%s", memory->modules);
	if (!rc)
		rc = set_bound(&record, visit->device, memory->base, state);
	if (!rc && state != RECALL_ADD)
		rc = cut_device(&record, visit->device, memory->base);
	if (!rc)
		rc = add_bad_ranges(&record, visit->device, memory->base);
	if (!rc)
		rc = write_record(visit->folder, memory->file, &record);
	record_free(&record);
	return rc;
}

/**
 * recall_save() - write down a device's poison
 * @dir: the folder
 * @device: the device, with its bad ranges, which replace what was written of it before, or come to it
 *	(RECALL_ADD)
 * @state: how it is now
 *
 * It is on the disk when this returns. Nothing is written where nothing has changed.
 *
 * Return: DONE; FAILED after saying why.
 */
enum outcome recall_save(const char *dir, const struct device *device, enum recall_state state)
{
	struct visit visit;
	int rc = visit_begin(&visit, dir, device, device->nr_bad);

	/* early in a boot, and there is nothing to be lost */
	if (rc == -EAGAIN && !device->nr_bad)
		rc = -ENOENT;

	if (!rc)
		rc = visit_all(&visit, refuse_one, NULL);
	if (!rc)
		rc = save_own(&visit, state);
	if (!rc && state != RECALL_ADD)
		rc = visit_all(&visit, save_other, NULL);
	visit_end(&visit);
	if (!rc || rc == -ENOENT)
		return DONE;
	return rc == -EBADMSG ? FAILED : tell_error(&visit, rc, "written down");
}

static int mark_one(const struct visit *visit, const char *name, struct record *record,
		    enum concern concern, const char *why, void *arg)
{
	int rc;

	(void)why;
	if (concern != CONCERNS)
		return 0;
	rc = set_bound(record, visit->device, visit->memory.base, *(enum recall_state *)arg);
	return rc ? rc : write_record(visit->folder, name, record);
}

/**
 * recall_mark() - write down that a device is bound, or no more
 * @dir: the folder
 * @device: the device
 * @state: how it is now
 *
 * Return: DONE; FAILED after saying why.
 */
enum outcome recall_mark(const char *dir, const struct device *device, enum recall_state state)
{
	struct visit visit;
	int rc = visit_begin(&visit, dir, device, false);

	if (!rc)
		rc = visit_all(&visit, mark_one, &state);
	visit_end(&visit);
	return !rc || rc == -ENOENT ? DONE : tell_error(&visit, rc, "written down");
}

/* What forget_one() forgets. */
struct forget {
	uint64_t start, len, bytes;
	bool all;
};

static uint64_t bytes_in(const struct record *record)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < record->poison.count; i++)
		bytes += record->poison.range[i].len;
	return bytes;
}

static int forget_one(const struct visit *visit, const char *name, struct record *record,
		      enum concern concern, const char *why, void *arg)
{
	const struct device *device = visit->device;
	struct forget *forget = arg;
	uint64_t before = bytes_in(record);
	int rc = 0;

	if (concern != CONCERNS && !forget->all) {
		refuse(visit, name, concern, why);
		return -EBADMSG;
	}
	if (concern != CONCERNS) {
		note("%s: %s/%s is removed", device->name, visit->path, name);
		return remove_text(visit->folder, name);
	}
	for (unsigned int i = 0; !rc && i < device->nr_ranges; i++) {
		const struct device_range *range = &device->ranges[i];
		uint64_t end = forget->start + forget->len;
		uint64_t from = forget->start > range->offset ? forget->start : range->offset;
		uint64_t to = end < range->offset + range->len ? end : range->offset + range->len;

		if (from < to)
			rc = record_cut(record, range->start + (from - range->offset) - visit->memory.base,
					to - from);
	}
	forget->bytes += before - bytes_in(record);
	return rc ? rc : write_record(visit->folder, name, record);
}

/**
 * recall_forget() - take back what is written down of a device's poison
 * @dir: the folder
 * @device: the device
 * @start: device offset; a multiple of the page size
 * @len: bytes; all of the device: damaged and foreign records go as well
 * @bytes: how many were poisoned in what was forgotten
 *
 * Return: DONE; FAILED after saying why.
 */
enum outcome recall_forget(const char *dir, const struct device *device, uint64_t start,
			   uint64_t len, uint64_t *bytes)
{
	struct forget forget = {
		.start = start, .len = len, .all = !start && len == device->size
	};
	struct visit visit;
	int rc = visit_begin(&visit, dir, device, false);

	if (!rc)
		rc = visit_all(&visit, forget_one, &forget);
	visit_end(&visit);
	*bytes = forget.bytes;
	if (!rc || rc == -ENOENT)
		return DONE;
	return rc == -EBADMSG ? FAILED : tell_error(&visit, rc, "forgotten");
}
