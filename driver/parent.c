// SPDX-License-Identifier: GPL-2.0
/*
 * The device above, from which the DAX region comes: a platform device, an NVDIMM's, a CXL region.
 *
 * When it loses its driver, the kernel first makes the DAX device dead and tells the holder, and
 * unbinds this driver only then. What a file system still has could not be written any more, XFS
 * of 7.x would walk four billion pages, and ext4 would wait for ever. So this driver is unbound
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

struct leave {
	struct device *dev;
};

/* How many of them there are: the code that releases them is this module's. */
static atomic_t leaves = ATOMIC_INIT(0);

static void leave_gone(struct device *dev)
{
	put_device(dev);
	if (atomic_dec_and_test(&leaves))
		wake_up_var(&leaves);
}

/* The device above is losing its driver. */
static void leave_now(struct device *parent, void *res)
{
	struct leave *leave = res;

	device_release_driver(leave->dev);
	leave_gone(leave->dev);
}

static int leave_of(struct device *parent, void *res, void *dev)
{
	struct leave *leave = res;

	return leave->dev == dev;
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

	/* not there if leave_now() has it, which may be what unbinds */
	if (!devres_destroy(dev->parent, leave_now, leave_of, dev))
		leave_gone(dev);
}

/**
 * parent_precede() - has this driver leave before the driver of the device above does
 * @fsdev: a device with nothing but its geometry
 *
 * Context: probe, may sleep. Undone by parent_forget().
 * Return: 0; -EPROBE_DEFER if the device above is still being bound: the driver core asks again
 * when it is; -ENODEV if it is being unbound; -ENOMEM.
 */
int parent_precede(struct fsdev *fsdev)
{
	struct device *dev = fsdev_dev(fsdev), *parent = dev->parent;
	struct leave *leave;

	if (READ_ONCE(parent->links.status) == DL_DEV_PROBING)
		return -EPROBE_DEFER;
	leave = devres_alloc(leave_now, sizeof(*leave), GFP_KERNEL);
	if (!leave)
		return -ENOMEM;
	leave->dev = get_device(dev);
	atomic_inc(&leaves);
	devres_add(parent, leave);
	/* from when this is so its things are released, and this may have come too late */
	if (READ_ONCE(parent->links.status) == DL_DEV_UNBINDING) {
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
	wait_var_event(&leaves, !atomic_read(&leaves));
	/* tasks that were preempted between atomic_dec_and_test() and their return to the kernel */
	synchronize_rcu_tasks();
}
