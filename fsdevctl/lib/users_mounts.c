// SPDX-License-Identifier: GPL-2.0
/*
 * Mounts, in every mount namespace: those of processes, and those that only a file keeps. A file
 * system names its device by number, one without a block device by its source, and an XFS its log
 * and real-time devices in its options.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sysfs.h"
#include "users_find.h"

/* In which namespace a mount table is. */
struct space {
	pid_t pid;		/* of a process there; 0: ours */
	const char *pinned;	/* or the file that keeps it */
};

static bool is_known(const struct find *find, const struct node *node, enum user_kind kind,
		     const char *target)
{
	const struct users *users = &find->users[node->of];

	for (unsigned int i = 0; i < users->count; i++)
		if (users->user[i].kind == kind && !strcmp(users->user[i].what, target) &&
		    !strcmp(users->user[i].where, node->path))
			return true;
	return false;
}

static void add_mount(struct find *find, const struct node *node, enum user_kind kind,
		      struct libmnt_fs *fs, const char *options, const struct space *space)
{
	const char *target = mnt_fs_get_target(fs);
	struct user *user;

	if (is_known(find, node, kind, target))
		return;
	user = find_add(find, node, kind, target);
	if (!user)
		return;
	user->pid = space->pid;
	find_set(find, &user->type, mnt_fs_get_fstype(fs));
	find_set(find, &user->options, options);
	if (space->pinned)
		find_set(find, &user->namespace, space->pinned);
}

static void other_device(struct find *find, struct libmnt_fs *fs, const char *option,
			 const char *part, const struct space *space)
{
	const char *options = mnt_fs_get_fs_options(fs);
	const struct node *node;
	char path[PATH_MAX];
	char *value;
	size_t len;

	if (!options || mnt_optstr_get_option(options, option, &value, &len) || !value ||
	    len >= sizeof(path))
		return;
	memcpy(path, value, len);
	path[len] = '\0';
	node = find_path(find, path);
	if (node && node->block)
		add_mount(find, node, USER_PART, fs, part, space);
}

/* Its disk is in the kernel no more, and another of that name is there. */
static bool is_stale(dev_t dev)
{
	return major(dev) && !sysfs_there("/sys/dev/block/%u:%u", major(dev), minor(dev));
}

static void pin(struct find *find, struct libmnt_fs *fs, const struct space *space)
{
	const char *root = mnt_fs_get_root(fs);
	struct pinned *more;
	unsigned long number;
	char path[PATH_MAX];

	if (!root || sscanf(root, "mnt:[%lu]", &number) != 1)
		return;
	if (space->pid)
		snprintf(path, sizeof(path), "/proc/%d/root%s", space->pid, mnt_fs_get_target(fs));
	else
		snprintf(path, sizeof(path), "%s", mnt_fs_get_target(fs));
	more = realloc(find->pinned, (find->nr_pinned + 1) * sizeof(*more));
	if (!more) {
		find->error = -ENOMEM;
		return;
	}
	find->pinned = more;
	more += find->nr_pinned++;
	more->number = number;
	more->file = NULL;
	find_set(find, &more->file, path);
}

static void look_at_mount(struct find *find, struct libmnt_fs *fs, const struct space *space)
{
	const char *source = mnt_fs_get_source(fs), *type = mnt_fs_get_fstype(fs);
	dev_t dev = mnt_fs_get_devno(fs);
	const struct node *node = find_node(find, dev, true);

	if (!type || !strcmp(type, "devtmpfs"))
		return;
	if (!strcmp(type, "nsfs")) {
		pin(find, fs, space);
		return;
	}
	if (node) {
		add_mount(find, node, USER_MOUNT, fs, mnt_fs_get_fs_options(fs), space);
	} else if (source && !strncmp(source, "/dev/", 5)) {
		node = find_path(find, source);
		if (node && (!node->block || is_stale(dev)))
			add_mount(find, node, node->block ? USER_STALE : USER_MOUNT, fs,
				  mnt_fs_get_fs_options(fs), space);
	}
	other_device(find, fs, "logdev", "log", space);
	other_device(find, fs, "rtdev", "real-time device", space);
}

static void look_at_table(struct find *find, const char *path, const struct space *space)
{
	struct libmnt_table *table = mnt_new_table_from_file(path);
	struct libmnt_iter *iter;
	struct libmnt_fs *fs;

	if (!table)
		return;
	iter = mnt_new_iter(MNT_ITER_FORWARD);
	while (iter && !find->error && !mnt_table_next_fs(table, iter, &fs))
		look_at_mount(find, fs, space);
	mnt_free_iter(iter);
	mnt_unref_table(table);
}

static bool first_look(struct find *find, ino_t number)
{
	ino_t *more;

	for (unsigned int i = 0; i < find->nr_seen; i++)
		if (find->seen[i] == number)
			return false;
	more = realloc(find->seen, (find->nr_seen + 1) * sizeof(*more));
	if (!more) {
		find->error = -ENOMEM;
		return false;
	}
	find->seen = more;
	find->seen[find->nr_seen++] = number;
	return true;
}

static void copy(int from, int to)
{
	char text[4096];
	ssize_t n;

	while ((n = read(from, text, sizeof(text))) > 0)
		if (write(to, text, n) != n)
			break;
}

/* A child enters the namespace; /proc is taken along, as there may be none there. */
static void enter(const char *file, int to)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), space, table;

	space = open(file, O_RDONLY | O_CLOEXEC);
	if (proc < 0 || space < 0 || setns(space, CLONE_NEWNS))
		_exit(1);
	table = openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (table < 0)
		_exit(1);
	copy(table, to);
	_exit(0);
}

static void look_at_pinned(struct find *find, const char *file)
{
	struct space space = { .pinned = file };
	int table = memfd_create("mountinfo", MFD_CLOEXEC);
	char path[64];
	pid_t child;

	if (table < 0)
		return;
	fflush(NULL);
	child = fork();
	if (!child)
		enter(file, table);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", table);
	if (child > 0)
		look_at_table(find, path, &space);
	close(table);
}

/**
 * find_mounts() - find the mounts of every namespace
 * @find: the search, with all nodes
 */
void find_mounts(struct find *find)
{
	struct dirent *entry;
	char path[64];
	struct stat st;
	DIR *dir;

	if (!stat("/proc/self/ns/mnt", &st))
		first_look(find, st.st_ino);
	look_at_table(find, "/proc/self/mountinfo", &(struct space){ 0 });
	dir = opendir("/proc");
	if (!dir) {
		find->error = -errno;
		return;
	}
	while (!find->error && (entry = readdir(dir))) {
		struct space space = { .pid = atoi(entry->d_name) };

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/mnt", space.pid);
		if (stat(path, &st) || !first_look(find, st.st_ino))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", space.pid);
		look_at_table(find, path, &space);
	}
	closedir(dir);
	for (unsigned int i = 0; i < find->nr_pinned && !find->error; i++)
		if (first_look(find, find->pinned[i].number))
			look_at_pinned(find, find->pinned[i].file);
}
