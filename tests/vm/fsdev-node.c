// SPDX-License-Identifier: GPL-2.0
/*
 * fsdev-node: uses /dev/daxX.Y of a device in fsdev mode as a program would, for the scenarios.
 * Also built as a 32-bit program.
 *
 * Run without arguments it says what it can do.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../../uapi/fsdev.h"
#include "program.h"

static int open_node(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

/* "ok", or the name of the error. */
static const char *outcome(int rc)
{
	return rc < 0 ? strerrorname_np(errno) : "ok";
}

/* Everything in a line, so that two programs, or two moments, can be compared. */
static int cmd_info(char **argv)
{
	static const char *const holders[] = { "none", "kernel", "owner", "self" };
	int fd = open_node(argv[0], O_RDONLY);
	struct fsdev_info i;

	memset(&i, 0xee, sizeof(i));
	if (ioctl(fd, FSDEV_IOC_INFO, &i))
		err(1, "FSDEV_IOC_INFO");
	printf("version=%u flags=%#x size=%llu bad=%llu/%u events=%llu ranges=%u ", i.version,
	       i.flags, i.size, i.bad_bytes, i.bad_ranges, i.events, i.ranges);
	printf("align=%u page=%u holder=%s commands=%#x node=%d target=%d queue=%u openers=%u",
	       i.align, i.page_size, i.holder < 4 ? holders[i.holder] : "?", i.commands,
	       i.numa_node, i.target_node, i.queue_max, i.openers);
	for (size_t n = 0; n < sizeof(i.reserved) / sizeof(*i.reserved); n++)
		if (i.reserved[n])
			printf(" reserved");
	puts("");
	return 0;
}

/* ranges NODE FIRST COUNT: what is given for a buffer of COUNT entries. */
static int cmd_ranges(char **argv)
{
	uint32_t count = number(argv[2]);
	struct fsdev_range *range = calloc(count + 1, sizeof(*range));
	struct fsdev_ranges get = {
		.buffer = (uintptr_t)range, .first = number(argv[1]), .count = count
	};
	int fd = open_node(argv[0], O_RDONLY);

	if (!range)
		err(1, "calloc");
	range[count].len = 0x5a5a;
	if (ioctl(fd, FSDEV_IOC_RANGES, &get))
		err(1, "FSDEV_IOC_RANGES");
	for (uint32_t i = 0; i < get.count; i++)
		printf("%#llx %#llx %#llx\n", range[i].offset, range[i].len, range[i].start);
	printf("%u of %u%s\n", get.count, get.total,
	       range[count].len == 0x5a5a ? "" : ", and more than there was room for");
	return 0;
}

/* bad NODE COUNT: all bad ranges, asked for in portions of COUNT. */
static int cmd_bad(char **argv)
{
	uint32_t count = number(argv[1]);
	struct fsdev_bad_range *bad = calloc(count, sizeof(*bad));
	struct fsdev_bad get = { .buffer = (uintptr_t)bad };
	int fd = open_node(argv[0], O_RDONLY);

	if (!bad)
		err(1, "calloc");
	do {
		get.count = count;
		if (ioctl(fd, FSDEV_IOC_BAD, &get))
			err(1, "FSDEV_IOC_BAD");
		for (uint32_t i = 0; i < get.count; i++)
			printf("%#llx %#llx\n", bad[i].offset, bad[i].len);
	} while (get.count == count);
	return 0;
}

static const char *event_name(uint32_t kind)
{
	static const char *const names[] = { "?",	 "failure", "removal", "cleared",
					     "lost", "grown" };

	return names[kind <= FSDEV_EVENT_GROWN ? kind : 0];
}

static void print_event(const struct fsdev_event *event)
{
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = now.tv_sec * 1000000000ULL + now.tv_nsec;
	printf("%llu %s %#llx %#llx %#x%s%s\n", event->sequence, event_name(event->kind),
	       event->offset, event->len, event->flags, event->reserved ? " reserved" : "",
	       event->time && event->time <= ns ? "" : " at another time");
	fflush(stdout);
}

static void wait_for(const char *file)
{
	while (access(file, F_OK))
		usleep(20000);
}

/* Reads until the device has left, and tells what it reads and how it ends. */
static int follow(int fd, size_t portion)
{
	struct fsdev_event event[8];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	for (;;) {
		if (poll(&p, 1, -1) < 0)
			err(1, "poll");
		n = read(fd, event, portion * sizeof(*event));
		if (n < 0)
			err(1, "read");
		if (!n)
			break;
		for (size_t i = 0; i < n / sizeof(*event); i++)
			print_event(&event[i]);
	}
	poll(&p, 1, -1);
	printf("end%s%s\n", p.revents & POLLHUP ? " POLLHUP" : "",
	       p.revents & POLLERR ? " POLLERR" : "");
	fflush(stdout);
	return 0;
}

/* After the device has left: what a program that has not noticed is told. */
static void too_late(int fd)
{
	struct fsdev_info info;
	struct fsdev_ranges ranges = { .count = 0 };
	struct fsdev_listen listen = { .queue = 0 };
	struct fsdev_span span = { .len = 4096 };

	printf("info %s, ", outcome(ioctl(fd, FSDEV_IOC_INFO, &info)));
	printf("ranges %s, ", outcome(ioctl(fd, FSDEV_IOC_RANGES, &ranges)));
	printf("own %s, ", outcome(ioctl(fd, FSDEV_IOC_OWN, &listen)));
	printf("inject %s\n", outcome(ioctl(fd, FSDEV_IOC_INJECT, &span)));
	fflush(stdout);
}

/*
 * listen NODE own|watch|both QUEUE PORTION FILE: owns or watches, says so, waits until FILE exists
 * and then reads PORTION events at a time to the end. Then waits until FILE.end exists.
 */
static int cmd_listen(char **argv)
{
	struct fsdev_listen get = { .queue = number(argv[2]) };
	int fd = open_node(argv[0], strcmp(argv[1], "watch") ? O_RDWR : O_RDONLY);
	char end[PATH_MAX];

	if (strcmp(argv[1], "own") && ioctl(fd, FSDEV_IOC_WATCH, &get))
		err(1, "FSDEV_IOC_WATCH");
	if (!strcmp(argv[1], "both"))
		get.events = 0;
	if (strcmp(argv[1], "watch") && ioctl(fd, FSDEV_IOC_OWN, &get))
		err(1, "FSDEV_IOC_OWN");
	printf("%s, room for %u, after %llu\n", argv[1], get.queue, get.events);
	fflush(stdout);
	wait_for(argv[4]);
	follow(fd, number(argv[3]));
	too_late(fd);
	snprintf(end, sizeof(end), "%s.end", argv[4]);
	wait_for(end);
	return 0;
}

static unsigned int command_of(const char *name)
{
	static const struct {
		const char *name;
		unsigned int number;
	} spans[] = {
		{ "clear", FSDEV_IOC_CLEAR },
		{ "add-bad", FSDEV_IOC_ADD_BAD },
		{ "inject", FSDEV_IOC_INJECT },
		{ "scrub", FSDEV_IOC_SCRUB },
		{ "invalidate", FSDEV_IOC_INVALIDATE },
		{ "own", FSDEV_IOC_OWN },
		{ "watch", FSDEV_IOC_WATCH },
	};

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		if (!strcmp(name, spans[i].name))
			return spans[i].number;
	errx(2, "no such command: %s", name);
}

/* try NODE r|w own|watch|clear|...: how does the kernel answer? */
static int cmd_try(char **argv)
{
	int fd = open(argv[0], *argv[1] == 'w' ? O_RDWR : O_RDONLY);
	struct fsdev_listen listen = { .queue = 0 };
	struct fsdev_span span = { .len = 4096 };
	unsigned int number = command_of(argv[2]);

	if (fd < 0)
		printf("open: %s\n", outcome(fd));
	else if (_IOC_NR(number) < 0x20)
		printf("%s\n", outcome(ioctl(fd, number, &listen)));
	else
		printf("%s\n", outcome(ioctl(fd, number, &span)));
	return 0;
}

static int do_span(char **argv, bool own)
{
	struct fsdev_span span = {
		.offset = number(argv[2]), .len = number(argv[3]), .flags = number(argv[4])
	};
	struct fsdev_listen listen = { .queue = 0 };
	int fd = open_node(argv[0], O_RDWR), rc;

	if (own && ioctl(fd, FSDEV_IOC_OWN, &listen))
		err(1, "FSDEV_IOC_OWN");
	rc = ioctl(fd, command_of(argv[1]), &span);
	printf("%s, %llu bytes\n", outcome(rc), span.done);
	return rc != 0;
}

/* span NODE clear|add-bad|inject|scrub|invalidate OFFSET LEN FLAGS */
static int cmd_span(char **argv)
{
	return do_span(argv, false);
}

/* own-span NODE clear|add-bad|inject|scrub|invalidate OFFSET LEN FLAGS: as the owner */
static int cmd_own_span(char **argv)
{
	return do_span(argv, true);
}

/* inject NODE OFFSET LEN */
static int cmd_inject(char **argv)
{
	char *args[] = { argv[0], "inject", argv[1], argv[2], "0" };

	return do_span(args, false);
}

/* layout: where everything lies; the same in every program. */
static int cmd_layout(char **argv)
{
	(void)argv;
#define SIZE(type) printf(#type " %zu\n", sizeof(struct type))
#define AT(type, member) printf(#type "." #member " %zu\n", offsetof(struct type, member))
	SIZE(fsdev_info);
	AT(fsdev_info, size);
	AT(fsdev_info, ranges);
	AT(fsdev_info, queue_max);
	AT(fsdev_info, openers);
	AT(fsdev_info, reserved);
	SIZE(fsdev_range);
	SIZE(fsdev_ranges);
	AT(fsdev_ranges, first);
	AT(fsdev_ranges, reserved);
	SIZE(fsdev_bad_range);
	SIZE(fsdev_bad);
	AT(fsdev_bad, count);
	SIZE(fsdev_listen);
	AT(fsdev_listen, events);
	SIZE(fsdev_span);
	AT(fsdev_span, flags);
	AT(fsdev_span, done);
	SIZE(fsdev_event);
	AT(fsdev_event, kind);
	AT(fsdev_event, reserved);
	printf("commands %lx %lx %lx %lx %lx %lx\n", (long)FSDEV_IOC_INFO & 0xffffffff,
	       (long)FSDEV_IOC_RANGES & 0xffffffff, (long)FSDEV_IOC_BAD & 0xffffffff,
	       (long)FSDEV_IOC_OWN & 0xffffffff, (long)FSDEV_IOC_CLEAR & 0xffffffff,
	       (long)FSDEV_IOC_INJECT & 0xffffffff);
	return 0;
}

static void refuse(const char *what, int rc)
{
	printf("%s: %s\n", what, outcome(rc));
}

/* refuse NODE: each thing that is wrong with a command, and what the kernel says to it. */
static int cmd_refuse(char **argv)
{
	int fd = open_node(argv[0], O_RDWR | O_NONBLOCK), other = open_node(argv[0], O_RDONLY);
	void *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct fsdev_range range;
	struct fsdev_ranges ranges;
	struct fsdev_bad bads;
	struct fsdev_listen listen;
	struct fsdev_span span;
	struct fsdev_event event;
	struct fsdev_info info;

#define RANGES(...) (ranges = (struct fsdev_ranges){ __VA_ARGS__ }, \
		     ioctl(fd, FSDEV_IOC_RANGES, &ranges))
#define BAD(...) (bads = (struct fsdev_bad){ __VA_ARGS__ }, ioctl(fd, FSDEV_IOC_BAD, &bads))
#define LISTEN(cmd, ...) (listen = (struct fsdev_listen){ __VA_ARGS__ }, ioctl(fd, cmd, &listen))
#define INJECT(...) (span = (struct fsdev_span){ __VA_ARGS__ }, ioctl(fd, FSDEV_IOC_INJECT, &span))
	if (ioctl(fd, FSDEV_IOC_INFO, &info))
		err(1, "FSDEV_IOC_INFO");
	refuse("info to nowhere", ioctl(fd, FSDEV_IOC_INFO, NULL));
	refuse("info to a hole", ioctl(fd, FSDEV_IOC_INFO, bad));
	refuse("ranges from nowhere", ioctl(fd, FSDEV_IOC_RANGES, NULL));
	refuse("ranges with flags", RANGES(.flags = 1));
	refuse("ranges with reserved", RANGES(.reserved = 1));
	refuse("ranges into a hole", RANGES(.buffer = (uintptr_t)bad, .count = 1));
	refuse("ranges into the end of the address space", RANGES(.buffer = ~0ULL - 8, .count = 4));
	refuse("no ranges", RANGES(.count = 0));
	refuse("ranges after the last",
	       RANGES(.buffer = (uintptr_t)&range, .first = ~0U, .count = ~0U));
	printf("ranges after the last: %u of %u\n", ranges.count, ranges.total);
	refuse("bad from nowhere", ioctl(fd, FSDEV_IOC_BAD, NULL));
	refuse("bad with flags", BAD(.flags = 1));
	refuse("bad with reserved", BAD(.reserved = 1));
	refuse("bad from an odd offset", BAD(.from = 4097));
	refuse("no bad", BAD(.count = 0));
	refuse("bad after the end", BAD(.from = -4096ULL, .count = ~0U));
	printf("bad after the end: %u\n", bads.count);
	refuse("own with flags", LISTEN(FSDEV_IOC_OWN, .flags = 0x80000000));
	refuse("own with events", LISTEN(FSDEV_IOC_OWN, .events = 1));
	refuse("own with reserved", LISTEN(FSDEV_IOC_OWN, .reserved = 1));
	refuse("own with a huge queue", LISTEN(FSDEV_IOC_OWN, .queue = info.queue_max + 1));
	refuse("own from nowhere", ioctl(fd, FSDEV_IOC_OWN, NULL));
	refuse("own, descriptor for reading", ioctl(other, FSDEV_IOC_OWN, &listen));
	refuse("watch with flags", LISTEN(FSDEV_IOC_WATCH, .flags = 1));
	refuse("read before anything is listened to", read(fd, &event, sizeof(event)));
	refuse("watch with the largest queue", LISTEN(FSDEV_IOC_WATCH, .queue = info.queue_max));
	refuse("watch again", LISTEN(FSDEV_IOC_WATCH, .queue = 0));
	refuse("own after it", LISTEN(FSDEV_IOC_OWN, .queue = 0));
	refuse("own again", LISTEN(FSDEV_IOC_OWN, .queue = 0));
	refuse("inject with flags", INJECT(.len = 4096, .flags = 1));
	refuse("inject with reserved", INJECT(.len = 4096, .reserved32 = 1));
	refuse("inject with done", INJECT(.len = 4096, .done = 1));
	refuse("inject nothing", INJECT(.len = 0));
	refuse("inject half a page", INJECT(.len = 2048));
	refuse("inject at an odd offset", INJECT(.offset = 1, .len = 4096));
	refuse("inject after the end", INJECT(.offset = info.size, .len = 4096));
	refuse("inject over the end", INJECT(.offset = info.size - 4096, .len = 8192));
	refuse("inject over the end of numbers", INJECT(.offset = -4096ULL, .len = 8192));
	refuse("inject, descriptor for reading", ioctl(other, FSDEV_IOC_INJECT, &span));
	refuse("read less than an event", read(fd, &event, sizeof(event) - 1));
	refuse("read when there is nothing", read(fd, &event, sizeof(event)));
	refuse("inject a page", INJECT(.offset = 8192, .len = 4096));
	refuse("read into a hole", read(fd, bad, sizeof(event)));
	refuse("read", read(fd, &event, sizeof(event)));
	printf("the event is still there: %s %#llx\n", event_name(event.kind), event.offset);
	refuse("write", write(fd, &event, sizeof(event)));
	refuse("seek", lseek(fd, 0, SEEK_SET));
	refuse("pread when there is no event", pread(fd, &event, sizeof(event), 0));
	refuse("mmap", mmap(NULL, info.align, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	refuse("an unknown command", ioctl(fd, _IO(FSDEV_IOC_MAGIC, 0xff), 0));
	refuse("a known command of another size", ioctl(fd, _IOR(FSDEV_IOC_MAGIC, 0, int), &info));
	refuse("a command of others", ioctl(fd, 0x5401, &info));
	return 0;
}

static const struct command commands[] = {
	{ "info", "NODE", 1, cmd_info },
	{ "ranges", "NODE FIRST COUNT", 3, cmd_ranges },
	{ "bad", "NODE COUNT", 2, cmd_bad },
	{ "listen", "NODE own|watch|both QUEUE PORTION FILE", 5, cmd_listen },
	{ "try", "NODE r|w own|watch|clear|...", 3, cmd_try },
	{ "span", "NODE clear|add-bad|inject|scrub|invalidate OFFSET LEN FLAGS", 5, cmd_span },
	{ "own-span", "NODE clear|add-bad|inject|scrub|invalidate OFFSET LEN FLAGS", 5, cmd_own_span },
	{ "inject", "NODE OFFSET LEN", 3, cmd_inject },
	{ "layout", "", 0, cmd_layout },
	{ "refuse", "NODE", 1, cmd_refuse },
};

int main(int argc, char **argv)
{
	return run_command(commands, sizeof(commands) / sizeof(*commands), "fsdev-node", argc, argv);
}
