// SPDX-License-Identifier: GPL-2.0
/*
 * Attempts to publish that this host has begun: a file below /run with their tokens, which the process
 * that publishes keeps locked. Whether a claim in the memory is of a process of this host that died is
 * known from that alone. A process number tells less: the process may be of another pid namespace, or of
 * another machine that was resumed from the same snapshot and has the same boot id.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attempt.h"
#include "journal.h"

static int attempt_open(const struct device *device, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), STATE_DIR "/%s.publish", device->name);
	return open(path, flags | O_CLOEXEC, 0644);
}

/**
 * attempt_begin() - note an attempt, before its claim is written
 * @device: the device
 * @token: of the attempt
 * @dead: the token of one that died, whose claim is there still; or 0
 *
 * Return: a descriptor that keeps the file locked, to be closed when the claim has been given back;
 * -EWOULDBLOCK while another process of this host has it; another negative errno.
 */
int attempt_begin(const struct device *device, uint64_t token, uint64_t dead)
{
	char text[64];
	int fd, len, rc = 0;

	if (mkdir(STATE_DIR, 0755) && errno != EEXIST)
		return -errno;
	fd = attempt_open(device, O_RDWR | O_CREAT);
	if (fd < 0)
		return -errno;
	/* of one length, so that it is overwritten at once */
	len = snprintf(text, sizeof(text), "%016llx %016llx\n", (unsigned long long)token,
		       (unsigned long long)dead);
	if (flock(fd, LOCK_EX | LOCK_NB))
		rc = -errno;
	else if (pwrite(fd, text, len, 0) != len)
		rc = -EIO;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

/**
 * attempt_died() - tell the claim of a process of this host that died
 * @device: the device
 * @token: of the claim
 *
 * Return: true if it is one; false for one of another host, or that lives.
 */
bool attempt_died(const struct device *device, uint64_t token)
{
	unsigned long long own, before;
	int fd = attempt_open(device, O_RDWR);
	char text[64];
	ssize_t n;
	bool died;

	if (fd < 0)
		return false;
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	died = sscanf(text, "%16llx %16llx", &own, &before) == 2 && (token == own || token == before) &&
		!flock(fd, LOCK_EX | LOCK_NB);
	close(fd);
	return died;
}
