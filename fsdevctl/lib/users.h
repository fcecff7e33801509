/* SPDX-License-Identifier: GPL-2.0 */
/* Who uses a device. */
#ifndef FSDEVCTL_USERS_H
#define FSDEVCTL_USERS_H

#include <sys/types.h>

#include "device.h"

enum user_kind {
	USER_MOUNT,	/* @what: the mount point */
	USER_PART,	/* @what: the mount point of a file system elsewhere; @options: which part */
	USER_HIDDEN,	/* a file system that no mount table shows */
	USER_HOLDER,	/* @what: a block device made of this one */
	USER_SWAP,	/* @what: the block device */
	USER_TARGET,	/* @what: what exports it to other machines */
	USER_PROCESS,	/* @what: its name */
	USER_KERNEL,	/* the driver knows a holder, and nothing else shows one */
	USER_OPENER,	/* the block device is open, and nothing shows by whom */
	USER_STALE,	/* @what: where an earlier life of the device is mounted still; empty: nowhere */
};

/**
 * struct user - one who uses a device
 * @kind: how
 * @what: who, see there
 * @where: the node it goes through, such as /dev/fsdev0.0
 * @type: of a mount and a hidden file system: its type; of others empty
 * @options: of a mount: its options
 * @pid: of a process; of a mount that only another mount namespace sees: a process there
 * @namespace: of a mount in a namespace without a process: the file that keeps it, else NULL
 */
struct user {
	enum user_kind kind;
	char *what, *where, *type, *options, *namespace;
	pid_t pid;
};

struct users {
	struct user *user;
	unsigned int count;
};

int users_load(const struct device *device, struct users *users);
int users_load_all(const struct devices *devices, struct users **users);
void users_free(struct users *users);
void users_free_all(const struct devices *devices, struct users *users);
void user_text(const struct user *user, char *text, size_t size);
const struct user *users_mount(const struct users *users);
unsigned int users_blocking(const struct users *users);
bool users_may_pass(const struct users *users);

#endif
