// SPDX-License-Identifier: GPL-2.0
/*
 * Revocation: before the page structures go, no process may have the memory mapped, and no file
 * may still name it.
 *
 * It needs no help from the file system. A page that a file uses points to the file's mapping;
 * all of the file's mappings are undone at once, and its entries for the device's pages are
 * dropped. The device is dead by then, so that a new fault finds no memory, and a fault that
 * was under way holds the mapping's invalidate lock, which is waited for.
 */
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>

#include "fsdev.h"

/* An inode that cannot go away, and whose file system cannot be unmounted meanwhile. */
static struct inode *pin_inode(struct page *page)
{
	struct address_space *mapping;
	struct inode *inode = NULL;

	rcu_read_lock();
	mapping = READ_ONCE(page->mapping);
	/* inodes are freed by RCU, and an inode leaves its pages before that */
	if (mapping && !compat_dax_shared(mapping) && mapping->host) {
		inode = igrab(mapping->host);
		if (inode && !atomic_inc_not_zero(&inode->i_sb->s_active)) {
			/* an unmount is under way and takes the pages away itself */
			iput(inode);
			inode = NULL;
		}
	}
	rcu_read_unlock();
	return inode;
}

static void unpin_inode(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	iput(inode);
	deactivate_super(sb);
}

static void revoke_file(struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;

	filemap_invalidate_lock(mapping);
	unmap_mapping_range(mapping, 0, 0, 1);
	compat_drop_dax_entries(inode);
	filemap_invalidate_unlock(mapping);
}

static unsigned long revoke_range(const struct rangemap_piece *piece)
{
	unsigned long pfn = PHYS_PFN(piece->phys), end = pfn + PHYS_PFN(piece->len);
	unsigned long left = 0;

	for (; pfn < end; pfn++) {
		struct page *page = pfn_to_page(pfn);
		struct inode *inode;

		if (likely(!READ_ONCE(page->mapping)) || PageTail(page))
			continue;
		inode = pin_inode(page);
		if (inode) {
			revoke_file(inode);
			unpin_inode(inode);
		}
		if (READ_ONCE(page->mapping))
			left++;
		cond_resched();
	}
	return left;
}

/**
 * revoke_page() - takes one page from every process that has it mapped
 * @page: a page of a device whose page structures stay meanwhile
 *
 * The file keeps it: whoever touches it faults, and is told what became of it. A page that several
 * files share carries no file, and is left.
 *
 * Context: may sleep.
 */
void revoke_page(struct page *page)
{
	struct folio *folio = page_folio(page);
	struct inode *inode;
	pgoff_t index;

	if (likely(!READ_ONCE(folio->mapping)))
		return;
	index = folio->index + folio_page_idx(folio, page);
	inode = pin_inode(&folio->page);
	if (!inode)
		return;
	unmap_mapping_range(inode->i_mapping, (loff_t)index << PAGE_SHIFT, PAGE_SIZE, 1);
	unpin_inode(inode);
}

/**
 * revoke_mappings() - takes every page of the device from every file and process
 * @fsdev: a device that is dead: no operation starts or runs
 *
 * Context: may sleep; takes each file's invalidate lock in turn.
 */
void revoke_mappings(struct fsdev *fsdev)
{
	unsigned long left = 0;

	for (unsigned int i = 0; i < rangemap_count(&fsdev->map); i++) {
		struct rangemap_piece piece;

		rangemap_get(&fsdev->map, i, &piece);
		left += revoke_range(&piece);
	}
	if (left)
		dev_err(fsdev_dev(fsdev), "%lu pages are still in use by a file\n", left);
}
