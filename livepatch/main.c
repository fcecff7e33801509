// SPDX-License-Identifier: GPL-2.0
/*
 * fsdev_livepatch: replaces the running kernel's functions of the DAX holder protocol, each only if
 * it has the fault. Undone by writing 0 to /sys/kernel/livepatch/fsdev_livepatch/enabled and then
 * unloading the module.
 */
#include <linux/livepatch.h>
#include <linux/module.h>

#include "driver/kernel_types.h"
#include "livepatch.h"

/* A function of the kernel, the search for its fault, and its replacement. */
struct candidate {
	const char *name;
	bool present;
	const char *(*examine)(void);
	void *replacement;
};

static const struct candidate candidates[] = {
	{ "fs_put_dax", true, examine_put, replace_fs_put_dax },
	{ "dax_holder_notify_failure", true, examine_notify, replace_dax_holder_notify_failure },
	{ "fs_dax_get", COMPAT_KERNEL_HAS_FS_DAX_GET, examine_get, replace_fs_dax_get },
};

/* Ends with an empty entry. */
static struct klp_func functions[ARRAY_SIZE(candidates) + 1];

static struct klp_object objects[] = {
	{ .funcs = functions }, /* no name: vmlinux */
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static unsigned int choose_functions(void)
{
	unsigned int chosen = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(candidates); i++) {
		const char *fault;

		if (!candidates[i].present)
			continue;
		fault = candidates[i].examine();
		if (!fault) {
			pr_info("fsdev_livepatch: %s() stays: nothing is wrong with it\n",
				candidates[i].name);
			continue;
		}
		pr_info("fsdev_livepatch: %s() is replaced: %s\n", candidates[i].name, fault);
		functions[chosen].old_name = candidates[i].name;
		functions[chosen].new_func = candidates[i].replacement;
		chosen++;
	}
	return chosen;
}

static int __init livepatch_init(void)
{
	int rc;

	rc = kernel_types_check();
	if (rc)
		return rc;
	rc = examine_init();
	if (rc)
		return rc;
	if (!choose_functions()) {
		pr_info("fsdev_livepatch: this kernel needs nothing; the module can be unloaded\n");
		return 0;
	}
	rc = klp_enable_patch(&patch);
	if (rc)
		examine_exit();
	return rc;
}
module_init(livepatch_init);

static void __exit livepatch_exit(void)
{
	examine_exit();
}
module_exit(livepatch_exit);

MODULE_DESCRIPTION("Corrections for the holder functions of DAX devices");
MODULE_AUTHOR("The fsdev authors");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
