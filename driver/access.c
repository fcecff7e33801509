// SPDX-License-Identifier: GPL-2.0
/*
 * Access: the operations through which file systems reach the memory.
 */
#include <linux/dax.h>
#include <linux/io.h>
#include <linux/libnvdimm.h>
#include <linux/uio.h>

#include "fsdev.h"
#include "include/fsdev/dax.h"

/*
 * What the range map has not at hand; @offset lies in the device. Takes its arguments where
 * direct_access() has them.
 */
static noinline __noclone long far_access(const struct fsdev *fsdev, u64 offset, long nr_pages,
					  int unused, void **kaddr, compat_pfn *pfn)
{
	u64 phys, len = rangemap_lookup(&fsdev->map, offset, &phys);

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
static __always_inline long direct_access(struct dax_device *dax_dev, pgoff_t pgoff,
					  long nr_pages, enum dax_access_mode mode, void **kaddr,
					  compat_pfn *pfn)
{
	const struct fsdev *fsdev = fsdev_of(dax_dev);
	u64 phys, len;

	if (unlikely(nr_pages < 0))
		return -EINVAL;
	if (unlikely(pgoff >= fsdev->pages))
		return -ERANGE;
	len = rangemap_lookup_near(&fsdev->map, pgoff, PAGE_SHIFT, &phys);
	if (unlikely(!len))
		return far_access(fsdev, PFN_PHYS(pgoff), nr_pages, 0, kaddr, pfn);
	if (kaddr)
		*kaddr = __va(phys);
	if (pfn)
		*pfn = compat_pfn_of(PHYS_PFN(phys));
	return min_t(u64, nr_pages, PHYS_PFN(len));
}

static long fsdev_direct_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
				enum dax_access_mode mode, void **kaddr, compat_pfn *pfn)
{
	return direct_access(dax_dev, pgoff, nr_pages, mode, kaddr, pfn);
}

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

static size_t fsdev_recovery_write(struct dax_device *dax_dev, pgoff_t pgoff, void *addr,
				   size_t bytes, struct iov_iter *iter)
{
	return _copy_from_iter_flushcache(addr, bytes, iter);
}

static const struct dax_operations fsdev_dax_ops = {
	.direct_access = fsdev_direct_access,
	.zero_page_range = fsdev_zero_page_range,
	.recovery_write = fsdev_recovery_write,
};

/**
 * access_is_ours() - is a DAX device in fsdev mode?
 * @dax_dev: any DAX device
 *
 * Context: any; the answer stands for as long as the device is alive.
 * Return: true if it is.
 */
bool access_is_ours(const struct dax_device *dax_dev)
{
	return READ_ONCE(dax_dev->ops) == &fsdev_dax_ops;
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
	dax_write_cache(dax_dev, fsdev->persistent);
	run_dax(dax_dev);
	return devm_add_action_or_reset(fsdev_dev(fsdev), access_stop, fsdev);
}
