/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of cmocka that the unit tests use, for a machine that lacks it (`make check`). As there, a failed assertion
 * ends its test and no other, and what is printed is TAP.
 */
#ifndef FSDEV_STAND_IN_CMOCKA_H
#define FSDEV_STAND_IN_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
	const char *name;
	void (*test)(void **state);
	int (*setup)(void **state);
	int (*teardown)(void **state);
};

#define cmocka_unit_test(f) { #f, f, NULL, NULL }
#define cmocka_unit_test_setup(f, setup) { #f, f, setup, NULL }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) { #f, f, setup, teardown }

static jmp_buf stand_in_end;

__attribute__((noreturn, format(printf, 3, 4), unused))
static void stand_in_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	longjmp(stand_in_end, 1);
}

__attribute__((unused))
static void stand_in_numbers(uintmax_t a, uintmax_t b, bool equal, const char *text, const char *file, int line)
{
	if ((a == b) != equal)
		stand_in_fail(file, line, "%s: %#jx and %#jx", text, a, b);
}

__attribute__((unused))
static void stand_in_strings(const char *a, const char *b, const char *text, const char *file, int line)
{
	if (strcmp(a, b))
		stand_in_fail(file, line, "%s: \"%s\" and \"%s\"", text, a, b);
}

#define stand_in_holds(condition, text) \
	((condition) ? (void)0 : stand_in_fail(__FILE__, __LINE__, "%s", text))

#define fail_msg(...) stand_in_fail(__FILE__, __LINE__, __VA_ARGS__)
#define assert_true(c) stand_in_holds(c, "true: " #c)
#define assert_false(c) stand_in_holds(!(c), "false: " #c)
#define assert_non_null(p) stand_in_holds((p) != NULL, "not NULL: " #p)
#define assert_null(p) stand_in_holds((p) == NULL, "NULL: " #p)
#define assert_ptr_equal(a, b) stand_in_holds((const void *)(a) == (const void *)(b), "the same: " #a ", " #b)
#define assert_int_equal(a, b) \
	stand_in_numbers((uintmax_t)(a), (uintmax_t)(b), true, #a " equals " #b, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) \
	stand_in_numbers((uintmax_t)(a), (uintmax_t)(b), false, #a " differs from " #b, __FILE__, __LINE__)
#define assert_in_range(v, low, high) stand_in_holds((uintmax_t)(v) >= (uintmax_t)(low) && \
	(uintmax_t)(v) <= (uintmax_t)(high), #v " from " #low " to " #high)
#define assert_string_equal(a, b) stand_in_strings(a, b, #a " equals " #b, __FILE__, __LINE__)
#define assert_memory_equal(a, b, size) stand_in_holds(!memcmp(a, b, size), "the same bytes: " #a ", " #b)

/* Runs them one after the other; returns how many have failed. */
__attribute__((unused))
static int stand_in_run(const char *group, const struct CMUnitTest *tests, size_t count,
			int (*setup)(void **), int (*teardown)(void **))
{
	static void *state;
	static size_t i;
	static int failed;

	printf("1..%zu\n", count);
	if (setup && setup(&state)) {
		printf("# %s: the setup failed\n", group);
		return 1;
	}
	for (i = 0; i < count; i++) {
		bool bad = true;

		if (!setjmp(stand_in_end)) {
			if (tests[i].setup && tests[i].setup(&state))
				stand_in_fail(__FILE__, __LINE__, "the setup failed");
			tests[i].test(&state);
			bad = false;
		}
		if (tests[i].teardown)
			tests[i].teardown(&state);
		failed += bad;
		printf("%sok %zu - %s\n", bad ? "not " : "", i + 1, tests[i].name);
		fflush(stdout);
	}
	if (teardown)
		teardown(&state);
	return failed;
}

#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
	stand_in_run(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif
