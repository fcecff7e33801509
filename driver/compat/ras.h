/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the failure of memory needs and kernels do differently.
 */
#ifndef FSDEV_COMPAT_RAS_H
#define FSDEV_COMPAT_RAS_H

#include <linux/badblocks.h>
#include <linux/errno.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/range.h>
#include <linux/sched/mm.h>
#include <linux/set_memory.h>

/*
 * How direct access says that the first page is bad. The DAX core of 6.5 and later turns a write
 * into a recovery write, and a fault into one of poisoned memory, if it is -EHWPOISON; the one
 * before that did the former for -EIO. Nothing in the types tells the two apart; the constant came
 * in 6.7. A kernel in between would get the wrong one.
 */
#ifdef FSDEV_HAVE_MF_MEM_PRE_REMOVE
#define COMPAT_DAX_BAD (-EHWPOISON)
#else
#define COMPAT_DAX_BAD (-EIO)
#endif

/*
 * Before 6.7 badblocks_set() puts the pieces of a range that is longer than an entry into the list
 * in descending order. What has the later type is new enough; 6.7 to 6.13 count as old as well.
 */
#ifdef FSDEV_HAVE_BADBLOCKS_SECTOR_T
#define COMPAT_BADBLOCKS_UNORDERED false
#else
#define COMPAT_BADBLOCKS_UNORDERED true
#endif

/**
 * compat_badblocks_set() - adds to the list of a disk's bad blocks
 * @bb: the list
 * @sector: first one
 * @sectors: how many; as many as there is room for are added, from the first on
 */
static inline void compat_badblocks_set(struct badblocks *bb, sector_t sector, sector_t sectors)
{
#ifdef FSDEV_HAVE_BADBLOCKS_SECTOR_T
	badblocks_set(bb, sector, sectors, 1);
#else
	/* of an entry: before 6.7 the pieces of more come into the list in the wrong order */
	while (sectors) {
		int n = min_t(sector_t, sectors, BB_MAX_LEN);

		badblocks_set(bb, sector, n, 1);
		sector += n;
		sectors -= n;
	}
#endif
}

/**
 * compat_badblocks_clear() - takes from the list of a disk's bad blocks
 * @bb: the list
 * @sector: first one
 * @sectors: how many
 *
 * Return: whether that worked: an entry may have to become two, for which there may be no room.
 */
static inline bool compat_badblocks_clear(struct badblocks *bb, sector_t sector, sector_t sectors)
{
#ifdef FSDEV_HAVE_BADBLOCKS_SECTOR_T
	return badblocks_clear(bb, sector, sectors);
#else
	while (sectors) {
		int n = min_t(sector_t, sectors, 1 << 30);

		if (badblocks_clear(bb, sector, n))
			return false;
		sector += n;
		sectors -= n;
	}
	return true;
#endif
}

/**
 * compat_badblocks_next() - the next entry of a list of bad blocks
 * @bb: the list
 * @from: sector to begin at; moved behind what was found
 * @end: sector to end at
 * @sectors: how many were found
 *
 * Return: the first bad sector; @end if there is none.
 */
static inline sector_t compat_badblocks_next(struct badblocks *bb, sector_t *from, sector_t end,
					     sector_t *sectors)
{
	sector_t first;
#ifdef FSDEV_HAVE_BADBLOCKS_SECTOR_T
	sector_t count, step = end - *from;
#else
	int count, step = min_t(sector_t, end - *from, 1 << 30);
#endif

	while (*from < end) {
		if (badblocks_check(bb, *from, step, &first, &count)) {
			*sectors = count;
			*from = first + count;
			return first;
		}
		*from += step;
		step = min_t(sector_t, end - *from, step);
	}
	return end;
}

/*
 * Does copy_mc_to_kernel() survive memory that has failed? Where the architecture has no such copy
 * it is memcpy(), and reading failed memory in the kernel is the kernel's end.
 */
#define COMPAT_COPY_SURVIVES IS_ENABLED(CONFIG_ARCH_HAS_COPY_MC)

/**
 * compat_direct_map_has() - is a page in the direct map?
 * @pfn: the page
 *
 * Context: any.
 * Return: true if it is, or where that cannot be asked.
 */
static inline bool compat_direct_map_has(unsigned long pfn)
{
	bool present = true;
#ifdef CONFIG_X86_64
	unsigned long flags;
	unsigned int level;
	pte_t *pte;

	/*
	 * The device's own mapping has these page tables. Those that 7.x collapses map executable
	 * memory; they are freed after an interrupt on every processor, or a broadcast of its own.
	 */
	local_irq_save(flags);
	pte = lookup_address((unsigned long)pfn_to_kaddr(pfn), &level);
	present = pte && pte_present(*pte);
	local_irq_restore(flags);
#endif
	return present;
}

/**
 * compat_direct_map_restore() - map a page in the direct map again
 * @pfn: the page
 *
 * Does nothing for a page that is mapped there.
 *
 * Context: may sleep.
 */
static inline void compat_direct_map_restore(unsigned long pfn)
{
	unsigned int flags;

	if (IS_ENABLED(CONFIG_X86_64) && compat_direct_map_has(pfn))
		return;
	flags = memalloc_noio_save();
	clear_mce_nospec(pfn);
	memalloc_noio_restore(flags);
}

/**
 * compat_get_pagemap() - get the page map that a page belongs to
 * @pfn: the page
 *
 * Context: any.
 * Return: it, until put_dev_pagemap(); NULL if there is none, or it is being unmapped.
 */
static inline struct dev_pagemap *compat_get_pagemap(unsigned long pfn)
{
#ifdef FSDEV_HAVE_DEV_PAGEMAP_HINT
	return get_dev_pagemap(pfn, NULL);
#else
	return get_dev_pagemap(pfn);
#endif
}

/*
 * Machine checks in machine-check-safe copies of the kernel. It reports them to no driver: the
 * caller of the copy knows only that it was short. Other architectures have no decode chain.
 */
#ifdef CONFIG_X86_MCE
#include <asm/mce.h>
#include <asm/processor.h>

#ifndef MCI_ADDR_PHYSADDR
#define MCI_ADDR_PHYSADDR GENMASK_ULL(boot_cpu_data.x86_phys_bits - 1, 0)
#endif

static inline void compat_watch_copies(struct notifier_block *watcher)
{
	watcher->priority = MCE_PRIO_LOWEST;
	mce_register_decode_chain(watcher);
}

static inline void compat_unwatch_copies(struct notifier_block *watcher)
{
	mce_unregister_decode_chain(watcher);
}

/*
 * Did a copy of the kernel's own hit an error that it survived, and where? Those of user space are
 * reported. That it is one of memory is not asked: AMD's processors log poison that a load consumes
 * in the bank of the core, which counts as none. The caller reads the page.
 */
static inline bool compat_copy_failed(const void *data, u64 *phys)
{
	struct mce mce = *(const struct mce *)data;

	if ((mce.kflags & (MCE_IN_KERNEL_RECOV | MCE_IN_KERNEL_COPYIN)) != MCE_IN_KERNEL_RECOV ||
	    !mce_usable_address(&mce))
		return false;
	*phys = mce.addr & MCI_ADDR_PHYSADDR;
	return true;
}
#else
static inline void compat_watch_copies(struct notifier_block *watcher)
{
}

static inline void compat_unwatch_copies(struct notifier_block *watcher)
{
}

static inline bool compat_copy_failed(const void *data, u64 *phys)
{
	return false;
}
#endif

/*
 * linux/libnvdimm.h has it, and a struct badrange of its own.
 */
#ifdef CONFIG_ARCH_HAS_PMEM_API
void arch_invalidate_pmem(void *addr, size_t size);
#else
static inline void arch_invalidate_pmem(void *addr, size_t size)
{
}
#endif

/*
 * Of libnvdimm, which has them in no public header. They are looked up by name when they are
 * needed, as a machine without persistent memory need not have that module loaded.
 */
struct bio;
struct device;
struct nd_region;
struct nvdimm_bus;

int nvdimm_bus_add_badrange(struct nvdimm_bus *nvdimm_bus, u64 addr, u64 length);
struct nvdimm_bus *to_nvdimm_bus(struct device *dev);
long nvdimm_clear_poison(struct device *dev, phys_addr_t phys, unsigned int len);
struct nd_region *to_nd_region(struct device *dev);
void nvdimm_badblocks_populate(struct nd_region *nd_region, struct badblocks *bb,
			       const struct range *range);
bool is_nvdimm_sync(struct nd_region *nd_region);
int nvdimm_has_cache(struct nd_region *nd_region);
int nvdimm_flush(struct nd_region *nd_region, struct bio *bio);

#endif
