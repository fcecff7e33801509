/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a file lets go of DAX pages.
 */
#ifndef FSDEV_COMPAT_REVOKE_H
#define FSDEV_COMPAT_REVOKE_H

#include <linux/dax.h>
#include <linux/mm.h>

/*
 * Pages that several files share carry no file: before 6.15 the mapping is then a small number
 * instead of an address, later it is NULL.
 */
static inline bool compat_dax_shared(const struct address_space *mapping)
{
	return (unsigned long)mapping < PAGE_SIZE;
}

/**
 * compat_drop_dax_entries() - takes the DAX pages out of a file
 * @inode: a file none of whose pages are mapped
 *
 * Context: the caller holds the mapping's invalidate lock. May wait for pages which are in use
 * by input and output.
 */
static inline void compat_drop_dax_entries(struct inode *inode)
{
#ifdef FSDEV_HAVE_DAX_BREAK_LAYOUT_FINAL
	dax_break_layout_final(inode);
#else
	truncate_inode_pages(inode->i_mapping, 0);
#endif
}

#endif
