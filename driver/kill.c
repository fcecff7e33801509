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
#include <linux/xarray.h>

#include "compat/revoke.h"
#include "device.h"
#include "kill.h"
#include "memory.h"
#include "redirect.h"
#include "supers.h"

/* For truncations and faults that keep files or pages of them locked. */
#define KILL_PATIENCE HZ
#define KILL_POLL_US 100

/**
 * struct kill_file - part of a file whose processes are to be signalled
 * @node: in the batch; its task's
 * @inode: a reference; its superblock is active
 * @index: first page in the file
 * @nr: pages
 * @mf_flags: for mf_dax_kill_procs()
 */
struct kill_file {
	struct list_head node;
	struct inode *inode;
	pgoff_t index;
	unsigned long nr;
	int mf_flags;
};

struct kill_slot kill_slots[KILL_SLOTS];

/* Written under kill_lock; what it has not been seen by is signalled at once. */
bool kill_hooked;

static DEFINE_MUTEX(kill_lock);

typedef int kill_procs_t(struct address_space *mapping, pgoff_t index, unsigned long count,
			 int mf_flags);

DEFINE_STATIC_CALL(kill_dax_procs, mf_dax_kill_procs);

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
	return kill_batch();
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

static bool kill_waits(unsigned long until)
{
	if (time_after(jiffies, until))
		return false;
	usleep_range(KILL_POLL_US, 2 * KILL_POLL_US);
	return true;
}

/* Has a page of a file, whose invalidate_lock is held, failed with those of the batch? */
static bool kill_page_failed(const struct fsdev *fsdev, struct address_space *mapping,
			     pgoff_t index, u64 offset, u64 len, unsigned long until)
{
	void *entry = xa_load(&mapping->i_pages, index);
	unsigned long pfn, nr;
	u64 at;

	/* a fault that is under way may have passed the check for poison before the page failed */
	while (compat_dax_locked(entry) && kill_waits(until))
		entry = xa_load(&mapping->i_pages, index);
	return compat_dax_entry(entry, &pfn, &nr) &&
	       memory_offset(fsdev, PFN_PHYS(pfn + (index & (nr - 1))), &at) && at >= offset &&
	       at - offset < len;
}

static void kill_file_run(struct fsdev *fsdev, const struct kill_file *file, u64 offset, u64 len,
			  unsigned long until)
{
	struct address_space *mapping = file->inode->i_mapping;

	while (!filemap_invalidate_trylock_shared(mapping)) {
		if (!kill_waits(until)) {
			dev_warn_ratelimited(fsdev_dev(fsdev),
					     "%s: inode %llu is locked: processes that map a failed page of it are not signalled\n",
					     file->inode->i_sb->s_id, (u64)file->inode->i_ino);
			return;
		}
	}
	for (unsigned long i = 0; i < file->nr; i++) {
		if (kill_page_failed(fsdev, mapping, file->index + i, offset, len, until))
			static_call(kill_dax_procs)(mapping, file->index + i, 1, file->mf_flags);
		cond_resched();
	}
	filemap_invalidate_unlock_shared(mapping);
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
	/* not for longer: memory_failure() has its mutex */
	unsigned long until = jiffies + KILL_PATIENCE;
	struct kill_file *file, *next;

	list_for_each_entry_safe(file, next, &batch->files, node) {
		struct super_block *sb = file->inode->i_sb;

		kill_file_run(fsdev, file, offset, len, until);
		iput(file->inode);
		super_put(sb);
		kfree(file);
	}
}

/**
 * kill_hook() - have signals put off from now on, until this module is unloaded
 *
 * Where it cannot be done, failures are handled as under any other driver.
 *
 * Context: may sleep; before an XFS claims a device.
 */
void kill_hook(void)
{
	int rc;

	mutex_lock(&kill_lock);
	rc = redirect_install(&kill_set);
	redirect_switch(&kill_set, !rc);
	WRITE_ONCE(kill_hooked, !rc);
	mutex_unlock(&kill_lock);
	if (rc)
		pr_notice_once("fsdev: mf_dax_kill_procs() cannot be hooked (error %d): a page of an XFS that fails beside a fault of it may hang\n",
			       rc);
}

/**
 * kill_exit() - take the hook off
 *
 * Context: unloading the module, when no device is bound; may sleep.
 */
void kill_exit(void)
{
	redirect_remove(&kill_set);
	synchronize_rcu_tasks();	/* of another driver, asking kill_wants() */
}
