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
 * XFS is a module: it can come after the hook was asked for, and go. The hook is there from the
 * first time that it is asked for with XFS until XFS or this module is unloaded, as direct_map.c's.
 * It does nothing while it is not asked for.
 *
 * Locks: cow_hook_lock, then cow_lock. i_rwsem, invalidate_lock, then XFS's own, as in fallocate().
 */
#include <linux/atomic.h>
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <linux/wait_bit.h>

#include "compat/ftrace.h"
#include "cow.h"
#include "supers.h"

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

/* Protects the hook, whether it is there, and whether it is wanted. */
static DEFINE_MUTEX(cow_hook_lock);
static bool cow_hooked;
static bool cow_wanted;

/* Is it both? Protected by cow_lock, and written under cow_hook_lock as well. */
static bool cow_active;

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

static void cow_set_active(bool active)
{
	spin_lock(&cow_lock);
	WRITE_ONCE(cow_active, active);
	spin_unlock(&cow_lock);
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

/* Direct calls: a processor that tracks branches lets none but those reach a static function. */
DEFINE_STATIC_CALL(cow_end_cow, cow_no_end);
DEFINE_STATIC_CALL(cow_cancel_cow, cow_no_cancel);

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

#ifdef COMPAT_FTRACE_IPMODIFY
static unsigned long cow_end_at, cow_cancel_at;

static void notrace cow_redirect(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
				 struct ftrace_regs *fregs)
{
	if (READ_ONCE(cow_active))
		compat_ftrace_set_ip(fregs, ip == cow_end_at ? (unsigned long)cow_end :
							       (unsigned long)cow_cancel);
}

static struct ftrace_ops cow_ops = {
	.func = cow_redirect,
	.flags = COMPAT_FTRACE_IPMODIFY,
};

/* Find where ftrace comes into a function of XFS; 0 where there is none. */
static unsigned long cow_lookup(const char *name, int *rc)
{
	struct kprobe probe = { .symbol_name = name };

	*rc = register_kprobe(&probe);
	if (*rc)
		return 0;
	unregister_kprobe(&probe);
	if (!compat_ftrace_body((unsigned long)probe.addr))
		*rc = -EOPNOTSUPP;
	return (unsigned long)probe.addr;
}

static void cow_unfilter(void)
{
	ftrace_set_filter_ip(&cow_ops, cow_end_at, 1, 0);
	ftrace_set_filter_ip(&cow_ops, cow_cancel_at, 1, 0);
}

/* Caller must hold cow_hook_lock; XFS is there, and ftrace knows of it. */
static int cow_hook(void)
{
	int rc;

	lockdep_assert_held(&cow_hook_lock);
	cow_end_at = cow_lookup("xfs_reflink_end_cow", &rc);
	if (!rc)
		cow_cancel_at = cow_lookup("xfs_reflink_cancel_cow_range", &rc);
	if (rc)
		return rc;
	/* behind the place where ftrace comes in: neither it nor another tracer sees them */
	static_call_update(cow_end_cow, (cow_end_t *)compat_ftrace_body(cow_end_at));
	static_call_update(cow_cancel_cow, (cow_cancel_t *)compat_ftrace_body(cow_cancel_at));
	rc = ftrace_set_filter_ip(&cow_ops, cow_end_at, 0, 0) ?:
	     ftrace_set_filter_ip(&cow_ops, cow_cancel_at, 0, 0) ?:
	     register_ftrace_function(&cow_ops);
	if (rc)
		cow_unfilter();
	cow_hooked = !rc;
	return rc;
}

/* Caller must hold cow_hook_lock. */
static void cow_unhook(void)
{
	lockdep_assert_held(&cow_hook_lock);
	if (!cow_hooked)
		return;
	cow_set_active(false);
	unregister_ftrace_function(&cow_ops);
	cow_unfilter();
	cow_hooked = false;
}
#else
static int cow_hook(void)
{
	return -EOPNOTSUPP;
}

static void cow_unhook(void)
{
}
#endif

static void cow_forget_all(void)
{
	struct cow_write *write;
	struct hlist_node *next;

	spin_lock(&cow_lock);
	for (unsigned int i = 0; i < ARRAY_SIZE(cow_writes); i++)
		hlist_for_each_entry_safe(write, next, &cow_writes[i], node)
			cow_free(write);
	spin_unlock(&cow_lock);
}

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
	write = cow_active ? cow_find() : NULL;
	if (cow_active && !write && spare) {
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
 * cow_start() - have the entries of blocks that are copied on write taken out
 *
 * From now on, or from when XFS is loaded.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if one of the functions is replaced already, as by a livepatch; another
 * negative errno.
 */
int cow_start(void)
{
	int rc = 0;

	mutex_lock(&cow_hook_lock);
	/* while XFS is being loaded cow_notify() does it */
	if (!cow_hooked && supers_know_type("xfs"))
		rc = cow_hook();
	cow_wanted = !rc;
	cow_set_active(cow_hooked);
	mutex_unlock(&cow_hook_lock);
	return rc;
}

/**
 * cow_stop() - undo cow_start()
 *
 * Callers may still be inside cow_end(), until cow_exit() has returned.
 *
 * Context: may sleep; cow_begin() may still be called, and refuses.
 */
void cow_stop(void)
{
	mutex_lock(&cow_hook_lock);
	cow_wanted = false;
	cow_set_active(false);
	mutex_unlock(&cow_hook_lock);
	cow_forget_all();
}

/* XFS comes or goes. */
static int cow_notify(struct notifier_block *notifier, unsigned long state, void *data)
{
	const struct module *module = data;
	int rc = 0;

	if (strcmp(module->name, "xfs"))
		return NOTIFY_DONE;
	mutex_lock(&cow_hook_lock);
	if ((state == MODULE_STATE_COMING || state == MODULE_STATE_LIVE) && cow_wanted &&
	    !cow_hooked)
		rc = cow_hook();
	else if (state == MODULE_STATE_GOING)
		cow_unhook();
	cow_set_active(cow_hooked && cow_wanted);
	mutex_unlock(&cow_hook_lock);
	if (rc)
		pr_err("fsdev: XFS cannot be hooked (error %d): copy-on-write by write() is refused on its DAX files\n",
		       rc);
	return NOTIFY_OK;
}

static struct notifier_block cow_notifier = {
	.notifier_call = cow_notify,
};

/**
 * cow_init() - set up
 *
 * Context: loading the module.
 * Return: 0 or a negative errno.
 */
int cow_init(void)
{
	int rc;

	cow_pool = mempool_create_kmalloc_pool(COW_RESERVE, sizeof(struct cow_write));
	if (!cow_pool)
		return -ENOMEM;
	rc = register_module_notifier(&cow_notifier);
	if (rc)
		mempool_destroy(cow_pool);
	return rc;
}

/**
 * cow_exit() - undo cow_init(), and wait until no caller is inside cow_end()
 *
 * Context: unloading the module, after cow_stop(); may sleep, as long as a write takes to
 * write its blocks back.
 */
void cow_exit(void)
{
	/* while it is still heard of that XFS goes */
	mutex_lock(&cow_hook_lock);
	cow_unhook();
	mutex_unlock(&cow_hook_lock);
	unregister_module_notifier(&cow_notifier);
	synchronize_rcu_tasks();	/* redirected, and not counted yet */
	wait_var_event(&cow_running, !atomic_read(&cow_running));
	synchronize_rcu_tasks();	/* counted no more, and not yet back */
	mempool_destroy(cow_pool);
}
