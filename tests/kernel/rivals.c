// SPDX-License-Identifier: GPL-2.0
/*
 * Rivals: one claims the DAX device without the block device, another the block device without
 * the DAX device, as fast as they can.
 *
 *   rivals ID ROUNDS     the first tries so often, or more; never do both have it
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>

#include "fsdev_test.h"
#include "include/fsdev/dax.h"

/* One of the two: what it has claimed, and how it went. */
struct rival {
	struct rival *other;
	int (*claim)(struct rival *me);
	void (*release)(struct rival *me);
	unsigned int pace;
	struct task_struct *task;
	bool has, done;
	unsigned long tries, got, refused, both, wrong;
	int error;
	struct compat_disk_claim disk;
};

static const struct dax_holder_operations no_rival_ops;
static struct dax_device *contested;
static dev_t contested_disk;
static unsigned long rounds;

static int claim_dax(struct rival *me)
{
	return fs_dax_get(contested, me, &no_rival_ops);
}

static void release_dax(struct rival *me)
{
	fs_put_dax(contested, me);
}

static int claim_opened(struct rival *me)
{
	return compat_claim_disk(contested_disk, me, &me->disk);
}

static void release_opened(struct rival *me)
{
	compat_unclaim_disk(&me->disk);
}

/* It says that it has it only while it does: what the other one sees is true. */
static void have(struct rival *me)
{
	WRITE_ONCE(me->has, true);
	for (int i = 0; i < 8; i++) {
		smp_mb(); /* one of the two sees the other */
		me->both += READ_ONCE(me->other->has);
		spin_us(2);
	}
	/* before it is given back */
	smp_store_release(&me->has, false);
}

static void try(struct rival *me)
{
	int rc = me->claim(me);

	if (!rc) {
		have(me);
		me->release(me);
		me->got++;
	} else if (rc == -EBUSY) {
		me->refused++;
	} else {
		me->wrong++;
		me->error = rc;
	}
	WRITE_ONCE(me->tries, me->tries + 1);
	/* of another length each time, so that the other one comes in everywhere */
	spin_us(me->tries * me->pace % 61);
	cond_resched();
}

static bool met_each_other(const struct rival *me)
{
	return me->got && me->refused && READ_ONCE(me->other->got) &&
	       READ_ONCE(me->other->refused);
}

static int dax_main(void *data)
{
	struct rival *me = data;

	/* more of them where the two have not met each other yet */
	while (me->tries < rounds || (me->tries < 100 * rounds && !met_each_other(me)))
		try(me);
	WRITE_ONCE(me->done, true);
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static int disk_main(void *data)
{
	struct rival *me = data;

	while (!kthread_should_stop())
		try(me);
	return 0;
}

static int start(struct rival *me, int (*thread)(void *data), unsigned int cpu)
{
	me->task = kthread_create_on_cpu(thread, me, cpu, "fsdev_test/%u");
	if (IS_ERR(me->task))
		return PTR_ERR(me->task);
	wake_up_process(me->task);
	return 0;
}

static int compete(struct rival *dax, struct rival *disk)
{
	unsigned int cpu = cpumask_first(cpu_online_mask);
	unsigned int next = cpumask_next(cpu, cpu_online_mask);
	int rc;

	if (next >= nr_cpu_ids)
		return -ENODEV;
	rc = start(disk, disk_main, next);
	if (rc)
		return rc;
	rc = start(dax, dax_main, cpu);
	if (!rc) {
		while (!READ_ONCE(dax->done))
			msleep(20);
		kthread_stop(dax->task);
	}
	kthread_stop(disk->task);
	return rc;
}

static void report_rival(const struct rival *me, const char *name)
{
	report_point(me->got && me->refused && !me->wrong, "%s is claimed or busy", name);
	report_note("%s: %lu claims, %lu refused, %lu errors, the last %d", name, me->got,
		    me->refused, me->wrong, me->error);
}

static int rivals(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct rival dax = { .claim = claim_dax, .release = release_dax, .pace = 7 };
	struct rival disk = { .claim = claim_opened, .release = release_opened, .pace = 11 };
	struct file *open;
	int rc;

	if (!device || kstrtoul(word[1], 0, &rounds))
		return -EINVAL;
	contested = test_dax(device);
	/* open and not claimed: no obstacle */
	open = device_disk(device, O_RDONLY);
	if (IS_ERR(open))
		return PTR_ERR(open);
	contested_disk = I_BDEV(open->f_mapping->host)->bd_dev;
	dax.other = &disk;
	disk.other = &dax;
	rc = compete(&dax, &disk);
	fput(open);
	if (rc)
		return rc;
	report_point(!dax.both && !disk.both, "never have both been claimed");
	report_note("seen %lu and %lu times", dax.both, disk.both);
	report_rival(&dax, "the DAX device");
	report_rival(&disk, "the block device");
	return 0;
}

const struct test_verb rivals_verbs[] = {
	{ "rivals", 2, rivals },
	{ }
};
