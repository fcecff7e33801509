// SPDX-License-Identifier: GPL-2.0
/*
 * Sleep: hibernation does not keep what is in a dynamic device, as its memory is in no image. What
 * has been mounted from it, or owns it, would come back to other contents. So hibernation is
 * refused while one is in use. Memory of a static device keeps its contents by itself.
 *
 * Suspend and hibernation are refused as well while a device is being unbound. The unbind has the
 * device's lock, which suspending the device takes; and what it waits for may be a process that is
 * frozen by then.
 */
#include <linux/device.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/suspend.h>

#include "device.h"
#include "holder.h"
#include "sleep.h"

static DEFINE_MUTEX(sleep_lock);
/* Devices that are bound, and those that are being unbound; protected by sleep_lock. */
static LIST_HEAD(sleep_bound);
static LIST_HEAD(sleep_unbinding);

static bool sleep_in_use(struct fsdev *fsdev)
{
	return fsdev_holder_exists(fsdev) || compat_disk_claimed(fsdev->disk);
}

static bool sleep_refused(unsigned long action)
{
	struct fsdev *fsdev;

	list_for_each_entry(fsdev, &sleep_unbinding, sleep.list) {
		dev_warn(fsdev_dev(fsdev), "suspend and hibernation refused: the device is being unbound\n");
		return true;
	}
	if (action != PM_HIBERNATION_PREPARE)
		return false;
	list_for_each_entry(fsdev, &sleep_bound, sleep.list) {
		if (fsdev->persistent || !sleep_in_use(fsdev))
			continue;
		dev_warn(fsdev_dev(fsdev), "hibernation refused: the device is in use, and its memory does not keep its contents\n");
		return true;
	}
	return false;
}

static int sleep_notify(struct notifier_block *block, unsigned long action, void *data)
{
	bool refused;

	if (action != PM_HIBERNATION_PREPARE && action != PM_SUSPEND_PREPARE)
		return NOTIFY_DONE;
	mutex_lock(&sleep_lock);
	refused = sleep_refused(action);
	mutex_unlock(&sleep_lock);
	return refused ? notifier_from_errno(-EBUSY) : NOTIFY_DONE;
}

static struct notifier_block sleep_block = {
	.notifier_call = sleep_notify,
};

/**
 * sleep_bind() - have the device looked at before the system sleeps
 * @fsdev: a device whose probe is about to succeed
 *
 * Context: probe, may sleep.
 * Return: 0.
 */
int sleep_bind(struct fsdev *fsdev)
{
	mutex_lock(&sleep_lock);
	list_move(&fsdev->sleep.list, &sleep_bound);
	mutex_unlock(&sleep_lock);
	return 0;
}

/**
 * sleep_unbind() - refuse suspend and hibernation while a device is being unbound
 * @fsdev: the device
 *
 * Context: removal; may sleep.
 */
void sleep_unbind(struct fsdev *fsdev)
{
	mutex_lock(&sleep_lock);
	list_move(&fsdev->sleep.list, &sleep_unbinding);
	mutex_unlock(&sleep_lock);
}

/**
 * sleep_forget() - end what sleep_bind() has begun
 * @fsdev: a device that is unbound but for its structure, or whose probe has failed
 *
 * Context: may sleep.
 */
void sleep_forget(struct fsdev *fsdev)
{
	mutex_lock(&sleep_lock);
	list_del_init(&fsdev->sleep.list);
	mutex_unlock(&sleep_lock);
}

/**
 * sleep_init() - prepare for the system's sleep
 *
 * Return: 0 or a negative errno.
 */
int __init sleep_init(void)
{
	return register_pm_notifier(&sleep_block);
}

/**
 * sleep_exit() - undo sleep_init()
 */
void sleep_exit(void)
{
	unregister_pm_notifier(&sleep_block);
}
