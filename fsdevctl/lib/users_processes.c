// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that have a node of a device open or mapped, by whatever name, or a file of a file system
 * on it that no mount table shows any more.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sysfs.h"
#include "users_find.h"

#define KNOWN_FILES 4096	/* a power of two; no page */

/* What was mapped from a file before is not looked at again: processes map the same libraries. */
struct known_files {
	struct {
		unsigned long long inode;
		unsigned int major, minor;
	} file[KNOWN_FILES];
};

/* What of a device a process has, and whether it is a file on it instead of the node. */
struct grip {
	const struct node *node;
	bool file;
};

static bool look_at(const struct find *find, const struct stat *st, struct grip *grip)
{
	grip->file = false;
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		grip->node = find_node(find, st->st_rdev, S_ISBLK(st->st_mode));
	if (grip->node)
		return true;
	grip->node = find_node(find, st->st_dev, true);
	if (grip->node && find_has(find, grip->node, USER_MOUNT))
		grip->node = NULL;
	grip->file = true;
	return grip->node;
}

static bool look_at_fds(const struct find *find, int process, struct grip *grip)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool found = false;
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !fstatat(fd, entry->d_name, &st, 0))
			found = look_at(find, &st, grip);
	closedir(dir);
	return found;
}

static bool is_new(struct known_files *known, unsigned int major, unsigned int minor,
		   unsigned long long inode)
{
	unsigned int at = (inode * 31 + minor * 7 + major) & (KNOWN_FILES - 1);

	if (known->file[at].inode == inode && known->file[at].major == major &&
	    known->file[at].minor == minor)
		return false;
	known->file[at].inode = inode;
	known->file[at].major = major;
	known->file[at].minor = minor;
	return true;
}

/* A mapping may outlive its descriptor. */
static bool look_at_maps(const struct find *find, struct known_files *known, int process,
			 struct grip *grip)
{
	int fd = openat(process, "maps", O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL, name[64];
	bool found = false;
	size_t room = 0;

	if (!file) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!found && getline(&line, &room, file) > 0) {
		unsigned long long start, end, inode;
		unsigned int major, minor;
		struct stat st;

		if (sscanf(line, "%llx-%llx %*s %*x %x:%x %llu", &start, &end, &major, &minor,
			   &inode) != 5 || !inode || !is_new(known, major, minor, inode))
			continue;
		snprintf(name, sizeof(name), "map_files/%llx-%llx", start, end);
		if (!fstatat(process, name, &st, 0))
			found = look_at(find, &st, grip);
		/* it may be mapped elsewhere too */
		if (found)
			memset(known, 0, sizeof(*known));
	}
	free(line);
	fclose(file);
	return found;
}

/* A working directory or a program keeps a file system in use as an open file does. */
static bool look_at_links(const struct find *find, int process, struct grip *grip)
{
	static const char * const links[] = { "cwd", "root", "exe" };
	struct stat st;

	for (unsigned int i = 0; i < ARRAY_SIZE(links); i++)
		if (!fstatat(process, links[i], &st, 0) && look_at(find, &st, grip))
			return true;
	return false;
}

/* A monitor gets an event of the removal, and ends with it. */
static bool is_monitor(const char *name, int process)
{
	char words[256] = "";
	size_t first;
	ssize_t n;
	int fd;

	if (strcmp(name, "fsdevctl"))
		return false;
	fd = openat(process, "cmdline", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, words, sizeof(words) - 1);
	close(fd);
	first = strlen(words) + 1;
	return n > 0 && first < (size_t)n && !strcmp(words + first, "monitor");
}

/* udev looks at every block device for a moment; it lets go by itself. */
static bool passes(const char *name, int process)
{
	return strstr(name, "udev-worker") || strstr(name, "systemd-udevd") ||
		is_monitor(name, process);
}

static void look_at_process(struct find *find, struct known_files *known, int process, pid_t pid)
{
	struct grip grip = { .node = NULL };
	struct user *user;
	char name[64];

	if (!look_at_fds(find, process, &grip) && !look_at_links(find, process, &grip) &&
	    !look_at_maps(find, known, process, &grip))
		return;
	if (sysfs_read(name, sizeof(name), "/proc/%d/comm", pid) || passes(name, process))
		return;
	user = find_add(find, grip.node, USER_PROCESS, name);
	if (!user)
		return;
	user->pid = pid;
	if (grip.file)
		find_set(find, &user->options, "a file of the file system on ");
}

/**
 * find_processes() - find processes that use a device
 * @find: the search, with all mounts
 */
void find_processes(struct find *find)
{
	struct known_files *known = calloc(1, sizeof(*known));
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir || !known) {
		find->error = dir ? -ENOMEM : -errno;
		goto out;
	}
	while (!find->error && (entry = readdir(dir))) {
		pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
		int process;

		if (!pid || pid == getpid())
			continue;
		process = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (process < 0)
			continue;
		look_at_process(find, known, process, pid);
		close(process);
	}
out:
	if (dir)
		closedir(dir);
	free(known);
}
