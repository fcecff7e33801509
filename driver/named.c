// SPDX-License-Identifier: GPL-2.0
/*
 * fsdev_dax: this driver under the name of the kernel's own driver for DAX file systems (7.1).
 *
 * daxctl calls mode famfs what the driver fsdev_dax has, and loads a module of that name to get
 * it; an alias of fsdev.ko would not do, as it follows none. famfs and other programs look for the
 * driver in sysfs. So this is a module of that name with a second driver of the bus, which calls
 * fsdev.ko for all it does. It is not built where the kernel is configured with its own
 * (CONFIG_DEV_DAX_FSDEV).
 */
#include <linux/module.h>

#include "named.h"

/* probe, remove and shutdown of fsdev.ko */
static struct dax_device_driver fsdev;

/*
 * A disk or a node that is open keeps fsdev.ko, not this module. Each device keeps this one, so
 * that unloading it does not unbind what is mounted.
 */
static int named_probe(struct dev_dax *dev_dax)
{
	int rc;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	rc = fsdev.probe(dev_dax);
	if (rc)
		module_put(THIS_MODULE);
	return rc;
}

/* Caller holds the device_lock, which unregistering the driver waits for: this code stays. */
static void named_remove(struct dev_dax *dev_dax)
{
	fsdev.remove(dev_dax);
	module_put(THIS_MODULE);
}

static struct dax_device_driver named_driver = {
	.probe = named_probe,
	.remove = named_remove,
	COMPAT_DAX_DRIVER_TYPE
};

static int __init named_init(void)
{
	fsdev_driver_fill(&fsdev);
	named_driver.drv.shutdown = fsdev.drv.shutdown;
	return dax_driver_register(&named_driver);
}
module_init(named_init);

static void __exit named_exit(void)
{
	dax_driver_unregister(&named_driver);
}
module_exit(named_exit);

MODULE_DESCRIPTION("fsdev under the name of the kernel's driver for DAX file systems");
MODULE_AUTHOR("The fsdev authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(FSDEV_VERSION);
