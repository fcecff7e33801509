/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ownership of a DAX device: who holds it, who hears that its memory failed, and what happens to
 * both when the device is removed. docs/holder.md explains the protocol and what is proven of it.
 *
 * All of it lives in three words of the kernel's struct dax_device, so that the kernel's own
 * functions and these agree on the same device:
 *
 *  holder_data  0, the holder, or the bar (the address of the flags word, which no holder has):
 *               the device cannot be claimed, as it is being removed or holder_bar() has said so
 *  holder_ops   the holder's operations, 0, or the deaf operations: the holder has been told
 *  flags        the kernel's alive bit, and two of ours
 *
 * They are numbers here, since they are compared and exchanged and never followed.
 */
#ifndef FSDEV_CORE_HOLDER_H
#define FSDEV_CORE_HOLDER_H

#include "atomic.h"
#include "types.h"

/* The kernel's own bit in the flags; the device may be used. */
#define HOLDER_ALIVE 0
/* The device is being removed: holder_close() has begun and holder_kill() has not ended. */
#define HOLDER_DYING (BITS_PER_LONG - 1)
/* A removal took the device from a holder whose release is still to come. */
#define HOLDER_ORPHAN (BITS_PER_LONG - 2)

/**
 * struct holder_words - where the ownership of one device is kept
 * @data: the device's holder_data
 * @ops: its holder_ops
 * @flags: its flags
 * @deaf: operations that answer every call with -EOPNOTSUPP; only holder_close() and holder_kill()
 *	need them
 */
struct holder_words {
	unsigned long *data;
	unsigned long *ops;
	unsigned long *flags;
	const void *deaf;
};

/**
 * typedef holder_call_t - calls a holder
 * @ops: the holder's operations, never NULL
 * @arg: what the caller of holder_notify(), holder_close() or holder_kill() gave
 *
 * Context: inside a read-side section; may sleep.
 * Return: what the holder returned.
 */
typedef int holder_call_t(const void *ops, void *arg);

/**
 * enum holder_verdict - what became of a release
 * @HOLDER_RELEASED: the device was the caller's, and is free
 * @HOLDER_GONE: a removal had taken the device already; not a mistake
 * @HOLDER_REPEATED: nobody held it: released twice, or never claimed; to be warned of
 * @HOLDER_WRONG: somebody else holds it, and still does; to be warned of
 */
enum holder_verdict {
	HOLDER_RELEASED,
	HOLDER_GONE,
	HOLDER_REPEATED,
	HOLDER_WRONG,
};

int holder_claim(const struct holder_words *w, void *holder, const void *ops);
enum holder_verdict holder_release(const struct holder_words *w, void *holder);
bool holder_bar(const struct holder_words *w);
void holder_unbar(const struct holder_words *w);
int holder_close(const struct holder_words *w, holder_call_t *call, void *arg);
bool holder_exists(const struct holder_words *w);
void holder_kill(const struct holder_words *w, holder_call_t *call, void *arg);

/*
 * What each place that compiles this in has to bring along; the sections may be macros.
 *
 * The read-side section is the kernel's dax_read_lock(); sections nest. holder_drain() waits until
 * every section that had begun before the call has ended, and is a full barrier; it must not be
 * called inside a section. The lock keeps the releases of one holder apart; nothing sleeps in it.
 */
#ifndef holder_read_lock
int holder_read_lock(void);
void holder_read_unlock(int id);
#endif
void holder_drain(void);
void holder_lock(void);
void holder_unlock(void);

/**
 * struct holder_listener - who is told when memory fails
 * @rc: 0; -ENXIO if the device is dead, -EOPNOTSUPP if nobody listens
 * @ops: the holder's operations, if @rc is 0
 */
struct holder_listener {
	int rc;
	unsigned long ops;
};

/**
 * holder_listener() - find out who is told when memory fails
 * @w: the device's words
 *
 * Context: inside a read-side section, in which the operations may be called.
 * Return: the operations, or why there are none.
 */
static inline struct holder_listener holder_listener(const struct holder_words *w)
{
	struct holder_listener listener = { .rc = -ENXIO };

	if (likely(READ_ONCE(*w->flags) & BIT(HOLDER_ALIVE))) {
		/* Read once: a release may clear it at any time. */
		listener.ops = smp_load_acquire(w->ops);
		listener.rc = listener.ops ? 0 : -EOPNOTSUPP;
	}
	return listener;
}

/**
 * holder_notify() - tell the holder that memory has failed
 * @w: the device's words
 * @call: calls the holder
 * @arg: passed to @call
 *
 * Inline, so that on the way from a failure to the holder there is one call through a pointer, and
 * no structure in memory.
 *
 * Context: may sleep if the holder does.
 * Return: what @call returned; -ENXIO if the device is dead, -EOPNOTSUPP if nobody listens.
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
