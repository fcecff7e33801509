// SPDX-License-Identifier: GPL-2.0
/*
 * Flushes of virtio's persistent memory that fail, as they do when its host cannot write the file.
 *
 *   flush-fails   from now on each flush that the host is asked for ends with EIO
 *   flush-works
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
}
