// SPDX-License-Identifier: GPL-2.0
/*
 * The measurements.
 */
#include <linux/dax.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "fsdev_bench.h"

#define BATCHES 8
#define CALLS 1024	/* in a batch */
#define FAILURES 25

/* Always the same numbers, so that two runs ask for the same pages. */
static u32 next_random(u32 *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 4;
}

#ifdef FSDEV_HAVE_DAX_PFN_T
#define PFN_OF(pfn) pfn_t_to_pfn(pfn)
typedef pfn_t bench_pfn;
#else
#define PFN_OF(pfn) (pfn)
typedef unsigned long bench_pfn;
#endif

/* Nanoseconds of a batch, in which there is no interrupt. */
static u64 one_batch(struct dax_device *dax_dev, const pgoff_t *page, long asked, long *worst)
{
	bench_pfn pfn = {};
	unsigned long flags;
	void *kaddr;
	u64 start;

	local_irq_save(flags);
	start = ktime_get_ns();
	for (int i = 0; i < CALLS; i++)
		*worst = min(*worst, dax_direct_access(dax_dev, page[i], asked, DAX_ACCESS, &kaddr,
						       &pfn));
	start = ktime_get_ns() - start;
	local_irq_restore(flags);
	return start;
}

/**
 * measure_access() - cost of dax_direct_access()
 * @device: on which
 * @what: what is asked for
 * @hundredths: where to put the hundredths of a nanosecond that one call takes
 *
 * Context: may sleep.
 * Return: the fewest pages that a call gave, or a negative errno.
 */
long measure_access(struct bench_device *device, const struct bench_access *what, u64 *hundredths)
{
	unsigned long places = what->pages / what->step;
	pgoff_t *page = kcalloc(CALLS, sizeof(*page), GFP_KERNEL);
	u64 took, sum = 0;
	long worst = what->asked;
	u32 state = 1;
	int id;

	if (!page)
		return -ENOMEM;
	id = dax_read_lock();
	/* one batch more than counts, for what is met for the first time */
	for (int batch = 0; batch <= BATCHES; batch++) {
		for (int i = 0; i < CALLS; i++)
			page[i] = what->first +
				  what->step * ((what->random ? next_random(&state) :
						 batch * (places / BATCHES) + i) % places);
		took = one_batch(device->dax_dev, page, what->asked, &worst);
		if (batch)
			sum += took;
	}
	dax_read_unlock(id);
	kfree(page);
	*hundredths = div_u64(sum * 100, BATCHES * CALLS);
	return worst;
}

static u64 notified_at;

static int note_failure(struct dax_device *dax_dev, u64 offset, u64 len, int flags)
{
	notified_at = ktime_get_ns();
	return 0;
}

static const struct dax_holder_operations note_operations = {
	.notify_failure = note_failure,
};

static long one_failure(struct dax_device *dax_dev, pgoff_t page, u64 *took)
{
	bench_pfn pfn = {};
	void *kaddr;
	u64 start;
	long rc;

	int id = dax_read_lock();

	rc = dax_direct_access(dax_dev, page, 1, DAX_ACCESS, &kaddr, &pfn);
	dax_read_unlock(id);
	if (rc < 0)
		return rc;
	notified_at = 0;
	start = ktime_get_ns();
	rc = memory_failure(PFN_OF(pfn), 0);
	if (!notified_at)
		return rc ?: -ENODATA;
	*took = notified_at - start;
	return 0;
}

static int by_size(const void *a, const void *b)
{
	return *(const u64 *)a < *(const u64 *)b ? -1 : *(const u64 *)a > *(const u64 *)b;
}

/**
 * measure_failure() - measure a memory failure up to the notification
 * @device: the device; it has no holder
 * @pages: of the device
 * @hundredths: where to put the hundredths of a nanosecond that it takes, the median of all
 *
 * Claims the device by hand, which works without a block device on every kernel.
 *
 * Context: may sleep.
 * Return: 0, or a negative errno.
 */
long measure_failure(struct bench_device *device, unsigned long pages, u64 *hundredths)
{
	struct dax_device *dax_dev = device->dax_dev;
	u64 took[FAILURES];
	u32 state = 7;
	long rc = 0;
	int done = 0;

	if (dax_dev->holder_data)
		return -EBUSY;
	dax_dev->holder_ops = &note_operations;
	dax_dev->holder_data = device;
	while (done < FAILURES) {
		rc = one_failure(dax_dev, next_random(&state) % pages, &took[done]);
		if (rc == -EHWPOISON)
			continue;	/* this one has failed before */
		if (rc)
			break;
		done++;
	}
	dax_dev->holder_ops = NULL;
	dax_dev->holder_data = NULL;
	sort(took, done, sizeof(*took), by_size, NULL);
	*hundredths = done ? took[done / 2] * 100 : 0;
	return rc;
}
