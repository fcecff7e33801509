// SPDX-License-Identifier: GPL-2.0
/*
 * The replacements of the kernel's functions, and the port of core/holder.
 */
#include <linux/dax.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "livepatch.h"
#include "core/holder.h"

static DEFINE_SPINLOCK(release_lock);

int holder_read_lock(void)
{
	return dax_read_lock();
}

void holder_read_unlock(int id)
{
	dax_read_unlock(id);
}

void holder_drain(void)
{
	examine_drain();
}

void holder_lock(void)
	__acquires(&release_lock)
{
	spin_lock(&release_lock);
}

void holder_unlock(void)
	__releases(&release_lock)
{
	spin_unlock(&release_lock);
}

static struct holder_words words_of(struct dax_device *dax_dev)
{
	return (struct holder_words){
		.data = (unsigned long *)&dax_dev->holder_data,
		.ops = (unsigned long *)&dax_dev->holder_ops,
		.flags = &dax_dev->flags,
	};
}

static void complain(enum holder_verdict verdict, const struct dax_device *dax_dev,
		     const void *holder)
{
	WARN_RATELIMIT(verdict == HOLDER_WRONG,
		       "fsdev_livepatch: %p releases DAX device %p, which has another holder\n",
		       holder, dax_dev);
	WARN_RATELIMIT(verdict == HOLDER_REPEATED,
		       "fsdev_livepatch: %p releases DAX device %p, which has no holder\n", holder,
		       dax_dev);
}

/**
 * replace_fs_put_dax() - replace fs_put_dax()
 * @dax_dev: a DAX device, or NULL
 * @holder: the holder of fs_dax_get() or fs_dax_get_by_bdev(), or NULL
 *
 * Context: any in which the kernel calls fs_put_dax().
 */
void replace_fs_put_dax(struct dax_device *dax_dev, void *holder)
{
	if (dax_dev && holder) {
		struct holder_words words = words_of(dax_dev);

		complain(holder_release(&words, holder), dax_dev, holder);
	}
	put_dax(dax_dev);
}

struct failure {
	struct dax_device *dax_dev;
	u64 offset;
	u64 len;
	int mf_flags;
};

static int call_holder(const void *ops, void *arg)
{
	const struct dax_holder_operations *holder_ops = ops;
	const struct failure *failure = arg;

	return holder_ops->notify_failure(failure->dax_dev, failure->offset, failure->len,
					  failure->mf_flags);
}

/**
 * replace_dax_holder_notify_failure() - replace the notification
 * @dax_dev: a DAX device
 * @offset: in bytes
 * @len: in bytes
 * @mf_flags: of memory_failure()
 *
 * Context: may sleep if the holder does.
 * Return: what the holder returned; -ENXIO if the device is dead, -EOPNOTSUPP without a holder.
 */
int replace_dax_holder_notify_failure(struct dax_device *dax_dev, u64 offset, u64 len,
				      int mf_flags)
{
	struct holder_words words = words_of(dax_dev);
	struct failure failure = {
		.dax_dev = dax_dev,
		.offset = offset,
		.len = len,
		.mf_flags = mf_flags,
	};

	return holder_notify(&words, call_holder, &failure);
}

/* Checks for fsdev mode, by the kernel's driver or ours, as the kernel's fs_dax_get() does. */
static int check_mode(const struct dev_dax *dev_dax)
{
	const struct dax_device_driver *driver;

	if (!dev_dax->dev.driver)
		return -ENODEV;
	driver = container_of(dev_dax->dev.driver, struct dax_device_driver, drv);
	return compat_is_fsdev_mode(driver) ? 0 : -EOPNOTSUPP;
}

/*
 * Whose private data it is that the DAX device has: that of nd_pmem and others is no device of the
 * bus. It can be read where it is none, too, and is believed if it points back.
 */
static bool is_on_bus(struct dax_device *dax_dev, const struct dev_dax *dev_dax)
{
	struct dax_device *back;
	dev_t devt;

	return !copy_from_kernel_nofault(&back, &dev_dax->dax_dev, sizeof(back)) &&
	       !copy_from_kernel_nofault(&devt, &dev_dax->dev.devt, sizeof(devt)) &&
	       back == dax_dev && devt == dax_inode(dax_dev)->i_rdev;
}

static int check_and_claim(struct dax_device *dax_dev, void *holder,
			   const struct dax_holder_operations *ops)
{
	struct holder_words words = words_of(dax_dev);
	struct dev_dax *dev_dax = dax_get_private(dax_dev);
	int rc;

	if (!dev_dax)
		return -ENODEV;
	if (!is_on_bus(dax_dev, dev_dax))
		return -EOPNOTSUPP;
	device_lock(&dev_dax->dev);
	rc = check_mode(dev_dax);
	if (!rc)
		rc = holder_claim(&words, holder, ops);
	device_unlock(&dev_dax->dev);
	return rc;
}

/**
 * replace_fs_dax_get() - replace fs_dax_get()
 * @dax_dev: a DAX device, or NULL
 * @holder: the new holder
 * @ops: called when its memory fails and when the device is removed
 *
 * Context: may sleep.
 * Return: 0; -ENODEV if the device is dead or being removed, -EOPNOTSUPP if it is not in fsdev
 * mode or not on the DAX bus, -EBUSY if it has a holder (or its claims are denied, as while fsdev's
 * block device is claimed), -EINVAL without @holder.
 */
int replace_fs_dax_get(struct dax_device *dax_dev, void *holder,
		       const struct dax_holder_operations *ops)
{
	int rc, id;

	id = dax_read_lock();
	if (!dax_dev || !dax_alive(dax_dev) || !igrab(dax_inode(dax_dev))) {
		dax_read_unlock(id);
		return -ENODEV;
	}
	dax_read_unlock(id);
	rc = check_and_claim(dax_dev, holder, ops);
	if (rc)
		put_dax(dax_dev);
	return rc;
}
