// SPDX-License-Identifier: GPL-2.0
/*
 * Access: the operations through which file systems reach the memory.
 */
#include <linux/dax.h>
#include <linux/io.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "access.h"
#include "clamp.h"
#include "device.h"
#include "include/fsdev/dax.h"
#include "late.h"
#include "memory.h"
#include "poison.h"
#include "repair.h"

/*
 * Slow path for pages that the range map does not find at once. Same argument registers as
 * ->direct_access(), so that the fast path tail-calls it; @mode is unused.
 */
static noinline __noclone long access_slow(const struct fsdev *fsdev, u64 offset, long nr_pages,
					   int mode, void **kaddr, compat_pfn *pfn)
{
	u64 phys, len = rangemap_lookup(&fsdev->map, offset, &phys);

	if (unlikely(!len))
		return -ERANGE;
	if (kaddr)
		*kaddr = __va(phys);
	if (pfn)
		*pfn = compat_pfn_of(PHYS_PFN(phys));
	return min_t(u64, nr_pages, PHYS_PFN(len));
}

/*
 * Pages that were not there at probe: the device may have grown. Arguments as above, for the same
 * reason.
 */
static noinline __noclone long access_grown(const struct fsdev *fsdev, pgoff_t pgoff, long nr_pages,
					    int mode, void **kaddr, compat_pfn *pfn)
{
	u64 phys, len;

	if (pgoff == CLAMP_REFUSED_PGOFF)
		return -EIO;
	if (pgoff > PHYS_PFN(U64_MAX))
		return -ERANGE;
	len = memory_lookup(fsdev, PFN_PHYS(pgoff), &phys);
	if (!len)
		return -ERANGE;
	if (kaddr)
		*kaddr = __va(phys);
	if (pfn)
		*pfn = compat_pfn_of(PHYS_PFN(phys));
	return min_t(u64, nr_pages, PHYS_PFN(len));
}

/*
 * Fast path: the pages that are physically contiguous from page @pgoff on, at most @nr_pages; a
 * longer request is shortened. The address is that of the page's own physical address, as two
 * ranges may have anything between them. It saves no register: the rest is a tail call.
 */
static __always_inline long access_fast(const struct fsdev *fsdev, pgoff_t pgoff, long nr_pages,
					void **kaddr, compat_pfn *pfn)
{
	u64 phys, len;

	len = rangemap_lookup_fast(&fsdev->map, pgoff, PAGE_SHIFT, &phys);
	if (unlikely(!len))
		return access_slow(fsdev, PFN_PHYS(pgoff), nr_pages, 0, kaddr, pfn);
	if (kaddr)
		*kaddr = __va(phys);
	if (pfn)
		*pfn = compat_pfn_of(PHYS_PFN(phys));
	return min_t(u64, nr_pages, PHYS_PFN(len));
}

/* The same, with the arguments checked. */
static __always_inline long access_any(const struct fsdev *fsdev, pgoff_t pgoff, long nr_pages,
				       void **kaddr, compat_pfn *pfn)
{
	if (unlikely(nr_pages < 0))
		return -EINVAL;
	if (unlikely(pgoff >= fsdev->pages))
		return access_grown(fsdev, pgoff, nr_pages, 0, kaddr, pfn);
	return access_fast(fsdev, pgoff, nr_pages, kaddr, pfn);
}

/**
 * fsdev_direct_access() - translate pages while no page is poisoned
 * @dax_dev: the device
 * @pgoff: first page
 * @nr_pages: how many are asked for
 * @mode: an ordinary access or a recovery write
 * @kaddr: where to put the address; or NULL
 * @pfn: where to put the page frame number; or NULL
 *
 * Context: inside a read-side section, on a live device.
 * Return: pages that are contiguous from there on, at most @nr_pages; or a negative errno.
 */
long fsdev_direct_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			 enum dax_access_mode mode, void **kaddr, compat_pfn *pfn)
{
	return access_any(fsdev_of(dax_dev), pgoff, nr_pages, kaddr, pfn);
}

/*
 * The same, up to the first poisoned page. If that is the one asked for, only a recovery write gets
 * it, alone, as it is repaired page by page.
 */
static noinline long checked_run(const struct fsdev *fsdev, pgoff_t pgoff, long nr_pages,
				 enum dax_access_mode mode, void **kaddr, compat_pfn *pfn)
{
	long n = access_any(fsdev, pgoff, nr_pages, kaddr, pfn);
	u64 good;

	if (unlikely(n <= 0))
		return n;
	good = poison_good(&fsdev->poison, PFN_PHYS(pgoff), PFN_PHYS(n));
	smp_rmb();	/* pairs with smp_mb() in repair_locked() in repair.c */
	if (likely(good))
		return PHYS_PFN(good);
	return mode == DAX_RECOVERY_WRITE ? 1 : COMPAT_DAX_BAD;
}

/*
 * A caller who wants only an address may go on linearly behind what it is given: fs/dax.c does. It
 * gets none where any of what it asks for is poisoned, as from nd_pmem.
 */
static noinline long checked_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
				    enum dax_access_mode mode, void **kaddr, compat_pfn *pfn)
{
	const struct fsdev *fsdev = fsdev_of(dax_dev);
	long n = checked_run(fsdev, pgoff, nr_pages, mode, kaddr, pfn);

	if (n > 0 && n < nr_pages && kaddr && !pfn && mode == DAX_ACCESS &&
	    checked_run(fsdev, pgoff + n, 1, mode, NULL, NULL) == COMPAT_DAX_BAD)
		return COMPAT_DAX_BAD;
	return n;
}

/**
 * fsdev_checked_access() - translate pages while some are poisoned
 * @dax_dev: the device
 * @pgoff: first page
 * @nr_pages: how many are asked for
 * @mode: an ordinary access or a recovery write
 * @kaddr: where to put the address; or NULL
 * @pfn: where to put the page frame number; or NULL
 *
 * Far from poison the summary map costs little more than no check at all. A negative count is more
 * than any as an unsigned one.
 *
 * Context: inside a read-side section, on a live device.
 * Return: as fsdev_direct_access(), up to the first poisoned page; where that is the first one
 * asked for, COMPAT_DAX_BAD.
 */
long fsdev_checked_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			  enum dax_access_mode mode, void **kaddr, compat_pfn *pfn)
{
	const struct fsdev *fsdev = fsdev_of(dax_dev);

	if (unlikely(pgoff >= fsdev->pages || (u64)nr_pages > fsdev->poison.summary_pages ||
		     !poison_far(&fsdev->poison, pgoff)))
		return checked_access(dax_dev, pgoff, nr_pages, mode, kaddr, pfn);
	smp_rmb();	/* pairs with smp_store_release() in summary_clear() in poison.c */
	return access_fast(fsdev, pgoff, nr_pages, kaddr, pfn);
}

/* Pages that are zeroed before others may run; fs/dax.c asks for one. */
#define ZERO_PAGES 512

static int zero_good(struct dax_device *dax_dev, pgoff_t pgoff, size_t nr_pages)
{
	while (nr_pages) {
		void *kaddr;
		long n;

		n = access_any(fsdev_of(dax_dev), pgoff, min_t(size_t, nr_pages, ZERO_PAGES),
			       &kaddr, NULL);
		if (n < 0)
			return n;
		memset(kaddr, 0, PFN_PHYS(n));
		dax_flush(dax_dev, kaddr, PFN_PHYS(n));
		pgoff += n;
		nr_pages -= n;
		cond_resched();
	}
	return 0;
}

/* Zeroing a poisoned page repairs it. */
static int fsdev_zero_page_range(struct dax_device *dax_dev, pgoff_t pgoff, size_t nr_pages)
{
	struct fsdev *fsdev = fsdev_of(dax_dev);
	int rc = 0;

	if (likely(!access_checks_poison(&fsdev->access)))
		return zero_good(dax_dev, pgoff, nr_pages);
	while (nr_pages && !rc) {
		void *kaddr;
		long n;

		n = checked_run(fsdev, pgoff, min_t(size_t, nr_pages, LONG_MAX), DAX_ACCESS,
				&kaddr, NULL);
		if (n > 0) {
			rc = zero_good(dax_dev, pgoff, n);
		} else if (n == COMPAT_DAX_BAD) {
			rc = repair_page(fsdev, PFN_PHYS(pgoff), NULL);
			n = 1;
		} else {
			return n;
		}
		pgoff += n;
		nr_pages -= n;
	}
	return rc;
}

/*
 * Repairs a page with one from user space, by way of a buffer: reading from user space may fault,
 * and the fault may need a repair itself.
 */
static size_t recover_page(struct fsdev *fsdev, u64 offset, struct iov_iter *iter)
{
	void *page = kmalloc(PAGE_SIZE, GFP_NOIO);
	size_t got = 0;

	if (!page)
		return 0;
	got = copy_from_iter(page, PAGE_SIZE, iter);
	if (got != PAGE_SIZE || repair_page(fsdev, offset, page)) {
		iov_iter_revert(iter, got);
		got = 0;
	}
	kfree(page);
	return got;
}

/*
 * Only a page that is overwritten as a whole can be repaired: the rest of it is lost. @addr is
 * inside page @pgoff.
 */
static size_t fsdev_recovery_write(struct dax_device *dax_dev, pgoff_t pgoff, void *addr,
				   size_t bytes, struct iov_iter *iter)
{
	struct fsdev *fsdev = fsdev_of(dax_dev);
	u64 offset = PFN_PHYS(pgoff) + offset_in_page(addr);
	size_t done = 0, n, got;

	for (; done < bytes; done += n) {
		n = min_t(size_t, bytes - done, PAGE_SIZE - offset_in_page(offset + done));
		if (poison_good(&fsdev->poison, offset + done, n) == n)
			got = _copy_from_iter_flushcache(addr + done, n, iter);
		else if (n == PAGE_SIZE)
			got = recover_page(fsdev, offset + done, iter);
		else
			got = 0;
		if (got != n)
			return done + got;
	}
	return done;
}

/* Of shared memory: behind an address that is given out is what the memory has. */
static long shared_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			  enum dax_access_mode mode, void **kaddr, compat_pfn *pfn)
{
	long n = fsdev_checked_access(dax_dev, pgoff, nr_pages, mode, kaddr, pfn);

	if (n <= 0 || !kaddr || mode != DAX_ACCESS)
		return n;
	for (u64 done = 0, step; done < PFN_PHYS(n); done += step) {
		if (done)
			cond_resched();
		step = min_t(u64, PFN_PHYS(n) - done, MEMORY_STEP);
		memory_refresh(*kaddr + done, step);
	}
	return n;
}

/*
 * Of read-only memory. A file system that is mounted from a read-only disk stores nothing, but who
 * has the bus's DAX device cannot be told to.
 */
static long readonly_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			    enum dax_access_mode mode, void **kaddr, compat_pfn *pfn)
{
	if (mode != DAX_ACCESS || dax_dev != fsdev_of(dax_dev)->dax_dev)
		return -EROFS;
	if (fsdev_of(dax_dev)->shared)
		return shared_access(dax_dev, pgoff, nr_pages, mode, kaddr, pfn);
	return fsdev_checked_access(dax_dev, pgoff, nr_pages, mode, kaddr, pfn);
}

static int readonly_zero_page_range(struct dax_device *dax_dev, pgoff_t pgoff, size_t nr_pages)
{
	return -EROFS;
}

static size_t readonly_recovery_write(struct dax_device *dax_dev, pgoff_t pgoff, void *addr,
				      size_t bytes, struct iov_iter *iter)
{
	return 0;
}

/* Copied for each device: fsdev_of() finds the device by its table. */
static const struct dax_operations fsdev_dax_ops = {
	.direct_access = fsdev_direct_access,
	.zero_page_range = fsdev_zero_page_range,
	.recovery_write = fsdev_recovery_write,
};

/**
 * access_switch() - choose the direct access that the poison set asks for
 * @poison: the poison of a device, which has changed
 *
 * While no page is poisoned direct access does not check, and so it costs nothing.
 *
 * Context: Caller must hold the poison lock.
 */
void access_switch(struct poison *poison)
{
	struct fsdev *fsdev = container_of(poison, struct fsdev, poison);

	if (poison_bytes(poison))
		access_check_poison(&fsdev->access);
	else
		cmpxchg(&fsdev->access.ops.direct_access, fsdev_checked_access,
			fsdev_direct_access);
}

/**
 * access_prepare() - fill the operations
 * @fsdev: a device with its range map
 *
 * Context: probe.
 */
void access_prepare(struct fsdev *fsdev)
{
	fsdev->access.ops = fsdev_dax_ops;
	fsdev->pages = PHYS_PFN(rangemap_size(&fsdev->map));
}

/**
 * access_forbid_writes() - give a device the operations of read-only memory
 * @fsdev: a device that nothing stores to
 *
 * Context: probe, or any; for good.
 */
void access_forbid_writes(struct fsdev *fsdev)
{
	struct dax_operations *ops = &fsdev->access.ops;

	WRITE_ONCE(ops->recovery_write, readonly_recovery_write);
	WRITE_ONCE(ops->zero_page_range, readonly_zero_page_range);
	/* access_switch() and access_check_poison() do not exchange this one */
	WRITE_ONCE(ops->direct_access, readonly_access);
}

/**
 * access_is_ours() - is a DAX device in fsdev mode?
 * @dax_dev: any DAX device
 *
 * Context: inside a read-side section on a live device, or under the lock of the device on the bus;
 * the answer stands as long.
 * Return: true if it is.
 */
bool access_is_ours(const struct dax_device *dax_dev)
{
	const struct dax_operations *ops = READ_ONCE(dax_dev->ops);

	return ops && (ops->zero_page_range == fsdev_zero_page_range ||
		       ops->zero_page_range == readonly_zero_page_range);
}

/**
 * access_kill() - have no operation find the device alive any more
 * @fsdev: a device whose removal is abandoned
 *
 * Context: removal.
 */
void access_kill(struct fsdev *fsdev)
{
	clear_bit(DAXDEV_ALIVE, &fsdev->dax_dev->flags);
	clear_bit(DAXDEV_ALIVE, &fsdev_bus_dax(fsdev)->flags);
}

/**
 * access_free() - undo access_create()
 * @fsdev: the device
 *
 * The DAX device stays until the last mount that is left has released it. The operations are never
 * read again, as the device is dead for good.
 *
 * Context: removal; may sleep.
 */
void access_free(struct fsdev *fsdev)
{
	struct dax_device *dax_dev = fsdev->dax_dev;
	bool alive;
	int id;

	id = dax_read_lock();
	alive = dax_alive(dax_dev);
	dax_read_unlock(id);
	if (alive)	/* the probe failed before access_start() */
		kill_dax(dax_dev);
	dax_set_ops(dax_dev, NULL);
	put_dax(dax_dev);
}

/**
 * access_create() - makes the DAX device of the block device
 * @fsdev: a device with its geometry
 *
 * What a file system or device-mapper finds through the block device it keeps until it is unmounted
 * or taken down, perhaps long after the device has left the driver. The DAX device on the bus comes
 * to life again with the next driver; this one belongs to the binding, and dies with it for good.
 *
 * It has no private data: fs_dax_get() of 7.x takes that for a device on the bus and refuses a
 * device without.
 *
 * Context: probe, may sleep. Undone by access_free().
 * Return: 0 or a negative errno.
 */
int access_create(struct fsdev *fsdev)
{
	struct dax_device *dax_dev = alloc_dax(NULL, &fsdev->access.ops);

	if (IS_ERR(dax_dev))
		return PTR_ERR(dax_dev);
	/* as the bus has it, but for memory that has to be flushed */
	if (fsdev->platform.synchronous)
		set_dax_synchronous(dax_dev);
	else	/* alloc_dax() leaves the flags of the last device in the same memory */
		clear_bit(DAXDEV_SYNC, &dax_dev->flags);
	set_dax_nocache(dax_dev);
	set_dax_nomc(dax_dev);
	fsdev->dax_dev = dax_dev;
	/* access_switch() and access_check_poison() do not exchange this one */
	if (fsdev->shared)
		fsdev->access.ops.direct_access = shared_access;
	if (fsdev->platform.read_only)
		access_forbid_writes(fsdev);
	return 0;
}

/**
 * access_stop_flushes() - let no flush begin
 * @fsdev: the device
 *
 * A flush does not ask whether a device is alive, but only whether it has a write cache.
 *
 * Context: removal.
 */
void access_stop_flushes(struct fsdev *fsdev)
{
	dax_write_cache(fsdev->dax_dev, false);
	dax_write_cache(fsdev_bus_dax(fsdev), false);
}

/**
 * access_restore() - leave the bus's DAX device as the bus has made it
 * @fsdev: a device that is dead
 *
 * Context: removal.
 */
void access_restore(struct fsdev *fsdev)
{
	set_dax_synchronous(fsdev_bus_dax(fsdev));
}

/**
 * access_start() - opens the device for file systems
 * @fsdev: a device with its page map
 *
 * Context: probe, may sleep. Undone by fsdev_holder_remove(), kill_dev_dax() and late_leave().
 * Return: 0; -EBUSY if the device has operations already, or a holder from an earlier binding;
 * -ENOMEM.
 */
int access_start(struct fsdev *fsdev)
{
	struct dax_device *bus_dax = fsdev_bus_dax(fsdev);
	int rc;

	rc = late_check(fsdev);
	if (rc)
		return rc;
	rc = dax_set_ops(bus_dax, &fsdev->access.ops);
	if (rc) {
		dev_err(fsdev_dev(fsdev),
			"another driver's operations are still on the device: error %d\n", rc);
		return rc;
	}
	dax_write_cache(fsdev->dax_dev, fsdev->platform.cached);
	dax_write_cache(bus_dax, fsdev->platform.cached);
	if (!fsdev->platform.synchronous)
		clear_bit(DAXDEV_SYNC, &bus_dax->flags);
	run_dax(bus_dax);
	return 0;
}
