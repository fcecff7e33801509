// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of the character device: what the device is, and what is done to spans of it.
 */
#include <linux/blkdev.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "chardev_file.h"
#include "chardev_ioctl.h"
#include "chardev_owner.h"
#include "device.h"
#include "discover.h"
#include "disk.h"
#include "event.h"
#include "holder.h"
#include "memory.h"
#include "poison.h"
#include "repair.h"
#include "uapi/fsdev.h"

/* Entries that are copied to user space at a time. */
#define COPY_ENTRIES 16u

/* Bytes of a span for one step. */
#define SPAN_STEP (16 * PAGE_SIZE)

static int get_argument(void *argument, const void __user *from, size_t size)
{
	return copy_from_user(argument, from, size) ? -EFAULT : 0;
}

static int put_argument(void __user *to, const void *argument, size_t size)
{
	return copy_to_user(to, argument, size) ? -EFAULT : 0;
}

static u32 holder_kind(struct chardev_file *file, struct fsdev *device)
{
	struct chardev *chardev = file->chardev;
	u32 kind = FSDEV_HOLDER_KERNEL;

	mutex_lock(&chardev->owning);
	if (!fsdev_holder_exists(device))
		kind = FSDEV_HOLDER_NONE;
	else if (chardev->owner == file)
		kind = FSDEV_HOLDER_SELF;
	else if (chardev->owner)
		kind = FSDEV_HOLDER_OWNER;
	mutex_unlock(&chardev->owning);
	return kind;
}

static void fill_info(struct chardev_file *file, struct fsdev *device, struct fsdev_info *info)
{
	struct chardev *chardev = file->chardev;

	lockdep_assert_held_read(&chardev->lock);
	info->version = FSDEV_UAPI_VERSION;
	info->flags = (device->persistent ? FSDEV_INFO_PERSISTENT : 0) |
		      (READ_ONCE(device->platform.read_only) ? FSDEV_INFO_READ_ONLY : 0) |
		      (device->shared ? FSDEV_INFO_SHARED : 0) |
		      (chardev->leaving ? FSDEV_INFO_GOING : 0);
	info->ranges = memory_shape(device, &info->size);
	info->bad_bytes = poison_bytes(&device->poison);
	info->bad_ranges = poison_ranges(&device->poison);
	info->events = event_last(&chardev->events);
	info->align = device->dev_dax->align;
	info->page_size = PAGE_SIZE;
	info->holder = holder_kind(file, device);
	info->commands = FSDEV_CAN_CLEAR | FSDEV_CAN_ADD_BAD | FSDEV_CAN_ADD_LISTED |
			 (COMPAT_COPY_SURVIVES ? FSDEV_CAN_SCRUB : 0) |
			 (MEMORY_CAN_REFRESH ? FSDEV_CAN_INVALIDATE : 0) |
			 (COMPAT_CAN_INJECT ? FSDEV_CAN_INJECT : 0);
	info->numa_node = dev_to_node(fsdev_dev(device));
	info->target_node = device->dev_dax->target_node;
	info->queue_max = EVENT_QUEUE_MAX;
	/* the disk goes only after @leaving was set under the lock */
	info->openers = chardev->leaving ? 0 : disk_openers(device->disk);
}

static long ioctl_info(struct chardev_file *file, void __user *argument)
{
	struct fsdev_info info = {};
	struct fsdev *device;

	device = chardev_enter(file->chardev);
	if (!device)
		return -ENODEV;
	fill_info(file, device, &info);
	chardev_leave(file->chardev);
	return put_argument(argument, &info, sizeof(info));
}

static u32 fill_ranges(const struct fsdev *device, u32 first, u32 count, bool addresses,
		       struct fsdev_range *range)
{
	u32 total = memory_ranges(device), n;

	for (n = 0; n < count && first + n < total; n++) {
		struct rangemap_piece piece;

		memory_range(device, first + n, &piece);
		range[n] = (struct fsdev_range){
			.offset = piece.offset,
			.len = piece.len,
			.start = addresses ? piece.phys : FSDEV_NO_ADDRESS,
		};
	}
	return n;
}

static long ioctl_ranges(struct chardev_file *file, void __user *argument)
{
	struct fsdev_range range[COPY_ENTRIES];
	struct fsdev_ranges get;
	struct fsdev *device;
	u32 done = 0, n;
	bool addresses;
	int rc;

	rc = get_argument(&get, argument, sizeof(get));
	if (rc)
		return rc;
	if (get.flags || get.reserved)
		return -EINVAL;
	/* once: a process without it leaves a line in the audit log each time */
	addresses = capable(CAP_SYS_ADMIN);
	do {
		device = chardev_enter(file->chardev);
		if (!device)
			return -ENODEV;
		get.total = memory_ranges(device);
		n = 0;
		if (get.first < get.total)
			n = fill_ranges(device, get.first + done,
					min(get.count - done, COPY_ENTRIES), addresses, range);
		chardev_leave(file->chardev);
		rc = put_argument(u64_to_user_ptr(get.buffer + done * sizeof(*range)), range,
				  n * sizeof(*range));
		if (rc)
			return rc;
		done += n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	} while (n && done < get.count);
	get.count = done;
	return put_argument(argument, &get, sizeof(get));
}

static u32 fill_poison(const struct fsdev *device, u64 *from, u32 count,
		       struct fsdev_bad_range *range)
{
	struct poison_piece piece;
	u32 n;

	for (n = 0; n < count && memory_next_poison(device, from, &piece); n++) {
		range[n].offset = piece.offset;
		range[n].len = piece.len;
	}
	return n;
}

static long ioctl_bad(struct chardev_file *file, void __user *argument)
{
	struct fsdev_bad_range range[COPY_ENTRIES];
	struct fsdev_bad get;
	struct fsdev *device;
	u32 done = 0, n;
	int rc;

	rc = get_argument(&get, argument, sizeof(get));
	if (rc)
		return rc;
	if (get.flags || get.reserved || !PAGE_ALIGNED(get.from))
		return -EINVAL;
	do {
		device = chardev_enter(file->chardev);
		if (!device)
			return -ENODEV;
		n = fill_poison(device, &get.from, min(get.count - done, COPY_ENTRIES), range);
		chardev_leave(file->chardev);
		rc = put_argument(u64_to_user_ptr(get.buffer + done * sizeof(*range)), range,
				  n * sizeof(*range));
		if (rc)
			return rc;
		done += n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	} while (n && done < get.count);
	get.count = done;
	return put_argument(argument, &get, sizeof(get));
}

static int get_span(struct fsdev_span *span, const void __user *argument, u32 flags)
{
	int rc;

	rc = get_argument(span, argument, sizeof(*span));
	if (rc)
		return rc;
	if ((span->flags & ~flags) || span->reserved32 || span->done || span->reserved)
		return -EINVAL;
	if (!span->len || !PAGE_ALIGNED(span->offset) || !PAGE_ALIGNED(span->len) ||
	    span->len > U64_MAX - span->offset)
		return -EINVAL;
	return 0;
}

static int check_span(struct chardev *chardev, const struct fsdev_span *span)
{
	struct fsdev *device = chardev_enter(chardev);
	int rc = 0;

	if (!device)
		return -ENODEV;
	if (span->offset + span->len > memory_size(device))
		rc = -ERANGE;
	chardev_leave(chardev);
	return rc;
}

/* Does something with part of a device, and says to how many bytes it did so. */
typedef int span_step_t(struct fsdev *device, u64 offset, u64 len, u64 *done);

/*
 * In steps, so that an unbind does not wait for the whole span. After -EIO the next step is tried.
 */
static int walk_span(struct chardev *chardev, struct fsdev_span *span, span_step_t *step, u64 most)
{
	u64 at, len, done;
	int rc = 0, one;

	for (at = 0; at < span->len; at += len) {
		struct fsdev *device = chardev_enter(chardev);

		if (!device)
			return -ENODEV;
		len = min(span->len - at, most);
		done = 0;
		one = step(device, span->offset + at, len, &done);
		chardev_leave(chardev);
		span->done += done;
		if (one && one != -EIO)
			return one;
		rc = rc ?: one;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return rc;
}

static int add_bad_step(struct fsdev *device, u64 offset, u64 len, u64 *done)
{
	int rc = discover_add(device, offset, len);

	*done = rc ? 0 : len;
	return rc;
}

static int add_listed_step(struct fsdev *device, u64 offset, u64 len, u64 *done)
{
	int rc = discover_add_listed(device, offset, len);

	*done = rc ? 0 : len;
	return rc;
}

/* @flag: one that the command knows, or 0; with it, @flagged is the step. */
static long ioctl_span(struct chardev_file *file, void __user *argument, span_step_t *step,
		       u32 flag, span_step_t *flagged)
{
	struct fsdev_span span;
	int rc;

	rc = get_span(&span, argument, flag) ?: check_span(file->chardev, &span);
	if (rc)
		return rc;
	/* of what is known to be bad the holder is notified at once */
	rc = walk_span(file->chardev, &span, span.flags ? flagged : step,
		       step == add_bad_step && !span.flags ? span.len : SPAN_STEP);
	return put_argument(argument, &span, sizeof(span)) ?: rc;
}

/*
 * A holder has to deal with what was lost itself; so has one that claims the block device alone
 * (ext4, EROFS, device-mapper, swap). An unbind that has begun writes back what they have.
 */
static int clear_unheld_step(struct fsdev *device, u64 offset, u64 len, u64 *done)
{
	int rc;

	lockdep_assert_held_read(&device->chardev->lock);
	if (device->chardev->leaving || disk_hold_off(device, true))
		return -EBUSY;
	rc = repair_range(device, offset, len, done);
	disk_let_in(device, true);
	return rc;
}

static long ioctl_clear(struct chardev_file *file, void __user *argument)
{
	return ioctl_span(file, argument, chardev_is_owner(file) ? repair_range : clear_unheld_step,
		       FSDEV_CLEAR_HELD, repair_range);
}

static long ioctl_add_bad(struct chardev_file *file, void __user *argument)
{
	return ioctl_span(file, argument, add_bad_step, FSDEV_ADD_LISTED, add_listed_step);
}

static long ioctl_inject(struct chardev_file *file, void __user *argument)
{
	return ioctl_span(file, argument, discover_inject, 0, NULL);
}

static long ioctl_scrub(struct chardev_file *file, void __user *argument)
{
	return ioctl_span(file, argument, discover_scrub, 0, NULL);
}

static int invalidate_step(struct fsdev *device, u64 offset, u64 len, u64 *done)
{
	if (!MEMORY_CAN_REFRESH)
		return -EOPNOTSUPP;
	*done = memory_refresh_range(device, offset, len);
	return 0;
}

static long ioctl_invalidate(struct chardev_file *file, void __user *argument)
{
	return ioctl_span(file, argument, invalidate_step, 0, NULL);
}

/* What a command needs; checked before its argument is. */
#define BY_ADMIN 1u
#define BY_OWNER 2u	/* or the owner; together with BY_ADMIN */
#define BY_WRITER 4u

struct command {
	unsigned int number;
	unsigned int needs;
	long (*run)(struct chardev_file *file, void __user *argument);
};

static const struct command commands[] = {
	{ FSDEV_IOC_INFO, 0, ioctl_info },
	{ FSDEV_IOC_RANGES, 0, ioctl_ranges },
	{ FSDEV_IOC_BAD, 0, ioctl_bad },
	{ FSDEV_IOC_OWN, BY_WRITER, chardev_own },
	{ FSDEV_IOC_WATCH, BY_ADMIN, chardev_watch },
	{ FSDEV_IOC_CLEAR, BY_ADMIN | BY_OWNER | BY_WRITER, ioctl_clear },
	{ FSDEV_IOC_ADD_BAD, BY_ADMIN | BY_WRITER, ioctl_add_bad },
	{ FSDEV_IOC_INJECT, BY_ADMIN | BY_WRITER, ioctl_inject },
	{ FSDEV_IOC_SCRUB, BY_ADMIN | BY_WRITER, ioctl_scrub },
	{ FSDEV_IOC_INVALIDATE, BY_WRITER, ioctl_invalidate },
};

static const struct command *find_command(unsigned int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].number == number)
			return &commands[i];
	return NULL;
}

static bool may_give(const struct command *command, const struct chardev_file *file)
{
	if (!(command->needs & BY_ADMIN))
		return true;
	return ((command->needs & BY_OWNER) && chardev_is_owner(file)) || capable(CAP_SYS_ADMIN);
}

/**
 * chardev_ioctl() - run a command
 * @handle: the open node
 * @number: FSDEV_IOC_...
 * @argument: the command's structure in user space
 *
 * Context: process; may sleep.
 * Return: 0 or a negative errno.
 */
long chardev_ioctl(struct file *handle, unsigned int number, unsigned long argument)
{
	const struct command *command = find_command(number);
	struct chardev_file *file = handle->private_data;

	if (!command)
		return -ENOTTY;
	if (!may_give(command, file))
		return -EPERM;
	if ((command->needs & BY_WRITER) && !(handle->f_mode & FMODE_WRITE))
		return -EBADF;
	return command->run(file, (void __user *)argument);
}
