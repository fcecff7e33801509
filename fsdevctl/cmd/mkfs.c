// SPDX-License-Identifier: GPL-2.0
/*
 * fsdevctl mkfs: a file system on a device, made so that DAX and huge mappings work, mounted and
 * looked at: is it really DAX?
 */
#include <blkid/blkid.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "lib/audit.h"
#include "lib/content.h"
#include "lib/daxcheck.h"
#include "lib/form.h"
#include "lib/journal.h"
#include "lib/json.h"
#include "lib/program.h"
#include "lib/report.h"
#include "lib/users.h"

static const char *type, *mount_dir, *from, *label, *uuid;
static char **extra;	/* options for the mkfs program, ends with NULL */
static bool force, dry_run;

static const struct opt opts[] = {
	{ "type", OPT_TEXT, "TYPE", &type, "xfs, ext4 or erofs" },
	{ "label", OPT_TEXT, "LABEL", &label, "its label" },
	{ "uuid", OPT_TEXT, "UUID", &uuid, "its UUID; otherwise a random one" },
	{ "mount", OPT_TEXT, "DIR", &mount_dir, "mount it there afterwards; made where it is missing" },
	{ "from", OPT_TEXT, "DIR", &from, "erofs: the folder that the file system is made of" },
	{ "force", OPT_FLAG, NULL, &force, "also over a file system that is there already" },
	{ "dry-run", OPT_FLAG, NULL, &dry_run, "show the commands, change nothing" },
	REPORT_OPT,
	{ NULL }
};

#define WORDS 64
#define EXTRA_MAX 32

/* The command that makes the file system; ends with NULL. */
static void make_command(const char *words[WORDS], const char *disk, uint64_t size)
{
	static char uuid_option[64];
	bool is_xfs = !strcmp(type, "xfs");
	unsigned int n = form_words(words, type, size);

	snprintf(uuid_option, sizeof(uuid_option), "uuid=%.40s", uuid ? uuid : "");
	if (label) {
		words[n++] = "-L";
		words[n++] = label;
	}
	if (uuid) {
		words[n++] = is_xfs ? "-m" : "-U";
		words[n++] = is_xfs ? uuid_option : uuid;
	}
	for (char **one = extra; *one; one++)
		words[n++] = *one;
	words[n++] = disk;
	if (!strcmp(type, "erofs"))
		words[n++] = from;
	words[n] = NULL;
}

static void show_command(const char * const *words)
{
	struct json_object *list = json_object_new_array();
	char line[4096] = "";
	size_t used = 0;

	for (; *words; words++) {
		used += snprintf(line + used, sizeof(line) - used, "%s%s", used ? " " : "", *words);
		used = used < sizeof(line) ? used : sizeof(line) - 1;
		json_object_array_add(list, json_text(*words));
	}
	say_result("%s", line);
	report_append("commands", list);
}

static int mount_at(const char *disk, const char *dir)
{
	unsigned long flags = MS_NOATIME | (strcmp(type, "erofs") ? 0 : MS_RDONLY);

	return mount(disk, dir, type, flags, "dax=always") ? -errno : 0;
}

/* In a mount namespace of our own, so that no other process sees it. */
static enum outcome check_apart(const struct device *device, const char *disk)
{
	char dir[] = STATE_DIR "/check.XXXXXX";
	enum outcome outcome = FAILED;
	int status, rc;
	pid_t pid;

	if ((mkdir(STATE_DIR, 0755) && errno != EEXIST) || !mkdtemp(dir))
		return say(FAILED, "%s: cannot make a folder below " STATE_DIR ": %s", device->name,
			   strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		say(FAILED, "%s: cannot start a process: %s", device->name, strerror(errno));
	if (!pid) {
		rc = unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ?
			-errno : mount_at(disk, dir);
		if (rc) {
			cmd_tell_stale(device);
			_exit(say(FAILED, "%s: does not mount with dax=always: %s", device->name,
				  strerror(-rc)));
		}
		outcome = daxcheck(device, disk, dir, type);
		umount(dir);
		fflush(NULL);
		_exit(outcome);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		outcome = WEXITSTATUS(status);
	rmdir(dir);
	return outcome;
}

/* What makes it come back: the device its mode, and the file system its place. */
static void tell_boot(const struct device *device, const char *disk)
{
	char *tag = blkid_get_tag_value(NULL, "UUID", disk);

	say_result("%s: mounted on %s", device->name, mount_dir);
	say_result("for every boot: fsdevctl config add --device %s --name NAME", device->name);
	say_result("and in /etc/fstab: %s%s %s %s %snoatime,dax=always,nofail 0 0", tag ? "UUID=" : "",
		   tag ? tag : disk, mount_dir, type, strcmp(type, "erofs") ? "" : "ro,");
	report_text("mountpoint", mount_dir);
	free(tag);
}

static enum outcome check_mounted(const struct device *device, const char *disk)
{
	enum outcome outcome;
	int rc;

	if (mkdir(mount_dir, 0755) && errno != EEXIST)
		return say(FAILED, "--mount: cannot make %s: %s", mount_dir, strerror(errno));
	rc = mount_at(disk, mount_dir);
	if (rc) {
		cmd_tell_stale(device);
		return say(FAILED, "%s: does not mount on %s with dax=always: %s", device->name,
			   mount_dir, strerror(-rc));
	}
	outcome = daxcheck(device, disk, mount_dir, type);
	if (outcome == DONE)
		tell_boot(device, disk);
	else
		umount(mount_dir);
	return outcome;
}

/* It is not in use, and nothing of worth is on it. */
static enum outcome may_overwrite(const struct device *device, const char *disk)
{
	char text[512], found[64];
	struct users users;
	int rc;

	rc = users_load(device, &users);
	if (rc)
		return say(FAILED, "%s: cannot find out who uses it: %s", device->name, strerror(-rc));
	for (unsigned int i = 0; i < users.count; i++) {
		if (users.user[i].kind == USER_STALE)
			continue;
		user_text(&users.user[i], text, sizeof(text));
		users_free(&users);
		return say(IN_USE, "%s: in use: %s; nothing was changed", device->name, text);
	}
	users_free(&users);
	rc = content_look(device, found, sizeof(found));
	/* mkfs programs read the beginning and fail there by themselves, so a bad page is repaired first */
	if (rc && !force)
		return say(FAILED, "%s: cannot be read (%s), so what would be lost is unknown; 'fsdevctl repair %s' makes bad pages good, --force goes on",
			   disk, strerror(-rc), device->name);
	if (!rc && found[0] && !force)
		return say(FAILED, "%s: there is %s on it already; --force makes a new file system over it",
			   disk, found);
	return DONE;
}

static enum outcome make(const struct device *device)
{
	const char *words[WORDS];
	enum outcome outcome;
	char disk[64], *made;
	int rc;

	report_text("chardev", device->name);
	report_text("blockdev", device->disk);
	report_text("type", type);
	report_text("label", label);
	snprintf(disk, sizeof(disk), "/dev/%s", device->disk);
	outcome = may_overwrite(device, disk);
	if (outcome != DONE)
		return outcome;
	make_command(words, disk, device->size);
	if (dry_run) {
		show_command(words);
		if (mount_dir)
			show_command((const char * const []){ "mount", "-t", type, "-o",
				     strcmp(type, "erofs") ? "noatime,dax=always" :
				     "ro,noatime,dax=always", disk, mount_dir, NULL });
		say_result("nothing was changed");
		return DONE;
	}
	rc = program_run(words);
	if (rc != -ENOENT)
		report_changed();
	audit("%s: %s%s: status %d", device->name, words[0], force ? ", forced" : "", rc);
	if (rc == -ENOENT)
		return say(FAILED, "%s is not installed: apt install %s", words[0],
			   !strcmp(type, "xfs") ? "xfsprogs" : !strcmp(type, "ext4") ? "e2fsprogs" :
			   "erofs-utils");
	if (rc)
		return say(FAILED, "%s: %s ended with status %d; there is no good file system on it",
			   disk, words[0], rc);
	made = blkid_get_tag_value(NULL, "UUID", disk);
	report_text("uuid", made);
	free(made);
	return mount_dir ? check_mounted(device, disk) : check_apart(device, disk);
}

static enum outcome check_input(void)
{
	struct stat st;

	if (!type || (strcmp(type, "xfs") && strcmp(type, "ext4") && strcmp(type, "erofs")))
		return say(BAD_INPUT, "--type '%s': has to be xfs, ext4 or erofs", type ? type : "");
	if (!strcmp(type, "erofs") != !!from)
		return say(BAD_INPUT, "--from DIR goes with --type erofs, which is made of a folder");
	if (from && (stat(from, &st) || !S_ISDIR(st.st_mode)))
		return say(BAD_INPUT, "--from '%s': is no folder", from);
	if (mount_dir && !stat(mount_dir, &st) && !S_ISDIR(st.st_mode))
		return say(BAD_INPUT, "--mount '%s': is no folder", mount_dir);
	return DONE;
}

static enum outcome run(int argc, char **argv)
{
	struct devices devices;
	struct device *device;
	enum outcome outcome = check_input();

	extra = argv + 1;
	if (outcome == DONE && *extra && **extra != '-')
		outcome = say(BAD_INPUT, "'%s': after DEV only options for mkfs.%s are taken, behind --",
			      *extra, type);
	if (outcome == DONE && argc - 1 > EXTRA_MAX)
		outcome = say(BAD_INPUT, "there are more than %d options for mkfs.%s", EXTRA_MAX, type);
	if (outcome != DONE)
		return outcome;
	outcome = cmd_one_writable(argv[0], &devices, &device);
	if (outcome == DONE)
		outcome = make(device);
	devices_free(&devices);
	return outcome;
}

const struct command cmd_mkfs = {
	.name = "mkfs", .args = "DEV --type TYPE [-- OPTION...]", .opts = opts, .least = 1, .most = 1024,
	.run = run,
	.help = "make a file system for DAX, and check that it is",
};
