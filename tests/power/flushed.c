// SPDX-License-Identifier: GPL-2.0
/*
 * Loaded into QEMU in front of its C library: each fsync() of the file behind the guest's memory leaves
 * a copy of the file, as it is then, in $FSDEV_FLUSHED. The copy is what a power failure of the host
 * would leave: no byte that was not flushed has to be there.
 *
 * The guest may store to the memory while it is copied, so later bytes may be there as well, as they may
 * after a power failure.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* QEMU syncs no other file of this size. */
#define SMALLEST (16 << 20)

static int copy(int from, int to, off_t size)
{
	off_t in = 0, out = 0;

	while (in < size) {
		off_t data = lseek(from, in, SEEK_DATA);

		if (data < 0)
			break;
		in = data;
		out = data;
		if (copy_file_range(from, &in, to, &out, 1 << 20, 0) <= 0)
			return -1;
	}
	return ftruncate(to, size);
}

static int keep(int fd, off_t size)
{
	const char *name = getenv("FSDEV_FLUSHED");
	char fresh[4096];
	int to, rc;

	if (!name)
		return 0;
	snprintf(fresh, sizeof(fresh), "%s.new", name);
	to = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (to < 0)
		return -1;
	rc = copy(fd, to, size);
	close(to);
	return rc ? rc : rename(fresh, name);
}

int fsync(int fd)
{
	int (*real)(int fd) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	struct stat st;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size >= SMALLEST && keep(fd, st.st_size))
		return -1;
	return real(fd);
}
