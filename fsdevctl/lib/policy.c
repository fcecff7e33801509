// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel does with memory that is added. Memory that it puts online by itself may become
 * kernel memory, which cannot be given back; so it is set to leave memory offline while a device is
 * given to kmem, and fsdevctl puts the memory online as movable.
 *
 * The setting is the whole machine's: a lock keeps two changes apart, and a note says what it was, for
 * the one that comes after a change that was killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"
#include "policy.h"
#include "sysfs.h"

#define POLICY "/sys/devices/system/memory/auto_online_blocks"
#define LOCK STATE_DIR "/online.lock"
#define NOTE STATE_DIR "/online.was"

static int take_lock(int how)
{
	int fd;

	if (mkdir(STATE_DIR, 0755) && errno != EEXIST)
		return -errno;
	fd = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	while (flock(fd, how)) {
		int rc = -errno;

		if (rc == -EINTR)
			continue;
		close(fd);
		return rc;
	}
	return fd;
}

static void put_back(void)
{
	char before[32];

	if (sysfs_read(before, sizeof(before), NOTE))
		return;
	if (!before[0] || !sysfs_write(before, POLICY))
		unlink(NOTE);
}

static int write_note(const char *text)
{
	int fd = open(NOTE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		rc = -EIO;
	close(fd);
	return rc;
}

/**
 * policy_hold() - have memory that is added stay offline
 *
 * Waits for other changes that do the same.
 *
 * Return: a lock for policy_release(), or a negative errno, with the setting as it was.
 */
int policy_hold(void)
{
	char before[32];
	int lock, rc;

	lock = take_lock(LOCK_EX);
	if (lock < 0)
		return lock;
	put_back();
	rc = sysfs_read(before, sizeof(before), POLICY);
	if (!rc)
		rc = write_note(before);
	if (!rc)
		rc = sysfs_write("offline", POLICY);
	if (rc) {
		put_back();
		close(lock);
	}
	return rc ? rc : lock;
}

/**
 * policy_release() - put the setting back
 * @lock: from policy_hold(); a negative one is ignored
 */
void policy_release(int lock)
{
	if (lock < 0)
		return;
	put_back();
	close(lock);
}

/**
 * policy_mend() - put back what a change that was killed has left
 *
 * Does nothing while another change holds the setting.
 */
void policy_mend(void)
{
	int lock;

	if (!sysfs_there(NOTE))
		return;
	lock = take_lock(LOCK_EX | LOCK_NB);
	if (lock >= 0)
		policy_release(lock);
}
