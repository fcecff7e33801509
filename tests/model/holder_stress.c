// SPDX-License-Identifier: GPL-2.0
/*
 * The threads of holder_cast.h with real threads: core/holder.c as it is, round after round.
 *
 * Every round draws a cast, starts from a live device without a holder, and checks at its end what
 * the model checks. Before every atomic operation a thread may give the processor away, so that two
 * processors come across orders that are rare elsewhere. Built with the thread sanitizer, which
 * watches the one thing that is plain memory: the holder's own, which a late call would touch.
 * Ends with the first round that fails.
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

enum who { A, B, R, N, M, K, THREADS };

typedef unsigned long shared_t;

static _Thread_local enum who me;
static _Thread_local unsigned long dice;

static struct {
	int b_releases, stock_claim, stock_release, stock_kill, unheld, next_life, r, n, m, k;
} cast;

#define IF_B 1
#define IF_R cast.r
#define IF_N cast.n
#define IF_K cast.k
#define IF_A_STAYS 0
#define IF_B_RELEASES cast.b_releases
#define IF_STOCK_CLAIM cast.stock_claim
#define IF_STOCK_RELEASE cast.stock_release
#define IF_STOCK_KILL cast.stock_kill
#define IF_UNHELD cast.unheld
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
	int times = 0;

	/* Mostly on; now and then aside for a moment, and once in a while for long. */
	if (!(n % 4))
		times = 1;
	if (!(n % 64))
		times = 30;
	while (times--)
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

/* Read-side sections as in the model: each thread counts its own, odd inside. */
static unsigned long section[THREADS];
static _Thread_local int depth;

int holder_read_lock(void)
{
	if (!depth++)
		count(section[me]);
	return 0;
}

void holder_read_unlock(int id)
{
	(void)id;
	if (!--depth)
		count(section[me]);
}

void holder_drain(void)
{
	for (int i = 0; i < THREADS; i++) {
		unsigned long before = seen(section[i]);

		if (i == (int)me || !(before & 1))
			continue;
		while (seen(section[i]) == before)
			sched_yield();
	}
}

static pthread_mutex_t release_lock = PTHREAD_MUTEX_INITIALIZER;

void holder_lock(void)
{
	pthread_mutex_lock(&release_lock);
}

void holder_unlock(void)
{
	pthread_mutex_unlock(&release_lock);
}

static void play(enum who who)
{
	switch (who) {
	case A:
		thread_a();
		break;
	case B:
		thread_b();
		break;
	case R:
		if (cast.r)
			thread_r();
		break;
	case N:
		for (int i = 0; cast.n && i < 4; i++)
			thread_n();
		break;
	case M:
		for (int i = 0; cast.m && i < 4; i++)
			thread_m();
		break;
	default:
		if (cast.k)
			thread_k();
	}
	put(ended[who], 1);
}

static pthread_barrier_t begin, finish;
static unsigned long rounds = 20000, seed = 1;
static int stop;

static void *run(void *arg)
{
	me = (enum who)(long)arg;
	dice = (seed + me + 1) * 0x9e3779b97f4a7c15UL;
	for (;;) {
		pthread_barrier_wait(&begin);
		if (stop)
			return NULL;
		for (int pause = roll() >> 32 & 7; pause; pause--)
			sched_yield();
		play(me);
		pthread_barrier_wait(&finish);
	}
}

/* What the kernel's own release breaks is not asked for together with it: see docs/holder.md. */
static void draw_cast(void)
{
	cast.k = choose();
	cast.n = choose() || choose();
	cast.m = choose();
	cast.stock_claim = choose();
	cast.stock_kill = cast.k && choose() && choose();
	cast.unheld = cast.k && !cast.stock_kill && choose();
	cast.b_releases = choose();
	cast.stock_release = choose() && choose() && choose();
	cast.r = !cast.stock_release && choose();
	cast.next_life = cast.k && !cast.stock_release && choose();
}

static void start_round(void)
{
	draw_cast();
	data = 0;
	ops = 0;
	flags = BIT(HOLDER_ALIVE);
	holds_a = holds_b = holds_c = given_up_a = given_up_b = released_a = 0;
	closed = dead = told_a = told_b = 0;
	freed_a = freed_b = 0;
	for (int i = 0; i < THREADS; i++)
		ended[i] = 0;
}

static int report(unsigned long done)
{
	struct event *e;

	for (e = failures; e; e = e->next)
		printf("# failed: %s\n", e->text);
	for (e = events; e; e = e->next)
		printf("# reached %lu times: %s\n", e->times, e->text);
	printf("# %lu rounds, seed %lu\n", done, seed);
	return !!failures;
}

static unsigned long play_rounds(void)
{
	unsigned long done;

	for (done = 0; done < rounds && !failures; done++) {
		start_round();
		pthread_barrier_wait(&begin);
		pthread_barrier_wait(&finish);
		check_end();
	}
	stop = 1;
	pthread_barrier_wait(&begin);
	return done;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS];
	unsigned long done;

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		seed = strtoul(argv[2], NULL, 0);
	/* A thread that never comes out of a drain is a failure as well. */
	alarm(240);
	dice = seed * 0x9e3779b97f4a7c15UL + 1;
	pthread_barrier_init(&begin, NULL, THREADS + 1);
	pthread_barrier_init(&finish, NULL, THREADS + 1);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, run, (void *)i);
	done = play_rounds();
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	return report(done);
}
