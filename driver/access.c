// SPDX-License-Identifier: GPL-2.0
/*
 * Access: the operations through which file systems reach the memory.
 */
#include <linux/dax.h>
#include <linux/io.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "fsdev.h"
#include "include/fsdev/dax.h"

/*
 * As many pages as lie in physical memory behind each other from page @pgoff of the device on, and
 * not more than @nr_pages: a longer request is shortened. The address comes from the page's own
 * physical address, as two ranges may have anything between them.
 */
static __always_inline long direct_access(struct dax_device *dax_dev, pgoff_t pgoff,
					  long nr_pages, enum dax_access_mode mode, void **kaddr,
					  unsigned long *pfn)
{
	const struct fsdev *fsdev = fsdev_of(dax_dev);
	u64 phys, len;

	if (unlikely(nr_pages < 0))
		return -EINVAL;
	if (unlikely(pgoff > PHYS_PFN(U64_MAX)))
		return -ERANGE;
	len = rangemap_lookup(&fsdev->map, PFN_PHYS(pgoff), &phys);
	if (unlikely(!len))
		return -ERANGE;
	if (kaddr)
		*kaddr = __va(phys);
	if (pfn)
		*pfn = PHYS_PFN(phys);
	return min_t(u64, nr_pages, PHYS_PFN(len));
}

COMPAT_DIRECT_ACCESS(fsdev_direct_access, direct_access)

/*
 * The same while part of the device is bad: it ends before the first bad page. If that is the one
 * asked for, only a recovery write gets it, alone, as it is repaired page by page.
 */
static __always_inline long fenced_access(struct dax_device *dax_dev, pgoff_t pgoff,
					  long nr_pages, enum dax_access_mode mode, void **kaddr,
					  unsigned long *pfn)
{
	const struct fsdev *fsdev = fsdev_of(dax_dev);
	long n = direct_access(dax_dev, pgoff, nr_pages, mode, kaddr, pfn);
	u64 good;

	if (unlikely(n <= 0))
		return n;
	good = badrange_good(&fsdev->bad, PFN_PHYS(pgoff), PFN_PHYS(n));
	smp_rmb();	/* what made it good was written before it was said to be; read it after */
	if (likely(good))
		return PHYS_PFN(good);
	return mode == DAX_RECOVERY_WRITE ? 1 : COMPAT_DAX_BAD;
}

COMPAT_DIRECT_ACCESS(fsdev_fenced_access, fenced_access)

static int fsdev_zero_page_range(struct dax_device *dax_dev, pgoff_t pgoff, size_t nr_pages)
{
	while (nr_pages) {
		void *kaddr;
		long n;

		n = direct_access(dax_dev, pgoff, min_t(size_t, nr_pages, LONG_MAX), DAX_ACCESS,
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
static int fsdev_fenced_zero_page_range(struct dax_device *dax_dev, pgoff_t pgoff, size_t nr_pages)
{
	struct fsdev *fsdev = fsdev_of(dax_dev);
	int rc = 0;

	while (nr_pages && !rc) {
		void *kaddr;
		long n;

		n = fenced_access(dax_dev, pgoff, min_t(size_t, nr_pages, LONG_MAX), DAX_ACCESS,
				  &kaddr, NULL);
		if (n > 0) {
			rc = fsdev_zero_page_range(dax_dev, pgoff, n);
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

static size_t fsdev_recovery_write(struct dax_device *dax_dev, pgoff_t pgoff, void *addr,
				   size_t bytes, struct iov_iter *iter)
{
	return _copy_from_iter_flushcache(addr, bytes, iter);
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
static size_t fsdev_fenced_recovery_write(struct dax_device *dax_dev, pgoff_t pgoff, void *addr,
					  size_t bytes, struct iov_iter *iter)
{
	struct fsdev *fsdev = fsdev_of(dax_dev);
	u64 offset = PFN_PHYS(pgoff) + offset_in_page(addr);
	size_t done = 0, n, got;

	for (; done < bytes; done += n) {
		n = min_t(size_t, bytes - done, PAGE_SIZE - offset_in_page(offset + done));
		if (badrange_good(&fsdev->bad, offset + done, n) == n)
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

static const struct dax_operations fsdev_dax_ops = {
	.direct_access = fsdev_direct_access,
	.zero_page_range = fsdev_zero_page_range,
	.recovery_write = fsdev_recovery_write,
};

static const struct dax_operations fsdev_fenced_dax_ops = {
	.direct_access = fsdev_fenced_access,
	.zero_page_range = fsdev_fenced_zero_page_range,
	.recovery_write = fsdev_fenced_recovery_write,
};

/**
 * access_fence() - has every access look out for bad pages, or no longer
 * @fsdev: a device whose bad ranges have changed
 *
 * While nothing is bad the operations do not look, and so it costs nothing. A device that has no
 * operations of ours keeps what it has.
 *
 * Context: @fsdev->bad_lock.
 */
void access_fence(struct fsdev *fsdev)
{
	const struct dax_operations *now = &fsdev_dax_ops, *then = &fsdev_fenced_dax_ops;

	if (badrange_bad(&fsdev->bad))
		cmpxchg(&fsdev_dax(fsdev)->ops, now, then);
	else
		cmpxchg(&fsdev_dax(fsdev)->ops, then, now);
}

/**
 * access_is_ours() - is a DAX device in fsdev mode?
 * @dax_dev: any DAX device
 *
 * Context: any; the answer stands for as long as the device is alive.
 * Return: true if it is.
 */
bool access_is_ours(const struct dax_device *dax_dev)
{
	const struct dax_operations *ops = READ_ONCE(dax_dev->ops);

	return ops == &fsdev_dax_ops || ops == &fsdev_fenced_dax_ops;
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

/*
 * After owner_remove() the holder has been told, no operation starts and none is running. What is
 * left are the mappings of user space, and flushes: those do not ask whether the device is alive,
 * but only whether it has a write cache. kill_dev_dax() finds the device dead, and clears what the
 * bus keeps of it.
 */
static void access_stop(void *data)
{
	struct fsdev *fsdev = data;

	dax_write_cache(fsdev_dax(fsdev), false);
	owner_remove(fsdev);
	kill_dev_dax(fsdev->dev_dax);
	revoke_mappings(fsdev);
	dax_set_ops(fsdev_dax(fsdev), NULL);
}

/**
 * access_start() - opens the device for file systems
 * @fsdev: a device with its page map
 *
 * Context: probe, may sleep. Undone by devm: the holder is told while the device is alive, then
 * no operation starts any more, then every mapping is revoked.
 * Return: 0; -EBUSY if the device has operations already; -ENOMEM.
 */
int access_start(struct fsdev *fsdev)
{
	struct dax_device *dax_dev = fsdev_dax(fsdev);
	int rc;

	rc = dax_set_ops(dax_dev, &fsdev_dax_ops);
	if (rc) {
		dev_err(fsdev_dev(fsdev),
			"another driver's operations are still on the device: error %d\n", rc);
		return rc;
	}
	mutex_lock(&fsdev->bad_lock);
	access_fence(fsdev);	/* what is known to be bad since before */
	mutex_unlock(&fsdev->bad_lock);
	dax_write_cache(dax_dev, fsdev->persistent);
	run_dax(dax_dev);
	return devm_add_action_or_reset(fsdev_dev(fsdev), access_stop, fsdev);
}
