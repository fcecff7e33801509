// SPDX-License-Identifier: GPL-2.0
/*
 * Flushes of virtio's persistent memory that fail, as they do when its host cannot write the file.
 *
 *   flush-fails   from now on each flush that the host is asked for ends with EIO
 *   flush-works
 *   flush-watch        from now on it is seen what addresses fs/dax.c flushes
 *   flush-seen         some, and each of them in the direct map; no more
 *   synchronous NODE   are stores to the memory of this DAX device durable by themselves?
 *   shutdown NODE      calls its driver as reboot(2) does; the device stays bound
 */
#include <linux/kprobes.h>

#include "fsdev_test.h"
#include "include/fsdev/dax.h"

static bool flush_is_failing;

static int flush_returns(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	regs_set_return_value(regs, -EIO);
	return 0;
}

static struct kretprobe flush_probe;

static int flush_fail(char **word)
{
	int rc;

	if (flush_is_failing)
		return -EBUSY;
	/* what register_kretprobe() leaves in it is not for a second time */
	flush_probe = (struct kretprobe){
		.kp.symbol_name = "async_pmem_flush",
		.handler = flush_returns,
	};
	rc = register_kretprobe(&flush_probe);
	flush_is_failing = !rc;
	return rc;
}

static int flush_succeed(char **word)
{
	if (flush_is_failing)
		unregister_kretprobe(&flush_probe);
	flush_is_failing = false;
	return 0;
}

static unsigned long flushed, flushed_hidden;
static bool flush_watched;

/* dax_flush(dax_dev, address, bytes) */
static int flush_entry(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long at = regs_get_kernel_argument(regs, 1);
	unsigned long end = at + regs_get_kernel_argument(regs, 2);

	for (; at < end; at += PAGE_SIZE) {
		flushed++;
		flushed_hidden += page_hidden(PHYS_PFN(__pa(at)));
	}
	return 0;
}

static struct kprobe flush_address_probe;

static int flush_unwatch(void)
{
	if (flush_watched)
		unregister_kprobe(&flush_address_probe);
	flush_watched = false;
	return 0;
}

static int flush_watch(char **word)
{
	int rc;

	flush_unwatch();
	flush_address_probe = (struct kprobe){
		.symbol_name = "dax_flush",
		.pre_handler = flush_entry,
	};
	flushed = 0;
	flushed_hidden = 0;
	rc = register_kprobe(&flush_address_probe);
	flush_watched = !rc;
	return rc;
}

static int flush_seen(char **word)
{
	flush_unwatch();
	report_point(flushed && !flushed_hidden, "what is flushed is in the direct map");
	report_note("%lu pages, %lu are not", flushed, flushed_hidden);
	return 0;
}

static int flush_synchronous(char **word)
{
	struct dax_device *dax_dev = fsdev_find_dax_by_path(word[0]);
	int rc;

	if (IS_ERR(dax_dev))
		return PTR_ERR(dax_dev);
	rc = dax_synchronous(dax_dev) ? 0 : -EOPNOTSUPP;
	put_dax(dax_dev);
	return rc;
}

static int flush_shutdown(char **word)
{
	struct dax_device *dax_dev = fsdev_find_dax_by_path(word[0]);
	struct dev_dax *dev_dax;
	int rc = -ENODEV;

	if (IS_ERR(dax_dev))
		return PTR_ERR(dax_dev);
	dev_dax = dax_get_private(dax_dev);
	if (dev_dax) {
		device_lock(&dev_dax->dev);
		if (dev_dax->dev.driver && dev_dax->dev.driver->shutdown) {
			dev_dax->dev.driver->shutdown(&dev_dax->dev);
			rc = 0;
		}
		device_unlock(&dev_dax->dev);
	}
	put_dax(dax_dev);
	return rc;
}

const struct test_verb flush_verbs[] = {
	{ "flush-fails", 0, flush_fail },
	{ "flush-works", 0, flush_succeed },
	{ "flush-watch", 0, flush_watch },
	{ "flush-seen", 0, flush_seen },
	{ "synchronous", 1, flush_synchronous },
	{ "shutdown", 1, flush_shutdown },
	{ }
};

/**
 * flush_exit() - flushes work again
 */
void flush_exit(void)
{
	flush_succeed(NULL);
	flush_unwatch();
}
