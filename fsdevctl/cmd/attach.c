// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl attach: the newest image that was published in a device, verified and mounted with DAX.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "cmd.h"
#include "lib/daxcheck.h"
#include "lib/shared.h"
#include "lib/sysfs.h"
#include "lib/users.h"

static bool check, detach, dry_run;

static const struct opt opts[] = {
	{ "check", OPT_FLAG, NULL, &check, "only say which generations there are" },
	{ "detach", OPT_FLAG, NULL, &detach, "unmount what is attached there" },
	{ "dry-run", OPT_FLAG, NULL, &dry_run, "verify, say what would be done, change nothing" },
	{ NULL }
};

#define ULL(number) ((unsigned long long)(number))

/* The generation that a device-mapper device is made of; 0 for another device. */
static uint64_t generation_of(const struct device *device, const char *where)
{
	char name[96], start[64];
	int len;

	if (strncmp(where, "/dev/dm-", 8) ||
	    sysfs_read(name, sizeof(name), "/sys/class/block/%s/dm/name", where + strlen("/dev/")))
		return 0;
	len = snprintf(start, sizeof(start), "%s-gen", device->disk);
	return strncmp(name, start, len) ? 0 : strtoull(name + len, NULL, 10);
}

/* The generation that is mounted on a folder; 0 for none. */
static uint64_t attached(const struct device *device, const char *dir)
{
	uint64_t found = 0;
	char real[PATH_MAX];
	struct users users;

	if (!realpath(dir, real) || users_load(device, &users))
		return 0;
	for (unsigned int i = 0; i < users.count && !found; i++)
		if (users.user[i].kind == USER_MOUNT && !strcmp(users.user[i].what, real))
			found = generation_of(device, users.user[i].where);
	users_free(&users);
	return found;
}

static enum outcome unmount_generation(const struct device *device, const char *dir, uint64_t generation)
{
	if (umount(dir))
		return say(errno == EBUSY ? IN_USE : FAILED,
			   "%s: generation %llu cannot be unmounted: %s", dir, ULL(generation),
			   errno == EBUSY ? "files of it are open" : strerror(errno));
	if (shared_unmap(device, generation))
		return say(FAILED, "%s: the device of generation %llu stays: dmsetup remove %s-gen%llu",
			   device->name, ULL(generation), device->disk, ULL(generation));
	return DONE;
}

/* It is what was published, and still is when it has been read. */
static enum outcome verify(struct shared *shared, const struct image *image)
{
	struct image seen = *image;
	uint8_t sum[SHA256_BYTES];
	int rc = shared_sum(shared, seen.offset, seen.len, sum);

	if (!rc)
		rc = shared_read_headers(shared);
	if (rc)
		return say(FAILED, "%s: generation %llu cannot be read: %s", shared->device->name,
			   ULL(seen.generation), strerror(-rc));
	if (memcmp(sum, seen.sum, sizeof(sum)))
		return say(FAILED, "%s: generation %llu is not what was published: its checksum differs; publish it again",
			   shared->device->name, ULL(seen.generation));
	if (!shared->good[seen.generation % 2] ||
	    shared->image[seen.generation % 2].generation != seen.generation)
		return say(FAILED, "%s: generation %llu was overwritten while it was verified; attach again",
			   shared->device->name, ULL(seen.generation));
	return DONE;
}

static enum outcome mount_image(const struct device *device, const struct image *image,
				const char *dir)
{
	char name[96], path[128];
	enum outcome outcome;
	int rc;

	shared_map_name(device, image->generation, name, sizeof(name));
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	rc = shared_map_there(device, image->generation) ? 0 :
		shared_map(device, image->generation, image->offset, image->len, true);
	if (rc)
		return say(FAILED, "%s: cannot make a device of the image: %s", device->name,
			   rc == -ENOENT ? "apt install dmsetup" : "dmsetup failed");
	if (mount(path, dir, "erofs", MS_RDONLY | MS_NOSUID | MS_NODEV, "dax=always")) {
		outcome = say(FAILED, "%s: does not mount on %s with dax=always: %s", path, dir,
			      strerror(errno));
		cmd_tell_stale(device);
		shared_unmap(device, image->generation);
		return outcome;
	}
	outcome = daxcheck(device, path, dir, "erofs");
	if (outcome != DONE)
		unmount_generation(device, dir, image->generation);
	else
		printf("%s: generation %llu on %s\n", device->name, ULL(image->generation), dir);
	return outcome;
}

static enum outcome attach(struct shared *shared, const char *dir)
{
	const struct image *newest = shared_newest(shared);
	const struct device *device = shared->device;
	uint64_t now = attached(device, dir);
	enum outcome outcome = DONE;
	struct image image;
	struct stat st;

	if (detach && check)
		return say(BAD_INPUT, "--check and --detach exclude each other");
	if (detach && !now)
		return say(FAILED, "%s: nothing of %s is attached there", dir, device->name);
	if (detach && dry_run) {
		printf("%s: generation %llu would be unmounted from %s; nothing was changed\n",
		       device->name, ULL(now), dir);
		return DONE;
	}
	if (detach)
		return unmount_generation(device, dir, now);
	if (!newest)
		return say(FAILED, "%s: nothing whole is published there: fsdevctl publish DIR %s",
			   device->name, device->name);
	image = *newest;
	if (check) {
		printf("%s: generation %llu is published, %llu is attached\n", device->name,
		       ULL(image.generation), ULL(now));
		return now == image.generation ? DONE : FOUND;
	}
	if (now == image.generation) {
		note("%s: generation %llu is attached already", dir, ULL(now));
		return DONE;
	}
	if (stat(dir, &st) ? !dry_run && mkdir(dir, 0755) : !S_ISDIR(st.st_mode))
		return say(BAD_INPUT, "'%s' is no folder and cannot be made one", dir);
	outcome = verify(shared, &image);
	if (outcome == DONE && dry_run) {
		printf("%s: generation %llu is good and would be mounted; nothing was changed\n",
		       device->name, ULL(image.generation));
		return DONE;
	}
	if (outcome == DONE && now)
		outcome = unmount_generation(device, dir, now);
	return outcome == DONE ? mount_image(device, &image, dir) : outcome;
}

static enum outcome run(int argc, char **argv)
{
	struct devices devices;
	struct device *device;
	struct shared shared;
	enum outcome outcome = cmd_one_fsdev(argv[0], &devices, &device);

	(void)argc;
	if (outcome == DONE) {
		outcome = shared_open(&shared, device, false);
		if (outcome == DONE) {
			outcome = attach(&shared, argv[1]);
			shared_close(&shared);
		}
	}
	devices_free(&devices);
	return outcome;
}

const struct command cmd_attach = {
	.name = "attach", .args = "DEV DIR", .help = "verify the newest image and mount it with DAX",
	.opts = opts, .least = 2, .most = 2, .run = run,
};
