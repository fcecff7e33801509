// SPDX-License-Identifier: GPL-2.0
/*
 * The device above, from which the DAX region comes: a platform device, an NVDIMM's, a CXL region.
 *
 * When it loses its driver, the kernel first makes the bus's DAX device dead and notifies its
 * holder, and unbinds this driver only then. The block device has a DAX device of its own, so that
 * its file systems can still write back; a holder of the bus's could not. So this driver is unbound
 * before that, in its own order: by something that the device above has to release. It releases
 * the latest first, which is why it has to have all of its own when this is added. (A device link
 * would do the same, but NVDIMM devices cannot have one.)
 */
#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/rcupdate.h>
#include <linux/wait_bit.h>

#include "device.h"
#include "parent.h"

struct parent_hook {
	struct device *dev;
};

/* How many of them there are: the code that releases them is this module's. */
static atomic_t parent_hooks = ATOMIC_INIT(0);

static void hook_put(struct device *dev)
{
	put_device(dev);
	if (atomic_dec_and_test(&parent_hooks))
		wake_up_var(&parent_hooks);
}

/* The device above is losing its driver. */
static void hook_release(struct device *parent, void *res)
{
	struct parent_hook *hook = res;

	device_release_driver(hook->dev);
	hook_put(hook->dev);
}

static int hook_is_of(struct device *parent, void *res, void *dev)
{
	struct parent_hook *hook = res;

	return hook->dev == dev;
}

/**
 * parent_forget() - undo parent_precede()
 * @fsdev: the device
 *
 * Context: removal.
 */
void parent_forget(struct fsdev *fsdev)
{
	struct device *dev = fsdev_dev(fsdev);

	/* not there if hook_release() has it, which may be what unbinds */
	if (!devres_destroy(dev->parent, hook_release, hook_is_of, dev))
		hook_put(dev);
}

/**
 * parent_precede() - unbind this driver before the device above loses its own
 * @fsdev: a device with nothing but its geometry
 *
 * Context: probe, may sleep. Undone by parent_forget().
 * Return: 0; -EPROBE_DEFER if the device above is still being bound: the driver core asks again
 * when it is; -ENODEV if it is being unbound; -ENOMEM.
 */
int parent_precede(struct fsdev *fsdev)
{
	struct device *dev = fsdev_dev(fsdev), *parent = dev->parent;
	struct parent_hook *hook;

	if (READ_ONCE(parent->links.status) == DL_DEV_PROBING)
		return -EPROBE_DEFER;
	hook = devres_alloc(hook_release, sizeof(*hook), GFP_KERNEL);
	if (!hook)
		return -ENOMEM;
	hook->dev = get_device(dev);
	atomic_inc(&parent_hooks);
	devres_add(parent, hook);
	/*
	 * Its devres may have been released already: then our entry would never run. The driver
	 * core says that it is not bound before it releases, after a failed probe as well.
	 */
	if (READ_ONCE(parent->links.status) != DL_DEV_DRIVER_BOUND) {
		parent_forget(fsdev);
		dev_err(dev, "%s is being removed\n", dev_name(parent));
		return -ENODEV;
	}
	return 0;
}

/**
 * parent_exit() - waits until no device above uses this module's code any more
 *
 * Context: unloading the module, when no device is bound; may sleep.
 */
void parent_exit(void)
{
	wait_var_event(&parent_hooks, !atomic_read(&parent_hooks));
	/* tasks that were preempted between atomic_dec_and_test() and their return to the kernel */
	synchronize_rcu_tasks();
}
