// SPDX-License-Identifier: GPL-2.0
/*
 * Kill: signal the processes that map failing pages once their file system holds no lock.
 *
 * XFS walks its reverse mapping with an allocation group's header (AGF) locked, and calls
 * mf_dax_kill_procs() for each file it finds, which waits for the lock of the DAX entry. A fault of
 * that page has the entry locked and asks XFS for the mapping, which may wait for the AGF: to see
 * whether the block is shared, or to make an unwritten one a written one. Neither ever wakes, and
 * memory_failure() keeps its mutex, so that no failure is handled any more on the machine (Linux
 * 6.1 to 7.3).
 *
 * So ftrace redirects mf_dax_kill_procs() in tasks that notify a holder. kill_procs() takes a
 * reference to the file and is done; when the holder has returned, kill_batch_run() does the rest.
 * A page that is in the file by then may be another one: it is signalled only if it is one of those
 * that failed. It stays that until the processes are signalled, as the file's invalidate_lock keeps
 * it from being truncated, and a fault does not copy from it, since it is poisoned.
 *
 * What has the file or the page locked may wait for this very report, as a write that repairs the
 * page does. So it is waited for a moment only; then the page is unmapped, and processes that need
 * it fault and are signalled by that.
 *
 * In other tasks, as those that notify holders of other drivers, mf_dax_kill_procs() is itself.
 */
#include <linux/dax.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/static_call.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat/revoke.h"
#include "device.h"
#include "kill.h"
#include "memory.h"
#include "redirect.h"
#include "supers.h"

/* For what keeps files or pages of them locked, in a batch. */
#define KILL_PATIENCE (HZ / 2)
#define KILL_POLL_US 100

/**
 * struct kill_file - part of a file whose processes are to be signalled
 * @node: in the batch; its task's
 * @inode: a reference; its superblock is active
 * @index: first page in the file
 * @nr: pages
 * @mf_flags: for mf_dax_kill_procs()
 * @put: gives the last reference up
 */
struct kill_file {
	struct list_head node;
	struct work_struct put;
	struct inode *inode;
	pgoff_t index;
	unsigned long nr;
	int mf_flags;
};

struct kill_slot kill_slots[KILL_SLOTS];

static struct workqueue_struct *kill_queue;

/* Written under kill_lock; what it has not been seen by is signalled at once. */
bool kill_hooked;

static DEFINE_MUTEX(kill_lock);

typedef int kill_procs_t(struct address_space *mapping, pgoff_t index, unsigned long count,
			 int mf_flags);

/* Until it is hooked. */
static int kill_no_procs(struct address_space *mapping, pgoff_t index, unsigned long count,
			 int mf_flags)
{
	return -EOPNOTSUPP;
}

DEFINE_STATIC_CALL(kill_dax_procs, kill_no_procs);

static void kill_set_procs(unsigned long body)
{
	static_call_update(kill_dax_procs, (kill_procs_t *)body);
}

/* Of the running task; NULL if it notifies no holder. */
static struct kill_batch *notrace kill_batch(void)
{
	for (unsigned int i = 0; i < KILL_SLOTS; i++)
		if (READ_ONCE(kill_slots[i].task) == current)
			return kill_slots[i].batch;
	return NULL;
}

/**
 * kill_notifies() - does the running task notify a holder, with signals put off?
 *
 * Context: any.
 * Return: true between kill_begin() and kill_end(), if signals are put off.
 */
bool notrace kill_notifies(void)
{
	return kill_batch();
}

/*
 * In the place of mf_dax_kill_procs(), in the task and under the locks of its caller, which has a
 * reference to the file.
 */
static noinline int kill_procs(struct address_space *mapping, pgoff_t index, unsigned long count,
			       int mf_flags)
{
	struct inode *inode = mapping->host;
	struct kill_file *file;

	/* 6.1 asks for files with a page cache as well, and takes an error for one of its own */
	if (!dax_mapping(mapping))
		return 0;
	/* a superblock that is being unmounted has no file that is mapped */
	if (!atomic_inc_not_zero(&inode->i_sb->s_active))
		return 0;
	ihold(inode);
	file = kmalloc(sizeof(*file), GFP_NOFS | __GFP_NOFAIL);
	file->inode = inode;
	file->index = index;
	file->nr = count;
	file->mf_flags = mf_flags;
	list_add_tail(&file->node, &kill_batch()->files);
	return 0;
}

#ifdef COMPAT_FTRACE_IPMODIFY
static bool notrace kill_wants(struct ftrace_regs *fregs)
{
	return kill_notifies();
}
#else
#define kill_wants NULL
#endif

static struct redirect kill_redirect = {
	.name = "mf_dax_kill_procs",
	.replacement = kill_procs,
	.set_original = kill_set_procs,
	.wanted = kill_wants,
};

static struct redirect *const kill_functions[] = { &kill_redirect };

/* Protected by kill_lock. */
static struct redirect_set kill_set = {
	.functions = kill_functions,
	.nr = ARRAY_SIZE(kill_functions),
};

/**
 * kill_wait_slot() - wait until kill_begin() may find a slot
 *
 * A slot is given back before anything is waited for but the holder's walk.
 *
 * Context: may sleep.
 */
noinline void kill_wait_slot(void)
{
	usleep_range(KILL_POLL_US, 2 * KILL_POLL_US);
}

static bool kill_waits(unsigned long until)
{
	if (time_after(jiffies, until))
		return false;
	usleep_range(KILL_POLL_US, 2 * KILL_POLL_US);
	return true;
}

/* Unlocked, or KILL_PATIENCE is over. */
static void *kill_entry(struct address_space *mapping, pgoff_t index, unsigned long until)
{
	void *entry = xa_load(&mapping->i_pages, index);

	/* a fault that is under way may have passed the check for poison before the page failed */
	while (compat_dax_locked(entry) && kill_waits(until))
		entry = xa_load(&mapping->i_pages, index);
	return entry;
}

/* Has an entry's page failed with those of the batch? */
static bool kill_entry_failed(const struct fsdev *fsdev, const void *entry, pgoff_t index,
			      u64 offset, u64 len)
{
	unsigned long pfn, nr;
	u64 at;

	return compat_dax_entry(entry, &pfn, &nr) &&
	       memory_offset(fsdev, PFN_PHYS(pfn + (index & (nr - 1))), &at) && at >= offset &&
	       at - offset < len;
}

/*
 * Signals for the pages of a file that are in memory. Returns false if one stayed locked. Caller
 * must hold the file's invalidate_lock.
 */
static bool kill_pages(const struct fsdev *fsdev, const struct kill_file *file, u64 offset, u64 len,
		       unsigned long until)
{
	struct address_space *mapping = file->inode->i_mapping;
	unsigned long index = file->index, last = index + file->nr - 1;
	bool all = true;

	while (xa_find(&mapping->i_pages, &index, last, XA_PRESENT)) {
		void *entry = kill_entry(mapping, index, until);

		if (compat_dax_locked(entry))
			all = false;
		else if (kill_entry_failed(fsdev, entry, index, offset, len))
			static_call(kill_dax_procs)(mapping, index, 1, file->mf_flags);
		if (index++ == last)
			break;
		cond_resched();
	}
	return all;
}

static void kill_file_run(struct fsdev *fsdev, const struct kill_file *file, u64 offset, u64 len,
			  unsigned long until)
{
	struct address_space *mapping = file->inode->i_mapping;
	bool locked, all = false;

	do {
		locked = filemap_invalidate_trylock_shared(mapping);
	} while (!locked && kill_waits(until));
	if (locked) {
		all = kill_pages(fsdev, file, offset, len, until);
		filemap_invalidate_unlock_shared(mapping);
	}
	if (all)
		return;
	unmap_mapping_pages(mapping, file->index, file->nr, false);
	dev_warn_ratelimited(fsdev_dev(fsdev),
			     "%s: inode %llu is locked: a failed page of it is unmapped, and its processes are signalled when they need it\n",
			     file->inode->i_sb->s_id, (u64)file->inode->i_ino);
}

static void kill_put_last(struct work_struct *work)
{
	struct kill_file *file = container_of(work, struct kill_file, put);
	struct super_block *sb = file->inode->i_sb;

	iput(file->inode);
	super_put(sb);
	kfree(file);
}

/* What evicts the inode may wait, for pages of it that are in use or for a frozen file system. */
static void kill_put(struct kill_file *file)
{
	struct super_block *sb = file->inode->i_sb;

	if (!atomic_add_unless(&file->inode->i_count, -1, 1)) {
		INIT_WORK(&file->put, kill_put_last);
		queue_work(kill_queue, &file->put);
		return;
	}
	super_put(sb);
	kfree(file);
}

/**
 * kill_batch_run() - signal the processes of a batch, and free it
 * @fsdev: the device
 * @batch: of kill_begin(), with its slot given back
 * @offset: of what the holder was notified of; device offset in bytes
 * @len: bytes
 *
 * Context: may sleep; no lock of a file system's is held.
 */
noinline void kill_batch_run(struct fsdev *fsdev, struct kill_batch *batch, u64 offset, u64 len)
{
	unsigned long until = jiffies + KILL_PATIENCE;
	struct kill_file *file, *next;

	list_for_each_entry_safe(file, next, &batch->files, node) {
		kill_file_run(fsdev, file, offset, len, until);
		kill_put(file);
	}
}

/**
 * kill_hook() - have signals put off from now on, until this module is unloaded
 *
 * Where it cannot be done, failures are handled as under any other driver.
 *
 * Context: may sleep; before an XFS claims a device.
 * Return: true if it is done.
 */
bool kill_hook(void)
{
	int rc;

	mutex_lock(&kill_lock);
	rc = redirect_install(&kill_set);
	redirect_switch(&kill_set, !rc);
	WRITE_ONCE(kill_hooked, !rc);
	mutex_unlock(&kill_lock);
	/* -ENOENT: a kernel that handles no failing memory */
	if (rc && rc != -ENOENT)
		pr_notice_once("fsdev: mf_dax_kill_procs() cannot be hooked (error %d): a page of an XFS that fails beside a fault of it may hang, and one of a file that is not in use any more may shut it down\n",
			       rc);
	return !rc;
}

/**
 * kill_init() - set up
 *
 * Context: loading the module.
 * Return: 0 or -ENOMEM.
 */
int __init kill_init(void)
{
	kill_queue = alloc_workqueue("fsdev_kill", WQ_UNBOUND, 0);
	return kill_queue ? 0 : -ENOMEM;
}

/**
 * kill_exit() - take the hook off, and undo kill_init()
 *
 * Context: unloading the module, when no device is bound; may sleep.
 */
void kill_exit(void)
{
	redirect_remove(&kill_set);
	synchronize_rcu_tasks();	/* of another driver, asking kill_wants() */
	destroy_workqueue(kill_queue);
}
