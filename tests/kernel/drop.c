// SPDX-License-Identifier: GPL-2.0
/*
 * A removal is held where it looks for a file's entry in the middle of a 2 MiB one: references to
 * the pages of that entry can end meanwhile. One that goes from entry to entry never does.
 *
 *   drop-watch     from here on a task named "revoker" is held there, once
 *   drop-held      has it been?
 *   drop-go        it goes on, or will not be held
 *   drop-unwatch
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "fsdev_test.h"

#define DROP_NAME "revoker"

/* more than a busy host takes to end a process, less than the kernel calls a lockup */
#define DROP_MS 8000

static bool drop_held, drop_go, drop_watching;

/* xa_find(xa, index, max, filter) */
static int drop_entry(struct kprobe *probe, struct pt_regs *regs)
{
	const unsigned long *index = (const unsigned long *)regs_get_kernel_argument(regs, 1);

	if (READ_ONCE(drop_held) || strcmp(current->comm, DROP_NAME) ||
	    regs_get_kernel_argument(regs, 2) != ULONG_MAX)
		return 0;
	/* at 1 the kernel begins to look for a disk's partitions */
	if (*index < 2 || *index >= PMD_SIZE >> PAGE_SHIFT)
		return 0;
	WRITE_ONCE(drop_held, true);
	for (int ms = 0; ms < DROP_MS && !READ_ONCE(drop_go); ms++)
		spin_ms(1);
	return 0;
}

static struct kprobe drop_probe = {
	.symbol_name = "xa_find",
	.pre_handler = drop_entry,
};

static int drop_watch(char **word)
{
	int rc;

	WRITE_ONCE(drop_held, false);
	WRITE_ONCE(drop_go, false);
	rc = register_kprobe(&drop_probe);
	drop_watching = !rc;
	return rc;
}

static int drop_was_held(char **word)
{
	return READ_ONCE(drop_held) ? 0 : -EAGAIN;
}

static int drop_release(char **word)
{
	WRITE_ONCE(drop_go, true);
	return 0;
}

static int drop_unwatch(char **word)
{
	if (drop_watching)
		unregister_kprobe(&drop_probe);
	drop_watching = false;
	drop_probe.addr = NULL;
	drop_probe.flags = 0;
	return 0;
}

const struct test_verb drop_verbs[] = {
	{ "drop-watch", 0, drop_watch },
	{ "drop-held", 0, drop_was_held },
	{ "drop-go", 0, drop_release },
	{ "drop-unwatch", 0, drop_unwatch },
	{ }
};

/**
 * drop_exit() - no removal is held any more
 */
void drop_exit(void)
{
	drop_unwatch(NULL);
}
