// SPDX-License-Identifier: GPL-2.0
/*
 * Failing memory: many pages at once, and what the hardware would do that an emulated machine does
 * not.
 *
 *   fail-random ID COUNT   that many different pages fail, each of which we are to be told of once;
 *                          then all are repaired, and what had not failed is as it was
 *   fail-at ID PAGE N LAST   the page fails, and every Nth after it up to the last
 *   no-memory ID           the driver is given no memory, until "memory"
 *   memory                 it is again
 *   hide ID PAGE           takes a page out of the kernel's mapping: it can no more be read
 *   hidden ID PAGE         it still is
 *   flagged ID PAGE        the kernel's flag of a failed page is set
 *   told-last ID PAGE N    what we were told of last are these N pages, out of reach by then
 *   told-once ID PAGE      we have been told of this page, once, and of nothing else
 *   damage ID PAGE         reading back what was written there fails, until "mend-page"
 *   damage-at PHYS         the same, of a page by its physical address
 *   mend-page
 *   damage-noio            the last copy of that page was made in a memalloc_noio_save() scope
 *   heal-page              it works again; the same, while a task is held up by a gate
 *   told ID COUNT          we have been told that often since the last time
 *   repair-waits ID PAGE   a page without a holder fails as by hardware, and is repaired at once
 *   platform-bad NODE PHYS LEN   the NVDIMM bus of device_dax's node learns that this is bad
 *   platform-clears        the NVDIMM bus says that it has cleared what it is asked to
 *   platform-as-it-is      until here
 *   copy-fails ID PAGE CODE   a machine check in a copy of the kernel's own, which it survives;
 *                          CODE is the processor's: 0x134 is one of memory to Intel
 */
#include <linux/bitmap.h>
#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/memremap.h>
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#ifdef CONFIG_X86_MCE
#include <asm/mce.h>
#endif

#include "arch.h"
#include "fsdev_test.h"

/* What direct access says of a bad page: see driver/compat/ras.h. */
#ifdef FSDEV_HAVE_MF_MEM_PRE_REMOVE
#define SAYS_BAD (-EHWPOISON)
#else
#define SAYS_BAD (-EIO)
#endif

#define STORM_FLAGS (MF_ACTION_REQUIRED | MF_SW_SIMULATED)

/**
 * struct storm - random failures of a device
 * @device: a device that is bound, and that we hold
 * @dax_dev: its DAX device
 * @model: of it
 * @failed: device pages that have failed
 * @bad: those of them that have not been repaired
 * @scratch: a page of new data
 * @told_wrong: failures that we were not told of, or wrongly
 * @told_early: failures of pages that we could still reach when we were told
 * @access_wrong: pages for which direct access gave a wrong answer
 * @left: repairs that failed
 * @changed: pages that hold something else than they should
 * @flags: pages whose flag was left
 */
struct storm {
	struct test_device *device;
	struct dax_device *dax_dev;
	struct model *model;
	unsigned long *failed, *bad;
	u64 *scratch;
	unsigned long told_wrong, told_early, access_wrong, left, changed, flags;
};

#define WORDS (PAGE_SIZE / sizeof(u64))

static u64 word_of(unsigned long page, unsigned int i, bool renewed)
{
	return (page * WORDS + i) * 0x9e3779b97f4a7c15ULL + renewed;
}

static u64 *memory(const struct storm *storm, unsigned long page)
{
	return __va(model_phys(storm->model, page));
}

static void fill_storm(const struct storm *storm)
{
	for (unsigned long page = 0; page < storm->model->pages; page++)
		for (int i = 0; i < WORDS; i++)
			memory(storm, page)[i] = word_of(page, i, false);
}

/* One page fails; by every other one the kernel's flag of it is set as well, as a user would see */
static void fail_one(struct storm *storm, unsigned long page)
{
	unsigned long pfn = PHYS_PFN(model_phys(storm->model, page));
	struct test_claim *claim = storm->device->claim;

	claim->count = 0;
	memory_failure(pfn, STORM_FLAGS);
	storm->told_wrong += claim->count != 1 || claim->told[0].offset != PFN_PHYS(page) ||
			     claim->told[0].len != PAGE_SIZE || claim->told[0].flags != STORM_FLAGS;
	storm->told_early += claim->told[0].reached != SAYS_BAD;
	if (page % 2)
		SetPageHWPoison(pfn_to_page(pfn));
	__set_bit(page, storm->failed);
	__set_bit(page, storm->bad);
}

static void fail_random(struct storm *storm, unsigned long count)
{
	u64 x = 88172645463325252ULL;

	while (count) {
		unsigned long page;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		page = (x >> 20) % storm->model->pages;
		if (test_bit(page, storm->bad))
			continue;
		fail_one(storm, page);
		count--;
	}
}

/* From each page on: one page, and what is less or more than the driver may see at once. */
static void look_at_access(struct storm *storm)
{
	static const long asked[] = { 1, 200, 896, 1000, 1024, LONG_MAX };

	for (unsigned long page = 0; page < storm->model->pages; page++) {
		unsigned long next = find_next_bit(storm->bad, storm->model->pages, page);
		long run = min(model_run(storm->model, page), next - page);

		for (int i = 0; i < ARRAY_SIZE(asked); i++)
			storm->access_wrong += access_direct(storm->dax_dev, page, asked[i], NULL,
							     NULL) !=
					       (run ? min(run, asked[i]) : SAYS_BAD);
	}
}

/* By a recovery write or by zeroing. */
static void repair_one(struct storm *storm, unsigned long page)
{
	const struct dax_operations *ops = storm->dax_dev->ops;
	struct kvec vec = { storm->scratch, PAGE_SIZE };
	struct iov_iter iter;

	if (page % 3 == 0) {
		storm->left += !!ops->zero_page_range(storm->dax_dev, page, 1);
		return;
	}
	for (int i = 0; i < WORDS; i++)
		storm->scratch[i] = word_of(page, i, true);
	iov_iter_kvec(&iter, WRITE, &vec, 1, PAGE_SIZE);
	storm->left += ops->recovery_write(storm->dax_dev, page, memory(storm, page), PAGE_SIZE,
					   &iter) != PAGE_SIZE;
}

/* Repairs what is bad; but of so many pages it leaves one, if that is not 0. */
static void repair_all(struct storm *storm, unsigned long leave)
{
	unsigned long page, n = 0;

	for_each_set_bit(page, storm->bad, storm->model->pages) {
		if (leave && n++ % leave == 0)
			continue;
		repair_one(storm, page);
		__clear_bit(page, storm->bad);
	}
}

static void look_at_contents(struct storm *storm)
{
	for (unsigned long page = 0; page < storm->model->pages; page++) {
		bool failed = test_bit(page, storm->failed), wrong = false;

		for (int i = 0; i < WORDS; i++)
			wrong |= memory(storm, page)[i] !=
				 (failed && page % 3 == 0 ? 0 : word_of(page, i, failed));
		storm->changed += wrong;
		storm->flags +=
			PageHWPoison(pfn_to_page(PHYS_PFN(model_phys(storm->model, page))));
	}
}

static int storm_run(struct storm *storm, unsigned long count)
{
	fill_storm(storm);
	fail_random(storm, count);
	report_point(!storm->told_wrong,
		     "each of %lu failing pages is reported once, at its offset", count);
	report_note("%lu are not", storm->told_wrong);
	report_point(!storm->told_early, "by then the page is not handed out any more");
	report_note("%lu times it was", storm->told_early);
	look_at_access(storm);
	report_point(!storm->access_wrong,
		     "direct access refuses just these, and ends in front of each");
	report_note("%lu answers are wrong", storm->access_wrong);
	storm->device->claim->count = 0;
	repair_all(storm, 200);
	storm->access_wrong = 0;
	look_at_access(storm);
	report_point(!storm->access_wrong, "when few are left it refuses just those");
	report_note("%lu answers are wrong", storm->access_wrong);
	repair_all(storm, 0);
	report_point(!storm->left, "each is repaired by writing or zeroing it");
	report_note("%lu are not", storm->left);
	report_point(!storm->device->claim->count, "of which no holder is notified");
	look_at_contents(storm);
	report_point(!storm->changed, "nothing else has changed, and they hold what was written");
	report_note("%lu pages are wrong", storm->changed);
	report_point(!storm->flags, "no page has its flag left");
	report_note("%lu have", storm->flags);
	storm->access_wrong = 0;
	look_at_access(storm);
	report_point(!storm->access_wrong, "direct access gives all of the device again");
	report_note("%lu answers are wrong", storm->access_wrong);
	return 0;
}

static int fail_random_verb(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct storm storm = { .device = device };
	unsigned long count;
	int rc = -ENOMEM;

	if (!device || !device->claim || kstrtoul(word[1], 0, &count))
		return -EINVAL;
	storm.dax_dev = test_dax(device);
	storm.model = model_make(device);
	if (!storm.model)
		return -ENOMEM;
	storm.failed = vzalloc(BITS_TO_LONGS(storm.model->pages) * sizeof(long));
	storm.bad = vzalloc(BITS_TO_LONGS(storm.model->pages) * sizeof(long));
	storm.scratch = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (storm.failed && storm.bad && storm.scratch)
		rc = count > storm.model->pages / 2 ? -EINVAL : storm_run(&storm, count);
	kfree(storm.scratch);
	vfree(storm.bad);
	vfree(storm.failed);
	kvfree(storm.model);
	return rc;
}

/* The page that two words name, as a page frame number; or 0. */
static unsigned long page_of(char **word, unsigned long *page)
{
	struct test_device *device = device_find(word[0]);
	struct model *model;
	unsigned long pfn = 0;

	if (!device || kstrtoul(word[1], 0, page))
		return 0;
	model = model_make(device);
	if (model && *page < model->pages)
		pfn = PHYS_PFN(model_phys(model, *page));
	kvfree(model);
	return pfn;
}

/**
 * hide_page() - takes a page out of the direct map of memory
 * @pfn: the page
 *
 * Not with set_mce_nospec(), to which the driver does not leave its pages.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int hide_page(unsigned long pfn)
{
	struct kprobe probe = { .symbol_name = "set_memory_np" };
	int (*set)(unsigned long address, int pages);
	int rc;

	/* not exported */
	rc = register_kprobe(&probe);
	if (rc)
		return rc;
	set = (void *)probe.addr;
	unregister_kprobe(&probe);
	return set((unsigned long)pfn_to_kaddr(pfn), 1);
}

/**
 * page_hidden() - whether a page is not in the direct map of memory
 * @pfn: the page
 *
 * Return: true if it is not.
 */
bool page_hidden(unsigned long pfn)
{
#ifdef CONFIG_X86_64
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)pfn_to_kaddr(pfn), &level);

	return !pte || !pte_present(*pte);
#else
	/* hide_page() cannot be done */
	return false;
#endif
}

static int hide(char **word)
{
	unsigned long page, pfn = page_of(word, &page);

	return pfn ? hide_page(pfn) : -EINVAL;
}

static int hidden(char **word)
{
	unsigned long page, pfn = page_of(word, &page);

	if (!pfn)
		return -EINVAL;
	return page_hidden(pfn) ? 0 : -ENOENT;
}

static int flagged(char **word)
{
	unsigned long page, pfn = page_of(word, &page);

	if (!pfn)
		return -EINVAL;
	return PageHWPoison(pfn_to_page(pfn)) ? 0 : -ENOENT;
}

static int fail_at(char **word)
{
	struct test_device *device = device_find(word[0]);
	unsigned long page, last, step;
	struct model *model;
	int rc = 0;

	if (!device || kstrtoul(word[1], 0, &page) || kstrtoul(word[2], 0, &step) ||
	    kstrtoul(word[3], 0, &last) || !step)
		return -EINVAL;
	model = model_make(device);
	if (!model)
		return -ENOMEM;
	for (; page <= last && !rc; page += step)
		if (page < model->pages)
			memory_failure(PHYS_PFN(model_phys(model, page)), STORM_FLAGS);
		else
			rc = -ERANGE;
	kvfree(model);
	return rc;
}

static int told_last(char **word)
{
	struct test_device *device = device_find(word[0]);
	const struct test_claim *claim = device ? device->claim : NULL;
	unsigned long page, pages;
	const struct told *told;

	if (!claim || !claim->count || claim->count > ARRAY_SIZE(claim->told) ||
	    kstrtoul(word[1], 0, &page) || kstrtoul(word[2], 0, &pages))
		return -EINVAL;
	told = &claim->told[claim->count - 1];
	report_point(told->offset == PFN_PHYS(page) && told->len == PFN_PHYS(pages),
		     "the holder was told of these pages");
	report_note("of %#llx, %#llx", told->offset, told->len);
	report_point(told->reached == SAYS_BAD, "by then they are not handed out any more");
	report_note("got %ld", told->reached);
	return 0;
}

static int told_once(char **word)
{
	struct test_device *device = device_find(word[0]);
	unsigned long page, pfn = page_of(word, &page);
	const struct test_claim *claim = device ? device->claim : NULL;

	if (!pfn || !claim)
		return -EINVAL;
	report_point(claim->count == 1 && claim->told[0].offset == PFN_PHYS(page) &&
		     claim->told[0].len == PAGE_SIZE, "the holder was told of it, once");
	report_note("%u times, the first of %#llx, %#llx", claim->count, claim->told[0].offset,
		    claim->told[0].len);
	device->claim->count = 0;
	return 0;
}

static int told(char **word)
{
	struct test_device *device = device_find(word[0]);
	unsigned int count, seen;

	if (!device || !device->claim || kstrtouint(word[1], 0, &count))
		return -EINVAL;
	seen = device->claim->count;
	device->claim->count = 0;
	return seen == count ? 0 : -ERANGE;
}

/* What the driver asks for memory with, on one kernel or another. */
static struct kprobe memory_probe;
static const char *const memory_functions[] = {
	"kvmalloc_node", "__kvmalloc_node_noprof", "kvmalloc_node_noprof",
};

static struct module *starved;

static int memory_entry(struct kprobe *probe, struct pt_regs *regs)
{
	if (!within_module(arch_caller(regs), starved))
		return 0;
	arch_return(regs, 0);
	return 1;
}

static int no_memory(char **word)
{
	struct test_device *device = device_find(word[0]);
	int rc = -ENOENT;

	if (!device || !device->dev_dax->dev.driver || starved)
		return -EINVAL;
	starved = device->dev_dax->dev.driver->owner;
	for (int i = 0; i < ARRAY_SIZE(memory_functions) && rc == -ENOENT; i++) {
		memory_probe = (struct kprobe){
			.symbol_name = memory_functions[i],
			.pre_handler = memory_entry,
		};
		rc = register_kprobe(&memory_probe);
	}
	if (rc)
		starved = NULL;
	return rc;
}

static int memory_back(char **word)
{
	if (!starved)
		return -EINVAL;
	unregister_kprobe(&memory_probe);
	starved = NULL;
	return 0;
}

static unsigned long broken;
static bool breaking, broken_noio;

/* copy_mc_to_kernel(to, from, bytes) begins: from the broken page nothing can be copied */
static int copy_entry(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long from = regs_get_kernel_argument(regs, 1);

	if (from >> PAGE_SHIFT != (unsigned long)pfn_to_kaddr(READ_ONCE(broken)) >> PAGE_SHIFT)
		return 0;
	WRITE_ONCE(broken_noio, current->flags & PF_MEMALLOC_NOIO);
	arch_return(regs, regs_get_kernel_argument(regs, 2));
	return 1;
}

static struct kprobe copy_probe = {
	.symbol_name = "copy_mc_to_kernel",
	.pre_handler = copy_entry,
};

static int break_pfn(unsigned long pfn)
{
	int rc;

	if (!pfn || breaking)
		return -EINVAL;
	broken = pfn;
	/* what unregister_kprobe() leaves in it is not for a second time */
	copy_probe.addr = NULL;
	copy_probe.flags = 0;
	rc = register_kprobe(&copy_probe);
	breaking = !rc;
	return rc;
}

static int break_page(char **word)
{
	unsigned long page;

	return break_pfn(page_of(word, &page));
}

static int break_at(char **word)
{
	u64 phys;

	return kstrtou64(word[0], 0, &phys) ? -EINVAL : break_pfn(PHYS_PFN(phys));
}

static int damage_noio(char **word)
{
	return READ_ONCE(broken_noio) ? 0 : -ENOENT;
}

static int heal_page(char **word)
{
	WRITE_ONCE(broken, 0);
	return 0;
}

static int mend_page(char **word)
{
	heal_page(NULL);
	if (breaking)
		unregister_kprobe(&copy_probe);
	breaking = false;
	return 0;
}

/**
 * ras_exit() - no page is broken any more, and there is memory
 */
void ras_exit(void)
{
	memory_back(NULL);
	mend_page(NULL);
}

/*
 * Where no holder deals with it the kernel goes on with the page after such a report, and flags it;
 * a repair that came before would leave a good page with its flag.
 */
static int repair_waits(char **word)
{
	struct test_device *device = device_find(word[0]);
	unsigned long page, pfn = page_of(word, &page), began = jiffies;
	struct dev_pagemap *pgmap = device ? device->dev_dax->pgmap : NULL;
	int rc;

	if (!pfn || !pgmap || !pgmap->ops)
		return -EINVAL;
	pgmap->ops->memory_failure(pgmap, pfn, 1, MF_ACTION_REQUIRED);
	rc = test_dax(device)->ops->zero_page_range(test_dax(device), page, 1);
	report_point(!rc && time_after_eq(jiffies, began + HZ),
		     "a repair waits for the kernel to be done with the page");
	report_note("error %d after %lu ticks of %d", rc, jiffies - began, HZ);
	return 0;
}

/* What the processor reports of such a check, as the kernel hands it on; no emulated one does. */
#ifdef CONFIG_X86_MCE
static int copy_fails(char **word)
{
	unsigned long page, pfn = page_of(word, &page), code = 0;
	struct mce mce = {
		.status = MCI_STATUS_VAL | MCI_STATUS_UC | MCI_STATUS_EN | MCI_STATUS_MISCV |
			  MCI_STATUS_ADDRV | MCI_STATUS_S | MCI_STATUS_AR,
		.mcgstatus = MCG_STATUS_RIPV | MCG_STATUS_MCIP,
		.misc = 0x8c,
		.addr = PFN_PHYS(pfn) + 64,
		.kflags = MCE_IN_KERNEL_RECOV,
		.cpuvendor = X86_VENDOR_INTEL,
	};

	if (!pfn || kstrtoul(word[2], 0, &code))
		return -EINVAL;
	mce.status |= code;
#ifdef FSDEV_HAVE_MCE_HW_ERR
	mce_log(&(struct mce_hw_err){ .m = mce });
#else
	mce_log(&mce);
#endif
	return 0;
}
#else
static int copy_fails(char **word)
{
	return -EOPNOTSUPP;
}
#endif

static int tell_bus(struct dev_dax *dev_dax, u64 phys, u64 len)
{
	int (*add)(struct nvdimm_bus *nvdimm_bus, u64 addr, u64 length);
	struct nvdimm_bus *(*to_bus)(struct device *dev);
	struct device *dev = dev_dax->dev.parent;
	int rc = -ENXIO;

	while (dev && !(dev->bus && !strcmp(dev->bus->name, "nd") &&
			strstarts(dev_name(dev), "region")))
		dev = dev->parent;
	if (!dev)
		return -ENODEV;
	add = symbol_get(nvdimm_bus_add_badrange);
	to_bus = symbol_get(to_nvdimm_bus);
	if (add && to_bus)
		rc = add(to_bus(dev->parent), phys, len);
	if (to_bus)
		symbol_put(to_nvdimm_bus);
	if (add)
		symbol_put(nvdimm_bus_add_badrange);
	return rc;
}

/* nvdimm_clear_poison(dev, phys, len) begins: it is as if all was cleared */
static int clear_entry(struct kprobe *probe, struct pt_regs *regs)
{
	arch_return(regs, regs_get_kernel_argument(regs, 2));
	return 1;
}

static struct kprobe clear_probe;
static bool clearing;

static int platform_clears(char **word)
{
	int rc;

	if (clearing)
		return -EINVAL;
	clear_probe = (struct kprobe){
		.symbol_name = "nvdimm_clear_poison",
		.pre_handler = clear_entry,
	};
	rc = register_kprobe(&clear_probe);
	clearing = !rc;
	return rc;
}

static int platform_as_it_is(char **word)
{
	if (!clearing)
		return -EINVAL;
	unregister_kprobe(&clear_probe);
	clearing = false;
	return 0;
}

/* The node is that of device_dax. */
static int platform_bad(char **word)
{
	struct file *file = filp_open(word[0], O_RDONLY, 0);
	u64 phys, len;
	int rc = -EINVAL;

	if (IS_ERR(file))
		return PTR_ERR(file);
	if (!kstrtou64(word[1], 0, &phys) && !kstrtou64(word[2], 0, &len))
		rc = tell_bus(dax_get_private(container_of(file_inode(file)->i_cdev,
							   struct dax_device, cdev)), phys, len);
	filp_close(file, NULL);
	return rc;
}

const struct test_verb ras_verbs[] = {
	{ "platform-bad", 3, platform_bad },
	{ "platform-clears", 0, platform_clears },
	{ "platform-as-it-is", 0, platform_as_it_is },
	{ "fail-random", 2, fail_random_verb },
	{ "fail-at", 4, fail_at },
	{ "no-memory", 1, no_memory },
	{ "memory", 0, memory_back },
	{ "told-last", 3, told_last },
	{ "hide", 2, hide },
	{ "hidden", 2, hidden },
	{ "flagged", 2, flagged },
	{ "told-once", 2, told_once },
	{ "damage", 2, break_page },
	{ "damage-at", 1, break_at },
	{ "mend-page", 0, mend_page },
	{ "damage-noio", 0, damage_noio },
	{ "heal-page", 0, heal_page },
	{ "told", 2, told },
	{ "repair-waits", 2, repair_waits },
	{ "copy-fails", 3, copy_fails },
	{ }
};
