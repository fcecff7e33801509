// SPDX-License-Identifier: GPL-2.0
/*
 * The ownership protocol of a DAX device. holder.h has the words, docs/holder.md the reasons.
 */
#include "holder.h"

static unsigned long bar(const struct holder_words *w)
{
	return (unsigned long)w->flags;
}

/* Somebody, and not the bar. */
static bool is_holder(const struct holder_words *w, unsigned long data)
{
	return data && data != bar(w);
}

/**
 * holder_claim() - become the holder of a device
 * @w: the device's words
 * @holder: who claims it; not NULL, and not used by another device's holder at the same time
 * @ops: its operations, what holder_notify() passes to the call; NULL to be told of nothing
 *
 * All of it happens inside one read-side section, so that a removal, which drains the sections
 * after it has stopped claims, sees this one complete or refuses it.
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

/* Why a device that @data holds, in the state @flags, is not the releaser's. */
static enum holder_verdict not_held(const struct holder_words *w, unsigned long data,
				    unsigned long flags)
{
	if (test_and_clear_bit(HOLDER_ORPHAN, w->flags))
		return HOLDER_GONE;
	if (is_holder(w, data))
		return HOLDER_WRONG;
	if ((flags & BIT(HOLDER_DYING)) || !(flags & BIT(HOLDER_ALIVE)))
		return HOLDER_GONE;
	return HOLDER_REPEATED;
}

/* holder_release() inside the section and the lock. */
static enum holder_verdict release(const struct holder_words *w, unsigned long holder)
{
	unsigned long flags = READ_ONCE(*w->flags);
	unsigned long dying = flags & BIT(HOLDER_DYING);
	unsigned long data = READ_ONCE(*w->data);

	if (data != holder)
		return not_held(w, data, flags);
	/* The kernel's own kill_dax() is at work and will clear the words itself. */
	if (!dying && !(flags & BIT(HOLDER_ALIVE)))
		return HOLDER_GONE;
	WRITE_ONCE(*w->ops, 0);
	/* A device that is being removed stays out of reach for others. */
	data = cmpxchg(w->data, holder, dying ? bar(w) : 0);
	return data == holder ? HOLDER_RELEASED : not_held(w, data, flags);
}

/**
 * holder_release() - stop being the holder of a device
 * @w: the device's words
 * @holder: who was given to holder_claim()
 *
 * Whoever is not the holder takes nothing from who is. The operations go before the ownership, so
 * that they cannot be the next holder's. A call of the holder's operations may still be running
 * when this returns; holder_drain() waits for it.
 *
 * Context: any in which a read-side section may be taken; also inside a call of the holder.
 * Return: what became of it.
 */
enum holder_verdict holder_release(const struct holder_words *w, void *holder)
{
	enum holder_verdict verdict;
	int id;

	/* The section keeps a removal from ending while a release is half done. */
	id = holder_read_lock();
	holder_lock();
	verdict = release(w, (unsigned long)holder);
	holder_unlock();
	holder_read_unlock(id);
	return verdict;
}

/* Tells a holder who has not been told that the device goes away. */
static int tell(const struct holder_words *w, holder_call_t *call, void *arg)
{
	unsigned long deaf = (unsigned long)w->deaf;
	unsigned long ops, was;
	int rc = -EOPNOTSUPP;
	int id;

	id = holder_read_lock();
	/* The holder was there before its operations were, also for whom we call. */
	ops = smp_load_acquire(w->ops);
	while (ops && ops != deaf) {
		/* Not cleared: the kernel's old dax_holder_notify_failure() reads it twice. */
		was = cmpxchg(w->ops, ops, deaf);
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
 * holder_close() - stop claims and tell the holder that the device goes away
 * @w: the device's words
 * @call: calls the holder
 * @arg: passed to @call
 *
 * The device stays alive, so that the holder can still write to it. When this returns, whoever
 * holds the device has been told, once, and hears nothing more; and nobody else gets it. (But see
 * docs/holder.md for a holder who then lets go through the kernel's own fs_put_dax().)
 *
 * Context: may sleep. The caller keeps other calls of this and of holder_kill() away.
 * Return: what @call returned; -EOPNOTSUPP if there was nobody to tell.
 */
int holder_close(const struct holder_words *w, holder_call_t *call, void *arg)
{
	set_bit(HOLDER_DYING, w->flags);
	/* Claims and releases that had not seen it are over after this. */
	holder_drain();
	/*
	 * The kernel's fs_dax_get_by_bdev() does not know our bit, but it respects a device that is
	 * held. If it was quicker, its claim may be half done: no operations yet.
	 */
	if (is_holder(w, cmpxchg(w->data, 0, bar(w))))
		holder_drain();
	return tell(w, call, arg);
}

/**
 * holder_bar() - keep everyone from claiming a live device
 * @w: the device's words
 *
 * The device has no holder then, and gets none until holder_unbar(). A dead one is left as it is.
 *
 * Context: any in which a read-side section may be taken. The caller serializes this and
 * holder_unbar().
 * Return: false if the device has a holder.
 */
bool holder_bar(const struct holder_words *w)
{
	unsigned long data;
	int id;

	/* The section keeps a removal from clearing the words before the bar is there. */
	id = holder_read_lock();
	if (READ_ONCE(*w->flags) & BIT(HOLDER_ALIVE))
		data = cmpxchg(w->data, 0, bar(w));
	else
		data = READ_ONCE(*w->data);
	holder_read_unlock(id);
	return !is_holder(w, data);
}

/**
 * holder_unbar() - undo holder_bar()
 * @w: the device's words
 *
 * A device that is being removed stays barred.
 *
 * Context: as holder_bar().
 */
void holder_unbar(const struct holder_words *w)
{
	int id;

	/* The section keeps a removal, which sets the bit and drains, from meeting half of this. */
	id = holder_read_lock();
	if (!(READ_ONCE(*w->flags) & BIT(HOLDER_DYING)))
		cmpxchg(w->data, bar(w), 0);
	holder_read_unlock(id);
}

/* Clears the words of a dead device, and notes if that leaves a release to come. */
static void bury(const struct holder_words *w)
{
	unsigned long data = READ_ONCE(*w->data);

	if (is_holder(w, data))
		set_bit(HOLDER_ORPHAN, w->flags);
	WRITE_ONCE(*w->ops, 0);
	if (xchg(w->data, 0) != data)
		clear_bit(HOLDER_ORPHAN, w->flags);
}

/**
 * holder_kill() - take a dead device from whoever holds it
 * @w: the device's words
 * @call: calls a holder that holder_close() has not told
 * @arg: passed to @call
 *
 * Does what holder_close() does, if it has not been called. When this returns the device is dead,
 * has no holder, no operation on it is running or will start, and it may be brought to life again
 * by setting the alive bit. The kernel's kill_dax() finds nothing left to do.
 *
 * Context: may sleep. The caller keeps other calls of this and of holder_close() away.
 */
void holder_kill(const struct holder_words *w, holder_call_t *call, void *arg)
{
	if (!(READ_ONCE(*w->flags) & BIT(HOLDER_DYING)))
		holder_close(w, call, arg);
	clear_bit(HOLDER_ALIVE, w->flags);
	holder_drain();
	/* One of the kernel's claimers may have followed a holder who left after it was told. */
	tell(w, call, arg);
	bury(w);
	clear_bit(HOLDER_DYING, w->flags);
	/* A release that had found its holder here must not reach into the device's next life. */
	holder_drain();
}

/**
 * holder_exists() - has the device a holder?
 * @w: the device's words
 *
 * Context: any; it may have changed when this returns.
 * Return: true if it has; a device that is being removed and that nobody holds has none.
 */
bool holder_exists(const struct holder_words *w)
{
	return is_holder(w, READ_ONCE(*w->data));
}
