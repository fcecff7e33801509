// SPDX-License-Identifier: GPL-2.0
/*
 * Watching: the two moments that no one else sees. One is between the kernel's making of the page
 * structures and the rest of probe, the other just before the page structures go.
 *
 *   watch          from here on
 *   unwatch
 *   plant          leaves a mark in every page structure that the next probe gets
 *   planted ID     probe has touched none of the marks; takes them away
 *   mapped         what the page map was like when the last probe handed it over
 *   unmapped       what the pages were like when the last page map went
 */
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/spinlock.h>

#include "fsdev_test.h"

static bool watching, plant_next;

/* of the last page map that was mapped, and of the last that was about to go */
static struct {
	unsigned int count;
	struct look look;
	enum memory_type type;
	unsigned long shift;
	bool ops, owner;
	int inside;
} mapped, unmapped;

/* several threads map and unmap the parts of a large device */
static DEFINE_RAW_SPINLOCK(watch_lock);

static unsigned long *mark_of(unsigned long pfn)
{
#ifdef FSDEV_HAVE_PAGE_SHARE
	return &pfn_to_page(pfn)->share;
#else
	return &pfn_to_page(pfn)->index;
#endif
}

static unsigned long mark(unsigned long pfn)
{
	return 0x5a5a0000UL ^ pfn;
}

static void plant_marks(const struct dev_pagemap *pgmap)
{
	for (int i = 0; i < pgmap->nr_range; i++)
		for (u64 at = pgmap->ranges[i].start; at < pgmap->ranges[i].end; at += PAGE_SIZE)
			*mark_of(PHYS_PFN(at)) = mark(PHYS_PFN(at));
}

/* How many marks are as they were planted. */
static unsigned long take_marks(const struct dev_dax *dev_dax, unsigned long *pages)
{
	unsigned long good = 0;

	for (int i = 0; i < dev_dax->nr_range; i++) {
		const struct range *range = &dev_dax->ranges[i].range;

		for (u64 at = range->start; at < range->end; at += PAGE_SIZE) {
			good += *mark_of(PHYS_PFN(at)) == mark(PHYS_PFN(at));
			*mark_of(PHYS_PFN(at)) = 0;
			++*pages;
		}
	}
	return good;
}

/* memremap_pages(pgmap, nid) begins */
static int map_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct dev_pagemap *pgmap = (void *)regs_get_kernel_argument(regs, 0);

	*(struct dev_pagemap **)instance->data = pgmap;
	mapped.type = pgmap->type;
	mapped.shift = pgmap->vmemmap_shift;
	mapped.ops = pgmap->ops;
	mapped.owner = pgmap->owner;
	return 0;
}

/* ... and is back, with page structures that were not touched since */
static int map_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct dev_pagemap *pgmap = *(struct dev_pagemap **)instance->data;

	if (IS_ERR_VALUE(regs_return_value(regs)))
		return 0;
	raw_spin_lock(&watch_lock);
	mapped.count++;
	look_at_map(pgmap, &mapped.look);
	if (plant_next)
		plant_marks(pgmap);
	raw_spin_unlock(&watch_lock);
	return 0;
}

static struct kretprobe map_probe = {
	.kp.symbol_name = "memremap_pages",
	.entry_handler = map_entry,
	.handler = map_return,
	.data_size = sizeof(void *),
};

/* memunmap_pages(pgmap) begins; also called for what a failed memremap_pages() has to give back */
static int unmap_entry(struct kprobe *probe, struct pt_regs *regs)
{
	struct dev_pagemap *pgmap = (void *)regs_get_kernel_argument(regs, 0);

	raw_spin_lock(&watch_lock);
	unmapped.count++;
	unmapped.type = pgmap->type;
	unmapped.shift = pgmap->vmemmap_shift;
	unmapped.inside = removal_inside();
	look_at_map(pgmap, &unmapped.look);
	raw_spin_unlock(&watch_lock);
	return 0;
}

static struct kprobe unmap_probe = {
	.symbol_name = "memunmap_pages",
	.pre_handler = unmap_entry,
};

static int watch(char **word)
{
	int rc;

	if (watching)
		return -EBUSY;
	map_probe.kp.addr = NULL;
	unmap_probe.addr = NULL;
	rc = register_kretprobe(&map_probe);
	if (rc)
		return rc;
	rc = register_kprobe(&unmap_probe);
	if (rc)
		unregister_kretprobe(&map_probe);
	watching = !rc;
	memset(&mapped, 0, sizeof(mapped));
	memset(&unmapped, 0, sizeof(unmapped));
	return rc;
}

/**
 * watch_exit() - ends watching
 */
void watch_exit(void)
{
	if (!watching)
		return;
	unregister_kprobe(&unmap_probe);
	unregister_kretprobe(&map_probe);
	watching = false;
}

static int unwatch(char **word)
{
	watch_exit();
	return 0;
}

static int plant(char **word)
{
	plant_next = true;
	return watching ? 0 : -ENODEV;
}

static int planted(char **word)
{
	struct test_device *device = device_find(word[0]);
	unsigned long good, pages = 0;

	if (!device || !device->dev_dax->pgmap)
		return -ENODEV;
	plant_next = false;
	good = take_marks(device->dev_dax, &pages);
	report_point(pages && good == pages,
		     "probe wrote to no page structure after the kernel had made them");
	report_note("%lu of %lu are as they were", good, pages);
	return 0;
}

static void report_look(const struct look *look, const char *when)
{
	report_point(look->pages && !look->compound && !look->mapping && !look->word,
		     "%s every page is a clean order-0 folio", when);
	report_note("%lu pages: compound %lu, mapping %lu, word %lu, busy %lu; last pfn %#lx",
		    look->pages, look->compound, look->mapping, look->word, look->busy,
		    look->worst);
}

static int mapped_verb(char **word)
{
	report_point(mapped.count, "a page map was mapped");
	report_point(mapped.type == MEMORY_DEVICE_FS_DAX, "its type is that of file systems");
	report_point(mapped.shift == 0, "vmemmap_shift was 0 before the pages were mapped");
	report_note("it was %lu", mapped.shift);
	report_point(mapped.ops && mapped.owner, "operations and owner were set before");
	report_look(&mapped.look, "as the kernel has made them");
	return 0;
}

static int unmapped_verb(char **word)
{
	report_point(unmapped.count, "a page map was unmapped");
	report_point(!unmapped.inside, "no direct access was going on any more");
	report_note("%d were", unmapped.inside);
	report_look(&unmapped.look, "before they went");
	report_point(unmapped.look.pages && !unmapped.look.busy,
		     "before they went no page was in use");
	return 0;
}

const struct test_verb watch_verbs[] = {
	{ "watch", 0, watch },
	{ "unwatch", 0, unwatch },
	{ "plant", 0, plant },
	{ "planted", 1, planted },
	{ "mapped", 0, mapped_verb },
	{ "unmapped", 0, unmapped_verb },
	{ }
};
