// SPDX-License-Identifier: GPL-2.0
/*
 * Slices: the memory of a large device is mapped and unmapped in parts, each with a page map of its
 * own, by several threads. The kernel writes 64 bytes for each page, outside of its own lock, so
 * that terabytes take a fraction of the time; and where a device has very many ranges, after each
 * of which the kernel waits, the waits are shared.
 */
#include <linux/async.h>
#include <linux/cpumask.h>
#include <linux/mmzone.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>

#include "fsdev.h"

static unsigned int threads;
module_param(threads, uint, 0644);
MODULE_PARM_DESC(threads,
		 "most threads that map or unmap a device; 1: no others than the caller; 0: one for each processor, and not more than 16 (default)");

static unsigned int slice_mib = 1024;
module_param(slice_mib, uint, 0644);
MODULE_PARM_DESC(slice_mib, "MiB that are worth a thread of their own");

/* Ranges that are: unmapping each waits for all processors. */
#define SLICE_RANGES 16

/* Threads for a device, if nobody has said how many. */
#define THREADS_MAX 16

/* Beyond these a cut costs the kernel's own mapping nothing. */
#define CUT_LARGE SZ_1G
#define CUT_SMALL ((u64)PAGES_PER_SECTION << PAGE_SHIFT)

static u64 size_of(const struct geometry *geometry)
{
	u64 size = 0;

	for (u32 i = 0; i < geometry->nr; i++)
		size += geometry->range[i].len;
	return size;
}

/**
 * slice_threads() - how many threads a dynamic device is worth
 * @geometry: the device's ranges
 *
 * Context: probe.
 * Return: at least 1.
 */
unsigned int slice_threads(const struct geometry *geometry)
{
	unsigned int asked = READ_ONCE(threads);
	u64 worth = max(READ_ONCE(slice_mib), 128u) * (u64)SZ_1M;
	u64 count = min_t(u64, size_of(geometry) / worth, asked ?: num_online_cpus());

	count = max_t(u64, count, geometry->nr / SLICE_RANGES);
	return clamp_t(u64, count, 1, asked ?: THREADS_MAX);
}

/* Where to cut @range so that about @len bytes lie in front; its end where it stays whole. */
static u64 cut_of(const struct range *range, u64 len)
{
	u64 step = len >= 16ULL * CUT_LARGE ? CUT_LARGE : CUT_SMALL;
	u64 cut = round_up(range->start + len, step);

	return len < range_len(range) && cut < range->end ? cut : range->end + 1;
}

/**
 * slice_cut() - the next slice of a device
 * @geometry: the ranges of a dynamic device
 * @at: where it begins; moved to where it ends
 * @len: how many bytes it should have; it is cut where the kernel's mapping likes it
 * @ranges: where to put its ranges, or NULL to count them
 *
 * Context: probe.
 * Return: how many ranges the slice has, at most SLICE_RANGES_MAX; 0 if nothing is left.
 */
unsigned int slice_cut(const struct geometry *geometry, struct slice_place *at, u64 len,
		       struct range *ranges)
{
	unsigned int nr = 0;

	while (at->range < geometry->nr && len && nr < SLICE_RANGES_MAX) {
		const struct rangemap_range *whole = &geometry->range[at->range];
		struct range rest = {
			.start = whole->start + at->done,
			.end = whole->start + whole->len - 1,
		};
		u64 cut;

		cut = cut_of(&rest, len);
		if (cut > rest.end) {
			at->range++;
			at->done = 0;
		} else {
			at->done += cut - rest.start;
		}
		rest.end = cut - 1;
		if (ranges)
			ranges[nr] = rest;
		nr++;
		len -= min(len, range_len(&rest));
	}
	return nr;
}

/* A thread's share: the slice that it begins with, and every so manyth as there are threads. */
static void run_slices(void *data, async_cookie_t cookie)
{
	struct slice *slice = data;
	const struct slices *slices = slice->fsdev->slices;

	for (; slice < slices->slice + slices->nr; slice += slices->threads)
		slice->rc = slice->work(slice);
}

/**
 * slice_each() - does something to every slice of a device, several at the same time
 * @slices: the slices
 * @work: what to do; 0 or a negative errno
 *
 * The caller works on the first one itself, so that a device of one slice needs no other thread.
 *
 * Context: may sleep. Returns when all are done.
 * Return: 0, or the error of the first slice that has one.
 */
int slice_each(struct slices *slices, int (*work)(struct slice *slice))
{
	ASYNC_DOMAIN_EXCLUSIVE(domain);

	for (unsigned int i = 0; i < slices->nr; i++)
		slices->slice[i].work = work;
	for (unsigned int i = 1; i < min(slices->threads, slices->nr); i++)
		async_schedule_node_domain(run_slices, &slices->slice[i], slices->slice[i].node,
					   &domain);
	run_slices(&slices->slice[0], 0);
	async_synchronize_full_domain(&domain);
	for (unsigned int i = 0; i < slices->nr; i++)
		if (slices->slice[i].rc)
			return slices->slice[i].rc;
	return 0;
}
