// SPDX-License-Identifier: GPL-2.0
/*
 * Cow: take the entries out of a DAX file whose blocks copy-on-write has replaced.
 *
 * A write to shared blocks takes the file's entries out first, copies, and has XFS put the new
 * blocks in the place of the old ones last. A read fault that comes in between finds the old
 * blocks, and its entry stays: the mapping goes on showing them when they have long been freed and
 * belong to another file (fs/dax.c, Linux 6.1 to 7.3; 6.1 does not even take out what was there
 * before). So the entries are taken out once more, when the new blocks are in place and before the
 * write goes on: XFS lets no freed block be used again before its log is written.
 *
 * XFS does that last step in xfs_reflink_end_cow(), which ftrace redirects to cow_end(), which
 * calls it in turn and then takes the entries out. clamp.c says, by cow_begin(), which file the
 * task that calls it is about to write. Faults hold the lock of the entry that they copy, need
 * nothing of this, and must not wait here.
 *
 * XFS is a module: it can come after the hook was asked for, and go.
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

/* Writes that have begun, by task. */
#define COW_BITS 6
/* So many writes are recorded even where the kernel is out of memory. */
#define COW_RESERVE 64

/**
 * struct cow_write - copy-on-write that has begun
 * @node: in cow_writes, protected by cow_lock
 * @task: who does it; is only compared
 * @inode: the file; alive until @task has called cow_end() or cow_cancel()
 */
struct cow_write {
	struct hlist_node node;
	const struct task_struct *task;
	struct inode *inode;
};

/* XFS has it to itself. */
struct xfs_inode;

static DEFINE_SPINLOCK(cow_lock);
static struct hlist_head cow_writes[1 << COW_BITS];
static mempool_t *cow_pool;

/* Protects the hook and whether it is wanted. */
static DEFINE_MUTEX(cow_hook_lock);
static bool cow_wanted;

/* Is the hook there? Protected by cow_lock, and written under cow_hook_lock as well. */
static bool cow_hooked;

/* Callers inside cow_end() and cow_cancel(); their code stays until there is none. */
static atomic_t cow_running = ATOMIC_INIT(0);

/* Entries that a fault makes dirty again while they are written back: so often, then they stay. */
#define COW_TRIES 64

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

/* Take the record of the running task off, and return its file if that is @ip, else NULL. */
static struct inode *cow_take(const struct xfs_inode *ip)
{
	struct inode *inode = NULL;
	struct cow_write *write;

	spin_lock(&cow_lock);
	write = cow_find();
	/* XFS has its inode around the kernel's */
	if (write && (unsigned long)write->inode - (unsigned long)ip < PAGE_SIZE) {
		inode = write->inode;
		cow_free(write);
	}
	spin_unlock(&cow_lock);
	return inode;
}

/*
 * Take entries out. Dirty ones are written back first: a fault can have made them of the new
 * blocks meanwhile. The caller holds the file's i_rwsem and no lock inside it but invalidate_lock.
 */
static void cow_drop(struct inode *inode, loff_t pos, loff_t count)
{
	struct address_space *mapping = inode->i_mapping;
	loff_t end = pos + count - 1;

	for (int tries = 0; tries < COW_TRIES; tries++) {
		/* first: from 7.0 on an entry that is mapped when it goes draws a warning */
		unmap_mapping_pages(mapping, pos >> PAGE_SHIFT,
				    (end >> PAGE_SHIFT) - (pos >> PAGE_SHIFT) + 1, false);
		if (!invalidate_inode_pages2_range(mapping, pos >> PAGE_SHIFT, end >> PAGE_SHIFT))
			return;
		/* does not wait: pages of memory are written at once, and errors stay for fsync() */
		if (filemap_fdatawrite_range(mapping, round_down(pos, PAGE_SIZE),
					     end | (PAGE_SIZE - 1)))
			break;
		cond_resched();
	}
	pr_warn_ratelimited("fsdev: %s: inode %llu, offset %lld: mappings may show blocks that a write has replaced\n",
			    inode->i_sb->s_id, (u64)inode->i_ino, pos);
}

/* What XFS has, and what stands in for it while XFS is not there. */
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
	struct inode *inode;
	int rc;

	atomic_inc(&cow_running);
	inode = cow_take(ip);
	rc = static_call(cow_end_cow)(ip, offset, count);
	/* also after an error: some of the blocks can be in place */
	if (inode && count > 0)
		cow_drop(inode, offset, count);
	cow_leave();
	return rc;
}

/* In the place of xfs_reflink_cancel_cow_range(): nothing has been copied. */
static noinline int cow_cancel(struct xfs_inode *ip, loff_t offset, loff_t count, bool real)
{
	int rc;

	atomic_inc(&cow_running);
	cow_take(ip);
	rc = static_call(cow_cancel_cow)(ip, offset, count, real);
	cow_leave();
	return rc;
}

#ifdef COMPAT_FTRACE_IPMODIFY
static unsigned long cow_end_at, cow_cancel_at;

static void notrace cow_redirect(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
				 struct ftrace_regs *fregs)
{
	/* cow_end() and cow_cancel() themselves get what they ask for */
	if (within_module(parent_ip, THIS_MODULE))
		return;
	/* a function and the call of ftrace at its start are some bytes apart */
	compat_ftrace_set_ip(fregs, ip - cow_end_at < COMPAT_FTRACE_ENTRY ?
				    (unsigned long)cow_end : (unsigned long)cow_cancel);
}

static struct ftrace_ops cow_ops = {
	.func = cow_redirect,
	.flags = COMPAT_FTRACE_IPMODIFY,
};

/* The address of a function of XFS, 0 where there is none. */
static unsigned long cow_lookup(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	int rc = register_kprobe(&probe);

	if (rc)
		return 0;
	unregister_kprobe(&probe);
	return (unsigned long)probe.addr;
}

static void cow_set_hooked(bool hooked)
{
	spin_lock(&cow_lock);
	cow_hooked = hooked;
	spin_unlock(&cow_lock);
}

static void cow_unfilter(void)
{
	ftrace_set_filter_ip(&cow_ops, cow_end_at, 1, 0);
	ftrace_set_filter_ip(&cow_ops, cow_cancel_at, 1, 0);
}

/* Caller must hold cow_hook_lock. Return: 0; -ENOENT where XFS is not there; another errno. */
static int cow_hook(void)
{
	int rc;

	lockdep_assert_held(&cow_hook_lock);
	cow_end_at = cow_lookup("xfs_reflink_end_cow");
	cow_cancel_at = cow_lookup("xfs_reflink_cancel_cow_range");
	if (!cow_end_at || !cow_cancel_at)
		return -ENOENT;
	static_call_update(cow_end_cow, (int (*)(struct xfs_inode *, loff_t, loff_t))cow_end_at);
	static_call_update(cow_cancel_cow,
			   (int (*)(struct xfs_inode *, loff_t, loff_t, bool))cow_cancel_at);
	rc = ftrace_set_filter_ip(&cow_ops, cow_end_at, 0, 0) ?:
	     ftrace_set_filter_ip(&cow_ops, cow_cancel_at, 0, 0) ?:
	     register_ftrace_function(&cow_ops);
	if (rc)
		cow_unfilter();
	cow_set_hooked(!rc);
	return rc;
}

/* Caller must hold cow_hook_lock. */
static void cow_unhook(void)
{
	lockdep_assert_held(&cow_hook_lock);
	if (!cow_hooked)
		return;
	cow_set_hooked(false);
	unregister_ftrace_function(&cow_ops);
	cow_unfilter();
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
 *
 * Context: any task; does not sleep.
 * Return: false if its entries could not be taken out afterwards: then it must not go on.
 */
bool cow_begin(struct inode *inode)
{
	struct cow_write *write, *spare;

	spare = mempool_alloc(cow_pool, GFP_ATOMIC | __GFP_NOWARN);
	spin_lock(&cow_lock);
	/* without the hook it would never be taken off again */
	write = cow_hooked ? cow_find() : NULL;
	if (cow_hooked && !write && spare) {
		write = spare;
		spare = NULL;
		write->task = current;
		hlist_add_head(&write->node, cow_head());
	}
	if (write)
		write->inode = inode;
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
 * cow_install() - have the entries of blocks that are copied on write taken out
 *
 * From now on, or from when XFS is loaded.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if one of the functions is replaced already, as by a livepatch; another
 * negative errno.
 */
int cow_install(void)
{
	int rc = 0;

	mutex_lock(&cow_hook_lock);
	cow_wanted = true;
	if (!cow_hooked)
		rc = cow_hook();
	/* without XFS there is no copy-on-write, and cow_begin() refuses what there should not be */
	if (rc == -ENOENT)
		rc = 0;
	cow_wanted = !rc;
	mutex_unlock(&cow_hook_lock);
	return rc;
}

/**
 * cow_uninstall() - undo cow_install()
 *
 * Callers may still be inside cow_end(), until cow_exit() has returned.
 *
 * Context: may sleep; cow_begin() may still be called, and refuses.
 */
void cow_uninstall(void)
{
	mutex_lock(&cow_hook_lock);
	cow_wanted = false;
	cow_unhook();
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
	if (state == MODULE_STATE_COMING && cow_wanted)
		rc = cow_hook();
	else if (state == MODULE_STATE_GOING)
		cow_unhook();
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
 * Context: unloading the module, after cow_uninstall(); may sleep, as long as a write takes to
 * write its blocks back.
 */
void cow_exit(void)
{
	unregister_module_notifier(&cow_notifier);
	synchronize_rcu_tasks();	/* redirected, and not counted yet */
	wait_var_event(&cow_running, !atomic_read(&cow_running));
	synchronize_rcu_tasks();	/* counted no more, and not yet back */
	mempool_destroy(cow_pool);
}
