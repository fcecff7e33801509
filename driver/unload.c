// SPDX-License-Identifier: GPL-2.0
/*
 * Unload: a module that is unloaded while a file system of its still holds a device leaves
 * operations behind that are no longer there, and a claim that nothing releases. The device is
 * released for it, before its memory is freed.
 *
 * A device is watched from its probe until removal has given its holders up. In between its
 * operations are in one of three places: in the words of the DAX device; in struct unload, from the
 * moment on that the holder is notified of the removal; with late.c, once the binding has ended.
 * They are added to the next place before they are taken from the one before, and are looked for in
 * the same order.
 */
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>

#include "device.h"
#include "holder.h"
#include "late.h"
#include "unload.h"

static DEFINE_MUTEX(unload_lock);
static LIST_HEAD(unload_devices);	/* protected by unload_lock */

static bool is_of(const void *ops, const struct module *module)
{
	return ops && within_module((unsigned long)ops, module);
}

/* Code of the module may run, for this device, until the next grace period has ended. */
static bool device_unloaded(struct fsdev *fsdev, const struct module *module)
{
	struct dax_device *bus_dax = fsdev_bus_dax(fsdev);
	bool held = fsdev_holder_drop(bus_dax, module) | fsdev_holder_drop(fsdev->dax_dev, module);
	bool runs = held;

	/* recorded before they left the words; pairs with record_ops() in holder.c */
	smp_rmb();
	if (is_of(READ_ONCE(fsdev->unload.bus_ops), module)) {
		/* late_leave() awaits no release of it; pairs with late_lock in late_unloaded() */
		WRITE_ONCE(fsdev->unload.unloaded, true);
		held |= fsdev_holder_exists(fsdev) || late_awaits(bus_dax);
		runs = true;
	}
	runs |= is_of(READ_ONCE(fsdev->unload.disk_ops), module);
	if (held)
		dev_err(fsdev_dev(fsdev),
			"module %s is unloaded and has not let go of the DAX device: done for it\n",
			module->name);
	return runs;
}

static int module_changes(struct notifier_block *notifier, unsigned long state, void *data)
{
	const struct module *module = data;
	struct fsdev *fsdev;
	bool runs = false;

	/* its exit function has returned, and its memory is still there */
	if (state != MODULE_STATE_GOING)
		return NOTIFY_OK;
	mutex_lock(&unload_lock);
	list_for_each_entry(fsdev, &unload_devices, unload.list)
		runs |= device_unloaded(fsdev, module);
	mutex_unlock(&unload_lock);
	late_unloaded(module);
	/* a notification of a removal may take long: other modules do not wait for it */
	if (runs)
		holder_drain();
	return NOTIFY_OK;
}

static struct notifier_block unload_notifier = { .notifier_call = module_changes };

/**
 * unload_watch() - look after the holders of a device
 * @fsdev: a device that is being probed and has no holder yet
 *
 * Context: probe, may sleep. Undone by unload_unwatch().
 * Return: 0.
 */
int unload_watch(struct fsdev *fsdev)
{
	mutex_lock(&unload_lock);
	list_add(&fsdev->unload.list, &unload_devices);
	mutex_unlock(&unload_lock);
	return 0;
}

/**
 * unload_unwatch() - undo unload_watch()
 * @fsdev: a device that has no holder any more; after late_leave()
 *
 * Context: removal; may sleep.
 */
void unload_unwatch(struct fsdev *fsdev)
{
	mutex_lock(&unload_lock);
	list_del(&fsdev->unload.list);
	mutex_unlock(&unload_lock);
}

/**
 * unload_init() - watch modules that are unloaded
 *
 * Context: module load, before a device can be bound. Undone by unload_exit().
 * Return: 0 or a negative errno.
 */
int unload_init(void)
{
	return register_module_notifier(&unload_notifier);
}

/**
 * unload_exit() - undo unload_init()
 *
 * Context: module unload, when no device is bound any more: a removal may notify holders.
 */
void unload_exit(void)
{
	unregister_module_notifier(&unload_notifier);
}
