// SPDX-License-Identifier: GPL-2.0
/*
 * slotclient: a client that takes one address for the whole device, and holds it for as long as it is loaded. With keep=1
 * it is unloaded without letting go; with slow=1 it takes until go=1 when it is notified.
 */
#include <linux/delay.h>
#include <linux/module.h>

#include <fsdev/dax.h>

static char *path = "/dev/dax0.0";
module_param(path, charp, 0);

static bool keep;
module_param(keep, bool, 0);

static bool slow;
module_param(slow, bool, 0);

static bool go;
module_param(go, bool, 0600);

static struct dax_device *held;
static long size;

static int client_notify(struct dax_device *dax_dev, u64 offset, u64 len, int mf_flags)
{
	pr_warn("slotclient: of %ld bytes %llu at %llu are lost\n", size, len, offset);
	while (slow && !READ_ONCE(go))
		msleep(20);
	return 0;
}

static const struct dax_holder_operations client_ops = { .notify_failure = client_notify };

static int __init client_init(void)
{
	struct dax_device *dax_dev = fsdev_find_dax_by_path(path);
	void *kaddr;
	int rc;

	if (IS_ERR(dax_dev))
		return PTR_ERR(dax_dev);
	rc = fs_dax_get(dax_dev, &held, &client_ops);
	/* the claim has a reference of its own */
	put_dax(dax_dev);
	if (rc)
		return rc;
	size = fsdev_whole(dax_dev, &kaddr);
	if (size < 0) {
		fs_put_dax(dax_dev, &held);
		return size;
	}
	held = dax_dev;
	pr_info("slotclient: %ld bytes, the last word is %#lx\n", size,
		READ_ONCE(((unsigned long *)(kaddr + size))[-1]));
	return 0;
}
module_init(client_init);

static void __exit client_exit(void)
{
	if (keep)
		return;
	fs_put_dax(held, &held);
	fsdev_notify_drain();
}
module_exit(client_exit);

MODULE_DESCRIPTION("A client of one large piece, for fsdev's tests");
MODULE_LICENSE("GPL");
