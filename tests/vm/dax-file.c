// SPDX-License-Identifier: GPL-2.0
/*
 * dax-file: looks at a file on a DAX file system from where an application stands, and fails pages
 * of it.
 *
 * Run without arguments it says what it can do. Offsets and lengths are bytes, in decimal or with
 * 0x.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "mapped.h"
#include "program.h"

#ifndef STATX_ATTR_DAX
#define STATX_ATTR_DAX 0x00200000
#endif

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void *map_as(int fd, int prot, int flags, uint64_t offset, uint64_t len)
{
	void *addr = mmap(NULL, len, prot, flags, fd, offset);

	if (addr == MAP_FAILED)
		err(1, "mmap of %" PRIu64 " bytes at %" PRIu64, len, offset);
	return addr;
}

static void *map(int fd, int flags, uint64_t offset, uint64_t len)
{
	return map_as(fd, PROT_READ | PROT_WRITE, flags, offset, len);
}

/*
 * A DAX character device takes only mappings of its own alignment, 2 MiB here; @offset too has to
 * be a multiple.
 */
static void *map_huge(int fd, uint64_t offset)
{
	const uintptr_t huge = 2UL << 20;
	char *space = mmap(NULL, 2 * huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *want = (char *)(((uintptr_t)space + huge - 1) & ~(huge - 1)), *addr;

	if (space == MAP_FAILED)
		err(1, "mmap");
	addr = mmap(want, huge, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset);
	if (addr == MAP_FAILED)
		err(1, "mmap of the device at %" PRIu64, offset);
	return addr;
}

/* is-dax FILE: does the file system say that this file is accessed directly? */
static int cmd_is_dax(char **argv)
{
	struct statx stx;

	if (statx(AT_FDCWD, argv[0], 0, STATX_BASIC_STATS, &stx))
		err(1, "statx %s", argv[0]);
	puts(stx.stx_attributes & STATX_ATTR_DAX ? "yes" : "no");
	return 0;
}

/* map-sync FILE: may it be mapped so that a store needs no system call to last? */
static int cmd_map_sync(char **argv)
{
	int fd = open_file(argv[0], O_RDWR);
	void *addr =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0);

	if (addr == MAP_FAILED) {
		printf("no (%s)\n", strerror(errno));
		return 0;
	}
	*(volatile uint64_t *)addr = *(volatile uint64_t *)addr;
	puts("yes");
	return 0;
}

/* where FILE DEVICE-OFFSET: which offset of the file lies there on the block device? */
static int cmd_where(char **argv)
{
	struct fiemap *fm = calloc(1, sizeof(*fm) + 512 * sizeof(struct fiemap_extent));
	uint64_t want = number(argv[1]);
	int fd = open_file(argv[0], O_RDONLY);

	if (!fm)
		err(1, "calloc");
	fm->fm_length = FIEMAP_MAX_OFFSET;
	fm->fm_extent_count = 512;
	if (ioctl(fd, FS_IOC_FIEMAP, fm))
		err(1, "fiemap %s", argv[0]);
	for (unsigned int i = 0; i < fm->fm_mapped_extents; i++) {
		const struct fiemap_extent *e = &fm->fm_extents[i];

		if (want >= e->fe_physical && want - e->fe_physical < e->fe_length) {
			printf("%" PRIu64 "\n", (uint64_t)(e->fe_logical + want - e->fe_physical));
			return 0;
		}
	}
	printf("nowhere\n");
	return 1;
}

/*
 * fill FILE OFFSET LEN SEED: writes the pattern of the seed, half through a mapping, half by
 * pwrite.
 */
static int cmd_fill(char **argv)
{
	uint64_t offset = number(argv[1]), len = number(argv[2]), seed = number(argv[3]),
		 half = len / 2;
	int fd = open_file(argv[0], O_RDWR | O_CREAT);
	uint64_t *words;

	if (size_of(fd) < offset + len && ftruncate(fd, offset + len))
		err(1, "ftruncate %s", argv[0]);
	words = map(fd, MAP_SHARED, offset, half);
	pattern(words, offset, half, seed);
	if (msync(words, half, MS_SYNC))
		err(1, "msync %s", argv[0]);
	words = malloc(len - half);
	if (!words)
		err(1, "malloc");
	pattern(words, offset + half, len - half, seed);
	if (pwrite(fd, words, len - half, offset + half) != (ssize_t)(len - half))
		err(1, "pwrite %s", argv[0]);
	if (fsync(fd))
		err(1, "fsync %s", argv[0]);
	return 0;
}

static const char *code_name(int code)
{
	switch (code) {
	case BUS_MCEERR_AR:
		return "BUS_MCEERR_AR";
	case BUS_MCEERR_AO:
		return "BUS_MCEERR_AO";
	case BUS_ADRERR:
		return "BUS_ADRERR";
	case BUS_OBJERR:
		return "BUS_OBJERR";
	default:
		return "another code";
	}
}

/* One line for a SIGBUS: how it was meant and where in the mapping it struck. */
static void print_sigbus(const char *addr, uint64_t offset)
{
	printf("SIGBUS %s at offset %" PRIu64 " lsb %d\n", code_name(sigbus_info.si_code),
	       offset + (uint64_t)((char *)sigbus_info.si_addr - addr), sigbus_info.si_addr_lsb);
}

/*
 * sum FILE: a number for all that is in it, which another byte anywhere changes. In an emulated guest
 * a sum of the kind that stands up to malice takes five times as long.
 */
static int cmd_sum(char **argv)
{
	static uint64_t words[1 << 17];
	uint64_t sum = 0xcbf29ce484222325, total = 0;
	int fd = open_file(argv[0], O_RDONLY);
	ssize_t n;

	for (;;) {
		n = read(fd, words, sizeof(words));
		if (n < 0)
			err(1, "%s", argv[0]);
		if (!n)
			break;
		/* only the last piece is not whole */
		memset((char *)words + n, 0, -n & 7);
		for (ssize_t i = 0; i < (n + 7) / 8; i++)
			sum = (sum ^ words[i]) * 0x100000001b3;
		total += n;
	}
	printf("%016" PRIx64 " %" PRIu64 "\n", sum, total);
	close(fd);
	return 0;
}

/*
 * verify FILE OFFSET LEN SEED: reads through a mapping and compares; each bad or wrong page is
 * said.
 */
static int cmd_verify(char **argv)
{
	uint64_t offset = number(argv[1]), len = number(argv[2]), seed = number(argv[3]);
	int fd = open_file(argv[0], O_RDONLY);
	volatile uint64_t good = 0, wrong = 0, bus = 0, at;
	char *addr = map_as(fd, PROT_READ, MAP_SHARED, offset, len);

	catch_sigbus();
	for (at = 0; at < len; at += PAGE) {
		uint64_t want[PAGE / sizeof(uint64_t)];

		if (sigsetjmp(sigbus_jump, 1)) {
			print_sigbus(addr, offset);
			bus++;
			continue;
		}
		pattern(want, offset + at, PAGE, seed);
		if (memcmp(addr + at, want, PAGE)) {
			printf("wrong data at offset %" PRIu64 "\n", offset + at);
			wrong++;
		} else {
			good++;
		}
	}
	printf("%" PRIu64 " good, %" PRIu64 " wrong, %" PRIu64 " lost\n", good, wrong, bus);
	return wrong || bus;
}

static uint64_t phys_of(const volatile void *addr)
{
	uint64_t entry, page = sysconf(_SC_PAGESIZE);
	int fd = open_file("/proc/self/pagemap", O_RDONLY);

	if (pread(fd, &entry, sizeof(entry), (uintptr_t)addr / page * sizeof(entry)) !=
	    sizeof(entry))
		err(1, "/proc/self/pagemap");
	close(fd);
	if (!(entry >> 63))
		errx(1, "the page is not present");
	return (entry & ((1ULL << 55) - 1)) * page;
}

/* phys FILE OFFSET: the physical address that the offset has when it is mapped. */
static int cmd_phys(char **argv)
{
	uint64_t offset = number(argv[1]);
	int fd = open_file(argv[0], O_RDWR);
	volatile char *addr;
	struct stat st;

	if (fstat(fd, &st))
		err(1, "fstat %s", argv[0]);
	addr = S_ISCHR(st.st_mode) ? map_huge(fd, offset)
				   : map(fd, MAP_SHARED, offset & ~(PAGE - 1), PAGE);
	(void)*addr;
	printf("%#" PRIx64 "\n", phys_of(addr) + offset % PAGE);
	return 0;
}

/*
 * cat FILE OFFSET LEN: copies a mapping to standard output; works where read() does not, as on a
 * DAX device.
 */
static int cmd_cat(char **argv)
{
	uint64_t offset = number(argv[1]), len = number(argv[2]), huge = 2UL << 20, at = 0;
	int fd = open_file(argv[0], O_RDWR);

	while (at < len) {
		uint64_t n = len - at < huge ? len - at : huge;
		char *addr = map_huge(fd, offset + at);

		if (fwrite(addr, 1, n, stdout) != n)
			err(1, "write");
		munmap(addr, huge);
		at += n;
	}
	return fflush(stdout) ? 1 : 0;
}

/* pattern SEED LEN: that many bytes of the seed's pattern on standard output */
/* Through a mapping, and nothing is synchronized. */
static int cmd_store(char **argv)
{
	uint64_t offset = number(argv[1]), len = number(argv[2]);
	int fd = open_file(argv[0], O_RDWR);

	pattern(map(fd, MAP_SHARED, offset, len), offset, len, number(argv[3]));
	return 0;
}

static int cmd_pattern(char **argv)
{
	uint64_t seed = number(argv[0]), len = number(argv[1]);
	uint64_t words[PAGE / sizeof(uint64_t)];

	for (uint64_t at = 0; at < len; at += PAGE) {
		pattern(words, at, PAGE, seed);
		if (fwrite(words, 1, len - at < PAGE ? len - at : PAGE, stdout) == 0)
			err(1, "write");
	}
	return fflush(stdout) ? 1 : 0;
}

/*
 * poison FILE OFFSET: fails the page there while it is mapped from the file's start, and reports
 * the signal.
 */
static int cmd_poison(char **argv)
{
	uint64_t offset = number(argv[1]), size;
	int fd = open_file(argv[0], O_RDWR);
	volatile char *addr;

	size = size_of(fd);
	if (offset >= size)
		errx(2, "offset %" PRIu64 " is not in %s, which has %" PRIu64 " bytes", offset,
		     argv[0], size);
	addr = map(fd, MAP_SHARED, 0, size);
	catch_sigbus();
	(void)addr[offset];
	if (!sigsetjmp(sigbus_jump, 1)) {
		if (madvise((char *)addr + (offset & ~(PAGE - 1)), PAGE, MADV_HWPOISON))
			warn("madvise");
		(void)addr[offset];
		puts("no signal");
		return 1;
	}
	print_sigbus((char *)addr, 0);
	return 0;
}

/*
 * Maps all of a file, says "ready", then goes over its pages until a signal; tells the signal and
 * ends. Writing changes no byte, but makes every page dirty. Of a hole every byte has to be 0.
 */
static int hold(const char *path, bool write, bool hole)
{
	int fd = open_file(path, write ? O_RDWR : O_RDONLY);
	uint64_t size = size_of(fd);
	volatile char *addr = map_as(fd, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, 0, size);

	catch_sigbus();
	if (sigsetjmp(sigbus_jump, 1)) {
		print_sigbus((char *)addr, 0);
		return 0;
	}
	for (uint64_t round = 0;; round++) {
		for (uint64_t at = 0; at < size; at += PAGE) {
			char byte = addr[at];

			if (write)
				addr[at] = byte;
			if (hole && byte) {
				printf("not zero at offset %" PRIu64 "\n", at);
				return 1;
			}
		}
		if (!round) {
			puts("ready");
			fflush(stdout);
		}
		/* others need the processor too */
		usleep(20000);
	}
}

/* hold FILE: reads it through a mapping until a signal. */
static int cmd_hold(char **argv)
{
	return hold(argv[0], false, false);
}

/* hold-write FILE: reads and writes it through a mapping until a signal. */
static int cmd_hold_write(char **argv)
{
	return hold(argv[0], true, false);
}

/* hold-hole FILE: reads it until a signal, and every byte has to be 0. */
static int cmd_hold_hole(char **argv)
{
	return hold(argv[0], false, true);
}

/* How a read or a store went, in one word. */
static void tell_touch(volatile char *at, bool store)
{
	if (sigsetjmp(sigbus_jump, 1)) {
		printf("SIGBUS ");
		return;
	}
	if (store)
		*at = 'L';
	else
		(void)*at;
	printf("done ");
}

/* The same for a call: @n is what it returned. */
static void tell_call(ssize_t n)
{
	if (n < 0)
		printf("%s ", strerrorname_np(errno));
	else
		printf("%s ", n ? "done" : "nothing");
}

/*
 * late FILE r|w: maps it, reads its first page, and says "ready". Then for each line of its input
 * it tells in one line how these went: a read of that page, of another, with w a store to each,
 * and read(), with w write(), of what the mapping has.
 */
static int cmd_late(char **argv)
{
	bool write = argv[1][0] == 'w';
	int fd = open_file(argv[0], write ? O_RDWR : O_RDONLY);
	uint64_t size = size_of(fd);
	volatile char *addr = map_as(fd, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, 0, size);
	static char page[PAGE];
	char line[80];

	catch_sigbus();
	(void)addr[0];
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		tell_touch(addr, false);
		tell_touch(addr + size - PAGE, false);
		if (write) {
			tell_touch(addr, true);
			tell_touch(addr + size - PAGE, true);
		}
		tell_call(pread(fd, page, PAGE, size / 2 & ~(PAGE - 1)));
		if (write)
			tell_call(pwrite(fd, page, PAGE, size / 2 & ~(PAGE - 1)));
		puts("");
		fflush(stdout);
	}
	return 0;
}

/*
 * watch FILE: maps its first page and says what the first byte of that is; says it again for each
 * line of its input.
 */
static int cmd_watch(char **argv)
{
	volatile unsigned char *addr = map_as(open_file(argv[0], O_RDONLY), PROT_READ, MAP_SHARED, 0,
					      PAGE);
	char line[80];

	do {
		printf("%02x\n", addr[0]);
		fflush(stdout);
	} while (fgets(line, sizeof(line), stdin));
	return 0;
}

/*
 * paged LEN: has that much memory of its own written to swap, and says "ready". Then for each line of
 * its input it tells what a page of it is: the same, another, or none.
 */
static int cmd_paged(char **argv)
{
	uint64_t len = number(argv[0]), at = 0;
	uint64_t *words = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile uint64_t *look = words;
	char line[80];

	if (words == MAP_FAILED)
		err(1, "mmap");
	pattern(words, 0, len, 1);
	if (madvise(words, len, MADV_PAGEOUT))
		err(1, "madvise");
	catch_sigbus();
	puts("ready");
	fflush(stdout);
	for (; fgets(line, sizeof(line), stdin); at = (at + 64 * PAGE) % len) {
		if (sigsetjmp(sigbus_jump, 1))
			puts("SIGBUS");
		else
			puts(look[at / 8] == word_at(at, 1) ? "same" : "another");
		fflush(stdout);
	}
	return 0;
}

/* Paints or compares a DAX character device, 2 MiB at a time. */
static int paint_device(char **argv, bool compare)
{
	uint64_t len = number(argv[1]), seed = number(argv[2]), huge = 2UL << 20, wrong = 0;
	int fd = open_file(argv[0], O_RDWR);
	uint64_t *words = malloc(huge);

	if (!words)
		err(1, "malloc");
	for (uint64_t at = 0; at < len; at += huge) {
		void *addr = map_huge(fd, at);

		pattern(words, at, huge, seed);
		if (!compare)
			memcpy(addr, words, huge);
		else
			for (uint64_t page = 0; page < huge; page += PAGE)
				wrong += !!memcmp((char *)addr + page, (char *)words + page, PAGE);
		munmap(addr, huge);
	}
	if (compare)
		printf("%" PRIu64 " pages differ\n", wrong);
	return wrong != 0;
}

/* paint DEVICE LEN SEED: fills a DAX character device with the seed's pattern. */
static int cmd_paint(char **argv)
{
	return paint_device(argv, false);
}

/* painted DEVICE LEN SEED: how many of its pages have another. */
static int cmd_painted(char **argv)
{
	return paint_device(argv, true);
}

/*
 * many DIR COUNT: makes that many files of one page, keeps each open and mapped, and reads them
 * again and again until each has given a SIGBUS.
 */
static int cmd_many(char **argv)
{
	static const uint64_t words[PAGE / sizeof(uint64_t)] = { 1 };
	volatile uint64_t lost = 0, count = number(argv[1]), i;
	volatile char **addr = calloc(count, sizeof(*addr));

	if (!addr)
		err(1, "calloc");
	for (i = 0; i < count; i++) {
		char path[4096];
		int fd;

		snprintf(path, sizeof(path), "%s/many-%" PRIu64, argv[0], i);
		fd = open_file(path, O_RDWR | O_CREAT);
		if (pwrite(fd, words, PAGE, 0) != PAGE)
			err(1, "write %s", path);
		addr[i] = map_as(fd, PROT_READ, MAP_SHARED, 0, PAGE);
		(void)*addr[i];
	}
	puts("ready");
	fflush(stdout);
	catch_sigbus();
	while (lost < count) {
		for (i = 0; i < count; i++) {
			if (!addr[i])
				continue;
			if (sigsetjmp(sigbus_jump, 1)) {
				addr[i] = NULL;
				lost++;
				continue;
			}
			(void)*addr[i];
		}
		usleep(20000);
	}
	printf("SIGBUS in each of %" PRIu64 "\n", lost);
	return 0;
}

/*
 * touch FILE OFFSET LEN r|w: maps it where 2 MiB pages fit, and reads or writes one byte in each
 * 2 MiB.
 */
static int cmd_touch(char **argv)
{
	const uint64_t huge = 2UL << 20;
	uint64_t offset = number(argv[1]), len = number(argv[2]);
	bool write = argv[3][0] == 'w';
	int fd = open_file(argv[0], write ? O_RDWR : O_RDONLY);
	char *space = mmap(NULL, len + huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *want = (char *)(((uintptr_t)space + huge - 1) & ~(huge - 1));
	volatile char *addr;

	if (space == MAP_FAILED)
		err(1, "mmap");
	addr = mmap(want, len, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED | MAP_FIXED, fd,
		    offset);
	if (addr == MAP_FAILED)
		err(1, "mmap of %s", argv[0]);
	for (uint64_t at = 0; at < len; at += huge) {
		char byte = addr[at];

		if (write)
			addr[at] = byte;
	}
	return 0;
}

/*
 * pin FILE OFFSET: hands the page there to the kernel, by a pipe that has no reader, and ends the
 * mapping. Says "ready" and stays, with the file open: older kernels complain when they
 * drop a file from memory of which they have a page themselves.
 */
static int cmd_pin(char **argv)
{
	int fd = open_file(argv[0], O_RDWR), ends[2];
	char *addr = map(fd, MAP_SHARED, number(argv[1]), PAGE);
	struct iovec one = { addr, PAGE };

	(void)*(volatile char *)addr;
	if (pipe(ends) || vmsplice(ends[1], &one, 1, 0) != PAGE)
		err(1, "vmsplice");
	munmap(addr, PAGE);
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

/*
 * pin-unlinked DIR: has a page of a file without a name in a pipe of its own, says "ready", closes
 * the file, and says "closed".
 */
static int cmd_pin_unlinked(char **argv)
{
	int fd = open_file(argv[0], O_RDWR | O_TMPFILE), ends[2];
	struct iovec one = { .iov_len = PAGE };

	if (ftruncate(fd, PAGE))
		err(1, "ftruncate");
	one.iov_base = map(fd, MAP_SHARED, 0, PAGE);
	*(volatile char *)one.iov_base = 1;
	if (pipe(ends) || vmsplice(ends[1], &one, 1, 0) != PAGE)
		err(1, "vmsplice");
	munmap(one.iov_base, PAGE);
	puts("ready");
	fflush(stdout);
	close(fd);
	puts("closed");
	fflush(stdout);
	for (;;)
		pause();
}

/*
 * pin-many FILE PAGES: as pin, with that many pages from the start of the file, in pipes of 1 MiB.
 */
static int cmd_pin_many(char **argv)
{
	const uint64_t pipe_len = 1UL << 20;
	uint64_t len = number(argv[1]) * PAGE;
	int fd = open_file(argv[0], O_RDWR), ends[2];
	char *addr = map(fd, MAP_SHARED, 0, len);

	for (uint64_t at = 0; at < len; at += pipe_len) {
		struct iovec part = { addr + at, len - at < pipe_len ? len - at : pipe_len };

		if (pipe(ends) || fcntl(ends[1], F_SETPIPE_SZ, pipe_len) < 0)
			err(1, "pipe");
		while (part.iov_len) {
			ssize_t n = vmsplice(ends[1], &part, 1, 0);

			if (n <= 0)
				err(1, "vmsplice");
			part.iov_base = (char *)part.iov_base + n;
			part.iov_len -= n;
		}
	}
	munmap(addr, len);
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

/* Who serves page faults, and when. */
struct server {
	int uffd;
	const char *go;
};

/* Gives a thread that waits for a page what it waits for, once the file @go is there. */
static void *serve_thread(void *data)
{
	const struct server *server = data;
	static char zeros[PAGE] __attribute__((aligned(PAGE)));
	struct uffdio_copy copy = { .src = (uintptr_t)zeros, .len = PAGE };
	struct uffd_msg message;

	if (read(server->uffd, &message, sizeof(message)) != sizeof(message))
		err(1, "userfaultfd");
	puts("ready");
	fflush(stdout);
	while (access(server->go, F_OK))
		usleep(10000);
	copy.dst = message.arg.pagefault.address & ~(PAGE - 1);
	if (ioctl(server->uffd, UFFDIO_COPY, &copy))
		err(1, "UFFDIO_COPY");
	return NULL;
}

/*
 * stuck-write FILE GO: writes a page whose memory is there only once the file GO is: until then it
 * waits in a page fault in the middle of the write. Says "ready" when it does, and at its end how
 * the write went.
 */
static int cmd_stuck_write(char **argv)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = open_file(argv[0], O_RDWR), uffd;
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct server server;
	pthread_t thread;

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	range.range.start = (uintptr_t)page;
	range.range.len = PAGE;
	if (page == MAP_FAILED || uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &range))
		err(1, "userfaultfd");
	server.uffd = uffd;
	server.go = argv[1];
	if (pthread_create(&thread, NULL, serve_thread, &server))
		errx(1, "pthread_create");
	if (pwrite(fd, page, PAGE, 0) == PAGE)
		puts("written");
	else
		printf("not written: %s\n", strerror(errno));
	return 0;
}

/*
 * short-write FILE OFFSET GOOD LEN: writes LEN bytes there, of which the first GOOD are X and the
 * others are in memory that is not there. Prints how many were written.
 */
static int cmd_short_write(char **argv)
{
	int fd = open_file(argv[0], O_RDWR);
	uint64_t offset = number(argv[1]), good = number(argv[2]), len = number(argv[3]);
	uint64_t there = (good + PAGE - 1) / PAGE * PAGE, room = there + len + PAGE;
	char *addr = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t written;

	if (addr == MAP_FAILED || mprotect(addr + there, room - there, PROT_NONE))
		err(1, "mmap");
	memset(addr, 'X', there);
	written = pwrite(fd, addr + there - good, len, offset);
	printf("%zd\n", written < 0 ? 0 : written);
	return 0;
}

/* Pages that log writes in turn. */
#define LOG_PAGES 256

static void flush_lines(const char *addr, size_t len)
{
	for (size_t at = 0; at < len; at += 64)
#ifdef __x86_64__
		_mm_clflush(addr + at);
	_mm_sfence();
#else
		asm volatile("dc cvac, %0" : : "r"(addr + at) : "memory");
	asm volatile("dsb ish" : : : "memory");
#endif
}

/*
 * log FILE sync|map: writes entry after entry, each a page, and prints its number once it is
 * acknowledged: by fsync, or by flushing the processor's caches where the file is mapped with
 * MAP_SYNC. Ends with the first error or SIGBUS.
 */
static int cmd_log(char **argv)
{
	int fd = open_file(argv[0], O_RDWR | O_CREAT), mapped = !strcmp(argv[1], "map");
	static uint64_t words[PAGE / sizeof(uint64_t)];
	char *addr = NULL;
	uint64_t n;

	if (mapped) {
		if (ftruncate(fd, LOG_PAGES * PAGE))
			err(1, "ftruncate %s", argv[0]);
		addr = map(fd, MAP_SHARED_VALIDATE | MAP_SYNC, 0, LOG_PAGES * PAGE);
	}
	catch_sigbus();
	if (sigsetjmp(sigbus_jump, 1)) {
		puts("ended SIGBUS");
		return 0;
	}
	for (n = 1;; n++) {
		uint64_t offset = n % LOG_PAGES * PAGE;

		pattern(words, offset, PAGE, n);
		if (mapped) {
			memcpy(addr + offset, words, PAGE);
			flush_lines(addr + offset, PAGE);
		} else if (pwrite(fd, words, PAGE, offset) != PAGE || fsync(fd)) {
			break;
		}
		printf("%" PRIu64 "\n", n);
		fflush(stdout);
		/* others need the processor too */
		usleep(1000);
	}
	printf("ended %s\n", strerror(errno));
	return 0;
}

/* Which of the entries that go to @offset, from @least on, is there? 0 if none is, whole. */
static uint64_t entry_in(const uint64_t *have, uint64_t offset, uint64_t least)
{
	static uint64_t want[PAGE / sizeof(uint64_t)];

	for (uint64_t n = least; n < least + 4096 * LOG_PAGES; n += LOG_PAGES) {
		if (have[0] != word_at(offset, n))
			continue;
		pattern(want, offset, PAGE, n);
		return memcmp(have, want, PAGE) ? 0 : n;
	}
	return 0;
}

/*
 * check-log FILE LAST: is each entry there that was acknowledged, up to number LAST, or a later one
 * in its place? Later ones may have been written and acknowledged without a line of it;
 * one, the one after the last that is there, may be there in part.
 */
static int cmd_check_log(char **argv)
{
	uint64_t last = number(argv[1]), n, highest = last, missing = 0, checked = 0;
	static uint64_t have[PAGE / sizeof(uint64_t)], found[LOG_PAGES];
	uint64_t first = last >= LOG_PAGES ? last - LOG_PAGES + 1 : 1;
	int fd = open_file(argv[0], O_RDONLY);

	for (n = first; n <= last; n++) {
		uint64_t slot = n % LOG_PAGES;

		if (pread(fd, have, PAGE, slot * PAGE) == PAGE)
			found[slot] = entry_in(have, slot * PAGE, n);
		if (found[slot] > highest)
			highest = found[slot];
	}
	for (n = first; n <= last; n++) {
		checked++;
		if (found[n % LOG_PAGES] || n % LOG_PAGES == (highest + 1) % LOG_PAGES)
			continue;
		printf("entry %" PRIu64 " is not there\n", n);
		missing++;
	}
	printf("%" PRIu64 " there, %" PRIu64 " missing\n", checked - missing, missing);
	return missing != 0;
}

static const struct command commands[] = {
	{ "is-dax", "FILE", 1, cmd_is_dax },
	{ "map-sync", "FILE", 1, cmd_map_sync },
	{ "where", "FILE DEVICE-OFFSET", 2, cmd_where },
	{ "fill", "FILE OFFSET LEN SEED", 4, cmd_fill },
	{ "store", "FILE OFFSET LEN SEED", 4, cmd_store },
	{ "sum", "FILE", 1, cmd_sum },
	{ "verify", "FILE OFFSET LEN SEED", 4, cmd_verify },
	{ "phys", "FILE OFFSET", 2, cmd_phys },
	{ "cat", "FILE OFFSET LEN", 3, cmd_cat },
	{ "pattern", "SEED LEN", 2, cmd_pattern },
	{ "poison", "FILE OFFSET", 2, cmd_poison },
	{ "touch", "FILE OFFSET LEN r|w", 4, cmd_touch },
	{ "hold", "FILE", 1, cmd_hold },
	{ "hold-write", "FILE", 1, cmd_hold_write },
	{ "hold-hole", "FILE", 1, cmd_hold_hole },
	{ "late", "FILE r|w", 2, cmd_late },
	{ "watch", "FILE", 1, cmd_watch },
	{ "paged", "LEN", 1, cmd_paged },
	{ "paint", "DEVICE LEN SEED", 3, cmd_paint },
	{ "painted", "DEVICE LEN SEED", 3, cmd_painted },
	{ "many", "DIR COUNT", 2, cmd_many },
	{ "pin", "FILE OFFSET", 2, cmd_pin },
	{ "pin-unlinked", "DIR", 1, cmd_pin_unlinked },
	{ "pin-many", "FILE PAGES", 2, cmd_pin_many },
	{ "stuck-write", "FILE GO", 2, cmd_stuck_write },
	{ "short-write", "FILE OFFSET GOOD LEN", 4, cmd_short_write },
	{ "log", "FILE sync|map", 2, cmd_log },
	{ "check-log", "FILE LAST", 2, cmd_check_log },
};

int main(int argc, char **argv)
{
	return run_command(commands, sizeof(commands) / sizeof(*commands), "dax-file", argc, argv);
}
