// SPDX-License-Identifier: GPL-2.0
/*
 * Growing a mounted file system to the size of its disk. Whether it can grow is known before the
 * disk does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fsgrow.h"
#include "program.h"
#include "users.h"

static enum outcome none(const struct device *device, const struct users *users)
{
	char text[512];

	for (unsigned int i = 0; i < users->count; i++) {
		const struct user *user = &users->user[i];

		if (user->kind != USER_HOLDER && user->kind != USER_MOUNT && user->kind != USER_PART)
			continue;
		user_text(user, text, sizeof(text));
		return say(FAILED, "%s: --fs grows a file system that is mounted here from /dev/%s itself: %s; grow it by hand after 'fsdevctl grow' without --fs; nothing was changed",
			   device->name, device->disk, text);
	}
	return say(FAILED, "%s: --fs: no file system is mounted from /dev/%s; nothing was changed",
		   device->name, device->disk);
}

static enum outcome check(const struct device *device, const struct user *mount, struct fsgrow *fs)
{
	const char *words[3];

	if (strcmp(mount->type, "xfs") && strcmp(mount->type, "ext4"))
		return say(FAILED, "%s: --fs: %s, on %s, cannot grow; nothing was changed", device->name,
			   mount->type, mount->what);
	if (!strncmp(mount->options, "ro", 2) && (!mount->options[2] || mount->options[2] == ','))
		return say(FAILED, "%s: --fs: %s is mounted read-only; mount -o remount,rw first; nothing was changed",
			   device->name, mount->what);
	if (strlen(mount->what) >= sizeof(fs->dir))
		return say(FAILED, "%s: --fs: the path of the mount point is too long; nothing was changed",
			   device->name);
	snprintf(fs->type, sizeof(fs->type), "%s", mount->type);
	snprintf(fs->dir, sizeof(fs->dir), "%s", mount->what);
	fsgrow_words(fs, words);
	if (!program_there(words[0]))
		return say(FAILED, "%s is not installed: apt install %s; nothing was changed", words[0],
			   !strcmp(fs->type, "xfs") ? "xfsprogs" : "e2fsprogs");
	return DONE;
}

/**
 * fsgrow_find() - find the file system that is mounted from a device's disk
 * @device: the device
 * @fs: the file system
 *
 * Return: DONE, or FAILED after saying why it cannot be grown.
 */
enum outcome fsgrow_find(const struct device *device, struct fsgrow *fs)
{
	const struct user *mount = NULL;
	enum outcome outcome;
	struct users users;
	int rc;

	memset(fs, 0, sizeof(*fs));
	snprintf(fs->disk, sizeof(fs->disk), "/dev/%.40s", device->disk);
	rc = users_load(device, &users);
	if (rc)
		return say(FAILED, "%s: cannot find out who uses it: %s", device->name, strerror(-rc));
	for (unsigned int i = 0; i < users.count && !mount; i++) {
		const struct user *user = &users.user[i];

		if (user->kind == USER_MOUNT && !user->pid && !user->namespace &&
		    !strcmp(user->where, fs->disk))
			mount = user;
	}
	outcome = mount ? check(device, mount, fs) : none(device, &users);
	users_free(&users);
	if (outcome != DONE)
		fs->type[0] = '\0';
	return outcome;
}

/**
 * fsgrow_words() - get the command that grows a file system
 * @fs: the file system
 * @words: its words; ends with NULL
 */
void fsgrow_words(const struct fsgrow *fs, const char *words[3])
{
	bool xfs = !strcmp(fs->type, "xfs");

	words[0] = xfs ? "xfs_growfs" : "resize2fs";
	words[1] = xfs ? fs->dir : fs->disk;
	words[2] = NULL;
}

/**
 * fsgrow_run() - grow a file system to the size of its disk
 * @device: the device
 * @fs: the file system
 *
 * Return: DONE, or STRANDED after saying why.
 */
enum outcome fsgrow_run(const struct device *device, const struct fsgrow *fs)
{
	const char *words[3];
	int rc;

	fsgrow_words(fs, words);
	rc = program_run_quiet(words);
	if (!rc)
		return DONE;
	if (rc < 0)
		note("%s: %s cannot be run: %s", device->name, words[0], strerror(-rc));
	return say(STRANDED, "%s: the disk has grown, and the file system on %s has not (%s, status %d); it works on with what it had, and 'fsdevctl grow %s --fs' tries again",
		   device->name, fs->dir, words[0], rc, device->name);
}
