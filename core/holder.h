/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Holder protocol of a DAX device: claim, release, notification of memory failures, and removal.
 * docs/holder.md has the reasons, and what is proven.
 *
 * The state is three words of the kernel's struct dax_device, so that the kernel's own functions
 * and these agree on the same device:
 *
 *  holder_data  0, the holder, or a sentinel (HOLDER_DENIED) that makes claims fail: set by
 *               holder_deny_claims() and by a removal
 *  holder_ops   0, the holder's operations, or @notified_ops: stub operations that replace the
 *               holder's once it has been notified of the removal
 *  flags        DAXDEV_ALIVE of the kernel, and two bits of ours
 *
 * No lock protects them. Every change is a compare-and-exchange, or is made by the only claim whose
 * own has succeeded, by the only removal or, under holder_lock(), by the only release. Claims,
 * releases and notifications run inside read-side sections of the DAX core's SRCU domain
 * (dax_read_lock()); a removal sets a bit that makes new ones fail and then drains the domain, as
 * synchronize_srcu() does.
 *
 * Invariants:
 *
 *  1. One holder at a time: @holder_data is changed from 0 by one cmpxchg().
 *  2. A release clears the operations before it gives up @holder_data, and touches neither unless
 *     it is the holder's.
 *  3. Once holder_close() has returned, the holder has been notified of the removal once, is not
 *     called again, and no claim succeeds.
 *  4. Once holder_kill() has returned, both words are 0, and no operation runs or starts.
 *
 * The words are unsigned long here: they are compared and exchanged, never dereferenced.
 */
#ifndef FSDEV_CORE_HOLDER_H
#define FSDEV_CORE_HOLDER_H

#include "atomic.h"
#include "types.h"

/* DAXDEV_ALIVE of the kernel: the device may be used. */
#define HOLDER_ALIVE 0
/*
 * The device is being removed: from holder_close() to the end of holder_kill(), or from
 * holder_kill_unheld() to holder_clear().
 */
#define HOLDER_DYING (BITS_PER_LONG - 1)
/* A removal took the device from a holder that has yet to release it. */
#define HOLDER_ORPHAN (BITS_PER_LONG - 2)

/*
 * The sentinel. A holder reads holder_data by dax_holder() when it is notified, and another thread
 * of it may release meanwhile: so no memory has this address, and to follow it is a fault at once.
 * include/fsdev/dax.h has it, too.
 */
#define HOLDER_DENIED (POISON_POINTER_DELTA + 0xfd0UL)

/**
 * struct holder_words - the words of one device
 * @data: the device's holder_data
 * @ops: its holder_ops
 * @flags: its flags
 * @notified_ops: stub operations that return -EOPNOTSUPP; needed by holder_close() and
 *	holder_kill() only
 */
struct holder_words {
	unsigned long *data;
	unsigned long *ops;
	unsigned long *flags;
	const void *notified_ops;
};

/**
 * typedef holder_call_t - call a holder
 * @ops: the holder's operations, never NULL
 * @arg: the argument of holder_notify(), holder_close() or holder_kill()
 *
 * Context: inside a read-side section; may sleep.
 * Return: what the holder returned.
 */
typedef int holder_call_t(const void *ops, void *arg);

/**
 * enum holder_verdict - result of a release
 * @HOLDER_RELEASED: the caller was the holder; the device is free
 * @HOLDER_GONE: a removal has taken the device already; no mistake
 * @HOLDER_REPEATED: no holder: released twice or never claimed; the caller warns
 * @HOLDER_WRONG: another holder has it, and keeps it; the caller warns
 */
enum holder_verdict {
	HOLDER_RELEASED,
	HOLDER_GONE,
	HOLDER_REPEATED,
	HOLDER_WRONG,
};

int holder_claim(const struct holder_words *w, void *holder, const void *ops);
enum holder_verdict holder_release(const struct holder_words *w, void *holder);
bool holder_deny_claims(const struct holder_words *w);
void holder_allow_claims(const struct holder_words *w);
bool holder_kill_unheld(const struct holder_words *w);
void holder_clear(const struct holder_words *w);
int holder_close(const struct holder_words *w, holder_call_t *call, void *arg);
bool holder_exists(const struct holder_words *w);
void holder_kill(const struct holder_words *w, holder_call_t *call, void *arg);

/*
 * Port: what a module that compiles this in has to provide. The sections may be macros.
 *
 * holder_read_lock() and holder_read_unlock() are dax_read_lock() and dax_read_unlock(); sections
 * nest. holder_drain() is synchronize_srcu() of that domain: it waits for all sections that began
 * before it and is a full barrier; not to be called inside one. holder_lock() serializes releases;
 * no code sleeps under it.
 */
#ifndef holder_read_lock
int holder_read_lock(void);
void holder_read_unlock(int id);
#endif
void holder_drain(void);
void holder_lock(void);
void holder_unlock(void);

/**
 * struct holder_listener - the operations to notify
 * @rc: 0; -ENXIO if the device is dead, -EOPNOTSUPP if there are none
 * @ops: the holder's operations, if @rc is 0
 */
struct holder_listener {
	int rc;
	unsigned long ops;
};

/**
 * holder_listener() - look up the operations to notify
 * @w: the device's words
 *
 * Context: inside a read-side section, in which the operations may be called.
 * Return: the operations, or why there are none.
 */
static inline struct holder_listener holder_listener(const struct holder_words *w)
{
	struct holder_listener listener = { .rc = -ENXIO };

	if (likely(READ_ONCE(*w->flags) & BIT(HOLDER_ALIVE))) {
		/*
		 * Read once: a release may clear it at any time. Pairs with the full barriers of
		 * cmpxchg() in holder_claim() and notify_removal() in holder.c.
		 */
		listener.ops = smp_load_acquire(w->ops);
		listener.rc = listener.ops ? 0 : -EOPNOTSUPP;
	}
	return listener;
}

/**
 * holder_notify() - notify the holder of a memory failure
 * @w: the device's words
 * @call: calls the holder
 * @arg: passed to @call
 *
 * Inline: the way from a failure to the holder has one indirect call and builds no structure in
 * memory.
 *
 * Context: may sleep if the holder does.
 * Return: what @call returned; -ENXIO if the device is dead, -EOPNOTSUPP if it has no holder with
 * operations.
 */
static inline int holder_notify(const struct holder_words *w, holder_call_t *call, void *arg)
{
	struct holder_listener listener;
	int id;

	id = holder_read_lock();
	listener = holder_listener(w);
	if (!listener.rc)
		listener.rc = call((const void *)listener.ops, arg);
	holder_read_unlock(id);
	return listener.rc;
}

#endif
