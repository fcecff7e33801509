/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kill: processes that map failing pages are signalled once their file system holds no lock. For
 * failure.c, whose way to the holder has no function in between.
 */
#ifndef FSDEV_KILL_H
#define FSDEV_KILL_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/types.h>

struct fsdev;

/* Notifications at a time, of all devices: one by memory_failure(), the others by workers. */
#define KILL_SLOTS 16

/**
 * struct kill_batch - the files that a holder's walk finds; on the stack of the notifying task
 * @files: struct kill_file
 * @slot: by which kill_procs() finds this; NULL where nothing is put off
 */
struct kill_batch {
	struct list_head files;
	struct kill_slot *slot;
};

/**
 * struct kill_slot - a task that notifies a holder
 * @task: NULL if the slot is free; taken by cmpxchg(), given back by its task
 * @batch: written and read by @task only
 */
struct kill_slot {
	const struct task_struct *task;
	struct kill_batch *batch;
};

extern struct kill_slot kill_slots[KILL_SLOTS];
extern bool kill_hooked;

void kill_wait_slot(void);

static __always_inline struct kill_slot *kill_take_slot(void)
{
	for (struct kill_slot *slot = kill_slots; slot < kill_slots + KILL_SLOTS; slot++)
		if (!READ_ONCE(slot->task) && !cmpxchg(&slot->task, NULL, current))
			return slot;
	return NULL;
}

/**
 * kill_begin() - put signals off until kill_end()
 * @batch: is filled by the holder's calls of mf_dax_kill_procs()
 *
 * Without the hook they are not.
 *
 * Context: before the holder is notified, in the same task; may sleep.
 */
static __always_inline void kill_begin(struct kill_batch *batch)
{
	batch->slot = NULL;
	if (!READ_ONCE(kill_hooked))
		return;
	for (;;) {
		batch->slot = kill_take_slot();
		if (likely(batch->slot))
			break;
		kill_wait_slot();
	}
	INIT_LIST_HEAD(&batch->files);
	batch->slot->batch = batch;
}

void kill_batch_run(struct fsdev *fsdev, struct kill_batch *batch, u64 offset, u64 len);

/**
 * kill_end() - signal what was put off
 * @fsdev: the device
 * @batch: of kill_begin()
 * @offset: of what the holder was notified of; device offset in bytes
 * @len: bytes
 *
 * Context: may sleep; after the holder's notification, in the same task, without a lock of a file
 * system's.
 */
static __always_inline void kill_end(struct fsdev *fsdev, struct kill_batch *batch, u64 offset,
				     u64 len)
{
	if (!batch->slot)
		return;
	/* pairs with cmpxchg() in kill_begin() of the slot's next task */
	smp_store_release(&batch->slot->task, NULL);
	if (!list_empty(&batch->files))
		kill_batch_run(fsdev, batch, offset, len);
}

bool kill_notifies(void);
bool kill_hook(void);
int kill_init(void);
void kill_exit(void);

#endif
