// SPDX-License-Identifier: GPL-2.0
/*
 * The memory itself through the character device, at device offsets: for tools that look at what
 * lies there, as the super block of a file system without a block device.
 *
 * Page by page, by way of a buffer: the device is entered for one page at a time, and no lock is
 * held over an access to user space. A holder excludes it: each page is moved under the disk's
 * open_mutex, and for a write claims of the bus's DAX device are denied meanwhile, so that a store
 * is over before a holder has the device.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "chardev_data.h"
#include "chardev_file.h"
#include "device.h"
#include "discover.h"
#include "disk.h"
#include "memory.h"
#include "platform.h"
#include "poison.h"
#include "repair.h"

/* Part of a page, read machine-check-safe: how many bytes, or a negative errno. */
static ssize_t page_load(struct fsdev *device, u64 offset, void *buffer, size_t n)
{
	bool good = poison_good(&device->poison, offset, n) == n;
	size_t left;
	u64 run;

	smp_rmb(); /* pairs with smp_mb() in repair_locked() in repair.c */
	if (!good)
		return -EIO;
	if (device->shared)
		memory_refresh_range(device, offset, n);
	left = copy_mc_to_kernel(buffer, memory_address(device, offset, &run), n);
	return left == n ? -EIO : n - left;
}

/* A poisoned page is repaired if it is overwritten as a whole; the rest of it would be lost. */
static ssize_t page_store(struct fsdev *device, u64 offset, const void *buffer, size_t n)
{
	bool good = poison_good(&device->poison, offset, n) == n;
	u64 run;

	smp_rmb(); /* pairs with smp_mb() in repair_locked() in repair.c */
	if (good) {
		/* the rest of a cache line goes out with what is stored in it */
		if (device->shared)
			memory_refresh_range(device, offset, n);
		memory_store(device, memory_address(device, offset, &run), buffer, n);
		return n;
	}
	if (n < PAGE_SIZE)
		return -EIO;
	return repair_page(device, offset, buffer) ?: n;
}

/* While nothing else has the memory: none of the claims of the disk and of the bus's DAX device. */
static ssize_t page_move_alone(struct fsdev *device, u64 offset, void *buffer, size_t n,
			       bool write)
{
	ssize_t rc = disk_hold_off(device, write);

	if (rc)
		return rc;
	if (write)
		rc = page_store(device, offset, buffer, n);
	else
		rc = page_load(device, offset, buffer, n);
	disk_let_in(device, write);
	return rc;
}

static ssize_t page_move(struct chardev *chardev, struct fsdev *device, u64 offset, void *buffer,
			 size_t n, bool write)
{
	ssize_t rc;

	lockdep_assert_held_read(&chardev->lock);
	if (offset >= memory_size(device))
		return write ? -ENOSPC : 0;
	if (write && READ_ONCE(device->platform.read_only))
		return -EROFS;
	/* the disk goes only after this was set under the lock */
	if (chardev->leaving)
		return -ENODEV;
	rc = page_move_alone(device, offset, buffer, n, write);
	/* again where it was repaired meanwhile */
	if (!write && rc != -EBUSY && rc != n &&
	    !discover_read_error(device, ALIGN_DOWN(offset, PAGE_SIZE)))
		rc = page_move_alone(device, offset, buffer, n, write);
	return rc;
}

static ssize_t page_enter(struct chardev *chardev, u64 offset, void *buffer, size_t n, bool write)
{
	struct fsdev *device = chardev_enter(chardev);
	ssize_t rc;

	if (!device)
		return -ENODEV;
	rc = page_move(chardev, device, offset, buffer, n, write);
	chardev_leave(chardev);
	return rc;
}

/*
 * As for /dev/mem. Asked of who opened the node: a program that is given the descriptor as its
 * output is not made to write by that.
 */
static bool may_move(const struct file *handle)
{
	return file_ns_capable(handle, &init_user_ns, CAP_SYS_RAWIO);
}

/**
 * chardev_data_read() - read the device's memory
 * @handle: the open node
 * @to: where to
 * @size: bytes
 * @pos: device offset, which is moved on
 *
 * Context: process; may sleep.
 * Return: bytes up to the first that cannot be read or the end; -EPERM without CAP_SYS_RAWIO,
 * -EBUSY while the device is held or its block device claimed, -EIO for poison, -ENODEV after the
 * device was unbound, -EFAULT, -EINTR, -ENOMEM.
 */
ssize_t chardev_data_read(struct file *handle, char __user *to, size_t size, loff_t *pos)
{
	struct chardev_file *file = handle->private_data;
	size_t done = 0, n;
	ssize_t rc = 0;
	void *buffer;

	if (!may_move(handle))
		return -EPERM;
	buffer = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	while (done < size) {
		n = min_t(size_t, size - done, PAGE_SIZE - offset_in_page(*pos + done));
		rc = page_enter(file->chardev, *pos + done, buffer, n, false);
		if (rc > 0 && copy_to_user(to + done, buffer, rc))
			rc = -EFAULT;
		if (rc > 0)
			done += rc;
		if (rc != n)
			break;
		rc = fatal_signal_pending(current) ? -EINTR : 0;
		if (rc)
			break;
		cond_resched();
	}
	kfree(buffer);
	*pos += done;
	return done ?: rc;
}

/**
 * chardev_data_sync() - make durable what was written
 * @handle: the open node
 *
 * Context: process; may sleep.
 * Return: 0; -ENODEV after the device was unbound; an error of the platform's flush.
 */
int chardev_data_sync(struct file *handle)
{
	struct chardev_file *file = handle->private_data;
	struct fsdev *device = chardev_enter(file->chardev);
	int rc;

	if (!device)
		return -ENODEV;
	rc = platform_flush(device);
	chardev_leave(file->chardev);
	return rc;
}

/**
 * chardev_data_write() - write to the device's memory
 * @handle: the open node
 * @from: where from
 * @size: bytes
 * @pos: device offset, which is moved on
 *
 * Context: process; may sleep.
 * Return: bytes, -ENOSPC behind the end, -EROFS for memory that must not be written, else as
 * chardev_data_read(). A poisoned page becomes good when it is overwritten as a whole.
 */
ssize_t chardev_data_write(struct file *handle, const char __user *from, size_t size, loff_t *pos)
{
	struct chardev_file *file = handle->private_data;
	size_t done = 0, n;
	ssize_t rc = 0;
	void *buffer;

	if (!may_move(handle))
		return -EPERM;
	buffer = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!buffer)
		return -ENOMEM;
	while (done < size) {
		n = min_t(size_t, size - done, PAGE_SIZE - offset_in_page(*pos + done));
		rc = -EFAULT;
		if (copy_from_user(buffer, from + done, n))
			break;
		rc = page_enter(file->chardev, *pos + done, buffer, n, true);
		if (rc < 0)
			break;
		done += n;
		rc = fatal_signal_pending(current) ? -EINTR : 0;
		if (rc)
			break;
		cond_resched();
	}
	kfree(buffer);
	*pos += done;
	if (done && (handle->f_flags & O_DSYNC)) {
		int error = chardev_data_sync(handle);

		if (error)
			return error;
	}
	return done ?: rc;
}

/**
 * chardev_data_seek() - move the position of a descriptor
 * @handle: the open node
 * @offset: device offset, or distance
 * @whence: SEEK_SET, SEEK_CUR or SEEK_END
 *
 * Context: process; may sleep.
 * Return: the position; -ENODEV after the device was unbound, -EINVAL outside the device.
 */
loff_t chardev_data_seek(struct file *handle, loff_t offset, int whence)
{
	struct chardev_file *file = handle->private_data;
	struct fsdev *device = chardev_enter(file->chardev);
	u64 size;

	if (!device)
		return -ENODEV;
	size = memory_size(device);
	chardev_leave(file->chardev);
	return fixed_size_llseek(handle, offset, whence, size);
}
