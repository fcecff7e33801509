// SPDX-License-Identifier: GPL-2.0
/*
 * Access: what the device answers, compared with the model.
 *
 *   access ID    direct access around both ends of every range, and outside the device
 *   zero ID      zeroing over boundaries between ranges; writes to the device
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "fsdev_test.h"

/**
 * access_direct() - direct access by the device's operation
 * @dax_dev: a device with operations
 * @page: device page
 * @pages: how many are wanted
 * @kaddr: where to put the address, or NULL
 * @pfn: where to put the page frame number, or NULL
 *
 * The operation is called as it is: the DAX core hides wrong answers, as it checks and cuts them.
 *
 * Context: dax_read_lock(), or the device stays bound.
 * Return: what the operation gives back.
 */
long access_direct(struct dax_device *dax_dev, pgoff_t page, long pages, void **kaddr,
		   unsigned long *pfn)
{
#ifdef FSDEV_HAVE_DAX_PFN_T
	pfn_t typed = {};
	long rc = dax_dev->ops->direct_access(dax_dev, page, pages, DAX_ACCESS, kaddr,
					      pfn ? &typed : NULL);

	if (pfn)
		*pfn = pfn_t_to_pfn(typed);
	return rc;
#else
	return dax_dev->ops->direct_access(dax_dev, page, pages, DAX_ACCESS, kaddr, pfn);
#endif
}

/**
 * access_try() - direct access as a file system does it
 * @dax_dev: a device
 * @page: device page
 * @pages: how many are wanted
 * @kaddr: where to put the address, or NULL
 * @pfn: where to put the page frame number, or NULL
 *
 * Context: dax_read_lock().
 * Return: what dax_direct_access() gives back.
 */
long access_try(struct dax_device *dax_dev, pgoff_t page, long pages, void **kaddr,
		unsigned long *pfn)
{
#ifdef FSDEV_HAVE_DAX_PFN_T
	pfn_t typed = {};
	long rc = dax_direct_access(dax_dev, page, pages, DAX_ACCESS, kaddr, pfn ? &typed : NULL);

	if (pfn)
		*pfn = pfn_t_to_pfn(typed);
	return rc;
#else
	return dax_direct_access(dax_dev, page, pages, DAX_ACCESS, kaddr, pfn);
#endif
}

/* What differed from the model, and where last. */
struct score {
	unsigned long tried;
	unsigned long count;
	unsigned long kaddr;
	unsigned long pfn;
	unsigned long page;
	long asked;
	long got;
};

static void try_one(struct dax_device *dax_dev, const struct model *model, unsigned long page,
		    long asked, struct score *score)
{
	phys_addr_t phys = model_phys(model, page);
	unsigned long pfn = 0;
	void *kaddr = NULL;
	long got = access_direct(dax_dev, page, asked, &kaddr, &pfn);
	bool count = got != min_t(unsigned long, asked, model_run(model, page));

	score->tried++;
	score->count += count;
	score->kaddr += kaddr != __va(phys);
	score->pfn += pfn != PHYS_PFN(phys);
	if (count || kaddr != __va(phys) || pfn != PHYS_PFN(phys)) {
		score->page = page;
		score->asked = asked;
		score->got = got;
	}
}

static void try_page(struct dax_device *dax_dev, const struct model *model, unsigned long page,
		     struct score *score)
{
	unsigned long run = model_run(model, page), rest = model->pages - page;
	const long asked[] = { 1, 2, run, run + 1, rest, rest + 1, LONG_MAX };

	for (int i = 0; i < ARRAY_SIZE(asked); i++)
		try_one(dax_dev, model, page, asked[i], score);
}

static void try_ranges(struct dax_device *dax_dev, const struct model *model)
{
	struct score score = { 0 };
	unsigned long page = 0;

	for (int i = 0; i < model->nr; i++) {
		unsigned long len = model_len(model, i);

		try_page(dax_dev, model, page, &score);
		try_page(dax_dev, model, page + 1, &score);
		try_page(dax_dev, model, page + len / 2, &score);
		try_page(dax_dev, model, page + len - 1, &score);
		page += len;
	}
	report_point(!score.kaddr,
		     "every range: the address is that of the page's own physical address");
	report_point(!score.pfn, "every range: the page frame number is right");
	report_point(!score.count,
		     "every range: as many pages as are contiguous, and not more than asked");
	report_note("%lu tried, %lu addresses, %lu pfns, %lu counts wrong", score.tried,
		    score.kaddr, score.pfn, score.count);
	report_note("the last at page %lu, asked %ld, got %ld", score.page, score.asked, score.got);
}

static void try_outside(struct dax_device *dax_dev, unsigned long pages)
{
	static const struct {
		unsigned long above_end;
		long asked;
		const char *name;
	} outside[] = {
		{ 0, 1, "the first page after the device" },
		{ 1, LONG_MAX, "the second page after it" },
		{ 1UL << 30, 1, "a page far outside" },
	};
	/* the last page whose address fits in 64 bits, and where the shift overflows */
	static const unsigned long overflow[] = {
		(1UL << 52) - 1, 1UL << 52, (1UL << 52) + 1, ULONG_MAX
	};
	long got;

	for (int i = 0; i < ARRAY_SIZE(outside); i++) {
		got = access_direct(dax_dev, pages + outside[i].above_end, outside[i].asked, NULL,
				    NULL);
		report_point(got < 0, "%s is refused", outside[i].name);
		report_note("got %ld", got);
	}
	for (int i = 0; i < ARRAY_SIZE(overflow); i++) {
		got = access_direct(dax_dev, overflow[i], 1, NULL, NULL);
		report_point(got < 0, "page %#lx is refused", overflow[i]);
		report_note("got %ld", got);
	}
	got = access_direct(dax_dev, 0, -1, NULL, NULL);
	report_point(got < 0, "-1 pages are refused");
	got = access_direct(dax_dev, 0, LONG_MIN, NULL, NULL);
	report_point(got < 0, "the most negative count of pages is refused");
	got = access_direct(dax_dev, 0, 0, NULL, NULL);
	report_point(got <= 0, "of no pages none are given");
}

static int access_verb(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct model *model = device ? model_make(device) : NULL;

	if (!model || !test_dax(device)->ops) {
		kvfree(model);
		return -ENODEV;
	}
	try_ranges(test_dax(device), model);
	try_outside(test_dax(device), model->pages);
	kvfree(model);
	return 0;
}

/* The device pages around a boundary, each filled with one byte. */
static void fill_pages(const struct model *model, unsigned long from, unsigned long to, u8 byte)
{
	for (; from < to; from++)
		memset(__va(model_phys(model, from)), byte, PAGE_SIZE);
}

/* How many of the pages hold something else than that byte. */
static unsigned long differ(const struct model *model, unsigned long from, unsigned long to,
			    u8 byte)
{
	unsigned long wrong = 0;

	for (; from < to; from++)
		wrong += !!memchr_inv(__va(model_phys(model, from)), byte, PAGE_SIZE);
	return wrong;
}

struct zeroed {
	unsigned long tried;
	unsigned long failed;
	unsigned long left;
	unsigned long harmed;
};

/* Zeroes @pages from @page on; the two pages on each side have to stay. */
static void zero_one(struct dax_device *dax_dev, const struct model *model, unsigned long page,
		     unsigned long pages, struct zeroed *zeroed)
{
	unsigned long from = page - min(page, 2UL), to = min(page + pages + 2, model->pages);

	fill_pages(model, from, to, 0xa5);
	zeroed->tried++;
	zeroed->failed += !!dax_dev->ops->zero_page_range(dax_dev, page, pages);
	zeroed->left += differ(model, page, page + pages, 0);
	zeroed->harmed += differ(model, from, page, 0xa5) + differ(model, page + pages, to, 0xa5);
}

static void zero_boundaries(struct dax_device *dax_dev, const struct model *model,
			    struct zeroed *zeroed)
{
	/* of many boundaries some: each makes the host find memory for it */
	int step = max(1, model->nr / 64);
	unsigned long page = 0;

	for (int i = 0; i < model->nr; i++) {
		/* the first range, then over the boundaries, one of them over a whole range */
		if (!i)
			zero_one(dax_dev, model, 0, 1, zeroed);
		else if (i % step == 0)
			zero_one(dax_dev, model, page - 3, 5, zeroed);
		if (i == 1 && model->nr > 2 && model_len(model, 1) <= SZ_4M / PAGE_SIZE)
			zero_one(dax_dev, model, page - 1, model_len(model, 1) + 2, zeroed);
		page += model_len(model, i);
	}
	zero_one(dax_dev, model, model->pages - 2, 2, zeroed);
}

static int zero_verb(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct model *model = device ? model_make(device) : NULL;
	struct zeroed zeroed = { 0 };
	struct dax_device *dax_dev;
	int rc;

	if (!model || !test_dax(device)->ops) {
		kvfree(model);
		return -ENODEV;
	}
	dax_dev = test_dax(device);
	zero_boundaries(dax_dev, model, &zeroed);
	report_point(!zeroed.failed, "zeroing over boundaries between ranges succeeds");
	report_point(!zeroed.left, "all of it is zero");
	report_point(!zeroed.harmed, "nothing beside it has changed");
	report_note("%lu tried, %lu failed, %lu pages not zero, %lu harmed", zeroed.tried,
		    zeroed.failed, zeroed.left, zeroed.harmed);
	report_point(!dax_dev->ops->zero_page_range(dax_dev, 0, 0), "no pages are no error");
	rc = dax_dev->ops->zero_page_range(dax_dev, model->pages, 1);
	report_point(rc < 0, "a first page outside the device is refused");
	fill_pages(model, 0, 1, 0xa5);
	rc = dax_dev->ops->zero_page_range(dax_dev, model->pages - 1, 2);
	report_point(rc < 0, "a request past the end fails");
	report_point(!differ(model, 0, 1, 0xa5), "it does not go on at the start");
	kvfree(model);
	return 0;
}

const struct test_verb access_verbs[] = {
	{ "access", 1, access_verb },
	{ "zero", 1, zero_verb },
	{ }
};
