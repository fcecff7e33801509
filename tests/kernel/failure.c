// SPDX-License-Identifier: GPL-2.0
/*
 * Failures: injected into a device that we hold, and what the holder was told of them compared with
 * the model.
 *
 *   fail-pages ID    by memory_failure(): the first and last page of every range
 *   fail-holes ID    by memory_failure(): the pages of the region beside each range
 *   fail-on ID       by memory_failure(): the device's last page, again and again
 *   fail-off         no more
 *   fail-spans ID    by the page map's operation: spans of several pages in every position
 *   fail-unheld ID   without a holder
 *   fail-padding ID  on a static device: everything that its page map has beside the data
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "fsdev_test.h"

/* Any flag will do that the driver has to hand on. */
#define TRIAL_FLAGS MF_ACTION_REQUIRED

/**
 * struct trial - failures of one device
 * @device: a device that is bound, and that we hold
 * @model: of it
 * @pgmap: its page map
 * @seen: device pages that the holder has been told of
 * @lost: spans or pages whose report missed something
 * @extra: ... told of something twice, outside the span, or outside the device
 * @flags: ... had other flags
 * @tried: how many
 * @pfn: of the last that was wrong
 * @pages: of the last that was wrong
 */
struct trial {
	struct test_device *device;
	struct model *model;
	struct dev_pagemap *pgmap;
	unsigned long *seen;
	unsigned long lost, extra, flags, tried;
	unsigned long pfn, pages;
};

static int trial_begin(struct trial *trial, const char *id, bool held)
{
	struct test_device *device = device_find(id);

	memset(trial, 0, sizeof(*trial));
	if (!device || !device->dev_dax->pgmap || !device->dev_dax->dev.driver ||
	    held != !!device->claim)
		return -ENODEV;
	trial->model = model_make(device);
	if (!trial->model)
		return -ENOMEM;
	trial->seen = vzalloc(BITS_TO_LONGS(trial->model->pages) * sizeof(long));
	if (!trial->seen) {
		kvfree(trial->model);
		return -ENOMEM;
	}
	trial->device = device;
	trial->pgmap = device->dev_dax->pgmap;
	return 0;
}

static void trial_end(struct trial *trial)
{
	kvfree(trial->model);
	vfree(trial->seen);
}

/* Marks the pages of a report; true if one was marked already, or is not in the device. */
static bool mark_told(struct trial *trial, const struct told *told)
{
	unsigned long page = PHYS_PFN(told->offset), end = page + PHYS_PFN(told->len);
	bool twice = !told->len || !PAGE_ALIGNED(told->offset | told->len) ||
		     end > trial->model->pages || end < page;

	for (; page < min(end, trial->model->pages); page++)
		twice |= __test_and_set_bit(page, trial->seen);
	return twice;
}

/*
 * Takes from what the holder was told the pages that had to be told; what is missing is lost, what
 * is left is too much. Clears all marks on the way.
 */
static void compare(struct trial *trial, unsigned long pfn, unsigned long pages)
{
	const struct test_claim *claim = trial->device->claim;
	unsigned long page = 0, missed = 0;
	bool extra = claim->count > ARRAY_SIZE(claim->told), flags = false;

	for (int i = 0; i < min_t(int, claim->count, ARRAY_SIZE(claim->told)); i++) {
		extra |= mark_told(trial, &claim->told[i]);
		flags |= claim->told[i].flags != TRIAL_FLAGS;
	}
	for (int i = 0; i < trial->model->nr; i++) {
		unsigned long first = PHYS_PFN(trial->model->range[i].start);
		unsigned long len = model_len(trial->model, i);
		unsigned long from = max(first, pfn), to = first + len;

		if (pages < to - min(to, pfn))
			to = pfn + pages;
		for (; from < to; from++)
			missed += !__test_and_clear_bit(page + (from - first), trial->seen);
		page += len;
	}
	extra |= !bitmap_empty(trial->seen, trial->model->pages);
	if (extra)
		bitmap_zero(trial->seen, trial->model->pages);
	trial->tried++;
	trial->lost += !!missed;
	trial->extra += extra;
	trial->flags += flags;
	if (missed || extra || flags) {
		trial->pfn = pfn;
		trial->pages = pages;
	}
}

static void fail_span(struct trial *trial, unsigned long pfn, unsigned long pages)
{
	trial->device->claim->count = 0;
	trial->pgmap->ops->memory_failure(trial->pgmap, pfn, pages, TRIAL_FLAGS);
	compare(trial, pfn, pages);
}

static void fail_page(struct trial *trial, unsigned long pfn)
{
	trial->device->claim->count = 0;
	memory_failure(pfn, TRIAL_FLAGS);
	compare(trial, pfn, 1);
}

static void report_trial(const struct trial *trial, const char *what)
{
	report_point(trial->tried && !trial->lost,
		     "%s: the holder is told of every page of the device", what);
	report_point(trial->tried && !trial->extra, "%s: once, and of nothing else", what);
	report_point(trial->tried && !trial->flags, "%s: with the flags of the failure", what);
	report_note("%lu tried, %lu lost, %lu too much, %lu flags; last pfn %#lx, %lu pages",
		    trial->tried, trial->lost, trial->extra, trial->flags, trial->pfn,
		    trial->pages);
}

/* A page of the region: another one would be the machine's own memory. */
static void fail_beside(struct trial *trial, u64 phys)
{
	const struct range *region = &trial->device->data;

	if (phys >= region->start && phys <= region->end)
		fail_page(trial, PHYS_PFN(phys));
}

static int fail_holes(char **word)
{
	struct trial trial;
	int rc = trial_begin(&trial, word[0], true);

	if (rc)
		return rc;
	for (int i = 0; i < trial.model->nr; i++) {
		fail_beside(&trial, trial.model->range[i].start - PAGE_SIZE);
		fail_beside(&trial, trial.model->range[i].end + 1);
	}
	report_trial(&trial, "pages beside the ranges");
	trial_end(&trial);
	return 0;
}

static int fail_pages(char **word)
{
	struct trial trial;
	int rc = trial_begin(&trial, word[0], true);

	if (rc)
		return rc;
	for (int i = 0; i < trial.model->nr; i++) {
		unsigned long first = PHYS_PFN(trial.model->range[i].start);
		unsigned long len = model_len(trial.model, i);

		fail_page(&trial, first);
		fail_page(&trial, first + len / 3);
		fail_page(&trial, first + len - 1);
	}
	report_trial(&trial, "pages in the ranges");
	trial_end(&trial);
	return 0;
}

static void fail_around(struct trial *trial, unsigned long pfn, unsigned long len)
{
	const unsigned long from[] = { pfn, pfn + 1, pfn + len - 1, pfn - 1, pfn - 3, pfn + len };
	const unsigned long pages[] = { 1, 2, 3, 5, len, len + 1, 2 * len + 7 };

	for (int i = 0; i < ARRAY_SIZE(from); i++)
		for (int k = 0; k < ARRAY_SIZE(pages); k++)
			fail_span(trial, from[i], pages[k]);
}

/* The whole of physical memory between the first and the last range, and more than there is. */
static void fail_everything(struct trial *trial)
{
	unsigned long first = ULONG_MAX, last = 0;

	for (int i = 0; i < trial->model->nr; i++) {
		first = min_t(unsigned long, first, PHYS_PFN(trial->model->range[i].start));
		last = max_t(unsigned long, last, PHYS_PFN(trial->model->range[i].end));
	}
	fail_span(trial, first, last - first + 1);
	fail_span(trial, first + 1, last - first - 1);
	fail_span(trial, first - 5, last - first + 10);
	fail_span(trial, 0, last + 1);
	fail_span(trial, 0, 1UL << 51);
	fail_span(trial, last, (1UL << 52) - last);
	fail_span(trial, last + 1, 1);
	fail_span(trial, first, 0);
	fail_span(trial, last + 1, 0);
	fail_span(trial, 0, 1);
}

static int fail_spans(char **word)
{
	/* with many ranges not all of them, as each takes a while */
	struct trial trial;
	int rc = trial_begin(&trial, word[0], true);
	int step;

	if (rc)
		return rc;
	step = max(1, trial.model->nr / 64);
	for (int i = 0; i < trial.model->nr; i += step)
		fail_around(&trial, PHYS_PFN(trial.model->range[i].start),
			    min(model_len(trial.model, i), 2000UL));
	fail_everything(&trial);
	report_trial(&trial, "spans");
	trial_end(&trial);
	return 0;
}

static int fail_unheld(char **word)
{
	struct trial trial;
	int rc = trial_begin(&trial, word[0], false);

	if (rc)
		return rc;
	rc = trial.pgmap->ops->memory_failure(trial.pgmap,
					      PHYS_PFN(trial.model->range[0].start), 1,
					      TRIAL_FLAGS);
	report_point(rc == -EOPNOTSUPP, "without a holder the failure goes back to the kernel");
	report_note("got %d", rc);
	trial_end(&trial);
	return 0;
}

static int fail_padding(char **word)
{
	struct trial trial;
	unsigned long pfn, from, to;
	int rc = trial_begin(&trial, word[0], true);

	if (rc)
		return rc;
	from = PHYS_PFN(trial.pgmap->range.start);
	to = PHYS_PFN(trial.pgmap->range.end + 1);
	for (pfn = from; pfn < to; pfn++)
		if (model_page(trial.model, pfn) < 0)
			fail_span(&trial, pfn, 1);
	if (trial.tried)
		fail_page(&trial, from);
	report_trial(&trial, "padding");
	fail_span(&trial, from, to - from);
	fail_span(&trial, PHYS_PFN(trial.model->range[0].start) - 1, 2);
	fail_span(&trial, PHYS_PFN(trial.model->range[0].end), 2);
	report_trial(&trial, "spans over padding and data");
	trial_end(&trial);
	return 0;
}

static struct task_struct *failing;
static unsigned long failing_pfn;

/* As memory fails, not as a trial of that. */
static int fail_again(void *data)
{
	while (!kthread_should_stop()) {
		memory_failure(failing_pfn, 0);
		msleep(100);
	}
	return 0;
}

static int fail_on(char **word)
{
	struct test_device *device = device_find(word[0]);
	const struct dev_dax *dev_dax;

	if (!device || failing)
		return -EINVAL;
	dev_dax = device->dev_dax;
	if (!dev_dax->nr_range)
		return -EINVAL;
	failing_pfn = PHYS_PFN(dev_dax->ranges[dev_dax->nr_range - 1].range.end);
	failing = kthread_run(fail_again, NULL, "fsdev_failing");
	if (IS_ERR(failing)) {
		int rc = PTR_ERR(failing);

		failing = NULL;
		return rc;
	}
	return 0;
}

static int fail_off(char **word)
{
	if (failing)
		kthread_stop(failing);
	failing = NULL;
	return 0;
}

/**
 * failure_exit() - let no page fail any more
 */
void failure_exit(void)
{
	fail_off(NULL);
}

const struct test_verb failure_verbs[] = {
	{ "fail-on", 1, fail_on },
	{ "fail-off", 0, fail_off },
	{ "fail-pages", 1, fail_pages },
	{ "fail-holes", 1, fail_holes },
	{ "fail-spans", 1, fail_spans },
	{ "fail-unheld", 1, fail_unheld },
	{ "fail-padding", 1, fail_padding },
	{ }
};
