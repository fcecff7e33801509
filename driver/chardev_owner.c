// SPDX-License-Identifier: GPL-2.0
/*
 * Owners and watchers of the character device: a descriptor that owns the device is its holder, and
 * has claimed the block device; a watcher has only a queue of events, as the owner has.
 */
#include <linux/dax.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

#include "chardev_file.h"
#include "chardev_owner.h"
#include "device.h"
#include "disk.h"
#include "event.h"
#include "holder.h"
#include "uapi/fsdev.h"

/*
 * Nothing is left to do for memory_failure(): no process has the memory mapped through the owner.
 * The owner learns of the failure from its events.
 */
static int owner_notify_failure(struct dax_device *dax_dev, u64 offset, u64 len, int mf_flags)
{
	return 0;
}

static const struct dax_holder_operations owner_operations = {
	.notify_failure = owner_notify_failure,
};

/*
 * The claim of the block device excludes other users of that and of the bus's DAX device. The DAX
 * device that is claimed besides is this binding's, so that the release, however late it comes,
 * meets no later holder.
 */
static int claim_device(struct chardev_file *file, struct fsdev *device)
{
	struct chardev *chardev = file->chardev;
	int rc;

	lockdep_assert_held(&file->setup);
	lockdep_assert_held_read(&chardev->lock);
	rc = disk_claim(device, file, &file->disk);
	if (rc)
		return rc;
	mutex_lock(&chardev->owning);
	rc = fsdev_holder_claim(device->dax_dev, file, &owner_operations);
	if (!rc) {
		WRITE_ONCE(file->owned, device->dax_dev);
		chardev->owner = file;
	}
	mutex_unlock(&chardev->owning);
	if (rc)
		disk_unclaim(&file->disk);
	return rc;
}

/**
 * chardev_unclaim() - give up a device that a descriptor owns
 * @file: the descriptor
 *
 * Also long after the device was unbound, and while it is bound again and has another owner.
 *
 * Context: may sleep.
 */
void chardev_unclaim(struct chardev_file *file)
{
	struct chardev *chardev = file->chardev;

	mutex_lock(&chardev->owning);
	fsdev_holder_release(file->owned, file);
	chardev->owner = NULL;
	mutex_unlock(&chardev->owning);
	disk_unclaim(&file->disk);
}

/*
 * The queue comes before the claim, so that no event is missed from there on. It becomes the
 * descriptor's only when nothing can fail any more.
 */
static int listen_locked(struct chardev_file *file, struct fsdev_listen *get, bool own)
{
	struct chardev *chardev = file->chardev;
	struct event_queue *queue = file->queue;
	struct fsdev *device;
	int rc = 0;

	lockdep_assert_held(&file->setup);
	if (file->owned || (queue && !own))
		return -EALREADY;
	device = chardev_enter(chardev);
	if (!device)
		return -ENODEV;
	if (!queue)
		queue = event_listen(&chardev->events, get->queue, &get->events);
	else
		get->events = event_last(&chardev->events);
	if (IS_ERR(queue))
		rc = PTR_ERR(queue);
	else if (chardev->leaving)
		rc = -ENODEV;
	else if (own)
		rc = claim_device(file, device);
	chardev_leave(chardev);
	if (!rc) {
		get->queue = event_room(queue);
		/* pairs with smp_load_acquire() in queue_of() in chardev.c */
		smp_store_release(&file->queue, queue);
	} else if (!IS_ERR(queue) && queue != file->queue) {
		event_forget(queue);
	}
	return rc;
}

static long start_listening(struct chardev_file *file, void __user *argument, bool own)
{
	struct fsdev_listen get;
	int rc;

	if (copy_from_user(&get, argument, sizeof(get)))
		return -EFAULT;
	if (get.flags || get.events || get.reserved)
		return -EINVAL;
	mutex_lock(&file->setup);
	rc = listen_locked(file, &get, own);
	mutex_unlock(&file->setup);
	if (rc)
		return rc;
	return copy_to_user(argument, &get, sizeof(get)) ? -EFAULT : 0;
}

/**
 * chardev_own() - FSDEV_IOC_OWN
 * @file: the descriptor
 * @argument: struct fsdev_listen
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
long chardev_own(struct chardev_file *file, void __user *argument)
{
	return start_listening(file, argument, true);
}

/**
 * chardev_watch() - FSDEV_IOC_WATCH
 * @file: the descriptor
 * @argument: struct fsdev_listen
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
long chardev_watch(struct chardev_file *file, void __user *argument)
{
	return start_listening(file, argument, false);
}

/**
 * chardev_is_owner() - does a descriptor own its device?
 * @file: the descriptor
 *
 * Context: any.
 * Return: true if it does; the device may have been unbound.
 */
bool chardev_is_owner(const struct chardev_file *file)
{
	return READ_ONCE(file->owned);
}
