// SPDX-License-Identifier: GPL-2.0
/*
 * This has a DAX device for itself for as long as it runs, and says what happens to the memory.
 *
 * A real owner would keep its data in the memory, which it reads and writes through the block
 * device /dev/fsdevX.Y, and would put elsewhere what a failure has taken.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fsdev.h"

/* What was bad before we came; from then on the events tell. */
static void tell_bad_ranges(int fd)
{
	struct fsdev_bad_range range[16];
	struct fsdev_bad bad = { .buffer = (__u64)(unsigned long)range };

	do {
		bad.count = 16;
		if (ioctl(fd, FSDEV_IOC_BAD, &bad))
			err(1, "cannot read the bad ranges");
		for (__u32 i = 0; i < bad.count; i++)
			printf("bad: %llu bytes at %llu\n", range[i].len, range[i].offset);
	} while (bad.count == 16);
}

/* Returns 0 when there is nothing left to do with the device. */
static int handle(const struct fsdev_event *event)
{
	switch (event->kind) {
	case FSDEV_EVENT_FAILURE:
		printf("%llu: lost %llu bytes at %llu\n", event->sequence, event->len, event->offset);
		return 1;
	case FSDEV_EVENT_CLEARED:
		printf("%llu: %llu bytes at %llu are good again\n", event->sequence, event->len,
		       event->offset);
		return 1;
	case FSDEV_EVENT_LOST:
		/* too slow: the list of bad ranges says what is bad now */
		printf("%llu: %llu events were lost\n", event->sequence, event->len);
		return 1;
	case FSDEV_EVENT_REMOVAL:
		printf("%llu: the device goes\n", event->sequence);
		return 0;
	default:
		/* of a later driver: to be passed over */
		return 1;
	}
}

int main(int argc, char **argv)
{
	struct fsdev_listen listen = { .queue = 0 };
	struct fsdev_info info;
	struct fsdev_event event;
	int fd;

	if (argc != 2)
		errx(2, "usage: owner /dev/daxX.Y");
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", argv[1]);
	if (ioctl(fd, FSDEV_IOC_INFO, &info))
		err(1, "%s is not in fsdev mode", argv[1]);
	if (ioctl(fd, FSDEV_IOC_OWN, &listen))
		err(1, "cannot own %s", argv[1]);
	printf("own %s: %llu bytes in %u ranges\n", argv[1], info.size, info.ranges);
	tell_bad_ranges(fd);
	fflush(stdout);

	/* Reading waits for the next event, and ends when the device has left. */
	while (read(fd, &event, sizeof(event)) == sizeof(event)) {
		int more = handle(&event);

		fflush(stdout);
		if (!more)
			break;
	}
	/* To close is to release: while the device is going, that is the polite thing to do soon. */
	close(fd);
	return 0;
}
