// SPDX-License-Identifier: GPL-2.0
/*
 * Direct map: the kernel leaves the pages of bound devices in it when they fail.
 *
 * After a machine check, when memory_failure() has returned, the kernel takes the page out of the
 * direct map (set_mce_nospec()), at any time and without notifying the driver. Three
 * still access the page by then, and none of them has an exception table:
 *
 *  - fs/dax.c writes dirty pages of a file back, through the direct map and without asking the
 *    driver;
 *  - a writer that was given the page before it failed;
 *  - every caller, where the page was repaired in between.
 *
 * So ftrace redirects set_mce_nospec() for pages of this driver's page maps, and they stay. The
 * poison set keeps them from being handed out. What is lost is the protection from a speculative
 * load, which raises no machine check but may be logged as an error.
 *
 * The hook is there from the first bind until the module is unloaded: to take it off goes over all
 * functions of the kernel several times, which would be most of the cost of an unbind. It is
 * permanent: kernel.ftrace_enabled cannot be cleared. Where it cannot be had, as a livepatch has
 * the function, devices are bound all the same, the next bind tries again, and repairs wait for
 * POISON_REPORT_GRACE: see poison_report_end().
 */
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "compat/ftrace.h"
#include "device.h"
#include "direct_map.h"

/* What pages may stay: those whose page maps have these operations. */
static const struct dev_pagemap_ops *direct_map_ops;

/* The hook is there. */
static bool direct_map_hooked;

#if defined(CONFIG_X86_MCE) && defined(COMPAT_FTRACE_IPMODIFY)
/* protects the hook */
static DEFINE_MUTEX(direct_map_lock);

/* In the place of set_mce_nospec() */
static noinline int direct_map_keep(unsigned long pfn)
{
	return 0;
}

static bool direct_map_ours(unsigned long pfn)
{
	struct dev_pagemap *pgmap = compat_get_pagemap(pfn);
	bool ours;

	if (!pgmap)
		return false;
	ours = READ_ONCE(pgmap->ops) == direct_map_ops;
	put_dev_pagemap(pgmap);
	return ours;
}

static void notrace direct_map_redirect(unsigned long ip, unsigned long parent_ip,
					struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	if (direct_map_ours(compat_ftrace_argument(fregs, 0)))
		compat_ftrace_set_ip(fregs, (unsigned long)direct_map_keep);
}

static struct ftrace_ops direct_map_hook = {
	.func = direct_map_redirect,
	.flags = COMPAT_FTRACE_IPMODIFY,
};

/* Has the hook a filter to be freed? Protected by direct_map_lock. */
static bool direct_map_filtered;

static unsigned char direct_map_function[] = "set_mce_nospec";

static int hook_install(void)
{
	int rc;

	direct_map_filtered = true;
	rc = ftrace_set_filter(&direct_map_hook, direct_map_function, strlen(direct_map_function),
			       1);
	if (!rc)
		rc = register_ftrace_function(&direct_map_hook);
	/* the filter stays, for the next try: before 7.0 one that is freed must not be set again */
	return rc;
}

/**
 * direct_map_get() - keep the pages of a device in the direct map
 * @fsdev: a device that is being bound
 * @ops: of its page maps; the same for all devices
 *
 * Where that cannot be done it is logged. Unbinding leaves the hook: with no page map of @ops it
 * does nothing.
 *
 * Context: probe, may sleep. Undone by direct_map_exit().
 */
void direct_map_get(struct fsdev *fsdev, const struct dev_pagemap_ops *ops)
{
	int rc = 0;

	mutex_lock(&direct_map_lock);
	direct_map_ops = ops;
	if (!direct_map_hooked) {
		rc = hook_install();
		WRITE_ONCE(direct_map_hooked, !rc);
	}
	mutex_unlock(&direct_map_lock);
	if (rc)
		dev_warn(fsdev_dev(fsdev),
			 "failing pages may leave the direct map: set_mce_nospec() cannot be replaced (error %d), as by a livepatch; write-back of such a page would be fatal\n",
			 rc);
}

/**
 * direct_map_exit() - undo direct_map_get(), and wait until no task is inside direct_map_keep()
 *
 * Context: unloading the module, when no device is bound; may sleep.
 */
void direct_map_exit(void)
{
	if (direct_map_hooked)
		unregister_ftrace_function(&direct_map_hook);
	direct_map_hooked = false;
	synchronize_rcu_tasks();
	if (direct_map_filtered)
		ftrace_free_filter(&direct_map_hook);
}
#else
void direct_map_get(struct fsdev *fsdev, const struct dev_pagemap_ops *ops)
{
	direct_map_ops = ops;
	/* without machine checks the kernel takes no page out */
	direct_map_hooked = !IS_ENABLED(CONFIG_X86_MCE);
}

void direct_map_exit(void)
{
}
#endif

/**
 * direct_map_kept() - do failing pages stay in the direct map?
 *
 * Context: any, while a device is bound.
 * Return: true if they do.
 */
bool direct_map_kept(void)
{
	return READ_ONCE(direct_map_hooked);
}
