// SPDX-License-Identifier: GPL-2.0
/*
 * Late: holders of the bus's DAX device that have not let go of it when the binding ends.
 *
 * A file system that has claimed /dev/daxX.Y with fs_dax_get() keeps its reference until it is
 * unmounted, and goes on calling the DAX core. The DAX device is dead then, but it is the bus's,
 * and the next driver brings it to life again. Nothing may reach the memory through it before the
 * holder has let go:
 *
 *  1. The operations on it answer -ENXIO until then. device_dax sets none of its own, so that
 *     holds there; the kernel's fsdev_dax (7.1) does not bind, as dax_set_ops() finds others; kmem
 *     does not bring the device to life.
 *  2. This driver does not bind, and says who is in the way.
 *  3. The module stays for as long as its operations are there. While it is being unloaded it
 *     waits.
 *
 * The kernel's fs_put_dax() tells nothing. It gives a reference back, so the references are looked
 * at once a second. A claim that fails has one for a while as well: see late_sample().
 */
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "core/holder.h"
#include "device.h"
#include "late.h"

/**
 * struct late - a DAX device that a holder of an earlier binding has not released
 * @list: in @late_holders
 * @dax_dev: the device, with a reference
 * @dev: its device on the bus, with a reference
 * @pins: it has a reference to this module
 * @settled: the device_lock was free a second ago
 * @references: that it had with the holder and without failing claims; 0 before that is known
 * @ops: its operations; NULL for a holder that has none
 * @holder: who that is: the name of its operations
 *
 * All members are protected by late_lock.
 */
struct late {
	struct list_head list;
	struct dax_device *dax_dev;
	struct device *dev;
	bool pins;
	bool settled;
	int references;
	const struct dax_holder_operations *ops;
	char holder[64];
};

static void late_look(struct work_struct *work);

static DEFINE_MUTEX(late_lock);		/* late_holders, and what is in it */
static LIST_HEAD(late_holders);
static DECLARE_DELAYED_WORK(late_work, late_look);

static long late_direct_access(struct dax_device *dax_dev, pgoff_t pgoff, long nr_pages,
			       enum dax_access_mode mode, void **kaddr, compat_pfn *pfn)
{
	return -ENXIO;
}

static int late_zero_page_range(struct dax_device *dax_dev, pgoff_t pgoff, size_t nr_pages)
{
	return -ENXIO;
}

static size_t late_recovery_write(struct dax_device *dax_dev, pgoff_t pgoff, void *addr,
				  size_t bytes, struct iov_iter *iter)
{
	return 0;
}

static const struct dax_operations late_operations = {
	.direct_access = late_direct_access,
	.zero_page_range = late_zero_page_range,
	.recovery_write = late_recovery_write,
};

static int references_to(struct dax_device *dax_dev)
{
	return atomic_read(&dax_inode(dax_dev)->i_count);
}

/* A removal took it from a holder. The kernel's fs_put_dax() does not clear this. */
static bool is_awaited(const struct dax_device *dax_dev)
{
	return test_bit(HOLDER_ORPHAN, &dax_dev->flags);
}

/*
 * The bus has one reference and @late another. Others may have been leaked by file systems, so
 * fewer than there were with the holder will do as well.
 */
static bool late_is_over(const struct late *late)
{
	int now = references_to(late->dax_dev);

	return now <= 2 || now < late->references || !is_awaited(late->dax_dev);
}

/*
 * See how many references there are with the holder. The kernel's fs_dax_get() (7.1) has one while
 * it waits for the device_lock, which the removal has: counted here, its end would pass for the
 * holder's. So not before that lock was free, and a second more: to take it is what all of them
 * wait for.
 */
static void late_sample(struct late *late)
{
	bool free = device_trylock(late->dev);

	if (free)
		device_unlock(late->dev);
	if (free && late->settled)
		late->references = references_to(late->dax_dev);
	late->settled = free;
}

static void late_free(struct late *late)
{
	put_device(late->dev);
	put_dax(late->dax_dev);
	if (late->pins)
		module_put(THIS_MODULE);
	kfree(late);
}

static void late_forget(struct late *late)
{
	lockdep_assert_held(&late_lock);
	cmpxchg(&late->dax_dev->ops, &late_operations, NULL);
	list_del(&late->list);
	late_free(late);
}

static void late_look(struct work_struct *work)
{
	struct late *late, *next;

	mutex_lock(&late_lock);
	list_for_each_entry_safe(late, next, &late_holders, list) {
		if (late_is_over(late))
			late_forget(late);
		else if (!late->references)
			late_sample(late);
	}
	if (!list_empty(&late_holders))
		schedule_delayed_work(&late_work, HZ);
	mutex_unlock(&late_lock);
}

static struct late *late_find(const struct dax_device *dax_dev)
{
	struct late *late;

	lockdep_assert_held(&late_lock);
	list_for_each_entry(late, &late_holders, list)
		if (late->dax_dev == dax_dev)
			return late;
	return NULL;
}

/* Looks at once, unlike late_look(), which forgets what is over as well. */
static bool late_is_gone(const struct dax_device *dax_dev)
{
	struct late *late;

	mutex_lock(&late_lock);
	late = late_find(dax_dev);
	if (late && late_is_over(late)) {
		late_forget(late);
		late = NULL;
	}
	mutex_unlock(&late_lock);
	return !late;
}

/* The module goes, and its operations with it: they cannot stay on the device. */
static void late_wait(const struct fsdev *fsdev, const char *holder)
{
	unsigned long next = jiffies + HZ;
	bool said = false;

	while (!late_is_gone(fsdev_bus_dax(fsdev))) {
		if (time_after_eq(jiffies, next)) {
			next = jiffies + 60 * HZ;
			said = true;
			dev_warn(fsdev_dev(fsdev),
				 "unload waits: %s still holds the DAX device: it goes on when that lets go\n",
				 holder);
		}
		schedule_timeout_idle(HZ / 10);
	}
	if (said)
		dev_info(fsdev_dev(fsdev), "unload goes on: the DAX device has been let go\n");
}

static struct late *late_make(struct fsdev *fsdev)
{
	struct late *late = kzalloc(sizeof(*late), GFP_KERNEL | __GFP_NOFAIL);

	late->ops = READ_ONCE(fsdev->unload.bus_ops);
	if (late->ops)
		snprintf(late->holder, sizeof(late->holder), "%ps", late->ops);
	else
		strscpy(late->holder, "a holder that hears of nothing", sizeof(late->holder));
	late->dev = get_device(fsdev_dev(fsdev));
	late->dax_dev = fsdev_bus_dax(fsdev);
	ihold(dax_inode(late->dax_dev));
	late->pins = try_module_get(THIS_MODULE);
	return late;
}

/* False if the holder's module is unloaded: its release does not come. */
static bool late_add(const struct fsdev *fsdev, struct late *late)
{
	bool waits;

	mutex_lock(&late_lock);
	/* it was marked before, or late_unloaded() will find what is added here */
	waits = !READ_ONCE(fsdev->unload.unloaded);
	if (waits) {
		if (late->pins)
			WRITE_ONCE(late->dax_dev->ops, &late_operations);
		list_add(&late->list, &late_holders);
		schedule_delayed_work(&late_work, HZ);
	} else {
		clear_bit(HOLDER_ORPHAN, &late->dax_dev->flags);
	}
	mutex_unlock(&late_lock);
	return waits;
}

/**
 * late_awaits() - is a release of the bus's DAX device to come?
 * @dax_dev: a device whose binding ends or has ended
 *
 * Context: any.
 * Return: true if it was taken from a holder, and has more references than the bus's own.
 */
bool late_awaits(struct dax_device *dax_dev)
{
	return is_awaited(dax_dev) && references_to(dax_dev) > 1;
}

/**
 * late_leave() - takes the operations off the bus's DAX device
 * @fsdev: a device that is dead, and whose mappings are revoked
 *
 * Leaves some that refuse everything if it was taken from a holder that has not let go.
 *
 * Context: removal; may sleep.
 */
void late_leave(struct fsdev *fsdev)
{
	struct dax_device *dax_dev = fsdev_bus_dax(fsdev);
	char holder[sizeof_field(struct late, holder)];
	struct late *late;
	bool pins;

	WRITE_ONCE(dax_dev->ops, NULL);
	if (!late_awaits(dax_dev))
		return;
	late = late_make(fsdev);
	strscpy(holder, late->holder, sizeof(holder));
	pins = late->pins;
	if (!late_add(fsdev, late))
		late_free(late);
	else if (!pins)
		late_wait(fsdev, holder);
	else
		dev_warn(fsdev_dev(fsdev),
			 "%s has not let go of the DAX device: no driver for file systems gets it until then\n",
			 holder);
}

/* Who is in the way of a bind; false if the device is free. */
static bool late_holds(struct dax_device *dax_dev, char *holder, size_t size)
{
	struct late *late;
	bool holds = false;

	mutex_lock(&late_lock);
	late = late_find(dax_dev);
	if (late && late_is_over(late)) {
		late_forget(late);
	} else if (late) {
		strscpy(holder, late->holder, size);
		holds = true;
	}
	mutex_unlock(&late_lock);
	return holds;
}

/**
 * late_unloaded() - stop waiting for holders whose module is unloaded
 * @module: the module
 *
 * Their references are left: that one has not been given back cannot be told for certain, and the
 * bus must not lose its own.
 *
 * Context: may sleep.
 */
void late_unloaded(const struct module *module)
{
	struct late *late, *next;

	mutex_lock(&late_lock);
	list_for_each_entry_safe(late, next, &late_holders, list) {
		if (!late->ops || !within_module((unsigned long)late->ops, module))
			continue;
		if (!late_is_over(late))
			pr_err("fsdev: %s: module %s is unloaded and has not let go of the DAX device: done for it\n",
			       dev_name(late->dev), module->name);
		clear_bit(HOLDER_ORPHAN, &late->dax_dev->flags);
		late_forget(late);
	}
	mutex_unlock(&late_lock);
}

/**
 * late_check() - has everyone let go of the bus's DAX device?
 * @fsdev: a device that is about to be bound
 *
 * Context: probe, may sleep.
 * Return: 0; -EBUSY if a holder of an earlier binding has not.
 */
int late_check(struct fsdev *fsdev)
{
	struct dax_device *dax_dev = fsdev_bus_dax(fsdev);
	char holder[sizeof_field(struct late, holder)];

	if (late_holds(dax_dev, holder, sizeof(holder))) {
		dev_err(fsdev_dev(fsdev),
			"%s has not let go of the DAX device since an earlier binding: unmount it\n",
			holder);
		return -EBUSY;
	}
	/* every release has come, whether or not it said so */
	clear_bit(HOLDER_ORPHAN, &dax_dev->flags);
	return 0;
}

/**
 * late_exit() - ends what may still run of this
 */
void late_exit(void)
{
	cancel_delayed_work_sync(&late_work);
}
