// SPDX-License-Identifier: GPL-2.0
/*
 * Clamp: cut every DAX mapping to what is contiguous in memory and free of poison.
 *
 * fs/dax.c asks dax_direct_access() for a whole mapping and, where it wants only an address, does
 * not look at how many pages it was given: unsharing, deduplication and copy-on-write go on
 * linearly (dax_iomap_direct_access(), Linux 6.1 to 7.3). Behind the end of a range or of a chunk
 * of device-mapper lies another device's memory, behind a good page perhaps a poisoned one.
 *
 * The tracepoint iomap_iter_dstmap is the last step of iomap_iter(), through which every user in
 * fs/dax.c gets its mappings. A probe on it has the mapping before the caller does, cannot be
 * skipped, has no limit on the number of sleeping callers, and is switched off by nothing but its
 * owner. It upholds, for the pages of each mapping that the caller will use:
 *
 *  1. Destination and source are contiguous in memory, whatever lies in between.
 *  2. Neither has a poisoned page behind its first page. A poisoned first page stands alone: then
 *     direct access refuses it, or repairs it.
 *  3. A mapping of shared blocks is never larger than a page in a fault: fs/dax.c breaks off with
 *     a BUG when copy-on-write of 4 KiB meets an entry of 2 MiB. remap.c takes out those entries
 *     that were there before the blocks became shared, and says for which files blocks are about
 *     to be. What is left, of another driver's device from before the probe was there, is copied
 *     as one, or refused, and stays in a read fault of a page.
 *  4. Copy-on-write never copies onto a poisoned page: it is refused.
 *  5. Deduplication sees zeros in unwritten extents: it would compare what the blocks held before.
 *  6. What copy-on-write by other than a fault replaces is in no mapping afterwards (cow.c).
 *  7. Zeroing of shared blocks that the kernel would lose (6.1) is refused.
 *  8. Where copy-on-write has a source without data, nothing of what the new blocks held before
 *     becomes the file's: they are zeroed around what is written (6.1), and unsharing takes none.
 *  9. A mapping whose copy-on-write fails at its first page is not cut: the file system cancels as
 *     much as the mapping is long, and what it has made ready beyond would stay, with what the
 *     blocks held before. XFS puts that into the file when a hole over it is unshared.
 *
 * The caller reads lengths after the tracepoint: iomap_length() in linux/iomap.h.
 */
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/tracepoint.h>
#include <linux/xarray.h>

#include "clamp.h"
#include "compat/iomap.h"
#include "cow.h"
#include "device.h"
#include "redirect.h"
#include "remap.h"
#include "xfs_hook.h"

static DEFINE_MUTEX(clamp_lock);

/* Devices that need the probe; protected by clamp_lock. */
static unsigned int clamp_users;

static struct tracepoint *clamp_point;

/* Functions of the kernel itself through which files are written and cloned. */
static struct redirect *const clamp_dax_functions[] = {
	&cow_rw_redirect, &cow_unshare_redirect, &cow_zero_redirect, &remap_prep_redirect
};

/* Protected by clamp_lock. */
static struct redirect_set clamp_dax = {
	.functions = clamp_dax_functions,
	.nr = ARRAY_SIZE(clamp_dax_functions),
};

/* What XFS calls where it shares blocks, and copies on write. */
static struct redirect *const clamp_xfs_functions[] = {
	&cow_end_redirect, &cow_cancel_redirect, &remap_range_redirect
};

static struct redirect_set clamp_xfs = {
	.functions = clamp_xfs_functions,
	.nr = ARRAY_SIZE(clamp_xfs_functions),
};

static struct xfs_hook clamp_hook = {
	.set = &clamp_xfs,
	.hooked = cow_hooked,
	.lost = "clones, and copy-on-write by write(), are refused on its DAX files",
};

/* Does a mapping stand for memory? */
static bool clamp_has_memory(const struct iomap *map)
{
	return (map->type == IOMAP_MAPPED || map->type == IOMAP_UNWRITTEN) &&
	       map->addr != IOMAP_NULL_ADDR && map->dax_dev;
}

/*
 * How many of @nr pages from file offset @first on are contiguous and free of poison. Asks the
 * device that the file system has, which may be device-mapper's.
 */
static long clamp_ask(const struct iomap *map, loff_t first, long nr)
{
	pgoff_t pgoff = PHYS_PFN(map->addr + first - map->offset);
	long n;
	int id;

	id = dax_read_lock();
	n = dax_direct_access(map->dax_dev, pgoff, nr, DAX_ACCESS, NULL, NULL);
	dax_read_unlock(id);
	return n;
}

/* Has a file an entry of more than a page there? */
static bool clamp_meets_huge(const struct inode *inode, loff_t first)
{
	unsigned long pfn, nr;

	return compat_dax_entry(xa_load(&inode->i_mapping->i_pages, first >> PAGE_SHIFT), &pfn,
				&nr) && nr > 1;
}

/*
 * Have direct access fail for a mapping. Only where the device answers so: one that does not check
 * what it is asked for keeps its mapping.
 */
static void clamp_refuse(const struct iomap_iter *iter, struct iomap *map, loff_t first,
			 const char *why)
{
	struct iomap refused = *map;

	refused.addr = CLAMP_REFUSED - (first - map->offset);
	if (clamp_ask(&refused, first, 1) > 0)
		return;
	map->addr = refused.addr;
	pr_warn_ratelimited("fsdev: %s: inode %llu, offset %lld: access refused: %s\n",
			    iter->inode->i_sb->s_id, (u64)iter->inode->i_ino, first, why);
}

/*
 * Copy nothing up to @end, an offset in the file. The source's end bounds the length no longer, so
 * the destination's has to.
 */
static void clamp_drop_source(struct iomap_iter *iter, loff_t end)
{
	iter->srcmap.type = IOMAP_HOLE;
	iter->iomap.length = min_t(u64, iter->iomap.length, end - iter->iomap.offset);
}

/* Is there nothing to copy from? */
static bool clamp_no_data(const struct iomap *source)
{
	return source->type == IOMAP_HOLE || source->type == IOMAP_UNWRITTEN;
}

/* Zero a page of new blocks, which are in no file yet. One that cannot be reached will fail. */
static void clamp_zero_page(const struct iomap *map, loff_t at)
{
	void *addr;
	int id;

	id = dax_read_lock();
	if (dax_direct_access(map->dax_dev, PHYS_PFN(map->addr + at - map->offset), 1, DAX_ACCESS,
			      &addr, NULL) > 0) {
		memset(addr, 0, PAGE_SIZE);
		dax_flush(map->dax_dev, addr, PAGE_SIZE);
	}
	dax_read_unlock(id);
}

/*
 * Copy-on-write from a source without data: zero what a fault is about to map, and the pages that a
 * write() begins or ends inside of. @first is the first page's offset in the file.
 */
static void clamp_zero_room(struct iomap_iter *iter, loff_t first)
{
	loff_t end, last;

	if (iter->srcmap.type == IOMAP_UNWRITTEN)
		clamp_drop_source(iter, iter->srcmap.offset + iter->srcmap.length);
	if (!clamp_has_memory(&iter->iomap))
		return;
	end = iter->pos + iomap_length(iter);
	last = round_down(end - 1, PAGE_SIZE);
	if (iter->flags & IOMAP_FAULT) {
		/* another length is too short for an entry: the fault fails */
		if (last > first && last - first + PAGE_SIZE != PMD_SIZE)
			return;
		for (loff_t at = first; at <= last; at += PAGE_SIZE)
			clamp_zero_page(&iter->iomap, at);
		return;
	}
	if (first < iter->pos || end < first + PAGE_SIZE)
		clamp_zero_page(&iter->iomap, first);
	if (last > first && end < last + PAGE_SIZE)
		clamp_zero_page(&iter->iomap, last);
}

/*
 * Copy-on-write that begins with the page at @first: @to and @from are what clamp_ask() says of its
 * destination and source. Returns true if it fails there, by itself or since it is refused here.
 */
static bool clamp_cow(struct iomap_iter *iter, loff_t first, long to, long from)
{
	bool fault = iter->flags & IOMAP_FAULT;

	if (fault && clamp_meets_huge(iter->inode, first)) {
		clamp_refuse(iter, &iter->iomap, first,
			     "copy-on-write of a page whose file has a 2 MiB entry there");
		return true;
	}
	if (to == COMPAT_DAX_BAD && !fault) {
		if (!(iter->flags & IOMAP_UNSHARE))
			clamp_refuse(iter, &iter->iomap, first,
				     "copy-on-write onto a poisoned page: clear it with fsdevctl repair");
		return true;
	}
	if (from != COMPAT_DAX_BAD)
		return false;
	if (fault)
		clamp_refuse(iter, &iter->iomap, first, "copy-on-write from a poisoned page");
	if (fault || (iter->flags & IOMAP_UNSHARE) || iter->pos != first ||
	    iomap_length(iter) < PAGE_SIZE)
		return true;
	clamp_drop_source(iter, first + PAGE_SIZE);
	return false;
}

/* Are shared blocks not marked in a read fault? Then those of each file that can share may be. */
static bool clamp_hides_sharing(const struct iomap_iter *iter)
{
	return COMPAT_IOMAP_READS_UNSHARED && !(iter->flags & IOMAP_WRITE) &&
	       iter->inode->i_fop->remap_file_range;
}

/*
 * Does zeroing copy shared blocks, with the file locked against faults? 6.1 does not end such a
 * copy: the zeros would be lost, so it is refused there.
 */
static bool clamp_zeroes_shared(const struct iomap_iter *iter)
{
	return !COMPAT_DAX_ZERO_UNENDED && (iter->flags & IOMAP_ZERO) &&
	       ((iter->iomap.flags & IOMAP_F_SHARED) || iter->srcmap.type != IOMAP_HOLE);
}

/* May copy-on-write other than in a fault go on? If not it has been made to fail. */
static bool clamp_may_copy(struct iomap_iter *iter, loff_t first)
{
	bool nothing = (iter->flags & IOMAP_UNSHARE) && clamp_no_data(&iter->srcmap);

	switch (cow_begin(iter->inode, nothing)) {
	case COW_GO:
		return true;
	case COW_AGAIN:
		/* each device refuses that, and nothing but direct access looks at it */
		iter->iomap.dax_dev = NULL;
		/* else fs/dax.c forgets first which pages are dirty */
		if (iter->iomap.type == IOMAP_MAPPED)
			iter->iomap.flags &= ~IOMAP_F_SHARED;
		return false;
	default:
		/* unsharing has to have a source, or looks at nothing */
		if (nothing) {
			iter->srcmap = iter->iomap;
			iter->srcmap.type = IOMAP_MAPPED;
		}
		clamp_refuse(iter, &iter->iomap, first,
			     "copy-on-write whose end cannot be seen");
		return false;
	}
}

/* Cut a mapping to @len bytes from file offset @first on. */
static void clamp_cut(struct iomap *map, loff_t first, u64 len)
{
	loff_t skip = first - map->offset;

	/* deduplication takes the length as if the mapping began where it looks */
	if (clamp_has_memory(map))
		map->addr += skip;
	map->offset = first;
	map->length = min_t(u64, map->length - skip, len);
}

/* What a caller is about to use of a mapping, in pages; invariants 1 to 4 and 6 to 9. */
static noinline void clamp_iter(struct iomap_iter *iter, loff_t first, long nr)
{
	bool shared = iter->iomap.flags & IOMAP_F_SHARED;
	bool fault = iter->flags & IOMAP_FAULT;
	/* 6.1 copies where there is a source, whatever the flags say */
	bool cow = (iter->flags & IOMAP_WRITE) && (shared || iter->srcmap.type != IOMAP_HOLE);
	long to = nr, from = nr, pages = nr;

	if (!fault && (cow || clamp_zeroes_shared(iter)) && !clamp_may_copy(iter, first))
		return;
	/* goes page by page, and looks at what it is given */
	if (iter->flags & IOMAP_ZERO) {
		if (COMPAT_DAX_ZERO_UNENDED && (shared || iter->srcmap.type != IOMAP_HOLE))
			clamp_refuse(iter, &iter->iomap, first,
				     "zeroing of shared blocks, which this kernel would lose");
		return;
	}
	/* fs/dax.c would put the page's entry in the place of the larger one, and miscount */
	if (fault && shared && !(iter->flags & IOMAP_WRITE) && nr == 1 &&
	    clamp_meets_huge(iter->inode, first))
		iter->iomap.flags &= ~IOMAP_F_SHARED;
	if (clamp_has_memory(&iter->iomap))
		to = clamp_ask(&iter->iomap, first, nr);
	if (iter->srcmap.type != IOMAP_HOLE && clamp_has_memory(&iter->srcmap))
		from = clamp_ask(&iter->srcmap, first, nr);
	pages = min3(pages, max(to, 1L), max(from, 1L));
	/* an entry of 2 MiB that is there already is only replaced by one of its size */
	if (fault && (shared || clamp_hides_sharing(iter) ||
		      (nr > 1 && remap_running_from(iter->inode))) &&
	    !(nr > 1 && clamp_meets_huge(iter->inode, first)))
		pages = 1;
	if (fault && cow && nr > 1 && pages < nr) {
		/* too short for an entry, and all of it is cancelled */
		clamp_cut(&iter->iomap, first, PFN_PHYS(nr) - 1);
		return;
	}
	if (cow && pages == 1 && clamp_cow(iter, first, to, from))
		return;
	if (pages < nr || iter->iomap.offset < first)
		clamp_cut(&iter->iomap, first, PFN_PHYS(pages));
	if (COMPAT_DAX_COW_UNZEROED && cow && clamp_no_data(&iter->srcmap) &&
	    !(iter->flags & IOMAP_UNSHARE))
		clamp_zero_room(iter, first);
}

/* Runs inside iomap_iter(), before its caller sees the mapping. Context: preemption is disabled. */
static void clamp_dstmap(void *data, struct inode *inode, struct iomap *iomap)
{
	struct iomap_iter *iter = container_of(iomap, struct iomap_iter, iomap);
	loff_t first, end;
	long nr;

	if (!(iter->flags & IOMAP_DAX))
		return;
	/* deduplication, or a read, which knows that both are zeros */
	if (iter->flags == IOMAP_DAX && iomap->type == IOMAP_UNWRITTEN)
		iomap->type = IOMAP_HOLE;
	first = round_down(iter->pos, PAGE_SIZE);
	end = round_up(iter->pos + iomap_length(iter), PAGE_SIZE);
	nr = PHYS_PFN(end - first);
	if ((iter->flags & (IOMAP_UNSHARE | IOMAP_ZERO)) && !(iter->flags & IOMAP_FAULT))
		cow_see();
	/* one page of one file is contiguous, and direct access knows whether it is poisoned */
	if (nr > 1 || (iomap->flags & IOMAP_F_SHARED) || iter->srcmap.type != IOMAP_HOLE)
		clamp_iter(iter, first, nr);
}

static void clamp_find(struct tracepoint *point, void *found)
{
	if (!strcmp(point->name, "iomap_iter_dstmap"))
		*(struct tracepoint **)found = point;
}

/* Caller must hold clamp_lock. */
static int clamp_start(void)
{
	int rc;

	lockdep_assert_held(&clamp_lock);
	if (!clamp_point)
		for_each_kernel_tracepoint(clamp_find, &clamp_point);
	if (!clamp_point)
		return -EOPNOTSUPP;
	rc = redirect_install(&clamp_dax);
	if (rc)
		return rc;
	redirect_switch(&clamp_dax, true);
	rc = xfs_hook_start(&clamp_hook);
	if (rc)
		goto dax;
	rc = tracepoint_probe_register(clamp_point, clamp_dstmap, NULL);
	if (rc)
		goto xfs;
	return 0;

xfs:
	xfs_hook_stop(&clamp_hook);
dax:
	redirect_switch(&clamp_dax, false);
	return rc;
}

/*
 * Does not wait for callers that are inside the probe or the hook: a clone can be blocked by
 * another disk, and must delay neither this unbind nor the next claim. clamp_exit() waits.
 * Caller must hold clamp_lock.
 */
static void clamp_end(void)
{
	lockdep_assert_held(&clamp_lock);
	tracepoint_probe_unregister(clamp_point, clamp_dstmap, NULL);
	redirect_switch(&clamp_dax, false);
	xfs_hook_stop(&clamp_hook);
}

/**
 * clamp_get() - have mappings of DAX files clamped from now on
 * @fsdev: a device that a file system which shares blocks, or device-mapper, is about to use
 *
 * Lasts until the device is unbound. Mappings of DAX files of other devices are clamped as well
 * meanwhile; what is no DAX file pays for a test of a flag.
 *
 * Context: may sleep; before the claim comes about.
 * Return: 0; a negative errno where it cannot be done, and then the claim must not come about.
 */
int clamp_get(struct fsdev *fsdev)
{
	int rc = 0;

	mutex_lock(&clamp_lock);
	if (!fsdev->clamp.on) {
		if (!clamp_users)
			rc = clamp_start();
		if (!rc) {
			fsdev->clamp.on = true;
			clamp_users++;
		}
	}
	mutex_unlock(&clamp_lock);
	if (rc)
		dev_err(fsdev_dev(fsdev),
			"%s (%d) refused: its file system may share blocks, and mappings cannot be clamped on this kernel (error %d): make it with reflink=0 (mkfs.xfs -m reflink=0)\n",
			current->comm, task_pid_nr(current), rc);
	return rc;
}

/**
 * clamp_stop() - undo clamp_get(), if it was called
 * @fsdev: a device whose last mapping is revoked
 *
 * Context: removal; may sleep.
 */
void clamp_stop(struct fsdev *fsdev)
{
	mutex_lock(&clamp_lock);
	if (fsdev->clamp.on && !--clamp_users)
		clamp_end();
	fsdev->clamp.on = false;
	mutex_unlock(&clamp_lock);
}

/**
 * clamp_init() - set up
 *
 * Context: loading the module.
 * Return: 0 or a negative errno.
 */
int clamp_init(void)
{
	cow_init();
	return xfs_hook_init(&clamp_hook);
}

/**
 * clamp_exit() - wait until no caller is inside this module's probe or hook
 *
 * Context: unloading the module, when no device is bound; may sleep, as long as a clone that was
 * running when the last device was unbound.
 */
void clamp_exit(void)
{
	tracepoint_synchronize_unregister();
	xfs_hook_exit(&clamp_hook);
	redirect_remove(&clamp_dax);
	synchronize_rcu_tasks();	/* redirected, and not counted yet */
	remap_exit();
	cow_exit();
}
