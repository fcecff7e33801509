// SPDX-License-Identifier: GPL-2.0
/*
 * bench-work: what a program pays for, measured inside a guest. Prints nanoseconds per operation; with -icount one is one
 * guest instruction.
 *
 *   bench-work fault FILE r|w 4k|2m|BYTES   faults of a file's first mapping, 4 KiB or 2 MiB each
 *   bench-work io FILE r|w BYTES [direct]   pread() or pwrite() of so many bytes
 *   bench-work fill FILE BYTES              writes the file once, so that all its blocks are there
 *   bench-work bad DEVICE COUNT FIRST STEP  has COUNT pages of /dev/daxX.Y taken for bad, every STEP pages from FIRST on
 *   bench-work tell FILE TEXT               writes TEXT to FILE in one go; prints the processor's time, then the clock's
 *
 * Work is done in batches and the cheapest batch counts, as the others had an interrupt in them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../uapi/fsdev.h"

#define KIB 1024L
#define MIB (1024 * KIB)
#define HUGE (2 * MIB)
/* how much of a file is worked on: more would only take longer */
#define SPAN (32 * MIB)
#define BATCHES 6

static void die(const char *what)
{
	fprintf(stderr, "bench-work: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		die(path);
	return fd;
}

static void print_best(const uint64_t *batch, int batches, long per)
{
	uint64_t best = batch[0];

	for (int i = 1; i < batches; i++)
		if (batch[i] < best)
			best = batch[i];
	printf("%.1f\n", (double)best / per);
}

/* An address for SPAN bytes that is a multiple of 2 MiB. */
static char *place_for(long span)
{
	char *at = mmap(NULL, span + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		die("mmap");
	munmap(at, span + HUGE);
	return (char *)(((uintptr_t)at + HUGE - 1) & ~(HUGE - 1));
}

/* One mapping of @len bytes, each @step of which is touched. */
static uint64_t touch_mapping(int fd, char *place, off_t offset, long len, long step, int writing)
{
	volatile char *at = mmap(place, len, writing ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED | MAP_FIXED, fd, offset);
	uint64_t start;
	char sum = 0;

	if (at == MAP_FAILED)
		die("mmap of the file");
	start = now(CLOCK_MONOTONIC);
	for (long i = 0; i < len; i += step) {
		if (writing)
			at[i] = 1;
		else
			sum += at[i];
	}
	start = now(CLOCK_MONOTONIC) - start;
	munmap((void *)at, len);
	return start;
}

static uint64_t touch(volatile char *at)
{
	uint64_t start = now(CLOCK_MONOTONIC);

	(void)*at;
	return now(CLOCK_MONOTONIC) - start;
}

/* Whether faults map 2 MiB: then mostly what lies 4 KiB further on costs nothing. */
static int faults_are_huge(int fd, char *place)
{
	char *at = mmap(place, SPAN, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	int huge = 0;

	if (at == MAP_FAILED)
		die("mmap of the file");
	for (long i = 0; i < SPAN; i += HUGE) {
		uint64_t fault = touch(at + i);

		huge += touch(at + i + 4 * KIB) * 4 < fault;
	}
	munmap(at, SPAN);
	return huge > SPAN / HUGE / 2;
}

static int fault(const char *path, const char *mode, const char *size)
{
	int writing = *mode == 'w', huge = !strcmp(size, "2m");
	int fd = open_file(path, O_RDWR);
	/* a mapping smaller than 2 MiB gets no page of 2 MiB */
	long len = huge ? SPAN : MIB, step = huge ? HUGE : 4 * KIB;
	char *place = place_for(SPAN);
	uint64_t batch[BATCHES];

	if (huge && !faults_are_huge(fd, place)) {
		fprintf(stderr, "bench-work: %s: faults map less than 2 MiB\n", path);
		return 1;
	}
	for (int i = 0; i < BATCHES; i++)
		batch[i] = touch_mapping(fd, place, huge ? 0 : i % 4 * HUGE, len, step, writing);
	print_best(batch, BATCHES, len / step);
	return 0;
}

/* Memory in one page of 2 MiB, so that handing it to the kernel costs the same in every run. */
static char *buffer(void)
{
	char *at = mmap(place_for(HUGE), HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (at == MAP_FAILED || madvise(at, HUGE, MADV_HUGEPAGE))
		die("memory");
	return at;
}

static int io(const char *path, const char *mode, const char *size, int direct)
{
	int writing = *mode == 'w';
	int fd = open_file(path, O_RDWR | (direct ? O_DIRECT : 0));
	long bytes = atol(size), count = SPAN / 4 / bytes < 64 ? SPAN / 4 / bytes : 64;
	uint64_t batch[BATCHES];
	struct stat st;
	char *buf = buffer();

	if (fstat(fd, &st) || bytes < 1 || bytes > HUGE)
		die(path);
	memset(buf, 0x5a, bytes);
	for (int i = 0; i < BATCHES; i++) {
		uint64_t start;

		/* of a block device's page cache every page is new, and what is written goes to the device */
		if (S_ISBLK(st.st_mode))
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		start = now(CLOCK_MONOTONIC);
		for (long k = 0; k < count; k++) {
			ssize_t n = writing ? pwrite(fd, buf, bytes, k * bytes) : pread(fd, buf, bytes, k * bytes);

			if (n != bytes)
				die(path);
		}
		if (S_ISBLK(st.st_mode) && writing && !direct && fdatasync(fd))
			die(path);
		batch[i] = now(CLOCK_MONOTONIC) - start;
	}
	print_best(batch, BATCHES, count);
	return 0;
}

static int fill(const char *path, const char *size)
{
	int fd = open_file(path, O_RDWR | O_CREAT);
	long bytes = atol(size);
	char *buf = malloc(MIB);

	if (!buf)
		die("memory");
	memset(buf, 0xa5, MIB);
	if (posix_fallocate(fd, 0, bytes))
		die(path);
	for (long at = 0; at < bytes; at += MIB)
		if (pwrite(fd, buf, MIB, at) != MIB)
			die(path);
	if (fsync(fd))
		die(path);
	free(buf);
	close(fd);
	return 0;
}

static int make_bad(const char *path, long count, long first, long step)
{
	int fd = open_file(path, O_RDWR);

	for (long i = 0; i < count; i++) {
		struct fsdev_span span = { .offset = (first + i * step) * 4 * KIB, .len = 4 * KIB };

		if (ioctl(fd, FSDEV_IOC_ADD_BAD, &span))
			die(path);
	}
	close(fd);
	return 0;
}

static int tell(const char *path, const char *text)
{
	int fd = open_file(path, O_WRONLY);
	uint64_t cpu = now(CLOCK_THREAD_CPUTIME_ID), clock = now(CLOCK_MONOTONIC);

	if (write(fd, text, strlen(text)) < 0)
		die(path);
	cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	clock = now(CLOCK_MONOTONIC) - clock;
	printf("%llu %llu\n", (unsigned long long)cpu, (unsigned long long)clock);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "fault"))
		return fault(argv[2], argv[3], argv[4]);
	if (argc >= 5 && !strcmp(argv[1], "io"))
		return io(argv[2], argv[3], argv[4], argc > 5);
	if (argc == 4 && !strcmp(argv[1], "fill"))
		return fill(argv[2], argv[3]);
	if (argc == 6 && !strcmp(argv[1], "bad"))
		return make_bad(argv[2], atol(argv[3]), atol(argv[4]), atol(argv[5]));
	if (argc == 4 && !strcmp(argv[1], "tell"))
		return tell(argv[2], argv[3]);
	fprintf(stderr, "usage: bench-work fault|io|fill|bad|tell FILE ARGUMENT...\n");
	return 2;
}
