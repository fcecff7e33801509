// SPDX-License-Identifier: GPL-2.0
/*
 * Holder protocol of a DAX device. holder.h has the invariants, docs/holder.md the reasons.
 */
#include "holder.h"

static bool is_holder(unsigned long data)
{
	return data && data != HOLDER_DENIED;
}

/**
 * holder_claim() - claim a device
 * @w: the device's words
 * @holder: the new holder; not NULL, and not the holder of another device at the same time
 * @ops: its operations, passed to the call of holder_notify(); NULL to get no notifications
 *
 * One read-side section spans check and claim: a removal drains the sections after it has set
 * HOLDER_DYING, so it sees the claim complete, or the claim fails.
 *
 * Context: any in which a read-side section may be taken.
 * Return: 0; -ENODEV if the device is dead or being removed, -EBUSY if it has a holder, -EINVAL
 * without @holder.
 */
int holder_claim(const struct holder_words *w, void *holder, const void *ops)
{
	unsigned long live = BIT(HOLDER_ALIVE);
	unsigned long dying = BIT(HOLDER_DYING);
	int rc = 0, id;

	if (!holder)
		return -EINVAL;
	id = holder_read_lock();
	if ((READ_ONCE(*w->flags) & (live | dying)) != live)
		rc = -ENODEV;
	else if (cmpxchg(w->data, 0, (unsigned long)holder))
		rc = -EBUSY;
	else
		WRITE_ONCE(*w->ops, (unsigned long)ops);
	holder_read_unlock(id);
	return rc;
}

/* The verdict on a release whose holder is not in @data, seen with @flags. */
static enum holder_verdict verdict_not_held(const struct holder_words *w, unsigned long data,
					    unsigned long flags)
{
	if (test_and_clear_bit(HOLDER_ORPHAN, w->flags))
		return HOLDER_GONE;
	if (is_holder(data))
		return HOLDER_WRONG;
	if ((flags & BIT(HOLDER_DYING)) || !(flags & BIT(HOLDER_ALIVE)))
		return HOLDER_GONE;
	return HOLDER_REPEATED;
}

/* Caller must hold holder_lock(), inside a read-side section. */
static enum holder_verdict release_locked(const struct holder_words *w, unsigned long holder)
{
	unsigned long flags = READ_ONCE(*w->flags);
	unsigned long dying = flags & BIT(HOLDER_DYING);
	unsigned long data = READ_ONCE(*w->data);

	if (data != holder)
		return verdict_not_held(w, data, flags);
	/* The kernel's own kill_dax() is under way and clears the words itself. */
	if (!dying && !(flags & BIT(HOLDER_ALIVE)))
		return HOLDER_GONE;
	WRITE_ONCE(*w->ops, 0);
	/* A device that is being removed cannot be claimed again. */
	data = cmpxchg(w->data, holder, dying ? HOLDER_DENIED : 0);
	return data == holder ? HOLDER_RELEASED : verdict_not_held(w, data, flags);
}

/**
 * holder_release() - release a device
 * @w: the device's words
 * @holder: the holder that was given to holder_claim()
 *
 * Changes nothing unless @holder is the holder. A call of its operations may still be running when
 * this returns; holder_drain() waits for it.
 *
 * Context: any in which a read-side section may be taken; also inside a call of the holder.
 * Return: the result.
 */
enum holder_verdict holder_release(const struct holder_words *w, void *holder)
{
	enum holder_verdict verdict;
	int id;

	/* The section delays a removal until the release is complete. */
	id = holder_read_lock();
	holder_lock();
	verdict = release_locked(w, (unsigned long)holder);
	holder_unlock();
	holder_read_unlock(id);
	return verdict;
}

/* Invariant 3: notifies a holder of the removal unless that has been done. */
static int notify_removal(const struct holder_words *w, holder_call_t *call, void *arg)
{
	unsigned long notified = (unsigned long)w->notified_ops;
	unsigned long ops, was;
	int rc = -EOPNOTSUPP;
	int id;

	id = holder_read_lock();
	/* see what the holder wrote before its claim; pairs with cmpxchg() in holder_claim() */
	ops = smp_load_acquire(w->ops);
	while (ops && ops != notified) {
		/* Not 0: older kernels' dax_holder_notify_failure() reads the word twice. */
		was = cmpxchg(w->ops, ops, notified);
		if (was == ops) {
			rc = call((const void *)ops, arg);
			break;
		}
		ops = was;
	}
	holder_read_unlock(id);
	return rc;
}

/**
 * holder_close() - stop claims and notify the holder of the removal
 * @w: the device's words
 * @call: calls the holder
 * @arg: passed to @call
 *
 * The device stays alive, so that the holder can still write to it. Invariant 3 holds afterwards;
 * for a holder that then releases through the kernel's own fs_put_dax() see docs/holder.md.
 *
 * Context: may sleep. Caller must serialize this and holder_kill().
 * Return: what @call returned; -EOPNOTSUPP if there was no holder to notify.
 */
int holder_close(const struct holder_words *w, holder_call_t *call, void *arg)
{
	set_bit(HOLDER_DYING, w->flags);
	/* claims and releases that have not seen the bit end */
	holder_drain();
	/*
	 * fs_dax_get_by_bdev() of the kernel does not know our bit, but fails on a device that is
	 * held. If it came first, it may not have stored its operations yet.
	 */
	if (is_holder(cmpxchg(w->data, 0, HOLDER_DENIED)))
		holder_drain();
	return notify_removal(w, call, arg);
}

/**
 * holder_deny_claims() - make claims of a live device fail
 * @w: the device's words
 *
 * The device has no holder, and gets none until holder_allow_claims(). No effect on a dead one.
 *
 * Context: any in which a read-side section may be taken. Caller must serialize this and
 * holder_allow_claims().
 * Return: false if the device has a holder.
 */
bool holder_deny_claims(const struct holder_words *w)
{
	unsigned long data;
	int id;

	/* The section delays a removal, which would clear the sentinel. */
	id = holder_read_lock();
	if (READ_ONCE(*w->flags) & BIT(HOLDER_ALIVE))
		data = cmpxchg(w->data, 0, HOLDER_DENIED);
	else
		data = READ_ONCE(*w->data);
	holder_read_unlock(id);
	return !is_holder(data);
}

/**
 * holder_allow_claims() - undo holder_deny_claims()
 * @w: the device's words
 *
 * No effect on a device that is being removed.
 *
 * Context: as holder_deny_claims().
 */
void holder_allow_claims(const struct holder_words *w)
{
	int id;

	/* The section delays a removal, which sets the bit and drains. */
	id = holder_read_lock();
	if (!(READ_ONCE(*w->flags) & BIT(HOLDER_DYING)))
		cmpxchg(w->data, HOLDER_DENIED, 0);
	holder_read_unlock(id);
}

/* Invariant 4: clears the words; sets HOLDER_ORPHAN if the holder has yet to release. */
static void words_clear(const struct holder_words *w)
{
	unsigned long data = READ_ONCE(*w->data);

	if (is_holder(data))
		set_bit(HOLDER_ORPHAN, w->flags);
	WRITE_ONCE(*w->ops, 0);
	if (xchg(w->data, 0) != data)
		clear_bit(HOLDER_ORPHAN, w->flags);
}

/**
 * holder_kill_unheld() - mark a device without a holder dead
 * @w: the device's words
 *
 * It gets no holder any more: a claim fails at once and does not wait for the rest of the removal.
 * A device that has a holder is left as it is. holder_drain() and holder_clear() follow; repeating
 * the call has no effect.
 *
 * Context: as holder_deny_claims().
 * Return: false if the device has a holder.
 */
bool holder_kill_unheld(const struct holder_words *w)
{
	if (!holder_deny_claims(w))
		return false;
	/* keeps claims denied, see holder_allow_claims() */
	set_bit(HOLDER_DYING, w->flags);
	clear_bit(HOLDER_ALIVE, w->flags);
	return true;
}

/**
 * holder_clear() - finish what holder_kill_unheld() has begun
 * @w: the device's words
 *
 * Invariant 4 holds afterwards, as after holder_kill().
 *
 * Context: removal; the sections that had begun before holder_kill_unheld() have been drained.
 */
void holder_clear(const struct holder_words *w)
{
	words_clear(w);
	clear_bit(HOLDER_DYING, w->flags);
}

/**
 * holder_kill() - take a device from its holder and mark it dead
 * @w: the device's words
 * @call: calls a holder that holder_close() has not notified
 * @arg: passed to @call
 *
 * Begins with holder_close() unless that has been done. Invariant 4 holds afterwards, and the alive
 * bit may be set again, for the device's next life. The kernel's kill_dax() has nothing left to do.
 *
 * Context: may sleep. Caller must serialize this and holder_close().
 */
void holder_kill(const struct holder_words *w, holder_call_t *call, void *arg)
{
	if (!(READ_ONCE(*w->flags) & BIT(HOLDER_DYING)))
		holder_close(w, call, arg);
	clear_bit(HOLDER_ALIVE, w->flags);
	holder_drain();
	/* fs_dax_get_by_bdev() may have followed a holder that released after its notification */
	notify_removal(w, call, arg);
	words_clear(w);
	clear_bit(HOLDER_DYING, w->flags);
	/* a release that saw its holder in the words must not reach into the device's next life */
	holder_drain();
}

/**
 * holder_exists() - check for a holder
 * @w: the device's words
 *
 * Context: any; the answer may be outdated when this returns.
 * Return: true if the device has a holder; the sentinel is none.
 */
bool holder_exists(const struct holder_words *w)
{
	return is_holder(READ_ONCE(*w->data));
}
