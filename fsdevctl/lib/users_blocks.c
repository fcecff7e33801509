// SPDX-License-Identifier: GPL-2.0
/*
 * Block devices: a device's own, its partitions, and what is made of them (holders, loop devices),
 * swap, and targets that export them. File systems without a mount show by their folder in /sys/fs,
 * journals by theirs in /proc/fs/jbd2.
 */
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sysfs.h"
#include "users_find.h"

#define BLOCK "/sys/class/block"
#define CONFIGFS "/sys/kernel/config"

/* Whether it was not there yet. */
static bool add_node(struct find *find, unsigned int of, const char *dev_file, const char *name,
		     bool block)
{
	unsigned int major, minor;
	struct node *more;
	char text[32];
	dev_t dev;

	if (sysfs_read(text, sizeof(text), "%s", dev_file) ||
	    sscanf(text, "%u:%u", &major, &minor) != 2)
		return false;
	dev = makedev(major, minor);
	if (find_node(find, dev, block))
		return false;
	more = realloc(find->node, (find->nodes + 1) * sizeof(*more));
	if (!more) {
		find->error = -ENOMEM;
		return false;
	}
	find->node = more;
	more += find->nodes++;
	more->dev = dev;
	find->filter[find_slot(dev)] = true;
	more->block = block;
	more->of = of;
	snprintf(more->path, sizeof(more->path), "/dev/%.50s", name);
	return true;
}

static void add_block(struct find *find, unsigned int of, const char *name);

static void add_holder(struct find *find, unsigned int of, const char *name, const char *below)
{
	struct node node = { .of = of };
	char what[160], dm[80];

	snprintf(node.path, sizeof(node.path), "/dev/%.50s", below);
	if (sysfs_read(dm, sizeof(dm), BLOCK "/%.60s/dm/name", name))
		snprintf(what, sizeof(what), "/dev/%.60s", name);
	else
		snprintf(what, sizeof(what), "/dev/mapper/%s", dm);
	find_add(find, &node, USER_HOLDER, what);
	add_block(find, of, name);
}

/* Partitions lie in the disk's folder; holders are links in a folder of their own. */
static void add_below(struct find *find, unsigned int of, const char *name, bool holders)
{
	struct dirent *entry;
	char path[PATH_MAX];
	DIR *dir;

	snprintf(path, sizeof(path), BLOCK "/%.60s%s", name, holders ? "/holders" : "");
	dir = opendir(path);
	if (!dir)
		return;
	while (!find->error && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (holders)
			add_holder(find, of, entry->d_name, name);
		else if (sysfs_there("%s/%s/partition", path, entry->d_name))
			add_block(find, of, entry->d_name);
	}
	closedir(dir);
}

/* A device that is reached twice, as by two legs of a volume, is gone through once. */
static void add_block(struct find *find, unsigned int of, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), BLOCK "/%.60s/dev", name);
	if (!add_node(find, of, path, name, true))
		return;
	add_below(find, of, name, true);
	add_below(find, of, name, false);
}

/**
 * find_blocks() - find the nodes of all devices, and of devices made of them
 * @find: the search
 */
void find_blocks(struct find *find)
{
	char path[PATH_MAX];

	for (unsigned int i = 0; i < find->devices && !find->error; i++) {
		const struct device *device = find->device[i];

		snprintf(path, sizeof(path), DAX_BUS "/devices/%s/dev", device->name);
		add_node(find, i, path, device->name, false);
		if (device->disk[0])
			add_block(find, i, device->disk);
	}
}

/**
 * find_made_of() - loop devices, which claim nothing and are in no holders folder
 * @find: the search
 */
void find_made_of(struct find *find)
{
	struct dirent *entry;
	char backing[PATH_MAX];
	DIR *dir = opendir(BLOCK);

	while (dir && !find->error && (entry = readdir(dir))) {
		const struct node *node;

		if (strncmp(entry->d_name, "loop", 4) ||
		    sysfs_read(backing, sizeof(backing), BLOCK "/%.60s/loop/backing_file",
			       entry->d_name))
			continue;
		node = find_path(find, backing);
		if (node && node->block) {
			/* the list of nodes may move */
			unsigned int of = node->of;

			add_holder(find, of, entry->d_name, node->path + strlen("/dev/"));
		}
	}
	if (dir)
		closedir(dir);
}

/**
 * find_swaps() - find swap space
 * @find: the search
 */
void find_swaps(struct find *find)
{
	char line[512], path[256];
	FILE *file = fopen("/proc/swaps", "re");

	if (!file)
		return;
	while (!find->error && fgets(line, sizeof(line), file)) {
		const struct node *node;

		if (sscanf(line, "%255s", path) != 1)
			continue;
		node = find_path(find, path);
		if (node && node->block)
			find_add(find, node, USER_SWAP, path);
	}
	fclose(file);
}

/* The part of a path after @steps slashes from its end, cut at the next one. */
static void part_of(const char *path, unsigned int steps, char *part, size_t size)
{
	const char *at = path + strlen(path);

	while (at > path && steps)
		steps -= *--at == '/';
	snprintf(part, size, "%.*s", (int)strcspn(at + 1, "/"), at + 1);
}

static void nvme_target(struct find *find, const char *file)
{
	char path[PATH_MAX], name[100], what[160];
	const struct node *node;

	if (sysfs_read(path, sizeof(path), "%s", file))
		return;
	node = find_path(find, path);
	if (!node)
		return;
	/* .../subsystems/NAME/namespaces/N/device_path */
	part_of(file, 4, name, sizeof(name));
	snprintf(what, sizeof(what), "the NVMe target, subsystem %s", name);
	find_add(find, node, USER_TARGET, what);
}

static void scsi_target(struct find *find, const char *file)
{
	char info[4096], name[100], what[160];
	const char *device;

	device = sysfs_read_all(info, sizeof(info), "%s", file) ? NULL :
		strstr(info, "iBlock device: ");
	if (!device)
		return;
	device += strlen("iBlock device: ");
	part_of(file, 2, name, sizeof(name));
	snprintf(what, sizeof(what), "the SCSI target (LIO), backstore %s", name);
	for (unsigned int i = 0; i < find->nodes && !find->error; i++) {
		const char *own = find->node[i].path + strlen("/dev/");

		if (find->node[i].block && !strncmp(device, own, strlen(own)) &&
		    strchr(" \t\n", device[strlen(own)]))
			find_add(find, &find->node[i], USER_TARGET, what);
	}
}

static void each_match(struct find *find, const char *pattern,
		       void (*call)(struct find *find, const char *file))
{
	glob_t found;

	if (!glob(pattern, GLOB_NOSORT, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc && !find->error; i++)
			call(find, found.gl_pathv[i]);
	globfree(&found);
}

/**
 * find_targets() - find targets that export a device to other machines
 * @find: the search
 */
void find_targets(struct find *find)
{
	each_match(find, CONFIGFS "/nvmet/subsystems/*/namespaces/*/device_path", nvme_target);
	each_match(find, CONFIGFS "/target/core/iblock_*/*/info", scsi_target);
}

/*
 * The one ext4 that has no journal of its own, if there is exactly one; else empty. It has no
 * folder NAME-INODE.
 */
static void whose_journal(char *mount, size_t size)
{
	char line[1024], where[512], type[32], dev[32], path[PATH_MAX];
	FILE *file = fopen("/proc/self/mounts", "re");
	unsigned int found = 0;

	mount[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		glob_t own;

		if (sscanf(line, "/dev/%31s %511s %31s", dev, where, type) != 3 ||
		    strcmp(type, "ext4"))
			continue;
		snprintf(path, sizeof(path), "/proc/fs/jbd2/%s-*", dev);
		if (glob(path, GLOB_NOSORT, NULL, &own) == GLOB_NOMATCH && !found++)
			snprintf(mount, size, "%s", where);
		globfree(&own);
	}
	if (file)
		fclose(file);
	if (found != 1)
		mount[0] = '\0';
}

static void add_journal(struct find *find, const struct node *node)
{
	char mount[512];
	struct user *user;

	whose_journal(mount, sizeof(mount));
	user = find_add(find, node, USER_PART, mount[0] ? mount : "another device");
	if (!user)
		return;
	find_set(find, &user->type, "ext4");
	find_set(find, &user->options, "journal");
}

/**
 * find_hidden() - find file systems and journals that no mount table shows
 * @find: the search, with all mounts
 */
void find_hidden(struct find *find)
{
	static const char * const types[] = { "xfs", "ext4", "erofs", "f2fs", NULL };

	for (unsigned int i = 0; i < find->nodes && !find->error; i++) {
		const struct node *node = &find->node[i];
		const char *name = node->path + strlen("/dev/");

		if (!node->block || find_has(find, node, USER_MOUNT) ||
		    find_has(find, node, USER_STALE))
			continue;
		for (unsigned int j = 0; types[j] && !find->error; j++) {
			struct user *user;

			if (!sysfs_there("/sys/fs/%s/%s", types[j], name))
				continue;
			user = find_add(find, node, USER_HIDDEN, "");
			if (user)
				find_set(find, &user->type, types[j]);
		}
		if (!find->error && sysfs_there("/proc/fs/jbd2/%s", name))
			add_journal(find, node);
	}
}
