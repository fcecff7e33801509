// SPDX-License-Identifier: GPL-2.0
/*
 * Who uses a device: file systems mounted from it in any mount namespace, devices made of its block
 * device and what is mounted from those, swap, and processes that have a node of it open or mapped.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sysfs.h"
#include "users.h"

#define NODES_MAX 64

/* The device's nodes: its character device, its block device, and all that is made of that. */
struct nodes {
	struct {
		dev_t dev;
		bool block;
		char path[64];
	} node[NODES_MAX];
	unsigned int count;
};

static int add_user(struct users *users, enum user_kind kind, const char *what,
		    const char *where, pid_t pid)
{
	struct user *more = realloc(users->user, (users->count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	users->user = more;
	more += users->count;
	memset(more, 0, sizeof(*more));
	more->kind = kind;
	more->pid = pid;
	more->what = strdup(what);
	more->where = strdup(where);
	users->count++;
	return more->what && more->where ? 0 : -ENOMEM;
}

static bool parse_dev(const char *text, dev_t *dev)
{
	unsigned int major, minor;

	if (sscanf(text, "%u:%u", &major, &minor) != 2)
		return false;
	*dev = makedev(major, minor);
	return true;
}

static void add_node(struct nodes *nodes, const char *dev_file, const char *name, bool block)
{
	char text[32];
	dev_t dev;

	if (nodes->count == NODES_MAX || sysfs_read(text, sizeof(text), "%s", dev_file) ||
	    !parse_dev(text, &dev))
		return;
	for (unsigned int i = 0; i < nodes->count; i++)
		if (nodes->node[i].dev == dev && nodes->node[i].block == block)
			return;
	nodes->node[nodes->count].dev = dev;
	nodes->node[nodes->count].block = block;
	snprintf(nodes->node[nodes->count].path, sizeof(nodes->node[0].path), "/dev/%.50s", name);
	nodes->count++;
}

static int add_block(struct users *users, struct nodes *nodes, const char *name, bool holder,
		     const char *below);

/* Partitions lie in the disk's folder; holders are links in a folder of their own. */
static int add_below(struct users *users, struct nodes *nodes, const char *name, bool holders)
{
	struct dirent *entry;
	char path[PATH_MAX];
	int rc = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/block/%.60s%s", name, holders ? "/holders" : "");
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!rc && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (!holders && !sysfs_there("%s/%s/partition", path, entry->d_name))
			continue;
		rc = add_block(users, nodes, entry->d_name, holders, name);
	}
	closedir(dir);
	return rc;
}

static int add_block(struct users *users, struct nodes *nodes, const char *name, bool holder,
		     const char *below)
{
	char path[PATH_MAX], where[64], what[160], dm[80];
	int rc = 0;

	snprintf(path, sizeof(path), "/sys/class/block/%.60s/dev", name);
	if (nodes->count == NODES_MAX)
		return 0;
	add_node(nodes, path, name, true);
	if (holder) {
		snprintf(where, sizeof(where), "/dev/%.50s", below);
		if (sysfs_read(dm, sizeof(dm), "/sys/class/block/%.60s/dm/name", name))
			snprintf(what, sizeof(what), "/dev/%.60s", name);
		else
			snprintf(what, sizeof(what), "/dev/mapper/%s", dm);
		rc = add_user(users, USER_HOLDER, what, where, 0);
	}
	if (!rc)
		rc = add_below(users, nodes, name, true);
	if (!rc)
		rc = add_below(users, nodes, name, false);
	return rc;
}

static const char *node_of(const struct nodes *nodes, dev_t dev, bool block)
{
	for (unsigned int i = 0; i < nodes->count; i++)
		if (nodes->node[i].dev == dev && nodes->node[i].block == block)
			return nodes->node[i].path;
	return NULL;
}

static int add_mount(struct users *users, struct libmnt_fs *fs, const char *where, pid_t pid)
{
	const char *target = mnt_fs_get_target(fs);
	const char *type = mnt_fs_get_fstype(fs), *options = mnt_fs_get_fs_options(fs);
	struct user *user;
	int rc;

	for (unsigned int i = 0; i < users->count; i++)
		if (users->user[i].kind == USER_MOUNT && !strcmp(users->user[i].what, target) &&
		    !strcmp(users->user[i].where, where))
			return 0;
	rc = add_user(users, USER_MOUNT, target, where, pid);
	if (rc)
		return rc;
	user = &users->user[users->count - 1];
	user->type = strdup(type ? type : "");
	user->options = strdup(options ? options : "");
	return user->type && user->options ? 0 : -ENOMEM;
}

/* What one mount namespace sees; @pid is 0 for our own. */
static int mounts_of(struct users *users, const struct nodes *nodes, pid_t pid)
{
	struct libmnt_table *table;
	struct libmnt_iter *iter;
	struct libmnt_fs *fs;
	char path[64];
	int rc = 0;

	snprintf(path, sizeof(path), pid ? "/proc/%d/mountinfo" : "/proc/self/mountinfo", pid);
	table = mnt_new_table_from_file(path);
	if (!table)
		return 0;
	iter = mnt_new_iter(MNT_ITER_FORWARD);
	while (iter && !rc && !mnt_table_next_fs(table, iter, &fs)) {
		const char *where = node_of(nodes, mnt_fs_get_devno(fs), true);

		if (where && strcmp(mnt_fs_get_fstype(fs), "devtmpfs"))
			rc = add_mount(users, fs, where, pid);
	}
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return rc;
}

static int swaps(struct users *users, const struct nodes *nodes)
{
	char line[512], path[256];
	FILE *file = fopen("/proc/swaps", "re");
	struct stat st;
	int rc = 0;

	if (!file)
		return 0;
	while (!rc && fgets(line, sizeof(line), file))
		if (sscanf(line, "%255s", path) == 1 && !stat(path, &st) && S_ISBLK(st.st_mode) &&
		    node_of(nodes, st.st_rdev, true))
			rc = add_user(users, USER_SWAP, path, path, 0);
	fclose(file);
	return rc;
}

/* The node that a process has open, or NULL. */
static const char *open_node(pid_t pid, const struct nodes *nodes)
{
	const char *found = NULL;
	struct dirent *entry;
	char path[PATH_MAX];
	struct stat st;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return NULL;
	while (!found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, 0))
			continue;
		if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			found = node_of(nodes, st.st_rdev, S_ISBLK(st.st_mode));
	}
	closedir(dir);
	return found;
}

/* The node that a process has mapped, perhaps without having it open any more. */
static const char *mapped_node(pid_t pid, const struct nodes *nodes)
{
	char path[64], *line = NULL;
	const char *found = NULL;
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	while (!found && getline(&line, &room, file) > 0) {
		const char *name = strchr(line, '/');
		size_t len = name ? strcspn(name, "\n") : 0;

		for (unsigned int i = 0; name && i < nodes->count; i++)
			if (strlen(nodes->node[i].path) == len &&
			    !strncmp(nodes->node[i].path, name, len))
				found = nodes->node[i].path;
	}
	free(line);
	fclose(file);
	return found;
}

/* A monitor is told of the removal, and ends with it. */
static bool is_monitor(const char *name, pid_t pid)
{
	char words[256] = "", path[64];
	size_t first, n = 0;
	FILE *file;

	if (strcmp(name, "fsdevctl"))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = fopen(path, "re");
	if (file) {
		n = fread(words, 1, sizeof(words) - 1, file);
		fclose(file);
	}
	first = strlen(words) + 1;
	return first < n && !strcmp(words + first, "monitor");
}

/* udev looks at every block device for a moment; it lets go by itself. */
static bool passes(const char *name, pid_t pid)
{
	return strstr(name, "udev-worker") || strstr(name, "systemd-udevd") ||
		is_monitor(name, pid);
}

static int one_process(struct users *users, const struct nodes *nodes, pid_t pid)
{
	const char *where = open_node(pid, nodes);
	char name[64];

	if (!where)
		where = mapped_node(pid, nodes);
	if (!where)
		return 0;
	if (sysfs_read(name, sizeof(name), "/proc/%d/comm", pid))
		return 0;
	return passes(name, pid) ? 0 : add_user(users, USER_PROCESS, name, where, pid);
}

static int processes(struct users *users, const struct nodes *nodes)
{
	char own[64], namespace[64], last[64] = "";
	struct dirent *entry;
	DIR *dir = opendir("/proc");
	int rc = 0;

	if (!dir)
		return -errno;
	sysfs_link_name(own, sizeof(own), "/proc/self/ns/mnt");
	while (!rc && (entry = readdir(dir))) {
		pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

		if (!pid || pid == getpid())
			continue;
		rc = one_process(users, nodes, pid);
		sysfs_link_name(namespace, sizeof(namespace), "/proc/%d/ns/mnt", pid);
		if (rc || !namespace[0] || !strcmp(namespace, own) || !strcmp(namespace, last))
			continue;
		memcpy(last, namespace, sizeof(last));
		rc = mounts_of(users, nodes, pid);
	}
	closedir(dir);
	return rc;
}

/**
 * users_load() - finds out who uses a device
 * @device: the device
 * @users: who; freed by users_free()
 *
 * Root sees all of them, others only what is theirs.
 *
 * Return: 0 or a negative errno.
 */
int users_load(const struct device *device, struct users *users)
{
	struct nodes nodes = { .count = 0 };
	char path[PATH_MAX];
	int rc = 0;

	memset(users, 0, sizeof(*users));
	snprintf(path, sizeof(path), DAX_BUS "/devices/%s/dev", device->name);
	add_node(&nodes, path, device->name, false);
	if (device->disk[0])
		rc = add_block(users, &nodes, device->disk, false, "");
	if (!rc)
		rc = mounts_of(users, &nodes, 0);
	if (!rc)
		rc = swaps(users, &nodes);
	if (!rc)
		rc = processes(users, &nodes);
	if (rc)
		users_free(users);
	return rc;
}

/**
 * users_free() - frees what users_load() made
 * @users: the users
 */
void users_free(struct users *users)
{
	for (unsigned int i = 0; i < users->count; i++) {
		free(users->user[i].what);
		free(users->user[i].where);
		free(users->user[i].type);
		free(users->user[i].options);
	}
	free(users->user);
	memset(users, 0, sizeof(*users));
}

/**
 * user_text() - one user in words
 * @user: the user
 * @text: where they go
 * @size: room there
 */
void user_text(const struct user *user, char *text, size_t size)
{
	switch (user->kind) {
	case USER_MOUNT:
		if (user->pid)
			snprintf(text, size, "%s is mounted on %s (%s) in the mount namespace of process %d",
				 user->where, user->what, user->type, user->pid);
		else
			snprintf(text, size, "%s is mounted on %s (%s)", user->where, user->what,
				 user->type);
		break;
	case USER_HOLDER:
		snprintf(text, size, "%s is made of %s", user->what, user->where);
		break;
	case USER_SWAP:
		snprintf(text, size, "the system swaps to %s", user->where);
		break;
	case USER_PROCESS:
		snprintf(text, size, "process %d (%s) has %s open", user->pid, user->what,
			 user->where);
		break;
	}
}

/**
 * users_mount() - the file system on a device, if one is mounted where we see it
 * @users: its users
 *
 * Return: that user, or NULL.
 */
const struct user *users_mount(const struct users *users)
{
	for (unsigned int i = 0; i < users->count; i++)
		if (users->user[i].kind == USER_MOUNT && !users->user[i].pid)
			return &users->user[i];
	return NULL;
}
