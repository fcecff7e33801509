// SPDX-License-Identifier: GPL-2.0
/*
 * Waits of an unbind. Each step of removal.c is bracketed by blocked_by() and blocked_over(); one
 * that knows what it may wait for, or has several waits, says so itself. A step that takes longer
 * than a second is logged, with what it waits for and what ends the wait, and again every minute. A
 * work item writes the line, so that it also comes while the step sleeps in a function of the
 * kernel.
 *
 * A machine that goes down ends every wait which is a loop of the driver's own: see
 * removal.c.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "blocked.h"
#include "device.h"

#define BLOCKED_FIRST HZ
#define BLOCKED_AGAIN (60 * HZ)

static void blocked_say(struct work_struct *work)
{
	struct blocked *blocked = container_of(to_delayed_work(work), struct blocked, say);
	struct fsdev *fsdev = container_of(blocked, struct fsdev, blocked);
	char text[sizeof(blocked->text)];

	spin_lock(&blocked->lock);
	strscpy(text, blocked->text, sizeof(text));
	blocked->said = true;
	spin_unlock(&blocked->lock);
	dev_warn(fsdev_dev(fsdev), "unbind blocked: %s\n", text);
	schedule_delayed_work(&blocked->say, BLOCKED_AGAIN);
}

/**
 * blocked_init() - prepare the waits of a device's unbind
 * @fsdev: a device that is being probed
 *
 * Context: probe.
 */
void blocked_init(struct fsdev *fsdev)
{
	spin_lock_init(&fsdev->blocked.lock);
	INIT_DELAYED_WORK(&fsdev->blocked.say, blocked_say);
}

/**
 * blocked_by() - name what the unbind is about to wait for
 * @fsdev: a device that is being unbound
 * @format: what is waited for, and what ends the wait; a string constant, which also tells one wait
 *	from another
 *
 * The line is logged a second after the first call with this @format, unless blocked_over() comes
 * before. Later calls with the same @format change its values only.
 *
 * Context: the unbinding task; may sleep.
 */
void blocked_by(struct fsdev *fsdev, const char *format, ...)
{
	struct blocked *blocked = &fsdev->blocked;
	bool other;
	va_list args;

	spin_lock(&blocked->lock);
	other = blocked->format != format;
	blocked->format = format;
	va_start(args, format);
	vscnprintf(blocked->text, sizeof(blocked->text), format, args);
	va_end(args);
	spin_unlock(&blocked->lock);
	if (!other)
		return;
	/* waits for blocked_say(), which may just be queueing itself for a minute */
	cancel_delayed_work_sync(&blocked->say);
	schedule_delayed_work(&blocked->say, BLOCKED_FIRST);
}

/**
 * blocked_over() - end what blocked_by() has begun
 * @fsdev: a device that is being unbound
 *
 * Context: the unbinding task; may sleep.
 */
void blocked_over(struct fsdev *fsdev)
{
	struct blocked *blocked = &fsdev->blocked;

	if (!blocked->format)
		return;
	cancel_delayed_work_sync(&blocked->say);
	blocked->format = NULL;
	if (blocked->said)
		dev_info(fsdev_dev(fsdev), "unbind continues\n");
	blocked->said = false;
}

/*
 * Not SYSTEM_SUSPEND, which comes after these in the enumeration: the machine comes back from it.
 */
static bool going_down(void)
{
	switch (READ_ONCE(system_state)) {
	case SYSTEM_HALT:
	case SYSTEM_POWER_OFF:
	case SYSTEM_RESTART:
		return true;
	default:
		return false;
	}
}

/**
 * blocked_sleep() - sleep between two looks at what the unbind waits for
 * @timeout: in jiffies
 *
 * Context: the unbinding task; sleeps.
 * Return: false if the machine goes down: what is waited for may never come.
 */
bool blocked_sleep(unsigned long timeout)
{
	schedule_timeout_idle(timeout);
	return !going_down();
}

/**
 * blocked_abandon() - leave the rest of an unbind undone, as the machine goes down
 * @fsdev: a device that is being unbound, and that no operation finds alive any more
 *
 * Returns when no operation is between finding the device alive and reading its driver data. All
 * stays as it is: the page structures, the page map, this structure, the module.
 *
 * Context: removal.c; sleeps.
 */
void blocked_abandon(struct fsdev *fsdev)
{
	blocked_over(fsdev);
	dev_warn(fsdev_dev(fsdev), "unbind given up: the system goes down, the memory stays\n");
	__module_get(THIS_MODULE);
	synchronize_rcu_tasks();
}
