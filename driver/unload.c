// SPDX-License-Identifier: GPL-2.0
/*
 * Unload: a module that is unloaded while a file system of its still holds a device leaves
 * operations behind that are no longer there, and a claim that nothing releases. The device is
 * released for it, before its memory is freed.
 */
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/notifier.h>

#include "access.h"
#include "device.h"
#include "holder.h"
#include "late.h"
#include "unload.h"

static const struct device_driver *bus_driver;

/* Either DAX device of a device in fsdev mode, or one that an ended binding has left. */
static bool holder_unloaded(struct dax_device *bus_dax, const struct module *module)
{
	bool dropped = false;
	int id;

	id = dax_read_lock();
	if (dax_alive(bus_dax) && access_is_ours(bus_dax))
		dropped = fsdev_holder_drop(bus_dax, module) ||
			  fsdev_holder_drop(fsdev_of(bus_dax)->dax_dev, module);
	dax_read_unlock(id);
	return dropped || late_unloaded(bus_dax, module);
}

static int device_unloaded(struct device *dev, void *data)
{
	const struct module *module = data;
	struct dax_device *bus_dax = container_of(dev, struct dev_dax, dev)->dax_dev;

	if (!holder_unloaded(bus_dax, module))
		return 0;
	dev_err(dev, "module %s is unloaded and has not let go of the DAX device: done for it\n",
		module->name);
	/* calls that are still in its code */
	holder_drain();
	return 0;
}

static int module_changes(struct notifier_block *notifier, unsigned long state, void *data)
{
	/* its exit function has returned, and its memory is still there */
	if (state == MODULE_STATE_GOING)
		bus_for_each_dev(bus_driver->bus, NULL, data, device_unloaded);
	return NOTIFY_OK;
}

static struct notifier_block unload_notifier = { .notifier_call = module_changes };

/**
 * unload_init() - watch modules that are unloaded
 * @driver: of the DAX bus, registered
 *
 * Context: module load. Undone by unload_exit().
 * Return: 0 or a negative errno.
 */
int unload_init(const struct device_driver *driver)
{
	bus_driver = driver;
	return register_module_notifier(&unload_notifier);
}

/**
 * unload_exit() - undo unload_init()
 *
 * Context: module unload.
 */
void unload_exit(void)
{
	unregister_module_notifier(&unload_notifier);
}
