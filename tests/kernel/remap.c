// SPDX-License-Identifier: GPL-2.0
/*
 * Another user of ftrace that replaces what fsdev replaces, as a livepatch may.
 *
 *   remap-taken   dax_remap_file_range_prep() is replaced, by itself
 *   remap-free
 */
#include <linux/dax.h>

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

const struct test_verb remap_verbs[] = {
	{ "remap-taken", 0, remap_take },
	{ "remap-free", 0, remap_give_back },
	{ }
};

/**
 * remap_exit() - the function is the kernel's own again
 */
void remap_exit(void)
{
	remap_give_back(NULL);
}
