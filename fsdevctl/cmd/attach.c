// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl attach: the newest image that was published in a device, verified and mounted with DAX.
 */
#include <errno.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "lib/daxcheck.h"
#include "lib/journal.h"
#include "lib/program.h"
#include "lib/report.h"
#include "lib/shared.h"
#include "lib/sign.h"
#include "lib/sysfs.h"
#include "lib/users.h"

static bool check, detach, force, dry_run;
static const char *key;

static const struct opt opts[] = {
	{ "check", OPT_FLAG, NULL, &check, "only say which generations there are" },
	{ "detach", OPT_FLAG, NULL, &detach, "unmount what is attached there" },
	{ "key", OPT_TEXT, "KEY", &key, "only if it is signed so that openssl verifies it with this public key" },
	{ "force", OPT_FLAG, NULL, &force, "also from a newer generation to an older one" },
	{ "dry-run", OPT_FLAG, NULL, &dry_run, "verify, say what would be done, change nothing" },
	REPORT_OPT,
	{ NULL }
};

#define ULL(number) ((unsigned long long)(number))

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
			found = shared_generation_of(device, users.user[i].where);
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
	report_changed();
	return DONE;
}

/* The image that is mounted on a folder, by the name of its device-mapper device; false for anything else. */
static bool mounted_image(const char *dir, char *name, size_t size)
{
	struct libmnt_table *mounts = mnt_new_table_from_file("/proc/self/mountinfo");
	static const char mapper[] = "/dev/mapper/";
	const char *source = NULL;
	struct libmnt_fs *fs;
	char real[PATH_MAX];

	fs = mounts && realpath(dir, real) ? mnt_table_find_target(mounts, real, MNT_ITER_BACKWARD) : NULL;
	if (fs)
		source = mnt_fs_get_source(fs);
	if (source && !strncmp(source, mapper, strlen(mapper)))
		snprintf(name, size, "%s", source + strlen(mapper));
	else
		source = NULL;
	mnt_unref_table(mounts);
	return source && !strncmp(name, "fsdev", 5) && strstr(name, "-gen");
}

/* Its device has left, and may have come back: nothing but the folder says what is attached. */
static enum outcome detach_left(const char *dir, const char *name)
{
	const char *words[] = { "dmsetup", "remove", "--retry", name, NULL };

	if (dry_run) {
		say_result("%s would be unmounted from %s; nothing was changed", name, dir);
		return DONE;
	}
	if (umount(dir))
		return say(errno == EBUSY ? IN_USE : FAILED, "%s: %s cannot be unmounted: %s", dir, name,
			   errno == EBUSY ? "files of it are open" : strerror(errno));
	report_changed();
	return program_run(words) ? say(FAILED, "%s: is there still: dmsetup remove %s", name, name) : DONE;
}

/* The header is signed; it says what the image is. @page is of the header that @seen was read from. */
static enum outcome verify_signature(const struct shared *shared, const struct image *seen)
{
	const char *name = shared->device->name;
	const uint8_t *signature;
	size_t len;
	int rc;

	signature = image_signature(shared->page, &len);
	if (!signature)
		return say(FAILED, "%s: generation %llu is not signed", name, ULL(seen->generation));
	rc = sign_check(key, shared->page, IMAGE_SIGNED, signature, len);
	if (rc == -ENOENT)
		return say(FAILED, "%s: cannot verify a signature: apt install openssl", name);
	return rc ? say(FAILED, "%s: generation %llu is not signed by the owner of %s", name,
			ULL(seen->generation), key) : DONE;
}

/* It is what was published, and still is when it has been read. */
static enum outcome verify(struct shared *shared, const struct image *image)
{
	unsigned int slot = image->generation % 2;
	struct image seen = *image, now;
	uint8_t sum[SHA256_BYTES];
	int rc = shared_sum(shared, seen.offset, seen.len, sum);

	if (!rc)
		rc = shared_read_page(shared, slot * IMAGE_PAGE);
	if (rc)
		return say(FAILED, "%s: generation %llu cannot be read: %s", shared->device->name,
			   ULL(seen.generation), strerror(-rc));
	if (memcmp(sum, seen.sum, sizeof(sum)))
		return say(FAILED, "%s: generation %llu is not what was published: its checksum differs; publish it again",
			   shared->device->name, ULL(seen.generation));
	memset(&now, 0, sizeof(now));
	if (!image_decode(&now, shared->page, shared->device->size, slot) ||
	    memcmp(&now, &seen, sizeof(now)))
		return say(FAILED, "%s: generation %llu was overwritten while it was verified; attach again",
			   shared->device->name, ULL(seen.generation));
	return key ? verify_signature(shared, &seen) : DONE;
}

static int mount_path(const char *path, const char *dir)
{
	return mount(path, dir, "erofs", MS_RDONLY | MS_NOSUID | MS_NODEV, "dax=always") ? -errno : 0;
}

/* Mounts it apart, and sees whether it works. */
static enum outcome try_image(const struct device *device, const char *path, const char *dir)
{
	enum outcome outcome;
	int rc = mount_path(path, dir);

	if (rc) {
		outcome = say(FAILED, "%s: does not mount with dax=always: %s", path, strerror(-rc));
		cmd_tell_stale(device);
		return outcome;
	}
	outcome = daxcheck(device, path, dir, "erofs");
	if (outcome != DONE)
		umount(dir);
	return outcome;
}

/* The new one is mounted elsewhere and works; the old one, @old, leaves @dir to it, or stays. */
static enum outcome replace_image(const struct device *device, const char *path, const char *dir,
				  uint64_t old)
{
	char name[96], old_path[128];
	int rc;

	if (old && umount(dir))
		return say(errno == EBUSY ? IN_USE : FAILED,
			   "%s: generation %llu cannot be unmounted, and stays: %s", dir, ULL(old),
			   errno == EBUSY ? "files of it are open" : strerror(errno));
	rc = mount_path(path, dir);
	if (!rc) {
		if (old && shared_unmap(device, old))
			note("%s: the device of generation %llu stays: dmsetup remove %s-gen%llu",
			     device->name, ULL(old), device->disk, ULL(old));
		return DONE;
	}
	if (old) {
		shared_map_name(device, old, name, sizeof(name));
		snprintf(old_path, sizeof(old_path), "/dev/mapper/%s", name);
		if (mount_path(old_path, dir))
			return say(STRANDED, "%s: neither generation can be mounted on it: %s", dir,
				   strerror(-rc));
	}
	return say(FAILED, "%s: does not mount on %s: %s", path, dir, strerror(-rc));
}

/* The old generation stays mounted until the new one has been mounted apart and looked at. */
static enum outcome mount_image(const struct device *device, const struct image *image,
				const char *dir, uint64_t old)
{
	char name[96], path[128], apart[] = STATE_DIR "/attach.XXXXXX";
	bool there = shared_map_is(device, image);
	enum outcome outcome;
	int rc = 0;

	shared_map_name(device, image->generation, name, sizeof(name));
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	/* of a publisher or an attach that was killed: writable, or of another image */
	if (!there && shared_map_there(device, image->generation) &&
	    shared_unmap(device, image->generation))
		return say(IN_USE, "%s: %s is there, is not of the image that is published, and is in use",
			   device->name, path);
	if ((mkdir(STATE_DIR, 0755) && errno != EEXIST) || !mkdtemp(apart))
		return say(FAILED, "%s: cannot make a folder below " STATE_DIR ": %s", device->name,
			   strerror(errno));
	if (!there)
		rc = shared_map_image(device, image);
	if (rc)
		outcome = say(FAILED, "%s: cannot make a device of the image: %s", device->name,
			      rc == -ENOENT ? "apt install dmsetup" : "dmsetup failed");
	else
		outcome = try_image(device, path, apart);
	if (outcome == DONE) {
		outcome = replace_image(device, path, dir, old);
		umount(apart);
	}
	rmdir(apart);
	if (outcome != DONE && !rc && !there)
		shared_unmap(device, image->generation);
	if (outcome == DONE) {
		report_changed();
		report_number("attached", image->generation);
		say_result("%s: generation %llu on %s", device->name, ULL(image->generation), dir);
	}
	return outcome;
}

/* A newer one may be there, which this host cannot see. */
static void tell_unreadable(const struct shared *shared)
{
	for (unsigned int slot = 0; slot < 2; slot++)
		if (shared->unreadable[slot])
			note("%s: header %u cannot be read (%s), and may be of a newer generation",
			     shared->device->name, slot, strerror(-shared->unreadable[slot]));
}

/* What is attached has the number of what is published. */
static enum outcome attached_already(struct shared *shared, const struct image *image, const char *dir)
{
	const char *name = shared->device->name;
	enum outcome outcome;

	if (!shared_map_is(shared->device, image))
		return say(FAILED, "%s: generation %llu is attached there, and is not the image of that number that is published: fsdevctl attach %s %s --detach",
			   dir, ULL(image->generation), name, dir);
	/* it may have been attached without a key, or by another */
	outcome = key ? verify(shared, image) : DONE;
	if (outcome == DONE)
		note("%s: generation %llu is attached already", dir, ULL(image->generation));
	else
		note("%s: generation %llu is attached there all the same: fsdevctl attach %s %s --detach",
		     dir, ULL(image->generation), name, dir);
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
	char left[96];

	report_text("chardev", device->name);
	report_text("mountpoint", dir);
	report_number("attached", now);
	if (detach && check)
		return say(BAD_INPUT, "--check and --detach exclude each other");
	if (detach && !now && mounted_image(dir, left, sizeof(left)) &&
	    !strncmp(left, device->disk, strlen(device->disk)) && left[strlen(device->disk)] == '-')
		return detach_left(dir, left);
	if (detach && !now)
		return say(FAILED, "%s: nothing of %s is attached there", dir, device->name);
	if (detach && dry_run) {
		say_result("%s: generation %llu would be unmounted from %s; nothing was changed",
			   device->name, ULL(now), dir);
		return DONE;
	}
	if (detach)
		return unmount_generation(device, dir, now);
	outcome = shared_check_version(shared);
	if (outcome != DONE)
		return outcome;
	tell_unreadable(shared);
	if (!newest)
		return say(FAILED, "%s: nothing whole is published there: fsdevctl publish DIR %s",
			   device->name, device->name);
	image = *newest;
	report_number("published", image.generation);
	report_number("bytes", image.len);
	if (check) {
		say_result("%s: generation %llu is published, %llu is attached", device->name,
			   ULL(image.generation), ULL(now));
		if (now == image.generation && shared_map_is(device, &image))
			return DONE;
		if (now == image.generation)
			note("%s: what is attached is another image of that number", dir);
		return FOUND;
	}
	if (now == image.generation)
		return attached_already(shared, &image, dir);
	if (now > image.generation && !force)
		return say(FAILED, "%s: generation %llu is attached there, and what is published is older, generation %llu: --force goes back",
			   dir, ULL(now), ULL(image.generation));
	if (stat(dir, &st) ? !dry_run && mkdir(dir, 0755) : !S_ISDIR(st.st_mode))
		return say(BAD_INPUT, "'%s' is no folder and cannot be made one", dir);
	outcome = verify(shared, &image);
	if (outcome == DONE && dry_run) {
		say_result("%s: generation %llu is good and would be mounted; nothing was changed",
			   device->name, ULL(image.generation));
		return DONE;
	}
	return outcome == DONE ? mount_image(device, &image, dir, now) : outcome;
}

static enum outcome run(int argc, char **argv)
{
	struct devices devices;
	struct device *device;
	struct shared shared;
	enum outcome outcome;
	char left[96];

	(void)argc;
	if (detach && !check && mounted_image(argv[1], left, sizeof(left)) &&
	    !sysfs_there("/sys/class/block/%.*s", (int)(strstr(left, "-gen") - left), left))
		return detach_left(argv[1], left);
	outcome = cmd_one_fsdev(argv[0], &devices, &device);
	if (outcome == DONE && key && access(key, R_OK))
		outcome = say(BAD_INPUT, "--key '%s': cannot be read: %s", key, strerror(errno));
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
