// SPDX-License-Identifier: GPL-2.0
/*
 * dax-ranges: writes the ranges of a DAX device as fast as it can, and compares what fsdev made of
 * them with what the bus says.
 *
 * Run without arguments it says what it can do. Numbers are bytes or physical addresses.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../uapi/fsdev.h"
#include "program.h"

#define RANGES 4096

struct span {
	uint64_t offset, start, len;
};

static volatile sig_atomic_t ended;

static void on_sigterm(int sig)
{
	(void)sig;
	ended = 1;
}

static int open_attribute(const char *dev, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/dax/devices/%s/%s", dev, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static bool put(int fd, const char *text)
{
	return pwrite(fd, text, strlen(text), 0) > 0;
}

/*
 * append DEV START STEP COUNT: over and over until SIGTERM: gives it ranges of 2 MiB, one every
 * STEP bytes from START on, and takes all of them away. Says how many of each were accepted.
 */
static int cmd_append(char **argv)
{
	uint64_t start = number(argv[1]), step = number(argv[2]), count = number(argv[3]);
	int mapping = open_attribute(argv[0], "mapping", O_WRONLY);
	int size = open_attribute(argv[0], "size", O_WRONLY);
	uint64_t appended = 0, emptied = 0;
	char text[64];

	while (!ended) {
		for (uint64_t i = 0; i < count && !ended; i++) {
			uint64_t at = start + i * step;

			snprintf(text, sizeof(text), "%" PRIx64 "-%" PRIx64, at, at + 0x1fffff);
			appended += put(mapping, text);
		}
		emptied += put(size, "0");
	}
	printf("%" PRIu64 " %" PRIu64 "\n", appended, emptied);
	return 0;
}

/* resize DEV LARGE SMALL: over and over until SIGTERM; how often each was taken. */
static int cmd_resize(char **argv)
{
	int size = open_attribute(argv[0], "size", O_WRONLY);
	uint64_t large = 0, small = 0;

	while (!ended) {
		large += put(size, argv[1]);
		small += put(size, argv[2]);
	}
	printf("%" PRIu64 " %" PRIu64 "\n", large, small);
	return 0;
}

static uint64_t attribute(const char *dev, unsigned int mapping, const char *name)
{
	char path[64], text[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "mapping%u/%s", mapping, name);
	fd = open_attribute(dev, path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		err(1, "%s", path);
	close(fd);
	text[n - 1] = '\0';
	return number(text);
}

static int by_offset(const void *a, const void *b)
{
	const struct span *one = a, *other = b;

	return one->offset < other->offset ? -1 : one->offset > other->offset;
}

/* What the bus says, in device order. Numbers are used again, so there may be gaps. */
static unsigned int ask_bus(const char *dev, struct span *span)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < RANGES && nr < RANGES; i++) {
		char path[128];

		snprintf(path, sizeof(path), "/sys/bus/dax/devices/%s/mapping%u", dev, i);
		if (access(path, F_OK))
			continue;
		span[nr].offset = attribute(dev, i, "page_offset") * 4096;
		span[nr].start = attribute(dev, i, "start");
		span[nr].len = attribute(dev, i, "end") - span[nr].start + 1;
		nr++;
	}
	qsort(span, nr, sizeof(*span), by_offset);
	return nr;
}

static unsigned int ask_driver(const char *dev, struct span *span)
{
	static struct fsdev_range range[RANGES];
	struct fsdev_ranges get = { .buffer = (uintptr_t)range, .count = RANGES };
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", dev);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FSDEV_IOC_RANGES, &get))
		err(1, "%s", path);
	close(fd);
	for (unsigned int i = 0; i < get.count; i++)
		span[i] = (struct span){ range[i].offset, range[i].start, range[i].len };
	return get.count;
}

/* What is reserved in the device's name; the order is that of the addresses. */
static unsigned int ask_iomem(const char *dev, struct span *span)
{
	FILE *file = fopen("/proc/iomem", "r");
	char line[256], name[128];
	unsigned int nr = 0;
	uint64_t start, end;

	if (!file)
		err(1, "/proc/iomem");
	while (nr < RANGES && fgets(line, sizeof(line), file))
		if (sscanf(line, " %" SCNx64 "-%" SCNx64 " : %127s", &start, &end, name) == 3 &&
		    !strcmp(name, dev))
			span[nr++] = (struct span){ 0, start, end - start + 1 };
	fclose(file);
	return nr;
}

static uint64_t capacity(const char *dev)
{
	char path[64];
	uint64_t sectors;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/block/fsdev%s/size", dev + strlen("dax"));
	file = fopen(path, "r");
	if (!file || fscanf(file, "%" SCNu64, &sectors) != 1)
		err(1, "%s", path);
	fclose(file);
	return sectors * 512;
}

/* Ranges that follow each other in the device and in memory are one for the driver. */
static unsigned int merge(struct span *span, unsigned int nr)
{
	unsigned int out = 0;

	for (unsigned int i = 0; i < nr; i++)
		if (out && span[out - 1].start + span[out - 1].len == span[i].start)
			span[out - 1].len += span[i].len;
		else
			span[out++] = span[i];
	return out;
}

static bool has(const struct span *span, unsigned int nr, const struct span *wanted)
{
	for (unsigned int i = 0; i < nr; i++)
		if (span[i].start == wanted->start && span[i].len == wanted->len)
			return true;
	return false;
}

/*
 * agree DEV: the driver's ranges are the first ones that the bus has, whole; just these are
 * reserved, and the disk is as large. The bus may have more by now; while the device is bound none
 * of them is removed.
 */
static int cmd_agree(char **argv)
{
	static struct span bus[RANGES], ours[RANGES], iomem[RANGES];
	unsigned int all = ask_bus(argv[0], bus), nr, i;
	unsigned int mapped = ask_driver(argv[0], ours), reserved = ask_iomem(argv[0], iomem);
	uint64_t size = capacity(argv[0]), sum = 0;

	for (nr = 0; nr < all && sum < size; nr++) {
		if (!has(iomem, reserved, &bus[nr]))
			return !printf("%#" PRIx64 " is not reserved\n", bus[nr].start);
		sum += bus[nr].len;
	}
	if (sum != size)
		return !printf("the disk has %" PRIu64 " bytes, %u ranges of the bus %" PRIu64
			       "\n", size, nr, sum);
	if (reserved != nr)
		return !printf("%u ranges are reserved, %u are the device's\n", reserved, nr);
	nr = merge(bus, nr);
	if (nr != mapped)
		return !printf("the driver has %u ranges, the bus %u\n", mapped, nr);
	for (i = 0; i < nr; i++)
		if (bus[i].offset != ours[i].offset || bus[i].start != ours[i].start ||
		    bus[i].len != ours[i].len)
			return !printf("range %u: driver %#" PRIx64 "+%#" PRIx64 ", bus %#" PRIx64
				       "+%#" PRIx64 "\n", i, ours[i].start, ours[i].len,
				       bus[i].start, bus[i].len);
	puts("all agree");
	return 0;
}

static const struct command commands[] = {
	{ "append", "DEV START STEP COUNT", 4, cmd_append },
	{ "resize", "DEV LARGE SMALL", 3, cmd_resize },
	{ "agree", "DEV", 1, cmd_agree },
};

int main(int argc, char **argv)
{
	struct sigaction term = { .sa_handler = on_sigterm };

	sigaction(SIGTERM, &term, NULL);
	return run_command(commands, sizeof(commands) / sizeof(*commands), "dax-ranges", argc,
			   argv);
}
