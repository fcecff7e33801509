// SPDX-License-Identifier: GPL-2.0
/*
 * Chunks: the memory of a large device is mapped and unmapped in parts, each with a page map of its
 * own, by several threads. The kernel writes 64 bytes for each page, outside of its own lock, so
 * that terabytes take a fraction of the time; and where a device has very many ranges, after each
 * of which the kernel waits, the waits are shared.
 */
#include <linux/async.h>
#include <linux/cpumask.h>
#include <linux/mmzone.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>

#include "chunk.h"
#include "device.h"
#include "geometry.h"

static unsigned int threads;
module_param(threads, uint, 0644);
MODULE_PARM_DESC(threads,
		 "most threads that map or unmap a device; 1: no others than the caller; 0: one for each processor, and not more than 16 (default)");

static unsigned int slice_mib = 1024;
module_param(slice_mib, uint, 0644);
MODULE_PARM_DESC(slice_mib, "MiB that are worth a thread of their own");

/* Ranges that are: unmapping each waits for all processors. */
#define RANGES_PER_THREAD 16

/* Threads for a device, unless the parameter says how many. */
#define THREADS_MAX 16

/* Cuts at multiples of these leave the direct map its large pages. */
#define CUT_LARGE SZ_1G
#define CUT_SMALL ((u64)PAGES_PER_SECTION << PAGE_SHIFT)

/**
 * chunk_threads() - how many threads a dynamic device is worth
 * @geometry: the device's ranges
 *
 * Context: probe.
 * Return: at least 1.
 */
unsigned int chunk_threads(const struct geometry *geometry)
{
	unsigned int asked = READ_ONCE(threads);
	u64 worth = max(READ_ONCE(slice_mib), 128u) * (u64)SZ_1M;
	u64 count = min_t(u64, geometry_bytes(geometry) / worth, asked ?: num_online_cpus());

	count = max_t(u64, count, geometry->nr / RANGES_PER_THREAD);
	return clamp_t(u64, count, 1, asked ?: THREADS_MAX);
}

/* Where to cut @range so that about @len bytes lie in front; its end where it stays whole. */
static u64 chunk_end(const struct range *range, u64 len)
{
	u64 step = len >= 16ULL * CUT_LARGE ? CUT_LARGE : CUT_SMALL;
	u64 cut = round_up(range->start + len, step);

	return len < range_len(range) && cut < range->end ? cut : range->end + 1;
}

/**
 * chunk_cut() - the next chunk of a device
 * @geometry: the ranges of a dynamic device
 * @at: where it begins; moved to where it ends
 * @len: how many bytes it should have; it is cut where the direct map keeps its large pages
 * @ranges: where to put its ranges, or NULL to count them
 *
 * Context: probe.
 * Return: how many ranges the chunk has, at most CHUNK_RANGES_MAX; 0 if nothing is left.
 */
unsigned int chunk_cut(const struct geometry *geometry, struct chunk_place *at, u64 len,
		       struct range *ranges)
{
	unsigned int nr = 0;

	while (at->range < geometry->nr && len && nr < CHUNK_RANGES_MAX) {
		const struct rangemap_range *whole = &geometry->range[at->range];
		struct range rest = {
			.start = whole->start + at->done,
			.end = whole->start + whole->len - 1,
		};
		u64 cut;

		cut = chunk_end(&rest, len);
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

/* Thread i works on chunks i, i + threads, i + 2 * threads, ... */
static void chunks_run(void *data, async_cookie_t cookie)
{
	struct chunk *chunk = data;
	const struct chunks *chunks = chunk->chunks;

	for (; chunk < chunks->chunk + chunks->nr; chunk += chunks->threads)
		chunk->rc = chunk->work(chunk);
}

/**
 * chunk_each() - does something to every chunk of a device, several at the same time
 * @chunks: the chunks
 * @work: what to do; 0 or a negative errno
 *
 * The caller works on the first one itself, so that a device of one chunk needs no other thread.
 *
 * Context: may sleep. Returns when all are done.
 * Return: 0, or the error of the first chunk that has one.
 */
int chunk_each(struct chunks *chunks, int (*work)(struct chunk *chunk))
{
	ASYNC_DOMAIN_EXCLUSIVE(domain);

	for (unsigned int i = 0; i < chunks->nr; i++)
		chunks->chunk[i].work = work;
	for (unsigned int i = 1; i < min(chunks->threads, chunks->nr); i++)
		async_schedule_node_domain(chunks_run, &chunks->chunk[i], chunks->chunk[i].node,
					   &domain);
	chunks_run(&chunks->chunk[0], 0);
	async_synchronize_full_domain(&domain);
	for (unsigned int i = 0; i < chunks->nr; i++)
		if (chunks->chunk[i].rc)
			return chunks->chunk[i].rc;
	return 0;
}
