// SPDX-License-Identifier: GPL-2.0
/*
 * What of a file system lies where on a device. The file system is asked: which inode has a part of it
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
#include "text.h"
#include "users.h"

#define AT_ONCE 256
#define PATH_ROOM 8192
#define DEPTH 128

/* What is asked about, and the file system that is on it. */
struct search {
	const char *root;
	uint64_t base;		/* device offset of the file system's first byte */
	const struct device_bad *span;	/* in device order, apart from each other */
	unsigned int spans;
	dev_t dev;
	struct pieces *pieces;
	unsigned int room;	/* of pieces */
	unsigned int *by_number;	/* pieces of files, ordered by inode */
	unsigned int numbers;
	struct fiemap *map;	/* of one file after the other */
	bool by_inode;		/* the file system has named inodes; only paths are missing */
	char path[PATH_ROOM];
};

static int add_one(struct search *search, const struct piece *piece)
{
	struct pieces *pieces = search->pieces;
	struct piece *to;

	if (pieces->count == search->room) {
		unsigned int room = search->room ? 2 * search->room : 64;

		to = realloc(pieces->piece, room * sizeof(*to));
		if (!to)
			return -ENOMEM;
		pieces->piece = to;
		search->room = room;
	}
	to = &pieces->piece[pieces->count];
	*to = *piece;
	if (piece->name) {
		to->name = strdup(piece->name);
		if (!to->name)
			return -ENOMEM;
	}
	pieces->count++;
	return 0;
}

/* The first span that ends behind a device offset. */
static unsigned int first_span(const struct search *search, uint64_t offset)
{
	unsigned int low = 0, high = search->spans;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (search->span[middle].offset + search->span[middle].len > offset)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* What of an extent of the file system is asked about; @piece says what has it. */
static int add_piece(struct search *search, uint64_t start, uint64_t len, const struct piece *piece)
{
	uint64_t from = search->base + start, end = from + len;
	int rc = 0;

	for (unsigned int i = first_span(search, from); !rc && i < search->spans; i++) {
		const struct device_bad *span = &search->span[i];
		struct piece part = *piece;

		if (span->offset >= end)
			break;
		part.offset = span->offset > from ? span->offset : from;
		part.len = span->offset + span->len < end ? span->offset + span->len : end;
		part.len -= part.offset;
		part.file_offset += part.offset - from;
		rc = add_one(search, &part);
	}
	return rc;
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
	struct piece piece = { .kind = PIECE_FILE };

	if (map->fmr_flags & FMR_OF_SPECIAL_OWNER) {
		piece.kind = map->fmr_owner == FMR_OWN_FREE ? PIECE_FREE :
			map->fmr_owner == FMR_OWN_UNKNOWN ? PIECE_UNKNOWN : PIECE_METADATA;
		if (piece.kind == PIECE_METADATA)
			piece.name = (char *)owner_name(map->fmr_owner);
		return add_piece(search, map->fmr_physical, map->fmr_length, &piece);
	}
	piece.inode = map->fmr_owner;
	piece.file_offset = map->fmr_offset;
	if (map->fmr_flags & (FMR_OF_ATTR_FORK | FMR_OF_EXTENT_MAP)) {
		piece.kind = PIECE_METADATA;
		piece.name = map->fmr_flags & FMR_OF_ATTR_FORK ?
			"a file's attributes" : "a file's extent map";
	}
	return add_piece(search, map->fmr_physical, map->fmr_length, &piece);
}

/* Asks for the owners of one range. */
static int owners_of(struct search *search, int fd, struct fsmap_head *head, uint64_t start,
		     uint64_t end)
{
	bool last = false;
	int rc = 0;

	memset(head, 0, sizeof(*head));
	head->fmh_count = AT_ONCE;
	head->fmh_keys[0].fmr_physical = start;
	head->fmh_keys[0].fmr_device = search->dev;
	head->fmh_keys[1].fmr_device = search->dev;
	head->fmh_keys[1].fmr_physical = end - 1;
	head->fmh_keys[1].fmr_flags = UINT32_MAX;
	head->fmh_keys[1].fmr_owner = UINT64_MAX;
	head->fmh_keys[1].fmr_offset = UINT64_MAX;
	while (!rc && !last) {
		if (ioctl(fd, FS_IOC_GETFSMAP, head))
			return errno == ENOTTY || errno == EINVAL ? -EOPNOTSUPP : -errno;
		if (!head->fmh_entries)
			break;
		for (unsigned int i = 0; !rc && i < head->fmh_entries; i++) {
			struct fsmap map = head->fmh_recs[i];

			last = map.fmr_flags & FMR_OF_LAST;
			if (map.fmr_device != search->dev)
				continue;
			/* a record that reaches into the next range is given again there */
			if (map.fmr_physical < start) {
				map.fmr_offset += start - map.fmr_physical;
				map.fmr_length -= start - map.fmr_physical;
				map.fmr_physical = start;
			}
			if (map.fmr_physical + map.fmr_length > end)
				map.fmr_length = end - map.fmr_physical;
			rc = add_record(search, &map);
		}
		fsmap_advance(head);
	}
	return rc;
}

/* Asks the file system for the owners. -EOPNOTSUPP if it has no such call. */
static int owners(struct search *search)
{
	struct fsmap_head *head = calloc(1, sizeof(*head) + AT_ONCE * sizeof(struct fsmap));
	int fd = open(search->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (!head || fd < 0)
		rc = head ? -errno : -ENOMEM;
	for (unsigned int i = 0; !rc && i < search->spans; i++) {
		uint64_t start = search->span[i].offset, end = start + search->span[i].len;

		start = start > search->base ? start - search->base : 0;
		end = end > search->base ? end - search->base : 0;
		if (start < end)
			rc = owners_of(search, fd, head, start, end);
	}
	if (fd >= 0)
		close(fd);
	free(head);
	return rc;
}

static int by_inode(const void *a, const void *b, void *pieces)
{
	const struct piece *piece = pieces;
	uint64_t left = piece[*(const unsigned int *)a].inode;
	uint64_t right = piece[*(const unsigned int *)b].inode;

	return (left > right) - (left < right);
}

/* So that each file of the walk finds its pieces at once. */
static int order_by_number(struct search *search)
{
	const struct pieces *pieces = search->pieces;

	search->by_number = calloc(pieces->count ? pieces->count : 1, sizeof(*search->by_number));
	if (!search->by_number)
		return -ENOMEM;
	for (unsigned int i = 0; i < pieces->count; i++)
		if (pieces->piece[i].kind == PIECE_FILE)
			search->by_number[search->numbers++] = i;
	qsort_r(search->by_number, search->numbers, sizeof(*search->by_number), by_inode,
		pieces->piece);
	return 0;
}

static int name_inode(struct search *search, uint64_t inode)
{
	struct piece *piece = search->pieces->piece;
	unsigned int low = 0, high = search->numbers;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (piece[search->by_number[middle]].inode >= inode)
			high = middle;
		else
			low = middle + 1;
	}
	for (; low < search->numbers && piece[search->by_number[low]].inode == inode; low++) {
		struct piece *one = &piece[search->by_number[low]];

		if (one->name)
			continue;
		one->name = strdup(search->path);
		if (!one->name)
			return -ENOMEM;
	}
	return 0;
}

static int add_extent(struct search *search, const struct fiemap_extent *extent, uint64_t inode)
{
	struct piece piece = {
		.kind = PIECE_FILE, .inode = inode, .file_offset = extent->fe_logical,
		.name = search->path
	};

	if (extent->fe_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC))
		return 0;
	return add_piece(search, extent->fe_physical, extent->fe_length, &piece);
}

/* A file that cannot be opened or asked is left out; its bytes stay unknown. */
static int extents(struct search *search, int fd, uint64_t inode)
{
	struct fiemap *map = search->map;
	bool last = false;
	int rc = 0;

	memset(map, 0, sizeof(*map));
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
	rc = 0;
	if (names && needs_walk(search)) {
		drop_unknown(search->pieces);
		rc = order_by_number(search);
		snprintf(search->path, sizeof(search->path), "%s", search->root);
		if (!rc)
			rc = walk(search, AT_FDCWD, search->root, 0);
	}
	if (search->pieces->count)
		qsort(search->pieces->piece, search->pieces->count, sizeof(struct piece), by_offset);
	return rc;
}

/**
 * files_load() - find what has some ranges of a device
 * @device: the device
 * @users: its users, from users_load()
 * @span: the ranges, in device order and apart from each other
 * @spans: how many
 * @names: look for paths too, which reads the whole tree of the file system's names, once
 * @pieces: what was found, in device order; freed by files_free()
 *
 * What lies in no piece is not known to be used.
 *
 * Return: 0; -ENOENT if no file system is mounted from it; -EOPNOTSUPP if one is, but through
 * another device, or it does not say; another negative errno.
 */
int files_load(const struct device *device, const struct users *users,
	       const struct device_bad *span, unsigned int spans, bool names, struct pieces *pieces)
{
	const struct user *mount = users_mount(users);
	struct search *search;
	struct stat st;
	int rc;

	memset(pieces, 0, sizeof(*pieces));
	if (!mount)
		return -ENOENT;
	search = calloc(1, sizeof(*search));
	if (search)
		search->map = calloc(1, sizeof(*search->map) +
				     AT_ONCE * sizeof(struct fiemap_extent));
	if (!search || !search->map) {
		free(search);
		return -ENOMEM;
	}
	search->root = mount->what;
	search->pieces = pieces;
	search->span = span;
	search->spans = spans;
	rc = base_of(device, mount->where, &search->base);
	if (!rc && stat(mount->what, &st))
		rc = -errno;
	if (!rc) {
		search->dev = st.st_dev;
		rc = search_fs(search, names);
	}
	free(search->by_number);
	free(search->map);
	free(search);
	if (rc)
		files_free(pieces);
	return rc;
}

/**
 * files_free() - free what files_load() made
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
 * piece_text() - describe what has a byte
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
	text_plain(text);
}
