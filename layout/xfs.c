// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "complain.h"
#include "payload.h"
#include "types.h"
#include "xfs.h"

/* More than any hash needs. */
#define NOTE_MOST 64

/**
 * xfs_open() - read the types and the build ID of a module
 * @xfs: filled in; all zero after a complaint
 * @file: the module xfs.ko, unpacked; has to outlive @xfs, and is safe for any bytes
 * @size: its length in bytes
 * @kernel: the kernel's BTF; has to outlive @xfs
 * @err: gets one line that says what is wrong
 *
 * Return: 0, or -1 after a complaint. xfs_close() is due in both cases.
 */
int xfs_open(struct xfs *xfs, const unsigned char *file, size_t size, struct btf *kernel,
	     FILE *err)
{
	struct payload btf, note;

	memset(xfs, 0, sizeof(*xfs));
	if (payload_section(file, size, ".BTF", &btf, err) ||
	    payload_section(file, size, ".note.gnu.build-id", &note, err))
		return -1;
	if (!note.size || note.size > NOTE_MOST)
		return complain(err, "XFS has a build ID of %zu bytes", note.size);
	xfs->btf = btf__new_split(btf.btf, btf.size, kernel);
	if (!xfs->btf)
		return complain(err, "the BTF of XFS, of %zu bytes, is damaged: libbpf says %s",
				btf.size, strerror(errno));
	xfs->note = note.btf;
	xfs->note_size = note.size;
	return 0;
}

/* XFS can have a definition of its own of what the kernel's headers define. */
static bool is_vfs_inode(const struct btf *btf, __u32 id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	return type && btf_is_struct(type) &&
	       !strcmp(btf__name_by_offset(btf, type->name_off), "inode");
}

/* The distance in bytes from the VFS's inode to the flags; false if they are not as expected. */
static bool find_flags(const struct btf *btf, int *distance)
{
	const struct types types = { .btf = btf };
	__u32 inode = types_struct(&types, "xfs_inode");
	struct place vfs, flags;

	if (!inode || !types_member(&types, inode, "i_vnode", &vfs) ||
	    !types_member(&types, inode, "i_diflags2", &flags))
		return false;
	if (!is_vfs_inode(btf, vfs.type) || flags.bits ||
	    btf__resolve_size(btf, flags.type) != 8 || flags.bit % 64)
		return false;
	*distance = ((int)flags.bit - (int)vfs.bit) / 8;
	return true;
}

/**
 * xfs_write() - write where XFS says that a file can share blocks
 * @xfs: the module, or NULL if none was found
 * @kernel: the kernel's BTF, where XFS may be built in
 * @out: the header that is being written; gets nothing where the types do not say it
 */
void xfs_write(const struct xfs *xfs, const struct btf *kernel, FILE *out)
{
	bool module = xfs && xfs->btf;
	int distance;

	if (!find_flags(module ? xfs->btf : kernel, &distance))
		return;
	fprintf(out, "#define FSDEV_XFS_FLAGS2 (%d)\n", distance);
	if (!module)
		return;
	fputs("#define FSDEV_XFS_NOTE \"", out);
	for (size_t i = 0; i < xfs->note_size; i++)
		fprintf(out, "\\x%02x", xfs->note[i]);
	fputs("\"\n", out);
}

/**
 * xfs_close() - give back what xfs_open() took
 * @xfs: from xfs_open(), also if that failed
 */
void xfs_close(struct xfs *xfs)
{
	btf__free(xfs->btf);
	memset(xfs, 0, sizeof(*xfs));
}
