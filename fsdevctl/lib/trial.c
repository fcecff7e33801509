// SPDX-License-Identifier: GPL-2.0
/*
 * A new file of a mounted file system on trial: what programs have of it, on this hardware. One page of
 * it fails, which no other file has.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit.h"
#include "daxcheck.h"
#include "node.h"
#include "page.h"
#include "report.h"
#include "steps.h"
#include "sysfs.h"
#include "trial.h"

#define PAGE page_size()
#define BLOCK (2ull << 20)	/* written at once; no page */
#define BYTES_MAX (64ull << 20)
#define BYTES_MIN (2 * BLOCK)

/* The file: @base is the device offset of its file system's first byte. */
struct trial {
	const struct device *device;
	const char *path;
	int fd;
	uint64_t bytes, base;
	unsigned char *buffer;	/* BLOCK bytes */
};

static void throughput(const struct trial *trial)
{
	double begin = steps_now(), write_time, read_time;
	char detail[64];
	bool good = true;

	memset(trial->buffer, 0x5a, BLOCK);
	for (uint64_t at = 0; at < trial->bytes; at += BLOCK)
		good &= pwrite(trial->fd, trial->buffer, BLOCK, at) == (ssize_t)BLOCK;
	write_time = steps_now() - begin;
	begin = steps_now();
	good &= !fsync(trial->fd);
	snprintf(detail, sizeof(detail), "%.1f ms", (steps_now() - begin) * 1e3);
	steps_step("flush", good, detail);
	begin = steps_now();
	for (uint64_t at = 0; at < trial->bytes; at += BLOCK)
		good &= pread(trial->fd, trial->buffer, BLOCK, at) == (ssize_t)BLOCK;
	read_time = steps_now() - begin;
	for (uint64_t at = 0; good && at < BLOCK; at++)
		good = trial->buffer[at] == 0x5a;
	snprintf(detail, sizeof(detail), "%.2f GiB/s written, %.2f GiB/s read",
		 trial->bytes / write_time / (1ull << 30), trial->bytes / read_time / (1ull << 30));
	steps_step("throughput of one thread", good, detail);
}

static unsigned char *map_file(const struct trial *trial, int flags)
{
	return mmap(NULL, trial->bytes, PROT_READ | PROT_WRITE, flags, trial->fd, 0);
}

/* What is stored through a mapping is in the file, and the other way round. */
static void mapping(const struct trial *trial)
{
	uint64_t last = trial->bytes - PAGE;
	unsigned char *map = map_file(trial, MAP_SHARED), *sync;
	bool good = map != MAP_FAILED;

	if (!good) {
		steps_step("mapping", false, strerror(errno));
		return;
	}
	memset(map + last, 0xa5, PAGE);
	good = !msync(map, trial->bytes, MS_SYNC) &&
		pread(trial->fd, trial->buffer, PAGE, last) == (ssize_t)PAGE &&
		!memcmp(trial->buffer, map + last, PAGE) && map[last] == 0xa5;
	steps_step("mapping: what is stored is in the file", good, "");
	memset(trial->buffer, 0x3c, PAGE);
	good = pwrite(trial->fd, trial->buffer, PAGE, last) == (ssize_t)PAGE &&
		!memcmp(trial->buffer, map + last, PAGE);
	steps_step("mapping: what is written is there", good, "");
	munmap(map, trial->bytes);
	sync = map_file(trial, MAP_SHARED_VALIDATE | MAP_SYNC);
	steps_tell("mapping with MAP_SYNC: %s", sync != MAP_FAILED ? "granted" :
		   errno == EOPNOTSUPP ? "refused, as stores are not durable by themselves" : strerror(errno));
	if (sync != MAP_FAILED)
		munmap(sync, trial->bytes);
}

/* Device offset of a page of the file. */
static int place(const struct trial *trial, uint64_t at, uint64_t *offset)
{
	struct fiemap *map = calloc(1, sizeof(*map) + sizeof(struct fiemap_extent));
	const struct fiemap_extent *extent;
	int rc;

	if (!map)
		return -ENOMEM;
	map->fm_start = at;
	map->fm_length = PAGE;
	map->fm_flags = FIEMAP_FLAG_SYNC;
	map->fm_extent_count = 1;
	rc = ioctl(trial->fd, FS_IOC_FIEMAP, map) ? -errno : map->fm_mapped_extents ? 0 : -ENODATA;
	extent = map->fm_extents;
	if (!rc && (extent->fe_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_SHARED)))
		rc = -EBUSY;
	if (!rc)
		*offset = trial->base + extent->fe_physical + (at - extent->fe_logical);
	free(map);
	return rc;
}

/* Longer than the driver takes, on a machine with other work as well. */
#define TAKEN_MS 10000

static void on_sigbus(int number)
{
	(void)number;
	_exit(0);
}

/*
 * A process that has the page mapped when this returns, and loads from it when the socket is
 * closed: status 0 by SIGBUS. Of an injected failure the kernel signals only those that ask for it;
 * from the others the driver takes the page a moment later.
 */
static pid_t start_reader(const struct trial *trial, uint64_t at, int *ours)
{
	volatile unsigned char *map;
	int sockets[2];
	char byte;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		return -1;
	child = fork();
	if (child) {
		close(sockets[1]);
		*ours = sockets[0];
		/* 0 if it has ended, which its status says */
		if (child > 0 && read(*ours, &byte, 1) < 0)
			steps_tell("poison: cannot hear of the process that maps it: %s", strerror(errno));
		return child;
	}
	close(sockets[0]);
	signal(SIGBUS, on_sigbus);
	map = map_file(trial, MAP_SHARED);
	if (map == MAP_FAILED)
		_exit(2);
	byte = map[at];
	if (write(sockets[1], &byte, 1) != 1 || read(sockets[1], &byte, 1) < 0)
		_exit(2);
	for (int ms = 0; ms < TAKEN_MS; ms++) {
		byte = map[at];
		usleep(1000);
	}
	_exit(1);
}

/* A page fails under a process that has it mapped; an overwrite of all of it repairs it. */
static void poison(const struct trial *trial)
{
	uint64_t at = BLOCK + PAGE, offset = 0;
	int end = -1, status = -1, node = node_open(trial->device, O_RDWR);
	int rc = node < 0 ? node : place(trial, at, &offset);
	pid_t reader = rc ? 0 : start_reader(trial, at, &end);
	ssize_t n;

	if (reader < 0)
		rc = -errno;
	if (!rc)
		rc = node_span(node, FSDEV_IOC_INJECT, offset, PAGE, 0, NULL);
	steps_step("poison: injected", !rc, rc ? node_error(rc) : "");
	if (end >= 0)
		close(end);
	if (reader > 0)
		waitpid(reader, &status, 0);
	if (!rc) {
		steps_step("poison: a process that has it mapped gets SIGBUS",
			   WIFEXITED(status) && !WEXITSTATUS(status), "");
		n = pread(trial->fd, trial->buffer, PAGE, at);
		steps_step("poison: a read fails", n < 0 && errno == EIO, "");
		n = pread(trial->fd, trial->buffer, PAGE, at + PAGE);
		steps_step("poison: the page beside it is good",
			   n == (ssize_t)PAGE && trial->buffer[0] == 0x5a, "");
		/* some kernels say once that what was stored there is lost */
		steps_tell("poison: fsync: %s", fsync(trial->fd) ? strerror(errno) : "no error");
		memset(trial->buffer, 0x69, PAGE);
		n = pwrite(trial->fd, trial->buffer, PAGE, at);
		steps_step("poison: repaired by an overwrite", n == (ssize_t)PAGE && !fsync(trial->fd),
			   n < 0 ? strerror(errno) : "");
		n = pread(trial->fd, trial->buffer, PAGE, at);
		steps_step("poison: the page works again",
			   n == (ssize_t)PAGE && trial->buffer[PAGE - 1] == 0x69, "");
	}
	if (node >= 0)
		close(node);
}

/* Of the file system as much as half of what is free, up to BYTES_MAX. */
static enum outcome make_room(struct trial *trial)
{
	struct statvfs space;
	uint64_t start;
	struct stat st;

	if (fstat(trial->fd, &st) || fstatvfs(trial->fd, &space))
		return say(FAILED, "%s: cannot be looked at: %s", trial->path, strerror(errno));
	if (!sysfs_number(&start, "/sys/dev/block/%u:%u/start", major(st.st_dev), minor(st.st_dev)))
		trial->base = start * 512;
	trial->bytes = (uint64_t)space.f_bavail * space.f_frsize / 2;
	trial->bytes = trial->bytes < BYTES_MAX ? trial->bytes : BYTES_MAX;
	trial->bytes -= trial->bytes % BLOCK;
	if (trial->bytes < BYTES_MIN || posix_fallocate(trial->fd, 0, trial->bytes))
		return say(FAILED, "%s: there is too little room: it takes %llu MiB", trial->path,
			   (unsigned long long)(2 * BYTES_MIN) >> 20);
	if (posix_memalign((void **)&trial->buffer, PAGE, BLOCK))
		return say(FAILED, "there is not enough memory");
	return DONE;
}

static void try_file(const struct trial *trial)
{
	bool dax = daxcheck_dax(trial->fd);

	steps_about(trial->device);
	steps_step("the file is DAX", dax, dax ? "" : "mount with -o dax=always");
	steps_tell("mapping by %llu MiB: %s", (unsigned long long)page_huge() >> 20,
		   daxcheck_huge(trial->device, trial->fd) ? "works" : "does not work for this file");
	throughput(trial);
	mapping(trial);
	/* of a file that is not DAX the page is a copy, and its failure is another matter */
	if (dax)
		poison(trial);
	steps_tell("removal: not tried, as the file system is mounted");
}

/**
 * trial_file() - try what programs have of a file
 * @device: the device that its file system is on
 * @path: the file, which is made, and removed in the end
 *
 * The steps are told by steps_step().
 *
 * Return: DONE where all steps have been made, or what to end with after saying why.
 */
enum outcome trial_file(const struct device *device, const char *path)
{
	struct trial trial = { .device = device, .path = path };
	enum outcome outcome;

	trial.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (trial.fd < 0)
		return say(FAILED, "%s: cannot be made: %s", path, strerror(errno));
	outcome = make_room(&trial);
	if (outcome == DONE) {
		audit("%s: selftest in %s", device->name, path);
		report_changed();
		try_file(&trial);
	}
	unlink(path);
	close(trial.fd);
	free(trial.buffer);
	return outcome;
}
