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
#include <linux/bitmap.h>
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "blocked.h"
#include "device.h"
#include "memory.h"
#include "mounts.h"
#include "revoke.h"
#include "supers.h"

/*
 * even_cows of unmap_mapping_range(): a page that a private mapping has copied is anonymous memory,
 * none of the device's, and stays with its process.
 */
#define KEEP_COWS 0

/* Pages that are looked at, or passed over, together: of one memory section. */
#define PASS_RUN 4096UL

/* File systems of one device that a pass remembers to have looked through. */
#define PASS_SUPERS 16

/**
 * struct pass - one pass over the pages of a device, and what it has found still in use
 * @fsdev: the device
 * @first: it looks at all pages; a later one at those near what was left over
 * @left: a bit for each run of pages, set where something was left over; NULL to look at all
 * @run: number of the run that is looked at
 * @pages: pages that are in use
 * @phys: the last of them
 * @shared: some are in several files
 * @busy: first page number of the file entry that was found in use last
 * @busy_end: the end of that entry
 * @nr_supers: how many superblocks of @super were looked through in this pass
 * @super: them; each active until the pass ends
 */
struct pass {
	struct fsdev *fsdev;
	bool first;
	unsigned long *left;
	unsigned long run;
	unsigned long pages;
	u64 phys;
	bool shared;
	unsigned long busy;
	unsigned long busy_end;
	unsigned int nr_supers;
	struct super_block *super[PASS_SUPERS];
};

static bool is_ours(const struct fsdev *fsdev, unsigned long pfn)
{
	u64 phys = PFN_PHYS(pfn), len = PAGE_SIZE;
	struct rangemap_piece piece;

	return memory_next(fsdev, &phys, &len, &piece);
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
 * Takes the pages of a file from every process, and those that are idle out of the file. The lock
 * keeps truncation away, which takes pages out as well.
 */
static void revoke_file(struct fsdev *fsdev, struct inode *inode)
{
	struct address_space *mapping = inode->i_mapping;

	if (!down_write_trylock(&mapping->invalidate_lock)) {
		blocked_by(fsdev,
			   "a file of %s on %s is locked, waiting for a page fault or truncation to end",
			   inode->i_sb->s_type->name, inode->i_sb->s_id);
		filemap_invalidate_lock(mapping);
		blocked_over(fsdev);
	}
	unmap_mapping_range(mapping, 0, 0, KEEP_COWS);
	drop_entries(fsdev, mapping);
	filemap_invalidate_unlock(mapping);
}

static bool revoke_file_mapped(struct inode *inode, void *fsdev)
{
	revoke_file(fsdev, inode);
	return true;
}

static bool revoke_file_ours(struct inode *inode, void *fsdev)
{
	unsigned long index = 0, pfn, nr;

	if (next_entry(fsdev, inode->i_mapping, &index, &pfn, &nr))
		revoke_file(fsdev, inode);
	return true;
}

/* The files of a superblock that have memory of the device. */
static bool revoke_super(struct super_block *sb, void *fsdev)
{
	return super_each_file(sb, revoke_file_ours, fsdev);
}

/*
 * Waits until no entry of a file is locked that was when this began. Returns false if the machine
 * goes down meanwhile.
 */
static bool wait_entries(struct inode *inode, void *data)
{
	struct address_space *mapping = inode->i_mapping;
	struct fsdev *fsdev = data;
	unsigned long index = 0;
	void *entry;

	for (entry = xa_find(&mapping->i_pages, &index, ULONG_MAX, XA_PRESENT); entry;
	     entry = xa_find_after(&mapping->i_pages, &index, ULONG_MAX, XA_PRESENT)) {
		while (compat_dax_locked(entry)) {
			blocked_by(fsdev,
				   "a page fault in a file of %s on %s is under way, waiting for it to end",
				   inode->i_sb->s_type->name, inode->i_sb->s_id);
			if (!blocked_sleep(1))
				return false;
			entry = xa_load(&mapping->i_pages, index);
		}
		blocked_over(fsdev);
	}
	return true;
}

static bool wait_super(struct super_block *sb, void *fsdev)
{
	return super_each_file(sb, wait_entries, fsdev);
}

/*
 * Waits for every page fault that has got an address of the device and not yet used it.
 *
 * A fault takes the lock of its entry in the file (grab_mapping_entry() in fs/dax.c, which makes
 * the entry if there is none), asks the device inside one of the kernel's DAX sections, leaves it,
 * puts the page into the file and into the page table, and gives the lock back. The device is dead
 * and the sections have been drained, so a fault that has an address left its section before the
 * drain ended; it had locked its entry before that, and the drain makes this visible here. So the
 * entry is found locked, and is waited for; or its lock has been given back, then the page names
 * its file or counts as shared, and revoke_pages() finds it. A fault whose lock was taken later
 * gets no address.
 *
 * The lock of an entry is looked for in every file, as what a file system is on does not tell
 * whether it has this memory: device-mapper may be between, or it may have several devices. The
 * invalidate lock would not do: EROFS does not take it.
 */
static bool wait_faults(struct fsdev *fsdev)
{
	return supers_each(wait_super, fsdev);
}

/* Shared pages: the file system is in memory, so asking for its type loads nothing. */
static void revoke_shared(struct fsdev *fsdev)
{
	struct file_system_type *type = get_fs_type("xfs");

	if (!type)
		return;
	supers_of_type(type, revoke_super, fsdev);
	/* mapped by a later file a page could not be dropped from an earlier one */
	supers_of_type(type, revoke_super, fsdev);
	module_put(type->owner);
}

static bool in_use(struct page *page)
{
	return !PageTail(page) && (compat_dax_file(page) || compat_dax_shared(page) ||
				   page_ref_count(page) > COMPAT_DAX_IDLE_REFERENCES);
}

static bool pass_has_super(const struct pass *pass, const struct super_block *sb)
{
	for (unsigned int i = 0; i < pass->nr_supers; i++)
		if (pass->super[i] == sb)
			return true;
	return false;
}

static void pass_end(struct pass *pass)
{
	while (pass->nr_supers)
		deactivate_super(pass->super[--pass->nr_supers]);
}

/*
 * Looks through the superblock of the file that a page names, once in a pass. All of its files: 6.1
 * lets several files have a page which names the last of them. An unmount that is under way takes
 * the pages away itself.
 */
static void revoke_super_of(struct pass *pass, struct page *page)
{
	struct super_block *sb = NULL;
	struct address_space *mapping;

	rcu_read_lock();
	mapping = compat_dax_file(page);
	/* inodes and superblocks are freed by RCU, and an inode leaves its pages before that */
	if (mapping && mapping->host && !pass_has_super(pass, mapping->host->i_sb))
		sb = compat_pin_super(mapping->host->i_sb);
	rcu_read_unlock();
	if (!sb)
		return;
	revoke_super(sb, pass->fsdev);
	if (pass->nr_supers < PASS_SUPERS)
		pass->super[pass->nr_supers++] = sb;
	else
		deactivate_super(sb);
}

/* The file that a page names, with a reference to it and its superblock active; or NULL. */
static struct inode *pin_file(struct page *page)
{
	struct address_space *mapping;
	struct super_block *sb = NULL;
	struct inode *inode = NULL;

	rcu_read_lock();
	mapping = compat_dax_file(page);
	/* inodes and superblocks are freed by RCU, and an inode leaves its pages before that */
	if (mapping && mapping->host)
		sb = compat_pin_super(mapping->host->i_sb);
	if (sb)
		inode = igrab(mapping->host);
	rcu_read_unlock();
	if (sb && !inode)
		deactivate_super(sb);
	return inode;
}

static void unpin_file(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	iput(inode);
	deactivate_super(sb);
}

/* Drops the file's entry that has a page, or notes where it is if another page of it is in use. */
static bool drop_entry_of(struct pass *pass, struct address_space *mapping, struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned long index = folio->index, pfn, nr;
	void *entry = xa_load(&mapping->i_pages, index);

	if (!entry || !compat_dax_entry(entry, &pfn, &nr) || page_to_pfn(page) < pfn ||
	    page_to_pfn(page) >= pfn + nr)
		return false;
	if (entry_in_use(pfn, nr)) {
		pass->busy = pfn;
		pass->busy_end = pfn + nr;
		return true;
	}
	compat_dax_drop(mapping, round_down(index, nr), nr);
	return true;
}

/*
 * A page that is in a file and in nothing else's use. No process has it mapped any more: the first
 * pass has seen to that. Returns false if it is not where it says it is.
 */
static bool drop_page(struct pass *pass, struct page *page)
{
	struct inode *inode = pin_file(page);
	bool found = true;

	if (!inode)
		return false;
	/* else truncation has it, which may itself wait for a page: the next pass tries again */
	if (down_write_trylock(&inode->i_mapping->invalidate_lock)) {
		found = drop_entry_of(pass, inode->i_mapping, page);
		filemap_invalidate_unlock(inode->i_mapping);
	}
	unpin_file(inode);
	return found;
}

static void revoke_page(struct pass *pass, struct page *page)
{
	bool idle = page_ref_count(page) <= COMPAT_DAX_IDLE_REFERENCES;
	unsigned long pfn = page_to_pfn(page);

	if (pass->first)
		revoke_super_of(pass, page);
	else if (idle && !(pfn >= pass->busy && pfn < pass->busy_end) && compat_dax_file(page) &&
		 !drop_page(pass, page))
		revoke_super_of(pass, page);
	if (!in_use(page))
		return;
	if (compat_dax_shared(page) && (idle || pass->first))
		pass->shared = true;
	pass->phys = page_to_phys(page);
	pass->pages++;
}

/* Pages of one memory section, whose structures follow each other. */
static void revoke_run(struct pass *pass, unsigned long pfn, unsigned long end)
{
	struct page *page = pfn_to_page(pfn), *last = page + (end - pfn);

	while (page < last) {
		/* nearly all of them, in a loop of nothing else */
		while (likely(page + COMPAT_DAX_LOOK <= last && compat_dax_idle(page)))
			page += COMPAT_DAX_LOOK;
		if (page == last)
			break;
		if (in_use(page))
			revoke_page(pass, page);
		page++;
	}
}

static void revoke_range(struct pass *pass, const struct rangemap_piece *piece)
{
	unsigned long pfn = PHYS_PFN(piece->phys), end = pfn + PHYS_PFN(piece->len);

	while (pfn < end) {
		unsigned long next = min(end, ALIGN_DOWN(pfn, PASS_RUN) + PASS_RUN);
		unsigned long before = pass->pages;

		if (pass->first || !pass->left || test_bit(pass->run, pass->left)) {
			revoke_run(pass, pfn, next);
			if (pass->left)
				__assign_bit(pass->run, pass->left, pass->pages != before);
			cond_resched();
		}
		pass->run++;
		pfn = next;
	}
}

/* The runs of a device, and a few more. */
static unsigned long count_runs(const struct fsdev *fsdev)
{
	u64 size;

	return 2 * memory_shape(fsdev, &size) + PHYS_PFN(size) / PASS_RUN;
}

static void revoke_pages(struct pass *pass)
{
	unsigned int ranges = memory_ranges(pass->fsdev);

	pass->run = 0;
	pass->pages = 0;
	pass->shared = false;
	pass->busy_end = 0;
	for (unsigned int i = 0; i < ranges; i++) {
		struct rangemap_piece piece;

		memory_range(pass->fsdev, i, &piece);
		revoke_range(pass, &piece);
	}
	pass->first = false;
}

static void revoke_mounted(struct super_block *sb, void *fsdev)
{
	super_each_file(sb, revoke_file_mapped, fsdev);
}

/**
 * revoke_poisoned() - takes one page from every process that has it mapped
 * @page: a page of a device whose page structures stay meanwhile
 *
 * The file keeps it: a process that touches it faults, and gets SIGBUS. A page that several
 * files share names none, and is left.
 *
 * Context: may sleep.
 */
void revoke_poisoned(struct page *page)
{
	struct folio *folio = page_folio(page);
	struct inode *inode = pin_file(&folio->page);
	pgoff_t index;

	if (!inode)
		return;
	index = READ_ONCE(folio->index) + folio_page_idx(folio, page);
	/* the index is of this file if the page still names it */
	if (compat_dax_file(&folio->page) == inode->i_mapping)
		unmap_mapping_range(inode->i_mapping, (loff_t)index << PAGE_SHIFT, PAGE_SIZE,
				    KEEP_COWS);
	unpin_file(inode);
}

/**
 * revoke_note_lost() - have the next fsync of a file fail if a page was not written back
 * @page: a page of a device whose page structures stay meanwhile; it is poisoned
 *
 * What a process has stored to it through a mapping, and not synced, is lost. Write-back will find
 * nothing wrong: it flushes caches, which the memory takes. It forgets that there was a store, so
 * this comes as soon as the page is poisoned.
 *
 * Context: any.
 */
void revoke_note_lost(struct page *page)
{
	struct address_space *mapping;
	struct folio *folio = page_folio(page);
	pgoff_t index;

	rcu_read_lock();	/* inodes are freed by RCU */
	mapping = compat_dax_file(&folio->page);
	if (mapping) {
		index = READ_ONCE(folio->index) + folio_page_idx(folio, page);
		if (xa_get_mark(&mapping->i_pages, index, PAGECACHE_TAG_DIRTY) ||
		    xa_get_mark(&mapping->i_pages, index, PAGECACHE_TAG_TOWRITE))
			mapping_set_error(mapping, -EIO);
	}
	rcu_read_unlock();
}

/* Waits until no page is in use. */
static bool wait_pages(struct pass *pass)
{
	for (;;) {
		revoke_pages(pass);
		if (pass->shared) {
			revoke_shared(pass->fsdev);
			revoke_pages(pass);
		}
		pass_end(pass);
		if (!pass->pages)
			return true;
		blocked_by(pass->fsdev,
			   "%lu pages still referenced (last %#llx), waiting for I/O or unmount",
			   pass->pages, pass->phys);
		if (!blocked_sleep(HZ / 10))
			return false;
	}
}

/**
 * revoke_mappings() - take every page of the device from every file and process
 * @fsdev: a device that is dead: no operation starts or runs
 *
 * Returns when no page of the device is in use any more. That may take as long as a process keeps
 * pages in the kernel's hands (a pipe that they were spliced into, a direct write to another disk
 * that hangs, a socket that does not send); the log says so.
 *
 * Context: may sleep; takes each file's invalidate lock in turn.
 * Return: false if the machine goes down meanwhile: removal is abandoned.
 */
bool revoke_mappings(struct fsdev *fsdev)
{
	struct pass pass = {
		.fsdev = fsdev,
		.first = true,
		.left = kvcalloc(BITS_TO_LONGS(count_runs(fsdev)), sizeof(long), GFP_KERNEL),
	};
	bool done;

	mounts_end(fsdev, revoke_mounted);
	done = wait_faults(fsdev) && wait_pages(&pass);
	kvfree(pass.left);
	blocked_over(fsdev);
	return done;
}
