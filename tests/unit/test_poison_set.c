// SPDX-License-Identifier: GPL-2.0
/*
 * The bad ranges by example, on random input against a naive set, and under readers in other threads.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Threads make room for each other between any two accesses to a word, once the flag is set. */
static volatile int threads;

/* Another function runs just there, once: before the access that comes after so many others. */
static void (*other)(void);
static unsigned int others;

static void make_room(void)
{
	static _Thread_local unsigned int count;
	void (*now)(void) = other;

	if (now && !others--) {
		other = NULL;
		now();
	}
	if (threads && ++count % 5 == 0)
		sched_yield();
}

#define ATOMIC_POINT() make_room()
#include "core/poison_set.c"
#include "tests/model/poison_set_model.h"

#define SHIFT 12
#define PAGE 0x1000ULL
#define MIB 0x100000ULL
#define TIB 0x10000000000ULL

/* Room for @room ranges, in exactly the memory that takes, so that the address sanitizer guards its end. */
static void *make_list(u32 room)
{
	void *list = calloc(1, poison_set_list_bytes(room));

	assert_non_null(list);
	return list;
}

static struct poison_set *make_with(u64 size, u32 room)
{
	struct poison_set *bad = calloc(1, sizeof(*bad));

	assert_non_null(bad);
	assert_true(poison_set_init(bad, size, SHIFT, make_list(room), room));
	return bad;
}

static struct poison_set *make(u64 size)
{
	return make_with(size, 10);
}

static void unmake(struct poison_set *bad)
{
	free(poison_set_list(bad));
	free(bad);
}

/* As the driver does it while there is memory. */
static u64 add(struct poison_set *bad, u64 offset, u64 len)
{
	u32 all;

	if (!poison_set_spare(bad, &all))
		free(poison_set_grow(bad, make_list(2 * all), 2 * all));
	return poison_set_add(bad, offset, len);
}

static void expect_next(const struct poison_set *bad, u64 *at, u64 offset, u64 len)
{
	struct poison_piece piece;

	assert_true(poison_set_next(bad, at, &piece));
	assert_int_equal(piece.offset, offset);
	assert_int_equal(piece.len, len);
	assert_int_equal(*at, offset + len);
}

static void expect_end(const struct poison_set *bad, u64 at)
{
	struct poison_piece piece = { 1, 2 };

	assert_false(poison_set_next(bad, &at, &piece));
	assert_int_equal(piece.offset, 1);
}

static void sizes_that_cannot_be(void **state)
{
	struct poison_set bad;
	void *list = make_list(1);

	(void)state;
	assert_false(poison_set_init(&bad, 0, SHIFT, list, 1));
	assert_false(poison_set_init(&bad, POISON_SET_SIZE_MAX + 1, SHIFT, list, 1));
	assert_false(poison_set_init(&bad, PAGE, 8, list, 1));
	assert_false(poison_set_init(&bad, PAGE, 31, list, 1));
	assert_true(poison_set_init(&bad, POISON_SET_SIZE_MAX, SHIFT, list, 1));
	assert_int_equal(poison_set_list_bytes(0), 0);
	assert_int_equal(poison_set_list_bytes(POISON_SET_CAPACITY_MAX + 1), 0);
	free(list);
}

/* At most 64 bytes for each range, also while the list is being moved to twice its room. */
static void memory_is_for_what_is_bad(void **state)
{
	(void)state;
	assert_int_equal(poison_set_list_bytes(2) - poison_set_list_bytes(1), 32);
	assert_in_range(poison_set_list_bytes(64), 2048, 2100);
	assert_int_equal(poison_set_list_bytes(POISON_SET_CAPACITY_MAX),
			 sizeof(struct poison_list) + 32ULL * POISON_SET_CAPACITY_MAX);
}

static void nothing_is_bad_at_first(void **state)
{
	struct poison_set *bad = make(MIB);

	(void)state;
	assert_int_equal(poison_set_bytes(bad), 0);
	assert_int_equal(poison_set_good(bad, 0, MIB), MIB);
	assert_int_equal(poison_set_good(bad, 0, 0), 0);
	expect_end(bad, 0);
	unmake(bad);
}

static void byte_makes_its_page_bad(void **state)
{
	struct poison_set *bad = make(MIB);
	u64 at = 0;

	(void)state;
	assert_int_equal(poison_set_add(bad, 5 * PAGE + 17, 1), PAGE);
	assert_int_equal(poison_set_bytes(bad), PAGE);
	assert_int_equal(poison_set_good(bad, 0, MIB), 5 * PAGE);
	assert_int_equal(poison_set_good(bad, 100, MIB - 100), 5 * PAGE - 100);
	assert_int_equal(poison_set_good(bad, 5 * PAGE, 1), 0);
	assert_int_equal(poison_set_good(bad, 6 * PAGE - 1, 1), 0);
	assert_int_equal(poison_set_good(bad, 6 * PAGE, PAGE), PAGE);
	assert_int_equal(poison_set_good(bad, 4 * PAGE, PAGE), PAGE);
	expect_next(bad, &at, 5 * PAGE, PAGE);
	expect_end(bad, at);
	unmake(bad);
}

static void twice_is_once(void **state)
{
	struct poison_set *bad = make(MIB);
	u64 at = 0;

	(void)state;
	assert_int_equal(poison_set_add(bad, 5 * PAGE, 2 * PAGE), 2 * PAGE);
	assert_int_equal(poison_set_add(bad, 6 * PAGE, 2 * PAGE), PAGE);
	assert_int_equal(poison_set_add(bad, 5 * PAGE, 3 * PAGE), 0);
	assert_int_equal(poison_set_bytes(bad), 3 * PAGE);
	assert_int_equal(poison_set_ranges(bad), 1);
	expect_next(bad, &at, 5 * PAGE, 3 * PAGE);
	expect_end(bad, at);
	assert_int_equal(poison_set_remove(bad, 6 * PAGE, PAGE), PAGE);
	assert_int_equal(poison_set_ranges(bad), 2);
	unmake(bad);
}

static void part_of_a_page_repairs_nothing(void **state)
{
	struct poison_set *bad = make(MIB);

	(void)state;
	poison_set_add(bad, 5 * PAGE, PAGE);
	assert_int_equal(poison_set_remove(bad, 5 * PAGE, PAGE - 1), 0);
	assert_int_equal(poison_set_remove(bad, 5 * PAGE + 1, PAGE), 0);
	assert_int_equal(poison_set_remove(bad, 4 * PAGE, PAGE), 0);
	assert_int_equal(poison_set_remove(bad, 5 * PAGE, 0), 0);
	assert_int_equal(poison_set_bytes(bad), PAGE);
	assert_int_equal(poison_set_remove(bad, 5 * PAGE - 1, PAGE + 1), PAGE);
	assert_int_equal(poison_set_bytes(bad), 0);
	assert_int_equal(poison_set_good(bad, 0, MIB), MIB);
	unmake(bad);
}

static void outside_is_left_out(void **state)
{
	struct poison_set *bad = make(MIB);
	u64 at = 0;

	(void)state;
	assert_int_equal(poison_set_add(bad, MIB, PAGE), 0);
	assert_int_equal(poison_set_add(bad, U64_MAX, 1), 0);
	assert_int_equal(poison_set_add(bad, U64_MAX - 4, U64_MAX), 0);
	assert_int_equal(poison_set_add(bad, 0, 0), 0);
	assert_int_equal(poison_set_remove(bad, MIB, PAGE), 0);
	assert_int_equal(poison_set_add(bad, MIB - PAGE, U64_MAX), PAGE);
	expect_next(bad, &at, MIB - PAGE, PAGE);
	expect_end(bad, at);
	assert_int_equal(poison_set_remove(bad, 0, U64_MAX), PAGE);
	unmake(bad);
}

static void range_is_as_long_as_it_can_be(void **state)
{
	struct poison_set *bad = make(TIB);
	u64 at = 0;

	(void)state;
	poison_set_add(bad, 63 * PAGE, PAGE);
	poison_set_add(bad, 64 * PAGE, 4096 * PAGE);
	poison_set_add(bad, 64 * 64 * 64 * PAGE + TIB / 2, PAGE);
	poison_set_add(bad, TIB - PAGE, PAGE);
	expect_next(bad, &at, 63 * PAGE, 4097 * PAGE);
	expect_next(bad, &at, 64 * 64 * 64 * PAGE + TIB / 2, PAGE);
	expect_next(bad, &at, TIB - PAGE, PAGE);
	expect_end(bad, at);
	at = 100 * PAGE + 5;
	expect_next(bad, &at, 100 * PAGE, (63 + 4097 - 100) * PAGE);
	unmake(bad);
}

static void ten_thousand_ranges(void **state)
{
	struct poison_set *bad = make(TIB);
	u64 at = 0;

	(void)state;
	for (u64 i = 0; i < 10000; i++)
		assert_int_equal(add(bad, (i * 7919 % 10000) * 3 * PAGE, PAGE), PAGE);
	for (u64 i = 0; i < 10000; i++)
		expect_next(bad, &at, i * 3 * PAGE, PAGE);
	expect_end(bad, at);
	assert_int_equal(poison_set_good(bad, 30000 * PAGE, TIB - 30000 * PAGE), TIB - 30000 * PAGE);
	for (u64 i = 0; i < 10000; i++)
		assert_int_equal(poison_set_remove(bad, (i * 6007 % 10000) * 3 * PAGE, PAGE), PAGE);
	assert_int_equal(poison_set_good(bad, 0, TIB), TIB);
	unmake(bad);
}

static void last_page_that_is_not_whole(void **state)
{
	struct poison_set *bad = make(MIB + 512);
	u64 at = 0;

	(void)state;
	assert_int_equal(poison_set_add(bad, MIB, 1), PAGE);
	expect_next(bad, &at, MIB, 512);
	expect_end(bad, at);
	assert_int_equal(poison_set_remove(bad, MIB, 511), 0);
	assert_int_equal(poison_set_remove(bad, MIB, 512), PAGE);
	unmake(bad);
}

static void random_calls_as_the_naive_set(void **state)
{
	static u8 data[3000];
	u64 x = 88172645463325252ULL;

	(void)state;
	for (int round = 0; round < 150; round++) {
		for (size_t i = 0; i < sizeof(data); i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			data[i] = x >> 24;
		}
		assert_true(poison_set_model_compare(data, round % 10 ? 400 : sizeof(data)));
	}
}

static void range_goes_in_the_middle(void **state)
{
	struct poison_set *bad = make(MIB);
	u64 at = 0;

	(void)state;
	add(bad, 10 * PAGE, 10 * PAGE);
	assert_int_equal(poison_set_remove(bad, 12 * PAGE, 3 * PAGE), 3 * PAGE);
	expect_next(bad, &at, 10 * PAGE, 2 * PAGE);
	expect_next(bad, &at, 15 * PAGE, 5 * PAGE);
	assert_int_equal(add(bad, 12 * PAGE, 3 * PAGE), 3 * PAGE);
	at = 0;
	expect_next(bad, &at, 10 * PAGE, 10 * PAGE);
	expect_end(bad, at);
	unmake(bad);
}

static void without_memory_the_nearest_range_grows(void **state)
{
	struct poison_set *bad = make_with(MIB, 2);
	u64 at = 0, offset = 55 * PAGE + 1, len = 1;

	(void)state;
	poison_set_add(bad, 10 * PAGE, PAGE);
	poison_set_widen(bad, &offset, &len);
	assert_int_equal(offset, 55 * PAGE);
	assert_int_equal(len, PAGE);
	poison_set_add(bad, 50 * PAGE, PAGE);
	poison_set_widen(bad, &offset, &len);
	assert_int_equal(offset, 51 * PAGE);
	assert_int_equal(len, 5 * PAGE);
	assert_int_equal(poison_set_add(bad, 55 * PAGE, PAGE), 5 * PAGE);
	assert_int_equal(poison_set_add(bad, 5 * PAGE, PAGE), 5 * PAGE);
	/* what joins a range needs no room, nor does what touches two */
	assert_int_equal(poison_set_add(bad, 11 * PAGE, PAGE), PAGE);
	expect_next(bad, &at, 5 * PAGE, 7 * PAGE);
	expect_next(bad, &at, 50 * PAGE, 6 * PAGE);
	expect_end(bad, at);
	/* one cannot become two; it can get shorter */
	assert_int_equal(poison_set_remove(bad, 52 * PAGE, PAGE), 0);
	assert_int_equal(poison_set_bytes(bad), 13 * PAGE);
	assert_int_equal(poison_set_remove(bad, 50 * PAGE, PAGE), PAGE);
	free(poison_set_grow(bad, make_list(3), 3));
	assert_int_equal(poison_set_remove(bad, 52 * PAGE, PAGE), PAGE);
	at = 0;
	expect_next(bad, &at, 5 * PAGE, 7 * PAGE);
	expect_next(bad, &at, 51 * PAGE, PAGE);
	expect_next(bad, &at, 53 * PAGE, 3 * PAGE);
	expect_end(bad, at);
	unmake(bad);
}

static void page_is_bad_as_soon_as_it_is_noted(void **state)
{
	struct poison_set *bad = make_with(MIB, 2);
	struct poison_piece piece;
	u64 at = 0;

	(void)state;
	/* it was not opened */
	assert_false(poison_set_publish(bad, 5));
	poison_set_add(bad, 4 * PAGE, PAGE);
	poison_set_open(bad);
	assert_true(poison_set_publish(bad, 5));
	assert_int_equal(poison_set_good(bad, 0, MIB), 4 * PAGE);
	assert_int_equal(poison_set_good(bad, 5 * PAGE, PAGE), 0);
	assert_int_equal(poison_set_good(bad, 6 * PAGE - 1, 1), 0);
	assert_int_equal(poison_set_good(bad, 6 * PAGE, PAGE), PAGE);
	expect_next(bad, &at, 4 * PAGE, PAGE);
	expect_next(bad, &at, 5 * PAGE, PAGE);
	expect_end(bad, at);
	/* one at a time */
	assert_false(poison_set_publish(bad, 5));
	assert_false(poison_set_publish(bad, 7));
	assert_true(poison_set_close(bad, &piece));
	assert_int_equal(piece.offset, 5 * PAGE);
	assert_int_equal(piece.len, PAGE);
	assert_false(poison_set_close(bad, &piece));
	assert_int_equal(poison_set_bytes(bad), 2 * PAGE);
	at = 0;
	expect_next(bad, &at, 4 * PAGE, 2 * PAGE);
	expect_end(bad, at);
	assert_false(poison_set_publish(bad, 7));
	poison_set_open(bad);
	/* what is bad already may be noted, and stays so */
	assert_true(poison_set_publish(bad, 4));
	assert_true(poison_set_close(bad, &piece));
	assert_int_equal(piece.offset, 4 * PAGE);
	assert_int_equal(piece.len, 0);
	assert_int_equal(poison_set_bytes(bad), 2 * PAGE);
	/* without room for another range nothing is noted, as its neighbours would be lost with it */
	poison_set_add(bad, 20 * PAGE, PAGE);
	poison_set_open(bad);
	assert_false(poison_set_publish(bad, 50));
	poison_set_close(bad, &piece);
	assert_int_equal(poison_set_remove(bad, 20 * PAGE, PAGE), PAGE);
	poison_set_open(bad);
	/* in front of all, and the last page */
	assert_true(poison_set_publish(bad, 0));
	at = 0;
	expect_next(bad, &at, 0, PAGE);
	expect_next(bad, &at, 4 * PAGE, 2 * PAGE);
	assert_true(poison_set_close(bad, &piece));
	assert_int_equal(poison_set_remove(bad, 0, PAGE), PAGE);
	poison_set_open(bad);
	assert_true(poison_set_publish(bad, MIB / PAGE - 1));
	at = 6 * PAGE;
	expect_next(bad, &at, MIB - PAGE, PAGE);
	expect_end(bad, at);
	assert_int_equal(poison_set_good(bad, 6 * PAGE, MIB - 6 * PAGE), MIB - 7 * PAGE);
	unmake(bad);
}

/* Pages: one that is always poisoned, some that never are; all others change. */
enum { ALWAYS = 21000, NEVER = 300000 };

struct shared {
	struct poison_set *bad;
	unsigned long stop;
	unsigned long missed;
	unsigned long extra;
};

static void *search_all(void *data)
{
	struct shared *s = data;

	while (!READ_ONCE(s->stop)) {
		s->missed += poison_set_good(s->bad, ALWAYS * PAGE, PAGE) != 0;
		s->missed += poison_set_good(s->bad, 0, (ALWAYS + 1) * PAGE) > ALWAYS * PAGE;
		s->extra += poison_set_good(s->bad, NEVER * PAGE, 5000 * PAGE) != 5000 * PAGE;
	}
	return NULL;
}

static void bad_page_is_found_whatever_its_neighbours_do(void **state)
{
	struct shared s = { .bad = make((u64)(NEVER + 5000) * PAGE) };
	void *old[20];
	size_t moves = 0;
	pthread_t thread[2];
	u32 all;

	(void)state;
	poison_set_add(s.bad, ALWAYS * PAGE, PAGE);
	threads = 1;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, search_all, &s), 0);
	for (u64 i = 0; i < 6000; i++) {
		u64 other = i * 7919 % 100 * 2 * PAGE;

		/* ranges in front of it: its place in the list changes */
		if (!poison_set_spare(s.bad, &all))
			old[moves++] = poison_set_grow(s.bad, make_list(2 * all), 2 * all);
		if (i % 5)
			poison_set_add(s.bad, other, PAGE);
		else
			poison_set_remove(s.bad, 0, i % 200 * PAGE);
		poison_set_add(s.bad, (ALWAYS ^ 1) * PAGE, PAGE);
		poison_set_remove(s.bad, (ALWAYS ^ 1) * PAGE, PAGE);
		if (i % 1000 == 0) {
			poison_set_add(s.bad, 0, NEVER * PAGE);
			poison_set_remove(s.bad, 0, ALWAYS * PAGE);
			poison_set_remove(s.bad, (ALWAYS + 1) * PAGE, U64_MAX);
		}
	}
	WRITE_ONCE(s.stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	threads = 0;
	while (moves)
		free(old[--moves]);
	assert_int_equal(s.missed, 0);
	assert_int_equal(s.extra, 0);
	assert_int_equal(poison_set_good(s.bad, ALWAYS * PAGE, PAGE), 0);
	unmake(s.bad);
}

static struct poison_set *crossed;
static u64 crossed_good;

static void cross_search(void)
{
	crossed_good = poison_set_good(crossed, 5 * PAGE, PAGE);
}

static void cross_shut(void)
{
	struct poison_piece piece;

	poison_set_close(crossed, &piece);
}

/* Wherever one of the two comes to run inside the other. */
static void noted_page_is_found_by_a_search_that_meets_the_writer(void **state)
{
	struct poison_piece piece;

	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		for (unsigned int at = 0; at < 80; at++) {
			crossed = make(MIB);
			poison_set_add(crossed, 3 * PAGE, PAGE);
			poison_set_add(crossed, 7 * PAGE, PAGE);
			poison_set_open(crossed);
			assert_true(poison_set_publish(crossed, 5));
			crossed_good = 0;
			others = at;
			other = kind ? cross_shut : cross_search;
			if (kind)
				cross_search();
			else
				poison_set_close(crossed, &piece);
			/* the last ones find nothing to run inside */
			other = NULL;
			assert_int_equal(crossed_good, 0);
			unmake(crossed);
		}
	}
}

/* A page that is bad while the count is odd: noted, and then taken into the list by another thread. */
struct noted {
	struct poison_set *bad;
	unsigned long count;
	unsigned long taken;
	unsigned long stop;
	unsigned long missed;
};

enum { NOTED = 500 };

static void *search_noted(void *data)
{
	struct noted *n = data;

	while (!READ_ONCE(n->stop)) {
		unsigned long before = smp_load_acquire(&n->count);
		bool good = poison_set_good(n->bad, NOTED * PAGE, PAGE);

		smp_rmb(); /* searched before it is asked whether it was bad all the while */
		n->missed += good && before % 2 && READ_ONCE(n->count) == before;
	}
	return NULL;
}

/* The writer: takes the page in when it finds it, has others come and go in front of it, removes it. */
static void *take_in(void *data)
{
	struct noted *n = data;
	struct poison_piece piece;

	for (u64 i = 0; !READ_ONCE(n->stop); i++) {
		bool taken = poison_set_close(n->bad, &piece);

		poison_set_add(n->bad, i % 7 * 2 * PAGE, PAGE);
		poison_set_remove(n->bad, i % 5 * 2 * PAGE, PAGE);
		if (taken) {
			WRITE_ONCE(n->taken, 1);
			while (smp_load_acquire(&n->taken) && !READ_ONCE(n->stop))
				sched_yield();
			poison_set_remove(n->bad, NOTED * PAGE, PAGE);
		}
		poison_set_open(n->bad);
	}
	return NULL;
}

static void noted_page_is_found_on_its_way_into_the_list(void **state)
{
	struct noted n = { .bad = make_with((NOTED + 1) * PAGE, 20) };
	pthread_t thread[3];

	(void)state;
	poison_set_open(n.bad);
	threads = 1;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, i ? search_noted : take_in, &n), 0);
	for (int i = 0; i < 4000; i++) {
		while (!poison_set_publish(n.bad, NOTED))
			sched_yield();
		smp_store_release(&n.count, n.count + 1);
		while (!smp_load_acquire(&n.taken))
			sched_yield();
		sched_yield();
		WRITE_ONCE(n.count, n.count + 1);
		smp_store_release(&n.taken, 0);
	}
	WRITE_ONCE(n.stop, 1);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	threads = 0;
	assert_int_equal(n.missed, 0);
	unmake(n.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_that_cannot_be),
		cmocka_unit_test(memory_is_for_what_is_bad),
		cmocka_unit_test(nothing_is_bad_at_first),
		cmocka_unit_test(byte_makes_its_page_bad),
		cmocka_unit_test(twice_is_once),
		cmocka_unit_test(part_of_a_page_repairs_nothing),
		cmocka_unit_test(outside_is_left_out),
		cmocka_unit_test(range_is_as_long_as_it_can_be),
		cmocka_unit_test(ten_thousand_ranges),
		cmocka_unit_test(last_page_that_is_not_whole),
		cmocka_unit_test(range_goes_in_the_middle),
		cmocka_unit_test(without_memory_the_nearest_range_grows),
		cmocka_unit_test(random_calls_as_the_naive_set),
		cmocka_unit_test(page_is_bad_as_soon_as_it_is_noted),
		cmocka_unit_test(bad_page_is_found_whatever_its_neighbours_do),
		cmocka_unit_test(noted_page_is_found_by_a_search_that_meets_the_writer),
		cmocka_unit_test(noted_page_is_found_on_its_way_into_the_list),
	};

	return cmocka_run_group_tests_name("poison_set", tests, NULL, NULL);
}
