// SPDX-License-Identifier: GPL-2.0
/*
 * XFS layout: is XFS as it runs the one that layout.h was made from?
 *
 * XFS is a module and can be replaced without this one: by an update of the kernel that keeps its
 * release, or by another build. Its build ID tells, which the module loader keeps as an ELF note
 * for /sys/module/xfs/notes.
 */
#include <linux/kernfs.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "compat/xfs.h"
#include "xfs_layout.h"

#ifdef FSDEV_XFS_NOTE
static const char xfs_layout_note[] = FSDEV_XFS_NOTE;
#define XFS_LAYOUT_NOTE_SIZE (sizeof(xfs_layout_note) - 1)

static bool xfs_layout_is_note(struct kernfs_node *node)
{
	const struct bin_attribute *note;

	if (kernfs_type(node) != KERNFS_FILE)
		return false;
	note = node->priv;
	return note->size == XFS_LAYOUT_NOTE_SIZE && note->private &&
	       !memcmp(note->private, xfs_layout_note, XFS_LAYOUT_NOTE_SIZE);
}

static bool xfs_layout_has_note(const struct module *xfs)
{
	struct kernfs_node *notes, *node;
	bool fits;

	if (!xfs || !xfs->mkobj.kobj.sd)
		return false;
	notes = kernfs_find_and_get(xfs->mkobj.kobj.sd, "notes");
	node = notes ? kernfs_find_and_get(notes, ".note.gnu.build-id") : NULL;
	fits = node && xfs_layout_is_note(node);
	kernfs_put(node);
	kernfs_put(notes);
	return fits;
}
#else
/* What layout.h has is of the kernel itself. */
static bool xfs_layout_has_note(const struct module *xfs)
{
	return !xfs;
}
#endif

/**
 * xfs_layout_fits() - is what layout.h says of XFS true of XFS as it runs?
 * @xfs: its module, which stays; NULL if it is built in
 *
 * Context: may sleep; while XFS is being loaded not before it is live.
 * Return: false if it is not, or cannot be known.
 */
bool xfs_layout_fits(const struct module *xfs)
{
	return COMPAT_XFS_KNOWN && xfs_layout_has_note(xfs);
}
