// SPDX-License-Identifier: GPL-2.0
/*
 * A report that comes late: the kernel, which has told the driver of a failing page and given back
 * its reference to the page map, is held up before it looks at the page for the last time.
 *
 *   late-watch     the next report uses up its processor time there
 *   late-wait      until it does
 *   late-unwatch
 */
#include <linux/delay.h>
#include <linux/kprobes.h>

#include "fsdev_test.h"

/* more than who reports has, so that the scheduler holds it up until its next period */
#define LATE_MS 80
#define LATE_WAIT_MS 10000

static bool late_seen, late_watching;

static int late_entry(struct kprobe *probe, struct pt_regs *regs)
{
	if (!READ_ONCE(late_seen)) {
		WRITE_ONCE(late_seen, true);
		mdelay(LATE_MS);
	}
	return 0;
}

/* called by action_result(), which then looks up the page's node */
static struct kprobe late_probe = {
	.symbol_name = "memblk_nr_poison_inc",
	.pre_handler = late_entry,
};

static int late_watch(char **word)
{
	int rc;

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
	{ "late-watch", 0, late_watch },
	{ "late-wait", 0, late_wait },
	{ "late-unwatch", 0, late_unwatch },
	{ }
};

/**
 * late_exit() - nobody is held up any more
 */
void late_exit(void)
{
	late_unwatch(NULL);
}
