/* SPDX-License-Identifier: GPL-2.0 */
/* What of a file system lies where on a device. */
#ifndef FSDEVCTL_FILES_H
#define FSDEVCTL_FILES_H

#include <stdbool.h>
#include <stdint.h>

struct device;
struct device_bad;
struct users;

enum piece_kind {
	PIECE_FILE,
	PIECE_METADATA,
	PIECE_FREE,
	PIECE_UNKNOWN,
};

/**
 * struct piece - a part of the device that one thing has
 * @offset: device offset
 * @len: bytes
 * @kind: what has it
 * @inode: of a file: its number, 0 if only its name is known
 * @file_offset: of a file: where in the file
 * @name: of a file its path, NULL if none was found; of metadata what it is
 */
struct piece {
	uint64_t offset, len;
	enum piece_kind kind;
	uint64_t inode, file_offset;
	char *name;
};

struct pieces {
	struct piece *piece;
	unsigned int count;
};

int files_load(const struct device *device, const struct users *users,
	       const struct device_bad *span, unsigned int spans, bool names, struct pieces *pieces);
void files_free(struct pieces *pieces);
void piece_text(const struct piece *piece, uint64_t offset, char *text, size_t size);

#endif
