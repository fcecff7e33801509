// SPDX-License-Identifier: GPL-2.0
/*
 * Rivals: one claims the DAX device without the block device, another the block device without
 * the DAX device, as fast as they can.
 *
 *   rivals ID ROUNDS     each tries so often; never do both have it
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
	unsigned long got, refused, both, wrong;
	int error;
	struct compat_disk_claim disk;
};

static const struct dax_holder_operations no_operations;
static struct dax_device *contested;
static dev_t contested_disk;
static unsigned long tries;

static int claim_dax(struct rival *me)
{
	return fs_dax_get(contested, me, &no_operations);
}

static void release_dax(struct rival *me)
{
	fs_put_dax(contested, me);
}

static int claim_disk(struct rival *me)
{
	return compat_claim_disk(contested_disk, me, &me->disk);
}

static void release_disk(struct rival *me)
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
		udelay(2);
	}
	/* before it is given back */
	smp_store_release(&me->has, false);
}

static int rival_main(void *data)
{
	struct rival *me = data;

	for (unsigned long i = 0; i < tries; i++) {
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
		/* of another length each time, so that the other one comes in everywhere */
		udelay(i * me->pace % 61);
		cond_resched();
	}
	WRITE_ONCE(me->done, true);
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static void compete(struct rival *dax, struct rival *disk)
{
	dax->task = kthread_run(rival_main, dax, "fsdev_test/dax");
	disk->task = kthread_run(rival_main, disk, "fsdev_test/disk");
	if (!IS_ERR(dax->task) && !IS_ERR(disk->task))
		while (!READ_ONCE(dax->done) || !READ_ONCE(disk->done))
			msleep(20);
	if (!IS_ERR(dax->task))
		kthread_stop(dax->task);
	if (!IS_ERR(disk->task))
		kthread_stop(disk->task);
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
	struct rival disk = { .claim = claim_disk, .release = release_disk, .pace = 11 };
	struct file *open;
	char path[32];

	if (!device || kstrtoul(word[1], 0, &tries))
		return -EINVAL;
	contested = test_dax(device);
	snprintf(path, sizeof(path), "/dev/fsdev%d.0", device->id);
	/* open and not claimed: in nobody's way */
	open = filp_open(path, O_RDONLY, 0);
	if (IS_ERR(open))
		return PTR_ERR(open);
	contested_disk = I_BDEV(open->f_mapping->host)->bd_dev;
	dax.other = &disk;
	disk.other = &dax;
	compete(&dax, &disk);
	fput(open);
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
