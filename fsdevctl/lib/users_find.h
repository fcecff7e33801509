/* SPDX-License-Identifier: GPL-2.0 */
/* The search for users, shared by the files users_*.c and by nothing else. */
#ifndef FSDEVCTL_USERS_FIND_H
#define FSDEVCTL_USERS_FIND_H

#include <sys/sysmacros.h>
#include <sys/types.h>

#include "users.h"

#define FILTER 1024	/* a power of two */

/**
 * struct node - one device node through which a device is used
 * @dev: its number
 * @block: a block device, not a character device
 * @path: below /dev
 * @of: index of the device it belongs to
 */
struct node {
	dev_t dev;
	bool block;
	char path[64];
	unsigned int of;
};

/**
 * struct find - one search, for all devices at once
 * @device: the devices
 * @devices: how many
 * @users: the users of each
 * @node: their character and block devices, and all that is made of those
 * @nodes: how many
 * @filter: whether a node may have a number of that find_slot(); most files of a machine are none of ours
 * @seen: inode numbers of the mount namespaces that were looked at
 * @nr_seen: how many
 * @pinned: mount namespaces that a file keeps: number and file
 * @nr_pinned: how many
 * @error: a negative errno that ends the search, or 0
 */
struct find {
	const struct device * const *device;
	unsigned int devices;
	struct users *users;
	struct node *node;
	unsigned int nodes;
	bool filter[FILTER];
	ino_t *seen;
	unsigned int nr_seen;
	struct pinned {
		ino_t number;
		char *file;
	} *pinned;
	unsigned int nr_pinned;
	int error;
};

static inline unsigned int find_slot(dev_t dev)
{
	return (major(dev) * 67 + minor(dev)) & (FILTER - 1);
}

struct user *find_add(struct find *find, const struct node *node, enum user_kind kind,
		      const char *what);
const struct node *find_node(const struct find *find, dev_t dev, bool block);
const struct node *find_path(const struct find *find, const char *path);
bool find_has(const struct find *find, const struct node *node, enum user_kind kind);
void find_set(struct find *find, char **to, const char *text);

void find_blocks(struct find *find);
void find_made_of(struct find *find);
void find_targets(struct find *find);
void find_swaps(struct find *find);
void find_mounts(struct find *find);
void find_processes(struct find *find);
void find_hidden(struct find *find);

#endif
