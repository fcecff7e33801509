// SPDX-License-Identifier: GPL-2.0
/*
 * The ownership protocol, one call after the other; tests/model has what happens at the same time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/holder.h"

static unsigned long data, ops, flags;
static char alice, bob, alices_ops, bobs_ops, notified_ops;
static const struct holder_words w = { &data, &ops, &flags, &notified_ops };

static int depth, locked, drains;

int holder_read_lock(void)
{
	return ++depth;
}

void holder_read_unlock(int id)
{
	assert_int_equal(id, depth);
	depth--;
}

void holder_drain(void)
{
	assert_int_equal(depth, 0);
	drains++;
}

void holder_lock(void)
{
	assert_false(locked);
	locked = 1;
}

void holder_unlock(void)
{
	assert_true(locked);
	locked = 0;
}

/* What the last call was made with. */
static struct seen {
	const void *ops;
	int calls;
	bool alive;
	enum holder_verdict verdict;
} seen;

static int call(const void *its_ops, void *arg)
{
	assert_true(depth > 0);
	assert_false(locked);
	if (its_ops == &notified_ops)
		return -EOPNOTSUPP;
	seen.ops = its_ops;
	seen.alive = flags & BIT(HOLDER_ALIVE);
	seen.calls++;
	return *(int *)arg;
}

/* A holder that lets go while it is told. */
static int call_that_releases(const void *its_ops, void *arg)
{
	seen.verdict = holder_release(&w, &alice);
	return call(its_ops, arg);
}

static int setup(void **state)
{
	(void)state;
	data = 0;
	ops = 0;
	flags = BIT(HOLDER_ALIVE);
	depth = 0;
	locked = 0;
	seen = (struct seen){ 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return depth || locked;
}

static int answer = 7;

static void assert_held_by(const void *holder, const void *its_ops)
{
	assert_int_equal(data, (unsigned long)holder);
	assert_int_equal(ops, (unsigned long)its_ops);
}

static void claim(void *holder, const void *its_ops)
{
	assert_int_equal(holder_claim(&w, holder, its_ops), 0);
	assert_held_by(holder, its_ops);
}

static void test_claim(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	assert_int_equal(holder_claim(&w, &bob, &bobs_ops), -EBUSY);
	assert_int_equal(holder_claim(&w, &alice, &alices_ops), -EBUSY);
	assert_held_by(&alice, &alices_ops);
}

static void test_claim_without_holder(void **state)
{
	(void)state;
	assert_int_equal(holder_claim(&w, NULL, &alices_ops), -EINVAL);
	assert_held_by(NULL, NULL);
}

static void test_claim_without_operations(void **state)
{
	(void)state;
	claim(&alice, NULL);
	assert_int_equal(holder_notify(&w, call, &answer), -EOPNOTSUPP);
	assert_int_equal(holder_close(&w, call, &answer), -EOPNOTSUPP);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(holder_release(&w, &alice), HOLDER_RELEASED);
}

static void test_claim_of_a_dead_device(void **state)
{
	(void)state;
	flags = 0;
	assert_int_equal(holder_claim(&w, &alice, &alices_ops), -ENODEV);
	flags = BIT(HOLDER_ALIVE) | BIT(HOLDER_DYING);
	assert_int_equal(holder_claim(&w, &alice, &alices_ops), -ENODEV);
	assert_held_by(NULL, NULL);
}

static void test_other_flags_do_not_matter(void **state)
{
	const unsigned long others = BIT(1) | BIT(2) | BIT(3) | BIT(4);

	(void)state;
	flags |= others;
	claim(&alice, &alices_ops);
	assert_int_equal(holder_release(&w, &alice), HOLDER_RELEASED);
	holder_kill(&w, call, &answer);
	assert_int_equal(flags, others);
}

static void test_release(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	assert_int_equal(holder_release(&w, &alice), HOLDER_RELEASED);
	assert_held_by(NULL, NULL);
	claim(&bob, &bobs_ops);
}

static void test_repeated_release(void **state)
{
	(void)state;
	assert_int_equal(holder_release(&w, &alice), HOLDER_REPEATED);
	claim(&alice, &alices_ops);
	assert_int_equal(holder_release(&w, &alice), HOLDER_RELEASED);
	assert_int_equal(holder_release(&w, &alice), HOLDER_REPEATED);
	claim(&bob, &bobs_ops);
	assert_int_equal(holder_release(&w, &alice), HOLDER_WRONG);
	assert_held_by(&bob, &bobs_ops);
}

static void test_wrong_release(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	assert_int_equal(holder_release(&w, &bob), HOLDER_WRONG);
	assert_int_equal(holder_release(&w, &bob), HOLDER_WRONG);
	assert_held_by(&alice, &alices_ops);
	assert_int_equal(holder_release(&w, &alice), HOLDER_RELEASED);
}

static void test_notify(void **state)
{
	(void)state;
	assert_int_equal(holder_notify(&w, call, &answer), -EOPNOTSUPP);
	claim(&alice, &alices_ops);
	assert_int_equal(holder_notify(&w, call, &answer), answer);
	assert_ptr_equal(seen.ops, &alices_ops);
	assert_int_equal(holder_release(&w, &alice), HOLDER_RELEASED);
	assert_int_equal(holder_notify(&w, call, &answer), -EOPNOTSUPP);
	flags = 0;
	assert_int_equal(holder_notify(&w, call, &answer), -ENXIO);
	assert_int_equal(seen.calls, 1);
}

static void test_release_inside_a_call(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	assert_int_equal(holder_notify(&w, call_that_releases, &answer), answer);
	assert_int_equal(seen.verdict, HOLDER_RELEASED);
	assert_held_by(NULL, NULL);
}

static void test_close(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	assert_int_equal(holder_close(&w, call, &answer), answer);
	assert_true(seen.alive);
	assert_ptr_equal(seen.ops, &alices_ops);
	assert_held_by(&alice, &notified_ops);
	assert_int_equal(holder_claim(&w, &bob, &bobs_ops), -ENODEV);
	assert_int_equal(holder_notify(&w, call, &answer), -EOPNOTSUPP);
	assert_int_equal(holder_close(&w, call, &answer), -EOPNOTSUPP);
	assert_int_equal(seen.calls, 1);
}

static void test_close_denies_claims(void **state)
{
	(void)state;
	assert_int_equal(holder_close(&w, call, &answer), -EOPNOTSUPP);
	assert_held_by((void *)HOLDER_DENIED, NULL);
	assert_int_equal(holder_release(&w, &alice), HOLDER_GONE);
	assert_held_by((void *)HOLDER_DENIED, NULL);
}

static void test_exists(void **state)
{
	(void)state;
	assert_false(holder_exists(&w));
	claim(&alice, NULL);
	assert_true(holder_exists(&w));
	holder_close(&w, call, &answer);
	assert_true(holder_exists(&w));
	holder_release(&w, &alice);
	/* the sentinel is no holder */
	assert_held_by((void *)HOLDER_DENIED, NULL);
	assert_false(holder_exists(&w));
}

static void test_bar(void **state)
{
	(void)state;
	assert_true(holder_deny_claims(&w));
	assert_false(holder_exists(&w));
	assert_int_equal(holder_claim(&w, &alice, &alices_ops), -EBUSY);
	assert_int_equal(holder_release(&w, &alice), HOLDER_REPEATED);
	/* by the next claim of the same block device */
	assert_true(holder_deny_claims(&w));
	holder_allow_claims(&w);
	claim(&alice, &alices_ops);
	assert_false(holder_deny_claims(&w));
	holder_allow_claims(&w);
	assert_held_by(&alice, &alices_ops);
}

static void test_bar_during_a_removal(void **state)
{
	int answer = 0;

	(void)state;
	assert_true(holder_deny_claims(&w));
	holder_close(&w, call, &answer);
	holder_allow_claims(&w);
	assert_int_equal(data, HOLDER_DENIED);
	holder_kill(&w, call, &answer);
	assert_int_equal(seen.calls, 0);
	assert_true(holder_deny_claims(&w));
	assert_int_equal(data, 0);
	assert_int_equal(flags, 0);
}

static void test_release_after_close(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	holder_close(&w, call, &answer);
	assert_int_equal(holder_release(&w, &bob), HOLDER_WRONG);
	assert_int_equal(holder_release(&w, &alice), HOLDER_RELEASED);
	assert_held_by((void *)HOLDER_DENIED, NULL);
	holder_kill(&w, call, &answer);
	assert_held_by(NULL, NULL);
	assert_int_equal(flags, 0);
}

static void test_release_while_told(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	assert_int_equal(holder_close(&w, call_that_releases, &answer), answer);
	assert_int_equal(seen.verdict, HOLDER_RELEASED);
	assert_held_by((void *)HOLDER_DENIED, NULL);
}

static void test_kill(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	holder_kill(&w, call, &answer);
	assert_true(seen.alive);
	assert_int_equal(seen.calls, 1);
	assert_held_by(NULL, NULL);
	assert_int_equal(holder_release(&w, &alice), HOLDER_GONE);
	assert_int_equal(holder_release(&w, &alice), HOLDER_GONE);
	assert_int_equal(flags, 0);
}

static void test_kill_after_close(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	holder_close(&w, call, &answer);
	holder_kill(&w, call, &answer);
	assert_int_equal(seen.calls, 1);
	assert_held_by(NULL, NULL);
}

static void test_kill_waits(void **state)
{
	(void)state;
	drains = 0;
	holder_kill(&w, call, &answer);
	/* Claims, then operations, then releases. */
	assert_int_equal(drains, 3);
	assert_int_equal(holder_claim(&w, &alice, &alices_ops), -ENODEV);
}

/* A release that comes after its device was removed and has a new life is still not a mistake. */
static void test_late_release_in_the_next_life(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	holder_kill(&w, call, &answer);
	flags |= BIT(HOLDER_ALIVE);
	claim(&bob, &bobs_ops);
	assert_int_equal(holder_release(&w, &alice), HOLDER_GONE);
	assert_held_by(&bob, &bobs_ops);
	assert_int_equal(holder_release(&w, &alice), HOLDER_WRONG);
	assert_held_by(&bob, &bobs_ops);
}

static void test_late_release_of_a_free_device(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	holder_kill(&w, call, &answer);
	flags |= BIT(HOLDER_ALIVE);
	assert_int_equal(holder_release(&w, &alice), HOLDER_GONE);
	assert_int_equal(holder_release(&w, &alice), HOLDER_REPEATED);
}

static void test_no_orphan_where_all_released(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	assert_int_equal(holder_release(&w, &alice), HOLDER_RELEASED);
	holder_kill(&w, call, &answer);
	flags |= BIT(HOLDER_ALIVE);
	assert_int_equal(holder_release(&w, &alice), HOLDER_REPEATED);
}

/* What the kernel's kill_dax() does between the two halves of its work is left to it. */
static void test_release_inside_the_kernels_kill(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	flags = 0;
	assert_int_equal(holder_release(&w, &alice), HOLDER_GONE);
	assert_held_by(&alice, &alices_ops);
}

/* A claimer of the kernel that follows a told holder who left through the kernel's fs_put_dax(). */
static void test_follower_is_told_late(void **state)
{
	(void)state;
	claim(&alice, &alices_ops);
	holder_close(&w, call, &answer);
	data = (unsigned long)&bob;
	ops = (unsigned long)&bobs_ops;
	holder_kill(&w, call, &answer);
	assert_int_equal(seen.calls, 2);
	assert_ptr_equal(seen.ops, &bobs_ops);
	assert_held_by(NULL, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_claim),
		TEST(test_claim_without_holder),
		TEST(test_claim_without_operations),
		TEST(test_claim_of_a_dead_device),
		TEST(test_other_flags_do_not_matter),
		TEST(test_release),
		TEST(test_repeated_release),
		TEST(test_wrong_release),
		TEST(test_notify),
		TEST(test_release_inside_a_call),
		TEST(test_close),
		TEST(test_close_denies_claims),
		TEST(test_exists),
		TEST(test_bar),
		TEST(test_bar_during_a_removal),
		TEST(test_release_after_close),
		TEST(test_release_while_told),
		TEST(test_kill),
		TEST(test_kill_after_close),
		TEST(test_kill_waits),
		TEST(test_late_release_in_the_next_life),
		TEST(test_late_release_of_a_free_device),
		TEST(test_no_orphan_where_all_released),
		TEST(test_release_inside_the_kernels_kill),
		TEST(test_follower_is_told_late),
	};

	return cmocka_run_group_tests_name("holder", tests, NULL, NULL);
}
