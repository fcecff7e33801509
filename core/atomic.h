/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The atomic operations that core/ uses, under the kernel's names and with the kernel's meaning:
 * xchg(), cmpxchg(), try_cmpxchg() and test_and_clear_bit() are full barriers, set_bit() and
 * clear_bit() are none. On the host they take a word of type unsigned long and nothing else.
 *
 * On the host, ATOMIC_POINT() comes before every operation; a stress test may define it, to switch
 * threads there. A model checker has operations of its own, and defines ATOMIC_OPERATIONS.
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

/* As in the kernel: returns true on success; otherwise *@old is the value found. */
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

/* Host tests wait for readers in ways of their own before they free. */
static inline void rcu_read_lock(void)
{
}

static inline void rcu_read_unlock(void)
{
}

#endif /* ATOMIC_OPERATIONS */

#define READ_ONCE(x) READ_ONCE_ulong(&(x))
#define WRITE_ONCE(x, value) WRITE_ONCE_ulong(&(x), value)
/* As in the kernel: earlier stores are visible before later ones. */
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
/* As in the kernel: earlier loads are done before later ones. */
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
/* As in the kernel: later accesses are not done before this load. */
#define smp_load_acquire(p) smp_load_acquire_ulong(p)
/* As in the kernel: earlier accesses are done before this store is visible. */
#define smp_store_release(p, value) smp_store_release_ulong(p, value)

#endif /* __KERNEL__ */

#endif
