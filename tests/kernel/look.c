// SPDX-License-Identifier: GPL-2.0
/*
 * Looking: at every page structure of a device, and at what is set where in the device itself.
 *
 *   folios-clean ID      every page is an order-0 folio without mapping, index or share
 *   folios-compound ID   every page is part of a compound one, as device_dax leaves them
 *   folios-used ID       some page has a mapping
 */
#include <linux/ioport.h>
#include <linux/mm.h>

#include "fsdev_test.h"

/* The reference count of a page in the pool. From 6.15 on it is that of any free page. */
#ifdef FSDEV_HAVE_FOLIO_SHARE
#define COUNT_OF_FREE 0
#else
#define COUNT_OF_FREE 1
#endif

/* The word that index and share occupy together. */
static unsigned long word_of_page(const struct page *page)
{
#ifdef FSDEV_HAVE_PAGE_SHARE
	return READ_ONCE(page->share);
#else
	return READ_ONCE(page->index);
#endif
}

static const struct dev_pagemap *map_of(const struct page *page)
{
#ifdef FSDEV_HAVE_PAGE_PGMAP
	return page->pgmap;
#else
	return page_pgmap(page);
#endif
}

/* Whether it is @pgmap, or another of the same device: a large one has several. */
static bool same_device(const struct dev_pagemap *pgmap, const struct dev_pagemap *other)
{
	return pgmap == other || (pgmap->owner && pgmap->owner == other->owner &&
				  pgmap->ops == other->ops);
}

static void look_at_page(const struct dev_pagemap *pgmap, unsigned long pfn, struct look *look)
{
	struct page *page = pfn_to_page(pfn);
	bool compound = PageCompound(page), word = word_of_page(page);
	bool mapping = READ_ONCE(page->mapping);
	bool busy = page_ref_count(page) != COUNT_OF_FREE;
	/* a tail page has other things in that place */
	bool foreign = !PageTail(page) && !same_device(pgmap, map_of(page));

	look->pages++;
	look->compound += compound;
	look->word += word;
	look->mapping += mapping;
	look->busy += busy;
	look->foreign += foreign;
	if (compound || word || mapping || busy || foreign)
		look->worst = pfn;
}

static void look_at_range(const struct dev_pagemap *pgmap, const struct range *range,
			  struct look *look)
{
	for (u64 at = range->start; at < range->end; at += PAGE_SIZE)
		look_at_page(pgmap, PHYS_PFN(at), look);
}

/**
 * look_at_map() - looks at every page structure of a page map
 * @pgmap: a page map whose memory is mapped
 * @look: where to put what was seen
 *
 * Context: any.
 */
void look_at_map(const struct dev_pagemap *pgmap, struct look *look)
{
	memset(look, 0, sizeof(*look));
	for (int i = 0; i < pgmap->nr_range; i++)
		look_at_range(pgmap, &pgmap->ranges[i], look);
}

static int look_at_device(const char *id, struct look *look)
{
	struct test_device *device = device_find(id);
	const struct dev_dax *dev_dax;

	if (!device || !device->dev_dax->dev.driver || !device->dev_dax->pgmap ||
	    device->kept_ranges)
		return -ENODEV;
	dev_dax = device->dev_dax;
	if (device->fixed) {
		look_at_map(dev_dax->pgmap, look);
		return 0;
	}
	/* a dynamic device may have several page maps */
	memset(look, 0, sizeof(*look));
	for (int i = 0; i < dev_dax->nr_range; i++)
		look_at_range(dev_dax->pgmap, &dev_dax->ranges[i].range, look);
	return 0;
}

static int folios_clean(char **word)
{
	struct look look;
	int rc = look_at_device(word[0], &look);

	if (rc)
		return rc;
	report_point(look.pages && !look.compound, "no page of a compound folio");
	report_point(look.pages && !look.mapping, "no page with a mapping");
	report_point(look.pages && !look.word, "no page with an index or a share count");
	report_point(look.pages && !look.busy, "no page in use");
	report_point(look.pages && !look.foreign, "every page points to a page map of the device");
	report_note("%lu pages: compound %lu, mapping %lu, word %lu, busy %lu, foreign %lu; %#lx",
		    look.pages, look.compound, look.mapping, look.word, look.busy, look.foreign,
		    look.worst);
	return 0;
}

static int folios_compound(char **word)
{
	struct look look;
	int rc = look_at_device(word[0], &look);

	if (rc)
		return rc;
	report_point(look.pages && look.compound == look.pages,
		     "every page is part of a compound folio");
	report_note("%lu of %lu", look.compound, look.pages);
	return 0;
}

static int folios_used(char **word)
{
	struct look look;
	int rc = look_at_device(word[0], &look);

	if (rc)
		return rc;
	report_point(look.mapping, "pages are in use by a file");
	report_note("%lu of %lu, %lu of them in compound folios", look.mapping, look.pages,
		    look.compound);
	return 0;
}

static unsigned int count_devres(struct device *dev)
{
	unsigned int count = 0;
	struct list_head *at;
	unsigned long flags;

	spin_lock_irqsave(&dev->devres_lock, flags);
	list_for_each(at, &dev->devres_head)
		count++;
	spin_unlock_irqrestore(&dev->devres_lock, flags);
	return count;
}

static const char *is_set(const void *pointer)
{
	return pointer ? "set" : "none";
}

/**
 * look_state() - one line of what is set in a device
 * @seq: where to
 * @device: the device
 *
 * Context: the command lock; the device is not bound or unbound meanwhile.
 */
void look_state(struct seq_file *seq, const struct test_device *device)
{
	struct dev_dax *dev_dax = device->dev_dax;
	const struct dev_pagemap *pgmap = dev_dax->pgmap;
	const struct dax_device *dax_dev = dev_dax->dax_dev;

	seq_printf(seq, "%s driver=%s pgmap=%s", dev_name(&dev_dax->dev),
		   dev_dax->dev.driver ? dev_dax->dev.driver->name : "none", is_set(pgmap));
	if (pgmap && !device->kept_ranges)
		seq_printf(seq, " ops=%s owner=%s shift=%lu", is_set(pgmap->ops),
			   is_set(pgmap->owner), pgmap->vmemmap_shift);
	seq_printf(seq, " alive=%s operations=%s holder=%s driver_data=%s resources=%s\n",
		   test_bit(DAXDEV_ALIVE, &dax_dev->flags) ? "yes" : "no", is_set(dax_dev->ops),
		   is_set(dax_dev->holder_data), is_set(dev_get_drvdata(&dev_dax->dev)),
		   count_devres(&dev_dax->dev) ? "some" : "none");
}

const struct test_verb look_verbs[] = {
	{ "folios-clean", 1, folios_clean },
	{ "folios-compound", 1, folios_compound },
	{ "folios-used", 1, folios_used },
	{ }
};
