/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The atomic operations that core/ uses, under the kernel's names and with the kernel's meaning:
 * xchg(), cmpxchg(), try_cmpxchg() and test_and_clear_bit() are full barriers, set_bit() and
 * clear_bit() are none. On the host they take a word of type unsigned long and nothing else.
 *
 * ATOMIC_POINT() stands before every operation on the host; a stress test may define it, to have
 * other threads run just there. A model checker has operations of its own, and defines
 * ATOMIC_OPERATIONS.
 */
#ifndef FSDEV_CORE_ATOMIC_H
#define FSDEV_CORE_ATOMIC_H

#include "types.h"

#ifdef __KERNEL__

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/rcupdate.h>

#else

#define BITS_PER_LONG ((int)(8 * sizeof(unsigned long)))
#define BIT(nr) (1UL << (nr))

#ifndef ATOMIC_OPERATIONS

#ifndef ATOMIC_POINT
#define ATOMIC_POINT() ((void)0)
#endif

static inline unsigned long READ_ONCE_ulong(const unsigned long *word)
{
	ATOMIC_POINT();
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline unsigned long smp_load_acquire_ulong(const unsigned long *word)
{
	ATOMIC_POINT();
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void WRITE_ONCE_ulong(unsigned long *word, unsigned long value)
{
	ATOMIC_POINT();
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline void smp_store_release_ulong(unsigned long *word, unsigned long value)
{
	ATOMIC_POINT();
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline unsigned long xchg(unsigned long *word, unsigned long new)
{
	ATOMIC_POINT();
	return __atomic_exchange_n(word, new, __ATOMIC_SEQ_CST);
}

static inline unsigned long cmpxchg(unsigned long *word, unsigned long old, unsigned long new)
{
	ATOMIC_POINT();
	__atomic_compare_exchange_n(word, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}

/* As cmpxchg(), but says whether it was done; *@old becomes what was there. */
static inline bool try_cmpxchg(unsigned long *word, unsigned long *old, unsigned long new)
{
	ATOMIC_POINT();
	return __atomic_compare_exchange_n(word, old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

static inline void set_bit(int nr, unsigned long *word)
{
	ATOMIC_POINT();
	__atomic_fetch_or(word, BIT(nr), __ATOMIC_RELAXED);
}

static inline void clear_bit(int nr, unsigned long *word)
{
	ATOMIC_POINT();
	__atomic_fetch_and(word, ~BIT(nr), __ATOMIC_RELAXED);
}

static inline bool test_and_clear_bit(int nr, unsigned long *word)
{
	ATOMIC_POINT();
	return __atomic_fetch_and(word, ~BIT(nr), __ATOMIC_SEQ_CST) & BIT(nr);
}

/* Whoever frees on the host waits for the readers in another way. */
static inline void rcu_read_lock(void)
{
}

static inline void rcu_read_unlock(void)
{
}

#endif /* ATOMIC_OPERATIONS */

#define READ_ONCE(x) READ_ONCE_ulong(&(x))
#define WRITE_ONCE(x, value) WRITE_ONCE_ulong(&(x), value)
/* what was written before is visible before what is written after */
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
/* what was read before was read before what is read after */
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
/* As in the kernel: what is read after it is not read before it. */
#define smp_load_acquire(p) smp_load_acquire_ulong(p)
/* As in the kernel: what came before it is visible, and has been read, before it is. */
#define smp_store_release(p, value) smp_store_release_ulong(p, value)

#endif /* __KERNEL__ */

#endif
