// SPDX-License-Identifier: GPL-2.0
/*
 * The threads of holder_cast.h with real threads: core/holder.c as it is, round after round.
 *
 * Every round draws a cast, starts from a live device that nobody holds, and checks at its end what
 * the model checks. Before every atomic operation a thread may give the processor away, so that two
 * processors come across orders that are rare elsewhere. Built with the thread sanitizer, which
 * watches the one thing that is plain memory: the holder's own, which a late call would touch.
 *
 *   holder_stress [ROUNDS [SEED]]
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void stress_point(void);
#define ATOMIC_POINT() stress_point()

/* Not a header: the source as it is, with the points in it. */
#include "../../core/holder.c"

enum who { A, B, R, N, K, THREADS };

typedef unsigned long shared_t;

static _Thread_local enum who me;
static _Thread_local unsigned long dice;

static struct {
	int b_releases, stock_claim, stock_release, stock_kill, kill_only, next_life, r, n, k;
} cast;

#define IF_B 1
#define IF_R cast.r
#define IF_N cast.n
#define IF_K cast.k
#define IF_B_RELEASES cast.b_releases
#define IF_STOCK_CLAIM cast.stock_claim
#define IF_STOCK_RELEASE cast.stock_release
#define IF_STOCK_KILL cast.stock_kill
#define IF_KILL_ONLY cast.kill_only
#define IF_NEXT_LIFE cast.next_life

static unsigned long roll(void)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice;
}

static void stress_point(void)
{
	unsigned long n = roll() >> 32;

	if (!(n % 4))
		sched_yield();
}

#define seen(x) ({ stress_point(); __atomic_load_n(&(x), __ATOMIC_SEQ_CST); })
#define put(x, value) __atomic_store_n(&(x), value, __ATOMIC_SEQ_CST)
#define count(x) __atomic_fetch_add(&(x), 1, __ATOMIC_SEQ_CST)
#define choose() ((int)(roll() >> 40 & 1))

/* One of each for every place that names it; they are put on a list when they first matter. */
struct event {
	const char *text;
	struct event *next;
	unsigned long times;
	int listed;
};

static struct event *failures, *events;
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;

static void note(struct event **list, struct event *e)
{
	__atomic_fetch_add(&e->times, 1, __ATOMIC_RELAXED);
	if (__atomic_exchange_n(&e->listed, 1, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&list_lock);
	e->next = *list;
	*list = e;
	pthread_mutex_unlock(&list_lock);
}

#define prove(x, what) do { \
	static struct event failure = { .text = what }; \
	if (!(x)) \
		note(&failures, &failure); \
} while (0)
#define reached(what) do { \
	static struct event event = { .text = what }; \
	note(&events, &event); \
} while (0)

static unsigned long ended[THREADS];

static int wait_until_nonzero(unsigned long *x, const unsigned long *over)
{
	while (!seen(*x)) {
		if (seen(*over))
			return !!seen(*x);
		sched_yield();
	}
	return 1;
}

/* Only A's progress is ever waited for. */
#define wait_until(x) wait_until_nonzero(&(x), &ended[A])

#include "holder_cast.h"
