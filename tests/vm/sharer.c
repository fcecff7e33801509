// SPDX-License-Identifier: GPL-2.0
/*
 * sharer: random operations on two files that share blocks, each done to a copy in memory too.
 *
 *   sharer FILE FILE COPY SEED OPERATIONS
 *
 * COPY is a file in memory that says what every byte of both files has to be; it is made where it
 * is missing. A second thread loads from mappings of the files meanwhile. Where memory is poisoned
 * an operation may fail with EIO or SIGBUS: then each byte of what it touched is either the old or
 * the new one, and a page that cannot be read is lost until it is written as a whole. Everything
 * is compared at the beginning and every few operations. The same seed does the same. Prints how
 * many operations of each kind were done, and how many pages are lost. Ends with 1 and one line for
 * the first wrong byte. COPY.log says what was done, and with which pages it began.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

#define PAGE 4096UL
#define PAGES 2304UL			/* of each file: more than a range has */
#define MOST (PAGES * PAGE)
#define COMPARE_EACH 8			/* operations */

enum doing { CLONE, DEDUPE, DIFFER, UNSHARE, WRITE, STORE, LOAD, READ, PUNCH, ZERO, FSYNC, KINDS };

static const char *const names[] = { "clone", "dedupe", "differ", "unshare", "write", "store",
				     "load", "read", "punch", "zero", "fsync" };

/* What COPY holds. */
struct model {
	uint64_t made;
	unsigned char lost[2][PAGES];
	unsigned char bytes[2][MOST];
};

static struct model *model;
static FILE *trail;
static int fds[2];
static unsigned char *before, *after, *buffer;
static uint64_t state, done, counts[KINDS], failed;
static enum doing doing;
static bool no_dedupe;
static volatile bool stop;
static __thread sigjmp_buf jump;

/* splitmix64 */
static uint64_t any(uint64_t below)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) % below;
}

static void on_sigbus(int sig)
{
	(void)sig;
	siglongjmp(jump, 1);
}

static void __attribute__((noreturn)) give_up(const char *what)
{
	err(1, "operation %" PRIu64 " (%s): %s", done, names[doing], what);
}

static void fill(unsigned char *to, uint64_t len)
{
	uint64_t word = any(UINT64_MAX), i;

	/* no two pages are alike */
	for (i = 0; i + sizeof(word) <= len; i += sizeof(word), word += 0x9e3779b97f4a7c15ULL)
		memcpy(to + i, &word, sizeof(word));
	memset(to + i, (int)word, len - i);
}

static bool lost(int file, uint64_t from, uint64_t len)
{
	for (uint64_t page = from / PAGE; page * PAGE < from + len; page++)
		if (model->lost[file][page])
			return true;
	return false;
}

/*
 * Pages of a file have to be as the copy has them, or, where @old is not NULL, each byte as @old
 * has it; the copy learns which. A page that cannot be read is lost.
 */
static void compare(int file, uint64_t from, uint64_t len, const unsigned char *old)
{
	uint64_t last = (from + len - 1) / PAGE;

	for (uint64_t page = from / PAGE; page <= last; page++) {
		unsigned char *want = model->bytes[file] + page * PAGE;
		ssize_t got = pread(fds[file], buffer, PAGE, page * PAGE);

		if (got < 0 && errno == EIO) {
			model->lost[file][page] = 1;
			continue;
		}
		if (got != (ssize_t)PAGE)
			give_up("pread");
		if (model->lost[file][page]) {
			/* repaired meanwhile */
			model->lost[file][page] = 0;
			memcpy(want, buffer, PAGE);
		}
		for (uint64_t i = 0; memcmp(buffer, want, PAGE) && i < PAGE; i++) {
			if (buffer[i] == want[i])
				continue;
			if (!old || buffer[i] != old[page * PAGE + i])
				errx(1, "operation %" PRIu64 " (%s): file %d, byte %" PRIu64
				     " is %#x, has to be %#x", done, names[doing], file,
				     page * PAGE + i, buffer[i], want[i]);
			want[i] = buffer[i];
		}
	}
}

/* The same for all of both files; read in large pieces where nothing is wrong. */
static void compare_all(void)
{
	static unsigned char piece[64 * PAGE];

	for (int file = 0; file < 2; file++)
		for (uint64_t at = 0; at < MOST; at += sizeof(piece))
			if (lost(file, at, sizeof(piece)) ||
			    pread(fds[file], piece, sizeof(piece), at) != (ssize_t)sizeof(piece) ||
			    memcmp(piece, model->bytes[file] + at, sizeof(piece)))
				compare(file, at, sizeof(piece), NULL);
}

/* An operation was done, or not: then part of it may have been. */
static void settle(int file, uint64_t from, uint64_t len, bool ok)
{
	if (ok) {
		for (uint64_t page = (from + PAGE - 1) / PAGE; (page + 1) * PAGE <= from + len; page++)
			model->lost[file][page] = 0;
		return;
	}
	if (errno != EIO)
		give_up("failed");
	failed++;
	compare(file, from, len, before);
}

/* What is about to be overwritten is kept. */
static unsigned char *change(int file, uint64_t from, uint64_t len)
{
	uint64_t start = from / PAGE * PAGE, end = (from + len + PAGE - 1) / PAGE * PAGE;

	memcpy(before + start, model->bytes[file] + start, end - start);
	return model->bytes[file] + from;
}

static void do_write(int file, uint64_t from, uint64_t len)
{
	unsigned char *to = change(file, from, len);
	ssize_t got;

	fill(after, len);
	memcpy(to, after, len);
	got = pwrite(fds[file], after, len, from);
	if (got >= 0 && got != (ssize_t)len)
		errno = EIO;
	settle(file, from, len, got == (ssize_t)len);
}

static unsigned char *map(int file, uint64_t from, uint64_t len, uint64_t *size)
{
	/* the file and the mapping begin at the same place of 2 MiB, so that entries of 2 MiB can be */
	uint64_t start = from & ~((2UL << 20) - 1), room;
	unsigned char *addr;

	*size = (from + len - start + PAGE - 1) & ~(PAGE - 1);
	if (any(2)) {
		*size = (*size + (2UL << 20) - 1) & ~((2UL << 20) - 1);
		if (start + *size > MOST)
			*size = MOST - start;
	}
	room = *size + (2UL << 20);
	addr = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (addr == MAP_FAILED)
		give_up("mmap");
	munmap(addr, room);
	addr = (unsigned char *)(((uintptr_t)addr + (2UL << 20) - 1) & ~((2UL << 20) - 1));
	addr = mmap(addr, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[file], start);
	if (addr == MAP_FAILED)
		give_up("mmap");
	return addr;
}

static void do_store(int file, uint64_t from, uint64_t len)
{
	unsigned char *to = change(file, from, len);
	uint64_t size, in = from & ((2UL << 20) - 1);
	unsigned char *addr = map(file, from, len, &size);
	bool ok = false;

	fill(after, len);
	memcpy(to, after, len);
	if (!sigsetjmp(jump, 1)) {
		if (any(2))
			(void)*(volatile unsigned char *)(addr + in);
		memcpy(addr + in, after, len);
		ok = !any(2) || !msync(addr, size, MS_SYNC);
	} else {
		errno = EIO;
	}
	settle(file, from, len, ok);
	munmap(addr, size);
}

/* What was seen otherwise than page by page has to be explained by a page that is lost. */
static void explain(int file, uint64_t from, uint64_t len)
{
	compare(file, from, len, NULL);
	if (!lost(file, from, len))
		errx(1, "operation %" PRIu64 " (%s): file %d, %" PRIu64 " bytes at %" PRIu64
		     " are not what they have to be", done, names[doing], file, len, from);
}

static void do_load(int file, uint64_t from, uint64_t len)
{
	uint64_t size, in = from & ((2UL << 20) - 1);
	unsigned char *addr = map(file, from, len, &size);

	if (!sigsetjmp(jump, 1)) {
		if (!lost(file, from, len) && memcmp(addr + in, model->bytes[file] + from, len))
			explain(file, from, len);
		else
			memcpy(after, addr + in, len);
	} else {
		failed++;
		explain(file, from, len);
	}
	munmap(addr, size);
}

static void do_read(int file, uint64_t from, uint64_t len)
{
	ssize_t got = pread(fds[file], after, len, from);

	if (got == (ssize_t)len && !memcmp(after, model->bytes[file] + from, len))
		return;
	if (got < 0 && errno != EIO)
		give_up("pread");
	explain(file, from, len);
}

static void do_clone(int file, uint64_t from, int other, uint64_t to, uint64_t len)
{
	struct file_clone_range range = {
		.src_fd = fds[file], .src_offset = from, .src_length = len, .dest_offset = to,
	};
	bool ok;

	change(other, to, len);
	memcpy(after, model->lost[file] + from / PAGE, len / PAGE);
	memmove(model->bytes[other] + to, model->bytes[file] + from, len);
	ok = !ioctl(fds[other], FICLONERANGE, &range);
	settle(other, to, len, ok);
	if (ok)
		memcpy(model->lost[other] + to / PAGE, after, len / PAGE);
}

/* Is a page of it zero? It may be a hole, which is another one's zeros only where that has a hole. */
static bool maybe_hole(int file, uint64_t from, uint64_t len)
{
	static const unsigned char zeros[PAGE];

	for (uint64_t at = from; at < from + len; at += PAGE)
		if (!memcmp(model->bytes[file] + at, zeros, PAGE))
			return true;
	return false;
}

/* @same: the two have been made the same before; else whatever they are. */
static void do_dedupe(int file, uint64_t from, int other, uint64_t to, uint64_t len, bool same)
{
	struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info info;
	} arg = { .range = { .src_offset = from, .src_length = len, .dest_count = 1 },
		  .info = { .dest_fd = fds[other], .dest_offset = to } };
	bool bad;

	if (same) {
		unsigned char *bytes = change(other, to, len);
		ssize_t got;

		memcpy(after, model->bytes[file] + from, len);
		memcpy(bytes, after, len);
		got = pwrite(fds[other], after, len, to);
		if (got >= 0 && got != (ssize_t)len)
			errno = EIO;
		settle(other, to, len, got == (ssize_t)len);
		if (any(2)) {
			/* one byte is another one */
			bytes = change(other, to, len);
			bytes[any(len)] ^= 1;
			got = pwrite(fds[other], bytes, len, to);
			if (got >= 0 && got != (ssize_t)len)
				errno = EIO;
			settle(other, to, len, got == (ssize_t)len);
		}
	}
	bad = lost(file, from, len) || lost(other, to, len);
	same = !memcmp(model->bytes[file] + from, model->bytes[other] + to, len);
	if (ioctl(fds[file], FIDEDUPERANGE, &arg))
		give_up("FIDEDUPERANGE");
	if (arg.info.status == -EOPNOTSUPP) {
		no_dedupe = true;
		return;
	}
	if (arg.info.status == -EIO || bad) {
		failed++;
		if (!arg.info.status && arg.info.bytes_deduped)
			errx(1, "operation %" PRIu64 ": deduplicated what cannot be read", done);
	} else if (arg.info.status < 0) {
		errx(1, "operation %" PRIu64 ": dedupe: status %d", done, arg.info.status);
	} else if ((arg.info.status == FILE_DEDUPE_RANGE_SAME) != same &&
		   !(same && maybe_hole(file, from, len))) {
		errx(1, "operation %" PRIu64 ": dedupe says %d of what is %s", done,
		     arg.info.status, same ? "the same" : "different");
	}
	compare(other, to, len, NULL);
}

static void do_allocate(int mode, int file, uint64_t from, uint64_t len)
{
	bool ok;

	if (mode != FALLOC_FL_UNSHARE_RANGE)
		memset(change(file, from, len), 0, len);
	else
		change(file, from, len);
	ok = !fallocate(fds[file], mode | FALLOC_FL_KEEP_SIZE, from, len);
	if (mode == FALLOC_FL_UNSHARE_RANGE && ok)
		compare(file, from, len, NULL);	/* nothing has become good by it */
	else
		settle(file, from, len, ok);
}

static void operation(void)
{
	int file = any(2), other = any(2);
	uint64_t pages = any(2) ? any(16) + 1 : any(900) + 1;
	uint64_t page = any(PAGES - pages), there = any(PAGES - pages);
	uint64_t from = page * PAGE, len = pages * PAGE, to = there * PAGE;

	/* so that files have long extents to be shared */
	if (!any(4) && file != other)
		from = to = 0, len = MOST, pages = PAGES, page = there = 0;
	doing = any(KINDS);
	if ((doing == DEDUPE || doing == DIFFER) && no_dedupe)
		doing = UNSHARE;
	if (doing <= DIFFER && file == other &&
	    page < there + pages && there < page + pages)
		doing = WRITE;
	/* a piece of a page at each end */
	if (doing >= WRITE && any(2)) {
		from += any(PAGE);
		len -= from % PAGE;
		len -= any(len < PAGE ? len : PAGE);
	}
	counts[doing]++;
	fprintf(trail, "%" PRIu64 " %s: file %d, page %" PRIu64 " + %" PRIu64 ", %" PRIu64 " bytes at %"
		PRIu64 " (to file %d, page %" PRIu64 ")\n", done, names[doing], file, page, pages, len,
		from, other, there);
	fflush(trail);
	switch (doing) {
	case CLONE:
		do_clone(file, from, other, to, len);
		break;
	case DEDUPE:
		if (len > 4UL << 20)
			len = 4UL << 20;
		do_dedupe(file, from, other, to, len, true);
		break;
	case DIFFER:
		do_dedupe(file, from, other, to, len > 4UL << 20 ? 4UL << 20 : len, false);
		break;
	case UNSHARE:
		do_allocate(FALLOC_FL_UNSHARE_RANGE, file, from, len);
		break;
	case WRITE:
		do_write(file, from, len);
		break;
	case STORE:
		do_store(file, from, len);
		break;
	case LOAD:
		do_load(file, from, len);
		break;
	case READ:
		do_read(file, from, len);
		break;
	case PUNCH:
		do_allocate(FALLOC_FL_PUNCH_HOLE, file, from, len);
		break;
	case ZERO:
		do_allocate(FALLOC_FL_ZERO_RANGE, file, from, len);
		break;
	case FSYNC:
		if (fsync(fds[file]) && errno != EIO)
			give_up("fsync");
		break;
	default:
		break;
	}
}

/* Faults that come whenever they like. */
static void *sharer_thread(void *unused)
{
	volatile unsigned char *addr[2];
	volatile unsigned int n = 1;

	for (int file = 0; file < 2; file++)
		addr[file] = mmap(NULL, MOST, PROT_READ, MAP_SHARED, fds[file], 0);
	while (!stop) {
		n = n * 1103515245 + 12345;
		if (!sigsetjmp(jump, 1))
			(void)addr[n >> 30 & 1][(n >> 8) % PAGES * PAGE];
		usleep(500);
	}
	return unused;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_sigbus };
	uint64_t operations, pages = 0;
	char *log;
	pthread_t thread;
	int fd;

	if (argc != 6)
		errx(2, "usage: sharer FILE FILE COPY SEED OPERATIONS");
	state = number(argv[4]);
	operations = number(argv[5]);
	sigaction(SIGBUS, &act, NULL);
	fd = open(argv[3], O_RDWR | O_CREAT, 0600);
	before = malloc(MOST);
	after = malloc(MOST);
	buffer = malloc(PAGE);
	if (fd < 0 || ftruncate(fd, sizeof(*model)) || !before || !after || !buffer)
		err(1, "%s", argv[3]);
	model = mmap(NULL, sizeof(*model), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (model == MAP_FAILED)
		err(1, "%s", argv[3]);
	if (asprintf(&log, "%s.log", argv[3]) < 0)
		err(1, "asprintf");
	trail = fopen(log, "a");
	if (!trail)
		err(1, "%s", log);
	fprintf(trail, "seed %" PRIu64 "\n", state);
	for (int file = 0; file < 2; file++) {
		fds[file] = open(argv[1 + file], O_RDWR | O_CREAT, 0600);
		if (fds[file] < 0 || (!model->made && ftruncate(fds[file], MOST)))
			err(1, "%s", argv[1 + file]);
	}
	model->made = 1;
	for (int file = 0; file < 2; file++)
		compare(file, 0, MOST, NULL);
	if (pthread_create(&thread, NULL, sharer_thread, NULL))
		errx(1, "no thread");
	for (done = 1; done <= operations; done++) {
		operation();
		if (done % COMPARE_EACH == 0)
			compare_all();
	}
	stop = true;
	pthread_join(thread, NULL);
	for (int file = 0; file < 2; file++) {
		if (fsync(fds[file]) && errno != EIO)
			err(1, "fsync");
		compare(file, 0, MOST, NULL);
		for (uint64_t page = 0; page < PAGES; page++)
			pages += model->lost[file][page];
	}
	for (int kind = 0; kind < KINDS; kind++)
		printf("%s %" PRIu64 " ", names[kind], counts[kind]);
	printf("failed %" PRIu64 " lost %" PRIu64 "\n", failed, pages);
	return 0;
}
