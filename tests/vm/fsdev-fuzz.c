// SPDX-License-Identifier: GPL-2.0
/*
 * fsdev-fuzz: calls /dev/daxX.Y with whatever comes, from several threads that open and close each
 * other's descriptors meanwhile.
 *
 *   fsdev-fuzz NODE CALLS SEED     CALLS for each of the threads
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../uapi/fsdev.h"
#include "program.h"

#define THREADS 4
#define SLOTS 8
#define PAGE 4096UL

static const char *node;
static unsigned long calls;
static uint64_t device_size;
static atomic_int slots[SLOTS];
static atomic_ulong done, refused;
/* readable, then a hole: for arguments that begin well */
static char *edge;
static char *hole;

/* One thread's numbers. */
struct dice {
	uint64_t state;
};

static uint64_t roll(struct dice *dice)
{
	dice->state ^= dice->state << 13;
	dice->state ^= dice->state >> 7;
	dice->state ^= dice->state << 17;
	return dice->state;
}

static uint64_t below(struct dice *dice, uint64_t limit)
{
	return roll(dice) % limit;
}

/* A number that a driver might stumble over. */
static uint64_t odd_number(struct dice *dice)
{
	static const uint64_t odd[] = {
		0, 1, 2, 3, 7, 8, 4095, 4096, 4097, 8192, 65536, 65537, 1ULL << 20, 1ULL << 31,
		1ULL << 32, ~0U, 1ULL << 63, ~0ULL - 4095, ~0ULL,
	};

	switch (below(dice, 6)) {
	case 0:
		return roll(dice);
	case 1:
		return below(dice, device_size + 8192) & ~(PAGE - 1);
	default:
		return odd[below(dice, sizeof(odd) / sizeof(*odd))];
	}
}

static void *odd_pointer(struct dice *dice, void *good)
{
	switch (below(dice, 10)) {
	case 0:
		return NULL;
	case 1:
		return hole;
	case 2:
		return (char *)good + 1 + below(dice, 7);
	case 3:
		return edge + PAGE - below(dice, 128);
	case 4:
		return (void *)(uintptr_t)0xffff888000000000;
	case 5:
		return (void *)(uintptr_t)odd_number(dice);
	default:
		return good;
	}
}

static unsigned int command(struct dice *dice)
{
	static const unsigned int known[] = {
		FSDEV_IOC_INFO, FSDEV_IOC_RANGES, FSDEV_IOC_BAD, FSDEV_IOC_OWN, FSDEV_IOC_WATCH,
		FSDEV_IOC_CLEAR, FSDEV_IOC_ADD_BAD, FSDEV_IOC_INJECT, FSDEV_IOC_SCRUB,
	};

	switch (below(dice, 8)) {
	case 0:
		return roll(dice);
	case 1:
		return _IOC(below(dice, 4), FSDEV_IOC_MAGIC, below(dice, 64), below(dice, 256));
	default:
		return known[below(dice, sizeof(known) / sizeof(*known))];
	}
}

/* Fills an argument. Most of its words are 0, so that some calls get through to the end. */
static void fill(struct dice *dice, uint64_t *words, size_t count, unsigned int number)
{
	struct fsdev_span *span = (void *)words;
	struct fsdev_listen *listen = (void *)words;

	for (size_t i = 0; i < count; i++)
		words[i] = below(dice, 3) ? 0 : odd_number(dice);
	if (!below(dice, 3)) {
		memset(words, 0, count * sizeof(*words));
		if (_IOC_NR(number) >= 0x20) {
			span->offset = below(dice, device_size / PAGE) * PAGE;
			span->len = PAGE;
		} else if (_IOC_NR(number) >= 0x10) {
			listen->queue = below(dice, 8);
		} else {
			words[0] = (uintptr_t)edge;
			words[1] = below(dice, 8) << 32 | below(dice, 8);
		}
	}
	/* each failed page is a handful of lines in the kernel's log */
	if (number == FSDEV_IOC_INJECT && span->len > 2 * PAGE && !(span->len % PAGE))
		span->len++;
}

static long call(struct dice *dice, int fd)
{
	uint64_t words[32] = { 0 };
	unsigned int number = command(dice);
	struct pollfd p = { .fd = fd, .events = roll(dice) };
	struct iovec iov[2] = { { words, 8 * below(dice, 16) }, { hole, 64 } };
	void *map;

	switch (below(dice, 16)) {
	case 0:
		return read(fd, odd_pointer(dice, words), below(dice, sizeof(words)));
	case 1:
		return readv(fd, iov, 2);
	case 2:
		return poll(&p, 1, 0);
	case 3:
		map = mmap(NULL, PAGE << below(dice, 10), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   below(dice, 4) * PAGE);
		return map == MAP_FAILED ? -1 : munmap(map, PAGE);
	case 4:
		return write(fd, words, below(dice, sizeof(words)));
	case 5:
		return pread(fd, words, sizeof(words), odd_number(dice));
	case 6:
		return fcntl(fd, F_SETFL, O_NONBLOCK | (below(dice, 2) ? O_ASYNC : 0));
	default:
		fill(dice, words, 16, number);
		return ioctl(fd, number, odd_pointer(dice, words));
	}
}

static void *fuzz(void *seed)
{
	struct dice dice = { .state = (uintptr_t)seed * 0x9e3779b97f4a7c15ULL + 1 };

	for (unsigned long i = 0; i < calls; i++) {
		unsigned int slot = below(&dice, SLOTS);
		int fd = atomic_load(&slots[slot]);

		if (fd < 0) {
			fd = open(node, (below(&dice, 4) ? O_RDWR : O_RDONLY) | O_NONBLOCK);
			/* the node of a device without a driver cannot be opened */
			if (fd >= 0)
				fd = atomic_exchange(&slots[slot], fd);
			if (fd >= 0)
				close(fd);
		} else if (!below(&dice, 24)) {
			fd = atomic_exchange(&slots[slot], -1);
			if (fd >= 0)
				close(fd);
		} else if (call(&dice, fd) < 0) {
			atomic_fetch_add(&refused, 1);
		} else {
			atomic_fetch_add(&done, 1);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS];
	struct fsdev_info info;
	int fd;

	if (argc != 4)
		errx(2, "usage: fsdev-fuzz NODE CALLS SEED");
	node = argv[1];
	calls = number(argv[2]);
	fd = open(node, O_RDONLY);
	if (fd < 0 || ioctl(fd, FSDEV_IOC_INFO, &info))
		err(1, "%s", node);
	close(fd);
	/* from here on the device may go */
	puts("begins");
	fflush(stdout);
	device_size = info.size;
	edge = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (edge == MAP_FAILED)
		err(1, "mmap");
	hole = edge + PAGE;
	mprotect(hole, PAGE, PROT_NONE);
	for (int i = 0; i < SLOTS; i++)
		atomic_store(&slots[i], -1);
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, fuzz, (void *)(number(argv[3]) * THREADS + i)))
			errx(1, "pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("%lu calls were carried out, %lu refused\n", (unsigned long)done,
	       (unsigned long)refused);
	return 0;
}
