// SPDX-License-Identifier: GPL-2.0
/*
 * Remap: take entries of 2 MiB out of a DAX file before its blocks become shared.
 *
 * fs/dax.c cannot replace an entry of 2 MiB by one of a page when it copies on write: the file's
 * page count goes wrong, and clear_inode() ends in a BUG. clamp.c gives shared blocks no such
 * entry; those that were there before go here. A file system calls dax_remap_file_range_prep()
 * for each clone and each deduplication while it holds the invalidate locks of both files
 * exclusively. ftrace redirects it to remap_prep(), which calls it in turn.
 *
 * XFS lets read faults of the source in again while it shares the blocks (XFS_IREMAPPING). So
 * xfs_file_remap_range() is redirected as well, to remap_range(), which calls it in turn and has
 * the source on a list meanwhile: clamp.c gives a file on that list no entry of 2 MiB. A fault that
 * came before has ended when remap_prep() runs, since XFS has locked the file against faults; one
 * that comes later finds the source on the list.
 */
#include <linux/atomic.h>
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/pagemap.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/static_call.h>
#include <linux/wait_bit.h>

#include "compat/iomap.h"
#include "redirect.h"
#include "remap.h"

/* Callers inside remap_prep() and remap_range(); their code stays until there is none. */
static atomic_t remap_running = ATOMIC_INIT(0);

/**
 * struct remap_clone - a clone or deduplication that is under way; on the stack of its task
 * @node: in remap_clones, protected by remap_lock
 * @task: who does it; is only compared
 * @source: the file whose blocks become shared; the task has it open
 */
struct remap_clone {
	struct list_head node;
	const struct task_struct *task;
	const struct inode *source;
};

/* raw: clamp.c asks with preemption disabled */
static DEFINE_RAW_SPINLOCK(remap_lock);
static LIST_HEAD(remap_clones);

static void remap_leave(void)
{
	if (atomic_dec_and_test(&remap_running))
		wake_up_var(&remap_running);
}

static bool remap_idle(unsigned long pfn, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++)
		if (page_ref_count(pfn_to_page(pfn + i)) > COMPAT_DAX_IDLE_REFERENCES)
			return false;
	return true;
}

/*
 * Take the entries of 2 MiB out of part of a file, which is written back first. -EBUSY if a page of
 * one is in use, as by direct input: its blocks must not become shared.
 */
static int remap_drop_huge(struct inode *inode, loff_t pos, loff_t len)
{
	struct address_space *mapping = inode->i_mapping;
	unsigned long index = round_down(pos, PMD_SIZE) >> PAGE_SHIFT;
	unsigned long last = (round_up(pos + len, PMD_SIZE) >> PAGE_SHIFT) - 1;
	unsigned long pfn, nr;
	bool unmapped = false;
	void *entry;
	int rc;

	if (!IS_DAX(inode))
		return 0;
	for (entry = xa_find(&mapping->i_pages, &index, last, XA_PRESENT); entry;
	     entry = xa_find_after(&mapping->i_pages, &index, last, XA_PRESENT)) {
		if (!compat_dax_entry(entry, &pfn, &nr) || nr == 1)
			continue;
		if (!unmapped) {
			unsigned long from = round_down(index, nr);

			unmap_mapping_pages(mapping, from, last - from + 1, false);
			rc = filemap_write_and_wait_range(mapping, (loff_t)from << PAGE_SHIFT,
							  ((loff_t)(last + 1) << PAGE_SHIFT) - 1);
			if (rc)
				return rc;
			unmapped = true;
		}
		index = round_down(index, nr);
		if (!remap_idle(pfn, nr))
			return -EBUSY;
		compat_dax_drop(mapping, index, nr);
		index += nr - 1;
		cond_resched();
	}
	return 0;
}

/* Is the running task inside remap_range()? */
static bool remap_is_listed(void)
{
	struct remap_clone *clone;
	bool found = false;

	raw_spin_lock(&remap_lock);
	list_for_each_entry(clone, &remap_clones, node)
		found |= clone->task == current;
	raw_spin_unlock(&remap_lock);
	return found;
}

typedef int remap_prep_t(struct file *file_in, loff_t pos_in, struct file *file_out, loff_t pos_out,
			 loff_t *len, unsigned int remap_flags, const struct iomap_ops *ops);

DEFINE_STATIC_CALL(remap_dax_prep, dax_remap_file_range_prep);

static void remap_set_prep(unsigned long body)
{
	static_call_update(remap_dax_prep, (remap_prep_t *)body);
}

/* In the place of dax_remap_file_range_prep(), under the same locks of the file system. */
static noinline int remap_prep(struct file *file_in, loff_t pos_in, struct file *file_out,
			       loff_t pos_out, loff_t *len, unsigned int remap_flags,
			       const struct iomap_ops *ops)
{
	int rc;

	atomic_inc(&remap_running);
	/* not listed: one that had begun when the hook came, or XFS cannot be hooked */
	if ((COMPAT_DAX_DEDUPE_WRONG && (remap_flags & REMAP_FILE_DEDUP)) || !remap_is_listed()) {
		rc = -EOPNOTSUPP;
	} else {
		rc = static_call(remap_dax_prep)(file_in, pos_in, file_out, pos_out, len,
						 remap_flags, ops);
		if (!rc && *len > 0) {
			rc = remap_drop_huge(file_inode(file_in), pos_in, *len) ?:
			     remap_drop_huge(file_inode(file_out), pos_out, *len);
		}
	}
	remap_leave();
	return rc;
}

typedef loff_t remap_range_t(struct file *file_in, loff_t pos_in, struct file *file_out,
			     loff_t pos_out, loff_t len, unsigned int remap_flags);

/* What stands in for the function of XFS while XFS is not there. */
static loff_t remap_no_range(struct file *file_in, loff_t pos_in, struct file *file_out,
			     loff_t pos_out, loff_t len, unsigned int remap_flags)
{
	return -EIO;
}

DEFINE_STATIC_CALL(remap_xfs_range, remap_no_range);

static void remap_set_range(unsigned long body)
{
	static_call_update(remap_xfs_range, (remap_range_t *)body);
}

/* In the place of xfs_file_remap_range(), in the task and under the locks of its caller. */
static noinline loff_t remap_range(struct file *file_in, loff_t pos_in, struct file *file_out,
				   loff_t pos_out, loff_t len, unsigned int remap_flags)
{
	struct remap_clone clone = { .task = current, .source = file_inode(file_in) };
	loff_t done;

	atomic_inc(&remap_running);
	raw_spin_lock(&remap_lock);
	list_add(&clone.node, &remap_clones);
	raw_spin_unlock(&remap_lock);
	done = static_call(remap_xfs_range)(file_in, pos_in, file_out, pos_out, len, remap_flags);
	raw_spin_lock(&remap_lock);
	list_del(&clone.node);
	raw_spin_unlock(&remap_lock);
	remap_leave();
	return done;
}

struct redirect remap_range_redirect = {
	.name = "xfs_file_remap_range",
	.replacement = remap_range,
	.set_original = remap_set_range,
};

/**
 * remap_running_from() - are blocks of a file about to become shared?
 * @inode: the file
 *
 * Context: a fault of the file, with its invalidate_lock held: what was listed before XFS locked
 * the file against faults is seen. Does not sleep.
 * Return: true if they are.
 */
bool remap_running_from(const struct inode *inode)
{
	struct remap_clone *clone;
	bool found = false;

	if (likely(list_empty(&remap_clones)))
		return false;
	raw_spin_lock(&remap_lock);
	list_for_each_entry(clone, &remap_clones, node)
		found |= clone->source == inode;
	raw_spin_unlock(&remap_lock);
	return found;
}

struct redirect remap_prep_redirect = {
	.name = "dax_remap_file_range_prep",
	.replacement = remap_prep,
	.set_original = remap_set_prep,
};

/**
 * remap_exit() - wait until no caller is inside what is redirected to
 *
 * Context: unloading the module, when nothing is redirected any more and each caller has arrived;
 * may sleep.
 */
void remap_exit(void)
{
	if (!wait_var_event_timeout(&remap_running, !atomic_read(&remap_running), HZ))
		pr_warn("fsdev: unloading blocked: a clone or deduplication of a DAX file is under way, waiting for its end\n");
	wait_var_event(&remap_running, !atomic_read(&remap_running));
	synchronize_rcu_tasks();	/* counted no more, and not yet back */
}
