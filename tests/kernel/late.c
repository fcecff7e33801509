// SPDX-License-Identifier: GPL-2.0
/*
 * A task that is preempted at the worst instruction.
 *
 *   late-watch report   the next report of a memory failure uses up its processor time after the
 *                       kernel has told the driver of the page and given back its reference to the
 *                       page map, before it looks at the page for the last time
 *   late-watch fault    the next page fault of a DAX file uses it up after it has got the page's
 *                       number, before it uses it
 *   late-wait           until it does
 *   late-unwatch
 */
#include <linux/delay.h>
#include <linux/kprobes.h>

#include "fsdev_test.h"

/* more than the task has, so that the scheduler holds it up until its next period */
#define LATE_MS 80
#define LATE_WAIT_MS 10000

static bool late_seen, late_watching;

static int late_entry(struct kprobe *probe, struct pt_regs *regs)
{
	if (!READ_ONCE(late_seen)) {
		WRITE_ONCE(late_seen, true);
		spin_ms(LATE_MS);
	}
	return 0;
}

static struct kprobe late_probe = {
	.pre_handler = late_entry,
};

static const struct {
	const char *what;
	const char *symbol;
} late_places[] = {
	/* called by action_result(), which then looks up the page's node */
	{ "report", "memblk_nr_poison_inc" },
	/* called by dax_fault_iter() after dax_iomap_direct_access() */
	{ "fault", "dax_insert_entry" },
};

static int late_watch(char **word)
{
	int rc;

	late_probe.symbol_name = NULL;
	for (int i = 0; i < ARRAY_SIZE(late_places); i++)
		if (!strcmp(word[0], late_places[i].what))
			late_probe.symbol_name = late_places[i].symbol;
	if (!late_probe.symbol_name)
		return -EINVAL;
	WRITE_ONCE(late_seen, false);
	rc = register_kprobe(&late_probe);
	late_watching = !rc;
	return rc;
}

static int late_wait(char **word)
{
	for (int ms = 0; ms < LATE_WAIT_MS; ms++) {
		if (READ_ONCE(late_seen))
			return 0;
		usleep_range(1000, 1100);
	}
	return -ETIMEDOUT;
}

static int late_unwatch(char **word)
{
	if (late_watching)
		unregister_kprobe(&late_probe);
	late_watching = false;
	late_probe.addr = NULL;
	late_probe.flags = 0;
	return 0;
}

const struct test_verb late_verbs[] = {
	{ "late-watch", 1, late_watch },
	{ "late-wait", 0, late_wait },
	{ "late-unwatch", 0, late_unwatch },
	{ }
};

/**
 * late_exit() - hold up no task any more
 */
void late_exit(void)
{
	late_unwatch(NULL);
}
