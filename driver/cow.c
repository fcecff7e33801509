// SPDX-License-Identifier: GPL-2.0
/*
 * Cow: no entry of a DAX file outlives the blocks that copy-on-write has replaced.
 *
 * A write to shared blocks takes the file's entries out first, copies, and has XFS put the new
 * blocks in the place of the old ones last. A read fault that comes in between finds the old
 * blocks, and its entry stays: the mapping goes on showing them when they have long been freed and
 * belong to another file (fs/dax.c, Linux 6.1 to 7.3; 6.1 does not even take out what was there
 * before). So the entries are taken out once more around the last step, with the file's
 * invalidate_lock held exclusively: each fault is over before, or finds the new blocks.
 *
 * XFS does that last step in xfs_reflink_end_cow(), which ftrace redirects to cow_end(), which
 * takes the entries out and then calls it. clamp.c says, by cow_begin(), which file the task that
 * calls it is about to copy.
 *
 * Unsharing where the source has no data copies nothing, and XFS puts the new blocks into the file
 * all the same where it has made some ready, with what they held before (Linux 6.1; later kernels
 * make none ready there). So that step is turned into xfs_reflink_cancel_cow_range().
 *
 * Faults hold the lock of the entry that they copy, need nothing of this, and must not wait here.
 *
 * Locks: i_rwsem, invalidate_lock, then XFS's own, as in fallocate(). cow_lock inside all of them.
 */
#include <linux/atomic.h>
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/static_call.h>
#include <linux/wait_bit.h>

#include "cow.h"
#include "xfs_hook.h"

/* Writes that have begun, by task. */
#define COW_BITS 6
/* So many writes are recorded even where the kernel is out of memory. */
#define COW_RESERVE 64

/**
 * struct cow_write - copy-on-write that has begun
 * @node: in cow_writes, protected by cow_lock
 * @task: who does it; is only compared
 * @inode: the file; alive until @task has called cow_end() or cow_cancel()
 * @kind: what it is
 */
struct cow_write {
	struct hlist_node node;
	const struct task_struct *task;
	struct inode *inode;
	enum cow_kind kind;
};

/* XFS has it to itself. */
struct xfs_inode;

static DEFINE_SPINLOCK(cow_lock);
static struct hlist_head cow_writes[1 << COW_BITS];
static mempool_t *cow_pool;

/* Are the functions replaced? Protected by cow_lock. */
static bool cow_is_hooked;

/* Callers inside cow_end() and cow_cancel(); their code stays until there is none. */
static atomic_t cow_running = ATOMIC_INIT(0);

static struct hlist_head *cow_head(void)
{
	return &cow_writes[hash_ptr(current, COW_BITS)];
}

/* The record of the running task, or NULL. Caller must hold cow_lock. */
static struct cow_write *cow_find(void)
{
	struct cow_write *write;

	lockdep_assert_held(&cow_lock);
	hlist_for_each_entry(write, cow_head(), node)
		if (write->task == current)
			return write;
	return NULL;
}

/* Caller must hold cow_lock. */
static void cow_free(struct cow_write *write)
{
	lockdep_assert_held(&cow_lock);
	hlist_del(&write->node);
	mempool_free(write, cow_pool);
}

/* Take the record of the running task off if its file is @ip; false if there is none. */
static bool cow_take(const struct xfs_inode *ip, struct cow_write *taken)
{
	struct cow_write *write;
	bool found;

	spin_lock(&cow_lock);
	write = cow_find();
	/* XFS has its inode around the kernel's */
	found = write && (unsigned long)write->inode - (unsigned long)ip < PAGE_SIZE;
	if (found) {
		*taken = *write;
		cow_free(write);
	}
	spin_unlock(&cow_lock);
	return found;
}

/* Take entries out. The caller holds the file's invalidate_lock exclusively. */
static void cow_drop(struct inode *inode, loff_t pos, loff_t count)
{
	struct address_space *mapping = inode->i_mapping;
	pgoff_t first = pos >> PAGE_SHIFT, last = (pos + count - 1) >> PAGE_SHIFT;

	lockdep_assert_held_write(&mapping->invalidate_lock);
	/* first: from 7.0 on an entry that is mapped when it goes draws a warning */
	unmap_mapping_pages(mapping, first, last - first + 1, false);
	if (!invalidate_inode_pages2_range(mapping, first, last))
		return;
	/* dirty ones: DAX waits for nothing more, and leaves errors to fsync() */
	filemap_fdatawrite_range(mapping, (loff_t)first << PAGE_SHIFT,
				 ((loff_t)last << PAGE_SHIFT) + PAGE_SIZE - 1);
	if (invalidate_inode_pages2_range(mapping, first, last))
		pr_warn_ratelimited("fsdev: %s: inode %llu, offset %lld: the file still names pages that a write has replaced\n",
				    inode->i_sb->s_id, (u64)inode->i_ino, pos);
}

typedef int cow_end_t(struct xfs_inode *ip, loff_t offset, loff_t count);
typedef int cow_cancel_t(struct xfs_inode *ip, loff_t offset, loff_t count, bool real);

/* What stands in for the functions of XFS while XFS is not there. */
static int cow_no_end(struct xfs_inode *ip, loff_t offset, loff_t count)
{
	return -EIO;
}

static int cow_no_cancel(struct xfs_inode *ip, loff_t offset, loff_t count, bool real)
{
	return -EIO;
}

DEFINE_STATIC_CALL(cow_end_cow, cow_no_end);
DEFINE_STATIC_CALL(cow_cancel_cow, cow_no_cancel);

static void cow_set_end(unsigned long body)
{
	static_call_update(cow_end_cow, (cow_end_t *)body);
}

static void cow_set_cancel(unsigned long body)
{
	static_call_update(cow_cancel_cow, (cow_cancel_t *)body);
}

static void cow_leave(void)
{
	if (atomic_dec_and_test(&cow_running))
		wake_up_var(&cow_running);
}

/* In the place of xfs_reflink_end_cow(), in the task and under the locks of its caller. */
static noinline int cow_end(struct xfs_inode *ip, loff_t offset, loff_t count)
{
	struct cow_write write;
	bool known;
	int rc;

	atomic_inc(&cow_running);
	known = cow_take(ip, &write) && count > 0;
	if (known && write.kind == COW_NOTHING) {
		rc = static_call(cow_cancel_cow)(ip, offset, count, true);
	} else {
		if (known && write.kind == COW_WRITE)
			filemap_invalidate_lock(write.inode->i_mapping);
		if (known)
			cow_drop(write.inode, offset, count);
		rc = static_call(cow_end_cow)(ip, offset, count);
		if (known && write.kind == COW_WRITE)
			filemap_invalidate_unlock(write.inode->i_mapping);
	}
	cow_leave();
	return rc;
}

/* In the place of xfs_reflink_cancel_cow_range(): nothing has been copied. */
static noinline int cow_cancel(struct xfs_inode *ip, loff_t offset, loff_t count, bool real)
{
	struct cow_write write;
	int rc;

	atomic_inc(&cow_running);
	cow_take(ip, &write);
	rc = static_call(cow_cancel_cow)(ip, offset, count, real);
	cow_leave();
	return rc;
}

struct xfs_hook cow_end_hook = {
	.name = "xfs_reflink_end_cow",
	.replacement = cow_end,
	.set_original = cow_set_end,
};

struct xfs_hook cow_cancel_hook = {
	.name = "xfs_reflink_cancel_cow_range",
	.replacement = cow_cancel,
	.set_original = cow_set_cancel,
};

/**
 * cow_begin() - note that the running task is about to copy on write, other than in a fault
 * @inode: the file, which the task keeps until XFS has ended or cancelled the copy
 * @kind: what it is
 *
 * Context: any task; does not sleep.
 * Return: false if its entries could not be taken out afterwards: then it must not go on.
 */
bool cow_begin(struct inode *inode, enum cow_kind kind)
{
	struct cow_write *write, *spare;

	spare = mempool_alloc(cow_pool, GFP_ATOMIC | __GFP_NOWARN);
	spin_lock(&cow_lock);
	/* without the hook it would never be taken off again */
	write = cow_is_hooked ? cow_find() : NULL;
	if (cow_is_hooked && !write && spare) {
		write = spare;
		spare = NULL;
		write->task = current;
		hlist_add_head(&write->node, cow_head());
	}
	if (write) {
		write->inode = inode;
		write->kind = kind;
	}
	spin_unlock(&cow_lock);
	if (spare)
		mempool_free(spare, cow_pool);
	return write;
}

/**
 * cow_forget() - undo cow_begin() where XFS has neither ended nor cancelled the copy
 *
 * Context: the task that called it, at the start of a write fault; does not sleep. cow_end() would
 * wait for the lock of the entry that the fault has.
 */
void cow_forget(void)
{
	struct cow_write *write;

	/* only this task adds a record of its own */
	if (likely(hlist_empty(cow_head())))
		return;
	spin_lock(&cow_lock);
	write = cow_find();
	if (write)
		cow_free(write);
	spin_unlock(&cow_lock);
}

/**
 * cow_hooked() - note that the functions of cow_end_hook and cow_cancel_hook are replaced, or not
 * @hooked: they are
 *
 * Without them what has begun would never be taken off again, so it is forgotten.
 *
 * Context: does not sleep. cow_begin() may be called meanwhile, and refuses while they are not.
 */
void cow_hooked(bool hooked)
{
	struct cow_write *write;
	struct hlist_node *next;

	spin_lock(&cow_lock);
	cow_is_hooked = hooked;
	for (unsigned int i = 0; !hooked && i < ARRAY_SIZE(cow_writes); i++)
		hlist_for_each_entry_safe(write, next, &cow_writes[i], node)
			cow_free(write);
	spin_unlock(&cow_lock);
}

/**
 * cow_init() - set up
 *
 * Context: loading the module.
 * Return: 0 or a negative errno.
 */
int cow_init(void)
{
	cow_pool = mempool_create_kmalloc_pool(COW_RESERVE, sizeof(struct cow_write));
	return cow_pool ? 0 : -ENOMEM;
}

/**
 * cow_exit() - undo cow_init(), and wait until no caller is inside cow_end()
 *
 * Context: unloading the module, after xfs_hook_exit(); may sleep, as long as a write takes to
 * write its blocks back.
 */
void cow_exit(void)
{
	wait_var_event(&cow_running, !atomic_read(&cow_running));
	synchronize_rcu_tasks();	/* counted no more, and not yet back */
	mempool_destroy(cow_pool);
}
