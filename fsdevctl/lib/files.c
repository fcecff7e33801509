// SPDX-License-Identifier: GPL-2.0
/*
 * What of a file system lies where on a device. The file system is asked: which inode has a stretch
 * (FS_IOC_GETFSMAP: XFS names the inode, ext4 only what is metadata and what is free), and where a
 * file's bytes are (FIEMAP, for names, and for file systems that have no more to say).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fsmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dirent.h>

#include "c.h"
#include "device.h"
#include "files.h"
#include "sysfs.h"
#include "users.h"

#define AT_ONCE 256
#define PATH_ROOM 8192
#define DEPTH 128

/* The stretch that is asked about, and the file system that is on it. */
struct search {
	const char *root;
	uint64_t base;		/* device offset of the file system's first byte */
	uint64_t start, end;	/* in the file system's bytes */
	dev_t dev;
	struct pieces *pieces;
	bool by_inode;		/* the file system has named inodes; only paths are missing */
	char path[PATH_ROOM];
};

static int add_piece(struct search *search, uint64_t start, uint64_t len, enum piece_kind kind,
		     const char *name)
{
	uint64_t end = start + len;
	struct piece *more;

	if (start < search->start)
		start = search->start;
	if (end > search->end)
		end = search->end;
	if (start >= end)
		return 0;
	more = realloc(search->pieces->piece, (search->pieces->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	search->pieces->piece = more;
	more += search->pieces->count;
	memset(more, 0, sizeof(*more));
	more->offset = search->base + start;
	more->len = end - start;
	more->kind = kind;
	if (name) {
		more->name = strdup(name);
		if (!more->name)
			return -ENOMEM;
	}
	search->pieces->count++;
	return 0;
}

/* What XFS and ext4 call their own parts. */
static const char *owner_name(uint64_t owner)
{
	static const struct {
		uint64_t owner;
		const char *name;
	} names[] = {
		{ FMR_OWNER('X', 1), "superblocks and group headers" },
		{ FMR_OWNER('X', 2), "the log" },
		{ FMR_OWNER('X', 3), "free space and reverse mapping trees" },
		{ FMR_OWNER('X', 4), "inode trees" },
		{ FMR_OWNER('X', 5), "inodes" },
		{ FMR_OWNER('X', 6), "reference count trees" },
		{ FMR_OWNER('X', 7), "copy on write in progress" },
		{ FMR_OWNER('f', 1), "group descriptors" },
		{ FMR_OWNER('f', 2), "reserved group descriptors" },
		{ FMR_OWNER('f', 3), "block bitmaps" },
		{ FMR_OWNER('f', 4), "inode bitmaps" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].owner == owner)
			return names[i].name;
	return "metadata of the file system";
}

static int add_record(struct search *search, const struct fsmap *map)
{
	struct piece *piece;
	uint64_t cut;
	int rc;

	if (map->fmr_flags & FMR_OF_SPECIAL_OWNER) {
		if (map->fmr_owner == FMR_OWN_FREE)
			return add_piece(search, map->fmr_physical, map->fmr_length, PIECE_FREE, NULL);
		if (map->fmr_owner == FMR_OWN_UNKNOWN)
			return add_piece(search, map->fmr_physical, map->fmr_length, PIECE_UNKNOWN,
					 NULL);
		return add_piece(search, map->fmr_physical, map->fmr_length, PIECE_METADATA,
				 owner_name(map->fmr_owner));
	}
	rc = add_piece(search, map->fmr_physical, map->fmr_length, PIECE_FILE, NULL);
	if (rc || map->fmr_physical >= search->end ||
	    map->fmr_physical + map->fmr_length <= search->start)
		return rc;
	piece = &search->pieces->piece[search->pieces->count - 1];
	piece->inode = map->fmr_owner;
	cut = piece->offset - search->base - map->fmr_physical;
	piece->file_offset = map->fmr_offset + cut;
	if (map->fmr_flags & (FMR_OF_ATTR_FORK | FMR_OF_EXTENT_MAP)) {
		piece->kind = PIECE_METADATA;
		piece->name = strdup(map->fmr_flags & FMR_OF_ATTR_FORK ?
				     "a file's attributes" : "a file's extent map");
	}
	return 0;
}

/* Asks the file system for the owners. -EOPNOTSUPP if it has no such call. */
static int owners(struct search *search)
{
	struct fsmap_head *head = calloc(1, sizeof(*head) + AT_ONCE * sizeof(struct fsmap));
	int fd = open(search->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	bool last = false;

	if (!head || fd < 0) {
		rc = head ? -errno : -ENOMEM;
		goto out;
	}
	head->fmh_count = AT_ONCE;
	head->fmh_keys[0].fmr_physical = search->start;
	head->fmh_keys[0].fmr_device = search->dev;
	head->fmh_keys[1].fmr_device = search->dev;
	head->fmh_keys[1].fmr_physical = search->end - 1;
	head->fmh_keys[1].fmr_flags = UINT32_MAX;
	head->fmh_keys[1].fmr_owner = UINT64_MAX;
	head->fmh_keys[1].fmr_offset = UINT64_MAX;
	while (!rc && !last) {
		if (ioctl(fd, FS_IOC_GETFSMAP, head)) {
			rc = errno == ENOTTY || errno == EINVAL ? -EOPNOTSUPP : -errno;
			break;
		}
		if (!head->fmh_entries)
			break;
		for (unsigned int i = 0; !rc && i < head->fmh_entries; i++) {
			last = head->fmh_recs[i].fmr_flags & FMR_OF_LAST;
			if (head->fmh_recs[i].fmr_device == search->dev)
				rc = add_record(search, &head->fmh_recs[i]);
		}
		fsmap_advance(head);
	}
out:
	if (fd >= 0)
		close(fd);
	free(head);
	return rc;
}

static int name_inode(struct search *search, uint64_t inode)
{
	for (unsigned int i = 0; i < search->pieces->count; i++) {
		struct piece *piece = &search->pieces->piece[i];

		if (piece->kind != PIECE_FILE || piece->inode != inode || piece->name)
			continue;
		piece->name = strdup(search->path);
		if (!piece->name)
			return -ENOMEM;
	}
	return 0;
}

static int add_extent(struct search *search, const struct fiemap_extent *extent, uint64_t inode)
{
	uint64_t start = extent->fe_physical, end = start + extent->fe_length;
	struct piece *piece;
	int rc;

	if (extent->fe_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC))
		return 0;
	if (end <= search->start || start >= search->end)
		return 0;
	rc = add_piece(search, start, extent->fe_length, PIECE_FILE, search->path);
	if (rc)
		return rc;
	piece = &search->pieces->piece[search->pieces->count - 1];
	piece->inode = inode;
	piece->file_offset = extent->fe_logical + (piece->offset - search->base - start);
	return 0;
}

/* A file that cannot be opened or asked is left out; its bytes stay unknown. */
static int extents(struct search *search, int fd, uint64_t inode)
{
	struct fiemap *map = calloc(1, sizeof(*map) + AT_ONCE * sizeof(struct fiemap_extent));
	bool last = false;
	int rc = 0;

	if (!map)
		return -ENOMEM;
	while (!rc && !last) {
		map->fm_length = FIEMAP_MAX_OFFSET - map->fm_start;
		map->fm_flags = 0;
		map->fm_extent_count = AT_ONCE;
		if (ioctl(fd, FS_IOC_FIEMAP, map) || !map->fm_mapped_extents)
			break;
		for (unsigned int i = 0; !rc && i < map->fm_mapped_extents; i++) {
			const struct fiemap_extent *extent = &map->fm_extents[i];

			rc = add_extent(search, extent, inode);
			map->fm_start = extent->fe_logical + extent->fe_length;
			last = extent->fe_flags & FIEMAP_EXTENT_LAST;
		}
	}
	free(map);
	return rc;
}

static int walk(struct search *search, int parent, const char *name, unsigned int depth);

static int walk_folder(struct search *search, int fd, unsigned int depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!dir) {
		close(fd);
		return 0;
	}
	while (!rc && depth < DEPTH && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			rc = walk(search, fd, entry->d_name, depth + 1);
	closedir(dir);
	return rc;
}

/* One name below an open folder; nothing outside this file system, nothing through a link. */
static int walk(struct search *search, int parent, const char *name, unsigned int depth)
{
	size_t before = strlen(search->path);
	struct stat st;
	int fd, rc = 0;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    before + strlen(name) + 2 > PATH_ROOM)
		return 0;
	if (st.st_dev != search->dev || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return 0;
	if (depth)
		sprintf(search->path + before, "%s%s",
			before && search->path[before - 1] == '/' ? "" : "/", name);
	if (search->by_inode)
		rc = name_inode(search, st.st_ino);
	fd = !rc && (S_ISDIR(st.st_mode) || !search->by_inode) ?
		openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
	if (fd >= 0 && !search->by_inode)
		rc = extents(search, fd, st.st_ino);
	if (fd >= 0 && S_ISDIR(st.st_mode) && !rc)
		rc = walk_folder(search, fd, depth);
	else if (fd >= 0)
		close(fd);
	search->path[before] = '\0';
	return rc;
}

/* Whether some inode that was named has no path yet, or nothing was said about files at all. */
static bool needs_walk(const struct search *search)
{
	if (!search->by_inode)
		return true;
	for (unsigned int i = 0; i < search->pieces->count; i++)
		if (search->pieces->piece[i].kind == PIECE_FILE && !search->pieces->piece[i].name)
			return true;
	return false;
}

static bool has_kind(const struct pieces *pieces, enum piece_kind kind)
{
	for (unsigned int i = 0; i < pieces->count; i++)
		if (pieces->piece[i].kind == kind)
			return true;
	return false;
}

/* Takes away what is only known to be used by something: the walk says what. */
static void drop_unknown(struct pieces *pieces)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < pieces->count; i++)
		if (pieces->piece[i].kind != PIECE_UNKNOWN)
			pieces->piece[kept++] = pieces->piece[i];
	pieces->count = kept;
}

/* The device offset at which a partition starts; 0 for the whole disk. */
static int base_of(const struct device *device, const char *where, uint64_t *base)
{
	const char *name = where + strlen("/dev/");

	*base = 0;
	if (!strcmp(name, device->disk))
		return 0;
	if (strncmp(name, device->disk, strlen(device->disk)))
		return -EOPNOTSUPP;
	if (sysfs_number(base, "/sys/class/block/%s/start", name))
		return -EOPNOTSUPP;
	*base *= 512;
	return 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct piece *left = a, *right = b;

	return (left->offset > right->offset) - (left->offset < right->offset);
}

static int search_fs(struct search *search, bool names)
{
	int rc = owners(search);

	search->by_inode = !rc && !has_kind(search->pieces, PIECE_UNKNOWN);
	if (rc && rc != -EOPNOTSUPP)
		return rc;
	if (!names || !needs_walk(search))
		return 0;
	drop_unknown(search->pieces);
	snprintf(search->path, sizeof(search->path), "%s", search->root);
	rc = walk(search, AT_FDCWD, search->root, 0);
	if (search->pieces->count)
		qsort(search->pieces->piece, search->pieces->count, sizeof(struct piece), by_offset);
	return rc;
}

/**
 * files_load() - what has a stretch of a device
 * @device: the device
 * @users: its users, from users_load()
 * @offset: where the stretch starts in the device
 * @len: its bytes
 * @names: look for paths too, which reads the whole tree of the file system's names
 * @pieces: what was found, in device order; freed by files_free()
 *
 * What lies in no piece is not known to be used.
 *
 * Return: 0; -ENOENT if no file system is mounted from it; -EOPNOTSUPP if one is, but through
 * another device, or it does not say; another negative errno.
 */
int files_load(const struct device *device, const struct users *users, uint64_t offset,
	       uint64_t len, bool names, struct pieces *pieces)
{
	const struct user *mount = users_mount(users);
	struct search *search;
	struct stat st;
	int rc;

	memset(pieces, 0, sizeof(*pieces));
	if (!mount)
		return -ENOENT;
	search = calloc(1, sizeof(*search));
	if (!search)
		return -ENOMEM;
	search->root = mount->what;
	search->pieces = pieces;
	rc = base_of(device, mount->where, &search->base);
	if (!rc && stat(mount->what, &st))
		rc = -errno;
	if (!rc) {
		search->dev = st.st_dev;
		search->start = offset > search->base ? offset - search->base : 0;
		search->end = offset + len > search->base ? offset + len - search->base : 0;
		rc = search_fs(search, names);
	}
	free(search);
	if (rc)
		files_free(pieces);
	return rc;
}

/**
 * files_free() - frees what files_load() made
 * @pieces: the pieces
 */
void files_free(struct pieces *pieces)
{
	for (unsigned int i = 0; i < pieces->count; i++)
		free(pieces->piece[i].name);
	free(pieces->piece);
	memset(pieces, 0, sizeof(*pieces));
}

/**
 * piece_text() - what has a byte, in words
 * @piece: the piece
 * @offset: a device offset in it
 * @text: where they go
 * @size: room there
 */
void piece_text(const struct piece *piece, uint64_t offset, char *text, size_t size)
{
	unsigned long long at = piece->file_offset + (offset - piece->offset);

	switch (piece->kind) {
	case PIECE_FILE:
		if (piece->name)
			snprintf(text, size, "%s at byte %#llx", piece->name, at);
		else
			snprintf(text, size, "inode %llu, which has no name any more, at byte %#llx",
				 (unsigned long long)piece->inode, at);
		break;
	case PIECE_METADATA:
		snprintf(text, size, "%s", piece->name ? piece->name : "metadata of the file system");
		break;
	case PIECE_FREE:
		snprintf(text, size, "free space");
		break;
	default:
		snprintf(text, size, "something that the file system does not name");
	}
}
