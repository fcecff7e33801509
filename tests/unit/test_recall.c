// SPDX-License-Identifier: GPL-2.0
/*
 * Poison that is written down, against a made-up sysfs and a folder of its own: what one boot writes the
 * next one reads, and what cannot be told for certain refuses.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fsdevctl/lib/audit.h"
#include "fsdevctl/lib/recall.h"

#define ROOT "/tmp/fsdev-test-recall"
#define DIR ROOT "/var/lib/fsdev/poison"
#define MIB (1ull << 20)

static char said[4096];

static void remember(const char *format, va_list args)
{
	size_t used = strlen(said);

	vsnprintf(said + used, sizeof(said) - used, format, args);
}

enum outcome say(enum outcome outcome, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	remember(format, args);
	va_end(args);
	return outcome;
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	remember(format, args);
	va_end(args);
}

/* known_free() as it is, without the libraries of the rest */
void known_free(struct known *known)
{
	free(known->bad);
	memset(known, 0, sizeof(*known));
}

static void put(const char *path, const void *text, size_t size)
{
	char whole[512];
	FILE *file;

	snprintf(whole, sizeof(whole), ROOT "%s", path);
	for (char *at = whole + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		mkdir(whole, 0755);
	}
	file = fopen(whole, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	fclose(file);
}

static void boot(const char *id)
{
	put("/proc/sys/kernel/random/boot_id", id, strlen(id));
}

/* One memory module with a serial number. */
static void module(const char *serial)
{
	unsigned char table[128] = { 17, 0x1b, 1 };
	size_t len;

	table[0x0c] = 4;
	table[0x10] = 1;
	table[0x18] = 2;
	len = 0x1b + snprintf((char *)table + 0x1b, 80, "DIMM 0%c%s", 0, serial) + 2;
	put("/sys/firmware/dmi/tables/DMI", table, len);
}

static struct device_range ranges[] = {
	{ .start = 0x140000000, .len = 64 * MIB, .offset = 0 },
	{ .start = 0x150000000, .len = 64 * MIB, .offset = 64 * MIB },
};
static struct device_bad bad[8];
static uint64_t serials[] = { 0x11, 0x22 };

static struct device hbm(void)
{
	return (struct device){
		.name = "dax0.0", .kind = "soft-reserved", .region_path = "/platform/hmem.0", .node = 1,
		.size = 128 * MIB, .ranges = ranges, .nr_ranges = 2, .addresses_known = true, .bad = bad,
	};
}

static struct device cxl(uint64_t start, const char *arrangement)
{
	static struct device_range range;
	struct device device = {
		.name = "dax1.0", .kind = "cxl", .size = 64 * MIB, .ranges = &range, .nr_ranges = 1,
		.addresses_known = true, .bad = bad, .cxl_serials = serials, .nr_serials = 2,
		.cxl_start = start,
	};

	range = (struct device_range){ .start = start + 2 * MIB, .len = 64 * MIB };
	snprintf(device.cxl_arrangement, sizeof(device.cxl_arrangement), "%s", arrangement);
	return device;
}

static int fresh(void **state)
{
	(void)state;
	if (system("rm -rf " ROOT))
		return 1;
	put("/sys/class/dmi/id/product_uuid", "machine-1\n", 10);
	put("/sys/devices/platform/hmem.0/dax_region/resource", "0x140000000\n", 12);
	put("/sys/devices/platform/hmem.0/dax_region/size", "1073741824\n", 11);
	put("/var/lib/fsdev/here", "", 0);
	boot("boot-1");
	module("A");
	memset(bad, 0, sizeof(bad));
	said[0] = '\0';
	return 0;
}

/* "OFFSET+LENGTH ..." in pages, with "?" behind it where they are in doubt; or what was said. */
static const char *loaded(const struct device *device)
{
	static char text[512];
	struct known known;
	bool doubtful;

	said[0] = text[0] = '\0';
	if (recall_load(DIR, device, &known, &doubtful) != DONE)
		return said;
	for (unsigned int i = 0; i < known.count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%llu+%llu", i ? " " : "",
			 (unsigned long long)known.bad[i].offset / 4096,
			 (unsigned long long)known.bad[i].len / 4096);
	if (doubtful)
		strcat(text, "?");
	known_free(&known);
	return text;
}

/* Pages that are bad: pairs of offset and number, until a number of 0. */
static void save(struct device *device, enum recall_state state, unsigned int first, unsigned int pages, ...)
{
	va_list args;

	va_start(args, pages);
	for (device->nr_bad = 0; pages; pages = va_arg(args, unsigned int)) {
		device->bad[device->nr_bad].offset = first * 4096ull;
		device->bad[device->nr_bad++].len = pages * 4096ull;
		first = va_arg(args, unsigned int);
		if (!first)
			break;
	}
	va_end(args);
	assert_int_equal(recall_save(DIR, device, state), DONE);
}

static void across_boots(void **state)
{
	struct device device = hbm();
	struct stat st;

	(void)state;
	/* nothing was ever written, and nothing is without poison */
	assert_string_equal(loaded(&device), "");
	save(&device, RECALL_CLOSED, 0, 0);
	assert_int_equal(stat(DIR, &st), -1);
	/* a range that goes over the end of the first one */
	save(&device, RECALL_CLOSED, 5, 1, 16383, 2, 0);
	assert_string_equal(loaded(&device), "5+1 16383+1 16384+1");
	assert_int_equal(stat(DIR, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	boot("boot-2");
	assert_string_equal(loaded(&device), "5+1 16383+1 16384+1");
	/* repaired */
	save(&device, RECALL_CLOSED, 16384, 1, 0);
	assert_string_equal(loaded(&device), "16384+1");
	save(&device, RECALL_CLOSED, 0, 0);
	assert_string_equal(loaded(&device), "");
	assert_int_equal(stat(DIR "/memory-140000000.poison", &st), -1);
}

static void a_binding_that_ended_unseen(void **state)
{
	struct device device = hbm();

	(void)state;
	save(&device, RECALL_CLOSED, 5, 1, 0);
	assert_false(recall_bound(DIR, &device));
	assert_int_equal(recall_mark(DIR, &device, RECALL_BOUND), DONE);
	assert_true(recall_bound(DIR, &device));
	assert_string_equal(loaded(&device), "5+1?");
	/* a change of the list leaves that as it is */
	save(&device, RECALL_KEEP, 5, 2, 0);
	assert_string_equal(loaded(&device), "5+2?");
	/* after a reboot there is nothing that could have been repaired */
	boot("boot-2");
	assert_string_equal(loaded(&device), "5+2");
	assert_false(recall_bound(DIR, &device));
	boot("boot-1");
	assert_int_equal(recall_mark(DIR, &device, RECALL_CLOSED), DONE);
	assert_string_equal(loaded(&device), "5+2");
}

/* What is known of the binding of one device says nothing of another in the same memory. */
static void two_devices(void **state)
{
	struct device_range here = { .start = 0x140000000, .len = 32 * MIB };
	struct device_range there = { .start = 0x150000000, .len = 32 * MIB };
	struct device one = hbm(), two = hbm();
	struct device_bad more[4];

	(void)state;
	one.ranges = &here;
	two.ranges = &there;
	one.nr_ranges = two.nr_ranges = 1;
	one.size = two.size = 32 * MIB;
	two.bad = more;
	save(&one, RECALL_CLOSED, 5, 1, 0);
	save(&two, RECALL_CLOSED, 7, 1, 0);
	boot("boot-2");
	assert_int_equal(recall_mark(DIR, &one, RECALL_BOUND), DONE);
	assert_string_equal(loaded(&one), "5+1?");
	assert_string_equal(loaded(&two), "7+1");
	assert_true(recall_bound(DIR, &one));
	assert_false(recall_bound(DIR, &two));
	/* a driver that may never have had it takes nothing away */
	save(&two, RECALL_ADD, 9, 1, 0);
	assert_string_equal(loaded(&two), "7+1 9+1");
	assert_false(recall_bound(DIR, &two));
	assert_int_equal(recall_mark(DIR, &two, RECALL_BOUND), DONE);
	assert_int_equal(recall_mark(DIR, &one, RECALL_CLOSED), DONE);
	assert_string_equal(loaded(&one), "5+1");
	assert_string_equal(loaded(&two), "7+1 9+1?");
	/* nothing is written down of it: nothing is missing */
	save(&two, RECALL_CLOSED, 0, 0);
	assert_true(recall_bound(DIR, &two));
}

/* The memory is the same where devices are cut out of it otherwise, or numbered otherwise. */
static void by_address(void **state)
{
	struct device_range other = { .start = 0x150000000, .len = 32 * MIB };
	struct device device = hbm(), part = hbm();

	(void)state;
	save(&device, RECALL_CLOSED, 5, 1, 16384, 1, 0);
	part.ranges = &other;
	part.nr_ranges = 1;
	part.size = 32 * MIB;
	snprintf(part.name, sizeof(part.name), "dax3.1");
	assert_string_equal(loaded(&part), "0+1");
	/* what is not of this device stays */
	save(&part, RECALL_CLOSED, 7, 1, 0);
	assert_string_equal(loaded(&part), "7+1");
	assert_string_equal(loaded(&device), "5+1 16391+1");
	/* firmware lays memory out otherwise: taken over by address, said, and moved on */
	put("/sys/devices/platform/hmem.0/dax_region/resource", "0x100000000\n", 12);
	assert_string_equal(loaded(&device), "5+1 16391+1");
	assert_non_null(strstr(said, "laid out otherwise"));
	save(&device, RECALL_CLOSED, 6, 1, 0);
	assert_string_equal(loaded(&device), "6+1");
	assert_string_equal(said, "");
}

static void other_modules(void **state)
{
	struct device device = hbm();

	(void)state;
	save(&device, RECALL_CLOSED, 5, 1, 0);
	module("B");
	assert_string_equal(loaded(&device), "5+1");
	assert_non_null(strstr(said, "other memory modules"));
	unlink(ROOT "/sys/firmware/dmi/tables/DMI");
	assert_string_equal(loaded(&device), "5+1");
	assert_string_equal(said, "");
}

static void another_machine(void **state)
{
	struct device device = hbm();
	uint64_t bytes;

	(void)state;
	save(&device, RECALL_CLOSED, 5, 1, 0);
	put("/sys/class/dmi/id/product_uuid", "machine-2\n", 10);
	assert_non_null(strstr(loaded(&device), "written on another machine"));
	/* it is not overwritten either */
	assert_int_equal(recall_save(DIR, &device, RECALL_CLOSED), FAILED);
	assert_int_equal(recall_forget(DIR, &device, 0, 4096, &bytes), FAILED);
	assert_int_equal(recall_forget(DIR, &device, 0, device.size, &bytes), DONE);
	assert_string_equal(loaded(&device), "");
}

static void damaged(void **state)
{
	struct device device = hbm();
	uint64_t bytes;

	(void)state;
	save(&device, RECALL_CLOSED, 5, 1, 0);
	put("/var/lib/fsdev/poison/memory-200000000.poison", "fsdev-poison 1\n", 15);
	assert_non_null(strstr(loaded(&device), "errors dax0.0 --forget"));
	assert_int_equal(recall_save(DIR, &device, RECALL_CLOSED), FAILED);
	assert_true(!recall_bound(DIR, &device));
	/* of CXL memory it is not */
	device = cxl(0x600000000, "256 0x10000000 0x11 0x22");
	assert_string_equal(loaded(&device), "");
	device = hbm();
	assert_int_equal(recall_forget(DIR, &device, 0, device.size, &bytes), DONE);
	assert_int_equal(bytes, 4096);
	assert_string_equal(loaded(&device), "");
	/* what is no record by its name, or was being written when power failed */
	put("/var/lib/fsdev/poison/.memory-140000000.poison.new", "fsd", 3);
	put("/var/lib/fsdev/poison/README", "read", 4);
	assert_string_equal(loaded(&device), "");
}

static void forget_a_part(void **state)
{
	struct device device = hbm();
	uint64_t bytes;

	(void)state;
	save(&device, RECALL_CLOSED, 5, 3, 16384, 1, 0);
	assert_int_equal(recall_forget(DIR, &device, 6 * 4096, 4096, &bytes), DONE);
	assert_int_equal(bytes, 4096);
	assert_string_equal(loaded(&device), "5+1 7+1 16384+1");
	assert_int_equal(recall_forget(DIR, &device, 64 * MIB, 64 * MIB, &bytes), DONE);
	assert_string_equal(loaded(&device), "5+1 7+1");
}

/* A region comes back at another address, with the same memory devices. */
static void cxl_by_serial(void **state)
{
	struct device device = cxl(0x600000000, "256 0x10000000 0x11 0x22");
	uint64_t bytes;

	(void)state;
	save(&device, RECALL_CLOSED, 5, 1, 0);
	device = cxl(0x700000000, "256 0x10000000 0x11 0x22");
	put("/sys/class/dmi/id/product_uuid", "machine-2\n", 10);
	assert_string_equal(loaded(&device), "5+1");
	/* interleaved otherwise, the bytes lie elsewhere */
	device = cxl(0x700000000, "4096 0x10000000 0x11 0x22");
	assert_non_null(strstr(loaded(&device), "region of another shape"));
	device = cxl(0x700000000, "256 0x10000000 0x22 0x11");
	assert_non_null(strstr(loaded(&device), "region of another shape"));
	/* other memory devices have nothing to do with it */
	serials[0] = 0x33;
	serials[1] = 0x44;
	device = cxl(0x600000000, "256 0x10000000 0x33 0x44");
	assert_string_equal(loaded(&device), "");
	serials[0] = 0x11;
	serials[1] = 0x55;
	device = cxl(0x600000000, "256 0x10000000 0x11 0x55");
	assert_non_null(strstr(loaded(&device), "region of another shape"));
	assert_int_equal(recall_forget(DIR, &device, 0, device.size, &bytes), DONE);
	assert_string_equal(loaded(&device), "");
	serials[1] = 0x22;
}

/* Two regions over the same memory devices, which have other parts of them. */
static void regions_of_the_same_devices(void **state)
{
	struct device device = cxl(0x600000000, "256 0x10000000 0x11 0x22");

	(void)state;
	save(&device, RECALL_CLOSED, 5, 1, 0);
	device = cxl(0x610000000, "256 0x10000000 0x11@0x8000000 0x22@0x8000000");
	assert_string_equal(loaded(&device), "");
	save(&device, RECALL_CLOSED, 7, 1, 0);
	assert_string_equal(loaded(&device), "7+1");
	device = cxl(0x600000000, "256 0x10000000 0x11 0x22");
	assert_string_equal(loaded(&device), "5+1");
	/* of another size, behind both */
	device = cxl(0x620000000, "256 0x20000000 0x11@0x10000000 0x22@0x10000000");
	assert_string_equal(loaded(&device), "");
	/* over the end of the second */
	device = cxl(0x620000000, "256 0x20000000 0x11@0xffff000 0x22@0xffff000");
	assert_non_null(strstr(loaded(&device), "region of another shape"));
	/* in one device only */
	device = cxl(0x620000000, "256 0x20000000 0x11@0x10000000 0x22@0x4000000");
	assert_non_null(strstr(loaded(&device), "region of another shape"));
	device = cxl(0x620000000, "256 0x8000000 0x22");
	assert_non_null(strstr(loaded(&device), "region of another shape"));
}

static void an_nvdimm_is_left_out(void **state)
{
	struct device device = hbm();

	(void)state;
	device.kind = "nvdimm";
	assert_false(recall_keeps(&device));
	save(&device, RECALL_CLOSED, 5, 1, 0);
	assert_string_equal(loaded(&device), "");
	device = hbm();
	assert_string_equal(loaded(&device), "");
	device.addresses_known = false;
	assert_false(recall_keeps(&device));
}

/* Early in a boot the folder's file system is not there, and what lies in its place is not it. */
static void not_mounted_yet(void **state)
{
	static const char fstab[] = "none " ROOT "/var tmpfs defaults 0 0\n";
	struct device device = hbm();

	(void)state;
	save(&device, RECALL_CLOSED, 5, 1, 0);
	assert_false(recall_waits(DIR));
	put("/etc/fstab", fstab, strlen(fstab));
	assert_true(recall_waits(DIR));
	assert_non_null(strstr(loaded(&device), "not mounted yet"));
	assert_int_equal(recall_save(DIR, &device, RECALL_CLOSED), FAILED);
	/* nothing to write down is no matter */
	device.nr_bad = 0;
	assert_int_equal(recall_save(DIR, &device, RECALL_CLOSED), DONE);
	/* an initramfs carries a copy, and has nothing mounted */
	put("/var/lib/fsdev/poison/carried", "", 0);
	assert_false(recall_waits(DIR));
	unlink(DIR "/carried");
	put("/etc/fstab", "", 0);
	assert_false(recall_waits(DIR));
	/* a unit does it as well */
	put("/run/systemd/generator/tmp-fsdev-test-recall-var-lib.mount", "", 0);
	assert_true(recall_waits(DIR));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(across_boots, fresh),
		cmocka_unit_test_setup(a_binding_that_ended_unseen, fresh),
		cmocka_unit_test_setup(two_devices, fresh),
		cmocka_unit_test_setup(by_address, fresh),
		cmocka_unit_test_setup(other_modules, fresh),
		cmocka_unit_test_setup(another_machine, fresh),
		cmocka_unit_test_setup(damaged, fresh),
		cmocka_unit_test_setup(forget_a_part, fresh),
		cmocka_unit_test_setup(cxl_by_serial, fresh),
		cmocka_unit_test_setup(regions_of_the_same_devices, fresh),
		cmocka_unit_test_setup(an_nvdimm_is_left_out, fresh),
		cmocka_unit_test_setup(not_mounted_yet, fresh),
	};
	int failed = cmocka_run_group_tests_name("fsdevctl, poison that is written down", tests, NULL, NULL);

	return system("rm -rf " ROOT) || failed;
}
