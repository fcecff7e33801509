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
#include "blocked.h"
#include "clamp.h"
#include "device.h"
#include "holder.h"
#include "include/fsdev/dax.h"
#include "late.h"
#include "repair.h"
#include "revoke.h"

/* What the range map has not at hand. Takes its arguments where the operations have them. */
static noinline __noclone long far_access(const struct fsdev *fsdev, u64 offset, long nr_pages,
					  int unused, void **kaddr, compat_pfn *pfn)
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
 * As many pages as lie in physical memory behind each other from page @pgoff of the device on, and
 * not more than @nr_pages: a longer request is shortened. The address comes from the page's own
 * physical address, as two ranges may have anything between them.
 *
 * What most requests ask for pays for nothing else: the rest is a jump to far_access(), so that no
 * register has to be saved here.
 */
static __always_inline long near_access(const struct fsdev *fsdev, pgoff_t pgoff, long nr_pages,
					void **kaddr, compat_pfn *pfn)
{
	u64 phys, len;

	len = rangemap_lookup_fast(&fsdev->map, pgoff, PAGE_SHIFT, &phys);
	if (unlikely(!len))
		return far_access(fsdev, PFN_PHYS(pgoff), nr_pages, 0, kaddr, pfn);
	if (kaddr)
		*kaddr = __va(phys);
	if (pfn)
		*pfn = compat_pfn_of(PHYS_PFN(phys));
	return min_t(u64, nr_pages, PHYS_PFN(len));
}

/* The same for whatever may be asked. */
static __always_inline long direct_access(const struct fsdev *fsdev, pgoff_t pgoff, long nr_pages,
					  void **kaddr, compat_pfn *pfn)
{
	if (unlikely(nr_pages < 0))
		return -EINVAL;
	if (unlikely(pgoff >= fsdev->pages))
		return pgoff == CLAMP_REFUSED_PGOFF ? -EIO : -ERANGE;
	return near_access(fsdev, pgoff, nr_pages, kaddr, pfn);
}

/**
 * fsdev_direct_access() - direct access while nothing is bad
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
	return direct_access(fsdev_of(dax_dev), pgoff, nr_pages, kaddr, pfn);
}

/*
 * The same while part of the device is poisoned: it ends before the first poisoned page. If that is
 * the one asked for, only a recovery write gets it, alone, as it is repaired page by page.
 */
static noinline long fenced_run(const struct fsdev *fsdev, pgoff_t pgoff, long nr_pages,
				enum dax_access_mode mode, void **kaddr, compat_pfn *pfn)
{
	long n = direct_access(fsdev, pgoff, nr_pages, kaddr, pfn);
	u64 good;

	if (unlikely(n <= 0))
		return n;
	good = poison_set_good(&fsdev->bad, PFN_PHYS(pgoff), PFN_PHYS(n));
	smp_rmb();	/* what made it good was written before it was said to be; read it after */
	if (likely(good))
		return PHYS_PFN(good);
	return mode == DAX_RECOVERY_WRITE ? 1 : COMPAT_DAX_BAD;
}

/*
 * A caller who wants only an address may go on linearly behind what it is given: fs/dax.c does. It
 * gets none where any of what it asks for is poisoned, as from nd_pmem.
 */
static noinline long fenced_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
				   enum dax_access_mode mode, void **kaddr, compat_pfn *pfn)
{
	const struct fsdev *fsdev = fsdev_of(dax_dev);
	long n = fenced_run(fsdev, pgoff, nr_pages, mode, kaddr, pfn);

	if (n > 0 && n < nr_pages && kaddr && !pfn && mode == DAX_ACCESS &&
	    fenced_run(fsdev, pgoff + n, 1, mode, NULL, NULL) == COMPAT_DAX_BAD)
		return COMPAT_DAX_BAD;
	return n;
}

/* Whether no mark is in sight from a page's cell on: then fsdev->mark_sight pages are good. */
static __always_inline bool unmarked(const struct fsdev *fsdev, pgoff_t pgoff)
{
	u64 sight;

	memcpy(&sight, fsdev->mark + (pgoff >> (fsdev->mark_shift & 63)), sizeof(sight));
	return !sight;
}

/**
 * fsdev_fenced_access() - direct access that looks out for bad pages
 * @dax_dev: the device
 * @pgoff: first page
 * @nr_pages: how many are asked for
 * @mode: an ordinary access or a recovery write
 * @kaddr: where to put the address; or NULL
 * @pfn: where to put the page frame number; or NULL
 *
 * Most of the device is far from what is bad, and there it costs little more than if nothing were.
 * A negative count is more than any as an unsigned one.
 *
 * Context: inside a read-side section, on a live device.
 * Return: as fsdev_direct_access(), up to the first bad page; where that is the first one asked
 * for, COMPAT_DAX_BAD.
 */
long fsdev_fenced_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			 enum dax_access_mode mode, void **kaddr, compat_pfn *pfn)
{
	const struct fsdev *fsdev = fsdev_of(dax_dev);

	if (unlikely(pgoff >= fsdev->pages || (u64)nr_pages > fsdev->mark_sight ||
		     !unmarked(fsdev, pgoff)))
		return fenced_access(dax_dev, pgoff, nr_pages, mode, kaddr, pfn);
	smp_rmb();	/* what made it good was written before it was said to be; read it after */
	return near_access(fsdev, pgoff, nr_pages, kaddr, pfn);
}

static int zero_good(struct dax_device *dax_dev, pgoff_t pgoff, size_t nr_pages)
{
	while (nr_pages) {
		void *kaddr;
		long n;

		n = direct_access(fsdev_of(dax_dev), pgoff, min_t(size_t, nr_pages, LONG_MAX),
				  &kaddr, NULL);
		if (n < 0)
			return n;
		memset(kaddr, 0, PFN_PHYS(n));
		dax_flush(dax_dev, kaddr, PFN_PHYS(n));
		pgoff += n;
		nr_pages -= n;
	}
	return 0;
}

/* Zeroing a bad page repairs it. */
static int fsdev_zero_page_range(struct dax_device *dax_dev, pgoff_t pgoff, size_t nr_pages)
{
	struct fsdev *fsdev = fsdev_of(dax_dev);
	int rc = 0;

	if (likely(!access_looks_out(&fsdev->access)))
		return zero_good(dax_dev, pgoff, nr_pages);
	while (nr_pages && !rc) {
		void *kaddr;
		long n;

		n = fenced_run(fsdev, pgoff, min_t(size_t, nr_pages, LONG_MAX), DAX_ACCESS,
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
 * Takes one page from user space and repairs the device's page with it. By way of a page of our
 * own: reading from user space may fault, and what the fault does may itself need a repair.
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
 * Only a page that is overwritten as a whole can be repaired: nobody knows what the rest of it
 * was. @addr is inside page @pgoff.
 */
static size_t fsdev_recovery_write(struct dax_device *dax_dev, pgoff_t pgoff, void *addr,
				   size_t bytes, struct iov_iter *iter)
{
	struct fsdev *fsdev = fsdev_of(dax_dev);
	u64 offset = PFN_PHYS(pgoff) + offset_in_page(addr);
	size_t done = 0, n, got;

	for (; done < bytes; done += n) {
		n = min_t(size_t, bytes - done, PAGE_SIZE - offset_in_page(offset + done));
		if (poison_set_good(&fsdev->bad, offset + done, n) == n)
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

/* Each device has a table of its own, so that fsdev_of() and access_look_out() need no other. */
static const struct dax_operations fsdev_dax_ops = {
	.direct_access = fsdev_direct_access,
	.zero_page_range = fsdev_zero_page_range,
	.recovery_write = fsdev_recovery_write,
};

/**
 * access_fence() - has every access look out for bad pages, or no longer
 * @fsdev: a device whose bad ranges have changed
 *
 * While nothing is bad the operations do not look, and so it costs nothing.
 *
 * Context: failure_lock().
 */
void access_fence(struct fsdev *fsdev)
{
	if (poison_set_bytes(&fsdev->bad))
		access_look_out(&fsdev->access);
	else
		cmpxchg(&fsdev->access.ops.direct_access, fsdev_fenced_access, fsdev_direct_access);
}

/**
 * access_mark() - marks where bad pages are about to be
 * @fsdev: the device
 * @offset: device offset in bytes
 * @len: bytes, not 0; in the device
 *
 * Has to come before anybody is told of them.
 *
 * Context: failure_lock().
 */
void access_mark(struct fsdev *fsdev, u64 offset, u64 len)
{
	u8 *mark = fsdev->mark + fsdev_mark_cell(fsdev, offset);
	u8 *last = fsdev->mark + fsdev_mark_cell(fsdev, offset + len - 1);

	for (; mark <= last; mark++)
		WRITE_ONCE(*mark, 1);
}

/**
 * access_unmark() - takes the marks away where nothing is bad any more
 * @fsdev: the device
 * @offset: device offset in bytes
 * @len: bytes, not 0; in the device
 *
 * Has to come after they went from the bad ranges.
 *
 * Context: failure_lock().
 */
void access_unmark(struct fsdev *fsdev, u64 offset, u64 len)
{
	u64 bytes = PFN_PHYS(1ULL << fsdev->mark_shift), size = rangemap_size(&fsdev->map);
	u64 last = fsdev_mark_cell(fsdev, offset + len - 1);

	for (u64 cell = fsdev_mark_cell(fsdev, offset); cell <= last; cell++) {
		u64 start = cell * bytes, in_device = min(bytes, size - start);

		if (poison_set_good(&fsdev->bad, start, in_device) == in_device)
			/* what made it good comes first: fsdev_fenced_access() has the rest */
			smp_store_release(&fsdev->mark[cell], 0);
	}
}

/**
 * access_prepare() - gets ready for what is bad
 * @fsdev: a device with its range map
 *
 * Context: probe.
 */
void access_prepare(struct fsdev *fsdev)
{
	fsdev->access.ops = fsdev_dax_ops;
	fsdev->pages = PHYS_PFN(rangemap_size(&fsdev->map));
	fsdev->mark_shift = FSDEV_MARK_SHIFT_MIN;
	while ((fsdev->pages - 1) >> fsdev->mark_shift >= FSDEV_MARKS)
		fsdev->mark_shift++;
	fsdev->mark_sight = (FSDEV_MARKS_SEEN - 1ULL) << fsdev->mark_shift;
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

	return ops && ops->zero_page_range == fsdev_zero_page_range;
}

/**
 * access_read_address() - the kernel address of a device offset
 * @fsdev: the device
 * @offset: device offset in bytes
 * @len: how many bytes from there lie behind each other at that address
 *
 * Context: any.
 * Return: the address, or NULL with *@len 0 if @offset is outside the device.
 */
void *access_read_address(struct fsdev *fsdev, u64 offset, u64 *len)
{
	u64 phys;

	*len = rangemap_lookup(&fsdev->map, offset, &phys);
	return *len ? __va(phys) : NULL;
}

/**
 * access_store() - writes to the memory as the device's kind asks for
 * @fsdev: the device
 * @to: address from access_read_address()
 * @from: source
 * @len: bytes
 *
 * Persistent memory is written past the caches; other memory has nothing to flush.
 *
 * Context: any.
 */
void access_store(struct fsdev *fsdev, void *to, const void *from, size_t len)
{
	if (fsdev->persistent)
		memcpy_flushcache(to, from, len);
	else
		memcpy(to, from, len);
}

/**
 * access_abandon() - give an unbind up, as the machine goes down
 * @fsdev: a device that is being unbound, and that something still uses
 *
 * device_shutdown() takes the device's lock, which the unbind holds, so the unbind has to return.
 * The driver core then clears the driver data, which the operations read after they have found the
 * device alive: so none finds it alive any more.
 *
 * Context: the unbinding task; sleeps.
 */
void access_abandon(struct fsdev *fsdev)
{
	clear_bit(DAXDEV_ALIVE, &fsdev->dax_dev->flags);
	clear_bit(DAXDEV_ALIVE, &fsdev_bus_dax(fsdev)->flags);
	blocked_abandon(fsdev);
}

/*
 * It stays until the last mount that is left has let go of it. The operations are never looked at
 * again, as the device is dead for good.
 */
static void access_free(void *data)
{
	struct fsdev *fsdev = data;
	struct dax_device *dax_dev = fsdev->dax_dev;
	bool alive;
	int id;

	if (fsdev->abandoned)
		return;
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
 * Context: probe, may sleep. Undone by devm.
 * Return: 0 or a negative errno.
 */
int access_create(struct fsdev *fsdev)
{
	struct dax_device *dax_dev = alloc_dax(NULL, &fsdev->access.ops);

	if (IS_ERR(dax_dev))
		return PTR_ERR(dax_dev);
	/* as the bus has it */
	set_dax_synchronous(dax_dev);
	set_dax_nocache(dax_dev);
	set_dax_nomc(dax_dev);
	fsdev->dax_dev = dax_dev;
	return devm_add_action_or_reset(fsdev_dev(fsdev), access_free, fsdev);
}

/*
 * After fsdev_holder_remove() the holder has been told, no operation starts and none is running.
 * What is left are the mappings of user space, and flushes: those do not ask whether the device is
 * alive, but only whether it has a write cache. kill_dev_dax() finds the device dead, and clears
 * what the bus keeps of it.
 */
static void access_stop(void *data)
{
	struct fsdev *fsdev = data;

	if (fsdev->abandoned)
		return;
	dax_write_cache(fsdev->dax_dev, false);
	dax_write_cache(fsdev_bus_dax(fsdev), false);
	blocked_by(fsdev,
		   "a read, write or notice on a DAX device is under way, waiting for its process to go on or end");
	fsdev_holder_remove(fsdev, revoke_holder_start(fsdev));
	kill_dev_dax(fsdev->dev_dax);
	blocked_over(fsdev);
	if (revoke_mappings(fsdev))
		late_leave(fsdev);
	else
		access_abandon(fsdev);
}

/**
 * access_start() - opens the device for file systems
 * @fsdev: a device with its page map
 *
 * Context: probe, may sleep. Undone by devm: the holder is told while the device is alive, then
 * no operation starts any more, then every mapping is revoked.
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
	dax_write_cache(fsdev->dax_dev, fsdev->persistent);
	dax_write_cache(bus_dax, fsdev->persistent);
	run_dax(bus_dax);
	return devm_add_action_or_reset(fsdev_dev(fsdev), access_stop, fsdev);
}
