// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel types: is the kernel that runs the one that layout.h was made from?
 *
 * The private structures of the DAX core, and the types of the functions that are called or hooked,
 * are those of the kernel that this module was built for. Its name is no proof of that: a package
 * of the same name can be built anew, and a kernel without CONFIG_MODVERSIONS (Debian's 7.x) loads
 * the module on it. So the types are looked up in the type information that the kernel carries.
 */
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/sysfs.h>

#include "compat/bin_attribute.h"
#include "core/type_record.h"
#include "kernel_types.h"

/* In a section of its own, where tests find it. */
static const struct type_record kernel_types[] __used __section(".fsdev_types") = {
	FSDEV_TYPE_RECORDS
};

/* What a record is of: how it is called, and what its value is. */
static const struct {
	const char *what;
	const char *before;
	const char *after;
} kernel_types_kinds[] = {
	[TYPE_RECORD_STRUCT] = { "struct", "", " bytes" },
	[TYPE_RECORD_MEMBER] = { "struct", "at bit ", "" },
	[TYPE_RECORD_FUNCTION] = { "function", "", " parameters" },
};

static bool kernel_types_fit(const struct type_record *built, const struct type_info *info,
			     u32 id)
{
	const char *before = kernel_types_kinds[built->kind].before;
	const char *after = kernel_types_kinds[built->kind].after;
	struct type_record runs = *built;
	char differs[64];

	/* a function can be inlined, and pahole leaves out what it is not sure of */
	if (!id && built->kind == TYPE_RECORD_FUNCTION) {
		pr_warn("%s: this kernel does not say of which type %s() is; taken to be as it was when the module was built\n",
			THIS_MODULE->name, built->name);
		return true;
	}
	if (!type_record_measure(info, id, &runs))
		snprintf(differs, sizeof(differs), "missing here");
	else if (runs.value != built->value)
		snprintf(differs, sizeof(differs), "%s%u%s here, %s%u%s there", before, runs.value,
			 after, before, built->value, after);
	else if (runs.hash != built->hash)
		snprintf(differs, sizeof(differs), "of another type");
	else
		return true;
	pr_err("%s: this kernel is not the one that the module was built for (%s %s: %s); build the module for it\n",
	       THIS_MODULE->name, kernel_types_kinds[built->kind].what, built->name, differs);
	return false;
}

static int kernel_types_compare(const struct type_info *info)
{
	u32 *ids = kvmalloc_array(ARRAY_SIZE(kernel_types), sizeof(*ids), GFP_KERNEL);
	bool fit = true;

	if (!ids)
		return -ENOMEM;
	type_record_find(info, kernel_types, ARRAY_SIZE(kernel_types), ids);
	for (unsigned int i = 0; fit && i < ARRAY_SIZE(kernel_types); i++)
		fit = kernel_types_fit(&kernel_types[i], info, ids[i]);
	kvfree(ids);
	return fit ? 0 : -ENOEXEC;
}

static int kernel_types_read(const void *btf, size_t size)
{
	struct type_info info;
	u32 *at;
	int rc;

	if (type_info_open(&info, btf, size)) {
		pr_err("%s: this kernel's type information (BTF) is of a form that the module does not know\n",
		       THIS_MODULE->name);
		return -ENOEXEC;
	}
	at = kvmalloc_array((size_t)info.nr + 1, sizeof(*at), GFP_KERNEL);
	if (!at)
		return -ENOMEM;
	type_info_index(&info, at);
	rc = kernel_types_compare(&info);
	kvfree(at);
	return rc;
}

/* The file /sys/kernel/btf/vmlinux, whatever is mounted where; NULL if there is none. */
static struct kernfs_node *kernel_types_node(void)
{
	struct kernfs_node *folder = kernfs_find_and_get(kernel_kobj->sd, "btf");
	struct kernfs_node *node = folder ? kernfs_find_and_get(folder, "vmlinux") : NULL;

	kernfs_put(folder);
	return node;
}

static int kernel_types_copy(struct bin_attribute *file, char *btf)
{
	size_t size;
	ssize_t got;

	for (size_t done = 0; done < file->size; done += got) {
		size = min_t(size_t, file->size - done, SZ_64K);
		got = compat_bin_read(file, kernel_kobj, btf + done, done, size);
		if (got <= 0)
			return got ? got : -EIO;
		cond_resched();
	}
	return 0;
}

/**
 * kernel_types_check() - compare the types that the module relies on with the kernel's
 *
 * Logs one sentence about the first that differs.
 *
 * Context: may sleep; while the module is being loaded.
 * Return: 0; -ENOEXEC: the kernel is another one, or its types cannot be known; or another error.
 */
int __init kernel_types_check(void)
{
	struct kernfs_node *node = kernel_types_node();
	struct bin_attribute *file = node ? node->priv : NULL;
	char *btf;
	int rc;

	if (!file || kernfs_type(node) != KERNFS_FILE || !file->size) {
		pr_err("%s: this kernel has no type information in /sys/kernel/btf/vmlinux to compare the module with\n",
		       THIS_MODULE->name);
		kernfs_put(node);
		return -ENOEXEC;
	}
	btf = kvmalloc(file->size, GFP_KERNEL);
	rc = btf ? kernel_types_copy(file, btf) : -ENOMEM;
	if (!rc)
		rc = kernel_types_read(btf, file->size);
	if (rc && rc != -ENOEXEC)
		pr_err("%s: this kernel's type information cannot be read: error %d\n",
		       THIS_MODULE->name, rc);
	kvfree(btf);
	kernfs_put(node);
	return rc;
}
