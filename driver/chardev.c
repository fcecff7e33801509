// SPDX-License-Identifier: GPL-2.0
/*
 * The character device: what /dev/daxX.Y is in this mode. It tells a program what the device is
 * and what happens to it, lets one program own it, and moves the memory of a device that has no
 * holder (chardev_data.c). uapi/fsdev.h has the commands.
 *
 * Lifetimes. A descriptor may stay open for as long as a program likes, so it must not keep the
 * device. struct chardev is what both know: the device has a reference from probe to the end of
 * its removal, every descriptor has one. Descriptors reach the device through
 * chardev.device alone, which is taken away before the device dies:
 *
 *  chardev_create()   the object; descriptors of another driver are refused
 *  chardev_attach()   commands find the device | undone: commands in progress are waited for, later
 *                     ones say -ENODEV, reading ends
 *  chardev_open()     the node can be opened   | undone: removal is announced, no descriptor
 *                     starts to own or listen, opening fails
 *
 * The node is a cdev of its own, not the one inside the dax_device: that one would be set up anew
 * by the next driver while descriptors of this one still use it. A descriptor that is left keeps
 * its old cdev on the inode, so open() asks for the device by its number instead of by the cdev.
 *
 * Locks, outermost first:
 *
 *  chardev_file.setup   one descriptor becomes owner or watcher at a time
 *  chardev.lock         read: chardev.device stays as it is, and what it points to works;
 *                       write: it changes. Nothing waits for user space or for the device_lock
 *                       under it, since unbind, which has that, writes
 *  chardev.owning       who owns the device through a descriptor; held over claim and release
 *  chardevs_lock        the list of devices that can be opened
 *  event_source.lock    spinlock, see event.h
 *
 * chardev_file.reading, which keeps readers of one descriptor apart, is held while data goes to
 * user space, and takes only the last of these inside.
 */
#include <linux/cdev.h>
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "chardev.h"
#include "chardev_data.h"
#include "chardev_file.h"
#include "chardev_ioctl.h"
#include "chardev_owner.h"
#include "device.h"
#include "event.h"
#include "memory.h"

static DEFINE_MUTEX(chardevs_lock);
static LIST_HEAD(chardevs);

static void chardev_release(struct kref *ref)
{
	kfree(container_of(ref, struct chardev, ref));
}

/* The descriptor's queue, or NULL; without a lock, since it stays once it is there. */
static struct event_queue *queue_of(struct chardev_file *file)
{
	/* pairs with smp_store_release() in listen_locked() in chardev_owner.c */
	return smp_load_acquire(&file->queue);
}

static bool readable(struct chardev_file *file, struct event_queue *queue)
{
	return event_waiting(queue) || event_is_over(&file->chardev->events);
}

/* As many whole events as there are and fit. */
static ssize_t read_events(struct chardev_file *file, struct event_queue *queue, char __user *to,
			   size_t size)
{
	struct fsdev_event event;
	size_t done = 0;

	lockdep_assert_held(&file->reading);
	while (size - done >= sizeof(event) && event_peek(queue, &event)) {
		if (copy_to_user(to + done, &event, sizeof(event)))
			return done ?: -EFAULT;
		event_pop(queue);
		done += sizeof(event);
	}
	return done;
}

static ssize_t wait_events(struct file *handle, struct event_queue *queue, char __user *to,
			   size_t size)
{
	struct chardev_file *file = handle->private_data;
	struct event_source *events = &file->chardev->events;
	ssize_t done;
	bool over;

	if (size < sizeof(struct fsdev_event))
		return -EINVAL;
	for (;;) {
		if (mutex_lock_interruptible(&file->reading))
			return -ERESTARTSYS;
		/* asked first: nothing comes after it */
		over = event_is_over(events);
		done = read_events(file, queue, to, size);
		mutex_unlock(&file->reading);
		if (done || over)
			return done;
		if (handle->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(events->wait, readable(file, queue)))
			return -ERESTARTSYS;
	}
}

/* A descriptor that owns the device or watches it has its events, another one the memory. */
static ssize_t chardev_read(struct file *handle, char __user *to, size_t size, loff_t *pos)
{
	struct event_queue *queue = queue_of(handle->private_data);

	if (queue)
		return wait_events(handle, queue, to, size);
	return chardev_data_read(handle, to, size, pos);
}

static ssize_t chardev_write(struct file *handle, const char __user *from, size_t size, loff_t *pos)
{
	if (queue_of(handle->private_data))
		return -EINVAL;
	return chardev_data_write(handle, from, size, pos);
}

static loff_t chardev_llseek(struct file *handle, loff_t offset, int whence)
{
	if (queue_of(handle->private_data))
		return -ESPIPE;
	return chardev_data_seek(handle, offset, whence);
}

static int chardev_fsync(struct file *handle, loff_t start, loff_t end, int datasync)
{
	return chardev_data_sync(handle);
}

static __poll_t chardev_poll(struct file *handle, poll_table *table)
{
	struct chardev_file *file = handle->private_data;
	struct event_queue *queue = queue_of(file);
	__poll_t mask = 0;

	poll_wait(handle, &file->chardev->events.wait, table);
	if (queue && event_waiting(queue))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (event_is_over(&file->chardev->events))
		mask |= EPOLLHUP | EPOLLERR;
	return mask;
}

static struct chardev *find_chardev(dev_t devt)
{
	struct chardev *chardev;

	lockdep_assert_held(&chardevs_lock);
	list_for_each_entry(chardev, &chardevs, list) {
		if (chardev->devt == devt)
			return chardev;
	}
	return NULL;
}

/*
 * device_dax gives the node a mapping whose operations are the module's, and leaves it there. The
 * kernel looks at the operations after this, when the module may have been unloaded.
 */
static void forget_device_dax(struct inode *inode, struct file *handle)
{
	inode->i_mapping = &inode->i_data;
	handle->f_mapping = inode->i_mapping;
	handle->f_wb_err = filemap_sample_wb_err(handle->f_mapping);
}

static int chardev_file_open(struct inode *inode, struct file *handle)
{
	struct chardev *chardev;
	struct chardev_file *file;

	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return -ENOMEM;
	mutex_init(&file->setup);
	mutex_init(&file->reading);
	mutex_lock(&chardevs_lock);
	chardev = find_chardev(inode->i_rdev);
	if (chardev)
		kref_get(&chardev->ref);
	mutex_unlock(&chardevs_lock);
	if (!chardev) {
		kfree(file);
		return -ENXIO;
	}
	file->chardev = chardev;
	handle->private_data = file;
	forget_device_dax(inode, handle);
	return 0;
}

static int chardev_file_release(struct inode *inode, struct file *handle)
{
	struct chardev_file *file = handle->private_data;

	if (file->owned)
		chardev_unclaim(file);
	if (file->queue)
		event_forget(file->queue);
	kref_put(&file->chardev->ref, chardev_release);
	kfree(file);
	return 0;
}

/*
 * No mmap: the memory belongs to the device's holder, and processes map files of a file system. A
 * program that looks whether there is one sees the same as with the kernel's fsdev_dax.
 */
static const struct file_operations chardev_operations = {
	.owner = THIS_MODULE,
	.open = chardev_file_open,
	.release = chardev_file_release,
	.llseek = chardev_llseek,
	.read = chardev_read,
	.write = chardev_write,
	.fsync = chardev_fsync,
	.poll = chardev_poll,
	.unlocked_ioctl = chardev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/**
 * chardev_put() - undo chardev_create()
 * @fsdev: the device
 *
 * Context: removal.
 */
void chardev_put(struct fsdev *fsdev)
{
	kref_put(&fsdev->chardev->ref, chardev_release);
}

/**
 * chardev_create() - makes what the device and its descriptors will share
 * @fsdev: the device, with nothing but its geometry
 *
 * A descriptor that is left from the device's time with another driver could still map the memory,
 * under whatever file system comes now; so there must not be one.
 *
 * Context: probe, may sleep. Undone by chardev_put().
 * Return: 0; -EBUSY if another driver's descriptors are open; -ENOMEM.
 */
int chardev_create(struct fsdev *fsdev)
{
	struct device *dev = fsdev_dev(fsdev);
	struct chardev *chardev;
	unsigned int open;

	open = kref_read(&fsdev_bus_dax(fsdev)->cdev.kobj.kref);
	if (open) {
		dev_err(dev, "/dev/%s is still open from its time with another driver: close it\n",
			dev_name(dev));
		return -EBUSY;
	}
	chardev = kzalloc(sizeof(*chardev), GFP_KERNEL);
	if (!chardev)
		return -ENOMEM;
	kref_init(&chardev->ref);
	INIT_LIST_HEAD(&chardev->list);
	init_rwsem(&chardev->lock);
	mutex_init(&chardev->owning);
	event_source_init(&chardev->events);
	chardev->devt = dev->devt;
	fsdev->chardev = chardev;
	fsdev->events = &chardev->events;
	return 0;
}

static void set_device(struct chardev *chardev, struct fsdev *device)
{
	down_write(&chardev->lock);
	chardev->device = device;
	up_write(&chardev->lock);
}

/**
 * chardev_detach() - undo chardev_attach()
 * @fsdev: a device that is still alive
 *
 * Commands in progress are waited for, and later ones are refused; reading ends.
 *
 * Context: removal; may sleep.
 */
void chardev_detach(struct fsdev *fsdev)
{
	set_device(fsdev->chardev, NULL);
	event_leave(&fsdev->chardev->events, memory_size(fsdev));
	event_end(&fsdev->chardev->events);
}

/**
 * chardev_attach() - lets commands use the device
 * @fsdev: a device that is open for access
 *
 * Context: probe, may sleep. Undone by chardev_detach().
 * Return: 0.
 */
int chardev_attach(struct fsdev *fsdev)
{
	set_device(fsdev->chardev, fsdev);
	return 0;
}

/**
 * chardev_close() - undo chardev_open()
 * @fsdev: the device
 *
 * The node cannot be opened any more, and owner and watchers are told of the removal.
 *
 * Context: removal; may sleep.
 */
void chardev_close(struct fsdev *fsdev)
{
	struct chardev *chardev = fsdev->chardev;

	mutex_lock(&chardevs_lock);
	list_del_init(&chardev->list);
	mutex_unlock(&chardevs_lock);
	cdev_del(chardev->node);
	down_write(&chardev->lock);
	chardev->leaving = true;
	up_write(&chardev->lock);
	event_leave(&chardev->events, memory_size(fsdev));
}

/**
 * chardev_open() - lets programs open the node
 * @fsdev: a device that is complete
 *
 * Context: probe, may sleep. Undone by chardev_close().
 * Return: 0 or a negative errno.
 */
int chardev_open(struct fsdev *fsdev)
{
	struct chardev *chardev = fsdev->chardev;
	struct cdev *node;
	int rc;

	node = cdev_alloc();
	if (!node)
		return -ENOMEM;
	node->owner = THIS_MODULE;
	node->ops = &chardev_operations;
	rc = cdev_add(node, chardev->devt, 1);
	if (rc) {
		kobject_put(&node->kobj);
		return rc;
	}
	chardev->node = node;
	mutex_lock(&chardevs_lock);
	list_add(&chardev->list, &chardevs);
	mutex_unlock(&chardevs_lock);
	return 0;
}
