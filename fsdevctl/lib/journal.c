// SPDX-License-Identifier: GPL-2.0
/*
 * What a change of mode was about to do. It is kept below /run, which a reboot empties, as it does
 * the modes themselves.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal.h"
#include "sysfs.h"

static int state_dir(void)
{
	return mkdir(STATE_DIR, 0755) && errno != EEXIST ? -errno : 0;
}

/**
 * journal_lock() - keep every other fsdevctl from changing this device's mode
 * @device: the device
 *
 * Waits for its turn. The lock is inherited by a child and is free when the last of them has
 * ended, however it ended.
 *
 * Return: a descriptor to close, or a negative errno.
 */
int journal_lock(const struct device *device)
{
	char path[PATH_MAX];
	int fd, rc = state_dir();

	if (rc)
		return rc;
	snprintf(path, sizeof(path), STATE_DIR "/%s.lock", device->name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		note("%s: waiting for another fsdevctl that changes its mode", device->name);
		if (flock(fd, LOCK_EX)) {
			rc = -errno;
			close(fd);
			return rc;
		}
	}
	return fd;
}

/**
 * journal_write() - note the mode that a device is about to lose
 * @device: the device
 * @from: that mode
 *
 * Return: 0 or a negative errno.
 */
int journal_write(const struct device *device, enum mode from)
{
	char path[PATH_MAX];
	FILE *file;
	int rc;

	snprintf(path, sizeof(path), STATE_DIR "/%s.was", device->name);
	file = fopen(path, "we");
	if (!file)
		return -errno;
	rc = fprintf(file, "%s\n", mode_name(from)) < 0 ? -errno : 0;
	if (fclose(file) && !rc)
		rc = -errno;
	return rc;
}

/**
 * journal_clear() - note that the device has a mode again
 * @device: the device
 */
void journal_clear(const struct device *device)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), STATE_DIR "/%s.was", device->name);
	unlink(path);
}

/**
 * journal_read() - get the mode from which an interrupted change came
 * @device: the device
 *
 * Return: that mode, or MODE_OTHER where none was cut off.
 */
enum mode journal_read(const struct device *device)
{
	enum mode mode;
	char text[32];

	if (sysfs_read(text, sizeof(text), STATE_DIR "/%s.was", device->name))
		return MODE_OTHER;
	return mode_parse(text, &mode) ? mode : MODE_OTHER;
}

/*
 * As new, to the disk and its partitions: rules that activate what lies on a disk look at nothing else
 * than its coming.
 */
static void announce(const struct device *device)
{
	char disk[DEVICE_NAME], path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	snprintf(disk, sizeof(disk), "fsdev%.20s", device->name + 3);
	sysfs_write("add", "/sys/class/block/%s/uevent", disk);
	snprintf(path, sizeof(path), "/sys/class/block/%s", disk);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (sysfs_there("%s/%s/partition", path, entry->d_name))
			sysfs_write("add", "%s/%s/uevent", path, entry->d_name);
	if (dir)
		closedir(dir);
}

/**
 * journal_hold() - keep the system from mounting a block device that is not ready yet
 * @device: the device
 * @hold: from now on, or no longer
 *
 * The udev rule looks for the file; when it goes, the block device is announced again.
 */
void journal_hold(const struct device *device, bool hold)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), STATE_DIR "/fsdev%.20s.hold", device->name + 3);
	if (hold) {
		if (state_dir())
			return;
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd >= 0)
			close(fd);
		return;
	}
	if (!unlink(path))
		announce(device);
}

/**
 * journal_held() - check whether a block device is kept from being mounted
 * @device: the device
 *
 * Where no change of its mode is under way, one was killed before the driver had got all known poison.
 *
 * Return: true if so.
 */
bool journal_held(const struct device *device)
{
	return sysfs_there(STATE_DIR "/fsdev%.20s.hold", device->name + 3);
}

/**
 * journal_scrub() - keep how far a device has been scrubbed
 * @device: the device
 * @offset: up to here; 0 where it is done
 */
void journal_scrub(const struct device *device, uint64_t offset)
{
	char path[PATH_MAX], later[PATH_MAX + 4];
	FILE *file;

	snprintf(path, sizeof(path), STATE_DIR "/%s.scrub", device->name);
	snprintf(later, sizeof(later), "%s.new", path);
	if (!offset) {
		unlink(path);
		return;
	}
	file = state_dir() ? NULL : fopen(later, "we");
	if (!file)
		return;
	fprintf(file, "%llu %llu\n", (unsigned long long)offset, (unsigned long long)device->size);
	/* whole or not at all */
	if (!fclose(file))
		rename(later, path);
}

/**
 * journal_scrubbed() - tell how far a device has been scrubbed
 * @device: the device
 *
 * Return: the offset to go on at; 0 to begin with.
 */
uint64_t journal_scrubbed(const struct device *device)
{
	unsigned long long offset, size;
	char text[64];

	if (sysfs_read(text, sizeof(text), STATE_DIR "/%s.scrub", device->name) ||
	    sscanf(text, "%llu %llu", &offset, &size) != 2 || size != device->size || offset >= size)
		return 0;
	return offset;
}
