// SPDX-License-Identifier: GPL-2.0
/*
 * Cow: copy-on-write of DAX files other than in a fault, with faults of the file locked out.
 *
 * A write() to shared blocks has XFS make new blocks ready, copies, and has XFS put the new blocks
 * in the place of the old ones. XFS holds the file's i_rwsem over that, which faults do not take,
 * and fs/dax.c locks no entry (Linux 6.1 to 7.3). So
 *
 *  - a read fault in between finds the old blocks, and its entry stays: the mapping goes on showing
 *    them when they have long been freed and belong to another file;
 *  - a write fault in between finds the new blocks that are ready, maps them, and they are freed
 *    when the write fails: the mapping is of blocks that another file gets;
 *  - a write fault that fails, or falls back from 2 MiB to pages, frees the blocks that the write
 *    copies into;
 *  - a write that stops inside a page, as its buffer ends in memory that is not there, has not
 *    filled the rest of that page, and XFS puts it into the file with what it held before.
 *
 * So dax_iomap_rw() is redirected to cow_rw(), which writes with the file's invalidate_lock held
 * exclusively, from before XFS makes blocks ready until they are in the file. The lock is held over
 * unshared blocks too, as XFS makes more ready than a fault has asked for. What is written may
 * be in a mapping of the same file, so it is taken from there without faults; where it is not in
 * memory, or comes to shared blocks, which a copy that ends early would leave half filled, it is
 * copied into a buffer first. clamp.c asks cow_begin() at shared blocks, which has the write fail
 * if it does not come from the buffer.
 *
 * None of this is for a file in which XFS shares no blocks, as its inode says (REFLINK in
 * i_diflags2; layout.h knows where). XFS sets that flag with the file's i_rwsem held exclusively,
 * as a write holds it: by a clone or deduplication, by an exchange of extents or contents, and by
 * its online repair. It clears it only when nothing is ready any more, and makes nothing ready
 * without it. Should it be read wrongly, a write that comes to shared blocks is not known to
 * cow_begin(), which refuses it.
 *
 * Unsharing and zeroing hold that lock already, and copy from no process (6.1 may zero without it,
 * and shares nothing there: see clamp.c). dax_file_unshare() and dax_zero_range() are redirected
 * too, so that cow_begin() knows them.
 *
 * The last step of XFS, xfs_reflink_end_cow(), is redirected to cow_end(), which takes the entries
 * of the file out first: fs/dax.c leaves dirty ones, and 6.1 all. It does something else where
 * nothing has been copied, and XFS would put blocks into the file with what they held before:
 *
 *  - unsharing where the source has no data cancels (6.1; later kernels make no blocks ready);
 *  - unsharing or zeroing blocks that are not shared leaves the step out (6.12 and 7.3): what was
 *    made ready there before is left over, as by a write that failed in the middle.
 *
 * What has XFS end or cancel is redirected for as long as XFS is there, since a call may have begun
 * before the last device was unbound.
 *
 * Locks: i_rwsem, invalidate_lock, then XFS's own, as in fallocate(). The lock of a bucket inside
 * all of them.
 */
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/dax.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/static_call.h>
#include <linux/uio.h>

#include "compat/iomap.h"
#include "compat/xfs.h"
#include "cow.h"
#include "redirect.h"

/* What a task does is found by the task. */
#define COW_BITS 8

/*
 * So much of a write is done at once with faults locked out, in bytes: straight, where XFS makes as
 * much ready at most; and from a buffer. A power of two each: pieces end where such of the file do.
 */
#define COW_PIECE SZ_4M
#define COW_BUFFER SZ_1M

/**
 * struct cow_call - a call of fs/dax.c that may copy on write; on the stack of its task
 * @node: in its bucket, protected by the bucket's lock
 * @task: who does it
 * @inode: the file
 * @source: what is written will not end early; of @task alone, as all that follow
 * @pending: copy-on-write has begun, and XFS has neither ended nor cancelled it
 * @nothing: and nothing will have been copied
 * @seen: clamp.c has seen a mapping that is unshared or zeroed, and XFS has not ended it
 * @again: a write without @source has come to shared blocks
 * @error: of the last step; fs/dax.c returns none where something was written
 */
struct cow_call {
	struct hlist_node node;
	const struct task_struct *task;
	const struct inode *inode;
	bool source;
	bool pending;
	bool nothing;
	bool seen;
	bool again;
	int error;
};

static struct cow_bucket {
	raw_spinlock_t lock;	/* clamp.c asks with preemption disabled */
	struct hlist_head calls;
} ____cacheline_aligned_in_smp cow_buckets[1 << COW_BITS];

/* Are XFS's functions redirected? */
static bool cow_is_hooked;

/* XFS, if it is known where it says that a file shares blocks; written when XFS comes or goes. */
static const struct file_system_type *cow_known;

/* Callers inside cow_end() and cow_cancel(), which may have no call in a bucket. */
DEFINE_STATIC_SRCU(cow_srcu);

/* XFS has it to itself. */
struct xfs_inode;

typedef ssize_t cow_rw_t(struct kiocb *iocb, struct iov_iter *iter, const struct iomap_ops *ops);
typedef int cow_unshare_t(struct inode *inode, loff_t pos, loff_t len, const struct iomap_ops *ops);
typedef int cow_zero_t(struct inode *inode, loff_t pos, loff_t len, bool *did_zero,
		       const struct iomap_ops *ops);
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

DEFINE_STATIC_CALL(cow_dax_rw, dax_iomap_rw);
DEFINE_STATIC_CALL(cow_dax_unshare, dax_file_unshare);
DEFINE_STATIC_CALL(cow_dax_zero, dax_zero_range);
DEFINE_STATIC_CALL(cow_xfs_end, cow_no_end);
DEFINE_STATIC_CALL(cow_xfs_cancel, cow_no_cancel);

static void cow_set_rw(unsigned long body)
{
	static_call_update(cow_dax_rw, (cow_rw_t *)body);
}

static void cow_set_unshare(unsigned long body)
{
	static_call_update(cow_dax_unshare, (cow_unshare_t *)body);
}

static void cow_set_zero(unsigned long body)
{
	static_call_update(cow_dax_zero, (cow_zero_t *)body);
}

static void cow_set_end(unsigned long body)
{
	static_call_update(cow_xfs_end, (cow_end_t *)body);
}

static void cow_set_cancel(unsigned long body)
{
	static_call_update(cow_xfs_cancel, (cow_cancel_t *)body);
}

static struct cow_bucket *cow_bucket(void)
{
	return &cow_buckets[hash_ptr(current, COW_BITS)];
}

static void cow_enter(struct cow_call *call, const struct inode *inode, bool source)
{
	struct cow_bucket *bucket = cow_bucket();

	*call = (struct cow_call){ .task = current, .inode = inode, .source = source };
	raw_spin_lock(&bucket->lock);
	hlist_add_head(&call->node, &bucket->calls);
	raw_spin_unlock(&bucket->lock);
}

static void cow_leave(struct cow_call *call)
{
	struct cow_bucket *bucket = cow_bucket();

	raw_spin_lock(&bucket->lock);
	hlist_del(&call->node);
	raw_spin_unlock(&bucket->lock);
}

/* The innermost call of the running task, which stays until it has left it; or NULL. */
static struct cow_call *cow_find(void)
{
	struct cow_bucket *bucket = cow_bucket();
	struct cow_call *call, *found = NULL;

	raw_spin_lock(&bucket->lock);
	hlist_for_each_entry(call, &bucket->calls, node) {
		if (call->task == current) {
			found = call;
			break;
		}
	}
	raw_spin_unlock(&bucket->lock);
	return found;
}

/*
 * Take entries out. The caller holds the file's invalidate_lock exclusively. Returns false if some
 * have stayed.
 */
static bool cow_drop(const struct inode *inode, loff_t pos, loff_t count)
{
	struct address_space *mapping = inode->i_mapping;
	pgoff_t first = pos >> PAGE_SHIFT, last = (pos + count - 1) >> PAGE_SHIFT;
	pgoff_t from = round_down(first, PMD_SIZE >> PAGE_SHIFT);

	lockdep_assert_held_write(&mapping->invalidate_lock);
	/*
	 * first: from 7.0 on an entry that is mapped when it goes draws a warning. One of 2 MiB
	 * goes as a whole, and can be mapped by pages.
	 */
	unmap_mapping_pages(mapping, from, round_up(last + 1, PMD_SIZE >> PAGE_SHIFT) - from,
			    false);
	if (!invalidate_inode_pages2_range(mapping, first, last))
		return true;
	/* dirty ones: DAX waits for nothing more, and leaves errors to fsync() */
	filemap_fdatawrite_range(mapping, (loff_t)first << PAGE_SHIFT,
				 ((loff_t)last << PAGE_SHIFT) + PAGE_SIZE - 1);
	return !invalidate_inode_pages2_range(mapping, first, last);
}

/* Put what @call has copied into the file, or cancel it. */
static int cow_finish(struct cow_call *call, struct xfs_inode *ip, loff_t offset, loff_t count)
{
	const struct inode *inode = call->inode;

	if (!call->nothing) {
		if (count <= 0 || cow_drop(inode, offset, count))
			return static_call(cow_xfs_end)(ip, offset, count);
		pr_warn_ratelimited("fsdev: %s: inode %llu, offset %lld: not written: the file's pages there are dirty, and cannot be written back\n",
				    inode->i_sb->s_id, (u64)inode->i_ino, offset);
	}
	return static_call(cow_xfs_cancel)(ip, offset, count, true) ?: call->nothing ? 0 : -EIO;
}

/* In the place of xfs_reflink_end_cow(), in the task and under the locks of its caller. */
static noinline int cow_end(struct xfs_inode *ip, loff_t offset, loff_t count)
{
	int idx = srcu_read_lock(&cow_srcu), rc = 0;
	struct cow_call *call = cow_find();

	if (call && call->pending)
		rc = cow_finish(call, ip, offset, count);
	else if (!call || !call->seen)
		/* of a fault, or of a write to blocks that are not shared */
		rc = static_call(cow_xfs_end)(ip, offset, count);
	if (call) {
		call->pending = false;
		call->seen = false;
		if (rc < 0)
			call->error = rc;
	}
	srcu_read_unlock(&cow_srcu, idx);
	return rc;
}

/* In the place of xfs_reflink_cancel_cow_range(): nothing has been copied. */
static noinline int cow_cancel(struct xfs_inode *ip, loff_t offset, loff_t count, bool real)
{
	int idx = srcu_read_lock(&cow_srcu), rc;
	struct cow_call *call = cow_find();

	rc = static_call(cow_xfs_cancel)(ip, offset, count, real);
	if (call) {
		call->pending = false;
		call->seen = false;
	}
	srcu_read_unlock(&cow_srcu, idx);
	return rc;
}

/* Lock out faults of a file for a write. Returns false if that has to wait, and must not. */
static bool cow_lock(const struct kiocb *iocb, struct address_space *mapping)
{
	if (iocb->ki_flags & IOCB_NOWAIT)
		return down_write_trylock(&mapping->invalidate_lock);
	filemap_invalidate_lock(mapping);
	return true;
}

/* How much of a write is done at once: not over a multiple of @most in the file. */
static size_t cow_piece(const struct kiocb *iocb, const struct iov_iter *iter, size_t most)
{
	return min_t(size_t, iov_iter_count(iter), most - (iocb->ki_pos & (most - 1)));
}

/* Write a piece as far as it is in memory, and its blocks are not shared. */
static ssize_t cow_write_straight(struct kiocb *iocb, struct iov_iter *iter,
				  const struct iomap_ops *ops)
{
	struct address_space *mapping = iocb->ki_filp->f_mapping;
	size_t count = iov_iter_count(iter), len = cow_piece(iocb, iter, COW_PIECE);
	ssize_t rc;

	if (!cow_lock(iocb, mapping))
		return -EAGAIN;
	iov_iter_truncate(iter, len);
	pagefault_disable();
	rc = static_call(cow_dax_rw)(iocb, iter, ops);
	pagefault_enable();
	filemap_invalidate_unlock(mapping);
	iov_iter_reexpand(iter, count - (len - iov_iter_count(iter)));
	return rc;
}

/* Write a piece from a copy of it in @buffer. */
static ssize_t cow_write_copied(struct kiocb *iocb, struct iov_iter *iter,
				const struct iomap_ops *ops, struct cow_call *call, void *buffer)
{
	struct address_space *mapping = iocb->ki_filp->f_mapping;
	struct kvec vec = { .iov_base = buffer };
	struct iov_iter piece;
	ssize_t rc = -EIO;

	vec.iov_len = copy_from_iter(buffer, cow_piece(iocb, iter, COW_BUFFER), iter);
	if (!vec.iov_len)
		return -EFAULT;
	iov_iter_kvec(&piece, WRITE, &vec, 1, vec.iov_len);
	if (!cow_lock(iocb, mapping)) {
		iov_iter_revert(iter, vec.iov_len);
		return -EAGAIN;
	}
	call->source = true;
	call->error = 0;
	/* a store that comes after its page was copied would be lost */
	if (!COMPAT_DAX_COW_MAPPED || !call->again ||
	    cow_drop(call->inode, iocb->ki_pos, vec.iov_len))
		rc = static_call(cow_dax_rw)(iocb, &piece, ops);
	call->source = false;
	call->again = false;
	filemap_invalidate_unlock(mapping);
	if (rc > 0 && call->error) {
		iocb->ki_pos -= rc;
		rc = call->error;
	}
	iov_iter_revert(iter, vec.iov_len - max_t(ssize_t, rc, 0));
	return rc;
}

/* In the place of dax_iomap_rw(), in the task and under the locks of its caller. */
static noinline ssize_t cow_rw(struct kiocb *iocb, struct iov_iter *iter,
			       const struct iomap_ops *ops)
{
	void *buffer = NULL;
	struct cow_call call;
	ssize_t done = 0, rc;

	cow_enter(&call, iocb->ki_filp->f_mapping->host, false);
	do {
		rc = call.again ? 0 : cow_write_straight(iocb, iter, ops);
		if (rc <= 0 && (call.again || rc == -EFAULT)) {
			/* enough for each piece from here on */
			if (!buffer)
				buffer = kvmalloc(min_t(size_t, iov_iter_count(iter), COW_BUFFER),
						  GFP_KERNEL);
			rc = buffer ? cow_write_copied(iocb, iter, ops, &call, buffer) : -ENOMEM;
		}
		done += max_t(ssize_t, rc, 0);
	} while (rc > 0 && iov_iter_count(iter) && !fatal_signal_pending(current));
	kvfree(buffer);
	cow_leave(&call);
	return done ?: rc;
}

/* In the place of dax_file_unshare(), in the task and under the locks of its caller. */
static noinline int cow_unshare(struct inode *inode, loff_t pos, loff_t len,
				const struct iomap_ops *ops)
{
	struct cow_call call;
	int rc;

	cow_enter(&call, inode, true);
	rc = static_call(cow_dax_unshare)(inode, pos, len, ops);
	cow_leave(&call);
	return rc ?: call.error;
}

/* In the place of dax_zero_range(), in the task and under the locks of its caller. */
static noinline int cow_zero(struct inode *inode, loff_t pos, loff_t len, bool *did_zero,
			     const struct iomap_ops *ops)
{
	struct cow_call call;
	int rc;

	cow_enter(&call, inode, true);
	rc = static_call(cow_dax_zero)(inode, pos, len, did_zero, ops);
	cow_leave(&call);
	return rc ?: call.error;
}

#ifdef COMPAT_FTRACE_IPMODIFY
/*
 * Writes, to files of a kind that can share blocks, but not where XFS is known to share none in
 * the file: then it has nothing ready either, and the file's i_rwsem, which dax_iomap_rw() is
 * called with, keeps that so.
 */
static bool notrace cow_wants_rw(struct ftrace_regs *fregs)
{
	const struct kiocb *iocb = (void *)compat_ftrace_argument(fregs, 0);
	const struct iov_iter *iter = (void *)compat_ftrace_argument(fregs, 1);
	const struct inode *inode;

	if (iov_iter_rw(iter) != WRITE || !iocb->ki_filp->f_op->remap_file_range)
		return false;
	inode = iocb->ki_filp->f_mapping->host;
	return inode->i_sb->s_type != READ_ONCE(cow_known) || !compat_xfs_unshared(inode);
}
#else
#define cow_wants_rw NULL
#endif

struct redirect cow_rw_redirect = {
	.name = "dax_iomap_rw",
	.replacement = cow_rw,
	.set_original = cow_set_rw,
	.wanted = cow_wants_rw,
};

struct redirect cow_unshare_redirect = {
	.name = "dax_file_unshare",
	.replacement = cow_unshare,
	.set_original = cow_set_unshare,
};

struct redirect cow_zero_redirect = {
	.name = "dax_zero_range",
	.replacement = cow_zero,
	.set_original = cow_set_zero,
};

struct redirect cow_end_redirect = {
	.name = "xfs_reflink_end_cow",
	.replacement = cow_end,
	.set_original = cow_set_end,
};

struct redirect cow_cancel_redirect = {
	.name = "xfs_reflink_cancel_cow_range",
	.replacement = cow_cancel,
	.set_original = cow_set_cancel,
};

/**
 * cow_begin() - ask whether the running task may copy on write, other than in a fault
 * @inode: the file
 * @nothing: nothing will be copied, so that XFS is to cancel it at its end
 *
 * Context: any task, inside iomap_iter(); does not sleep.
 * Return: see enum cow_verdict. Where it is COW_AGAIN or COW_REFUSED the access has to fail.
 */
enum cow_verdict cow_begin(const struct inode *inode, bool nothing)
{
	struct cow_call *call;

	if (!READ_ONCE(cow_is_hooked))
		return COW_REFUSED;
	call = cow_find();
	/* it was inside before it could be redirected */
	if (!call || call->inode != inode)
		return COW_REFUSED;
	call->pending = true;
	call->nothing = nothing;
	if (call->source)
		return COW_GO;
	call->again = true;
	return COW_AGAIN;
}

/**
 * cow_see() - note that the running task is given a mapping to unshare or to zero
 *
 * Context: any task, inside iomap_iter(), before cow_begin(); does not sleep.
 */
void cow_see(void)
{
	struct cow_call *call = cow_find();

	if (call)
		call->seen = true;
}

/**
 * cow_hooked() - note whether XFS's functions are redirected
 * @hooked: they are
 * @known: XFS, if compat_xfs_unshared() can be asked of its files; else NULL
 *
 * Context: any; before XFS goes.
 */
void cow_hooked(bool hooked, const struct file_system_type *known)
{
	WRITE_ONCE(cow_is_hooked, hooked);
	WRITE_ONCE(cow_known, known);
}

/**
 * cow_init() - set up
 *
 * Context: loading the module.
 */
void cow_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(cow_buckets); i++)
		raw_spin_lock_init(&cow_buckets[i].lock);
}

static bool cow_idle(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(cow_buckets); i++)
		if (!hlist_empty(&cow_buckets[i].calls))
			return false;
	return true;
}

/**
 * cow_exit() - wait until no caller is inside what is redirected to
 *
 * Context: unloading the module, when nothing is redirected any more and each caller has arrived;
 * may sleep, as long as a write takes.
 */
void cow_exit(void)
{
	for (int n = 0; !cow_idle(); n++) {
		if (n == 50)
			pr_warn("fsdev: unloading blocked: a write to a DAX file is under way, waiting for its end\n");
		msleep(20);
	}
	synchronize_srcu(&cow_srcu);
	synchronize_rcu_tasks();	/* not inside any more, and not yet back */
}
