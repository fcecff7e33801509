// SPDX-License-Identifier: GPL-2.0
/*
 * ras-file: what an application sees of failing memory: holds mappings, reads and writes page by
 * page, and fails many pages at once.
 *
 * Run without arguments it says what it can do. Offsets and lengths are bytes.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mapped.h"
#include "program.h"

/* What a private mapping writes. */
#define COPIED 0x5a

static volatile sig_atomic_t ended;

static void on_sigterm(int sig)
{
	(void)sig;
	ended = 1;
}

static void catch_signals(void)
{
	struct sigaction term = { .sa_handler = on_sigterm };

	catch_sigbus();
	sigaction(SIGTERM, &term, NULL);
}

/* A block device is read past the page cache, which has pages of many sizes. */
static int open_file(const char *path, int flags)
{
	struct stat st;
	int fd;

	if (flags == O_RDONLY && !stat(path, &st) && S_ISBLK(st.st_mode))
		flags |= O_DIRECT;
	fd = open(path, flags);
	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static char *map(int fd, int protection, uint64_t size)
{
	char *addr = mmap(NULL, size, protection, MAP_SHARED, fd, 0);

	if (addr == MAP_FAILED)
		err(1, "mmap");
	return addr;
}

static const char *code(int code)
{
	return code == BUS_MCEERR_AR ? "AR" : code == BUS_MCEERR_AO ? "AO" :
	       code == BUS_ADRERR    ? "ADRERR" : "another";
}

static void print_signal(const char *addr)
{
	printf("SIGBUS %s at %" PRIu64 " lsb %d\n", code(sigbus_info.si_code),
	       (uint64_t)((char *)sigbus_info.si_addr - addr), sigbus_info.si_addr_lsb);
	fflush(stdout);
}

/* hold FILE: reads a mapping over and over until a signal, which it tells. Needs no right to write. */
static int cmd_hold(char **argv)
{
	int fd = open_file(argv[0], O_RDONLY);
	uint64_t size = size_of(fd);
	volatile char *addr = map(fd, PROT_READ, size);
	volatile char sum = 0;

	catch_signals();
	if (sigsetjmp(sigbus_jump, 1)) {
		print_signal((char *)addr);
		return 0;
	}
	for (uint64_t round = 0;; round++) {
		for (uint64_t at = 0; at < size; at += PAGE)
			sum += addr[at];
		if (!round) {
			puts("ready");
			fflush(stdout);
		}
	}
}

/*
 * A process that asked for early news may be told of a page of which it has a copy, and need not do
 * anything.
 */
static void on_sigbus_met(int sig, siginfo_t *info, void *context)
{
	if (info->si_code != BUS_MCEERR_AO)
		on_sigbus(sig, info, context);
}

/* What one of the private mapping's processes sees until SIGTERM, and then of the page behind. */
static void watch_copies(const char *who, const volatile char *addr, uint64_t offset)
{
	uint64_t wrong = 0;

	if (sigsetjmp(sigbus_jump, 1)) {
		printf("%s: SIGBUS at %" PRIu64 "\n", who,
		       (uint64_t)((const char *)sigbus_info.si_addr - (const char *)addr));
		fflush(stdout);
		return;
	}
	while (!ended) {
		for (uint64_t at = offset; at < offset + 2 * PAGE; at++)
			wrong += addr[at] != COPIED;
		usleep(5000);
	}
	printf("%s: %" PRIu64 " wrong\n", who, wrong);
	fflush(stdout);
	(void)addr[offset + 2 * PAGE];
	printf("%s: the next page is read\n", who);
	fflush(stdout);
}

/*
 * private FILE OFFSET: maps it so that what is written stays with the process. Reads all of it,
 * writes the two pages there, one of them before it was read, and has a child that shares the
 * copies. Says "ready". Both look at the copies until SIGTERM, then at the page behind them.
 */
static int cmd_private(char **argv)
{
	int fd = open_file(argv[0], O_RDONLY);
	uint64_t size = size_of(fd), offset = number(argv[1]);
	char *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	struct sigaction met = { .sa_sigaction = on_sigbus_met, .sa_flags = SA_SIGINFO };
	volatile char sum = 0;
	pid_t child;

	if (addr == MAP_FAILED)
		err(1, "mmap");
	catch_signals();
	sigaction(SIGBUS, &met, NULL);
	memset(addr + offset, COPIED, PAGE);
	for (uint64_t at = 0; at < size; at += PAGE)
		sum += addr[at];
	memset(addr + offset + PAGE, COPIED, PAGE);
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		watch_copies("child", addr, offset);
		return 0;
	}
	puts("ready");
	fflush(stdout);
	watch_copies("parent", addr, offset);
	kill(child, SIGTERM);
	return waitpid(child, NULL, 0) != child;
}

/* poison FILE OFFSET: fails the page under a mapping of its own, and tells the signal. */
static int cmd_poison(char **argv)
{
	int fd = open_file(argv[0], O_RDONLY);
	uint64_t offset = number(argv[1]) & ~(PAGE - 1);
	volatile char *addr = map(fd, PROT_READ, size_of(fd));

	catch_signals();
	if (sigsetjmp(sigbus_jump, 1)) {
		print_signal((char *)addr);
		return 0;
	}
	(void)addr[offset];
	if (madvise((char *)addr + offset, PAGE, MADV_HWPOISON))
		warn("madvise");
	(void)addr[offset];
	puts("no signal");
	return 1;
}

/* touch FILE OFFSET: reads one byte of a mapping and tells the signal, if any. */
static int cmd_touch(char **argv)
{
	int fd = open_file(argv[0], O_RDONLY);
	volatile char *addr = map(fd, PROT_READ, size_of(fd));

	catch_signals();
	if (sigsetjmp(sigbus_jump, 1)) {
		print_signal((char *)addr);
		return 1;
	}
	(void)addr[number(argv[1])];
	puts("read");
	return 0;
}

static void count(uint64_t pages, const char *how)
{
	static const char *before;
	static uint64_t n;

	if (before && strcmp(before, how)) {
		printf("%" PRIu64 " %s", n, before);
		putchar(*how ? ',' : '\n');
		if (*how)
			putchar(' ');
		n = 0;
	}
	before = how;
	n += pages;
}

/* read FILE OFFSET LEN: page by page with read(); runs of the same outcome in their order. */
static int cmd_read(char **argv)
{
	uint64_t offset = number(argv[1]), len = number(argv[2]);
	int fd = open_file(argv[0], O_RDONLY);
	static char page[PAGE] __attribute__((aligned(PAGE)));

	for (uint64_t at = offset; at < offset + len; at += PAGE)
		count(1, pread(fd, page, PAGE, at) == (ssize_t)PAGE ? "read" : strerrorname_np(errno));
	count(0, "");
	return 0;
}

/* read-all FILE OFFSET LEN: in one call; how many bytes it gave. */
static int cmd_read_all(char **argv)
{
	uint64_t offset = number(argv[1]), len = number(argv[2]);
	int fd = open_file(argv[0], O_RDONLY);
	char *buffer = malloc(len);
	ssize_t n = buffer ? pread(fd, buffer, len, offset) : -1;

	if (n < 0)
		puts(strerrorname_np(errno));
	else
		printf("%zd\n", n);
	return 0;
}

/* write FILE OFFSET LEN SEED: the seed's pattern in one call; how many bytes it took. */
static int cmd_write(char **argv)
{
	uint64_t offset = number(argv[1]), len = number(argv[2]), seed = number(argv[3]);
	int fd = open_file(argv[0], O_RDWR);
	uint64_t *words = malloc(len + PAGE);
	ssize_t n;

	if (!words)
		err(1, "malloc");
	pattern(words, offset, len + PAGE - 1, seed); /* a last word in part */
	n = pwrite(fd, words, len, offset);
	if (n < 0)
		puts(strerrorname_np(errno));
	else
		printf("%zd\n", n);
	return n != (ssize_t)len;
}

/* check FILE OFFSET LEN SEED: reads page by page and compares with the pattern. */
static int cmd_check(char **argv)
{
	uint64_t offset = number(argv[1]), len = number(argv[2]), seed = number(argv[3]);
	uint64_t good = 0, wrong = 0, lost = 0;
	static uint64_t got[PAGE / sizeof(uint64_t)] __attribute__((aligned(PAGE)));
	uint64_t want[PAGE / sizeof(uint64_t)];
	int fd = open_file(argv[0], O_RDONLY);

	for (uint64_t at = offset; at < offset + len; at += PAGE) {
		pattern(want, at, PAGE, seed);
		if (pread(fd, got, PAGE, at) != (ssize_t)PAGE)
			lost++;
		else if (memcmp(got, want, PAGE))
			wrong++;
		else
			good++;
	}
	printf("%" PRIu64 " good, %" PRIu64 " wrong, %" PRIu64 " lost\n", good, wrong, lost);
	return wrong || lost;
}

/*
 * loop-read, loop-write FILE OFFSET SEED: one page over and over until SIGTERM. Says "ready", each
 * new outcome once, and at the end whether a page was ever read that was neither whole nor right.
 */
static int loop(char **argv, bool write)
{
	uint64_t offset = number(argv[1]), seed = number(argv[2]), torn = 0;
	uint64_t want[PAGE / sizeof(uint64_t)], got[PAGE / sizeof(uint64_t)];
	int fd = open_file(argv[0], O_RDWR);
	const char *before = NULL;

	catch_signals();
	pattern(want, offset, PAGE, seed);
	puts("ready");
	while (!ended) {
		ssize_t n = write ? pwrite(fd, want, PAGE, offset) : pread(fd, got, PAGE, offset);
		const char *how = n == (ssize_t)PAGE ? "all" : n < 0 ? strerrorname_np(errno) : "part";

		torn += !write && n == (ssize_t)PAGE && memcmp(got, want, PAGE);
		if (!before || strcmp(before, how))
			puts(how);
		before = how;
		fflush(stdout);
	}
	printf("%" PRIu64 " torn\n", torn);
	return 0;
}

static int cmd_loop_read(char **argv)
{
	return loop(argv, false);
}

static int cmd_loop_write(char **argv)
{
	return loop(argv, true);
}

/*
 * poison-many FILE COUNT SEED LIST: fails that many different pages of the file under a mapping. Each
 * has to bring one signal with the right address. Their offsets go to LIST, ascending.
 */
static int cmd_poison_many(char **argv)
{
	int fd = open_file(argv[0], O_RDWR);
	uint64_t size = size_of(fd), pages = size / PAGE, wanted = number(argv[1]);
	volatile uint64_t x = number(argv[2]) * 2 + 88172645463325252ULL, done = 0, right = 0;
	volatile char *addr = map(fd, PROT_READ | PROT_WRITE, size);
	volatile uint64_t page = 0;
	char *bad = calloc(pages, 1);
	FILE *list = fopen(argv[3], "w");

	if (!list || !bad || wanted > pages)
		errx(1, "cannot fail %s pages of %s", argv[1], argv[0]);
	catch_signals();
	while (done < wanted) {
		do {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			page = (x >> 20) % pages;
		} while (bad[page]);
		bad[page] = 1;
		done++;
		(void)addr[page * PAGE];
		if (sigsetjmp(sigbus_jump, 1)) {
			right += (char *)sigbus_info.si_addr == (char *)addr + page * PAGE &&
				 (sigbus_info.si_code == BUS_MCEERR_AR || sigbus_info.si_code == BUS_ADRERR);
			continue;
		}
		if (madvise((char *)addr + page * PAGE, PAGE, MADV_HWPOISON))
			err(1, "madvise");
		(void)addr[page * PAGE];
	}
	for (uint64_t i = 0; i < pages; i++)
		if (bad[i])
			fprintf(list, "%" PRIu64 "\n", i * PAGE);
	printf("%" PRIu64 " failed, %" PRIu64 " signals\n", done, right);
	return fclose(list) || done != right;
}

/* lost FILE: the offsets of all pages that read() cannot have. */
static int cmd_lost(char **argv)
{
	int fd = open_file(argv[0], O_RDONLY);
	uint64_t size = size_of(fd);
	static char page[PAGE];

	for (uint64_t at = 0; at < size; at += PAGE)
		if (pread(fd, page, PAGE, at) < 0)
			printf("%" PRIu64 "\n", at);
	return 0;
}

/* rewrite FILE LIST SEED: writes the pattern to each page whose offset stands in the list. */
static int cmd_rewrite(char **argv)
{
	uint64_t words[PAGE / sizeof(uint64_t)], at, n = 0, seed = number(argv[2]);
	int fd = open_file(argv[0], O_RDWR);
	FILE *list = fopen(argv[1], "r");

	if (!list)
		err(1, "%s", argv[1]);
	while (fscanf(list, "%" SCNu64, &at) == 1) {
		pattern(words, at, PAGE, seed);
		n += pwrite(fd, words, PAGE, at) == (ssize_t)PAGE;
	}
	printf("%" PRIu64 "\n", n);
	return 0;
}

/* as the kernel's include/uapi/linux/sched/types.h has it, which not every C library brings */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* From here on this process has 50 ms of processor time in each second. */
static void be_late(void)
{
	struct attributes little = {
		.size = sizeof(little),
		.policy = SCHED_DEADLINE,
		.runtime = 50000000,
		.deadline = 1000000000,
		.period = 1000000000,
	};

	if (syscall(SYS_sched_setattr, 0, &little, 0))
		err(1, "sched_setattr");
}

/* A page fails, reported by a process that has little processor time. */
static int cmd_late_fail(char **argv)
{
	int fd = open("/sys/kernel/debug/hwpoison/corrupt-pfn", O_WRONLY | O_CLOEXEC);
	char text[32];
	int len = snprintf(text, sizeof(text), "%" PRIu64, number(argv[0]));

	if (fd < 0)
		err(1, "corrupt-pfn");
	be_late();
	/* that the page is unused is an error for the kernel */
	return write(fd, text, len) != len && errno != EOPNOTSUPP && errno != EBUSY;
}

static void say_fsync(int fd)
{
	printf("fsync %s;", fsync(fd) ? strerrorname_np(errno) : "ok");
}

/*
 * dirty FILE OFFSET: stores to a mapping of the file and says so; after SIGTERM it syncs the file
 * three times, and reads the page.
 */
static int cmd_dirty(char **argv)
{
	uint64_t offset = number(argv[1]);
	int fd = open_file(argv[0], O_RDWR);
	char *addr, byte;

	if (fsync(fd))
		err(1, "fsync");
	addr = map(fd, PROT_READ | PROT_WRITE, offset + PAGE);
	catch_signals();
	addr[offset] = COPIED;
	puts("stored");
	fflush(stdout);
	while (!ended)
		usleep(10000);
	for (int i = 0; i < 3; i++)
		say_fsync(fd);
	printf("read %s\n", pread(fd, &byte, 1, offset) == 1 ? "ok" : strerrorname_np(errno));
	return 0;
}

/*
 * late-touch FILE GO: a process that has little processor time reads the first byte of a mapping,
 * says so, waits until the file GO is there, and reads it again.
 */
static int cmd_late_touch(char **argv)
{
	int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	volatile char *addr;

	if (fd < 0)
		err(1, "%s", argv[0]);
	addr = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (addr == MAP_FAILED)
		err(1, "mmap of %s", argv[0]);
	catch_sigbus();
	be_late();
	if (sigsetjmp(sigbus_jump, 1)) {
		puts("SIGBUS");
		return 0;
	}
	(void)addr[0];
	puts("read");
	fflush(stdout);
	while (access(argv[1], F_OK))
		usleep(10000);
	(void)addr[0];
	puts("read again");
	return 0;
}

static const struct command commands[] = {
	{ "hold", "FILE", 1, cmd_hold },
	{ "private", "FILE OFFSET", 2, cmd_private },
	{ "poison", "FILE OFFSET", 2, cmd_poison },
	{ "touch", "FILE OFFSET", 2, cmd_touch },
	{ "read", "FILE OFFSET LEN", 3, cmd_read },
	{ "read-all", "FILE OFFSET LEN", 3, cmd_read_all },
	{ "write", "FILE OFFSET LEN SEED", 4, cmd_write },
	{ "check", "FILE OFFSET LEN SEED", 4, cmd_check },
	{ "loop-read", "FILE OFFSET SEED", 3, cmd_loop_read },
	{ "loop-write", "FILE OFFSET SEED", 3, cmd_loop_write },
	{ "lost", "FILE", 1, cmd_lost },
	{ "rewrite", "FILE LIST SEED", 3, cmd_rewrite },
	{ "late-fail", "PFN", 1, cmd_late_fail },
	{ "late-touch", "FILE GO", 2, cmd_late_touch },
	{ "dirty", "FILE OFFSET", 2, cmd_dirty },
	{ "poison-many", "FILE COUNT SEED LIST", 4, cmd_poison_many },
};

int main(int argc, char **argv)
{
	return run_command(commands, sizeof(commands) / sizeof(*commands), "ras-file", argc, argv);
}
