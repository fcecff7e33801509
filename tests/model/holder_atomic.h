/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The operations of core/atomic.h for CBMC; to be included before it. CBMC's own view of the
 * compiler's built-ins is stronger than what a processor promises, so here each operation is what
 * the kernel asks of it and no more.
 */
#ifndef HOLDER_ATOMIC_H
#define HOLDER_ATOMIC_H

#include "../../core/types.h"

#define ATOMIC_OPERATIONS

#define smp_mb() \
	__CPROVER_fence("WWfence", "RRfence", "RWfence", "WRfence", \
			"WWcumul", "RRcumul", "RWcumul", "WRcumul")

static inline unsigned long READ_ONCE_ulong(const unsigned long *word)
{
	return *word;
}

static inline unsigned long smp_load_acquire_ulong(const unsigned long *word)
{
	unsigned long value = *word;

	__CPROVER_fence("RRfence", "RWfence", "RRcumul", "RWcumul");
	return value;
}

static inline void WRITE_ONCE_ulong(unsigned long *word, unsigned long value)
{
	*word = value;
}

static inline unsigned long xchg(unsigned long *word, unsigned long new)
{
	unsigned long old;

	smp_mb();
	__CPROVER_atomic_begin();
	old = *word;
	*word = new;
	__CPROVER_atomic_end();
	smp_mb();
	return old;
}

static inline unsigned long cmpxchg(unsigned long *word, unsigned long old, unsigned long new)
{
	unsigned long was;

	smp_mb();
	__CPROVER_atomic_begin();
	was = *word;
	if (was == old)
		*word = new;
	__CPROVER_atomic_end();
	smp_mb();
	return was;
}

static inline void set_bit(int nr, unsigned long *word)
{
	__CPROVER_atomic_begin();
	*word |= (1UL << (nr));
	__CPROVER_atomic_end();
}

static inline void clear_bit(int nr, unsigned long *word)
{
	__CPROVER_atomic_begin();
	*word &= ~(1UL << (nr));
	__CPROVER_atomic_end();
}

static inline bool test_and_clear_bit(int nr, unsigned long *word)
{
	unsigned long was;

	smp_mb();
	__CPROVER_atomic_begin();
	was = *word;
	*word = was & ~(1UL << (nr));
	__CPROVER_atomic_end();
	smp_mb();
	return was & (1UL << (nr));
}

#endif
