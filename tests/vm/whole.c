// SPDX-License-Identifier: GPL-2.0
/*
 * whole: random rounds over two devices, with a model of every byte: who may see it, and what it
 * has to be (whole-model.h).
 *
 *   whole run SEED ROUNDS OPERATIONS DEVICE DEVICE
 *   whole dry SEED ROUNDS OPERATIONS DIRECTORY	the same on two folders, without devices
 *   whole lie SEED ROUNDS OPERATIONS DIRECTORY	one byte changes behind the model's back
 *
 * A round is OPERATIONS on the files of a device, by this process and by others that have kept a
 * mapping and a descriptor for many rounds, and one event: the device is unbound with its file
 * system mounted or not, has another user, is bound, mounted, made anew; pages fail, and are
 * repaired. After it all files of both devices, every kept mapping and what is left of earlier
 * bindings are looked at. One line says what the round did. The same SEED does the same.
 *
 * Ends with 1 at the first thing that is wrong, which it prints with the operations on that byte.
 * What hangs for two minutes is printed as "stuck", with the stacks of all tasks in the kernel log.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../uapi/fsdev.h"
#include "program.h"
#include "whole-model.h"

#define HUGE (2UL << 20)
#define DEVICES 2
#define FILES 4
#define KEEPERS 6			/* processes that keep a mapping */
#define MOUNTS 2			/* of earlier bindings, for each device */
#define LOOK_PAGES 64UL
#define STUCK 120			/* seconds */
#define UNMAPPED 10			/* seconds in which a failed page is unmapped everywhere */

enum use { UNBOUND, RAW_DISK, RAW_NODE, MOUNTED };

/* a mount of a binding that has ended */
struct old_mount {
	char dir[64];
	bool xfs;
	struct model_file *files[FILES];
};

struct device {
	char name[20], disk[32], node[32], dir[64];
	enum use use;
	bool xfs, huge;
	unsigned int owner;		/* of what is on it */
	uint64_t size, seed;		/* of the fill, where it has one */
	struct model_file *files[FILES];
	int fds[FILES], direct[FILES];
	struct old_mount old[MOUNTS];
};

enum task { LOAD, READ, STORE, WRITE, BUSY, QUIT };

struct request {
	enum task task;
	uint64_t from, len;
};

/* between a keeper and this process */
struct shared {
	int error[FILE_PAGES];		/* of each page that it was asked for: 0, an errno, or -1 */
	unsigned char bytes[FILE_MOST];
	volatile int alarm;
	uint64_t alarm_page, alarm_byte;
	unsigned char alarm_bytes[PAGE];
};

/* a process that keeps a mapping of a file, and a descriptor */
struct keeper {
	pid_t pid;
	int sock, device, number;
	struct model_file *file;
	struct shared *shared;
	uint64_t first, pages;
	bool private, old, busy, xfs;
	bool own[FILE_PAGES];		/* pages of a private mapping that it has written */
	unsigned char *own_bytes;
	uint64_t born;
};

struct done {
	uint64_t round, from, len;
	int device, file;
	char text[72];
};

static struct device devices[DEVICES];
static struct keeper keepers[KEEPERS];
static char (*owners)[64];
static unsigned int owner_count;
static struct done *history;
static size_t history_count;
static char line[4096];
static unsigned char *after;
static uint64_t state, seed, rounds, round_nr, operations, looks, failures, counter;
static bool dry, kernel_6_1, early_kill;
static const char *doing = "start";
static volatile time_t progress;
static sigjmp_buf jump;
static volatile sig_atomic_t armed;

static uint64_t any(uint64_t below)
{
	state += 0x9e3779b97f4a7c15ULL;
	return model_mix(state) % below;
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	/* advice that a page has failed comes at any time */
	if (!armed || info->si_code == BUS_MCEERR_AO)
		return;
	armed = 0;
	siglongjmp(jump, 1);
}

/* guarded_copy() - false where the memory of either is not there */
static bool __attribute__((noinline)) guarded_copy(void *to, const void *from, uint64_t len)
{
	if (sigsetjmp(jump, 1))
		return false;
	armed = 1;
	memcpy(to, from, len);
	armed = 0;
	return true;
}

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	size_t at = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + at, sizeof(line) - at, format, args);
	va_end(args);
}

static void put_line(void)
{
	printf("%s\n", line);
	fflush(stdout);
	line[0] = 0;
}

static void __attribute__((noreturn)) ended(int status)
{
	for (int i = 0; i < KEEPERS; i++)
		if (keepers[i].pid)
			kill(keepers[i].pid, SIGKILL);
	fflush(stdout);
	_exit(status);
}

/* What cannot be, without a byte to show. */
static void __attribute__((noreturn, format(printf, 1, 2))) wrong(const char *format, ...)
{
	int error = errno;
	va_list args;

	put_line();
	printf("wrong in round %" PRIu64 " (%s): ", round_nr, doing);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(" (errno: %s)\n", strerror(error));
	for (size_t i = history_count > 12 ? history_count - 12 : 0; i < history_count; i++)
		printf("  round %" PRIu64 ": device %d, file %d, %s: %" PRIu64 " + %" PRIu64 "\n",
		       history[i].round, history[i].device, history[i].file, history[i].text,
		       history[i].from, history[i].len);
	ended(1);
}

static void __attribute__((format(printf, 5, 6)))
note(int device, int file, uint64_t from, uint64_t len, const char *format, ...)
{
	struct done *done;
	va_list args;

	progress = now();
	if (history_count % 4096 == 0) {
		history = realloc(history, (history_count + 4096) * sizeof(*history));
		if (!history)
			err(1, "realloc");
	}
	done = &history[history_count++];
	*done = (struct done){ .round = round_nr, .from = from, .len = len, .device = device,
			       .file = file };
	va_start(args, format);
	vsnprintf(done->text, sizeof(done->text), format, args);
	va_end(args);
	doing = history[history_count - 1].text;
}

/* the operations on a byte of a file, or of the device where that has none */
static void tell_history(int device, int file, uint64_t at)
{
	size_t shown = 0;

	for (size_t i = history_count; i-- > 0 && shown < 16;) {
		const struct done *done = &history[i];

		if (done->device != device || (done->file >= 0 && done->file != file) ||
		    (done->len && (at < done->from || at >= done->from + done->len)))
			continue;
		printf("  round %" PRIu64 ": %s: %" PRIu64 " + %" PRIu64 "\n", done->round,
		       done->text, done->from, done->len);
		shown++;
	}
}

static void __attribute__((noreturn, format(printf, 8, 9)))
mismatch(int device, int file, uint64_t page, uint64_t byte, const unsigned char *seen, int want,
	 const char *reason, const char *how, ...)
{
	const struct device *d = &devices[device];
	int owner = seen ? model_owner_of(seen, PAGE, byte) : -1;
	va_list args;

	put_line();
	printf("wrong in round %" PRIu64 " (%s): %s, %s: file %d, offset %" PRIu64 " (page %" PRIu64
	       "), seen by ", round_nr, doing, d->name, d->use != MOUNTED ? "no file system" :
	       d->xfs ? "XFS" : "ext4", file, page * PAGE + byte, page);
	va_start(args, how);
	vprintf(how, args);
	va_end(args);
	printf(": %s\n", reason);
	if (seen)
		printf("  got %#x, wanted %s%#x\n", seen[byte], want < 0 ? "an error" : "",
		       want < 0 ? 0 : want);
	if (seen && owner >= 0 && (unsigned int)owner < owner_count)
		printf("  the word is of owner %d: %s\n", owner, owners[owner]);
	printf("the last operations on that byte:\n");
	tell_history(device, file, page * PAGE + byte);
	ended(1);
}

static unsigned int new_owner(const char *what, const char *name)
{
	if (owner_count == OWNERS)
		errx(1, "no more owners");
	snprintf(owners[owner_count], sizeof(owners[0]), "%s of %s, round %" PRIu64, what, name,
		 round_nr);
	return owner_count++;
}

static struct model_file *take(struct model_file *file)
{
	file->users++;
	return file;
}

static void put(struct model_file *file)
{
	if (!--file->users)
		free(file);
}

static int numbered(const struct device *d)
{
	return d - devices;
}

/* Keepers */

static void __attribute__((noreturn)) keeper_main(const struct keeper *k, int fd, int sock,
						  unsigned char *addr)
{
	struct shared *shared = k->shared;
	static unsigned char page_bytes[PAGE];
	struct request request;
	bool busy = false;
	uint64_t n = k->number;

	for (;;) {
		struct pollfd poll_fd = { .fd = sock, .events = POLLIN };
		unsigned char *to;
		uint64_t first, end;
		int ready = poll(&poll_fd, 1, busy ? 3 : -1);
		char ack = 1;

		if (ready < 0)
			continue;
		if (!ready) {
			uint64_t page, byte;

			n = model_mix(n);
			page = k->first + n % k->pages;
			if (guarded_copy(page_bytes, addr + (page - k->first) * PAGE, PAGE)) {
				byte = model_foreign(page_bytes, PAGE, k->file->owner);
				if (byte < PAGE && !shared->alarm) {
					shared->alarm_page = page;
					shared->alarm_byte = byte;
					memcpy(shared->alarm_bytes, page_bytes, PAGE);
					__sync_synchronize();
					shared->alarm = 1;
				}
			}
			continue;
		}
		if (read(sock, &request, sizeof(request)) != sizeof(request))
			_exit(0);
		first = request.from / PAGE;
		end = model_end_page(request.from, request.len);
		to = addr + (request.from - k->first * PAGE);
		switch (request.task) {
		case LOAD:
		case READ:
			for (uint64_t page = first; page < end; page++) {
				unsigned char *bytes = shared->bytes + page * PAGE;

				shared->error[page] = -1;
				if (request.task == READ) {
					ssize_t got = pread(fd, bytes, PAGE, page * PAGE);

					shared->error[page] = got < 0 ? errno : 0;
					if (got >= 0)
						memset(bytes + got, 0, PAGE - got);
				} else if (guarded_copy(bytes, addr + (page - k->first) * PAGE,
							PAGE)) {
					shared->error[page] = 0;
				}
			}
			break;
		case STORE:
			shared->error[first] = guarded_copy(to, shared->bytes + request.from,
							    request.len) ? 0 : -1;
			break;
		case WRITE: {
			ssize_t got = pwrite(fd, shared->bytes + request.from, request.len,
					     request.from);

			shared->error[first] = got == (ssize_t)request.len ? 0 :
					       got < 0 ? errno : EIO;
			break;
		}
		case BUSY:
			busy = true;
			break;
		case QUIT:
			_exit(0);
		}
		if (write(sock, &ack, 1) != 1)
			_exit(0);
	}
}

static void check_alarm(struct keeper *k)
{
	if (!k->pid || !k->shared->alarm)
		return;
	mismatch(k->device, k->number, k->shared->alarm_page, k->shared->alarm_byte,
		 k->shared->alarm_bytes, -1, "bytes of another owner",
		 "a %s mapping that was made in round %" PRIu64 "%s (at any time)",
		 k->private ? "private" : "shared", k->born, k->old ? ", whose binding has ended" : "");
}

static void check_alarms(void)
{
	for (int i = 0; i < KEEPERS; i++)
		check_alarm(&keepers[i]);
}

static void ask(struct keeper *k, enum task wanted, uint64_t from, uint64_t len)
{
	struct request request = { .task = wanted, .from = from, .len = len };
	char ack;

	if (write(k->sock, &request, sizeof(request)) != sizeof(request) ||
	    read(k->sock, &ack, 1) != 1) {
		int status = 0;

		waitpid(k->pid, &status, WNOHANG);
		wrong("the process that keeps file %d of device %d since round %" PRIu64
		      " has ended, status %#x", k->number, k->device, k->born, status);
	}
	progress = now();
}

static void drop_keeper(struct keeper *k)
{
	struct request request = { .task = QUIT };

	if (!k->pid)
		return;
	check_alarm(k);
	if (write(k->sock, &request, sizeof(request)) != sizeof(request))
		kill(k->pid, SIGKILL);
	close(k->sock);
	waitpid(k->pid, NULL, 0);
	munmap(k->shared, sizeof(*k->shared));
	free(k->own_bytes);
	put(k->file);
	memset(k, 0, sizeof(*k));
}

/* Those of what is mounted now: an unmount would fail. */
static void drop_keepers(int device)
{
	for (int i = 0; i < KEEPERS; i++)
		if (keepers[i].pid && keepers[i].device == device && !keepers[i].old)
			drop_keeper(&keepers[i]);
}

/* at the same place of 2 MiB in memory as in the file, so that entries of 2 MiB can be mapped */
static unsigned char *map_at(int fd, uint64_t start, uint64_t len, int flags)
{
	uint64_t room = len + 2 * HUGE, in = start % HUGE;
	unsigned char *addr = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (addr == MAP_FAILED)
		err(1, "mmap");
	munmap(addr, room);
	addr = (unsigned char *)(((uintptr_t)addr + HUGE - 1) & ~(HUGE - 1)) + in;
	return mmap(addr, len, PROT_READ | PROT_WRITE, flags, fd, start);
}

static void add_keeper(struct device *d)
{
	struct keeper *k = NULL;
	unsigned char *addr;
	int pair[2], fd;

	for (int i = 0; i < KEEPERS && !k; i++)
		if (!keepers[i].pid)
			k = &keepers[i];
	if (!k)
		k = &keepers[any(KEEPERS)];
	drop_keeper(k);
	k->device = numbered(d);
	k->number = any(FILES);
	k->file = take(d->files[k->number]);
	k->private = any(2);
	k->busy = !dry && any(2);
	k->born = round_nr;
	k->pages = any(3) ? any(700) + 1 : FILE_PAGES;
	k->first = any(FILE_PAGES - k->pages + 1);
	k->own_bytes = k->private ? malloc(FILE_MOST) : NULL;
	k->shared = mmap(NULL, sizeof(*k->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k->shared == MAP_FAILED || (k->private && !k->own_bytes) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		err(1, "keeper");
	fd = d->fds[k->number];
	note(k->device, k->number, k->first * PAGE, k->pages * PAGE, "a process keeps a %s mapping",
	     k->private ? "private" : "shared");
	k->pid = fork();
	if (k->pid < 0)
		err(1, "fork");
	if (!k->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = dup(fd);
		/* of what this process has open nothing is to be held by another one */
		for (int device = 0; device < DEVICES; device++)
			for (int file = 0; file < FILES; file++) {
				close(devices[device].fds[file]);
				close(devices[device].direct[file]);
			}
		for (int i = 0; i < KEEPERS; i++)
			if (keepers[i].sock)
				close(keepers[i].sock);
		close(pair[0]);
		addr = map_at(fd, k->first * PAGE, k->pages * PAGE,
			      k->private ? MAP_PRIVATE : MAP_SHARED);
		if (addr == MAP_FAILED)
			_exit(1);
		keeper_main(k, fd, pair[1], addr);
	}
	close(pair[1]);
	k->sock = pair[0];
	if (k->busy)
		ask(k, BUSY, 0, 0);
	say(" keep%d:%d", k->device, k->number);
}

/* One page that a keeper was asked for. */
static void judge(struct keeper *k, uint64_t page, bool mapped)
{
	struct model_file *file = k->file;
	const unsigned char *seen = k->shared->error[page] ? NULL : k->shared->bytes + page * PAGE;
	const char *reason;
	uint64_t byte = 0;

	looks++;
	if (mapped && k->private && k->own[page]) {
		const unsigned char *want = k->own_bytes + page * PAGE;

		reason = seen ? NULL : "an error, and the page is a copy of the process's own";
		for (byte = 0; seen && byte < PAGE - 1 && seen[byte] == want[byte]; byte++)
			;
		if (seen && memcmp(seen, want, PAGE))
			reason = "not what the process has written to its own copy";
		if (reason)
			mismatch(k->device, k->number, page, byte, seen, want[byte], reason,
				 "a private mapping of round %" PRIu64, k->born);
		return;
	}
	if (k->old) {
		/* a hole needs no memory of the device */
		if (!seen || (model_is_zero(file, page) && model_foreign(seen, PAGE, 0) == PAGE &&
			      !memcmp(seen, file->bytes + page * PAGE, PAGE)) ||
		    (!mapped && page * PAGE >= file->size))
			return;
		byte = model_foreign(seen, PAGE, file->owner);
		mismatch(k->device, k->number, page, byte % PAGE, seen, -1,
			 "the binding has ended", "a %s of round %" PRIu64,
			 mapped ? "mapping" : "descriptor", k->born);
	}
	if (mapped && page * PAGE >= file->size) {
		if (seen)
			mismatch(k->device, k->number, page, 0, seen, -1, "behind the file's end",
				 "a mapping of round %" PRIu64, k->born);
		return;
	}
	reason = model_see(file, page, seen, PAGE, mapped, &byte);
	if (reason)
		mismatch(k->device, k->number, page, byte, seen,
			 seen ? file->bytes[page * PAGE + byte] : -1, reason, "a %s %s of round %" PRIu64,
			 k->private ? "private" : "shared", mapped ? "mapping" : "descriptor", k->born);
}

static void look(struct keeper *k, bool mapped, uint64_t first, uint64_t pages)
{
	if (!k->pid || !pages)
		return;
	check_alarm(k);
	ask(k, mapped ? LOAD : READ, first * PAGE, pages * PAGE);
	for (uint64_t page = first; page < first + pages; page++)
		judge(k, page, mapped);
}

static void look_all(void)
{
	for (int i = 0; i < KEEPERS; i++) {
		struct keeper *k = &keepers[i];

		look(k, true, k->first, k->pages);
		if (k->old || !any(4))
			look(k, false, any(FILE_PAGES - LOOK_PAGES), LOOK_PAGES);
	}
}

/* Looking at files */

static void see(struct device *d, int number, uint64_t page, const unsigned char *seen,
		uint64_t len, const char *how)
{
	struct model_file *file = d->files[number];
	uint64_t byte;
	const char *reason;

	looks++;
	reason = model_see(file, page, seen, len, false, &byte);
	if (reason)
		mismatch(numbered(d), number, page, byte, seen,
			 seen ? file->bytes[page * PAGE + byte] : -1, reason, "%s", how);
}

static void check_size(struct device *d, int number)
{
	struct stat st;

	if (fstat(d->fds[number], &st))
		wrong("fstat of file %d of %s", number, d->name);
	if ((uint64_t)st.st_size != d->files[number]->size)
		wrong("file %d of %s has %" PRIu64 " bytes, has to have %" PRIu64, number, d->name,
		      (uint64_t)st.st_size, d->files[number]->size);
}

/* Compares pages of a file: in large pieces, and one by one where that is not enough. */
static void compare(struct device *d, int number, uint64_t from, uint64_t len)
{
	static unsigned char piece[LOOK_PAGES * PAGE] __attribute__((aligned(4096)));
	struct model_file *file = d->files[number];
	uint64_t end = from + len < file->size ? from + len : file->size;

	for (uint64_t at = from / PAGE * PAGE; at < end;) {
		uint64_t n = sizeof(piece) - at % sizeof(piece), page;
		bool plain = true;

		if (n > file->size - at)
			n = file->size - at;
		for (page = at / PAGE; page < model_end_page(at, n); page++)
			plain &= file->flags[page] == MAY_READ;
		if (plain && pread(d->fds[number], piece, n, at) == (ssize_t)n &&
		    !memcmp(piece, file->bytes + at, n)) {
			looks += (n + PAGE - 1) / PAGE;
			at += n;
			continue;
		}
		for (uint64_t stop = at + n; at < stop; at += PAGE) {
			uint64_t want = stop - at < PAGE ? stop - at : PAGE;
			ssize_t got = pread(d->fds[number], piece, want, at);

			if (got >= 0 && got != (ssize_t)want)
				wrong("pread of file %d of %s at %" PRIu64 ": %zd bytes of %" PRIu64,
				      number, d->name, at, got, want);
			see(d, number, at / PAGE, got < 0 ? NULL : piece, want, "read()");
		}
		at = (at + PAGE - 1) / PAGE * PAGE;
	}
	check_size(d, number);
}

static void compare_raw(struct device *d);

static void compare_device(struct device *d)
{
	if (d->use == MOUNTED)
		for (int number = 0; number < FILES; number++)
			compare(d, number, 0, FILE_MOST);
	else if (d->use != UNBOUND)
		compare_raw(d);
}

/* Operations */

/* An operation has been done in the model as well; or it has failed, which it may only for a reason. */
static void settle(struct device *d, int number, uint64_t from, uint64_t len, uint64_t old_size,
		   bool may_fail, int error)
{
	struct model_file *file = d->files[number];
	uint64_t most = file->size > old_size ? file->size : old_size;
	struct stat st;

	if (!error) {
		check_size(d, number);
		return;
	}
	say("(%s)", strerrorname_np(error));
	if (error != ENOSPC && !((error == EIO || error == EFAULT) && (may_fail || file->may_eio))) {
		errno = error;
		wrong("file %d of %s: %s failed", number, d->name, doing);
	}
	model_failed(file, from, len);
	if (fstat(d->fds[number], &st))
		wrong("fstat");
	if ((uint64_t)st.st_size != file->size && (uint64_t)st.st_size != old_size &&
	    ((uint64_t)st.st_size < from || (uint64_t)st.st_size > most))
		wrong("file %d of %s has %" PRIu64 " bytes", number, d->name, (uint64_t)st.st_size);
	file->size = st.st_size;
	compare(d, number, from, len);
	memset(file->bytes + file->size, 0, FILE_MOST - file->size);
	for (uint64_t page = (file->size + PAGE - 1) / PAGE; page < FILE_PAGES; page++)
		file->flags[page] = MAY_READ;
}

static uint64_t change(struct device *d, int number, uint64_t from, uint64_t len, bool *may_fail)
{
	struct model_file *file = d->files[number];
	uint64_t start = from < file->size ? from : file->size;

	*may_fail = model_may_fail(file, from, len);
	model_remember(file, start, from + len - start);
	return file->size;
}

static void do_write(struct device *d, int number, uint64_t from, uint64_t len, int fd)
{
	bool may_fail;
	uint64_t old_size = change(d, number, from, len, &may_fail);
	struct model_file *file = d->files[number];
	ssize_t got;

	model_fill(after, from, len, ++counter ^ seed << 20, file->owner);
	model_write(file, from, len, after);
	got = pwrite(fd, after, len, from);
	if (got == (ssize_t)len)
		model_whole_pages(file, from, len);
	settle(d, number, from, len, old_size, may_fail,
	       got == (ssize_t)len ? 0 : got < 0 ? errno : may_fail ? EIO : ENOSPC);
}

static void do_store(struct device *d, int number, uint64_t from, uint64_t len)
{
	struct model_file *file = d->files[number];
	uint64_t start = from / PAGE * PAGE;
	unsigned char *addr;
	unsigned char byte;
	int error = EIO;
	bool may_fail;
	uint64_t old_size;

	if (from >= file->size)
		return;
	if (len > file->size - from)
		len = file->size - from;
	if (any(2))
		start = start / HUGE * HUGE;
	old_size = change(d, number, from, len, &may_fail);
	model_fill(after, from, len, ++counter ^ seed << 20, file->owner);
	model_write(file, from, len, after);
	addr = map_at(d->fds[number], start, from + len - start, MAP_SHARED);
	if (addr == MAP_FAILED)
		wrong("mmap");
	/* first read at times */
	if (any(2))
		guarded_copy(&byte, addr + (from - start), 1);
	if (guarded_copy(addr + (from - start), after, len))
		error = any(2) && msync(addr, from + len - start, MS_SYNC) ? errno : 0;
	munmap(addr, from + len - start);
	settle(d, number, from, len, old_size, may_fail, error);
}

static void do_load(struct device *d, int number, uint64_t from, uint64_t len)
{
	struct model_file *file = d->files[number];
	uint64_t start = from / PAGE * PAGE, end;
	unsigned char *addr;

	if (from >= file->size)
		return;
	if (any(2))
		start = start / HUGE * HUGE;
	end = from + len < file->size ? from + len : file->size;
	addr = map_at(d->fds[number], start, end - start, MAP_SHARED);
	if (addr == MAP_FAILED)
		wrong("mmap");
	for (uint64_t page = from / PAGE; page * PAGE < end; page++)
		see(d, number, page,
		    guarded_copy(after, addr + (page * PAGE - start), PAGE) ? after : NULL, PAGE,
		    "a new mapping");
	munmap(addr, end - start);
}

static void do_truncate(struct device *d, int number, uint64_t to)
{
	struct model_file *file = d->files[number];
	uint64_t from = to < file->size ? to : file->size;
	uint64_t len = (to < file->size ? file->size : to) - from;
	bool may_fail;
	uint64_t old_size = change(d, number, from, len, &may_fail);

	may_fail |= kernel_6_1 && d->xfs;	/* dax-zero-shared-lost.md: refused */
	if (ftruncate(d->fds[number], to)) {
		model_zero(file, from, len);
		settle(d, number, from, len, old_size, may_fail, errno);
		return;
	}
	model_truncate(file, to);
	/* private copies behind the new end go with it */
	for (int i = 0; i < KEEPERS; i++)
		if (keepers[i].pid && keepers[i].file == file && to < old_size)
			memset(keepers[i].own + (to + PAGE - 1) / PAGE, 0,
			       FILE_PAGES - (to + PAGE - 1) / PAGE);
	settle(d, number, from, len, old_size, may_fail, 0);
}

static void do_allocate(struct device *d, int number, int mode, uint64_t from, uint64_t len)
{
	struct model_file *file = d->files[number];
	bool may_fail, zero = mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE);
	uint64_t old_size = change(d, number, from, len, &may_fail), n;

	/* dax-zero-shared-lost.md: refused */
	may_fail |= kernel_6_1 && d->xfs && zero;
	if (fallocate(d->fds[number], mode, from, len)) {
		if (errno == EOPNOTSUPP)
			return;
		if (zero)
			model_zero(file, from, len);
		settle(d, number, from, len, old_size, may_fail, errno);
		return;
	}
	n = from >= file->size ? 0 : file->size - from < len ? file->size - from : len;
	if (zero) {
		model_zero(file, from, n);
		model_whole_pages(file, from, len);
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE) && from + len > file->size)
		file->size = from + len;
	settle(d, number, from, len, old_size, may_fail, 0);
}

static void do_fsync(struct device *d, int number)
{
	if (!fsync(d->fds[number]))
		return;
	if (errno != EIO || !d->files[number]->may_eio)
		wrong("fsync of file %d of %s", number, d->name);
	say("(EIO)");
}

static void do_clone(struct device *d, int number, int other, uint64_t from, uint64_t to,
		     uint64_t len, bool all)
{
	struct model_file *source = d->files[number], *file = d->files[other];
	struct file_clone_range range = { .src_fd = d->fds[number], .src_offset = from,
					  .src_length = len, .dest_offset = to };
	bool may_fail;
	uint64_t old_size;
	int rc;

	if (all) {
		if (number == other)
			return;
		do_truncate(d, other, 0);
		if (file->size)
			return;
		from = to = 0;
		len = source->size;
	}
	if (from + len > source->size) {
		if (from >= source->size)
			return;
		len = (source->size - from) / PAGE * PAGE;
	}
	if (!len || (number == other && from < to + len && to < from + len))
		return;
	range.src_length = len;
	old_size = change(d, other, to, len, &may_fail);
	may_fail |= model_may_fail(source, from, len) || source->may_eio;
	rc = all ? ioctl(d->fds[other], FICLONE, d->fds[number]) :
		   ioctl(d->fds[other], FICLONERANGE, &range);
	if (rc && (errno == EOPNOTSUPP || errno == EXDEV || errno == EINVAL) && dry)
		return;
	if (!rc) {
		model_clone(file, to, source, from, len);
		settle(d, other, to, len, old_size, may_fail, 0);
		return;
	}
	rc = errno;
	memmove(file->bytes + to, source->bytes + from, len);
	if (to + len > file->size)
		file->size = to + len;
	settle(d, other, to, len, old_size, may_fail, rc);
	/* a page that was shared before it failed may be one that has failed */
}

static void do_dedupe(struct device *d, int number, int other, uint64_t from, uint64_t to,
		      uint64_t len)
{
	struct model_file *source = d->files[number], *file = d->files[other];
	struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info info;
	} arg = { .range = { .src_offset = from, .dest_count = 1 },
		  .info = { .dest_fd = d->fds[other], .dest_offset = to } };
	bool same, bad, zeros = false;

	if (from >= source->size || to >= file->size)
		return;
	if (len > source->size - from)
		len = (source->size - from) / PAGE * PAGE;
	if (len > file->size - to)
		len = (file->size - to) / PAGE * PAGE;
	if (!len || (number == other && from < to + len && to < from + len))
		return;
	/* mostly of what is the same, or nearly */
	if (any(4)) {
		bool may_fail;
		uint64_t old_size = change(d, other, to, len, &may_fail);
		ssize_t got;

		memcpy(after, source->bytes + from, len);
		if (any(2)) {
			uint64_t i = any(len);

			model_fill(after + i, to + i, 1, ++counter, file->owner);
		}
		model_write(file, to, len, after);
		got = pwrite(d->fds[other], after, len, to);
		if (got == (ssize_t)len)
			model_whole_pages(file, to, len);
		settle(d, other, to, len, old_size, may_fail,
		       got == (ssize_t)len ? 0 : got < 0 ? errno : may_fail ? EIO : ENOSPC);
	}
	bad = model_may_fail(source, from, len) || model_may_fail(file, to, len) ||
	      source->may_eio || file->may_eio;
	same = !memcmp(source->bytes + from, file->bytes + to, len);
	for (uint64_t page = from / PAGE; page < (from + len) / PAGE; page++)
		zeros |= model_is_zero(source, page);
	arg.range.src_length = len;
	if (ioctl(d->fds[number], FIDEDUPERANGE, &arg)) {
		if (dry || errno == EOPNOTSUPP)
			return;
		wrong("FIDEDUPERANGE");
	}
	if (arg.info.status == -EOPNOTSUPP || (dry && arg.info.status == -EINVAL))
		return;
	say("(%d)", arg.info.status);
	if (bad)
		;
	else if (arg.info.status < 0)
		wrong("dedupe of file %d of %s: status %d", other, d->name, arg.info.status);
	else if ((arg.info.status == FILE_DEDUPE_RANGE_SAME) != same && !(same && zeros))
		wrong("dedupe says %d of what is %s", arg.info.status, same ? "the same" : "not");
	if (arg.info.status == FILE_DEDUPE_RANGE_SAME && arg.info.bytes_deduped && same)
		model_clone(file, to, source, from, arg.info.bytes_deduped);
	compare(d, other, to, len);
}

/* by a process that keeps a mapping */
static void do_kept(struct device *d, struct keeper *k)
{
	uint64_t first = k->first + any(k->pages), pages = any(16) + 1, from, len, old_size;
	struct model_file *file = k->file;
	bool may_fail;
	int error;

	if (pages > k->first + k->pages - first)
		pages = k->first + k->pages - first;
	from = first * PAGE + any(PAGE);
	len = pages * PAGE - from % PAGE;
	len -= any(len);
	if (from + len > file->size) {
		if (from >= file->size)
			return;
		len = file->size - from;
	}
	switch (any(4)) {
	case 0:
		note(k->device, k->number, from, len, "load by a process of round %" PRIu64, k->born);
		look(k, true, first, pages);
		return;
	case 1:
		note(k->device, k->number, from, len, "read by a process of round %" PRIu64, k->born);
		look(k, false, first, pages);
		return;
	case 2:
		note(k->device, k->number, from, len, "%s store by a process of round %" PRIu64,
		     k->private ? "private" : "shared", k->born);
		if (k->private) {
			/* so that what the copies are made of is known */
			look(k, true, first, pages);
			for (uint64_t page = from / PAGE; page < model_end_page(from, len); page++) {
				if (k->shared->error[page])
					return;
				if (!k->own[page])
					memcpy(k->own_bytes + page * PAGE,
					       k->shared->bytes + page * PAGE, PAGE);
			}
			model_fill(k->own_bytes + from, from, len, ++counter, file->owner);
			memcpy(k->shared->bytes + from, k->own_bytes + from, len);
			ask(k, STORE, from, len);
			if (k->shared->error[from / PAGE])
				wrong("SIGBUS in a private mapping of good pages");
			for (uint64_t page = from / PAGE; page < model_end_page(from, len); page++)
				k->own[page] = true;
			look(k, true, first, pages);
			return;
		}
		break;
	default:
		note(k->device, k->number, from, len, "write by a process of round %" PRIu64, k->born);
		break;
	}
	old_size = change(d, k->number, from, len, &may_fail);
	model_fill(after, from, len, ++counter ^ seed << 20, file->owner);
	model_write(file, from, len, after);
	memcpy(k->shared->bytes + from, after, len);
	error = doing[0] == 'w';
	ask(k, error ? WRITE : STORE, from, len);
	if (error && !k->shared->error[from / PAGE])
		model_whole_pages(file, from, len);
	error = k->shared->error[from / PAGE];
	settle(d, k->number, from, len, old_size, may_fail, error < 0 ? EIO : error);
}

static struct keeper *keeper_of(struct device *d)
{
	int n = any(KEEPERS);

	for (int i = 0; i < KEEPERS; i++) {
		struct keeper *k = &keepers[(n + i) % KEEPERS];

		if (k->pid && k->device == numbered(d) && !k->old)
			return k;
	}
	return NULL;
}

static void operation(struct device *d)
{
	static const char *const names[] = { "write", "write", "O_DIRECT write", "store", "store",
		"load", "read", "O_DIRECT read", "truncate", "punch", "zero", "allocate", "fsync",
		"clone", "clone", "clone all", "dedupe", "unshare", "unshare" };
	int device = numbered(d), number = any(FILES), other = any(FILES);
	unsigned int kind = any(d->xfs || dry ? 19 : 13);
	uint64_t pages = any(2) ? any(12) + 1 : any(600) + 1;
	uint64_t page = any(FILE_PAGES - pages), there = any(FILE_PAGES - pages);
	uint64_t from = page * PAGE, len = pages * PAGE, to = there * PAGE;
	struct keeper *k;

	if (!any(4)) {
		k = keeper_of(d);
		if (k && any(8))
			do_kept(d, k);
		else
			add_keeper(d);
		return;
	}
	/* long extents, which cross the ends of ranges */
	if (!any(5)) {
		from = to = 0;
		len = FILE_MOST - any(2) * any(PAGE * 64);
	}
	if (kind == 16 && len > 256 * PAGE)
		len = 256 * PAGE;
	if (kind >= 13 && kind <= 16)
		len = len / PAGE * PAGE;
	else if (kind == 2 || kind == 7)
		len = (len + PAGE - 1) / PAGE * PAGE;
	else if (any(2)) {
		from += any(PAGE);
		len -= from % PAGE < len ? from % PAGE : 0;
		len -= any(len < PAGE ? len : PAGE);
		if (from + len > FILE_MOST)
			len = FILE_MOST - from;
	}
	note(device, kind >= 13 && kind <= 16 ? other : number,
	     kind >= 13 && kind <= 16 ? to : kind == 8 ? 0 : from, kind == 8 || kind == 15 ? 0 : len,
	     kind >= 13 && kind <= 16 ? "%s of file %d from page %" PRIu64 : "%s",
	     names[kind], number, page);
	switch (kind) {
	case 0:
	case 1:
		do_write(d, number, from, len, d->fds[number]);
		break;
	case 2:
		if (d->direct[number] >= 0)
			do_write(d, number, from, len, d->direct[number]);
		break;
	case 3:
	case 4:
		do_store(d, number, from, len);
		break;
	case 5:
		do_load(d, number, from, len);
		break;
	case 6:
	case 7:
		compare(d, number, from, len);
		break;
	case 8:
		do_truncate(d, number, any(3) ? from + len : from);
		break;
	case 9:
		do_allocate(d, number, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, len);
		break;
	case 10:
		do_allocate(d, number, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, from, len);
		break;
	case 11:
		do_allocate(d, number, 0, from, len);
		break;
	case 12:
		do_fsync(d, number);
		break;
	case 13:
	case 14:
		do_clone(d, number, other, from, to, len, false);
		break;
	case 15:
		do_clone(d, number, other, 0, 0, 0, true);
		break;
	case 16:
		do_dedupe(d, number, other, from, to, len);
		break;
	default:
		if (from + len > d->files[number]->size)
			len = from < d->files[number]->size ? d->files[number]->size - from : 0;
		if (len)
			do_allocate(d, number, FALLOC_FL_UNSHARE_RANGE | FALLOC_FL_KEEP_SIZE, from, len);
	}
	check_alarms();
}

/* Devices */

static bool put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error;
	bool good;

	if (fd < 0)
		return false;
	good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	error = errno;
	close(fd);
	errno = error;
	return good;
}

static void bind_to(struct device *d, const char *driver)
{
	char path[128];

	note(numbered(d), -1, 0, 0, "bind to %s", driver);
	say(" %s", driver);
	if (dry)
		return;
	snprintf(path, sizeof(path), "/sys/bus/dax/drivers/%s/bind", driver);
	if (!put_text(path, d->name))
		wrong("%s does not bind to %s", d->name, driver);
}

static void unbind(struct device *d)
{
	char path[128];

	note(numbered(d), -1, 0, 0, "unbind");
	say(" unbind");
	if (dry)
		return;
	snprintf(path, sizeof(path), "/sys/bus/dax/devices/%s/driver/unbind", d->name);
	if (!put_text(path, d->name))
		wrong("unbind of %s", d->name);
}

/* Goes over the device: fills it, or compares. By the disk, or by a mapping of the node. */
static void raw(struct device *d, bool fill)
{
	const uint64_t piece = HUGE;
	unsigned char *disk_piece = NULL;
	int fd = open(d->use == RAW_DISK ? d->disk : d->node,
		      O_RDWR | O_CLOEXEC | (d->use == RAW_DISK ? O_DIRECT : 0));

	if (fd < 0)
		wrong("cannot open %s", d->use == RAW_DISK ? d->disk : d->node);
	if (d->use == RAW_DISK && posix_memalign((void **)&disk_piece, PAGE, piece))
		err(1, "memory");
	for (uint64_t at = 0; at < d->size; at += piece) {
		unsigned char *bytes = disk_piece;

		progress = now();
		if (d->use == RAW_NODE) {
			bytes = map_at(fd, at, piece, MAP_SHARED);
			if (bytes == MAP_FAILED)
				wrong("mmap of %s", d->node);
		}
		model_fill(after, at, piece, d->seed, d->owner);
		if (fill) {
			memcpy(bytes, after, piece);
			if (d->use == RAW_DISK && pwrite(fd, bytes, piece, at) != (ssize_t)piece)
				wrong("write of %s", d->disk);
		} else {
			if (d->use == RAW_DISK && pread(fd, bytes, piece, at) != (ssize_t)piece)
				wrong("read of %s", d->disk);
			looks += piece / PAGE;
			for (uint64_t i = 0; memcmp(bytes, after, piece) && i < piece; i++)
				if (bytes[i] != after[i])
					mismatch(numbered(d), -1, (at + i) / PAGE, (at + i) % PAGE,
						 bytes + i / PAGE * PAGE, after[i], "it has changed",
						 "a look at the device");
		}
		if (d->use == RAW_NODE)
			munmap(bytes, piece);
	}
	free(disk_piece);
	close(fd);
}

static void compare_raw(struct device *d)
{
	if (!dry)
		raw(d, false);
}

static void run_mkfs(const char *const *argv)
{
	pid_t pid = fork();
	int status, null;

	if (!pid) {
		null = open("/dev/shm/mkfs", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(null, 1);
		dup2(null, 2);
		/* mkfs.xfs makes a small file system for its own tests only */
		setenv("TEST_DIR", "y", 1);
		setenv("TEST_DEV", "y", 1);
		setenv("QA_CHECK_FS", "y", 1);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		wrong("%s: status %#x, see /dev/shm/mkfs", argv[0], status);
}

static void close_files(struct device *d)
{
	for (int number = 0; number < FILES; number++) {
		if (d->fds[number] >= 0)
			close(d->fds[number]);
		if (d->direct[number] >= 0)
			close(d->direct[number]);
		d->fds[number] = d->direct[number] = -1;
	}
}

static void open_files(struct device *d)
{
	for (int number = 0; number < FILES; number++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/file%d", d->dir, number);
		d->fds[number] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (d->fds[number] < 0)
			wrong("cannot open %s", path);
		d->direct[number] = open(path, O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	}
}

static void drop_old(struct device *d, int i);

/*
 * XFS has a folder in sysfs for each mount, and ext4 one in /proc, by the name of the disk: neither is
 * mounted again as long as a mount of its own from an earlier binding is there, or a process that has
 * a file of it.
 */
static void make_way(struct device *d)
{
	for (int i = 0; i < MOUNTS; i++)
		if (d->old[i].xfs == d->xfs)
			drop_old(d, i);
	for (int i = 0; i < KEEPERS; i++) {
		struct keeper *k = &keepers[i];

		if (k->pid && k->device == numbered(d) && k->old && k->xfs == d->xfs)
			drop_keeper(k);
	}
}

static bool mounts(struct device *d)
{
	const char *options = "dax=always";

	/* an earlier mount of it may be left */
	if (d->xfs)
		options = "dax=always,nouuid";
	make_way(d);
	for (int tries = 0; tries < 100; tries++) {
		if (!mount(d->disk, d->dir, d->xfs ? "xfs" : "ext4", 0, options))
			return true;
		if (errno != EEXIST || !d->xfs)
			return false;
		usleep(100000);
	}
	return false;
}

static void mount_it(struct device *d)
{
	static unsigned int nr;

	note(numbered(d), -1, 0, 0, "mount");
	say(" mount");
	if (!dry) {
		snprintf(d->dir, sizeof(d->dir), "/mnt/whole/%d-%u", numbered(d), nr++);
		if (mkdir(d->dir, 0700) || !mounts(d))
			wrong("mount of %s on %s", d->disk, d->dir);
	}
	d->use = MOUNTED;
	open_files(d);
}

static void unmount(struct device *d)
{
	note(numbered(d), -1, 0, 0, "unmount");
	say(" umount");
	drop_keepers(numbered(d));
	close_files(d);
	if (!dry && (umount2(d->dir, 0) || rmdir(d->dir)))
		wrong("unmount of %s", d->dir);
}

/* a new file system; the device is bound */
static void make(struct device *d)
{
	d->xfs = any(3);
	d->huge = any(2);
	note(numbered(d), -1, 0, 0, "mkfs.%s%s", d->xfs ? "xfs" : "ext4", d->huge ? ", 2 MiB" : "");
	say(" mkfs.%s%s", d->xfs ? "xfs" : "ext4", d->huge ? "(2M)" : "");
	d->owner = new_owner(d->xfs ? "XFS" : "ext4", d->name);
	if (!dry) {
		const char *const xfs[] = { "mkfs.xfs", "-q", "-f", "-m", "rmapbt=1,reflink=1",
					    d->disk, d->huge ? "-d" : NULL, "su=2m,sw=1", NULL };
		const char *const ext4[] = { "mkfs.ext4", "-q", "-F", "-b", "4096", d->disk,
					     NULL };
		const char *const ext4_huge[] = { "mkfs.ext4", "-q", "-F", "-b", "4096", "-E",
						  "stride=512,stripe-width=512", d->disk, NULL };

		run_mkfs(d->xfs ? xfs : d->huge ? ext4_huge : ext4);
	}
	for (int number = 0; number < FILES; number++) {
		if (d->files[number])
			put(d->files[number]);
		d->files[number] = malloc(sizeof(struct model_file));
		if (!d->files[number])
			err(1, "memory");
		model_init(d->files[number], d->owner);
		if (dry) {
			char path[128];

			snprintf(path, sizeof(path), "%s/file%d", d->dir, number);
			unlink(path);
		}
	}
	mount_it(d);
	for (int number = 0; number < 2 && d->xfs && d->huge && !dry; number++) {
		struct fsxattr attr;

		if (ioctl(d->fds[number], FS_IOC_FSGETXATTR, &attr))
			wrong("FS_IOC_FSGETXATTR");
		attr.fsx_xflags |= FS_XFLAG_EXTSIZE;
		attr.fsx_extsize = HUGE;
		if (ioctl(d->fds[number], FS_IOC_FSSETXATTR, &attr))
			wrong("FS_IOC_FSSETXATTR");
	}
}

/* What is left of the bindings that have ended. */
static void probe_old(struct device *d)
{
	for (int i = 0; i < MOUNTS; i++) {
		struct old_mount *old = &d->old[i];
		int number = any(FILES), fd;
		uint64_t page = any(FILE_PAGES);
		char path[128];
		ssize_t got;

		if (!old->dir[0])
			continue;
		snprintf(path, sizeof(path), "%s/file%d", old->dir, number);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		got = pread(fd, after, PAGE, page * PAGE);
		if (got > 0 && !(model_is_zero(old->files[number], page) &&
				 !memcmp(after, old->files[number]->bytes + page * PAGE, got)))
			mismatch(numbered(d), number, page, model_foreign(after, PAGE,
				 old->files[number]->owner) % PAGE, after, -1, "the binding has ended",
				 "a mount of it that is left");
		memset(after, 0xbd, PAGE);
		if (pwrite(fd, after, PAGE, page * PAGE) == (ssize_t)PAGE &&
		    page * PAGE < old->files[number]->size)
			wrong("%s, whose binding has ended, takes a write", path);
		close(fd);
	}
}

static void drop_old(struct device *d, int i)
{
	struct old_mount *old = &d->old[i];

	if (!old->dir[0])
		return;
	/* lazily, as a process may keep it */
	note(numbered(d), -1, 0, 0, "unmount of an earlier binding");
	say(" umount-old");
	if (umount2(old->dir, MNT_DETACH))
		wrong("unmount of %s", old->dir);
	for (int number = 0; number < FILES; number++)
		put(old->files[number]);
	rmdir(old->dir);
	old->dir[0] = 0;
}

/* The device goes from under what is mounted on it. */
static void pull(struct device *d)
{
	static unsigned char piece[PAGE];
	int slot = any(MOUNTS), number;
	bool keep = any(2);

	if (any(2)) {
		note(numbered(d), -1, 0, 0, "sync");
		say(" sync");
		sync();
	}
	say(" under-mount");
	unbind(d);
	for (number = 0; number < FILES; number++) {
		uint64_t page = any(FILE_PAGES);
		ssize_t got = pread(d->fds[number], piece, PAGE, page * PAGE);
		struct model_file *file = d->files[number];

		if (got > 0 && !(model_is_zero(file, page) &&
				 !memcmp(piece, file->bytes + page * PAGE, got)))
			mismatch(numbered(d), number, page, 0, piece, -1, "the binding has ended",
				 "a descriptor");
	}
	for (int i = 0; i < KEEPERS; i++) {
		struct keeper *k = &keepers[i];

		if (!k->pid || k->device != numbered(d) || k->old)
			continue;
		/* what it knows of the file is of this binding: the next one goes on without it */
		k->old = true;
		k->xfs = d->xfs;
		k->file = malloc(sizeof(*k->file));
		if (!k->file)
			err(1, "memory");
		*k->file = *d->files[k->number];
		put(d->files[k->number]);
		k->file->users = 1;
	}
	look_all();
	close_files(d);
	if (keep) {
		drop_old(d, slot);
		memcpy(d->old[slot].dir, d->dir, sizeof(d->dir));
		d->old[slot].xfs = d->xfs;
		for (number = 0; number < FILES; number++) {
			d->old[slot].files[number] = malloc(sizeof(struct model_file));
			if (!d->old[slot].files[number])
				err(1, "memory");
			*d->old[slot].files[number] = *d->files[number];
			d->old[slot].files[number]->users = 1;
		}
		say(" keep-mount");
	} else if (umount2(d->dir, MNT_DETACH)) {
		wrong("unmount of %s", d->dir);
	} else {
		rmdir(d->dir);
	}
	d->use = UNBOUND;
}

static void ended_binding(struct device *d)
{
	for (int number = 0; number < FILES; number++)
		model_ended(d->files[number]);
}

/* The device is not bound: what comes next? */
static void next_user(struct device *d)
{
	ended_binding(d);
	switch (any(5)) {
	case 0:
	case 1:
		bind_to(d, "fsdev");
		mount_it(d);
		break;
	case 2:
		bind_to(d, "fsdev");
		make(d);
		break;
	default:
		d->use = any(2) ? RAW_DISK : RAW_NODE;
		bind_to(d, d->use == RAW_DISK ? "fsdev" : "device_dax");
		d->owner = new_owner("fill", d->name);
		d->seed = ++counter;
		say(" fill");
		note(numbered(d), -1, 0, 0, "fill");
		raw(d, true);
	}
}

static void end_use(struct device *d)
{
	if (d->use == MOUNTED)
		unmount(d);
	if (d->use != UNBOUND)
		unbind(d);
	d->use = UNBOUND;
}

/* page_at() - where on the device a page of a file is; false where it has no block of its own */
static bool page_at(struct device *d, int number, uint64_t page, uint64_t *offset)
{
	struct {
		struct fiemap map;
		struct fiemap_extent extent;
	} arg = { .map = { .fm_start = page * PAGE, .fm_length = PAGE, .fm_extent_count = 1,
			   .fm_flags = FIEMAP_FLAG_SYNC } };
	const uint32_t none = FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC |
			      FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_DATA_INLINE;

	if (page * PAGE >= d->files[number]->size)
		return false;
	if (ioctl(d->fds[number], FS_IOC_FIEMAP, &arg)) {
		/* the sync may say what has failed */
		if (errno == EIO && d->files[number]->may_eio)
			return false;
		wrong("FIEMAP");
	}
	if (!arg.map.fm_mapped_extents || arg.extent.fe_flags & none ||
	    arg.extent.fe_logical > page * PAGE)
		return false;
	*offset = arg.extent.fe_physical + page * PAGE - arg.extent.fe_logical;
	return true;
}

static bool command(struct device *d, unsigned long request, uint64_t offset, uint64_t len,
		    uint32_t flags)
{
	struct fsdev_span span = { .offset = offset, .len = len, .flags = flags };
	int fd = open(d->node, O_RDWR | O_CLOEXEC), rc;

	if (fd < 0)
		wrong("cannot open %s", d->node);
	rc = ioctl(fd, request, &span);
	close(fd);
	return !rc && span.done == len;
}

/* another process fails the page by its own mapping */
static bool fail_mapped(struct device *d, int number, uint64_t page)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		unsigned char *addr = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
					   d->fds[number], page * PAGE);

		if (addr == MAP_FAILED || !guarded_copy(after, addr, 1))
			_exit(1);
		_exit(madvise(addr, PAGE, MADV_HWPOISON) && errno != EBUSY ? 2 : 0);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static void fail_page(struct device *d)
{
	struct keeper *k = keeper_of(d);
	int number = k && any(2) ? k->number : (int)any(FILES), other;
	uint64_t page = any(FILE_PAGES), offset, there;
	unsigned int how = any(3), sharers = 0;
	bool good;

	/* of all pages those are told that a process has a private copy of */
	if (k && number == k->number && any(2))
		for (uint64_t i = 0; i < FILE_PAGES; i++)
			if (k->own[(page + i) % FILE_PAGES]) {
				page = (page + i) % FILE_PAGES;
				break;
			}
	if (d->files[number]->flags[page] != MAY_READ || !page_at(d, number, page, &offset))
		return;
	note(numbered(d), number, page * PAGE, PAGE, "the page fails (%s)",
	     how == 0 ? "INJECT" : how == 1 ? "ADD_BAD" : "madvise");
	say(" fail%d:%" PRIu64, number, page);
	early_kill = any(2);
	put_text("/proc/sys/vm/memory_failure_early_kill", early_kill ? "1" : "0");
	if (how == 2)
		good = fail_mapped(d, number, page);
	else
		good = command(d, how == 0 ? FSDEV_IOC_INJECT : FSDEV_IOC_ADD_BAD, offset, PAGE, 0);
	if (!good)
		wrong("file %d of %s, page %" PRIu64 " cannot be failed", number, d->name, page);
	failures++;
	for (int pass = 0; pass < 2; pass++)
		for (other = 0; other < FILES; other++)
			for (uint64_t i = 0; i < FILE_PAGES; i++) {
				/* of what cannot share it only the page itself */
				if (!d->xfs && (other != number || i != page))
					continue;
				if (memcmp(d->files[other]->bytes + i * PAGE,
					   d->files[number]->bytes + page * PAGE, PAGE) ||
				    !page_at(d, other, i, &there) || there != offset)
					continue;
				if (!pass) {
					sharers++;
					continue;
				}
				note(numbered(d), other, i * PAGE, PAGE, "the page fails, shared by %u",
				     sharers);
				/* no file is named by a page that is shared: XFS signals by that setting */
				model_fail(d->files[other], i, sharers > 1 && !early_kill);
			}
	/* a moment later it is unmapped from processes that were not signalled */
	for (int i = 0; i < KEEPERS; i++) {
		time_t begin = now();

		k = &keepers[i];
		if (!k->pid || k->old || k->device != numbered(d) || k->file != d->files[number] ||
		    page < k->first || page >= k->first + k->pages || k->own[page] ||
		    d->files[number]->flags[page] & OLD_MAPPING)
			continue;
		for (;;) {
			ask(k, LOAD, page * PAGE, PAGE);
			if (k->shared->error[page] || now() > begin + UNMAPPED)
				break;
			usleep(10000);
		}
	}
}

static void repair(struct device *d)
{
	int first = any(FILES), number = -1, how = any(4);
	uint64_t start = any(FILE_PAGES), page = 0, offset, there;

	for (int i = 0; i < FILES && number < 0; i++)
		for (uint64_t n = 0; n < FILE_PAGES; n++) {
			page = (start + n) % FILE_PAGES;
			if (d->files[(first + i) % FILES]->flags[page] & MAY_FAIL) {
				number = (first + i) % FILES;
				break;
			}
		}
	if (number < 0)
		return;
	switch (how) {
	case 0:
		note(numbered(d), number, page * PAGE, PAGE, "repair by write");
		say(" repair-write%d:%" PRIu64, number, page);
		do_write(d, number, page * PAGE, PAGE, d->fds[number]);
		break;
	case 1:
		note(numbered(d), number, page * PAGE, PAGE, "repair by punch");
		say(" repair-punch%d:%" PRIu64, number, page);
		do_allocate(d, number, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * PAGE, PAGE);
		break;
	case 2:
		if (!page_at(d, number, page, &offset))
			return;
		note(numbered(d), number, page * PAGE, PAGE, "CLEAR of the page");
		say(" CLEAR%d:%" PRIu64, number, page);
		if (!command(d, FSDEV_IOC_CLEAR, offset, PAGE, FSDEV_CLEAR_HELD))
			wrong("CLEAR of file %d of %s, page %" PRIu64, number, d->name, page);
		for (int other = 0; other < FILES; other++)
			for (uint64_t i = 0; i < FILE_PAGES; i++)
				if (d->files[other]->flags[i] & MAY_FAIL &&
				    page_at(d, other, i, &there) && there == offset)
					model_cleared(d->files[other], i);
		break;
	default:
		note(numbered(d), -1, 0, 0, "CLEAR of the device");
		say(" CLEAR");
		if (!command(d, FSDEV_IOC_CLEAR, 0, d->size, FSDEV_CLEAR_HELD))
			wrong("CLEAR of %s", d->name);
		for (int other = 0; other < FILES; other++)
			for (uint64_t i = 0; i < FILE_PAGES; i++)
				model_cleared(d->files[other], i);
	}
}

static void event(struct device *d)
{
	unsigned int kind = any(16);

	if (!any(4))
		drop_old(d, any(MOUNTS));
	if (d->use != MOUNTED) {
		if (any(3)) {
			end_use(d);
			bind_to(d, "fsdev");
			make(d);
		}
		return;
	}
	if (dry)
		kind = kind < 4 ? kind : kind < 6 ? 4 : 15;
	switch (kind) {
	case 0:
	case 1:
		unmount(d);
		mount_it(d);
		break;
	case 2:
	case 3:
		unmount(d);
		unbind(d);
		if (any(2) && !dry) {
			bind_to(d, "device_dax");
			unbind(d);
		}
		ended_binding(d);
		bind_to(d, "fsdev");
		mount_it(d);
		break;
	case 4:
		unmount(d);
		make(d);
		break;
	case 5:
		end_use(d);
		next_user(d);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		pull(d);
		next_user(d);
		break;
	case 10:
	case 11:
	case 12:
		for (int n = any(4) + 1; n; n--)
			fail_page(d);
		break;
	case 13:
	case 14:
		for (int n = any(3) + 1; n; n--)
			repair(d);
		break;
	default:
		break;
	}
}

static void *watch(void *unused)
{
	for (;;) {
		sleep(2);
		if (now() < progress + STUCK)
			continue;
		printf("stuck in round %" PRIu64 ": %s\n  %s\n", round_nr, doing, line);
		fflush(stdout);
		put_text("/proc/sysrq-trigger", "w");
		put_text("/proc/sysrq-trigger", "t");
		ended(3);
	}
	return unused;
}

static void one_round(void)
{
	struct device *d = &devices[any(DEVICES)];

	say("round %" PRIu64 ": device %d (%s)", round_nr, numbered(d),
	    d->use != MOUNTED ? "no file system" : d->xfs ? "XFS" : "ext4");
	for (uint64_t n = 0; d->use == MOUNTED && n < operations; n++)
		operation(d);
	event(d);
	for (int i = 0; i < DEVICES; i++) {
		doing = "all is compared";
		progress = now();
		compare_device(&devices[i]);
		probe_old(&devices[i]);
	}
	look_all();
	check_alarms();
	put_line();
}

/* Something else changes a byte: to see that it is found. */
static void lie(void)
{
	struct device *d = &devices[0];
	char path[128];
	unsigned char byte;
	int fd;

	do_write(d, 1, 0, 3 * PAGE, d->fds[1]);
	snprintf(path, sizeof(path), "%s/file1", d->dir);
	fd = open(path, O_RDWR);
	if (fd < 0 || pread(fd, &byte, 1, 5000) != 1)
		err(2, "%s", path);
	byte ^= 4;
	if (pwrite(fd, &byte, 1, 5000) != 1)
		err(2, "%s", path);
	close(fd);
}

static int run(char **argv, const char *directory, bool lying)
{
	struct sigaction act = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct utsname name;
	pthread_t thread;

	seed = number(argv[0]);
	rounds = number(argv[1]);
	operations = number(argv[2]);
	state = seed;
	sigaction(SIGBUS, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (uname(&name))
		err(1, "uname");
	kernel_6_1 = !strncmp(name.release, "6.1.", 4);
	owners = calloc(OWNERS, sizeof(owners[0]));
	after = malloc(FILE_MOST + HUGE);
	if (!owners || !after)
		err(1, "memory");
	/* O_DIRECT wants its buffer aligned, where it is not DAX */
	after = (unsigned char *)(((uintptr_t)after + HUGE - 1) & ~(HUGE - 1));
	progress = now();
	if (pthread_create(&thread, NULL, watch, NULL))
		errx(1, "no thread");
	/* number 0 is what was there before */
	new_owner("nothing", "anything");
	for (int i = 0; i < DEVICES; i++) {
		struct device *d = &devices[i];

		for (int file = 0; file < FILES; file++)
			d->fds[file] = d->direct[file] = -1;
		if (directory) {
			dry = true;
			snprintf(d->name, sizeof(d->name), "folder %u", i & 1U);
			snprintf(d->dir, sizeof(d->dir), "%s/%d", directory, i);
			if (mkdir(d->dir, 0700) && errno != EEXIST)
				err(1, "%s", d->dir);
		} else {
			char path[64], text[32] = "";
			int fd;

			snprintf(d->name, sizeof(d->name), "%s", argv[3 + i]);
			snprintf(d->disk, sizeof(d->disk), "/dev/fsdev%s", argv[3 + i] + 3);
			snprintf(d->node, sizeof(d->node), "/dev/%s", argv[3 + i]);
			snprintf(path, sizeof(path), "/sys/bus/dax/devices/%.15s/size", d->name);
			fd = open(path, O_RDONLY);
			if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
				err(1, "%s", path);
			close(fd);
			d->size = strtoull(text, NULL, 0);
		}
		say("device %d:", i);
		bind_to(d, "fsdev");
		make(d);
		put_line();
	}
	for (round_nr = 1; round_nr <= rounds; round_nr++) {
		/* a round depends on those before it by what they have left, not by their choices */
		state = model_mix(seed + (round_nr << 32));
		if (lying && round_nr == rounds && devices[0].use == MOUNTED)
			lie();
		one_round();
	}
	round_nr--;
	doing = "end";
	for (int i = 0; i < KEEPERS; i++)
		drop_keeper(&keepers[i]);
	for (int i = 0; i < DEVICES; i++) {
		for (int old = 0; old < MOUNTS; old++)
			drop_old(&devices[i], old);
		end_use(&devices[i]);
		for (int file = 0; file < FILES; file++)
			put(devices[i].files[file]);
	}
	line[0] = 0;
	printf("whole: %" PRIu64 " rounds, %zu operations, %" PRIu64 " pages failed, %" PRIu64
	       " pages seen\n", rounds, history_count, failures, looks);
	fflush(stdout);
	return 0;
}

static int cmd_run(char **argv)
{
	if (mkdir("/mnt/whole", 0700) && errno != EEXIST)
		err(1, "/mnt/whole");
	return run(argv, NULL, false);
}

static int cmd_dry(char **argv)
{
	return run(argv, argv[3], false);
}

static int cmd_lie(char **argv)
{
	return run(argv, argv[3], true);
}

int main(int argc, char **argv)
{
	static const struct command commands[] = {
		{ "run", "SEED ROUNDS OPERATIONS DEVICE DEVICE", 5, cmd_run },
		{ "dry", "SEED ROUNDS OPERATIONS DIRECTORY", 4, cmd_dry },
		{ "lie", "SEED ROUNDS OPERATIONS DIRECTORY", 4, cmd_lie },
	};

	return run_command(commands, sizeof(commands) / sizeof(*commands), "whole", argc, argv);
}
