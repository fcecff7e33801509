// SPDX-License-Identifier: GPL-2.0
/*
 * Storm: four threads that claim, release and notify on one device as fast as they can.
 *
 *   storm ID ROUNDS      this many claims with their releases, and notifications, all together
 *   step ID FUNCTION     a release stops at each instruction of this function in turn, and a
 *                        second holder claims meanwhile
 */
#include <linux/delay.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "fsdev_test.h"
#include "include/fsdev/dax.h"

#define CLAIMERS 3

struct claimer {
	struct task_struct *task;
	struct dax_holder_operations ops;
	unsigned long claims, lost_claims, lost_operations, other;
	int error;
};

static struct claimer claimers[CLAIMERS];
static struct dax_device *target;
static unsigned long rounds_each;
static unsigned long delivered, unheard, odd_answers;
static atomic_t calls, running;

static int take_note(struct dax_device *dax_dev, u64 offset, u64 len, int flags)
{
	atomic_inc(&calls);
	return 0;
}

static void hold_for_a_moment(struct claimer *me)
{
	bool claim = true, operations = true;

	for (int i = 0; i < 8; i++) {
		claim &= READ_ONCE(target->holder_data) == me;
		operations &= READ_ONCE(target->holder_ops) == &me->ops;
		cpu_relax();
	}
	me->lost_claims += !claim;
	me->lost_operations += !operations;
}

static int claimer_main(void *data)
{
	struct claimer *me = data;

	while (me->claims < rounds_each) {
		int rc = fs_dax_get(target, me, &me->ops);

		if (!rc) {
			hold_for_a_moment(me);
			fs_put_dax(target, me);
			me->claims++;
		} else if (rc != -EBUSY) {
			me->other++;
			me->error = rc;
			break;
		}
		cond_resched();
	}
	atomic_dec(&running);
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static void notify_all_the_time(void)
{
	for (unsigned long i = 0; i < rounds_each || atomic_read(&running); i++) {
		int rc = dax_holder_notify_failure(target, 0, PAGE_SIZE, 0);

		delivered += !rc;
		unheard += rc == -EOPNOTSUPP;
		odd_answers += rc && rc != -EOPNOTSUPP;
		cond_resched();
	}
}

static int start_claimers(void)
{
	memset(claimers, 0, sizeof(claimers));
	atomic_set(&running, 0);
	for (int i = 0; i < CLAIMERS; i++) {
		struct task_struct *task;

		claimers[i].ops.notify_failure = take_note;
		task = kthread_create(claimer_main, &claimers[i], "fsdev_test/%d", i);
		if (IS_ERR(task))
			return PTR_ERR(task);
		claimers[i].task = task;
		atomic_inc(&running);
		wake_up_process(task);
	}
	return 0;
}

static void report_storm(void)
{
	unsigned long claims = 0, lost_claims = 0, lost_operations = 0, other = 0;

	for (int i = 0; i < CLAIMERS; i++) {
		claims += claimers[i].claims;
		lost_claims += claimers[i].lost_claims;
		lost_operations += claimers[i].lost_operations;
		other += claimers[i].other;
	}
	report_point(!lost_claims, "no holder lost its claim");
	report_note("%lu of %lu did", lost_claims, claims);
	report_point(!lost_operations, "no holder lost its operations");
	report_note("%lu of %lu did", lost_operations, claims);
	report_point(claims == CLAIMERS * rounds_each && !other, "every claim came about");
	report_note("%lu of %lu, %lu errors", claims, CLAIMERS * rounds_each, other);
	report_point(delivered && delivered == atomic_read(&calls) && !odd_answers,
		     "every notification that was answered reached a holder, once");
	report_note("%lu delivered, %d heard, %lu without a holder, %lu odd", delivered,
		    atomic_read(&calls), unheard, odd_answers);
	report_point(!READ_ONCE(target->holder_data) && !READ_ONCE(target->holder_ops),
		     "it has no holder in the end");
}

static int storm(char **word)
{
	struct test_device *device = device_find(word[0]);
	unsigned long rounds;
	int rc;

	if (!device || kstrtoul(word[1], 0, &rounds) || rounds < CLAIMERS + 1)
		return -EINVAL;
	target = test_dax(device);
	rounds_each = rounds / (CLAIMERS + 1);
	delivered = 0;
	unheard = 0;
	odd_answers = 0;
	atomic_set(&calls, 0);
	rc = start_claimers();
	if (!rc)
		notify_all_the_time();
	for (int i = 0; i < CLAIMERS; i++)
		if (claimers[i].task)
			kthread_stop(claimers[i].task);
	if (!rc)
		report_storm();
	/* what a fault has left */
	WRITE_ONCE(target->holder_ops, NULL);
	return rc;
}

/* ---- step by step ---- */

#define LONGEST 1024

static struct {
	struct task_struct *holder;	/* who releases, and is stopped on its way */
	struct kprobe *here;		/* at this instruction */
	struct claimer second;		/* who claims meanwhile */
	int turn;			/* how many claims the second one may have tried */
	int tried, rc;			/* how many it has, and what the last one gave */
	unsigned long late;		/* it did not come back in time */
} step;

static int stop_here(struct kprobe *probe, struct pt_regs *regs)
{
	int turn = step.turn + 1;

	if (current != step.holder || probe != step.here)
		return 0;
	step.here = NULL;
	/* pairs with the second one's load: the release stands still when the claim begins */
	smp_store_release(&step.turn, turn);
	/* pairs with the second one's store: the claim has ended, with its result */
	for (int i = 0; smp_load_acquire(&step.tried) != turn; i++) {
		/* the scenario fails then; the machine goes on */
		if (i == 10 * USEC_PER_SEC) {
			step.late++;
			break;
		}
		udelay(1);
	}
	return 0;
}

static int second_main(void *data)
{
	while (!kthread_should_stop()) {
		/* both pair with stop_here() */
		int turn = smp_load_acquire(&step.turn);

		if (turn != step.tried) {
			step.rc = fs_dax_get(target, &step.second, &step.second.ops);
			/* after the result */
			smp_store_release(&step.tried, turn);
		}
		cond_resched();
	}
	return 0;
}

static unsigned long size_of(const void *address)
{
	char text[KSYM_SYMBOL_LEN], *slash;
	unsigned long size;

	sprint_symbol(text, (unsigned long)address);
	slash = strchr(text, '/');
	if (!slash || sscanf(slash, "/0x%lx", &size) != 1)
		return 0;
	return min_t(unsigned long, size, LONGEST);
}

/* A probe for each instruction; where none is the probe's symbol_name is NULL. Returns how many. */
static int probe_every_instruction(struct kprobe *probes, const char *function)
{
	unsigned long size = 1;
	int nr = 0;

	for (unsigned long i = 0; i < size; i++) {
		probes[i].symbol_name = function;
		probes[i].offset = i;
		probes[i].pre_handler = stop_here;
		/* in the middle of an instruction it is refused */
		if (register_kprobe(&probes[i])) {
			probes[i].symbol_name = NULL;
			continue;
		}
		nr++;
		if (i == 0)
			size = size_of(probes[i].addr);
	}
	return nr;
}

/* One release, with the second claim at this instruction of it */
static void release_with_a_claim_at(struct kprobe *probe, struct claimer *first,
				    unsigned long *came, unsigned long *wiped)
{
	int turn = step.turn;

	if (fs_dax_get(target, first, &first->ops))
		return;
	step.here = probe;
	fs_put_dax(target, first);
	step.here = NULL;
	if (step.turn == turn || step.rc)
		return;
	(*came)++;
	*wiped += READ_ONCE(target->holder_data) != &step.second ||
		  READ_ONCE(target->holder_ops) != &step.second.ops;
	fs_put_dax(target, &step.second);
	WRITE_ONCE(target->holder_ops, NULL);
}

static void step_through(struct kprobe *probes, int nr)
{
	struct claimer first = { .ops.notify_failure = take_note };
	unsigned long came = 0, wiped = 0;

	for (int i = 0; i < LONGEST; i++)
		if (probes[i].symbol_name)
			release_with_a_claim_at(&probes[i], &first, &came, &wiped);
	report_point(nr > 4 && step.turn > 4 && !step.late, "a release was stopped on its way");
	report_note("at %d of %d instructions, %lu times in vain", step.turn, nr, step.late);
	report_point(came, "a claim came about before a release had ended");
	report_note("%lu did", came);
	report_point(!wiped, "and kept its operations");
	report_note("%lu of %lu lost them", wiped, came);
}

/* The second one runs while the first does nothing but wait: on another processor */
static struct task_struct *start_second(void)
{
	unsigned int cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
	struct task_struct *task;

	if (cpu >= nr_cpu_ids)
		return ERR_PTR(-ENODEV);
	task = kthread_create(second_main, NULL, "fsdev_test/second");
	if (!IS_ERR(task)) {
		kthread_bind(task, cpu);
		wake_up_process(task);
	}
	return task;
}

static int step_verb(char **word)
{
	struct test_device *device = device_find(word[0]);
	struct task_struct *second;
	struct kprobe *probes;
	int nr, rc = 0;

	if (!device)
		return -EINVAL;
	probes = vcalloc(LONGEST, sizeof(*probes));
	if (!probes)
		return -ENOMEM;
	target = test_dax(device);
	memset(&step, 0, sizeof(step));
	step.second.ops.notify_failure = take_note;
	step.holder = current;
	/* before the second one: it never sleeps, which making probes waits for */
	nr = probe_every_instruction(probes, word[1]);
	migrate_disable();
	second = start_second();
	if (IS_ERR(second)) {
		rc = PTR_ERR(second);
	} else {
		step_through(probes, nr);
		kthread_stop(second);
	}
	migrate_enable();
	for (int i = 0; i < LONGEST; i++)
		if (probes[i].symbol_name)
			unregister_kprobe(&probes[i]);
	vfree(probes);
	return nr ? rc : -ENOENT;
}

const struct test_verb storm_verbs[] = {
	{ "storm", 2, storm },
	{ "step", 2, step_verb },
	{ }
};
