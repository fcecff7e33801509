/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What layout.h leaves to say about the DAX bus: registering a driver, and of which type it is.
 */
#ifndef FSDEV_COMPAT_DAX_PRIVATE_H
#define FSDEV_COMPAT_DAX_PRIVATE_H

#include <linux/module.h>

#define dax_driver_register(driver) __dax_driver_register(driver, THIS_MODULE, KBUILD_MODNAME)

/*
 * The bus offers every new device to the driver of its type. Device-dax and kmem have types of
 * their own; 7.1 and later know a third, which fs_dax_get() of those kernels asks for, and
 * which the bus gives to no device by itself. Elsewhere it is a number that no type has.
 */
#ifdef FSDEV_HAVE_DAXDRV_FSDEV_TYPE
#define COMPAT_DAX_FSDEV_TYPE DAXDRV_FSDEV_TYPE
#else
#define COMPAT_DAX_FSDEV_TYPE 0x66736465
#endif

#ifdef FSDEV_HAVE_DAX_DEVICE_DRIVER_TYPE
#define COMPAT_DAX_DRIVER_TYPE .type = COMPAT_DAX_FSDEV_TYPE,

/**
 * compat_is_fsdev_mode() - is a driver one for file systems, the kernel's or ours?
 * @driver: a driver of the DAX bus
 *
 * Return: true if its type says so.
 */
static inline bool compat_is_fsdev_mode(const struct dax_device_driver *driver)
{
	return driver->type == COMPAT_DAX_FSDEV_TYPE;
}
#else
#define COMPAT_DAX_DRIVER_TYPE

static inline bool compat_is_fsdev_mode(const struct dax_device_driver *driver)
{
	return false;
}
#endif

/**
 * compat_bus_locks_ranges() - who keeps a device's ranges from changing?
 *
 * The bus has dax_region_rwsem and dax_dev_rwsem for that since 6.9, both static to it. An export
 * tells these kernels from older ones: the series that brought the locks also brought the attribute
 * `memmap_on_memory`, for which the bus needs mhp_supports_memmap_on_memory().
 *
 * Return: true if the bus has locks of its own; false if it takes the device_lock.
 */
static inline bool compat_bus_locks_ranges(void)
{
#ifdef FSDEV_HAVE_MHP_SUPPORTS_MEMMAP_ON_MEMORY
	return true;
#else
	return false;
#endif
}

#endif
