// SPDX-License-Identifier: GPL-2.0
/*
 * The model: what a device's ranges mean, worked out the slow and plain way, to compare the driver
 * with.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "fsdev_test.h"

/**
 * model_make() - copies a device's ranges
 * @device: a device; while its ranges are spoiled, the model is of those that it had before
 *
 * Return: the model, for kvfree(), or NULL.
 */
struct model *model_make(const struct test_device *device)
{
	const struct dev_dax *dev_dax = device->dev_dax;
	const struct dev_dax_range *ranges = device->kept_ranges ?: dev_dax->ranges;
	int nr = device->kept_ranges ? device->kept_nr : dev_dax->nr_range;
	struct model *model = kvzalloc(struct_size(model, range, nr), GFP_KERNEL);

	if (!model)
		return NULL;
	model->nr = nr;
	for (int i = 0; i < nr; i++) {
		model->range[i] = ranges[i].range;
		model->pages += PHYS_PFN(range_len(&model->range[i]));
	}
	return model;
}

/**
 * model_len() - pages of a range
 * @model: the model
 * @i: which range
 *
 * Return: how many.
 */
unsigned long model_len(const struct model *model, int i)
{
	return PHYS_PFN(range_len(&model->range[i]));
}

/**
 * model_start() - where a range starts in the device
 * @model: the model
 * @i: which range
 *
 * Return: the device page.
 */
unsigned long model_start(const struct model *model, int i)
{
	unsigned long page = 0;

	while (i-- > 0)
		page += model_len(model, i);
	return page;
}

/**
 * model_phys() - the physical address of a device page
 * @model: the model
 * @page: a page of the device
 *
 * Return: the address.
 */
phys_addr_t model_phys(const struct model *model, unsigned long page)
{
	int i = 0;

	while (page >= model_len(model, i))
		page -= model_len(model, i++);
	return model->range[i].start + PFN_PHYS(page);
}

/**
 * model_run() - how much is contiguous
 * @model: the model
 * @page: a page of the device
 *
 * Return: how many pages follow in physical memory as in the device, @page included.
 */
unsigned long model_run(const struct model *model, unsigned long page)
{
	unsigned long run;
	int i = 0;

	while (page >= model_len(model, i))
		page -= model_len(model, i++);
	run = model_len(model, i) - page;
	for (; i + 1 < model->nr && model->range[i].end + 1 == model->range[i + 1].start; i++)
		run += model_len(model, i + 1);
	return run;
}

/**
 * model_page() - where a physical page is in the device
 * @model: the model
 * @pfn: page frame number
 *
 * Return: the device page, or -1 if it is not in the device.
 */
long model_page(const struct model *model, unsigned long pfn)
{
	unsigned long page = 0;

	for (int i = 0; i < model->nr; i++) {
		unsigned long first = PHYS_PFN(model->range[i].start);

		if (pfn >= first && pfn - first < model_len(model, i))
			return page + (pfn - first);
		page += model_len(model, i);
	}
	return -1;
}
