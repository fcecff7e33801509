/* SPDX-License-Identifier: GPL-2.0 */
/* Who uses a device. */
#ifndef FSDEVCTL_USERS_H
#define FSDEVCTL_USERS_H

#include <sys/types.h>

#include "device.h"

enum user_kind {
	USER_MOUNT,	/* @what: the mount point */
	USER_HOLDER,	/* @what: a block device made of this one */
	USER_SWAP,	/* @what: the block device */
	USER_PROCESS,	/* @what: its name */
};

/**
 * struct user - one who uses a device
 * @kind: how
 * @what: who, see there
 * @where: the node it goes through, such as /dev/fsdev0.0
 * @type: of a mount: the file system; of others empty
 * @options: of a mount: its options
 * @pid: of a process; of a mount that only another mount namespace sees: a process there
 */
struct user {
	enum user_kind kind;
	char *what, *where, *type, *options;
	pid_t pid;
};

struct users {
	struct user *user;
	unsigned int count;
};

int users_load(const struct device *device, struct users *users);
void users_free(struct users *users);
void user_text(const struct user *user, char *text, size_t size);
const struct user *users_mount(const struct users *users);

#endif
