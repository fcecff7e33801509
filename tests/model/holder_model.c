// SPDX-License-Identifier: GPL-2.0
/*
 * The ownership protocol under CBMC: core/holder.c as it is, and the threads of holder_cast.h.
 *
 * Who takes part is said with -D; tests/model/holder-run has the casts. With -DREACH nothing is
 * proven, but every place that reached() names is an assertion that CBMC has to refute, since what
 * never happens is proven too easily.
 */
#include "holder_atomic.h"

/* Not a header: the source as it is, with the operations above. */
#include "../../core/holder.c"

enum who { A, B, R, N, M, K };

typedef unsigned char shared_t;

static __CPROVER_thread_local enum who me;

#ifdef REACH
#define prove(x, text) ((void)(x))
#define reached(text) __CPROVER_assert(0, "reached: " text)
#else
#define prove(x, text) __CPROVER_assert(x, text)
#define reached(text) ((void)0)
#endif

#define seen(x) ({ __typeof__(x) seen_; smp_mb(); seen_ = (x); smp_mb(); seen_; })
#define put(x, value) do { smp_mb(); (x) = (value); smp_mb(); } while (0)
#define count(x) do { __CPROVER_atomic_begin(); (x)++; __CPROVER_atomic_end(); } while (0)
#define wait_until(x) ({ __CPROVER_assume(seen(x)); 1; })
#define choose() nondet_bool()

_Bool nondet_bool(void);

#ifndef IF_B
#define IF_B 0
#endif
#ifndef IF_R
#define IF_R 0
#endif
#ifndef IF_N
#define IF_N 0
#endif
#ifndef IF_M
#define IF_M 0
#endif
#ifndef IF_K
#define IF_K 0
#endif
#ifndef IF_A_STAYS
#define IF_A_STAYS 0
#endif
#ifndef IF_B_RELEASES
#define IF_B_RELEASES 0
#endif
#ifndef IF_STOCK_CLAIM
#define IF_STOCK_CLAIM 0
#endif
#ifndef IF_STOCK_RELEASE
#define IF_STOCK_RELEASE 0
#endif
#ifndef IF_STOCK_KILL
#define IF_STOCK_KILL 0
#endif
#ifndef IF_UNHELD
#define IF_UNHELD 0
#endif
#ifndef IF_NEXT_LIFE
#define IF_NEXT_LIFE 0
#endif

#include "holder_cast.h"

/*
 * Read-side sections: each thread counts its own, odd inside; no other writes the count. A
 * drain looks at each once, and where it finds one inside it goes on only in the executions in
 * which that section has ended. The barriers are those of the kernel's SRCU.
 */
static unsigned char section_a, section_b, section_r, section_n, section_m, section_k;
static __CPROVER_thread_local unsigned char sections, depth;
static _Bool locked;

#ifdef WEAK_SECTION	/* shows that the memory model is at work: these barriers are needed */
#define section_mb() ((void)0)
#else
#define section_mb() smp_mb()
#endif

static void count_section(void)
{
	sections++;
	switch (me) {
	case A:
		section_a = sections;
		break;
	case B:
		section_b = sections;
		break;
	case R:
		section_r = sections;
		break;
	case N:
		section_n = sections;
		break;
	case M:
		section_m = sections;
		break;
	case K:
		section_k = sections;
	}
}

int holder_read_lock(void)
{
	if (!depth++) {
		count_section();
		section_mb();
	}
	return 0;
}

void holder_read_unlock(int id)
{
	(void)id;
	if (!--depth) {
		section_mb();
		count_section();
	}
}

static void drain(const unsigned char *section)
{
	unsigned char before = *section;

	if (before & 1)
		__CPROVER_assume(*section != before);
}

void holder_drain(void)
{
	smp_mb();
	if (me != A)
		drain(&section_a);
	if (IF_B && me != B)
		drain(&section_b);
	if (IF_R && me != R)
		drain(&section_r);
	if (IF_N && me != N)
		drain(&section_n);
	if (IF_M && me != M)
		drain(&section_m);
	if (IF_K && me != K)
		drain(&section_k);
	smp_mb();
}

void holder_lock(void)
{
	__CPROVER_atomic_begin();
	__CPROVER_assume(!locked);
	locked = 1;
	__CPROVER_atomic_end();
	smp_mb();
}

void holder_unlock(void)
{
	smp_mb();
	locked = 0;
}

static _Bool end_a, end_b, end_r, end_n, end_m, end_k;

static void run_a(void)
{
	me = A;
	thread_a();
	put(end_a, 1);
}

static void run_b(void)
{
	me = B;
	if (IF_B)
		thread_b();
	put(end_b, 1);
}

static void run_r(void)
{
	me = R;
	if (IF_R)
		thread_r();
	put(end_r, 1);
}

static void run_n(void)
{
	me = N;
	if (IF_N)
		thread_n();
	put(end_n, 1);
}

static void run_m(void)
{
	me = M;
	if (IF_M)
		thread_m();
	put(end_m, 1);
}

static void run_k(void)
{
	me = K;
	if (IF_K)
		thread_k();
	put(end_k, 1);
}

int main(void)
{
	flags = BIT(HOLDER_ALIVE);
	smp_mb();
__CPROVER_ASYNC_1:
	run_a();
__CPROVER_ASYNC_2:
	run_b();
__CPROVER_ASYNC_3:
	run_r();
__CPROVER_ASYNC_4:
	run_n();
__CPROVER_ASYNC_5:
	run_m();
__CPROVER_ASYNC_6:
	run_k();
	__CPROVER_assume(seen(end_a) && seen(end_b) && seen(end_r) && seen(end_n) && seen(end_m) &&
			 seen(end_k));
	reached("every thread ends");
	check_end();
	return 0;
}
