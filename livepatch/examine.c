// SPDX-License-Identifier: GPL-2.0
/*
 * Examination: does the running kernel's function have the fault that its replacement mends? Each
 * runs as it is, single-stepped by kprobes, on a private DAX device without memory. No path is
 * taken on which a correct function would warn.
 */
#include <linux/dax.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "livepatch.h"

static const char cannot[] = "it cannot be examined here";

static struct dax_device *device;
static int other_holder;

static int answer_one(struct dax_device *dax_dev, u64 offset, u64 len, int mf_flags)
{
	return 1;
}

static int answer_two(struct dax_device *dax_dev, u64 offset, u64 len, int mf_flags)
{
	return 2;
}

static const struct dax_holder_operations one = { .notify_failure = answer_one };
static const struct dax_holder_operations two = { .notify_failure = answer_two };

static void set_words(void *holder, const struct dax_holder_operations *ops)
{
	WRITE_ONCE(device->holder_data, holder);
	WRITE_ONCE(device->holder_ops, ops);
}

/* ---- fs_put_dax() ---- */

/* What the steps of a release have seen. */
static struct {
	unsigned int steps;
	bool free_with_operations;
} release;

static void look_at_release(void *arg)
{
	release.steps++;
	if (!READ_ONCE(device->holder_data) && READ_ONCE(device->holder_ops))
		release.free_with_operations = true;
}

static void run_release(void)
{
	/* it gives back a reference */
	ihold(dax_inode(device));
	step_go();
	fs_put_dax(device, &other_holder);
	step_halt();
}

static const char *judge_release(void)
{
	set_words(&other_holder, &one);
	run_release();
	if (release.steps < 4)
		return cannot;
	if (release.free_with_operations)
		return "it clears the operations after it has given up the device";
	/* as after a removal: the operations are another holder's, and no warning is due */
	set_words(NULL, &one);
	run_release();
	if (!device->holder_ops)
		return "it clears the operations before it knows whose they are";
	return NULL;
}

/**
 * examine_put() - find the fault of fs_put_dax()
 *
 * Context: may sleep.
 * Return: a sentence; NULL if there is none.
 */
const char *examine_put(void)
{
	const char *fault;

	if (step_begin("fs_put_dax", look_at_release, NULL))
		return cannot;
	fault = judge_release();
	step_end();
	set_words(NULL, NULL);
	return fault;
}

/* ---- dax_holder_notify_failure() ---- */

/* The step before which the operations change. */
static struct {
	unsigned int step, change_at;
} notice;

static void change_operations(void *arg)
{
	if (notice.step++ == notice.change_at)
		WRITE_ONCE(device->holder_ops, &two);
}

static int run_notice(const struct dax_holder_operations *ops, unsigned int change_at)
{
	int rc;

	set_words(&other_holder, ops);
	notice.step = 0;
	notice.change_at = change_at;
	step_go();
	rc = dax_holder_notify_failure(device, 0, 0, 0);
	step_halt();
	return rc;
}

/*
 * The last step before which a change of the operations from @ops takes effect: for NULL the read
 * that checks them, otherwise the read that calls them.
 */
static unsigned int last_noticed(const struct dax_holder_operations *ops, unsigned int steps)
{
	unsigned int last = 0;

	for (unsigned int i = 0; i < steps; i++)
		if (run_notice(ops, i) == 2)
			last = i + 1;
	return last;
}

static const char *judge_notice(void)
{
	unsigned int looked, used;

	if (run_notice(&one, UINT_MAX) != 1 || notice.step < 4)
		return cannot;
	used = last_noticed(&one, notice.step);
	run_notice(&one, UINT_MAX);
	looked = last_noticed(NULL, notice.step);
	if (!used || !looked)
		return cannot;
	return used == looked ? NULL : "it reads the operations a second time before it calls them";
}

/**
 * examine_notify() - find the fault of dax_holder_notify_failure()
 *
 * Context: may sleep.
 * Return: a sentence; NULL if there is none.
 */
const char *examine_notify(void)
{
	const char *fault;

	if (step_begin("dax_holder_notify_failure", change_operations, NULL))
		return cannot;
	fault = judge_notice();
	step_end();
	set_words(NULL, NULL);
	return fault;
}

/* ---- fs_dax_get() ---- */

/* A device of the bus that is on no bus, as far as fs_dax_get() looks at it. */
static struct dev_dax *bus_device;
static struct dax_device_driver bus_driver = {
	COMPAT_DAX_DRIVER_TYPE
};

/* Progress of the claim. A removal takes the device lock and waits for read-side sections. */
static struct {
	bool locked, removed;
} claim;

/* Kills the device at the first step at which a removal could. */
static void remove_device(void *arg)
{
	bool locked = mutex_is_locked(&bus_device->dev.mutex);

	if (claim.locked && !locked && !claim.removed && !READ_ONCE(device->holder_data)) {
		clear_bit(DAXDEV_ALIVE, &device->flags);
		claim.removed = true;
	}
	claim.locked |= locked;
}

static const char *judge_claim(void)
{
	int rc;

	memset(&claim, 0, sizeof(claim));
	step_go();
	rc = compat_kernel_fs_dax_get(device, &other_holder, &one);
	step_halt();
	if (!rc)
		put_dax(device);
	set_bit(DAXDEV_ALIVE, &device->flags);
	if (!claim.locked || (rc && !claim.removed))
		return cannot;
	return !rc && claim.removed ? "it claims a device that was removed meanwhile" : NULL;
}

/**
 * examine_get() - find the fault of fs_dax_get()
 *
 * Only where it is the kernel's.
 *
 * Context: may sleep.
 * Return: a sentence; NULL if there is none.
 */
const char *examine_get(void)
{
	const char *fault = cannot;

	bus_device = kzalloc(sizeof(*bus_device), GFP_KERNEL);
	if (!bus_device)
		return cannot;
	mutex_init(&bus_device->dev.mutex);
	bus_device->dev.driver = &bus_driver.drv;
	bus_device->dax_dev = device;
	device->private = bus_device;
	if (!step_begin("fs_dax_get", remove_device, NULL)) {
		fault = judge_claim();
		step_end();
	}
	device->private = NULL;
	set_words(NULL, NULL);
	kfree(bus_device);
	return fault;
}

/**
 * examine_init() - create the private DAX device
 *
 * Return: 0 or a negative errno.
 */
int examine_init(void)
{
	device = alloc_dax(NULL, NULL);
	return PTR_ERR_OR_ZERO(device);
}

/**
 * examine_drain() - wait for the read-side sections that have begun
 *
 * Context: may sleep; not inside such a section.
 */
void examine_drain(void)
{
	kill_dax(device);
}

/**
 * examine_exit() - undo examine_init()
 */
void examine_exit(void)
{
	kill_dax(device);
	put_dax(device);
}
