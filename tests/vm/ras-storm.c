// SPDX-License-Identifier: GPL-2.0
/*
 * ras-storm: pages of a device fail at random while they are written, read and cleared, with a
 * model of what each may hold.
 *
 *   ras-storm DISK NODE FIRST PAGES FAILURES SEED [ask]
 *
 * With "ask" it has another make the failures: it prints "fail OFFSET" for each, and goes on when it
 * is given a line.
 *
 * Every page has one writer, who reads back what it has written. The page may hold something else
 * only if a failure overlaps the time since the write began: then it may be bad, and if a CLEAR
 * overlaps it as well, it may hold zeros, or where CLEAR ran beside the write some of both. All else
 * is taken back.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../uapi/fsdev.h"
#include "program.h"

#define PAGE 4096
#define WORDS (PAGE / sizeof(uint64_t))
#define WRITERS 2

/* Between two failures that are asked for, in microseconds: repairs may be over by then or not. */
#define ASK_PAUSE 2500000

/**
 * struct span_count - calls that were made for a page
 * @begun: so many have begun
 * @ended: so many have ended, or the last one that began before them
 */
struct span_count {
	atomic_ulong begun;
	atomic_ulong ended;
};

/**
 * struct page - the model of a page
 * @failures: by INJECT; one thread makes them
 * @clears: by CLEAR; one thread makes them
 * @seq: of the last write that was acknowledged; of its writer only, as what follows
 * @failures_before: failures that had ended when that write began
 * @clears_before: clears that had ended then
 */
struct page {
	struct span_count failures;
	struct span_count clears;
	uint64_t seq;
	unsigned long failures_before;
	unsigned long clears_before;
};

static struct page *pages;
static uint64_t first, nr, failures, seed;
static const char *disk, *node;
static atomic_ulong taken_back, written, refused, cleared, failed, lost;
static atomic_bool over;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 11;
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void fill(uint64_t *words, uint64_t page, uint64_t seq)
{
	for (size_t i = 0; i < WORDS; i++)
		words[i] = seq ? (seq << 20) ^ (page * WORDS + i) : 0;
}

static bool holds(const uint64_t *words, uint64_t page, uint64_t seq)
{
	uint64_t wanted[WORDS];

	fill(wanted, page, seq);
	return !memcmp(words, wanted, PAGE);
}

/* Part of the write, and part of a CLEAR that ran beside it? Both may store byte by byte. */
static bool mixed(const uint64_t *words, uint64_t page, uint64_t seq)
{
	const unsigned char *got = (const unsigned char *)words, *wanted;
	uint64_t whole[WORDS];

	fill(whole, page, seq);
	wanted = (const unsigned char *)whole;
	for (size_t i = 0; i < PAGE; i++)
		if (got[i] && got[i] != wanted[i])
			return false;
	return true;
}

/* Has a call overlapped the time since @before of them had ended? */
static bool overlapped(const struct span_count *count, unsigned long before)
{
	return atomic_load(&count->begun) > before;
}

/* With what it holds: so many words of the write, zeros and others, and the first of those. */
static void complain(uint64_t page, const char *what, const uint64_t *words)
{
	const struct page *model = &pages[page];
	uint64_t wanted[WORDS], other = 0;
	unsigned int right = 0, zeros = 0;

	if (atomic_fetch_add(&taken_back, 1) >= 10)
		return;
	fill(wanted, page, model->seq);
	for (size_t i = 0; i < WORDS; i++) {
		right += words[i] == wanted[i];
		zeros += !words[i];
		if (!other && words[i] != wanted[i])
			other = words[i];
	}
	printf("page %" PRIu64 ", write %" PRIu64 ": %s: %u of it, %u zeros, %#" PRIx64
	       "; failures %lu, %lu, %lu, clears %lu, %lu, %lu (before, begun, ended)\n",
	       page, model->seq, what, right, zeros, other, model->failures_before,
	       model->failures.begun, model->failures.ended, model->clears_before,
	       model->clears.begun, model->clears.ended);
}

/* What the page holds against what it may hold. */
static void check(int fd, uint64_t page, uint64_t *words)
{
	struct page *model = &pages[page];
	bool bad = pread(fd, words, PAGE, (first + page) * PAGE) != PAGE;

	if (!bad && holds(words, page, model->seq))
		return;
	if (bad && overlapped(&model->failures, model->failures_before))
		return;
	if (!bad && mixed(words, page, model->seq) &&
	    overlapped(&model->failures, model->failures_before) &&
	    overlapped(&model->clears, model->clears_before)) {
		atomic_fetch_add(&lost, 1);
		return;
	}
	complain(page, bad ? "is bad" : "holds something else", words);
}

static bool write_page(int fd, uint64_t page, uint64_t seq, uint64_t *words)
{
	struct page *model = &pages[page];
	unsigned long failures_before = atomic_load(&model->failures.ended);
	unsigned long clears_before = atomic_load(&model->clears.ended);

	fill(words, page, seq);
	/* a failure in the middle of a write is no fault of the driver */
	if (pwrite(fd, words, PAGE, (first + page) * PAGE) != PAGE) {
		atomic_fetch_add(&refused, 1);
		return false;
	}
	model->seq = seq;
	model->failures_before = failures_before;
	model->clears_before = clears_before;
	atomic_fetch_add(&written, 1);
	return true;
}

static void *writer(void *argument)
{
	uint64_t own = (uintptr_t)argument, state = seed * 77 + own + 1, seq = 1;
	int fd = open_or_die(disk, O_RDWR | O_DIRECT);
	uint64_t *words = aligned_alloc(PAGE, PAGE);

	if (!words)
		err(1, "memory");
	for (uint64_t page = own; page < nr; page += WRITERS)
		while (!write_page(fd, page, seq, words))
			;
	while (!atomic_load(&over)) {
		uint64_t page = next_random(&state) % (nr / WRITERS) * WRITERS + own;

		if (next_random(&state) % 3)
			write_page(fd, page, ++seq, words);
		check(fd, page, words);
	}
	for (uint64_t page = own; page < nr; page += WRITERS)
		check(fd, page, words);
	free(words);
	close(fd);
	return NULL;
}

/* A call for a span of pages, each of which counts it. */
static int call(int fd, unsigned int number, uint64_t page, uint64_t n, uint32_t flags,
		uint64_t *done)
{
	struct fsdev_span span = {
		.offset = (first + page) * PAGE,
		.len = n * PAGE,
		.flags = flags,
	};
	bool clear = number == FSDEV_IOC_CLEAR;
	int rc;

	for (uint64_t i = page; i < page + n; i++)
		atomic_fetch_add(clear ? &pages[i].clears.begun : &pages[i].failures.begun, 1);
	rc = ioctl(fd, number, &span);
	for (uint64_t i = page; i < page + n; i++)
		atomic_fetch_add(clear ? &pages[i].clears.ended : &pages[i].failures.ended, 1);
	*done = span.done / PAGE;
	return rc;
}

static void *clearer(void *argument)
{
	uint64_t state = seed * 91 + 5, done;
	int fd = open_or_die(node, O_RDWR);

	(void)argument;
	while (!atomic_load(&over)) {
		uint64_t n = 1 + next_random(&state) % 4;
		uint64_t page = next_random(&state) % (nr - n);

		call(fd, FSDEV_IOC_CLEAR, page, n, FSDEV_CLEAR_HELD, &done);
		atomic_fetch_add(&cleared, done);
		usleep(next_random(&state) % 500);
	}
	close(fd);
	return NULL;
}

/* A failure that another makes. */
static void ask(uint64_t page)
{
	char answer[80];

	atomic_fetch_add(&pages[page].failures.begun, 1);
	printf("fail %" PRIu64 "\n", (first + page) * PAGE);
	fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin))
		errx(1, "standard input ends");
	atomic_fetch_add(&pages[page].failures.ended, 1);
	atomic_fetch_add(&failed, 1);
}

static void ask_for_failures(void)
{
	uint64_t state = seed * 13 + 7;

	for (uint64_t i = 0; i < failures; i++) {
		ask(next_random(&state) % nr);
		usleep(next_random(&state) % ASK_PAUSE);
	}
}

static void fail_pages(void)
{
	uint64_t state = seed * 13 + 7, done;
	int fd = open_or_die(node, O_RDWR);

	for (uint64_t i = 0; i < failures; i++) {
		if (call(fd, FSDEV_IOC_INJECT, next_random(&state) % nr, 1, 0, &done))
			err(1, "FSDEV_IOC_INJECT");
		atomic_fetch_add(&failed, done);
		usleep(next_random(&state) % 500);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	pthread_t writers[WRITERS], clears;
	bool asks = argc == 8 && !strcmp(argv[7], "ask");

	if (argc != 7 && !asks)
		errx(2, "usage: ras-storm DISK NODE FIRST PAGES FAILURES SEED [ask]");
	disk = argv[1];
	node = argv[2];
	first = number(argv[3]);
	nr = number(argv[4]);
	failures = number(argv[5]);
	seed = number(argv[6]);
	if (nr < 8 || nr % WRITERS)
		errx(2, "an even number of pages, from 8 on");
	pages = calloc(nr, sizeof(*pages));
	if (!pages)
		err(1, "memory");
	for (uintptr_t i = 0; i < WRITERS; i++)
		if (pthread_create(&writers[i], NULL, writer, (void *)i))
			errx(1, "pthread_create");
	if (pthread_create(&clears, NULL, clearer, NULL))
		errx(1, "pthread_create");
	if (asks)
		ask_for_failures();
	else
		fail_pages();
	atomic_store(&over, true);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	pthread_join(clears, NULL);
	printf("# %lu written, %lu refused, %lu cleared, %lu found cleared\n", written, refused,
	       cleared, lost);
	printf("%lu failed, %lu taken back\n", failed, taken_back);
	return 0;
}
