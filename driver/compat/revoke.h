/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a file has its DAX pages, how it lets go of them, and which superblock is on a block device.
 */
#ifndef FSDEV_COMPAT_REVOKE_H
#define FSDEV_COMPAT_REVOKE_H

#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pgtable.h>
#include <linux/string.h>
#include <linux/xarray.h>

/* References of an idle DAX page: one before 6.15, none later. */
#ifdef FSDEV_HAVE_DAX_DELETE_MAPPING_RANGE
#define COMPAT_DAX_IDLE_REFERENCES 0
#else
#define COMPAT_DAX_IDLE_REFERENCES 1
#endif

/* Pages that are looked at together. */
#define COMPAT_DAX_LOOK 16

/**
 * compat_dax_idle() - are these pages in no file and in no use?
 * @page: the first of COMPAT_DAX_LOOK pages, whose structures follow each other
 *
 * Removal looks at every page of a device, so this is made to be cheap: all words of all pages that
 * can say that a page is used are joined, and compared once. That is one instruction for each word,
 * if it is joined as it lies in memory. Plain reads: no page comes into use any more, and one whose
 * use ends is seen by the next look.
 *
 * Return: true if no file has one of them and none is in use; false if that may be.
 */
static inline bool compat_dax_idle(const struct page *page)
{
	unsigned long named = 0;
	u32 used = 0;

#pragma GCC unroll 16
	for (int i = 0; i < COMPAT_DAX_LOOK; i++) {
		named |= data_race((unsigned long)page[i].mapping); /* plain: see above */
#ifdef FSDEV_HAVE_DAX_DELETE_MAPPING_RANGE
		named |= data_race(((const struct folio *)&page[i])->share); /* the same */
#endif
		used |= (u32)data_race(page[i]._refcount.counter); /* the same */
	}
	return !named && used <= COMPAT_DAX_IDLE_REFERENCES;
}

/**
 * compat_dax_shared() - do several files share a page, so that it names none?
 * @page: a page that is no tail
 *
 * Before 6.15 the mapping is then a small number instead of an address; later it is NULL, and the
 * word that otherwise is the index counts the files. 6.1 counts them down to 0 and leaves the
 * mapping (upstream/dax-cow-count-left.md): no file has such a page.
 *
 * Context: any.
 * Return: true if they do.
 */
static inline bool compat_dax_shared(const struct page *page)
{
	unsigned long mapping = (unsigned long)READ_ONCE(page->mapping);

#ifdef FSDEV_HAVE_DAX_DELETE_MAPPING_RANGE
	return !mapping && READ_ONCE(((const struct folio *)page)->share);
#elif defined(FSDEV_HAVE_PAGE_SHARE)
	return mapping && mapping < PAGE_SIZE;
#else
	return mapping && mapping < PAGE_SIZE && READ_ONCE(page->index);
#endif
}

/**
 * compat_dax_file() - the file that a page names
 * @page: a page that is no tail
 *
 * Context: the answer can be followed under RCU only.
 * Return: its mapping, or NULL if no file or several have the page.
 */
static inline struct address_space *compat_dax_file(const struct page *page)
{
	struct address_space *mapping = READ_ONCE(page->mapping);

	return (unsigned long)mapping < PAGE_SIZE ? NULL : mapping;
}

/* DAX_LOCKED, DAX_PMD, DAX_ZERO_PAGE, DAX_EMPTY and DAX_SHIFT of fs/dax.c. */
#define COMPAT_DAX_LOCKED BIT(0)
#define COMPAT_DAX_PMD BIT(1)
#define COMPAT_DAX_ZERO_PAGE BIT(2)
#define COMPAT_DAX_EMPTY BIT(3)
#define COMPAT_DAX_SHIFT 4

/**
 * compat_dax_entry() - which pages an entry of a DAX file stands for
 * @entry: of the mapping's i_pages
 * @pfn: gets the first page's number
 * @nr: gets how many there are
 *
 * fs/dax.c keeps a page number and four flags in the entry. It has done so on all kernels that this
 * runs on, and no header says it: see COMPAT_DAX_LOCKED and below.
 *
 * Return: false if there are none, as for a hole.
 */
static inline bool compat_dax_entry(const void *entry, unsigned long *pfn, unsigned long *nr)
{
	unsigned long value;

	if (!xa_is_value(entry))
		return false;
	value = xa_to_value(entry);
	if (value & (COMPAT_DAX_ZERO_PAGE | COMPAT_DAX_EMPTY))
		return false;
	*pfn = value >> COMPAT_DAX_SHIFT;
	*nr = value & COMPAT_DAX_PMD ? 1UL << (PMD_SHIFT - PAGE_SHIFT) : 1;
	return true;
}

/**
 * compat_dax_locked() - is an entry of a DAX file locked?
 * @entry: of the mapping's i_pages
 *
 * By a page fault, a write-back or an invalidation that is under way.
 *
 * Return: true if it is.
 */
static inline bool compat_dax_locked(const void *entry)
{
	return xa_is_value(entry) && (xa_to_value(entry) & COMPAT_DAX_LOCKED);
}

/**
 * compat_dax_drop() - takes DAX pages out of a file
 * @mapping: of the file
 * @index: the first page's index in the file
 * @nr: how many
 *
 * Every entry that has one of these pages goes, so @index is the first page of an entry and @nr its
 * length.
 *
 * Context: the caller holds the mapping's invalidate lock, and no process maps or uses the pages.
 */
static inline void compat_dax_drop(struct address_space *mapping, pgoff_t index, unsigned long nr)
{
	loff_t from = (loff_t)index << PAGE_SHIFT, to = from + ((loff_t)nr << PAGE_SHIFT) - 1;

#ifdef FSDEV_HAVE_DAX_DELETE_MAPPING_RANGE
	dax_delete_mapping_range(mapping, from, to);
#else
	truncate_inode_pages_range(mapping, from, to);
#endif
}

/**
 * compat_pin_super() - keeps a superblock active
 * @sb: a superblock that is not freed meanwhile; or NULL
 *
 * Fails for a superblock that is not SB_BORN: an extra active reference would keep a failing mount
 * from setting SB_DYING, and bdev_mark_dead() would wait in super_lock() without end. No file of it
 * is open or mapped yet.
 *
 * Context: any.
 * Return: @sb, active until deactivate_super(); NULL if it is not mounted.
 */
static inline struct super_block *compat_pin_super(struct super_block *sb)
{
	/* pairs with smp_wmb() in vfs_get_tree() in fs/super.c: it is complete */
	if (!sb || !(smp_load_acquire(&sb->s_flags) & SB_BORN))
		return NULL;
	return atomic_inc_not_zero(&sb->s_active) ? sb : NULL;
}

/**
 * compat_next_type() - the file system type that was registered after another
 * @type: a registered type
 *
 * Context: RCU. Types are freed after a grace period. Before 7.x a type that is unregistered loses
 * its successor at once.
 * Return: the next one, or NULL.
 */
static inline struct file_system_type *compat_next_type(const struct file_system_type *type)
{
#ifdef FSDEV_HAVE_FILE_SYSTEM_TYPE_LIST
	return hlist_entry_safe(rcu_dereference(hlist_next_rcu(&type->list)),
				struct file_system_type, list);
#else
	return READ_ONCE(type->next);
#endif
}

#ifndef FSDEV_HAVE_BLOCK_DEVICE_BD_SUPER
#ifdef FSDEV_HAVE_FS_HOLDER_OPS
static inline bool compat_fs_holds(const struct block_device *bdev)
{
	return bdev->bd_holder_ops == &fs_holder_ops;
}
#else
/* The operations are private to fs/super.c there, and known by the name of one of them. */
static inline bool compat_fs_holds(const struct block_device *bdev)
{
	char name[32];

	if (!bdev->bd_holder_ops || !bdev->bd_holder_ops->mark_dead)
		return false;
	snprintf(name, sizeof(name), "%ps", bdev->bd_holder_ops->mark_dead);
	return !strcmp(name, "fs_bdev_mark_dead");
}
#endif

/* Whether a holder is a file system type, which holds a device that its superblocks may share. */
static inline bool compat_is_type(const void *holder)
{
	struct file_system_type *first = get_fs_type("sysfs"), *type;

	rcu_read_lock();
	for (type = first; type && type != holder; type = compat_next_type(type))
		;
	rcu_read_unlock();
	if (first)
		module_put(first->owner);
	return type;
}

/*
 * The superblock that holds a block device, or NULL; also where the device is not its s_bdev, as an
 * external log or a real-time device. It is not freed before bd_holder_lock is given back.
 */
static inline struct super_block *compat_holding_super(struct block_device *bdev)
{
	lockdep_assert_held(&bdev->bd_holder_lock);
	if (!bdev->bd_holder || !compat_fs_holds(bdev) || compat_is_type(bdev->bd_holder))
		return NULL;
	return bdev->bd_holder;
}
#endif

/**
 * compat_bdev_super() - the superblock that is mounted from a block device
 * @bdev: the disk or a partition of it
 *
 * Context: the caller has a reference to @bdev; sleeps.
 * Return: the superblock, active until deactivate_super(); NULL if there is none.
 */
static inline struct super_block *compat_bdev_super(struct block_device *bdev)
{
	struct super_block *sb;

#ifdef FSDEV_HAVE_BLOCK_DEVICE_BD_SUPER
	rcu_read_lock();
	sb = compat_pin_super(READ_ONCE(bdev->bd_super));
	rcu_read_unlock();
#else
	mutex_lock(&bdev->bd_holder_lock);
	sb = compat_pin_super(compat_holding_super(bdev));
	mutex_unlock(&bdev->bd_holder_lock);
#endif
	return sb;
}

/**
 * compat_bdev_unmounting() - whether a superblock of a block device is on its way out
 * @bdev: the disk or a partition of it
 *
 * 6.1 does not say; nor does its XFS do anything when it hears of a removal.
 *
 * Context: the caller has a reference to @bdev; sleeps.
 * Return: true if there is one that cannot be kept active any more.
 */
static inline bool compat_bdev_unmounting(struct block_device *bdev)
{
#ifdef FSDEV_HAVE_BLOCK_DEVICE_BD_SUPER
	return false;
#else
	struct super_block *sb;
	bool going;

	mutex_lock(&bdev->bd_holder_lock);
	sb = compat_holding_super(bdev);
	going = sb && !atomic_read(&sb->s_active);
	mutex_unlock(&bdev->bd_holder_lock);
	return going;
#endif
}

#endif
