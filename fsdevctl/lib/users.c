// SPDX-License-Identifier: GPL-2.0
/*
 * Who uses a device. Names come from what the kernel shows: mount tables of every namespace
 * (users_mounts.c), block devices and what is made of them (users_blocks.c), processes
 * (users_processes.c). What none of them shows is still counted by the driver: how often the block
 * device is open, and whether the DAX device has a holder. So a user is never missed, at most
 * unnamed.
 *
 * An earlier life of a device can be mounted still after the device has come back. It does not use the
 * device, but keeps it from being mounted again, so it is listed too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node.h"
#include "users_find.h"

/**
 * find_set() - keep a copy of a text
 * @find: the search, which fails without memory
 * @to: where it is kept
 * @text: the text; NULL counts as empty
 */
void find_set(struct find *find, char **to, const char *text)
{
	free(*to);
	*to = strdup(text ? text : "");
	if (!*to)
		find->error = -ENOMEM;
}

/**
 * find_add() - add a user
 * @find: the search
 * @node: what it uses
 * @kind: how
 * @what: who
 *
 * Return: the user, or NULL without memory, which ends the search.
 */
struct user *find_add(struct find *find, const struct node *node, enum user_kind kind,
		      const char *what)
{
	struct users *users = &find->users[node->of];
	struct user *more = realloc(users->user, (users->count + 1) * sizeof(*more));

	if (!more) {
		find->error = -ENOMEM;
		return NULL;
	}
	users->user = more;
	more += users->count++;
	memset(more, 0, sizeof(*more));
	more->kind = kind;
	find_set(find, &more->what, what);
	find_set(find, &more->where, node->path);
	find_set(find, &more->type, "");
	find_set(find, &more->options, "");
	return find->error ? NULL : more;
}

/**
 * find_node() - find the node of a device number
 * @find: the search
 * @dev: the number
 * @block: of a block device
 *
 * Return: the node, or NULL where it is none of ours.
 */
const struct node *find_node(const struct find *find, dev_t dev, bool block)
{
	if (!find->filter[find_slot(dev)])
		return NULL;
	for (unsigned int i = 0; i < find->nodes; i++)
		if (find->node[i].dev == dev && find->node[i].block == block)
			return &find->node[i];
	return NULL;
}

/**
 * find_path() - find the node that a path names
 * @find: the search
 * @path: as the user of the node gave it, which may be a link or another name
 *
 * Return: the node, or NULL where it is none of ours.
 */
const struct node *find_path(const struct find *find, const char *path)
{
	struct stat st;

	if (path[0] != '/')
		return NULL;
	for (unsigned int i = 0; i < find->nodes; i++)
		if (!strcmp(find->node[i].path, path))
			return &find->node[i];
	if (stat(path, &st) || !(S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode)))
		return NULL;
	return find_node(find, st.st_rdev, S_ISBLK(st.st_mode));
}

/**
 * find_has() - do a node have a user of that kind
 * @find: the search
 * @node: the node
 * @kind: the kind
 *
 * Return: true if so.
 */
bool find_has(const struct find *find, const struct node *node, enum user_kind kind)
{
	const struct users *users = &find->users[node->of];

	for (unsigned int i = 0; i < users->count; i++)
		if (users->user[i].kind == kind && !strcmp(users->user[i].where, node->path))
			return true;
	return false;
}

/* What the driver counts; -ENOTTY under another driver. */
static int ask_driver(const struct device *device, struct fsdev_info *info)
{
	int fd, rc;

	if (device->mode != MODE_FSDEV)
		return -ENOTTY;
	fd = node_open(device, O_RDONLY);
	if (fd < 0)
		return fd;
	rc = node_info(fd, info);
	close(fd);
	return rc;
}

static void drop_user(struct users *users, unsigned int at)
{
	struct user *user = &users->user[at];

	free(user->what);
	free(user->where);
	free(user->type);
	free(user->options);
	free(user->namespace);
	memmove(user, user + 1, (--users->count - at) * sizeof(*user));
}

/*
 * Where the disk is not open at all, a file system or loop device that names it is one of an earlier
 * life of the device.
 */
static void age(struct users *users)
{
	for (unsigned int i = 0; i < users->count; ) {
		struct user *user = &users->user[i];

		if (user->kind == USER_HIDDEN || user->kind == USER_PART) {
			user->kind = USER_STALE;
			user->what[0] = '\0';
		} else if (user->kind == USER_HOLDER && strstr(user->what, "/dev/loop")) {
			drop_user(users, i);
			continue;
		}
		i++;
	}
}

/* How often this process has the disk open itself. */
static unsigned int own_openers(const struct find *find, unsigned int of)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;
	struct dirent *entry;
	struct stat st;

	while (dir && (entry = readdir(dir))) {
		const struct node *node;

		if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, 0) ||
		    !S_ISBLK(st.st_mode))
			continue;
		node = find_node(find, st.st_rdev, true);
		count += node && node->of == of;
	}
	if (dir)
		closedir(dir);
	return count;
}

/* Whether the disk is open by others; what opens every disk for a moment is waited for. */
static bool is_open(const struct find *find, unsigned int of, struct fsdev_info *info)
{
	unsigned int own = info->version >= 2 && info->openers ? own_openers(find, of) : 0;

	for (unsigned int i = 0; i < 5 && info->version >= 2 && info->openers > own; i++) {
		usleep(50000);
		if (ask_driver(find->device[of], info))
			return false;
	}
	return info->version >= 2 && info->openers > own;
}

/* The part of the search that asks the driver. A user who may not open the node sees less. */
static void ask(struct find *find, unsigned int of)
{
	const struct device *device = find->device[of];
	struct node node = { .of = of };
	struct users *users = &find->users[of];
	struct fsdev_info info;
	char text[64];

	if (ask_driver(device, &info))
		return;
	snprintf(node.path, sizeof(node.path), "/dev/%.40s", device->disk);
	if (info.version >= 2 && !info.openers && !(info.flags & FSDEV_INFO_GOING))
		age(users);
	if (users_blocking(users))
		return;
	if (info.holder == FSDEV_HOLDER_KERNEL || info.holder == FSDEV_HOLDER_OWNER) {
		snprintf(node.path, sizeof(node.path), "/dev/%.40s", device->name);
		find_add(find, &node, USER_KERNEL,
			 info.holder == FSDEV_HOLDER_KERNEL ? "a file system or a mapped device" :
			 "a program");
	} else if (is_open(find, of, &info)) {
		snprintf(text, sizeof(text), "%u", info.openers);
		find_add(find, &node, USER_OPENER, text);
	}
}

static void search(struct find *find)
{
	find_blocks(find);
	find_made_of(find);
	find_mounts(find);
	find_swaps(find);
	find_targets(find);
	find_processes(find);
	find_hidden(find);
	for (unsigned int i = 0; i < find->devices && !find->error; i++)
		ask(find, i);
}

static int load(const struct device * const *device, unsigned int devices, struct users *users)
{
	struct find find = { .device = device, .devices = devices, .users = users };

	memset(users, 0, devices * sizeof(*users));
	search(&find);
	for (unsigned int i = 0; i < find.nr_pinned; i++)
		free(find.pinned[i].file);
	free(find.pinned);
	free(find.seen);
	free(find.node);
	for (unsigned int i = 0; find.error && i < devices; i++)
		users_free(&users[i]);
	return find.error;
}

/**
 * users_load() - find out who uses a device
 * @device: the device
 * @users: who; freed by users_free()
 *
 * Root sees all of them, others only what is theirs.
 *
 * Return: 0 or a negative errno.
 */
int users_load(const struct device *device, struct users *users)
{
	return load(&device, 1, users);
}

/**
 * users_load_all() - find out who uses which device, in one search
 * @devices: the devices
 * @users: an array with the users of each; freed by users_free_all()
 *
 * Return: 0 or a negative errno.
 */
int users_load_all(const struct devices *devices, struct users **users)
{
	unsigned int count = devices->count;
	const struct device **list = calloc(count ? count : 1, sizeof(*list));
	int rc = -ENOMEM;

	*users = calloc(count ? count : 1, sizeof(**users));
	if (list && *users) {
		for (unsigned int i = 0; i < count; i++)
			list[i] = &devices->device[i];
		rc = load(list, count, *users);
	}
	free(list);
	if (rc) {
		free(*users);
		*users = NULL;
	}
	return rc;
}

/**
 * users_free() - free what users_load() made
 * @users: the users
 */
void users_free(struct users *users)
{
	while (users->count)
		drop_user(users, users->count - 1);
	free(users->user);
	memset(users, 0, sizeof(*users));
}

/**
 * users_free_all() - free what users_load_all() made
 * @devices: the devices
 * @users: the array, or NULL
 */
void users_free_all(const struct devices *devices, struct users *users)
{
	for (unsigned int i = 0; users && i < devices->count; i++)
		users_free(&users[i]);
	free(users);
}

static void mount_text(const struct user *user, char *text, size_t size)
{
	int used = snprintf(text, size, "%s is mounted on %s (%s)", user->where, user->what, user->type);

	if (used < 0 || (size_t)used >= size)
		return;
	if (user->namespace)
		snprintf(text + used, size - used, " in the mount namespace that %s keeps",
			 user->namespace);
	else if (user->pid)
		snprintf(text + used, size - used, " in the mount namespace of process %d",
			 user->pid);
}

/**
 * user_text() - describe a user in words
 * @user: the user
 * @text: where they go
 * @size: room there
 */
void user_text(const struct user *user, char *text, size_t size)
{
	switch (user->kind) {
	case USER_MOUNT:
		mount_text(user, text, size);
		break;
	case USER_PART:
		snprintf(text, size, "%s is the %s of the file system on %s (%s)", user->where,
			 user->options, user->what, user->type);
		break;
	case USER_HIDDEN:
		snprintf(text, size, "%s has a file system (%s) in use that no mount table shows: unmounted with -l while files are open, under an overlay, or kept by a mount namespace",
			 user->where, user->type);
		break;
	case USER_HOLDER:
		snprintf(text, size, "%s is made of %s", user->what, user->where);
		break;
	case USER_SWAP:
		snprintf(text, size, "the system swaps to %s", user->where);
		break;
	case USER_TARGET:
		snprintf(text, size, "%s is exported by %s", user->where, user->what);
		break;
	case USER_PROCESS:
		snprintf(text, size, "process %d (%s) has %s%s open", user->pid, user->what,
			 user->options, user->where);
		break;
	case USER_KERNEL:
		snprintf(text, size, "%s is held by %s that nothing in /proc or /sys names",
			 user->where, user->what);
		break;
	case USER_OPENER:
		snprintf(text, size, "%s is open (%s times) by the kernel or a process that cannot be named",
			 user->where, user->what);
		break;
	case USER_STALE:
		if (user->what[0])
			snprintf(text, size, "an old mount on %s (%s) of %s, from before the device left and came back, is there still: umount %s",
				 user->what, user->type, user->where, user->what);
		else
			snprintf(text, size, "an old file system (%s) of %s, from before the device left and came back, is in use still and mounted nowhere that can be seen: end the processes that use it",
				 user->type, user->where);
		break;
	}
}

/**
 * users_mount() - find the mounted file system on a device
 * @users: its users
 *
 * Return: that user, or NULL.
 */
const struct user *users_mount(const struct users *users)
{
	for (unsigned int i = 0; i < users->count; i++)
		if (users->user[i].kind == USER_MOUNT && !users->user[i].pid &&
		    !users->user[i].namespace)
			return &users->user[i];
	return NULL;
}

/**
 * users_blocking() - count the users of a device as it is now
 * @users: its users
 *
 * Return: the number of all but leftovers of an earlier life.
 */
unsigned int users_blocking(const struct users *users)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < users->count; i++)
		count += users->user[i].kind != USER_STALE;
	return count;
}

/**
 * users_may_pass() - check whether all users may end in a moment
 * @users: its users
 *
 * A program that looks at every block device has it open for a moment.
 *
 * Return: whether there are users, and all are processes or openers without a name.
 */
bool users_may_pass(const struct users *users)
{
	for (unsigned int i = 0; i < users->count; i++)
		if (users->user[i].kind != USER_PROCESS && users->user[i].kind != USER_OPENER &&
		    users->user[i].kind != USER_STALE)
			return false;
	return users_blocking(users);
}
