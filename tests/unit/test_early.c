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
#define FAILURE_EARLY 16U

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

struct badblocks { int count; u64 end; };

struct fsdev_bad_range { u64 offset; u64 len; };

struct fsdev {
	struct {
		struct failure_early early;
	} failure;
	struct {
		struct badblocks list;
	} badblocks;
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

static int poison_remove(struct poison *poison, u64 offset, u64 len)
{
	return poison_set_remove(&poison->set, offset, len) ? 0 : -ENOMEM;
}

/* What was remembered, by number of the page in the new memory. */
static bool remembered[NEW / PAGE];
static unsigned int nr_remembered;

static int remembered_add(u64 phys, u64 len)
{
	assert_true(phys >= BASE + 2 * OLD && phys + len <= BASE + 2 * OLD + NEW);
	for (u64 at = phys - (BASE + 2 * OLD); len; at += PAGE, len -= PAGE) {
		nr_remembered += !remembered[at / PAGE];
		remembered[at / PAGE] = true;
	}
	return 0;
}

#define pr_warn(...) abort()
#define max(a, b) ((a) > (b) ? (a) : (b))
#define min(a, b) ((a) < (b) ? (a) : (b))

#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x) (x)
#define WRITE_ONCE(x, value) ((void)((x) = (value)))

static bool poison_next(const struct poison *poison, u64 *from, struct poison_piece *piece)
{
	return poison_set_next(&poison->set, from, piece);
}

#define SECTOR_SHIFT 9
#define MAX_BADBLOCKS 512

static void compat_badblocks_set(struct badblocks *list, u64 sector, u64 sectors)
{
	list->count++;
	list->end = (sector + sectors) << SECTOR_SHIFT;
}

static void compat_badblocks_clear(struct badblocks *list, u64 sector, u64 sectors)
{
	(void)sector;
	(void)sectors;
	memset(list, 0, sizeof(*list));
}

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
	memset(remembered, 0, sizeof(remembered));
	nr_remembered = 0;
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

/* A report of one page of the new memory, by its number there. */
static u64 reports(u64 page)
{
	return note_early(&device, BASE + 2 * OLD + page * PAGE, PAGE);
}

/* What fails after the growth has come to nothing is remembered until there are no page structures. */
static void rejected(void **state)
{
	(void)state;
	boot();
	assert_int_equal(failure_add_ahead(&device, OLD, PAGE), 0);
	assert_true(failure_reject(&device));
	assert_true(good(OLD));
	assert_int_equal(nr_remembered, 0);
	assert_int_equal(reports(5), PAGE);
	assert_true(remembered[5]);
	assert_int_equal(nr_remembered, 1);
	/* in front of it, and between the two */
	assert_int_equal(note_early(&device, BASE, PAGE), 0);
	assert_int_equal(note_early(&device, BASE + OLD, PAGE), 0);
	failure_retracted(&device);
	assert_int_equal(reports(6), 0);
	down();

	/* where some has failed before, it keeps its page structures */
	boot();
	assert_int_equal(reports(1), PAGE);
	assert_int_equal(nr_remembered, 0);
	assert_false(failure_reject(&device));
	assert_true(remembered[1]);
	assert_int_equal(reports(3), PAGE);
	assert_true(remembered[3]);
	assert_int_equal(nr_remembered, 2);
	down();
}

/* Of more failures than can be noted each is remembered by itself, and nothing between. */
static void too_many(void **state)
{
	(void)state;
	boot();
	for (u64 i = 0; i < 30; i++) {
		assert_int_equal(reports(i * 7 % 31 * 10), PAGE);
		assert_int_equal(reports(i * 7 % 31 * 10), PAGE);
	}
	assert_int_equal(failure_admit(&device), -EIO);
	assert_false(failure_reject(&device));
	assert_int_equal(reports(311), PAGE);
	assert_int_equal(nr_remembered, 31);
	for (u64 i = 0; i < 30; i++)
		assert_true(remembered[i * 7 % 31 * 10]);
	down();
}

/* What is poisoned ahead is shown when the device is so large, and not before. */
static void shown(void **state)
{
	struct fsdev_bad_range range[4];
	u64 from = 0;

	(void)state;
	boot();
	poison_set_add(&device.poison.set, OLD - PAGE, PAGE);
	assert_int_equal(failure_add_ahead(&device, OLD, PAGE), 0);
	assert_int_equal(failure_add_ahead(&device, OLD + 4 * PAGE, PAGE), 0);
	assert_int_equal(fill_poison(&device, &from, 4, range), 1);
	assert_int_equal(range[0].offset, OLD - PAGE);
	assert_int_equal(range[0].len, PAGE);
	assert_int_equal(from, OLD);
	mirror_refill(&device);
	assert_int_equal(device.badblocks.list.count, 1);
	assert_int_equal(device.badblocks.list.end, OLD);
	assert_int_equal(failure_admit(&device), 0);
	from = 0;
	assert_int_equal(fill_poison(&device, &from, 4, range), 2);
	assert_int_equal(range[0].len, 2 * PAGE);
	mirror_refill(&device);
	assert_int_equal(device.badblocks.list.count, 2);
	assert_int_equal(device.badblocks.list.end, OLD + 5 * PAGE);
	down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many),
		cmocka_unit_test(short_of_memory),
		cmocka_unit_test(rejected),
		cmocka_unit_test(too_many),
		cmocka_unit_test(shown),
	};

	return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
