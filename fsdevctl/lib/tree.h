/* SPDX-License-Identifier: GPL-2.0 */
/* Two folders with the same files. */
#ifndef FSDEVCTL_TREE_H
#define FSDEVCTL_TREE_H

#include <stdbool.h>
#include <stddef.h>

int tree_compare(const char *dir, const char *copy, bool (*keep)(void *arg), void *arg,
		 char *differs, size_t size);

#endif
