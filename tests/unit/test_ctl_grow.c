// SPDX-License-Identifier: GPL-2.0
/*
 * Growing a device, against a small bus with one region: which free memory is chosen, what is refused
 * before anything is changed, and what is left where a step fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fsdevctl/lib/audit.h"
#include "fsdevctl/lib/confedit.h"
#include "fsdevctl/lib/grow.h"
#include "fsdevctl/lib/journal.h"
#include "fsdevctl/lib/kmsg.h"
#include "fsdevctl/lib/keep.h"
#include "fsdevctl/lib/keep.h"
#include "fsdevctl/lib/program.h"
#include "fsdevctl/lib/region.h"
#include "fsdevctl/lib/sysfs.h"
#include "fsdevctl/lib/users.h"

#define MIB (1ull << 20)
#define BASE 0x7f0000000000ull	/* where no machine that runs this has memory */
#define REGION (1024 * MIB)
#define DEVICES 3
#define RANGES 8
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct piece {
	uint64_t from, len;	/* in MiB from the region's start */
};

/* What the kernel knows. */
static struct {
	struct piece range[DEVICES][RANGES];	/* of each device, in its order */
	unsigned int ranges[DEVICES];
	uint64_t disk;		/* capacity of that of dax0.0, MiB */
	bool old_driver, is_static, hidden, unbound;
	const char *kind;
	int writes, fail_at, fail_errno;	/* this write fails */
	int ignored_at;		/* this one succeeds, and does nothing */
	bool stuck;		/* the driver takes it up, and the disk stays */
	bool taken;		/* a neighbour takes what is free, right before the first write */
	bool empty;		/* dax0.2 is there, without memory */
	bool signal;		/* a signal comes while all is looked at */
	uint64_t known[2];	/* offsets that the platform knows to be bad, MiB */
	uint64_t known_len, told_bytes;	/* of each; in all */
	unsigned int nr_known, told;
	bool record_damaged;
	const char *fs, *where, *options;	/* what is mounted, from where */
	bool not_installed;
	int status;		/* of the program */
	char ran[128];
	int loads;
} world;

static char said[8192], audited[512];
static struct users the_users;
static struct user the_user;

static void append_text(const char *format, va_list args)
{
	size_t used = strlen(said);

	vsnprintf(said + used, sizeof(said) - used, format, args);
	used = strlen(said);
	snprintf(said + used, sizeof(said) - used, "\n");
}

enum outcome say(enum outcome outcome, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append_text(format, args);
	va_end(args);
	return outcome;
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append_text(format, args);
	va_end(args);
}

void say_result(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append_text(format, args);
	va_end(args);
}

void audit(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(audited, sizeof(audited), format, args);
	va_end(args);
}

uid_t geteuid(void)
{
	return 0;
}

static uint64_t sum(unsigned int device)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < world.ranges[device]; i++)
		bytes += world.range[device][i].len * MIB;
	return bytes;
}

static void fill(struct device *device, unsigned int number)
{
	uint64_t offset = 0;

	snprintf(device->name, sizeof(device->name), "dax0.%u", number);
	snprintf(device->region_path, sizeof(device->region_path), "/platform/hmem.0");
	device->mode = number || world.unbound ? MODE_NONE : MODE_FSDEV;
	if (device->mode == MODE_FSDEV)
		snprintf(device->disk, sizeof(device->disk), "fsdev0.0");
	device->kind = world.kind;
	device->is_static = world.is_static;
	device->align = 2 * MIB;
	device->size = sum(number);
	device->addresses_known = !world.hidden;
	device->resource = BASE;
	device->ranges = calloc(RANGES, sizeof(*device->ranges));
	assert_non_null(device->ranges);
	for (unsigned int i = 0; !world.hidden && i < world.ranges[number]; i++) {
		struct device_range *range = &device->ranges[device->nr_ranges++];

		range->start = BASE + world.range[number][i].from * MIB;
		range->len = world.range[number][i].len * MIB;
		range->offset = offset;
		offset += range->len;
	}
}

enum outcome devices_load(struct devices *devices)
{
	world.loads++;
	if (world.signal)
		raise(SIGINT);
	devices->count = world.empty ? 3 : world.ranges[1] ? 2 : 1;
	devices->device = calloc(devices->count, sizeof(*devices->device));
	assert_non_null(devices->device);
	for (unsigned int i = 0; i < devices->count; i++)
		fill(&devices->device[i], i);
	return DONE;
}

void devices_free(struct devices *devices)
{
	for (unsigned int i = 0; i < devices->count; i++)
		free(devices->device[i].ranges);
	free(devices->device);
	memset(devices, 0, sizeof(*devices));
}

#define IN_PATH(format) char path[PATH_MAX]; va_list args; va_start(args, format); \
	vsnprintf(path, sizeof(path), format, args); va_end(args)

int sysfs_number(uint64_t *value, const char *format, ...)
{
	IN_PATH(format);
	if (!strcmp(path, "/sys/class/block/fsdev0.0/size"))
		*value = world.disk * MIB / 512;
	else if (!strcmp(path, "/sys/devices/platform/hmem.0/dax_region/size"))
		*value = REGION;
	else if (!strcmp(path, "/sys/devices/platform/hmem.0/dax_region/available_size"))
		*value = REGION - sum(0) - sum(1);
	else if (!strcmp(path, "/sys/devices/platform/hmem.0/../resource"))
		*value = BASE;
	else
		return -ENOENT;
	return 0;
}

bool sysfs_there(const char *format, ...)
{
	IN_PATH(format);
	if (!strcmp(path, "/sys/bus/dax/drivers/fsdev/grow"))
		return !world.old_driver;
	assert_string_equal(path, "/sys/bus/dax/devices/dax0.0/mapping");
	return !world.is_static;
}

static bool is_free(uint64_t from, uint64_t to)
{
	for (unsigned int i = 0; i < DEVICES; i++)
		for (unsigned int j = 0; j < world.ranges[i]; j++)
			if (from < world.range[i][j].from + world.range[i][j].len &&
			    world.range[i][j].from < to)
				return false;
	return true;
}

static void give(unsigned int device, uint64_t from, uint64_t len)
{
	struct piece *piece = &world.range[device][world.ranges[device]++];

	piece->from = from;
	piece->len = len;
}

static int do_mapping(const char *text)
{
	unsigned long long start, last;
	uint64_t from, to;

	if (sscanf(text, "%llx-%llx", &start, &last) != 2)
		fail_msg("no range: %s", text);
	assert_true(start >= BASE && (last + 1 - start) % (2 * MIB) == 0);
	from = (start - BASE) / MIB;
	to = (last + 1 - BASE) / MIB;
	if (world.taken && !world.ranges[1])
		give(1, from, 2);
	if (to > REGION / MIB || !is_free(from, to))
		return -ENOMEM;
	give(0, from, to - from);
	return 0;
}

int sysfs_write(const char *text, const char *format, ...)
{
	IN_PATH(format);
	world.writes++;
	if (world.writes == world.fail_at)
		return -world.fail_errno;
	if (world.writes == world.ignored_at)
		return 0;
	if (!strcmp(path, "/sys/bus/dax/devices/dax0.0/mapping"))
		return do_mapping(text);
	assert_string_equal(path, "/sys/bus/dax/drivers/fsdev/grow");
	assert_string_equal(text, "dax0.0");
	if (!world.stuck)
		world.disk = sum(0) / MIB;
	return 0;
}

int journal_lock(const struct device *device)
{
	assert_string_equal(device->name, "dax0.0");
	return dup(STDERR_FILENO);
}

int kmsg_start(void)
{
	return dup(STDERR_FILENO);
}

void kmsg_tell(int kmsg, const char *about)
{
	(void)about;
	close(kmsg);
}

void keep_init(struct keep *keep)
{
	memset(keep, 0, sizeof(*keep));
}

enum outcome keep_prepare(struct keep *keep, const struct device *device)
{
	(void)device;
	keep->doubtful = true;
	return world.record_damaged ? FAILED : DONE;
}

void keep_ask(struct keep *keep, const struct device *device)
{
	struct known *known = &keep->platform;

	(void)device;
	known->bad = calloc(2, sizeof(*known->bad));
	assert_non_null(known->bad);
	known->count = world.nr_known;
	for (unsigned int i = 0; i < world.nr_known; i++) {
		known->bad[i].offset = world.known[i] * MIB;
		known->bad[i].len = world.known_len ? world.known_len : 4096;
	}
}

/* A page that was repaired since the binding must not become bad again; and the driver has it first. */
enum outcome keep_offer(struct keep *keep, const struct device *device)
{
	(void)device;
	for (unsigned int i = 0; i < keep->platform.count; i++) {
		assert_true(keep->platform.bad[i].offset >= 128 * MIB);
		world.told_bytes += keep->platform.bad[i].len;
	}
	assert_false(keep->doubtful);
	assert_int_equal(world.disk, 128);
	world.told += keep->platform.count;
	return DONE;
}

enum outcome keep_taken(struct keep *keep, const struct device *device)
{
	(void)device;
	note("%u bad ranges were taken over", keep->platform.count);
	return DONE;
}

void keep_free(struct keep *keep)
{
	free(keep->platform.bad);
}

int users_load(const struct device *device, struct users *users)
{
	(void)device;
	the_user = (struct user){ .kind = USER_MOUNT, .what = (char *)"/mnt/x",
		.where = (char *)world.where, .type = (char *)world.fs, .options = (char *)world.options };
	the_users = (struct users){ .user = &the_user, .count = !!world.fs };
	*users = the_users;
	return 0;
}

void users_free(struct users *users)
{
	users->count = 0;
}

void user_text(const struct user *user, char *text, size_t size)
{
	snprintf(text, size, "%s is mounted on %s", user->where, user->what);
}

bool program_there(const char *name)
{
	(void)name;
	return !world.not_installed;
}

int program_run_quiet(const char * const *argv)
{
	/* not before the disk has its size */
	assert_int_equal(world.disk * MIB, sum(0));
	snprintf(world.ran, sizeof(world.ran), "%s %s", argv[0], argv[1]);
	return world.status;
}

/* dax0.0 has the first 128 MiB of the region. */
static void boot(void)
{
	memset(&world, 0, sizeof(world));
	give(0, 0, 128);
	world.disk = 128;
	world.kind = "soft-reserved";
	world.where = "/dev/fsdev0.0";
	world.options = "rw,attr2";
}

static struct grow_result result;

static enum outcome run(struct grow_options options)
{
	struct devices devices = { 0 };
	enum outcome outcome;

	said[0] = '\0';
	audited[0] = '\0';
	grow_free(&result);
	if (!options.dir)
		options.dir = "/nowhere";
	outcome = grow(&devices, "dax0.0", &options, &result);
	devices_free(&devices);
	return outcome;
}

static void says(const char *text)
{
	if (!strstr(said, text))
		fail_msg("wanted: %s\ngot: %s", text, said);
}

static void is_range(unsigned int number, uint64_t from, uint64_t len)
{
	assert_true(number < world.ranges[0]);
	assert_int_equal(world.range[0][number].from, from);
	assert_int_equal(world.range[0][number].len, len);
}

static void grows_by_a_size(void **state)
{
	(void)state;
	boot();
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB }), DONE);
	assert_int_equal(world.ranges[0], 2);
	is_range(1, 128, 64);
	assert_int_equal(world.disk, 192);
	assert_int_equal(result.before, 128 * MIB);
	assert_int_equal(result.after, 192 * MIB);
	assert_int_equal(result.ranges, 1);
	assert_int_equal(result.range[0].start, BASE + 128 * MIB);
	says("/dev/fsdev0.0 has grown from 128 MiB to 192 MiB");
	assert_non_null(strstr(audited, "dax0.0: growth from 134217728 to 201326592 bytes in 1 ranges: done"));
}

/* The smallest hole that is large enough; else as few as can be; addresses below the device last. */
static void chooses(void **state)
{
	static const struct {
		uint64_t size;
		struct piece wanted[4];
	} cases[] = {
		{ 32, { { 256, 32 } } },
		{ 64, { { 256, 64 } } },
		{ 66, { { 512, 66 } } },
		{ 128, { { 512, 128 } } },
		{ 160, { { 256, 32 }, { 512, 128 } } },
		{ 192, { { 256, 64 }, { 512, 128 } } },
		/* below the device there are 64 MiB more */
		{ 194, { { 0, 64 }, { 256, 2 }, { 512, 128 } } },
		{ 256, { { 0, 64 }, { 256, 64 }, { 512, 128 } } },
	};

	(void)state;
	for (unsigned int i = 0; i < COUNT(cases); i++) {
		unsigned int n = 0;

		boot();
		world.range[0][0] = (struct piece){ 64, 128 };
		give(1, 192, 64);
		give(1, 320, 192);
		give(1, 640, 384);
		world.kind = "cxl";
		assert_int_equal(run((struct grow_options){ .size = cases[i].size * MIB }), DONE);
		for (; n < 4 && cases[i].wanted[n].len; n++)
			is_range(1 + n, cases[i].wanted[n].from, cases[i].wanted[n].len);
		assert_int_equal(world.ranges[0], 1 + n);
		assert_int_equal(world.disk, 128 + cases[i].size);
	}
}

static void grows_by_all(void **state)
{
	(void)state;
	boot();
	give(1, 512, 64);
	assert_int_equal(run((struct grow_options){ .all = true }), DONE);
	is_range(1, 128, 384);
	is_range(2, 576, 448);
	assert_int_equal(world.disk, 960);
	/* so it is already */
	world.writes = 0;
	assert_int_equal(run((struct grow_options){ .all = true }), DONE);
	says("has no free memory");
	assert_int_equal(world.writes, 0);
}

/* Where nothing tells where the region starts, its lowest range does; a device without memory tells. */
static void start_of_the_region(void **state)
{
	(void)state;
	boot();
	world.range[0][0] = (struct piece){ 512, 128 };
	assert_int_equal(run((struct grow_options){ .all = true }), FAILED);
	says("lies outside of the region");
	says("is as it was; nothing was changed");
	assert_int_equal(world.ranges[0], 1);
	world.empty = true;
	assert_int_equal(run((struct grow_options){ .all = true }), DONE);
	is_range(1, 0, 512);
	is_range(2, 640, 384);
}

static void grows_by_a_range(void **state)
{
	static const struct {
		uint64_t from, len;
		const char *said;	/* NULL: it grows */
	} cases[] = {
		{ 256 * MIB, 2 * MIB, NULL },
		{ 1022 * MIB, 2 * MIB, NULL },
		{ 256 * MIB, MIB, "has to be whole pieces of 2 MiB, the alignment of its ranges" },
		{ 257 * MIB, 2 * MIB, "has to be whole pieces of 2 MiB" },
		{ 126 * MIB, 4 * MIB, "is not free: dax0.0 has memory in it" },
		{ 510 * MIB, 4 * MIB, "is not free: dax0.1 has memory in it" },
		{ 1022 * MIB, 4 * MIB, "lies outside of its region, which is 0x7f0000000000-0x7f003fffffff (1 GiB)" },
	};

	(void)state;
	for (unsigned int i = 0; i < COUNT(cases); i++) {
		struct grow_options options = { .dir = NULL };
		enum outcome outcome;

		boot();
		give(1, 512, 64);
		world.kind = "cxl";
		options.range.start = BASE + cases[i].from;
		options.range.len = cases[i].len;
		outcome = run(options);
		if (cases[i].said) {
			assert_int_equal(outcome, BAD_INPUT);
			says(cases[i].said);
			assert_int_equal(world.writes, 0);
			assert_int_equal(world.ranges[0], 1);
			continue;
		}
		assert_int_equal(outcome, DONE);
		assert_int_equal(world.writes, 2);
		assert_int_equal(world.ranges[0], 2);
	}
}

static void refused(void **state)
{
	static const struct {
		struct grow_options options;
		enum outcome outcome;
		const char *said, *fs;
	} cases[] = {
		{ { .size = 2 * MIB }, FAILED, "cannot grow a bound device; load a newer one" },
		{ { .size = 2 * MIB }, FAILED, "one fixed range of an NVDIMM namespace" },
		{ { .size = 2 * MIB }, FAILED, "is in mode none and has to be in fsdev mode" },
		{ { .size = 2 * MIB }, FAILED, "it takes root" },
		{ { .size = 898 * MIB }, FAILED, "region 0 has only 896 MiB free, and 898 MiB is more" },
		{ { .size = 3 * MIB }, BAD_INPUT, "3 MiB has to be whole pieces of 2 MiB" },
		{ { .fs = false }, BAD_INPUT, "give --size +SIZE, --range START-END or --all" },
		{ { .size = 2 * MIB, .fs = true }, FAILED, "no file system is mounted from /dev/fsdev0.0" },
		{ { .size = 2 * MIB, .fs = true }, FAILED, "erofs, on /mnt/x, cannot grow", "erofs" },
		{ { .size = 2 * MIB, .fs = true }, FAILED, "/mnt/x is mounted read-only", "xfs" },
		{ { .size = 2 * MIB, .fs = true }, FAILED, "/dev/mapper/lv is mounted on /mnt/x; grow it by hand", "xfs" },
		{ { .size = 2 * MIB, .fs = true }, FAILED, "xfs_growfs is not installed: apt install xfsprogs", "xfs" },
		{ { .size = 2 * MIB, .fs = true }, FAILED, "resize2fs is not installed: apt install e2fsprogs", "ext4" },
		{ { .size = 2 * MIB }, FAILED, "interrupted; nothing was changed" },
	};

	(void)state;
	for (unsigned int i = 0; i < COUNT(cases); i++) {
		boot();
		world.old_driver = i == 0;
		world.is_static = i == 1;
		world.unbound = i == 2;
		world.hidden = i == 3;
		world.fs = cases[i].fs;
		if (i == 9)
			world.options = "ro,attr2";
		if (i == 10)
			world.where = "/dev/mapper/lv";
		world.not_installed = i == 11 || i == 12;
		world.signal = i == 13;
		assert_int_equal(run(cases[i].options), cases[i].outcome);
		says(cases[i].said);
		assert_int_equal(world.writes, 0);
		assert_string_equal(world.ran, "");
	}
}

static void dry_run(void **state)
{
	(void)state;
	boot();
	world.fs = "xfs";
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB, .fs = true, .dry_run = true }), DONE);
	assert_int_equal(world.writes, 0);
	assert_string_equal(world.ran, "");
	assert_string_equal(audited, "");
	assert_string_equal(said, "dax0.0: from 128 MiB to 192 MiB:\n"
			    "  append 0x7f0008000000-0x7f000bffffff (64 MiB) to its ranges\n"
			    "  (where the region starts is not known: the bus may refuse this)\n"
			    "  have the driver take up what was appended\n"
			    "  xfs_growfs /mnt/x\n"
			    "nothing was changed\n");
	assert_int_equal(result.after, 192 * MIB);
	assert_int_equal(result.ranges, 1);
	assert_int_equal(result.appended, 1);
}

/* Every write of a growth by three pieces fails once; nothing becomes capacity, and the next one ends it. */
static void fails_half_way(void **state)
{
	(void)state;
	for (int i = 1; i <= 4; i++) {
		uint64_t left;

		boot();
		give(1, 256, 64);
		give(1, 512, 64);
		world.fail_at = i;
		world.fail_errno = i == 4 ? EBUSY : ENOMEM;
		assert_int_equal(run((struct grow_options){ .all = true }), i == 1 ? FAILED : STRANDED);
		says(i == 4 ? "the driver does not take it up: some of the memory is in use" :
		     "the bus refuses");
		assert_int_equal(world.disk, 128);
		assert_int_equal(world.ranges[0], i);
		left = sum(0) / MIB - 128;
		if (i == 1) {
			says("is as it was; nothing was changed");
			continue;
		}
		says("0x7f0008000000-0x7f000fffffff (128 MiB) is one of its ranges on the bus, and no capacity");
		says("'fsdevctl grow dax0.0' takes it up, and so does the next binding");
		assert_non_null(strstr(audited, "failed half way"));
		world.fail_at = 0;
		assert_int_equal(run((struct grow_options){ .fs = false }), DONE);
		assert_int_equal(world.disk, 128 + left);
		assert_int_equal(result.before, 128 * MIB);
		assert_int_equal(result.appended, 0);
		assert_int_equal(result.ranges, (unsigned int)i - 1);
	}
}

/* What the bus says it has done, and has not. */
static void half_done_by_others(void **state)
{
	(void)state;
	boot();
	world.ignored_at = 1;
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB }), FAILED);
	says("the bus has not appended 0x7f0008000000-0x7f000bffffff (64 MiB)");
	assert_int_equal(world.writes, 1);
	boot();
	world.stuck = true;
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB }), STRANDED);
	says("and /dev/fsdev0.0 has not grown");
	boot();
	world.taken = true;
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB }), FAILED);
	says("it is not free any more");
	says("nothing was changed");
}

static void what_is_stray_comes_along(void **state)
{
	(void)state;
	boot();
	give(0, 256, 2);
	assert_int_equal(run((struct grow_options){ .size = 4 * MIB }), DONE);
	assert_int_equal(world.disk, 134);
	assert_int_equal(result.ranges, 2);
	assert_int_equal(result.appended, 1);
	assert_int_equal(result.after, 134 * MIB);
}

static void file_systems(void **state)
{
	(void)state;
	boot();
	world.fs = "xfs";
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB, .fs = true }), DONE);
	assert_string_equal(world.ran, "xfs_growfs /mnt/x");
	assert_string_equal(result.fs.type, "xfs");
	boot();
	world.fs = "ext4";
	world.status = 1;
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB, .fs = true }), STRANDED);
	assert_string_equal(world.ran, "resize2fs /dev/fsdev0.0");
	says("the disk has grown, and the file system on /mnt/x has not (resize2fs, status 1)");
	/* again, the file system alone */
	world.writes = 0;
	world.status = 0;
	assert_int_equal(run((struct grow_options){ .fs = true }), DONE);
	assert_int_equal(world.writes, 0);
	assert_int_equal(result.ranges, 0);
}

static void known_poison(void **state)
{
	(void)state;
	boot();
	world.nr_known = 2;
	world.known[0] = 4;
	world.known[1] = 130;
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB }), DONE);
	assert_int_equal(world.told, 1);
	says("1 bad ranges were taken over");
	assert_int_equal(world.told_bytes, 4096);
	/* one from MiB 127 to 131, of which that from 128 on is new, and one that ends where the old end is */
	boot();
	world.nr_known = 2;
	world.known[0] = 124;
	world.known[1] = 127;
	world.known_len = 4 * MIB;
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB }), DONE);
	assert_int_equal(world.told, 1);
	assert_int_equal(world.told_bytes, 3 * MIB);
}

static void record_that_is_damaged(void **state)
{
	(void)state;
	boot();
	world.record_damaged = true;
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB }), STRANDED);
	assert_int_equal(world.disk, 128);
}

static void write_section(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void file_is(const char *path, const char *wanted)
{
	char text[1024] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(text, wanted);
}

/* A section that says the size is about the device no more, and keeps it from coming back. */
static void sections(void **state)
{
	char dir[] = "/tmp/grow.XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.conf", dir);
	write_section(path, "# mine\n[data]\n  size=128M\naddress = 0x7f0000000000\nmode = fsdev\n");
	boot();
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB, .dir = dir }), DONE);
	says("is not about it any more; change a line there to: size = 0xc000000 (--persist does)");
	boot();
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB, .dir = dir, .persist = true }), DONE);
	says("now says size = 0xc000000");
	file_is(path, "# mine\n[data]\nsize = 0xc000000\naddress = 0x7f0000000000\nmode = fsdev\n");
	/* a mistake anywhere: the growth is what was asked for, the files stay */
	write_section(path, "[data]\nsize = 128M\nsize = 128M\n");
	boot();
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB, .dir = dir, .persist = true }), DONE);
	says("and was left as it is");
	file_is(path, "[data]\nsize = 128M\nsize = 128M\n");
	unlink(path);
	boot();
	assert_int_equal(run((struct grow_options){ .size = 64 * MIB, .dir = dir, .persist = true }), DONE);
	says("no section is about it");
	assert_int_equal(rmdir(dir), 0);
}

static void shrinking(void **state)
{
	struct devices devices = { 0 };

	(void)state;
	boot();
	devices_load(&devices);
	said[0] = '\0';
	assert_int_equal(grow_shrink(&devices.device[0], 64 * MIB), FAILED);
	says("the bus takes no range back from it");
	says("from device offset 0x4000000 on");
	says("echo 67108864 >/sys/bus/dax/devices/dax0.0/size");
	assert_int_equal(grow_shrink(&devices.device[0], 128 * MIB), BAD_INPUT);
	assert_int_equal(grow_shrink(&devices.device[0], 3 * MIB), BAD_INPUT);
	world.is_static = true;
	assert_int_equal(grow_shrink(&devices.device[0], 64 * MIB), FAILED);
	says("which cannot shrink");
	devices_free(&devices);
}

static int clean(void **state)
{
	(void)state;
	grow_free(&result);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_by_a_size),
		cmocka_unit_test(chooses),
		cmocka_unit_test(grows_by_all),
		cmocka_unit_test(start_of_the_region),
		cmocka_unit_test(grows_by_a_range),
		cmocka_unit_test(refused),
		cmocka_unit_test(dry_run),
		cmocka_unit_test(fails_half_way),
		cmocka_unit_test(half_done_by_others),
		cmocka_unit_test(what_is_stray_comes_along),
		cmocka_unit_test(file_systems),
		cmocka_unit_test(known_poison),
		cmocka_unit_test(record_that_is_damaged),
		cmocka_unit_test(sections),
		cmocka_unit_test(shrinking),
	};

	return cmocka_run_group_tests_name("fsdevctl grow", tests, NULL, clean);
}
