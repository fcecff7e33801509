// SPDX-License-Identifier: GPL-2.0
/*
 * Holder: who owns a DAX device, who hears that its memory failed, and what becomes of both when
 * the device is taken away. The protocol itself is core/holder; it works on the words of the
 * kernel's own dax_device, so the kernel's functions and these agree on the same device. Its source
 * is part of this one, as the driver's read-side sections are macros.
 */
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>

#include "device.h"
#include "fstype.h"
#include "holder.h"
#include "memory.h"

/* A DAX device without memory; see holder_drain(). */
static struct dax_device *drain_device;

static DEFINE_SPINLOCK(release_lock);	/* keeps releases apart; see core/holder.h */

/*
 * The kernel's sections are private to it. To kill a device waits for them, and whose device that
 * is makes no difference: ours has no holder and is dead already, so that nothing else happens.
 */
void holder_drain(void)
{
	kill_dax(drain_device);
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

#include "core/holder.c"

static int refuse_failure(struct dax_device *dax_dev, u64 offset, u64 len, int mf_flags)
{
	return -EOPNOTSUPP;
}

static const struct dax_holder_operations notified_ops = {
	.notify_failure = refuse_failure,
};

static struct holder_words words_of(struct dax_device *dax_dev)
{
	struct holder_words words = fsdev_holder_words(dax_dev);

	words.notified_ops = &notified_ops;
	return words;
}

/**
 * fsdev_holder_claim() - become the one holder of a device in fsdev mode
 * @dax_dev: a device that stays bound to this driver during the call
 * @holder: who claims it; an address that is the caller's alone
 * @ops: what to call when its memory fails or is about to go, or NULL
 *
 * It excludes other claims of the same DAX device. Those of the other one, and claims of the block
 * device, are not seen here: the caller has claimed the block device, or calls
 * fsdev_holder_claim_bus(). fsdev_holder_release() follows once, whether or not the device was
 * removed meanwhile; until then the dax_device stays, even if the memory does not.
 *
 * @ops are called from memory failure handling and from unbind, may sleep, and are given device
 * offsets in bytes. Removal is told as offset 0, length COMPAT_PRE_REMOVE_LEN and flags
 * COMPAT_MF_PRE_REMOVE, once, while the device still works; after that the holder hears nothing
 * more.
 *
 * Context: may sleep; not from inside @ops.
 * Return: 0; -ENODEV if the device is dead or being removed, -EBUSY if it has a holder, -EINVAL
 * without @holder.
 */
int fsdev_holder_claim(struct dax_device *dax_dev, void *holder,
		       const struct dax_holder_operations *ops)
{
	struct holder_words words = words_of(dax_dev);
	int rc;

	/* the reference keeps the words until the release */
	if (!igrab(dax_inode(dax_dev)))
		return -ENODEV;
	rc = holder_claim(&words, holder, ops);
	if (rc)
		put_dax(dax_dev);
	return rc;
}

static void complain(enum holder_verdict verdict, const struct dax_device *dax_dev,
		     const void *holder)
{
	WARN_RATELIMIT(verdict == HOLDER_WRONG,
		       "fsdev: %p releases DAX device %p, which has another holder\n", holder,
		       dax_dev);
	WARN_RATELIMIT(verdict == HOLDER_REPEATED,
		       "fsdev: %p releases DAX device %p, which has no holder\n", holder, dax_dev);
}

/**
 * fsdev_holder_release() - stop being the holder of a device
 * @dax_dev: the device
 * @holder: who was given to fsdev_holder_claim()
 *
 * A wrong or repeated release is warned of and takes nothing from the true holder; a release
 * after the device was removed is silent. A call of the holder's operations may still be running
 * when this returns.
 *
 * Context: may sleep; also inside the holder's operations.
 */
void fsdev_holder_release(struct dax_device *dax_dev, void *holder)
{
	struct holder_words words = words_of(dax_dev);

	complain(holder_release(&words, holder), dax_dev, holder);
	put_dax(dax_dev);
}

/**
 * fsdev_holder_drop() - release a device for a holder whose module is unloaded
 * @dax_dev: a device that stays during the call
 * @module: the module; nothing happens unless the holder's operations are its
 *
 * Context: any in which a read-side section may be taken. holder_drain() follows.
 * Return: true if the device was released.
 */
bool fsdev_holder_drop(struct dax_device *dax_dev, const struct module *module)
{
	struct holder_words words = words_of(dax_dev);
	void *holder = (void *)READ_ONCE(*words.data);
	unsigned long ops = READ_ONCE(*words.ops);

	if (!ops || !within_module(ops, module) ||
	    holder_release(&words, holder) != HOLDER_RELEASED)
		return false;
	/* the holder's reference; the bus or the binding has another */
	put_dax(dax_dev);
	return true;
}

/**
 * fsdev_holder_claim_bus() - claim the bus's DAX device
 * @fsdev: a device that stays bound during the call
 * @holder: the new holder; an address that no other holder uses
 * @ops: called when the memory fails or is about to be removed, or NULL
 *
 * As fsdev_holder_claim(), but it excludes, and is excluded by, claims of the block device as well:
 * those deny claims of the bus's DAX device (disk_opened()), and its holder denies theirs. Where a
 * partition was open already, 6.1 does not tell of a claim of it; XFS at least is then denied the
 * block device's DAX device. The next claim of the disk allows that again, since nothing tells when
 * the holder releases.
 *
 * Context: may sleep; after disk_look_for_claims(), with the device_lock.
 * Return: as fsdev_holder_claim(); -EBUSY if the block device is claimed.
 */
int fsdev_holder_claim_bus(struct fsdev *fsdev, void *holder,
			   const struct dax_holder_operations *ops)
{
	struct dax_device *bus_dax = fsdev_bus_dax(fsdev);
	struct holder_words words = words_of(fsdev->dax_dev);
	int rc;

	rc = fsdev_holder_claim(bus_dax, holder, ops);
	if (!rc && !holder_deny_claims(&words)) {
		fsdev_holder_release(bus_dax, holder);
		rc = -EBUSY;
	}
	return rc;
}

/**
 * fsdev_holder_exists() - has a device a holder?
 * @fsdev: the device
 *
 * Context: any; it may have changed when this returns.
 * Return: true if it has.
 */
bool fsdev_holder_exists(struct fsdev *fsdev)
{
	struct holder_words words = words_of(fsdev->dax_dev);
	struct holder_words bus_words = words_of(fsdev_bus_dax(fsdev));

	return holder_exists(&words) || holder_exists(&bus_words);
}

/**
 * fsdev_holder_has_bus() - has the bus's DAX device a holder?
 * @fsdev: the device
 *
 * One that has claimed it with fs_dax_get(), not one that is behind the block device.
 *
 * Context: any; with the device_lock none comes meanwhile.
 * Return: true if it has.
 */
bool fsdev_holder_has_bus(struct fsdev *fsdev)
{
	struct holder_words bus_words = words_of(fsdev_bus_dax(fsdev));

	return holder_exists(&bus_words);
}

/**
 * fsdev_holder_bar() - the block device is being claimed: keep others from the bus's DAX device
 * @fsdev: the device
 *
 * What the claimer may hold instead is the block device's own DAX device, so only one of the two
 * has a holder.
 *
 * Context: the disk's open_mutex.
 * Return: false if the bus's DAX device has a holder.
 */
bool fsdev_holder_bar(struct fsdev *fsdev)
{
	struct holder_words words = words_of(fsdev->dax_dev);
	struct holder_words bus_words = words_of(fsdev_bus_dax(fsdev));

	if (!holder_deny_claims(&bus_words))
		return false;
	/* of a holder that has let go; see fsdev_holder_claim_bus() */
	holder_allow_claims(&words);
	return true;
}

/**
 * fsdev_holder_unbar() - undo fsdev_holder_bar()
 * @fsdev: the device
 *
 * Context: the disk's open_mutex; the block device is not claimed.
 */
void fsdev_holder_unbar(struct fsdev *fsdev)
{
	struct holder_words bus_words = words_of(fsdev_bus_dax(fsdev));

	holder_allow_claims(&bus_words);
}

/*
 * What a holder is told of the removal. Where it is told of a part, that begins where the partition
 * begins that the holder has.
 */
static struct holder_notice removal_of(struct dax_device *dax_dev, u64 start, u64 len)
{
	return (struct holder_notice){
		.dax_dev = dax_dev,
		.offset = len == U64_MAX ? 0 : start,
		.len = len,
		.mf_flags = COMPAT_MF_PRE_REMOVE,
	};
}

/*
 * Keeps the operations of a holder that is about to be notified of the removal. No claim can change
 * them any more: those of the bus's DAX device take the device_lock, the other one is hidden.
 */
static void record_ops(const struct dax_device *dax_dev, const void **record)
{
	const void *ops = READ_ONCE(dax_dev->holder_ops);

	if (ops && ops != &notified_ops)
		WRITE_ONCE(*record, ops);
	/* before they leave the words; pairs with smp_rmb() in device_unloaded() in unload.c */
	smp_wmb();
}

/*
 * As for failures: XFS that still has its disk is told of what lies in it, see fstype_reach().
 * Where its superblock cannot be read that is what was known before, and in a partition its first
 * page.
 */
static u64 removal_len(const struct fsdev *fsdev, u64 start)
{
	u64 reach = READ_ONCE(fsdev->failure.reach), end = U64_MAX, len = COMPAT_PRE_REMOVE_LEN;

	if (reach != U64_MAX && !fstype_xfs_end(fsdev, start, &end))
		end = max(reach, start + PAGE_SIZE);
	return end < memory_size(fsdev) ? min(len, end - start) : len;
}

static void announce_one(struct dax_device *dax_dev, u64 start, u64 len, const void **record)
{
	struct holder_words words = words_of(dax_dev);
	struct holder_notice removal = removal_of(dax_dev, start, len);

	record_ops(dax_dev, record);
	holder_close(&words, fsdev_holder_call, &removal);
}

static void remove_one(struct dax_device *dax_dev, u64 start, const void **record)
{
	struct holder_words words = words_of(dax_dev);
	struct holder_notice removal = removal_of(dax_dev, start, COMPAT_PRE_REMOVE_LEN);

	record_ops(dax_dev, record);
	holder_kill(&words, fsdev_holder_call, &removal);
}

/**
 * fsdev_holder_kill_unheld() - mark the bus's DAX device dead if it has no holder
 * @fsdev: a device whose unbind has begun
 *
 * The rest of the unbind may wait for the users of the disk. fs_dax_get() does not wait with it:
 * the kernel's own (7.x) takes the device's lock as long as it finds the device alive.
 *
 * Context: unbind; takes the disk's open_mutex.
 */
void fsdev_holder_kill_unheld(struct fsdev *fsdev)
{
	struct holder_words bus_words = words_of(fsdev_bus_dax(fsdev));

	mutex_lock(&fsdev->disk->open_mutex);
	holder_kill_unheld(&bus_words);
	mutex_unlock(&fsdev->disk->open_mutex);
}

/**
 * fsdev_holder_announce() - tells the holder of a device that it will be removed
 * @fsdev: the device
 * @start: where the holder's partition begins, in bytes
 *
 * Claims are stopped from then on. It stays alive until fsdev_holder_remove(), which then finds no
 * holder to notify.
 *
 * Context: may sleep; unbind, once.
 */
void fsdev_holder_announce(struct fsdev *fsdev, u64 start)
{
	announce_one(fsdev_bus_dax(fsdev), start, COMPAT_PRE_REMOVE_LEN, &fsdev->unload.bus_ops);
	announce_one(fsdev->dax_dev, start, removal_len(fsdev, start), &fsdev->unload.disk_ops);
}

/**
 * fsdev_holder_remove() - takes a device from its holder, and makes it dead
 * @fsdev: the device
 * @start: where the holder's partition begins, in bytes
 *
 * Claims are stopped, then the holder is told while the device still works, then nothing starts
 * on it any more and what ran has ended. The kernel's kill_dax() does the last of this too, but
 * knows of no claim that comes between.
 *
 * Context: may sleep; unbind, once.
 */
void fsdev_holder_remove(struct fsdev *fsdev, u64 start)
{
	struct holder_words bus_words = words_of(fsdev_bus_dax(fsdev));
	bool unheld;

	/*
	 * The bus's DAX device has no holder to be notified then: the grace periods that the other
	 * one's removal waits for will do for both. The disk is gone, so nothing else denies or
	 * allows claims. A holder is notified first, as other claims do not wait from there on.
	 */
	unheld = holder_kill_unheld(&bus_words);
	if (!unheld)
		remove_one(fsdev_bus_dax(fsdev), start, &fsdev->unload.bus_ops);
	remove_one(fsdev->dax_dev, start, &fsdev->unload.disk_ops);
	if (unheld)
		holder_clear(&bus_words);
}

/**
 * fsdev_holder_init() - allocate the DAX device that waits for read-side sections
 *
 * Return: 0 or a negative errno.
 */
int __init fsdev_holder_init(void)
{
	drain_device = alloc_dax(NULL, NULL);
	if (IS_ERR(drain_device))
		return PTR_ERR(drain_device);
	/* it is made alive */
	kill_dax(drain_device);
	return 0;
}

/**
 * fsdev_holder_exit() - undoes fsdev_holder_init()
 */
void fsdev_holder_exit(void)
{
	put_dax(drain_device);
}
