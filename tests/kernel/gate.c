// SPDX-License-Identifier: GPL-2.0
/*
 * A gate at a function: the next task that calls it is held up at its entry, on its processor, so
 * that another processor can do something meanwhile. The guest needs two.
 *
 *   gate-close FUNCTION WHO   for "any" task, or the next kernel "thread"
 *   gate-sleep FUNCTION WHO   the same, but the task sleeps meanwhile, and its processor is free.
 *                             The function has six arguments at most
 *   gate-wait                 until one is held up
 *   gate-next                 it goes on, and the next one is held up
 *   gate-open                 it goes on; and no other one is held up
 *   hardware-fails ID PAGE    a page fails as the kernel has it after a machine check: it is
 *                             reported, and then taken out of the direct map. Returns at once
 *   hardware-done             until the kernel is done with that
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/timekeeping.h>

#include "fsdev_test.h"

#define GATE_LONGEST_MS 20000
#define GATE_WAIT_MS 10000

static char gate_symbol[64];
static bool gate_threads, gate_registered, gate_sleeps;
static bool gate_closed, gate_reached;
static unsigned int gate_turn;
/* It has slept, and is on its way through. */
static struct task_struct *gate_passing;

static struct kprobe gate_probe;

/* In the place of the function. */
static unsigned long gate_sleep_in(unsigned long a, unsigned long b, unsigned long c,
				   unsigned long d, unsigned long e, unsigned long f)
{
	unsigned long (*function)(unsigned long a, unsigned long b, unsigned long c,
				  unsigned long d, unsigned long e, unsigned long f) =
		(void *)gate_probe.addr;
	unsigned int turn = READ_ONCE(gate_turn);

	for (int ms = 0; ms < GATE_LONGEST_MS && READ_ONCE(gate_closed) &&
	     READ_ONCE(gate_turn) == turn; ms++)
		usleep_range(1000, 1100);
	WRITE_ONCE(gate_passing, current);
	return function(a, b, c, d, e, f);
}

static int gate_entry(struct kprobe *probe, struct pt_regs *regs)
{
	u64 end;

	if (READ_ONCE(gate_passing) == current) {
		WRITE_ONCE(gate_passing, NULL);
		return 0;
	}
	if (!READ_ONCE(gate_closed) || (gate_threads && !(current->flags & PF_KTHREAD)) ||
	    xchg(&gate_reached, true))
		return 0;
	if (gate_sleeps) {
		instruction_pointer_set(regs, (unsigned long)gate_sleep_in);
		return 1;
	}
	/*
	 * Interrupts stay on: a probe at a function's entry is one of ftrace. By the clock, as a
	 * delay is short on a processor whose speed was measured while the host had other work.
	 */
	end = ktime_get_mono_fast_ns() + GATE_LONGEST_MS * (u64)NSEC_PER_MSEC;
	while (READ_ONCE(gate_closed) && ktime_get_mono_fast_ns() < end)
		cpu_relax();
	return 0;
}

static int gate_open(char **word)
{
	WRITE_ONCE(gate_closed, false);
	if (gate_registered)
		unregister_kprobe(&gate_probe);
	gate_registered = false;
	return 0;
}

static int gate_next(char **word)
{
	WRITE_ONCE(gate_reached, false);
	WRITE_ONCE(gate_turn, gate_turn + 1);
	return 0;
}

static int gate_make(char **word, bool sleeps)
{
	int rc;

	gate_open(NULL);
	gate_sleeps = sleeps;
	WRITE_ONCE(gate_passing, NULL);
	strscpy(gate_symbol, word[0], sizeof(gate_symbol));
	gate_threads = !strcmp(word[1], "thread");
	gate_probe = (struct kprobe){
		.symbol_name = gate_symbol,
		.pre_handler = gate_entry,
	};
	WRITE_ONCE(gate_reached, false);
	WRITE_ONCE(gate_closed, true);
	rc = register_kprobe(&gate_probe);
	gate_registered = !rc;
	return rc;
}

static int gate_close(char **word)
{
	return gate_make(word, false);
}

static int gate_sleep(char **word)
{
	return gate_make(word, true);
}

static int gate_wait(char **word)
{
	for (int ms = 0; ms < GATE_WAIT_MS; ms++) {
		if (READ_ONCE(gate_reached))
			return 0;
		usleep_range(1000, 1100);
	}
	return -ETIMEDOUT;
}

static struct task_struct *hardware;
static unsigned long hardware_pfn;
static bool hardware_over;
static int (*hardware_nospec)(unsigned long pfn);

/* The thread's last act is to wait, so that the caller can end it. */
static int hardware_thread(void *data)
{
	if (!memory_failure(hardware_pfn, 0))
		hardware_nospec(hardware_pfn);
	smp_store_release(&hardware_over, true);	/* pairs with hardware_done() */
	while (!kthread_should_stop())
		usleep_range(1000, 1100);
	return 0;
}

static int hardware_done(char **word)
{
	if (!hardware)
		return -EINVAL;
	for (int ms = 0; ms < GATE_WAIT_MS; ms++) {
		/* pairs with hardware_thread() */
		if (smp_load_acquire(&hardware_over)) {
			kthread_stop(hardware);
			hardware = NULL;
			return 0;
		}
		usleep_range(1000, 1100);
	}
	return -ETIMEDOUT;
}

static int hardware_fails(char **word)
{
	struct kprobe probe = { .symbol_name = "set_mce_nospec" };
	struct test_device *device = device_find(word[0]);
	struct model *model;
	unsigned long page;
	int rc;

	if (!device || hardware || kstrtoul(word[1], 0, &page))
		return -EINVAL;
	/* not every kernel exports it */
	rc = register_kprobe(&probe);
	if (rc)
		return rc;
	hardware_nospec = (void *)probe.addr;
	unregister_kprobe(&probe);
	model = model_make(device);
	if (!model)
		return -ENOMEM;
	hardware_pfn = page < model->pages ? PHYS_PFN(model_phys(model, page)) : 0;
	kvfree(model);
	if (!hardware_pfn)
		return -ERANGE;
	hardware_over = false;
	hardware = kthread_run(hardware_thread, NULL, "fsdev_hardware");
	if (IS_ERR(hardware)) {
		rc = PTR_ERR(hardware);
		hardware = NULL;
	}
	return rc;
}

/**
 * gate_exit() - hold up no task any more
 */
void gate_exit(void)
{
	gate_open(NULL);
	if (hardware)
		kthread_stop(hardware);
	hardware = NULL;
}

const struct test_verb gate_verbs[] = {
	{ "gate-close", 2, gate_close },
	{ "gate-sleep", 2, gate_sleep },
	{ "gate-wait", 0, gate_wait },
	{ "gate-next", 0, gate_next },
	{ "gate-open", 0, gate_open },
	{ "hardware-fails", 2, hardware_fails },
	{ "hardware-done", 0, hardware_done },
	{ }
};
