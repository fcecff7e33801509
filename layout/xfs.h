/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_XFS_H
#define LAYOUT_XFS_H

#include <stddef.h>
#include <stdio.h>

#include <bpf/btf.h>

/**
 * struct xfs - XFS of a kernel, where it is a module
 * @btf: its BTF, on top of the kernel's; NULL if it has none
 * @note: the ELF note that has its build ID, inside the module's bytes
 * @note_size: its length in bytes
 */
struct xfs {
	struct btf *btf;
	const unsigned char *note;
	size_t note_size;
};

int xfs_open(struct xfs *xfs, const unsigned char *file, size_t size, struct btf *kernel,
	     FILE *err);

void xfs_write(const struct xfs *xfs, const struct btf *kernel, FILE *out);

void xfs_close(struct xfs *xfs);

#endif
