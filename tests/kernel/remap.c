// SPDX-License-Identifier: GPL-2.0
/*
 * Another user of ftrace that replaces what fsdev replaces, as a livepatch may; and a write-back
 * that fails where fsdev asks for it. And whether mappings are clamped.
 *
 *   clamped            fails with ENOENT where no probe is on iomap_iter_dstmap
 *   remap-taken        dax_remap_file_range_prep() is replaced, by itself
 *   remap-free
 *   write-back-fails   dax_writeback_mapping_range() of whole pieces of 2 MiB fails
 *   write-back-works
 */
#include <linux/dax.h>
#include <linux/kprobes.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/writeback.h>

#include "compat/ftrace.h"
#include "fsdev_test.h"

#ifdef COMPAT_FTRACE_IPMODIFY
static bool remap_is_taken;

static void notrace remap_nothing(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
}

static struct ftrace_ops remap_taker = {
	.func = remap_nothing,
	.flags = COMPAT_FTRACE_IPMODIFY,
};

static int remap_take(char **word)
{
	int rc;

	if (remap_is_taken)
		return -EBUSY;
	rc = ftrace_set_filter_ip(&remap_taker, (unsigned long)dax_remap_file_range_prep, 0, 0);
	if (!rc)
		rc = register_ftrace_function(&remap_taker);
	remap_is_taken = !rc;
	return rc;
}

static int remap_give_back(char **word)
{
	if (remap_is_taken)
		unregister_ftrace_function(&remap_taker);
	remap_is_taken = false;
	return 0;
}
#else
static int remap_take(char **word)
{
	return -EOPNOTSUPP;
}

static int remap_give_back(char **word)
{
	return 0;
}
#endif

static void clamp_find(struct tracepoint *point, void *found)
{
	if (!strcmp(point->name, "iomap_iter_dstmap"))
		*(struct tracepoint **)found = point;
}

static int clamp_look(char **word)
{
	struct tracepoint *point = NULL;

	for_each_kernel_tracepoint(clamp_find, &point);
	return point && rcu_access_pointer(point->funcs) ? 0 : -ENOENT;
}

static bool write_back_watched;

static int write_back_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct writeback_control *wbc = (void *)regs_get_kernel_argument(regs, 2);

	/* not 0: it returns what it returns */
	return !IS_ALIGNED(wbc->range_start, PMD_SIZE) || !IS_ALIGNED(wbc->range_end + 1, PMD_SIZE);
}

static int write_back_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	regs_set_return_value(regs, -EIO);
	return 0;
}

static struct kretprobe write_back_probe = {
	.kp.symbol_name = "dax_writeback_mapping_range",
	.entry_handler = write_back_entry,
	.handler = write_back_return,
	.maxactive = 16,
};

static int write_back_fail(char **word)
{
	int rc = register_kretprobe(&write_back_probe);

	write_back_watched = !rc;
	return rc;
}

static int write_back_work(char **word)
{
	if (write_back_watched)
		unregister_kretprobe(&write_back_probe);
	write_back_watched = false;
	write_back_probe.kp.addr = NULL;
	write_back_probe.kp.flags = 0;
	return 0;
}

const struct test_verb remap_verbs[] = {
	{ "clamped", 0, clamp_look },
	{ "remap-taken", 0, remap_take },
	{ "remap-free", 0, remap_give_back },
	{ "write-back-fails", 0, write_back_fail },
	{ "write-back-works", 0, write_back_work },
	{ }
};

/**
 * remap_exit() - the functions are the kernel's own again
 */
void remap_exit(void)
{
	remap_give_back(NULL);
	write_back_work(NULL);
}
