// SPDX-License-Identifier: GPL-2.0
/*
 * The moment at which a device becomes larger, in every order: make -C tests/model growth
 *
 * The functions of driver/failure.c that take part are here as they are (tests/model/functions cuts
 * them out): the report of a failing page, what notes it while the device grows, and the growth,
 * which poisons what is noted and publishes the map. They run beside a reader that looks a page up
 * and then asks whether it is poisoned. Each is a context of its own, which gives way wherever it
 * looks at or changes what another one does, and every order of all steps is tried. Of each step it
 * is taken that all see it at once; the barriers are for KCSAN and for the reader of the source.
 *
 *  1. No failure is lost: of a growth that has succeeded, each page that was reported is poisoned
 *     when the report and the growth are over, whichever came first.
 *  2. Nothing poisoned is handed out: a reader that begins after the report of a page has ended
 *     either does not find the page in the device, or finds it poisoned.
 *  3. A growth that is refused shows nothing: no lookup finds the new memory.
 *  4. It is refused only where more pages have failed than can be noted.
 *  5. Of a growth that is refused, each page that was reported is remembered for the next binding,
 *     also where the report came later.
 *
 * What never happens is right too easily, so each of the cases has to come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "core/types.h"

struct rangemap { int unused; };

/* The device as it was is one page. One piece can be noted. */
#define FIRST 1u
#define NEW_PAGES 3u
#define FAILURE_EARLY 1U
#define PAGE_SIZE 1u
#define PFN_PHYS(pfn) ((u64)(pfn))
#define noinline
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))

enum { GROWTH, REPORT, READER, TASKS };
enum { STACK = 65536, DEPTH = 256 };

static ucontext_t task[TASKS], scheduler;
static char stack[TASKS][STACK];
static bool over[TASKS];
static const bool *waits[TASKS];
static int running;

/* Which way was taken at each choice, and how many there were. */
static struct { unsigned char way, ways; } choice[DEPTH];
static int depth;

static int choose(int ways)
{
	if (depth == DEPTH)
		abort();
	choice[depth].ways = ways;
	return choice[depth++].way;
}

/* The next order; false if there is none. */
static bool next_order(void)
{
	while (depth && choice[depth - 1].way + 1 == choice[depth - 1].ways)
		choice[--depth].way = 0;
	if (!depth)
		return false;
	choice[depth - 1].way++;
	depth = 0;
	return true;
}

static void give_way(void)
{
	swapcontext(&task[running], &scheduler);
}

typedef bool spinlock_t;

static void spin_lock(spinlock_t *lock)
{
	waits[running] = lock;
	give_way();
	waits[running] = NULL;
	*lock = true;
}

static void spin_unlock(spinlock_t *lock)
{
	*lock = false;
}

struct poison_piece {
	u64 offset;
	u64 len;
};

#include "growth_struct.h"

struct poison {
	bool bad[FIRST + NEW_PAGES];
};

struct fsdev {
	struct {
		struct failure_early early;
	} failure;
	struct poison poison;
	const struct rangemap *grown;
};

static struct fsdev device;
static struct rangemap whole;

/* What of a span lies from @from to @end; addresses are offsets here. */
static bool piece_of(u64 from, u64 end, u64 *phys, u64 *len, struct rangemap_piece *piece)
{
	u64 first = max(*phys, from), last = min(*phys + *len, end);

	*len = 0;
	if (first >= last)
		return false;
	*piece = (struct rangemap_piece){ .phys = first, .offset = first, .len = last - first };
	*phys = last;
	return true;
}

static bool rangemap_next_from(const struct rangemap *map, u64 from, u64 *phys, u64 *len,
			       struct rangemap_piece *piece)
{
	(void)map;
	return piece_of(from, FIRST + NEW_PAGES, phys, len, piece);
}

static bool memory_next(const struct fsdev *fsdev, u64 *phys, u64 *len,
			struct rangemap_piece *piece)
{
	give_way();
	return piece_of(0, fsdev->grown ? FIRST + NEW_PAGES : FIRST, phys, len, piece);
}

static void memory_grow(struct fsdev *fsdev, const struct rangemap *map)
{
	fsdev->grown = map;
	/* the lock is held, but the reader takes none */
	give_way();
}

static bool poison_add(struct poison *poison, const u64 *offset, const u64 *len)
{
	give_way();
	for (u64 at = *offset; at < *offset + *len; at++)
		poison->bad[at] = true;
	return true;
}

static void poison_remove(struct poison *poison, u64 offset, u64 len)
{
	for (u64 at = offset; at < offset + len; at++)
		poison->bad[at] = false;
}

static u64 rangemap_size(const struct rangemap *map)
{
	(void)map;
	return FIRST + NEW_PAGES;
}

static u64 rangemap_lookup(const struct rangemap *map, u64 offset, u64 *phys)
{
	*phys = offset;
	return rangemap_size(map) - offset;
}

static bool remembered[FIRST + NEW_PAGES];

static int remembered_add(u64 phys, u64 len)
{
	for (u64 at = phys; at < phys + len; at++)
		remembered[at] = true;
	return 0;
}

static int poison_add_behind(struct poison *poison, u64 from, u64 offset, u64 len)
{
	if (offset < from)
		abort();
	poison_add(poison, &offset, &len);
	return 0;
}

#define poison_lock(poison) ((void)0)
#define poison_unlock(poison) ((void)0)
#define pr_warn(...) abort()
#define memalloc_noio_save() 0
#define memalloc_noio_restore(flags) ((void)(flags))

/* What a report does besides. */
#define poison_refill(poison) ((void)0)
#define reports_found(fsdev) false
#define poison_take_unreported(poison, offset) true
#define note_lost_pages(fsdev, offset, len) ((void)0)
#define notify_holder(fsdev, offset, len, flags) 0
#define merge_notify_rc(a, b) ((a) | (b))
#define poison_update_listeners(poison, offset, len) ((void)0)
#define event_flags(fsdev, flags) ((void)(flags), 0)
#define record_failure(fsdev, piece, new, flags) ((void)(new), (void)(flags))
#define failure_log(...) ((void)0)

#include "growth_functions.h"

static bool reported[NEW_PAGES], found, found_failed;
static unsigned int reports;
static int grow_rc;
static const char *wrong;

static void run_growth(void)
{
	int rc = failure_admit(&device);

	if (rc && failure_reject(&device))
		wrong = "memory that has failed is given back";
	grow_rc = rc;
}

static void run_report(void)
{
	for (u64 i = 0; i < reports; i++) {
		failure_notify_span(&device, FIRST + i, 1, 0);
		reported[i] = true;
	}
}

static void run_reader(void)
{
	u64 phys = FIRST, len = 1;
	struct rangemap_piece piece;
	bool before = reported[0];

	found = memory_next(&device, &phys, &len, &piece);
	give_way();
	found_failed = found && before;
	if (found_failed && !device.poison.bad[FIRST])
		wrong = "a poisoned page is handed out";
}

static void run_task(void)
{
	static void (*const run[TASKS])(void) = { run_growth, run_report, run_reader };

	run[running]();
	over[running] = true;
	give_way();
}

static void start(void)
{
	memset(&device, 0, sizeof(device));
	memset(reported, 0, sizeof(reported));
	memset(remembered, 0, sizeof(remembered));
	memset(over, 0, sizeof(over));
	memset(waits, 0, sizeof(waits));
	device.failure.early.map = &whole;
	device.failure.early.size = FIRST;
	grow_rc = 1;
	for (int i = 0; i < TASKS; i++) {
		getcontext(&task[i]);
		task[i].uc_stack.ss_sp = stack[i];
		task[i].uc_stack.ss_size = STACK;
		makecontext(&task[i], run_task, 0);
	}
}

static void run_order(void)
{
	for (;;) {
		int ready[TASKS], n = 0;

		for (int i = 0; i < TASKS; i++)
			if (!over[i] && !(waits[i] && *waits[i]))
				ready[n++] = i;
		if (!n)
			return;
		running = ready[n > 1 ? choose(n) : 0];
		swapcontext(&scheduler, &task[running]);
	}
}

static void check_end(void)
{
	for (unsigned int i = 0; i < reports; i++)
		if (!grow_rc && !device.poison.bad[FIRST + i])
			wrong = "a failure is lost";
	for (unsigned int i = 0; i < reports; i++)
		if (grow_rc && !remembered[FIRST + i])
			wrong = "a failure is not remembered";
	if (grow_rc && device.grown)
		wrong = "a growth that is refused shows";
	if (grow_rc && reports <= FAILURE_EARLY)
		wrong = "refused for too few pages";
	if (grow_rc > 0 || !over[REPORT] || !over[READER])
		wrong = "it has not ended";
}

int main(void)
{
	unsigned long orders = 0, grown = 0, refused = 0, handed = 0, handed_failed = 0;
	bool all;

	for (reports = 0; reports <= NEW_PAGES && !wrong; reports++)
		do {
			start();
			run_order();
			check_end();
			orders++;
			grown += !grow_rc;
			refused += grow_rc < 0;
			handed += found;
			handed_failed += found_failed;
		} while (!wrong && next_order());
	all = grown && refused && handed && handed_failed;
	printf("1..2\n%sok 1 - growth: every order is right\n", wrong ? "not " : "");
	if (wrong)
		printf("# %s\n", wrong);
	printf("%sok 2 - growth: each case has come\n", all || wrong ? "" : "not ");
	printf("# %lu orders: %lu grown, %lu refused; found in %lu, in %lu after its failure\n", orders,
	       grown, refused, handed, handed_failed);
	return wrong || !all;
}
