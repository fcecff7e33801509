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

static void make_room(void)
{
	static _Thread_local unsigned int count;

	if (threads && ++count % 5 == 0)
		sched_yield();
}

#define ATOMIC_POINT() make_room()
#include "core/badrange.c"
#include "tests/model/badrange_model.h"

#define SHIFT 12
#define PAGE 0x1000ULL
#define MIB 0x100000ULL
#define TIB 0x10000000000ULL

/* A set in exactly the memory that it asks for, so that the address sanitizer guards its end. */
static struct badrange *make(u64 size)
{
	struct badrange *bad = calloc(1, badrange_bytes(size, SHIFT));

	assert_non_null(bad);
	badrange_init(bad, size, SHIFT);
	return bad;
}

static void expect_next(const struct badrange *bad, u64 *at, u64 offset, u64 len)
{
	struct badrange_piece piece;

	assert_true(badrange_next(bad, at, &piece));
	assert_int_equal(piece.offset, offset);
	assert_int_equal(piece.len, len);
	assert_int_equal(*at, offset + len);
}

static void expect_end(const struct badrange *bad, u64 at)
{
	struct badrange_piece piece = { 1, 2 };

	assert_false(badrange_next(bad, &at, &piece));
	assert_int_equal(piece.offset, 1);
}

static void sizes_that_cannot_be(void **state)
{
	(void)state;
	assert_int_equal(badrange_bytes(0, SHIFT), 0);
	assert_int_equal(badrange_bytes(BADRANGE_SIZE_MAX + 1, SHIFT), 0);
	assert_int_equal(badrange_bytes(PAGE, 8), 0);
	assert_int_equal(badrange_bytes(PAGE, 31), 0);
}

static void memory_is_a_small_part_of_the_device(void **state)
{
	(void)state;
	assert_int_equal(badrange_bytes(64 * PAGE, SHIFT), sizeof(struct badrange) + 8);
	assert_int_equal(badrange_bytes(65 * PAGE, SHIFT), sizeof(struct badrange) + 3 * 8);
	assert_in_range(badrange_bytes(TIB, SHIFT), TIB / 32768, TIB / 32000);
	assert_in_range(badrange_bytes(BADRANGE_SIZE_MAX, SHIFT), BADRANGE_SIZE_MAX / 32768,
			BADRANGE_SIZE_MAX / 32000);
}

static void nothing_is_bad_at_first(void **state)
{
	struct badrange *bad = make(MIB);

	(void)state;
	assert_int_equal(badrange_bad(bad), 0);
	assert_int_equal(badrange_good(bad, 0, MIB), MIB);
	assert_int_equal(badrange_good(bad, 0, 0), 0);
	expect_end(bad, 0);
	free(bad);
}

static void byte_makes_its_page_bad(void **state)
{
	struct badrange *bad = make(MIB);
	u64 at = 0;

	(void)state;
	assert_int_equal(badrange_add(bad, 5 * PAGE + 17, 1), PAGE);
	assert_int_equal(badrange_bad(bad), PAGE);
	assert_int_equal(badrange_good(bad, 0, MIB), 5 * PAGE);
	assert_int_equal(badrange_good(bad, 100, MIB - 100), 5 * PAGE - 100);
	assert_int_equal(badrange_good(bad, 5 * PAGE, 1), 0);
	assert_int_equal(badrange_good(bad, 6 * PAGE - 1, 1), 0);
	assert_int_equal(badrange_good(bad, 6 * PAGE, PAGE), PAGE);
	assert_int_equal(badrange_good(bad, 4 * PAGE, PAGE), PAGE);
	expect_next(bad, &at, 5 * PAGE, PAGE);
	expect_end(bad, at);
	free(bad);
}

static void twice_is_once(void **state)
{
	struct badrange *bad = make(MIB);
	u64 at = 0;

	(void)state;
	assert_int_equal(badrange_add(bad, 5 * PAGE, 2 * PAGE), 2 * PAGE);
	assert_int_equal(badrange_add(bad, 6 * PAGE, 2 * PAGE), PAGE);
	assert_int_equal(badrange_add(bad, 5 * PAGE, 3 * PAGE), 0);
	assert_int_equal(badrange_bad(bad), 3 * PAGE);
	expect_next(bad, &at, 5 * PAGE, 3 * PAGE);
	expect_end(bad, at);
	free(bad);
}

static void part_of_a_page_repairs_nothing(void **state)
{
	struct badrange *bad = make(MIB);

	(void)state;
	badrange_add(bad, 5 * PAGE, PAGE);
	assert_int_equal(badrange_remove(bad, 5 * PAGE, PAGE - 1), 0);
	assert_int_equal(badrange_remove(bad, 5 * PAGE + 1, PAGE), 0);
	assert_int_equal(badrange_remove(bad, 4 * PAGE, PAGE), 0);
	assert_int_equal(badrange_remove(bad, 5 * PAGE, 0), 0);
	assert_int_equal(badrange_bad(bad), PAGE);
	assert_int_equal(badrange_remove(bad, 5 * PAGE - 1, PAGE + 1), PAGE);
	assert_int_equal(badrange_bad(bad), 0);
	assert_int_equal(badrange_good(bad, 0, MIB), MIB);
	free(bad);
}

static void outside_is_left_out(void **state)
{
	struct badrange *bad = make(MIB);
	u64 at = 0;

	(void)state;
	assert_int_equal(badrange_add(bad, MIB, PAGE), 0);
	assert_int_equal(badrange_add(bad, U64_MAX, 1), 0);
	assert_int_equal(badrange_add(bad, U64_MAX - 4, U64_MAX), 0);
	assert_int_equal(badrange_add(bad, 0, 0), 0);
	assert_int_equal(badrange_remove(bad, MIB, PAGE), 0);
	assert_int_equal(badrange_add(bad, MIB - PAGE, U64_MAX), PAGE);
	expect_next(bad, &at, MIB - PAGE, PAGE);
	expect_end(bad, at);
	assert_int_equal(badrange_remove(bad, 0, U64_MAX), PAGE);
	free(bad);
}

static void range_is_as_long_as_it_can_be(void **state)
{
	struct badrange *bad = make(TIB);
	u64 at = 0;

	(void)state;
	badrange_add(bad, 63 * PAGE, PAGE);
	badrange_add(bad, 64 * PAGE, 4096 * PAGE);
	badrange_add(bad, 64 * 64 * 64 * PAGE + TIB / 2, PAGE);
	badrange_add(bad, TIB - PAGE, PAGE);
	expect_next(bad, &at, 63 * PAGE, 4097 * PAGE);
	expect_next(bad, &at, 64 * 64 * 64 * PAGE + TIB / 2, PAGE);
	expect_next(bad, &at, TIB - PAGE, PAGE);
	expect_end(bad, at);
	at = 100 * PAGE + 5;
	expect_next(bad, &at, 100 * PAGE, (63 + 4097 - 100) * PAGE);
	free(bad);
}

static void ten_thousand_ranges(void **state)
{
	struct badrange *bad = make(TIB);
	u64 at = 0;

	(void)state;
	for (u64 i = 0; i < 10000; i++)
		assert_int_equal(badrange_add(bad, (i * 7919 % 10000) * 3 * PAGE, PAGE), PAGE);
	for (u64 i = 0; i < 10000; i++)
		expect_next(bad, &at, i * 3 * PAGE, PAGE);
	expect_end(bad, at);
	assert_int_equal(badrange_good(bad, 30000 * PAGE, TIB - 30000 * PAGE), TIB - 30000 * PAGE);
	for (u64 i = 0; i < 10000; i++)
		assert_int_equal(badrange_remove(bad, (i * 6007 % 10000) * 3 * PAGE, PAGE), PAGE);
	assert_int_equal(badrange_good(bad, 0, TIB), TIB);
	free(bad);
}

static void last_page_that_is_not_whole(void **state)
{
	struct badrange *bad = make(MIB + 512);
	u64 at = 0;

	(void)state;
	assert_int_equal(badrange_add(bad, MIB, 1), PAGE);
	expect_next(bad, &at, MIB, 512);
	expect_end(bad, at);
	assert_int_equal(badrange_remove(bad, MIB, 511), 0);
	assert_int_equal(badrange_remove(bad, MIB, 512), PAGE);
	free(bad);
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
		assert_true(badrange_model_compare(data, round % 10 ? 400 : sizeof(data)));
	}
}

/* Pages in four levels: one that is always bad, all others of its words come and go. */
enum { ALWAYS = 64 * 64 * 5 + 64 * 7 + 9, NEVER = 64 * 64 * 64 * 2 };

struct shared {
	struct badrange *bad;
	unsigned long stop;
	unsigned long missed;
	unsigned long extra;
};

static void *search(void *data)
{
	struct shared *s = data;

	while (!READ_ONCE(s->stop)) {
		s->missed += badrange_good(s->bad, ALWAYS * PAGE, PAGE) != 0;
		s->missed += badrange_good(s->bad, 0, (ALWAYS + 1) * PAGE) > ALWAYS * PAGE;
		s->extra += badrange_good(s->bad, NEVER * PAGE, 5000 * PAGE) != 5000 * PAGE;
	}
	return NULL;
}

static void bad_page_is_found_whatever_its_neighbours_do(void **state)
{
	struct shared s = { .bad = make((u64)(NEVER + 5000) * PAGE) };
	pthread_t thread[2];

	(void)state;
	badrange_add(s.bad, ALWAYS * PAGE, PAGE);
	threads = 1;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, search, &s), 0);
	for (u64 i = 0; i < 20000; i++) {
		u64 beside = i % 3 ? (ALWAYS ^ 1) * PAGE : (ALWAYS ^ 64) * PAGE;

		badrange_add(s.bad, beside, PAGE);
		badrange_remove(s.bad, beside, PAGE);
		if (i % 2000 == 0) {
			badrange_add(s.bad, 0, NEVER * PAGE);
			badrange_remove(s.bad, 0, ALWAYS * PAGE);
			badrange_remove(s.bad, (ALWAYS + 1) * PAGE, U64_MAX);
		}
	}
	WRITE_ONCE(s.stop, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	threads = 0;
	assert_int_equal(s.missed, 0);
	assert_int_equal(s.extra, 0);
	assert_int_equal(badrange_bad(s.bad), PAGE);
	free(s.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_that_cannot_be),
		cmocka_unit_test(memory_is_a_small_part_of_the_device),
		cmocka_unit_test(nothing_is_bad_at_first),
		cmocka_unit_test(byte_makes_its_page_bad),
		cmocka_unit_test(twice_is_once),
		cmocka_unit_test(part_of_a_page_repairs_nothing),
		cmocka_unit_test(outside_is_left_out),
		cmocka_unit_test(range_is_as_long_as_it_can_be),
		cmocka_unit_test(ten_thousand_ranges),
		cmocka_unit_test(last_page_that_is_not_whole),
		cmocka_unit_test(random_calls_as_the_naive_set),
		cmocka_unit_test(bad_page_is_found_whatever_its_neighbours_do),
	};

	return cmocka_run_group_tests_name("badrange", tests, NULL, NULL);
}
