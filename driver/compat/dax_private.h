/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions of the DAX bus and core that are exported to modules but declared in no public header.
 */
#ifndef FSDEV_COMPAT_DAX_PRIVATE_H
#define FSDEV_COMPAT_DAX_PRIVATE_H

#include <linux/dax.h>
#include <linux/module.h>

int __dax_driver_register(struct dax_device_driver *driver, struct module *module, const char *name);
void dax_driver_unregister(struct dax_device_driver *driver);
void run_dax(struct dax_device *dax_dev);
void kill_dev_dax(struct dev_dax *dev_dax);
bool static_dev_dax(struct dev_dax *dev_dax);
struct inode *dax_inode(struct dax_device *dax_dev);

#ifndef dax_driver_register
#define dax_driver_register(driver) __dax_driver_register(driver, THIS_MODULE, KBUILD_MODNAME)
#endif

/*
 * The bus offers every new device to the driver of its type. Device-dax and kmem have types of their own; 7.1 and later
 * know a third, which fs_dax_get() of those kernels asks for, and which the bus gives to no device by itself. Older
 * kernels do not know it and so never match it either.
 */
#ifdef FSDEV_HAVE_DAX_DEVICE_DRIVER_TYPE
#define COMPAT_DAX_DRIVER_TYPE .type = 2,
#else
#define COMPAT_DAX_DRIVER_TYPE
#endif

#endif
