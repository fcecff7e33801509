// SPDX-License-Identifier: GPL-2.0
/*
 * Revocation: before the page structures go, no process may have the memory mapped, no file may
 * still name it, and no input or output may be under way in it.
 *
 * It needs no help from the file system. The superblocks that were mounted from the disk are looked
 * through first, which finds every file that is mapped, even if only a hole of it is. Then the
 * pages: each names a file, whose superblock is looked through, which finds those on top of
 * device-mapper. Pages that files share name none; XFS is the only file system that has them, and
 * all of its superblocks are looked through then. The device is dead by now, so that a new fault
 * finds no memory.
 *
 * What cannot be taken away is waited for: pages that a process has handed to the kernel.
 */
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "fsdev.h"

/*
 * even_cows of unmap_mapping_range(): a page that a private mapping has copied is anonymous memory,
 * none of the device's, and stays with its process.
 */
#define KEEP_COWS 0

/* A superblock that was mounted from the disk when it went. */
struct fsdev_super {
	struct fsdev_super *next;
	struct super_block *sb;
};

/* What one pass over the pages has found still in use. */
struct leftover {
	unsigned long pages;
	bool shared;
	u64 phys;
};

static bool is_ours(const struct fsdev *fsdev, unsigned long pfn)
{
	u64 phys = PFN_PHYS(pfn), len = PAGE_SIZE;
	struct rangemap_piece piece;

	return rangemap_next(&fsdev->map, &phys, &len, &piece);
}

/*
 * The next of a file's entries for the device's memory, at @index or after it. @index becomes the
 * entry's first page: xa_find() leaves it in the middle of a 2 MiB entry where it was there.
 */
static bool next_entry(const struct fsdev *fsdev, struct address_space *mapping,
		       unsigned long *index, unsigned long *pfn, unsigned long *nr)
{
	void *entry;

	for (entry = xa_find(&mapping->i_pages, index, ULONG_MAX, XA_PRESENT); entry;
	     entry = xa_find_after(&mapping->i_pages, index, ULONG_MAX, XA_PRESENT))
		if (compat_dax_entry(entry, pfn, nr) && is_ours(fsdev, *pfn)) {
			*index = round_down(*index, *nr);
			return true;
		}
	return false;
}

/* Any of them: of a 2 MiB entry a process may have given the kernel just a page in the middle. */
static bool entry_in_use(unsigned long pfn, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++)
		if (page_ref_count(pfn_to_page(pfn + i)) > COMPAT_DAX_IDLE_REFERENCES)
			return true;
	return false;
}

/*
 * Takes the device's pages out of a file that no process can map any more; not those in use. Each
 * entry is looked at once, whole, and is dropped alone: its references end in any order with those
 * of its neighbours.
 */
static void drop_entries(const struct fsdev *fsdev, struct address_space *mapping)
{
	unsigned long index = 0, pfn, nr;

	while (next_entry(fsdev, mapping, &index, &pfn, &nr)) {
		if (!entry_in_use(pfn, nr))
			compat_dax_drop(mapping, index, nr);
		if (check_add_overflow(index, nr, &index))
			break;
		cond_resched();
	}
}

/*
 * A fault that is under way holds the file's invalidate lock, or, where a file system takes none
 * (EROFS), the lock of the file's entry: dax_layout_busy_page() waits for those.
 */
static void revoke_file(const struct fsdev *fsdev, struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;

	filemap_invalidate_lock(mapping);
	dax_layout_busy_page(mapping);
	unmap_mapping_range(mapping, 0, 0, KEEP_COWS);
	drop_entries(fsdev, mapping);
	filemap_invalidate_unlock(mapping);
}

/*
 * All files in core of a superblock that cannot go away meanwhile: each one that is mapped, or
 * only those that have memory of the device.
 */
static void revoke_super(const struct fsdev *fsdev, struct super_block *sb, bool only_ours)
{
	struct inode *inode, *last = NULL;
	unsigned long pfn, nr;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		unsigned long index = 0;

		if (!IS_DAX(inode) || !S_ISREG(inode->i_mode) || !igrab(inode))
			continue;
		spin_unlock(&sb->s_inode_list_lock);
		/* the file before this one kept the place in the list until now */
		iput(last);
		last = inode;
		if (next_entry(fsdev, inode->i_mapping, &index, &pfn, &nr) ||
		    (!only_ours && mapping_mapped(inode->i_mapping)))
			revoke_file(fsdev, inode);
		cond_resched();
		spin_lock(&sb->s_inode_list_lock);
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(last);
}

static void revoke_super_sharing(struct super_block *sb, void *fsdev)
{
	revoke_super(fsdev, sb, true);
}

/* Shared pages: the file system is in memory, so asking for its type loads nothing. */
static void revoke_shared(struct fsdev *fsdev)
{
	struct file_system_type *type = get_fs_type("xfs");

	if (!type)
		return;
	iterate_supers_type(type, revoke_super_sharing, fsdev);
	module_put(type->owner);
}

/*
 * The superblock of the file that a page names, which cannot be unmounted meanwhile. NULL where an
 * unmount is under way, which takes the pages away itself.
 */
static struct super_block *pin_super(struct page *page)
{
	struct super_block *sb = NULL;
	struct address_space *mapping;

	rcu_read_lock();
	mapping = compat_dax_file(page);
	/* inodes and superblocks are freed by RCU, and an inode leaves its pages before that */
	if (mapping && mapping->host)
		sb = compat_pin_super(mapping->host->i_sb);
	rcu_read_unlock();
	return sb;
}

static bool in_use(struct page *page)
{
	return !PageTail(page) && (compat_dax_file(page) || compat_dax_shared(page) ||
				   page_ref_count(page) > COMPAT_DAX_IDLE_REFERENCES);
}

/*
 * All of the superblock's files, not just the one that the page names: 6.1 lets several files have
 * a page which names the last of them.
 */
static void revoke_page(const struct fsdev *fsdev, struct page *page, struct leftover *left)
{
	struct super_block *sb = pin_super(page);

	if (sb) {
		revoke_super(fsdev, sb, true);
		deactivate_super(sb);
	}
	if (!in_use(page))
		return;
	if (compat_dax_shared(page))
		left->shared = true;
	left->phys = page_to_phys(page);
	left->pages++;
}

/* Pages of one memory section, whose structures follow each other. */
static void revoke_stretch(const struct fsdev *fsdev, unsigned long pfn, unsigned long end,
			   struct leftover *left)
{
	struct page *page = pfn_to_page(pfn), *last = page + (end - pfn);

	while (page < last) {
		/* nearly all of them, in a loop of nothing else */
		while (likely(page + COMPAT_DAX_LOOK <= last && compat_dax_idle(page)))
			page += COMPAT_DAX_LOOK;
		if (page == last)
			break;
		if (in_use(page))
			revoke_page(fsdev, page, left);
		page++;
	}
}

static void revoke_range(const struct fsdev *fsdev, const struct rangemap_piece *piece,
			 struct leftover *left)
{
	unsigned long pfn = PHYS_PFN(piece->phys), end = pfn + PHYS_PFN(piece->len);

	while (pfn < end) {
		unsigned long next = min(end, ALIGN_DOWN(pfn, SZ_4K) + SZ_4K);

		revoke_stretch(fsdev, pfn, next, left);
		cond_resched();
		pfn = next;
	}
}

/* One pass over all pages. */
static struct leftover revoke_pages(const struct fsdev *fsdev)
{
	struct leftover left = { };

	for (unsigned int i = 0; i < rangemap_count(&fsdev->map); i++) {
		struct rangemap_piece piece;

		rangemap_get(&fsdev->map, i, &piece);
		revoke_range(fsdev, &piece, &left);
	}
	return left;
}

static void note_super(struct fsdev *fsdev, struct super_block *sb)
{
	struct fsdev_super *super;

	for (super = fsdev->supers; super; super = super->next)
		if (super->sb == sb) {
			deactivate_super(sb); /* not the last to have it */
			return;
		}
	super = kmalloc(sizeof(*super), GFP_KERNEL | __GFP_NOFAIL);
	super->sb = sb;
	super->next = fsdev->supers;
	fsdev->supers = super;
}

/* Notes the superblocks that are mounted; false if one is on its way out, which cannot be noted. */
static bool note_supers(struct fsdev *fsdev)
{
	struct block_device *bdev;
	unsigned long index;
	bool all = true;

	mutex_lock(&fsdev->disk->open_mutex);
	xa_for_each(&fsdev->disk->part_tbl, index, bdev) {
		struct super_block *sb = compat_bdev_super(bdev);

		if (sb)
			note_super(fsdev, sb);
		else if (compat_bdev_unmounting(bdev))
			all = false;
	}
	mutex_unlock(&fsdev->disk->open_mutex);
	return all;
}

/**
 * revoke_note_supers() - remembers which file systems are mounted from the disk
 * @fsdev: a device whose disk is about to be deleted, or has just been
 *
 * Called before, since of a deleted disk's partitions nobody knows any more; and after, for what
 * was being mounted: the deletion has waited for that to succeed or fail. They stay in memory until
 * revoke_mappings().
 *
 * An unmount that is under way is waited for: XFS holds the device until its end, and where it
 * hears of a removal then it looks at what it has freed already (xfs_dax_notify_failure() in
 * fs/xfs/xfs_notify_failure.c). It lets go of the device just after the disk.
 *
 * Context: removal; may sleep.
 */
void revoke_note_supers(struct fsdev *fsdev)
{
	unsigned long next = jiffies + HZ;
	bool waited = false, told = false;

	while (!note_supers(fsdev)) {
		waited = true;
		if (time_after_eq(jiffies, next)) {
			next = jiffies + 60 * HZ;
			told = true;
			dev_warn(fsdev_dev(fsdev),
				 "removal waits for an unmount that is under way: it goes on when that ends\n");
		}
		schedule_timeout_idle(HZ / 50);
	}
	/* not for ever: it may be somebody else who has the device by now */
	for (next = jiffies + HZ; waited && owner_exists(fsdev) && time_before(jiffies, next);)
		schedule_timeout_idle(HZ / 50);
	if (told)
		dev_info(fsdev_dev(fsdev), "removal goes on: the unmount has ended\n");
}

static void revoke_supers(struct fsdev *fsdev)
{
	while (fsdev->supers) {
		struct fsdev_super *super = fsdev->supers;

		fsdev->supers = super->next;
		revoke_super(fsdev, super->sb, false);
		deactivate_super(super->sb);
		kfree(super);
	}
}

/* Says who keeps a removal waiting: after a second, and then every minute. */
static bool tell(const struct fsdev *fsdev, const struct leftover *left, unsigned long *next)
{
	if (time_before(jiffies, *next))
		return false;
	*next = jiffies + 60 * HZ;
	dev_warn(fsdev_dev(fsdev),
		 "removal waits for %lu pages, the last at %#llx, which input, output or an unmount still uses: it goes on when that ends\n",
		 left->pages, left->phys);
	return true;
}

/**
 * revoke_bad() - takes one page from every process that has it mapped
 * @page: a page of a device whose page structures stay meanwhile
 *
 * The file keeps it: whoever touches it faults, and is told what became of it. A page that several
 * files share names none, and is left.
 *
 * Context: may sleep.
 */
void revoke_bad(struct page *page)
{
	struct folio *folio = page_folio(page);
	pgoff_t index = folio->index + folio_page_idx(folio, page);
	struct address_space *mapping;
	struct super_block *sb = NULL;
	struct inode *inode = NULL;

	rcu_read_lock();
	mapping = compat_dax_file(&folio->page);
	/* inodes and superblocks are freed by RCU, and an inode leaves its pages before that */
	if (mapping && mapping->host)
		sb = compat_pin_super(mapping->host->i_sb);
	if (sb)
		inode = igrab(mapping->host);
	rcu_read_unlock();
	if (inode) {
		unmap_mapping_range(mapping, (loff_t)index << PAGE_SHIFT, PAGE_SIZE,
				    KEEP_COWS);
		iput(inode);
	}
	if (sb)
		deactivate_super(sb);
}

/**
 * revoke_mappings() - takes every page of the device from every file and process
 * @fsdev: a device that is dead: no operation starts or runs
 *
 * Returns when nobody has a page of the device any more. It may wait for that as long as a
 * process keeps pages in the kernel's hands (a pipe that they were spliced into, a direct write to
 * another disk that hangs); the log says so, and ending the process ends the wait.
 *
 * Context: may sleep; takes each file's invalidate lock in turn.
 */
void revoke_mappings(struct fsdev *fsdev)
{
	bool told = false, waiting = false;
	struct leftover left;
	unsigned long next;

	revoke_supers(fsdev);
	for (;;) {
		left = revoke_pages(fsdev);
		if (left.shared) {
			revoke_shared(fsdev);
			/* mapped by a later file it could not be dropped from an earlier one */
			revoke_shared(fsdev);
			left = revoke_pages(fsdev);
		}
		if (!left.pages)
			break;
		if (!waiting)
			next = jiffies + HZ;
		waiting = true;
		told |= tell(fsdev, &left, &next);
		schedule_timeout_idle(HZ / 10);
	}
	if (told)
		dev_info(fsdev_dev(fsdev), "removal goes on: no page is in use any more\n");
}
