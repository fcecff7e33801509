// SPDX-License-Identifier: GPL-2.0
/*
 * Read-only memory: a region of the NVDIMM bus that becomes read-only while it is in use.
 *
 * Probe makes the disk and the operations of read-only memory read-only. Later a region changes by
 * its attribute `read_only` alone. The bus notifies the driver of the namespace then, which for a
 * DAX device is the kernel's dax_pmem, and that hears nothing; so the notification is caught by a
 * kprobe.
 *
 * A device that only read-only file systems use, or none, becomes read-only where it is. From any
 * other user the memory is taken away, as there is no way to leave it its loads and take its
 * stores: the device is unbound and bound again. Blocks are not written any more then, so that a
 * file system is left as by a power failure.
 *
 * A region that becomes writable leaves the device as it is until it is bound again.
 */
#include <linux/blkdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/nd.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "access.h"
#include "device.h"
#include "disk.h"
#include "holder.h"
#include "platform.h"
#include "readonly.h"
#include "supers.h"

static struct workqueue_struct *rebind_queue;
static struct device_driver *our_driver;

/* Whether devices are bound again; changed under rebind_lock, which queueing holds as well. */
static enum { REBIND_NOT_YET, REBIND_GOES, REBIND_STOPPED } rebind_state;
static DEFINE_MUTEX(rebind_lock);
static DECLARE_WAIT_QUEUE_HEAD(rebind_wait);

/**
 * struct rebind - a device that is to be unbound and bound again
 * @work: in rebind_queue
 * @dev: the device, with a reference
 */
struct rebind {
	struct work_struct work;
	struct device *dev;
};

/*
 * The driver that has a device, with a reference to its module: this one, or fsdev_dax where that
 * is ours. NULL if another has it by now, or none; an unbind that is under way is waited for. As in
 * the bus's attribute unbind, what is bound between this look and device_release_driver() is
 * unbound: no function of the driver core does both under its lock.
 */
static struct device_driver *bound_get(struct device *dev)
{
	struct device_driver *driver;

	device_lock(dev);
	driver = dev->driver;
	if (driver && (driver->shutdown != our_driver->shutdown || !try_module_get(driver->owner)))
		driver = NULL;
	device_unlock(dev);
	return driver;
}

static void rebind_run(struct work_struct *work)
{
	struct rebind *rebind = container_of(work, struct rebind, work);
	struct device *dev = rebind->dev;
	struct device_driver *driver;
	int rc = 0;

	wait_event(rebind_wait, READ_ONCE(rebind_state) != REBIND_NOT_YET);
	driver = READ_ONCE(rebind_state) == REBIND_GOES ? bound_get(dev) : NULL;
	if (driver) {
		device_release_driver(dev);
		rc = device_driver_attach(driver, dev);
		module_put(driver->owner);
	}
	if (rc)
		dev_err(dev, "is read-only and was not bound again: error %d\n", rc);
	put_device(dev);
	kfree(rebind);
}

static void rebind_queue_device(struct fsdev *fsdev)
{
	struct rebind *rebind = kmalloc(sizeof(*rebind), GFP_KERNEL | __GFP_NOFAIL);

	INIT_WORK(&rebind->work, rebind_run);
	rebind->dev = get_device(fsdev_dev(fsdev));
	mutex_lock(&rebind_lock);
	/* readonly_stop() waits for what is queued; the driver then leaves the device anyway */
	if (rebind_state != REBIND_STOPPED && queue_work(rebind_queue, &rebind->work))
		rebind = NULL;
	mutex_unlock(&rebind_lock);
	if (!rebind)
		return;
	put_device(rebind->dev);
	kfree(rebind);
}

/*
 * Superblocks of a disk through which nothing is stored: they are read-only, and no file was opened
 * for writing before they were. That is so where one becomes read-only by an error or by force.
 */
struct count {
	const struct gendisk *disk;
	unsigned int nr;
};

static bool count_readonly(struct super_block *sb, void *arg)
{
	struct count *count = arg;

	if (sb->s_bdev && sb->s_bdev->bd_disk == count->disk && sb_rdonly(sb) &&
	    !super_has_writer(sb))
		count->nr++;
	return true;
}

/* May a store be under way, or come? The disk is read-only by now: no new writer opens it. */
static bool has_writer(struct fsdev *fsdev)
{
	unsigned int openers = disk_openers(fsdev->disk);
	struct count count = { .disk = fsdev->disk };

	if (!openers)
		return fsdev_holder_exists(fsdev);
	supers_each(count_readonly, &count);
	return count.nr != openers;
}

static void region_changed(struct work_struct *work)
{
	struct fsdev *fsdev = container_of(work, struct fsdev, readonly.work);
	bool read_only = platform_asks_read_only(fsdev);

	if (read_only == fsdev->platform.read_only)
		return;
	if (!read_only) {
		dev_info(fsdev_dev(fsdev),
			 "the memory is writable again; /dev/%s stays read-only until it is bound again\n",
			 fsdev->disk->disk_name);
		return;
	}
	WRITE_ONCE(fsdev->platform.read_only, true);
	disk_forbid_writes(fsdev);
	/* before it is asked who may write: who comes after this gets no address to store to */
	access_forbid_writes(fsdev);
	if (has_writer(fsdev)) {
		dev_warn(fsdev_dev(fsdev),
			 "the memory has become read-only under a user that may write: it is unbound, and bound again\n");
		rebind_queue_device(fsdev);
		return;
	}
	dev_notice(fsdev_dev(fsdev), "the memory has become read-only\n");
}

static int region_notified(struct kprobe *probe, struct pt_regs *regs)
{
	struct fsdev *fsdev = container_of(probe, struct fsdev, readonly.probe);
	const struct device *dev = (void *)regs_get_kernel_argument(regs, 0);

	if (dev && dev->parent == platform_region(fsdev) &&
	    (u32)regs_get_kernel_argument(regs, 1) == NVDIMM_REVALIDATE_REGION)
		queue_work(system_unbound_wq, &fsdev->readonly.work);
	return 0;
}

/**
 * readonly_watch() - notice that a device's memory becomes read-only
 * @fsdev: a device that is bound
 *
 * Without the watch it is noticed at the next bind.
 *
 * Context: probe, may sleep. Undone by readonly_unwatch().
 */
void readonly_watch(struct fsdev *fsdev)
{
	struct readonly *readonly = &fsdev->readonly;
	int rc;

	if (!platform_region(fsdev))
		return;
	INIT_WORK(&readonly->work, region_changed);
	readonly->probe = (struct kprobe){
		.symbol_name = "nd_device_notify",
		.pre_handler = region_notified,
	};
	rc = register_kprobe(&readonly->probe);
	if (rc) {
		readonly->probe.pre_handler = NULL;
		dev_warn(fsdev_dev(fsdev),
			 "will not notice if %s becomes read-only: error %d\n",
			 dev_name(platform_region(fsdev)), rc);
		return;
	}
	/* what has changed since platform_start() */
	queue_work(system_unbound_wq, &readonly->work);
}

/**
 * readonly_unwatch() - undo readonly_watch()
 * @fsdev: a device whose unbind begins
 *
 * Context: removal; may sleep.
 */
void readonly_unwatch(struct fsdev *fsdev)
{
	struct readonly *readonly = &fsdev->readonly;

	if (!readonly->probe.pre_handler)
		return;
	unregister_kprobe(&readonly->probe);
	cancel_work_sync(&readonly->work);
}

/**
 * readonly_init() - prepare to bind devices again
 * @driver: to which
 *
 * Return: 0 or -ENOMEM.
 */
int __init readonly_init(struct device_driver *driver)
{
	our_driver = driver;
	rebind_queue = alloc_workqueue("fsdev_rebind", WQ_UNBOUND, 0);
	return rebind_queue ? 0 : -ENOMEM;
}

static void rebind_set_state(int state)
{
	mutex_lock(&rebind_lock);
	WRITE_ONCE(rebind_state, state);
	mutex_unlock(&rebind_lock);
	wake_up_all(&rebind_wait);
}

/**
 * readonly_begin() - bind devices again from now on
 *
 * Context: the driver is registered, and can no longer fail to be.
 */
void readonly_begin(void)
{
	rebind_set_state(REBIND_GOES);
}

/**
 * readonly_stop() - bind no device again
 *
 * Context: before the driver leaves the bus, or after it could not be registered; may sleep, as
 * long as removals do that have begun.
 */
void readonly_stop(void)
{
	rebind_set_state(REBIND_STOPPED);
	flush_workqueue(rebind_queue);
}

/**
 * readonly_exit() - undo readonly_init()
 *
 * Context: no device is bound; may sleep.
 */
void readonly_exit(void)
{
	destroy_workqueue(rebind_queue);
}
