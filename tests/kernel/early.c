// SPDX-License-Identifier: GPL-2.0
/*
 * A failure that comes early: a device is mapped in two slices. The first page of one fails as soon
 * as it is mapped, and after that the other slice cannot be mapped.
 *
 *   early-watch    in the next probe
 *   early-end      has it failed, and is it in the direct map of memory? While the device is bound
 *                  again, as there is none otherwise
 */
#include <linux/completion.h>
#include <linux/kprobes.h>
#include <linux/memremap.h>
#include <linux/workqueue.h>

#include "fsdev_test.h"

static struct dev_pagemap *early_map;
static unsigned long early_pfn;
static bool early_watching;
static int early_rc;
static atomic_t early_calls;
static DECLARE_COMPLETION(early_failed);

/* As the kernel does where a machine check arrives, after the driver has been told. */
static void early_fail(struct work_struct *work)
{
	early_map->ops->memory_failure(early_map, early_pfn, 1, 0);
	early_rc = hide_page(early_pfn);
	percpu_ref_put(&early_map->ref);
	complete_all(&early_failed);
}

static DECLARE_WORK(early_work, early_fail);

static int early_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	*(struct dev_pagemap **)instance->data = (void *)regs_get_kernel_argument(regs, 0);
	return 0;
}

/* The reference keeps the page map until the failure is over. */
static int early_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct dev_pagemap *pgmap = *(struct dev_pagemap **)instance->data;

	if (IS_ERR_VALUE(regs_return_value(regs)) || cmpxchg(&early_map, NULL, pgmap))
		return 0;
	percpu_ref_get(&pgmap->ref);
	early_pfn = PHYS_PFN(pgmap->ranges[0].start);
	schedule_work(&early_work);
	return 0;
}

static struct kretprobe early_probe = {
	.kp.symbol_name = "memremap_pages",
	.entry_handler = early_entry,
	.handler = early_return,
	.data_size = sizeof(void *),
};

/* Takes the place of the second memremap_pages(). */
static void *early_no_map(void)
{
	wait_for_completion_timeout(&early_failed, 10 * HZ);
	return ERR_PTR(-ENOMEM);
}

static int early_called(struct kprobe *probe, struct pt_regs *regs)
{
	if (atomic_inc_return(&early_calls) != 2)
		return 0;
	instruction_pointer_set(regs, (unsigned long)early_no_map);
	return 1;
}

NOKPROBE_SYMBOL(early_called);

/* A probe that has this is never turned into a jump; so its handler may choose the way back. */
static void early_after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

NOKPROBE_SYMBOL(early_after);

static struct kprobe early_second = {
	.symbol_name = "memremap_pages",
	.pre_handler = early_called,
	.post_handler = early_after,
};

static int early_watch(char **word)
{
	int rc;

	early_map = NULL;
	early_rc = -ENODEV;
	atomic_set(&early_calls, 0);
	reinit_completion(&early_failed);
	early_probe.kp.addr = NULL;
	early_probe.kp.flags = 0;
	early_second.addr = NULL;
	early_second.flags = 0;
	rc = register_kretprobe(&early_probe);
	if (rc)
		return rc;
	rc = register_kprobe(&early_second);
	if (rc)
		unregister_kretprobe(&early_probe);
	early_watching = !rc;
	return rc;
}

/**
 * early_exit() - no page fails any more
 */
void early_exit(void)
{
	if (early_watching) {
		unregister_kprobe(&early_second);
		unregister_kretprobe(&early_probe);
	}
	early_watching = false;
	flush_work(&early_work);
}

static int early_end(char **word)
{
	early_exit();
	report_point(early_map && !early_rc, "a page failed as soon as it was mapped");
	report_note("error %d", early_rc);
	report_point(early_map && !page_hidden(early_pfn), "it is in the direct map again");
	return 0;
}

const struct test_verb early_verbs[] = {
	{ "early-watch", 0, early_watch },
	{ "early-end", 0, early_end },
	{ }
};
