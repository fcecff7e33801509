// SPDX-License-Identifier: GPL-2.0
/*
 * The character device: what /dev/daxX.Y is in this mode. It tells a program what the device is
 * and what happens to it, and lets one program own it. uapi/fsdev.h has the commands.
 *
 * Lifetimes. A descriptor may stay open for as long as a program likes, so it must not keep the
 * device. struct chardev is what both know: the device has a reference from probe to the end of
 * its devm actions, every descriptor has one. Descriptors reach the device through
 * chardev.device alone, which is taken away before the device dies:
 *
 *  chardev_create()   the object; descriptors of another driver are refused
 *  chardev_attach()   commands find the device | undone: commands in progress are waited for, later
 *                     ones say -ENODEV, reading ends
 *  chardev_open()     the node can be opened   | undone: removal is announced, nobody starts to own
 *                     or listen, opening fails
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
#include <linux/blkdev.h>
#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "chardev.h"
#include "device.h"
#include "disk.h"
#include "event.h"
#include "discover.h"
#include "holder.h"
#include "poison.h"
#include "repair.h"
#include "uapi/fsdev.h"

/* Entries that are copied to a program at a time. */
#define CHUNK 16u

/* Bytes of a span that are dealt with at a time. */
#define SPAN_STEP (16 * PAGE_SIZE)

/**
 * struct chardev - what the device and its descriptors have in common
 * @ref: one of the device, one of each descriptor
 * @list: in @chardevs while the node can be opened
 * @devt: number of the node
 * @node: the node while it can be opened
 * @lock: guards @device and @leaving
 * @device: the device; NULL before it works and when it does no longer
 * @leaving: nobody becomes the owner any more
 * @owning: guards @owner, and makes one step of that and the claim
 * @owner: the descriptor that owns the device; NULL if none
 * @events: what happens to the device
 */
struct chardev {
	struct kref ref;
	struct list_head list;
	dev_t devt;
	struct cdev *node;
	struct rw_semaphore lock;
	struct fsdev *device;
	bool leaving;
	struct mutex owning;	/* owner, and the claim */
	struct chardev_file *owner;
	struct event_source events;
};

/**
 * struct chardev_file - one open descriptor
 * @chardev: what it was opened on
 * @setup: guards the writing of @queue, @owned and @disk
 * @reading: keeps its readers apart
 * @queue: its events; NULL until it owns or watches, then stays
 * @owned: the device that it owns, which may have left; NULL if none
 * @disk: its claim of the block device, as long as @owned
 */
struct chardev_file {
	struct chardev *chardev;
	struct mutex setup;	/* queue, owned, disk */
	struct mutex reading;	/* one reader at a time */
	struct event_queue *queue;
	struct dax_device *owned;
	struct compat_disk_claim disk;
};

static DEFINE_MUTEX(chardevs_lock);
static LIST_HEAD(chardevs);

static void chardev_release(struct kref *ref)
{
	kfree(container_of(ref, struct chardev, ref));
}

/*
 * The device, for as long as a command uses it: leave_device() follows. NULL if it has left the
 * driver.
 */
static struct fsdev *enter_device(struct chardev *chardev)
{
	struct fsdev *device;

	down_read(&chardev->lock);
	device = chardev->device;
	if (!device)
		up_read(&chardev->lock);
	return device;
}

static void leave_device(struct chardev *chardev)
{
	up_read(&chardev->lock);
}

static int get_argument(void *argument, const void __user *from, size_t size)
{
	return copy_from_user(argument, from, size) ? -EFAULT : 0;
}

static int put_argument(void __user *to, const void *argument, size_t size)
{
	return copy_to_user(to, argument, size) ? -EFAULT : 0;
}

/* --- what the device is ----------------------------------------------------------------------- */

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

static u32 count_bad(const struct fsdev *device)
{
	struct poison_piece piece;
	u64 at = 0;
	u32 n = 0;

	while (n < U32_MAX && poison_next(&device->poison, &at, &piece))
		n++;
	return n;
}

static void fill_info(struct chardev_file *file, struct fsdev *device, struct fsdev_info *info)
{
	struct chardev *chardev = file->chardev;

	lockdep_assert_held_read(&chardev->lock);
	info->version = FSDEV_UAPI_VERSION;
	info->flags = (device->persistent ? FSDEV_INFO_PERSISTENT : 0) |
		      (chardev->leaving ? FSDEV_INFO_GOING : 0);
	info->size = rangemap_size(&device->map);
	info->bad_bytes = poison_bytes(&device->poison);
	info->bad_ranges = count_bad(device);
	info->events = event_last(&chardev->events);
	info->ranges = rangemap_count(&device->map);
	info->align = device->dev_dax->align;
	info->page_size = PAGE_SIZE;
	info->holder = holder_kind(file, device);
	info->commands = FSDEV_CAN_CLEAR | FSDEV_CAN_ADD_BAD | FSDEV_CAN_SCRUB |
			 (COMPAT_CAN_INJECT ? FSDEV_CAN_INJECT : 0);
	info->numa_node = dev_to_node(fsdev_dev(device));
	info->target_node = device->dev_dax->target_node;
	info->queue_max = EVENT_QUEUE_MAX;
	/* the disk goes only after @leaving was set under the lock */
	info->openers = chardev->leaving ? 0 : disk_openers(device->disk);
}

static long tell_info(struct chardev_file *file, void __user *argument)
{
	struct fsdev_info info = {};
	struct fsdev *device;

	device = enter_device(file->chardev);
	if (!device)
		return -ENODEV;
	fill_info(file, device, &info);
	leave_device(file->chardev);
	return put_argument(argument, &info, sizeof(info));
}

static u32 fill_ranges(const struct fsdev *device, u32 first, u32 count, bool addresses,
		       struct fsdev_range *range)
{
	u32 total = rangemap_count(&device->map), n;

	for (n = 0; n < count && first + n < total; n++) {
		struct rangemap_piece piece;

		rangemap_get(&device->map, first + n, &piece);
		range[n] = (struct fsdev_range){
			.offset = piece.offset,
			.len = piece.len,
			.start = addresses ? piece.phys : FSDEV_NO_ADDRESS,
		};
	}
	return n;
}

static long tell_ranges(struct chardev_file *file, void __user *argument)
{
	struct fsdev_range range[CHUNK];
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
		device = enter_device(file->chardev);
		if (!device)
			return -ENODEV;
		get.total = rangemap_count(&device->map);
		n = 0;
		if (get.first < get.total)
			n = fill_ranges(device, get.first + done, min(get.count - done, CHUNK),
					addresses, range);
		leave_device(file->chardev);
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

static u32 fill_bad(const struct fsdev *device, u64 *from, u32 count, struct fsdev_bad_range *range)
{
	struct poison_piece piece;
	u32 n;

	for (n = 0; n < count && poison_next(&device->poison, from, &piece); n++) {
		range[n].offset = piece.offset;
		range[n].len = piece.len;
	}
	return n;
}

static long tell_bad(struct chardev_file *file, void __user *argument)
{
	struct fsdev_bad_range range[CHUNK];
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
		device = enter_device(file->chardev);
		if (!device)
			return -ENODEV;
		n = fill_bad(device, &get.from, min(get.count - done, CHUNK), range);
		leave_device(file->chardev);
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

/* --- owners and watchers ---------------------------------------------------------------------- */

/*
 * The kernel's failure handling has nothing left to do: no program has the memory mapped through
 * the owner. The owner itself hears of it as everybody does who listens.
 */
static int owner_told(struct dax_device *dax_dev, u64 offset, u64 len, int mf_flags)
{
	return 0;
}

static const struct dax_holder_operations owner_operations = {
	.notify_failure = owner_told,
};

/*
 * Nobody else may use the memory: the claim of the block device keeps others from that and from the
 * bus's DAX device. The one that is claimed besides is this binding's, so that the release, however
 * late it comes, meets no later holder.
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

/* Also long after the device has left, and while it is bound again and has another owner. */
static void unclaim_device(struct chardev_file *file)
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
static int listen(struct chardev_file *file, struct fsdev_listen *get, bool own)
{
	struct chardev *chardev = file->chardev;
	struct event_queue *queue = file->queue;
	struct fsdev *device;
	int rc = 0;

	lockdep_assert_held(&file->setup);
	if (file->owned || (queue && !own))
		return -EALREADY;
	device = enter_device(chardev);
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
	leave_device(chardev);
	if (!rc) {
		get->queue = event_room(queue);
		/* readers look at it without a lock */
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

	rc = get_argument(&get, argument, sizeof(get));
	if (rc)
		return rc;
	if (get.flags || get.events || get.reserved)
		return -EINVAL;
	mutex_lock(&file->setup);
	rc = listen(file, &get, own);
	mutex_unlock(&file->setup);
	if (rc)
		return rc;
	return put_argument(argument, &get, sizeof(get));
}

static long own(struct chardev_file *file, void __user *argument)
{
	return start_listening(file, argument, true);
}

static long watch(struct chardev_file *file, void __user *argument)
{
	return start_listening(file, argument, false);
}

static bool is_owner(const struct chardev_file *file)
{
	return READ_ONCE(file->owned);
}

/* --- spans of the device ---------------------------------------------------------------------- */

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
	struct fsdev *device = enter_device(chardev);
	int rc = 0;

	if (!device)
		return -ENODEV;
	if (span->offset + span->len > rangemap_size(&device->map))
		rc = -ERANGE;
	leave_device(chardev);
	return rc;
}

/* Does something with part of a device, and says to how many bytes it did so. */
typedef int span_step_t(struct fsdev *device, u64 offset, u64 len, u64 *done);

/*
 * In steps, so that an unbind does not wait for the whole span. What fails in one place with -EIO
 * may work in the next.
 */
static int walk_span(struct chardev *chardev, struct fsdev_span *span, span_step_t *step)
{
	u64 at, len, done;
	int rc = 0, one;

	for (at = 0; at < span->len; at += len) {
		struct fsdev *device = enter_device(chardev);

		if (!device)
			return -ENODEV;
		len = min_t(u64, span->len - at, SPAN_STEP);
		done = 0;
		one = step(device, span->offset + at, len, &done);
		leave_device(chardev);
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

/* @flag: one that the command knows, or 0; with it, @flagged is the step. */
static long on_span(struct chardev_file *file, void __user *argument, span_step_t *step, u32 flag,
		    span_step_t *flagged)
{
	struct fsdev_span span;
	int rc;

	rc = get_span(&span, argument, flag) ?: check_span(file->chardev, &span);
	if (rc)
		return rc;
	rc = walk_span(file->chardev, &span, span.flags ? flagged : step);
	return put_argument(argument, &span, sizeof(span)) ?: rc;
}

/* What was lost is the holder's affair. */
static int clear_unheld(struct fsdev *device, u64 offset, u64 len, u64 *done)
{
	return fsdev_holder_exists(device) ? -EBUSY : repair_range(device, offset, len, done);
}

static long clear(struct chardev_file *file, void __user *argument)
{
	return on_span(file, argument, is_owner(file) ? repair_range : clear_unheld,
		       FSDEV_CLEAR_HELD, repair_range);
}

static int add_bad_step(struct fsdev *device, u64 offset, u64 len, u64 *done)
{
	int rc = discover_add(device, offset, len);

	*done = rc ? 0 : len;
	return rc;
}

static long add_bad(struct chardev_file *file, void __user *argument)
{
	return on_span(file, argument, add_bad_step, 0, NULL);
}

static long inject(struct chardev_file *file, void __user *argument)
{
	return on_span(file, argument, discover_inject, 0, NULL);
}

static long scrub(struct chardev_file *file, void __user *argument)
{
	return on_span(file, argument, discover_scrub, 0, NULL);
}

/* --- the descriptor --------------------------------------------------------------------------- */

/* What it takes to give a command; looked at before the command's argument is. */
#define BY_ADMIN 1u
#define BY_OWNER 2u	/* or the owner; together with BY_ADMIN */
#define BY_WRITER 4u

struct command {
	unsigned int number;
	unsigned int needs;
	long (*run)(struct chardev_file *file, void __user *argument);
};

static const struct command commands[] = {
	{ FSDEV_IOC_INFO, 0, tell_info },
	{ FSDEV_IOC_RANGES, 0, tell_ranges },
	{ FSDEV_IOC_BAD, 0, tell_bad },
	{ FSDEV_IOC_OWN, BY_WRITER, own },
	{ FSDEV_IOC_WATCH, BY_ADMIN, watch },
	{ FSDEV_IOC_CLEAR, BY_ADMIN | BY_OWNER | BY_WRITER, clear },
	{ FSDEV_IOC_ADD_BAD, BY_ADMIN | BY_WRITER, add_bad },
	{ FSDEV_IOC_INJECT, BY_ADMIN | BY_WRITER, inject },
	{ FSDEV_IOC_SCRUB, BY_ADMIN | BY_WRITER, scrub },
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
	return ((command->needs & BY_OWNER) && is_owner(file)) || capable(CAP_SYS_ADMIN);
}

static long chardev_ioctl(struct file *handle, unsigned int number, unsigned long argument)
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

/* The descriptor's queue, or NULL; without a lock, since it stays once it is there. */
static struct event_queue *queue_of(struct chardev_file *file)
{
	return smp_load_acquire(&file->queue); /* complete when it is seen */
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

static ssize_t chardev_read(struct file *handle, char __user *to, size_t size, loff_t *pos)
{
	struct chardev_file *file = handle->private_data;
	struct event_queue *queue = queue_of(file);
	struct event_source *events = &file->chardev->events;
	ssize_t done;
	bool over;

	if (!queue || size < sizeof(struct fsdev_event))
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

/* The memory belongs to whoever holds the device; programs map files of a file system. */
static int chardev_mmap(struct file *handle, struct vm_area_struct *vma)
{
	return -EOPNOTSUPP;
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
	return stream_open(inode, handle);
}

static int chardev_file_release(struct inode *inode, struct file *handle)
{
	struct chardev_file *file = handle->private_data;

	if (file->owned)
		unclaim_device(file);
	if (file->queue)
		event_forget(file->queue);
	kref_put(&file->chardev->ref, chardev_release);
	kfree(file);
	return 0;
}

static const struct file_operations chardev_operations = {
	.owner = THIS_MODULE,
	.open = chardev_file_open,
	.release = chardev_file_release,
	.read = chardev_read,
	.poll = chardev_poll,
	.unlocked_ioctl = chardev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = chardev_mmap,
};

/* --- the device ------------------------------------------------------------------------------- */

static void chardev_put(void *data)
{
	struct chardev *chardev = data;

	kref_put(&chardev->ref, chardev_release);
}

/**
 * chardev_create() - makes what the device and its descriptors will share
 * @fsdev: the device, with nothing but its geometry
 *
 * A descriptor that is left from the device's time with another driver could still map the memory,
 * under whatever file system comes now; so there must not be one.
 *
 * Context: probe, may sleep. Undone by devm.
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
	return devm_add_action_or_reset(dev, chardev_put, chardev);
}

static void set_device(struct chardev *chardev, struct fsdev *device)
{
	down_write(&chardev->lock);
	chardev->device = device;
	up_write(&chardev->lock);
}

static void chardev_detach(void *data)
{
	struct fsdev *fsdev = data;

	set_device(fsdev->chardev, NULL);
	event_leave(&fsdev->chardev->events, rangemap_size(&fsdev->map));
	event_end(&fsdev->chardev->events);
}

/**
 * chardev_attach() - lets commands use the device
 * @fsdev: a device that is open for access
 *
 * Context: probe, may sleep. Undone by devm, while the device is still alive: commands in progress
 * are waited for, and later ones are refused.
 * Return: 0 or -ENOMEM.
 */
int chardev_attach(struct fsdev *fsdev)
{
	set_device(fsdev->chardev, fsdev);
	return devm_add_action_or_reset(fsdev_dev(fsdev), chardev_detach, fsdev);
}

static void chardev_close(void *data)
{
	struct fsdev *fsdev = data;
	struct chardev *chardev = fsdev->chardev;

	mutex_lock(&chardevs_lock);
	list_del_init(&chardev->list);
	mutex_unlock(&chardevs_lock);
	cdev_del(chardev->node);
	down_write(&chardev->lock);
	chardev->leaving = true;
	up_write(&chardev->lock);
	event_leave(&chardev->events, rangemap_size(&fsdev->map));
}

/**
 * chardev_open() - lets programs open the node
 * @fsdev: a device that is complete
 *
 * Context: probe, may sleep. Undone by devm, before anything else is: the node cannot be opened
 * any more, and owner and watchers are told that the device goes.
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
	return devm_add_action_or_reset(fsdev_dev(fsdev), chardev_close, fsdev);
}
