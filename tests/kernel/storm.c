// SPDX-License-Identifier: GPL-2.0
/*
 * Storm: four threads that claim, release and notify on one device as fast as they can.
 *
 *   storm ID ROUNDS      this many claims with their releases, and notifications, all together
 *   stretch FUNCTION     from here on every instruction of this function takes its time
 *   relax                no more
 */
#include <linux/delay.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/slab.h>

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
		     "nobody holds it in the end");
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

/* ---- stretching ---- */

#define LONGEST 1024

static struct kprobe stretched[LONGEST];
static struct kprobe *registered[LONGEST];
static int nr_registered;

static int take_time(struct kprobe *probe, struct pt_regs *regs)
{
	/* not in every place at once, and not always in the same */
	if (get_cycles() % 5 == 0)
		udelay(40);
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

static void relax_all(void)
{
	if (nr_registered)
		unregister_kprobes(registered, nr_registered);
	nr_registered = 0;
}

static int stretch(char **word)
{
	unsigned long size = 1;

	relax_all();
	memset(stretched, 0, sizeof(stretched));
	for (unsigned long i = 0; i < size; i++) {
		struct kprobe *probe = &stretched[i];

		probe->symbol_name = word[0];
		probe->offset = i;
		probe->pre_handler = take_time;
		/* in the middle of an instruction it is refused */
		if (register_kprobe(probe))
			continue;
		registered[nr_registered++] = probe;
		if (i == 0)
			size = size_of(probe->addr);
	}
	return nr_registered ? 0 : -ENOENT;
}

static int relax(char **word)
{
	relax_all();
	return 0;
}

/**
 * storm_exit() - takes back what is stretched
 */
void storm_exit(void)
{
	relax_all();
}

const struct test_verb storm_verbs[] = {
	{ "storm", 2, storm },
	{ "stretch", 1, stretch },
	{ "relax", 0, relax },
	{ }
};
