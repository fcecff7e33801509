// SPDX-License-Identifier: GPL-2.0
/*
 * straggler: claims the DAX devices of disks and never releases them, also when it is unloaded. It calls nothing of
 * fsdev.ko, which may be unloaded before it. With slow=1 it takes until go=1 when it is notified.
 */
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>

static char *disk[4];
static int disks;
module_param_array(disk, charp, &disks, 0);

static bool slow;
module_param(slow, bool, 0);

static bool go;
module_param(go, bool, 0600);

static struct dax_device *held[ARRAY_SIZE(disk)];

static int straggler_notify(struct dax_device *dax_dev, u64 offset, u64 len, int mf_flags)
{
	pr_warn("%s: is notified\n", KBUILD_MODNAME);
	while (slow && !READ_ONCE(go))
		msleep(20);
	pr_warn("%s: goes on\n", KBUILD_MODNAME);
	return 0;
}

static const struct dax_holder_operations straggler_ops = { .notify_failure = straggler_notify };

/* The disk itself is not kept open. */
static int straggler_claim(const char *path, struct dax_device **claim)
{
	struct file *file = filp_open(path, O_RDWR | O_EXCL, 0);
	u64 start;

	if (IS_ERR(file))
		return PTR_ERR(file);
	*claim = fs_dax_get_by_bdev(I_BDEV(file->f_mapping->host), &start, claim, &straggler_ops);
	fput(file);
	return *claim ? 0 : -EBUSY;
}

static int __init straggler_init(void)
{
	int rc = 0, n;

	for (n = 0; n < disks && !rc; n++)
		rc = straggler_claim(disk[n], &held[n]);
	while (rc && n--)
		if (held[n])
			fs_put_dax(held[n], &held[n]);
	return rc;
}
module_init(straggler_init);

static void __exit straggler_exit(void)
{
}
module_exit(straggler_exit);

MODULE_DESCRIPTION("A holder that does not release, for fsdev's tests");
MODULE_LICENSE("GPL");
