// SPDX-License-Identifier: GPL-2.0
/*
 * Owners: finding a device, claiming it as a file system does without a block device, and what
 * becomes of mistakes.
 *
 *   find ID PATH         the device's number and its path lead to it, others to nothing
 *   find-dead ID         the device is there and dead
 *   find-path PATH ERROR a path leads to this
 *   whole ID WANTED      one address for all of it: its size in MiB, or this error
 *   exclude-direct ID    a holder by block device excludes those without one
 *   exclude-disk ID      and the other way round
 *   refused ID ERROR     it cannot be claimed: fs_dax_get() gives this error
 *   claim-other DISK ERROR  the DAX device of a disk of another driver cannot be claimed
 *   wrong-release ID     a release by a stranger takes nothing from the holder
 *   late-release ID      its holder is that of an earlier life, and lets go while there is another
 *   claim-removed ID     a claim between whose first look and end the device dies
 *   release-told ID      its holder lets go while it is told of a failure, and the disk is claimed
 *   hold-fickle ID       claims it for a holder that lets go when it is told of the removal
 *   fickle-looked        what that one has seen in its own place then
 *   drained ID           a drain waits for a call that is running
 *   references PATH N    the DAX device of the node has so many references
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "fsdev_test.h"
#include "include/fsdev/dax.h"

static atomic_t told_times;

static int count_told(struct dax_device *dax_dev, u64 offset, u64 len, int flags)
{
	atomic_inc(&told_times);
	return 0;
}

static const struct dax_holder_operations first_ops = { .notify_failure = count_told };
static const struct dax_holder_operations second_ops = { .notify_failure = count_told };
static int first, second;

static bool held_by(const struct dax_device *dax_dev, const void *holder,
		    const struct dax_holder_operations *ops)
{
	return READ_ONCE(dax_dev->holder_data) == holder && READ_ONCE(dax_dev->holder_ops) == ops;
}

static void points_held_by(const struct dax_device *dax_dev, const void *holder,
			   const struct dax_holder_operations *ops, const char *when)
{
	report_point(READ_ONCE(dax_dev->holder_data) == holder, "%s the holder keeps its claim",
		     when);
	report_point(READ_ONCE(dax_dev->holder_ops) == ops, "%s the holder keeps its operations",
		     when);
}

static int found(struct dax_device *dax_dev, const struct dax_device *wanted)
{
	if (IS_ERR(dax_dev))
		return PTR_ERR(dax_dev);
	put_dax(dax_dev);
	return dax_dev == wanted;
}

static int find(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct dax_device *dax_dev;
	dev_t devt;

	if (!device)
		return -EINVAL;
	dax_dev = test_dax(device);
	devt = device->dev_dax->dev.devt;
	report_point(found(dax_dev_get(devt), dax_dev) == 1, "dax_dev_get() finds it");
	report_point(found(fsdev_find_dax(devt), dax_dev) == 1, "fsdev_find_dax() finds it");
	report_point(!fsdev_find_dax(MKDEV(1, 3)), "it finds nothing by another number");
	report_point(found(dax_dev_find(devt), dax_dev) == 1, "dax_dev_find() finds it");
	report_point(!dax_dev_find(MKDEV(1, 3)), "dax_dev_find() makes none for another number");
	report_point(found(fsdev_find_dax_by_path(word[1]), dax_dev) == 1, "its path leads to it");
	report_point(found(fsdev_find_dax_by_path("/dev/null"), dax_dev) == -ENODEV,
		     "another character device is -ENODEV");
	report_point(found(fsdev_find_dax_by_path("/dev"), dax_dev) == -EINVAL,
		     "what is no character device is -EINVAL");
	report_point(found(fsdev_find_dax_by_path("/dev/none"), dax_dev) == -ENOENT,
		     "a path to nothing is -ENOENT");
	return 0;
}

static int find_dead(char **word)
{
	struct test_device *device = device_find(word[0]);
	dev_t devt;

	if (!device)
		return -EINVAL;
	devt = device->dev_dax->dev.devt;
	report_point(found(fsdev_find_dax(devt), test_dax(device)) == 1,
		     "fsdev_find_dax() finds it");
	report_point(!dax_dev_find(devt), "dax_dev_find() does not");
	return 0;
}

static int find_path(char **word)
{
	int wanted, rc;

	if (kstrtoint(word[1], 0, &wanted))
		return -EINVAL;
	rc = found(fsdev_find_dax_by_path(word[0]), NULL);
	report_point(rc == wanted, "%s leads to %d", word[0], wanted);
	report_note("got %d", rc);
	return 0;
}

static int whole(char **word)
{
	struct test_device *device = device_find(word[0]);
	u64 start = device ? device->dev_dax->ranges[0].range.start : 0;
	long wanted, got;
	void *kaddr = NULL;

	if (!device || kstrtol(word[1], 0, &wanted))
		return -EINVAL;
	if (wanted > 0)
		wanted <<= 20;
	got = fsdev_whole(test_dax(device), &kaddr);
	report_point(got == wanted, "fsdev_whole() gives %ld", wanted);
	report_note("got %ld", got);
	report_point(got > 0 ? kaddr == __va(start) : !kaddr, "and an address only with it");
	report_point(fsdev_whole(NULL, &kaddr) == -ENODEV, "of no device it is -ENODEV");
	return 0;
}

static struct dax_device *get_by_disk(struct file *disk, void *holder)
{
	u64 start;

	return fs_dax_get_by_bdev(I_BDEV(disk->f_mapping->host), &start, holder, &first_ops);
}

static void exclude_owner(struct test_device *device, struct file *disk)
{
	struct dax_device *dax_dev = test_dax(device), *disk_dax = get_by_disk(disk, &first);
	int rc;

	report_point(disk_dax, "claimed by block device");
	if (!disk_dax)
		return;
	report_point(disk_dax != dax_dev, "which has a DAX device of its own");
	rc = fs_dax_get(disk_dax, &second, &second_ops);
	report_point(rc && rc != -EBUSY, "that is for no one without a block device");
	report_note("got %d", rc);
	rc = fs_dax_get(dax_dev, &second, &second_ops);
	report_point(rc == -EBUSY, "then it cannot be claimed without one");
	report_note("got %d", rc);
	points_held_by(disk_dax, &first, &first_ops, "meanwhile");
	report_point(!get_by_disk(disk, &second), "nor by block device a second time");
	fs_put_dax(disk_dax, &first);
	rc = fs_dax_get(dax_dev, &second, &second_ops);
	report_point(rc == -EBUSY, "nor as long as the block device is claimed");
	report_note("got %d", rc);
}

static int exclude_disk(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct dax_device *dax_dev;
	struct file *disk;
	int rc;

	if (!device)
		return -EINVAL;
	dax_dev = test_dax(device);
	report_point(held_by(dax_dev, NULL, NULL), "it is free");
	rc = fs_dax_get(dax_dev, &second, &second_ops);
	report_point(!rc, "claimed without a block device");
	report_note("got %d", rc);
	disk = device_disk(device, O_RDWR | O_EXCL);
	report_point(disk == ERR_PTR(-EBUSY), "then the block device cannot be claimed");
	if (!IS_ERR(disk))
		fput(disk);
	report_point(fs_dax_get(dax_dev, &first, &first_ops) == -EBUSY,
		     "nor it by another without one");
	points_held_by(dax_dev, &second, &second_ops, "meanwhile");
	fs_put_dax(dax_dev, &second);
	report_point(held_by(dax_dev, NULL, NULL), "then it is free again");
	return 0;
}

/* As a mount claims it: the block device first. */
static int exclude_direct(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct file *disk;

	if (!device)
		return -EINVAL;
	disk = device_disk(device, O_RDWR | O_EXCL);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	exclude_owner(device, disk);
	/* closed when the command has ended */
	fput(disk);
	return 0;
}

static int refused(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct dax_device *dax_dev;
	const void *before;
	int wanted, rc;

	if (!device || kstrtoint(word[1], 0, &wanted))
		return -EINVAL;
	dax_dev = test_dax(device);
	before = READ_ONCE(dax_dev->holder_data);
	rc = fs_dax_get(dax_dev, &first, &first_ops);
	if (!rc)
		fs_put_dax(dax_dev, &first);
	report_point(rc == wanted, "fs_dax_get() gives %d", wanted);
	report_note("got %d", rc);
	report_point(held_by(dax_dev, before, NULL), "it has no new holder");
	report_point(fs_dax_get(NULL, &first, &first_ops) == -ENODEV, "no device is -ENODEV");
	return 0;
}

static int claim_other(char **word)
{
	struct dax_device *dax_dev;
	struct file *disk;
	int wanted, rc;
	u64 start;

	if (kstrtoint(word[1], 0, &wanted))
		return -EINVAL;
	disk = filp_open(word[0], O_RDONLY, 0);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	dax_dev = fs_dax_get_by_bdev(I_BDEV(disk->f_mapping->host), &start, NULL, NULL);
	rc = dax_dev ? fs_dax_get(dax_dev, &first, &first_ops) : -ENXIO;
	report_point(rc == wanted, "fs_dax_get() gives %d for %s", wanted, word[0]);
	report_note("got %d", rc);
	if (!rc)
		fs_put_dax(dax_dev, &first);
	if (dax_dev)
		fs_put_dax(dax_dev, NULL);
	fput(disk);
	return 0;
}

/* A mistaken release: the reference that it gives back is one that it never had. */
static void release_as(struct dax_device *dax_dev, void *stranger)
{
	ihold(dax_inode(dax_dev));
	fs_put_dax(dax_dev, stranger);
}

static int wrong_release(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct dax_device *dax_dev;

	if (!device)
		return -EINVAL;
	dax_dev = test_dax(device);
	if (fs_dax_get(dax_dev, &first, &first_ops))
		return -EBUSY;
	release_as(dax_dev, &second);
	points_held_by(dax_dev, &first, &first_ops, "after a wrong release");
	fs_put_dax(dax_dev, &first);
	report_point(held_by(dax_dev, NULL, NULL), "then it lets go");
	return 0;
}

/* What a removal by fsdev notes in the flags: a release is still to come. */
#define RELEASE_AWAITED (BITS_PER_LONG - 2)

/* fsdev does not bind before the release has come, other drivers do. */
static void next_life(struct dax_device *dax_dev)
{
	kill_dax(dax_dev);
	set_bit(RELEASE_AWAITED, &dax_dev->flags);
	run_dax(dax_dev);
}

static int late_release(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct dax_device *dax_dev;

	if (!device || !device->claim)
		return -EINVAL;
	dax_dev = test_dax(device);
	next_life(dax_dev);
	if (fs_dax_get(dax_dev, &second, &second_ops))
		return -EBUSY;
	holder_drop(device);
	points_held_by(dax_dev, &second, &second_ops, "after a release from an earlier life");
	fs_put_dax(dax_dev, &second);
	return 0;
}

/* ---- a claim that a removal meets ---- */

static struct task_struct *claimer;
static struct dax_device *claimed;
static struct mutex *looked_under;
static bool looked, claim_done;
static int claim_result;

static int unlock_entry(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return current != claimer || (void *)regs_get_kernel_argument(regs, 0) != looked_under;
}

/* The claimer has looked at the device's driver; from here on nothing keeps the device. */
static int unlock_return(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	WRITE_ONCE(looked, true);
	while (test_bit(DAXDEV_ALIVE, &claimed->flags))
		cpu_relax();
	return 0;
}

static struct kretprobe unlock_probe = {
	.kp.symbol_name = "mutex_unlock",
	.entry_handler = unlock_entry,
	.handler = unlock_return,
	/* a busy function: it must not be missed when it is ours */
	.maxactive = 128,
};

static int owner_main(void *data)
{
	claimer = current;
	claim_result = fs_dax_get(claimed, &first, &first_ops);
	WRITE_ONCE(claim_done, true);
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static int meet_removal(void)
{
	struct task_struct *task;

	looked = false;
	claim_done = false;
	atomic_set(&told_times, 0);
	task = kthread_run(owner_main, NULL, "fsdev_test/claim");
	if (IS_ERR(task))
		return PTR_ERR(task);
	while (!READ_ONCE(looked) && !READ_ONCE(claim_done))
		cpu_relax();
	kill_dax(claimed);
	while (!READ_ONCE(claim_done))
		msleep(20);
	kthread_stop(task);
	return 0;
}

static void revive(void)
{
	if (!claim_result)
		fs_put_dax(claimed, &first);
	WRITE_ONCE(claimed->holder_data, NULL);
	WRITE_ONCE(claimed->holder_ops, NULL);
	run_dax(claimed);
}

static int claim_removed(char **word)
{
	struct test_device *device = device_find(word[0]);
	int rc;

	if (!device)
		return -EINVAL;
	claimed = test_dax(device);
	looked_under = &device->dev_dax->dev.mutex;
	unlock_probe.kp.addr = NULL;
	rc = register_kretprobe(&unlock_probe);
	if (rc)
		return rc;
	rc = meet_removal();
	/* some claims have no such moment; for the others it takes a probe that was not missed */
	for (int i = 0; !rc && !looked && i < 4; i++) {
		revive();
		rc = meet_removal();
	}
	claimer = NULL;
	unregister_kretprobe(&unlock_probe);
	if (rc)
		return rc;
	report_point(claim_result || atomic_read(&told_times) == 1,
		     "a claim that meets a removal is refused, or is told");
	report_note("got %d, told %d times; the device died %s", claim_result,
		    atomic_read(&told_times), looked ? "in between" : "after it");
	report_point(held_by(claimed, NULL, NULL), "the dead device has no holder");
	revive();
	return 0;
}

/* ---- a holder that lets go while it is told ---- */

static struct test_device *fickle_device;
static void *looked_at, *helped_to;
static int fickle_told;

/* What another thread of a holder may do at this moment. */
static int release_and_look(struct dax_device *dax_dev, u64 offset, u64 len, int flags)
{
	struct file *disk = NULL;

	fickle_told++;
	fs_put_dax(dax_dev, &first);
	if (fickle_device)
		disk = device_disk(fickle_device, O_RDWR | O_EXCL);
	looked_at = dax_holder(dax_dev);
	helped_to = fsdev_dax_holder(dax_dev);
	if (!IS_ERR_OR_NULL(disk))
		fput(disk);
	return 0;
}

static const struct dax_holder_operations fickle_ops = { .notify_failure = release_and_look };

/* Of any member of what a holder may be. */
static bool leads_nowhere(const void *holder)
{
	unsigned long word;

	for (size_t at = 0; at <= 4 * PAGE_SIZE; at += sizeof(word))
		if (holder && !copy_from_kernel_nofault(&word, holder + at, sizeof(word)))
			return false;
	return true;
}

static void points_fickle(void)
{
	report_point(fickle_told == 1, "the holder was told once");
	report_note("%d times", fickle_told);
	report_point(leads_nowhere(looked_at), "what dax_holder() gives then leads to no memory");
	report_note("it gives %p", looked_at);
	report_point(!helped_to, "fsdev_dax_holder() gives no holder");
	report_note("it gives %p", helped_to);
}

static int hold_fickle(char **word)
{
	struct test_device *device = device_find(word[0]);

	if (!device)
		return -EINVAL;
	fickle_device = NULL;
	fickle_told = 0;
	looked_at = &fickle_told;
	return fs_dax_get(test_dax(device), &first, &fickle_ops);
}

static int fickle_looked(char **word)
{
	points_fickle();
	return 0;
}

static int release_told(char **word)
{
	int rc = hold_fickle(word);

	if (rc)
		return rc;
	fickle_device = device_find(word[0]);
	dax_holder_notify_failure(test_dax(fickle_device), 0, PAGE_SIZE, 0);
	points_fickle();
	return 0;
}

/* ---- a call that is running ---- */

static bool slow_entered, slow_ended, slow_over;

static int take_long(struct dax_device *dax_dev, u64 offset, u64 len, int flags)
{
	WRITE_ONCE(slow_entered, true);
	while (!READ_ONCE(slow_ended))
		msleep(20);
	msleep(200);
	WRITE_ONCE(slow_over, true);
	return 0;
}

static const struct dax_holder_operations slow_ops = { .notify_failure = take_long };

static int teller_main(void *data)
{
	dax_holder_notify_failure(data, 0, PAGE_SIZE, 0);
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static int drained(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct task_struct *task;
	int rc;

	if (!device)
		return -EINVAL;
	rc = fs_dax_get(test_dax(device), &first, &slow_ops);
	if (rc)
		return rc;
	slow_entered = false;
	slow_ended = false;
	slow_over = false;
	task = kthread_run(teller_main, test_dax(device), "fsdev_test/tell");
	if (!IS_ERR(task))
		while (!READ_ONCE(slow_entered))
			msleep(20);
	fs_put_dax(test_dax(device), &first);
	if (IS_ERR(task))
		return PTR_ERR(task);
	report_point(!READ_ONCE(slow_over), "a release does not wait for a call that is running");
	WRITE_ONCE(slow_ended, true);
	fsdev_notify_drain();
	report_point(READ_ONCE(slow_over), "a drain does");
	kthread_stop(task);
	return 0;
}

static int references(char **word)
{
	struct dax_device *dax_dev = fsdev_find_dax_by_path(word[0]);
	int wanted, got;

	if (IS_ERR(dax_dev))
		return PTR_ERR(dax_dev);
	/* but for ours */
	got = atomic_read(&dax_inode(dax_dev)->i_count) - 1;
	put_dax(dax_dev);
	if (kstrtoint(word[1], 0, &wanted))
		return -EINVAL;
	report_point(got == wanted, "%s has %d references", word[0], wanted);
	report_note("it has %d", got);
	return 0;
}

const struct test_verb owner_verbs[] = {
	{ "find", 2, find },
	{ "find-dead", 1, find_dead },
	{ "find-path", 2, find_path },
	{ "whole", 2, whole },
	{ "exclude-direct", 1, exclude_direct },
	{ "exclude-disk", 1, exclude_disk },
	{ "refused", 2, refused },
	{ "claim-other", 2, claim_other },
	{ "wrong-release", 1, wrong_release },
	{ "late-release", 1, late_release },
	{ "claim-removed", 1, claim_removed },
	{ "release-told", 1, release_told },
	{ "hold-fickle", 1, hold_fickle },
	{ "fickle-looked", 0, fickle_looked },
	{ "drained", 1, drained },
	{ "references", 2, references },
	{ }
};
