// SPDX-License-Identifier: GPL-2.0
/*
 * exercise: random operations on a file, each done to a copy in memory too.
 *
 *   exercise FILE COPY SEED OPERATIONS
 *
 * COPY is a file in memory that says what every byte of FILE has to be, over many runs and
 * whatever happened to the file system in between; it is made where it is missing. Everything
 * that FILE holds is compared first, what each operation touches meanwhile, and everything again
 * at the end. The same seed does the same. Ends with 1 and one line for the first wrong byte.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096UL
#define MOST (6UL << 20)
#define LONGEST (300UL << 10)

static uint64_t state;
static int fd;
static unsigned char *copy, *buffer;
static uint64_t size;
static uint64_t done;
static const char *doing = "start";

/* splitmix64 */
static uint64_t any(uint64_t below)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) % below;
}

static void compare(const unsigned char *have, uint64_t from, uint64_t len)
{
	if (!memcmp(have, copy + from, len))
		return;
	for (uint64_t i = 0; i < len; i++)
		if (have[i] != copy[from + i])
			errx(1, "operation %" PRIu64 " (%s): byte %" PRIu64 " is %#x, has to be %#x",
			     done, doing, from + i, have[i], copy[from + i]);
}

static void check_size(void)
{
	struct stat st;

	if (fstat(fd, &st))
		err(1, "operation %" PRIu64 " (%s): fstat", done, doing);
	if ((uint64_t)st.st_size != size)
		errx(1, "operation %" PRIu64 " (%s): %" PRIu64 " bytes, has to be %" PRIu64, done,
		     doing, (uint64_t)st.st_size, size);
}

static void check_all(void)
{
	check_size();
	for (uint64_t at = 0; at < size; at += LONGEST) {
		uint64_t len = size - at < LONGEST ? size - at : LONGEST;

		if (pread(fd, buffer, len, at) != (ssize_t)len)
			err(1, "operation %" PRIu64 " (%s): pread at %" PRIu64, done, doing, at);
		compare(buffer, at, len);
	}
}

static void grow(uint64_t to)
{
	if (to > size)
		size = to;
}

static void fill(unsigned char *to, uint64_t len)
{
	uint64_t word = any(UINT64_MAX);

	for (uint64_t i = 0; i < len; i++)
		to[i] = word >> i % 8 * 8 ^ i >> 3;
}

static void do_write(uint64_t from, uint64_t len)
{
	fill(buffer, len);
	if (pwrite(fd, buffer, len, from) != (ssize_t)len)
		err(1, "operation %" PRIu64 ": pwrite", done);
	memcpy(copy + from, buffer, len);
	grow(from + len);
}

static void do_read(uint64_t from, uint64_t len)
{
	ssize_t got = pread(fd, buffer, len, from);
	uint64_t want = from >= size ? 0 : size - from < len ? size - from : len;

	if (got != (ssize_t)want)
		errx(1, "operation %" PRIu64 ": read %zd bytes, has to be %" PRIu64, done, got, want);
	compare(buffer, from, want);
}

/* A mapping of what lies in the file; nothing where that is empty. */
static void do_map(uint64_t from, uint64_t len, int store)
{
	uint64_t start = from & ~(PAGE - 1);
	unsigned char *addr;

	if (from >= size)
		return;
	if (len > size - from)
		len = size - from;
	addr = mmap(NULL, from - start + len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, start);
	if (addr == MAP_FAILED)
		err(1, "operation %" PRIu64 ": mmap", done);
	if (store) {
		fill(copy + from, len);
		memcpy(addr + (from - start), copy + from, len);
		if (any(2) && msync(addr, from - start + len, MS_SYNC))
			err(1, "operation %" PRIu64 ": msync", done);
	} else {
		compare(addr + (from - start), from, len);
	}
	munmap(addr, from - start + len);
}

static void do_truncate(uint64_t to)
{
	if (ftruncate(fd, to))
		err(1, "operation %" PRIu64 ": ftruncate", done);
	if (to < size)
		memset(copy + to, 0, size - to);
	size = to;
}

static void do_allocate(int mode, uint64_t from, uint64_t len)
{
	if (fallocate(fd, mode, from, len)) {
		/* not every file system has every mode, as where this is tried on a host */
		if (errno == EOPNOTSUPP)
			return;
		err(1, "operation %" PRIu64 ": fallocate", done);
	}
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) && from < size)
		memset(copy + from, 0, size - from < len ? size - from : len);
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		grow(from + len);
}

static void operation(void)
{
	uint64_t from = any(MOST - LONGEST), len = any(LONGEST - 1) + 1;

	if (!any(3))
		len = any(PAGE) + 1;
	switch (any(12)) {
	case 0:
	case 1:
		doing = "write";
		do_write(from, len);
		break;
	case 2:
		doing = "read";
		do_read(from, len);
		break;
	case 3:
	case 4:
	case 5:
		doing = "store";
		do_map(from, len, 1);
		break;
	case 6:
	case 7:
		doing = "load";
		do_map(from, len, 0);
		break;
	case 8:
		doing = "truncate";
		do_truncate(from);
		break;
	case 9:
		doing = "punch";
		do_allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, len);
		break;
	case 10:
		doing = any(2) ? "zero" : "allocate";
		do_allocate(*doing == 'z' ? FALLOC_FL_ZERO_RANGE : 0, from, len);
		break;
	case 11:
		doing = "fsync";
		if (fsync(fd))
			err(1, "operation %" PRIu64 ": fsync", done);
	}
	check_size();
}

int main(int argc, char **argv)
{
	uint64_t operations, *head;
	int copy_fd;

	if (argc != 5)
		errx(2, "usage: exercise FILE COPY SEED OPERATIONS");
	state = strtoull(argv[3], NULL, 0);
	operations = strtoull(argv[4], NULL, 0);
	fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	copy_fd = open(argv[2], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || copy_fd < 0)
		err(1, "%s", fd < 0 ? argv[1] : argv[2]);
	/* the first page of the copy says how long the file is */
	if (ftruncate(copy_fd, PAGE + MOST))
		err(1, "%s", argv[2]);
	head = mmap(NULL, PAGE + MOST, PROT_READ | PROT_WRITE, MAP_SHARED, copy_fd, 0);
	buffer = malloc(LONGEST);
	if (head == MAP_FAILED || !buffer)
		err(1, "memory");
	copy = (unsigned char *)head + PAGE;
	size = head[0];
	check_all();
	for (done = 1; done <= operations; done++) {
		operation();
		head[0] = size;
	}
	doing = "end";
	if (fsync(fd))
		err(1, "fsync");
	check_all();
	return 0;
}
