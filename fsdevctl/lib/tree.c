// SPDX-License-Identifier: GPL-2.0
/*
 * Compares a folder with a copy of it: the same names, and behind each the same type, owner,
 * permissions and contents. Times and extended attributes are not looked at, which a file system may
 * round or leave out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree.h"

/* Bytes that are compared at a time. */
#define STEP (1u << 20)

/* What compare functions return for what is not the same; errors are negative. */
#define SAME 0
#define DIFFERS 1

/**
 * struct compare - a comparison that goes on
 * @buffer: one for each side, of STEP bytes
 * @keep: asked now and then whether to go on
 * @arg: passed to @keep
 * @differs: where the path goes that differs
 * @size: room there
 * @path: of what is being compared, from the folders on
 */
struct compare {
	char *buffer[2];
	bool (*keep)(void *arg);
	void *arg;
	char *differs;
	size_t size;
	char path[PATH_MAX];
};

/* The names in a folder, in order. */
struct names {
	char **name;
	size_t count;
};

static int by_name(const void *one, const void *other)
{
	return strcmp(*(char * const *)one, *(char * const *)other);
}

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
}

static int names_add(struct names *names, const char *name)
{
	char **more = realloc(names->name, (names->count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	names->name = more;
	more[names->count] = strdup(name);
	if (!more[names->count])
		return -ENOMEM;
	names->count++;
	return 0;
}

/* Takes the descriptor. */
static int names_read(struct names *names, int fd)
{
	struct dirent *entry;
	DIR *dir = fdopendir(fd);
	int rc = dir ? 0 : -errno;

	if (!dir) {
		close(fd);
		return rc;
	}
	while (!rc && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			rc = names_add(names, entry->d_name);
	rc = rc ? rc : -errno;
	closedir(dir);
	qsort(names->name, names->count, sizeof(*names->name), by_name);
	return rc;
}

/* As much as there is, up to STEP bytes. */
static ssize_t read_step(int fd, char *buffer, off_t offset)
{
	size_t done = 0;

	while (done < STEP) {
		ssize_t n = pread(fd, buffer + done, STEP - done, offset + done);

		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += n;
	}
	return done;
}

static int compare_bytes(struct compare *compare, const int fd[2])
{
	ssize_t n[2];

	for (off_t at = 0;; at += n[0]) {
		if (!compare->keep(compare->arg))
			return -EINTR;
		for (int i = 0; i < 2; i++) {
			n[i] = read_step(fd[i], compare->buffer[i], at);
			if (n[i] < 0)
				return n[i];
		}
		if (n[0] != n[1] || memcmp(compare->buffer[0], compare->buffer[1], n[0]))
			return DIFFERS;
		if (!n[0])
			return SAME;
	}
}

static int compare_links(const int parent[2], const char *name)
{
	char target[2][PATH_MAX];
	ssize_t n[2];

	for (int i = 0; i < 2; i++) {
		n[i] = readlinkat(parent[i], name, target[i], sizeof(target[i]));
		if (n[i] < 0)
			return -errno;
	}
	return n[0] == n[1] && !memcmp(target[0], target[1], n[0]) ? SAME : DIFFERS;
}

static int compare_dirs(struct compare *compare, const int fd[2]);

/* Opens both, and compares what is in them. */
static int compare_opened(struct compare *compare, const int parent[2], const char *name, bool dir)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (dir ? O_DIRECTORY : 0);
	int fd[2] = { openat(parent[0], name, flags), -1 };
	int rc = fd[0] < 0 ? -errno : 0;

	if (!rc) {
		fd[1] = openat(parent[1], name, flags);
		rc = fd[1] < 0 ? -errno : 0;
	}
	if (!rc)
		rc = dir ? compare_dirs(compare, fd) : compare_bytes(compare, fd);
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return rc;
}

static int compare_entry(struct compare *compare, const int parent[2], const char *name)
{
	struct stat st[2];

	for (int i = 0; i < 2; i++)
		if (fstatat(parent[i], name, &st[i], AT_SYMLINK_NOFOLLOW))
			return -errno;
	if (st[0].st_mode != st[1].st_mode || st[0].st_uid != st[1].st_uid ||
	    st[0].st_gid != st[1].st_gid)
		return DIFFERS;
	switch (st[0].st_mode & S_IFMT) {
	case S_IFDIR:
		return compare_opened(compare, parent, name, true);
	case S_IFREG:
		return compare_opened(compare, parent, name, false);
	case S_IFLNK:
		return compare_links(parent, name);
	default:
		return st[0].st_rdev == st[1].st_rdev ? SAME : DIFFERS;
	}
}

/* The first name that only one of them has; NULL if they have the same. */
static const char *odd_name(const struct names names[2])
{
	for (size_t i = 0; i < names[0].count || i < names[1].count; i++) {
		if (i == names[0].count)
			return names[1].name[i];
		if (i == names[1].count || strcmp(names[0].name[i], names[1].name[i]))
			return names[0].name[i];
	}
	return NULL;
}

static void set_differs(struct compare *compare, const char *name)
{
	if (!compare->differs[0])
		snprintf(compare->differs, compare->size, "%s/%s", compare->path, name);
}

/* The descriptors stay open. */
static int compare_dirs(struct compare *compare, const int fd[2])
{
	struct names names[2] = { { NULL, 0 }, { NULL, 0 } };
	size_t len = strlen(compare->path);
	const char *odd;
	int rc = 0;

	for (int i = 0; i < 2 && !rc; i++) {
		int again = openat(fd[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		rc = again < 0 ? -errno : names_read(&names[i], again);
	}
	odd = rc ? NULL : odd_name(names);
	if (odd) {
		set_differs(compare, odd);
		rc = DIFFERS;
	}
	for (size_t i = 0; i < names[0].count && !rc; i++) {
		const char *name = names[0].name[i];

		snprintf(compare->path + len, sizeof(compare->path) - len, "/%s", name);
		rc = compare_entry(compare, fd, name);
		compare->path[len] = '\0';
		if (rc)
			set_differs(compare, name);
	}
	for (int i = 0; i < 2; i++)
		names_free(&names[i]);
	return rc;
}

/**
 * tree_compare() - compare a folder with a copy of it
 * @dir: the folder
 * @copy: the copy
 * @keep: asked now and then; the comparison ends with -EINTR when it says no
 * @arg: passed to @keep
 * @differs: where the path goes, from the folders on, that differs or cannot be read
 * @size: room there
 *
 * Return: 0 if they are the same, 1 if not, or a negative errno.
 */
int tree_compare(const char *dir, const char *copy, bool (*keep)(void *arg), void *arg,
		 char *differs, size_t size)
{
	struct compare compare = { .keep = keep, .arg = arg, .differs = differs, .size = size };
	int fd[2] = { open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), -1 };
	int rc = fd[0] < 0 ? -errno : 0;

	differs[0] = '\0';
	if (!rc) {
		fd[1] = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = fd[1] < 0 ? -errno : 0;
	}
	for (int i = 0; i < 2 && !rc; i++) {
		compare.buffer[i] = malloc(STEP);
		rc = compare.buffer[i] ? 0 : -ENOMEM;
	}
	if (!rc)
		rc = compare_dirs(&compare, fd);
	for (int i = 0; i < 2; i++) {
		free(compare.buffer[i]);
		if (fd[i] >= 0)
			close(fd[i]);
	}
	return rc;
}
