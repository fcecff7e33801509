// SPDX-License-Identifier: GPL-2.0
/*
 * What is known to have failed of memory that a device is about to grow by: with the functions of
 * driver/ as they are, which tests/model/functions cuts out, over the range map and the poison set
 * of core/. tests/model/growth_model.c tries every order of them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/atomic.h"
#include "core/poison_set.h"
#include "core/rangemap.h"

#define PAGE 4096ull
#define MIB (1ull << 20)
#define OLD (64 * MIB)
#define NEW (32 * MIB)
#define BASE (1024 * MIB)	/* where the device lies */
#define CAPACITY 31		/* of a set, at first */

#define noinline
#define kvfree free
#define kvzalloc(bytes, flags) ((void)(flags), allocate(bytes))
#define memalloc_noio_save() 0
#define memalloc_noio_restore(flags) ((void)(flags))
#define lockdep_assert_held(lock) ((void)(lock))
#define mutex_lock(lock) ((void)(lock))
#define mutex_unlock(lock) ((void)(lock))
#define spin_lock(lock) ((void)(lock))
#define spin_unlock(lock) ((void)(lock))
#define synchronize_rcu() ((void)0)
#define poison_lock(poison) ((void)(poison))
#define poison_unlock(poison) ((void)(poison))
#define summary_set(poison, offset, len) ((void)(poison))
#define POISON_RESERVE 16
#define GFP_NOWAIT 0
#define GFP_KERNEL 0
#define __GFP_NOWARN 0
#define FAILURE_EARLY 16

typedef int spinlock_t;

struct poison {
	struct poison_set set;
	struct poison_set unreported;
	struct poison_set mapped;
	void *retired;
	int lock;
	void (*switch_access)(struct poison *poison);
};

#include "early_structs.h"

struct fsdev {
	struct {
		struct failure_early early;
	} failure;
	struct poison poison;
	const struct rangemap *grown;
};

static struct fsdev device;
static struct rangemap *whole;
static bool no_memory;

static void *allocate(size_t bytes)
{
	return no_memory ? NULL : calloc(1, bytes);
}

static u64 memory_size(const struct fsdev *fsdev)
{
	return fsdev->grown ? OLD + NEW : OLD;
}

static void memory_grow(struct fsdev *fsdev, const struct rangemap *map)
{
	fsdev->grown = map;
}

#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x) (x)
#define WRITE_ONCE(x, value) ((void)((x) = (value)))

#include "early_functions.h"

static void switched(struct poison *poison)
{
	(void)poison;
}

static void init_set(struct poison_set *set)
{
	void *list = calloc(1, poison_set_list_bytes(CAPACITY));

	assert_non_null(list);
	assert_true(poison_set_init(set, POISON_SET_SIZE_MAX, 12, list, CAPACITY));
}

static void boot(void)
{
	/* the new memory lies apart */
	const struct rangemap_range range[] = { { BASE, OLD }, { BASE + 2 * OLD, NEW } };
	unsigned int bad;

	memset(&device, 0, sizeof(device));
	init_set(&device.poison.set);
	init_set(&device.poison.unreported);
	init_set(&device.poison.mapped);
	device.poison.switch_access = switched;
	no_memory = false;
	whole = calloc(1, rangemap_bytes(2));
	assert_int_equal(rangemap_build(whole, rangemap_bytes(2), range, 2, PAGE, &bad), 0);
	failure_expect(&device, whole);
}

static void down(void)
{
	poison_refill(&device.poison);
	free(poison_set_list(&device.poison.set));
	free(poison_set_list(&device.poison.unreported));
	free(poison_set_list(&device.poison.mapped));
	free(whole);
}

static bool good(u64 offset)
{
	return poison_set_good(&device.poison.set, offset, PAGE) == PAGE;
}

/* Every page of 200 that was remembered, and no other. */
static void many(void **state)
{
	(void)state;
	boot();
	poison_set_add(&device.poison.set, OLD - 8 * PAGE, PAGE);
	for (u64 i = 0; i < 200; i++)
		assert_int_equal(failure_add_ahead(&device, OLD + i * 4 * PAGE, PAGE), 0);
	assert_int_equal(poison_set_ranges(&device.poison.set), 201);
	assert_int_equal(poison_set_bytes(&device.poison.set), 201 * PAGE);
	assert_int_equal(failure_admit(&device), 0);
	assert_ptr_equal(device.grown, whole);
	down();
}

/* Without memory for the set nothing of what is in use becomes poisoned, and it does not grow. */
static void short_of_memory(void **state)
{
	u64 i;
	int rc = 0;

	(void)state;
	boot();
	for (i = 0; i < CAPACITY; i++)
		poison_set_add(&device.poison.set, 2 * i * PAGE, PAGE);
	no_memory = true;
	assert_int_equal(failure_add_ahead(&device, OLD + 9 * PAGE, PAGE), -ENOMEM);
	assert_int_equal(poison_set_bytes(&device.poison.set), CAPACITY * PAGE);
	/* neither where it has failed meanwhile */
	device.failure.early.piece[device.failure.early.nr++] =
		(struct poison_piece){ OLD + 9 * PAGE, PAGE };
	assert_int_equal(failure_admit(&device), -ENOMEM);
	assert_null(device.grown);
	assert_int_equal(poison_set_bytes(&device.poison.set), CAPACITY * PAGE);
	down();

	/* in the new memory, which nothing uses yet, the nearest range may grow */
	boot();
	no_memory = true;
	for (i = 0; i < CAPACITY; i++)
		rc |= failure_add_ahead(&device, OLD + (i + 1) * 4 * PAGE, PAGE);
	assert_int_equal(rc, 0);
	assert_int_equal(failure_add_ahead(&device, OLD + 200 * PAGE, PAGE), 0);
	assert_false(good(OLD + 200 * PAGE));
	assert_true(good(OLD - PAGE) && good(OLD));
	down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many),
		cmocka_unit_test(short_of_memory),
	};

	return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
