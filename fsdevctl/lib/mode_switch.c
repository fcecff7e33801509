// SPDX-License-Identifier: GPL-2.0
/*
 * Changing a device's mode, as one transaction: it ends in the new mode or back in the old one.
 *
 * What can be known to fail is looked at before anything is touched. The change itself runs in a
 * child, which a signal ends only before the device is unbound; should the child be killed, the
 * parent brings the old mode back; should both be, the journal says what the old mode was, and the
 * next fsdevctl takes it from there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit.h"
#include "c.h"
#include "claim.h"
#include "content.h"
#include "journal.h"
#include "kmsg.h"
#include "interrupt.h"
#include "keep.h"
#include "memory.h"
#include "mode_switch.h"
#include "module.h"
#include "policy.h"
#include "sysfs.h"
#include "users.h"

#define DRIVERS DAX_BUS "/drivers/"

/*
 * One change: the device, where it comes from and goes to, the memory it has become, its poison, and
 * the descriptor that keeps its disk from being claimed until it is unbound.
 */
struct change {
	struct device *device;
	enum mode from, to;
	struct memory_blocks blocks;
	struct keep keep;
	int claim;
	bool force;
	unsigned int timeout;
};

static const char *reason(int rc)
{
	switch (-rc) {
	case EBUSY:
		return "some of its memory is in use by something else (see /proc/iomem)";
	case EINVAL:
		return "the driver does not take a device of this shape";
	case ENOENT:
		return "there is no such driver in the kernel; 'fsdevctl doctor' says more";
	case ENODEV:
		return "the driver does not take this device";
	default:
		return strerror(-rc);
	}
}

static int unbind(const struct device *device)
{
	return sysfs_write(device->name, DAX_BUS "/devices/%s/driver/unbind", device->name);
}

/* So that the driver does not take the device again when it next looks for devices. */
static void forget(const struct device *device, enum mode mode)
{
	if (mode != MODE_NONE && mode != MODE_OTHER)
		sysfs_write(device->name, DRIVERS "%s/remove_id", mode_driver(mode));
	if (mode == MODE_FSDEV && !strcmp(device->driver, NAMED_DRIVER))
		sysfs_write(device->name, DRIVERS "%s/remove_id", device->driver);
}

/*
 * A driver that takes the device by its kind needs no id, and giving it one would have it look at
 * all other devices too.
 */
static int bind(const struct device *device, enum mode mode)
{
	const char *driver = mode_driver(mode);
	int policy = -1, rc;

	if (mode == MODE_NONE)
		return 0;
	if (mode == MODE_SYSTEM_RAM) {
		policy = policy_hold();
		if (policy < 0)
			return policy;
	}
	rc = sysfs_write(device->name, DRIVERS "%s/bind", driver);
	if (rc == -ENODEV) {
		rc = sysfs_write(device->name, DRIVERS "%s/new_id", driver);
		if (!rc && device_mode_now(device) != mode)
			rc = sysfs_write(device->name, DRIVERS "%s/bind", driver);
	}
	policy_release(policy);
	if (!rc && device_mode_now(device) != mode)
		rc = -ENODEV;
	if (rc)
		forget(device, mode);
	return rc;
}

static void to_memory(const struct device *device)
{
	struct memory_blocks blocks;

	if (memory_online_at_once(device))
		return;
	/* one that has no memory after a failure is given it again block by block, or by its driver */
	if (memory_load(device, &blocks))
		return;
	for (unsigned int i = 0; i < blocks.count; i++) {
		blocks.block[i].movable = true;
		blocks.block[i].online = !blocks.block[i].online;
	}
	memory_restore(device, &blocks);
	memory_free(&blocks);
}

/* The way back. */
static enum outcome restore(struct change *change)
{
	struct device *device = change->device;
	enum mode now = device_mode_now(device);
	int rc = 0;

	if (now == MODE_NONE)
		rc = bind(device, change->from);
	if (!rc && change->from == MODE_SYSTEM_RAM)
		memory_restore(device, &change->blocks);
	if (rc) {
		note("%s: cannot go back to %s either: %s", device->name, mode_name(change->from),
		     reason(rc));
		return say(STRANDED, "%s: has no mode now; when the reason is gone: fsdevctl disable %s --mode %s",
			   device->name, device->name, mode_name(change->from));
	}
	journal_clear(device);
	return say(FAILED, "%s: is in mode %s, as before", device->name,
		   mode_name(device_mode_now(device)));
}

static void release(struct change *change)
{
	if (change->claim >= 0)
		close(change->claim);
	change->claim = -1;
}

/* Until the device is unbound all can be undone, so a signal ends it; afterwards none is heard. */
static enum outcome leave(struct change *change)
{
	struct device *device = change->device;
	enum outcome outcome;
	int rc;

	interrupt_watch(change->timeout);
	outcome = change->from == MODE_SYSTEM_RAM ? memory_offline(device, &change->blocks) : DONE;
	interrupt_ignore();
	if (outcome == DONE && interrupt_seen() && change->from == MODE_SYSTEM_RAM) {
		note("%s: interrupted", device->name);
		memory_restore(device, &change->blocks);
		outcome = FAILED;
	}
	if (outcome != DONE) {
		journal_clear(device);
		return say(FAILED, "%s: is in mode system-ram, as before", device->name);
	}
	if (change->from == MODE_FSDEV && keep_leave(&change->keep, device) != DONE && !change->force)
		return restore(change);
	rc = unbind(device);
	release(change);
	if (!rc && change->from == MODE_FSDEV)
		keep_left(&change->keep, device);
	if (rc && device_mode_now(device) != MODE_NONE) {
		note("%s: cannot take it from driver %s: %s", device->name, device->driver,
		     strerror(-rc));
		return restore(change);
	}
	return DONE;
}

/* Until all known poison is the driver's, the system mounts nothing of the disk. */
static enum outcome enter_fsdev(struct change *change, int *rc)
{
	struct device *device = change->device;
	enum outcome outcome;

	journal_hold(device, true);
	*rc = 0;
	keep_ask(&change->keep, device);
	outcome = keep_offer(&change->keep, device);
	if (outcome == DONE)
		*rc = bind(device, change->to);
	if (outcome == DONE && !*rc)
		outcome = keep_taken(&change->keep, device);
	if (outcome != DONE && device_mode_now(device) == MODE_FSDEV)
		unbind(device);
	if (outcome != DONE || *rc)
		keep_abandon(&change->keep, device);
	journal_hold(device, false);
	return outcome;
}

static enum outcome enter(struct change *change)
{
	struct device *device = change->device;
	enum outcome outcome = DONE;
	int kmsg = kmsg_start();
	int rc;

	if (change->to == MODE_FSDEV)
		outcome = enter_fsdev(change, &rc);
	else
		rc = bind(device, change->to);
	if (outcome != DONE) {
		forget(device, change->to);
		return restore(change);
	}
	if (!rc)
		forget(device, change->from);
	if (!rc && change->to == MODE_SYSTEM_RAM)
		to_memory(device);
	if (rc) {
		note("%s: driver %s refuses it: %s", device->name, mode_driver(change->to),
		     reason(rc));
		kmsg_tell(kmsg, device->name);
		return restore(change);
	}
	if (kmsg >= 0)
		close(kmsg);
	journal_clear(device);
	return DONE;
}

static enum outcome carry_out(struct change *change)
{
	enum outcome outcome = DONE;

	interrupt_ignore();
	if (device_mode_now(change->device) != MODE_NONE)
		outcome = leave(change);
	return outcome == DONE ? enter(change) : outcome;
}

static enum outcome guarded(struct change *change)
{
	struct device *device = change->device;
	int status, rc;
	pid_t child;

	rc = journal_write(device, change->from);
	if (rc)
		return say(FAILED, "%s: cannot write below " STATE_DIR ": %s; it is in mode %s, as before",
			   device->name, strerror(-rc), mode_name(change->from));
	interrupt_pass_on(0);
	fflush(NULL);
	child = fork();
	if (child < 0) {
		journal_clear(device);
		return say(FAILED, "%s: cannot start a process: %s; it is in mode %s, as before",
			   device->name, strerror(errno), mode_name(change->from));
	}
	if (!child)
		_exit(carry_out(change));
	interrupt_pass_on(child);
	/* the child has it until the device is unbound */
	release(change);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	interrupt_ignore();
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	policy_mend();
	note("%s: the change of mode was killed by signal %d", device->name, WTERMSIG(status));
	journal_hold(device, false);
	if (device_mode_now(device) == change->to) {
		journal_clear(device);
		return DONE;
	}
	if (change->to == MODE_FSDEV)
		keep_abandon(&change->keep, device);
	return restore(change);
}

#define LOOKS 10
#define LOOK_MS 100

/* Programs that look at every device are gone in a moment, and are waited for. */
static int load_users(const struct device *device, struct users *users)
{
	int rc = users_load(device, users);

	for (unsigned int i = 1; !rc && i < LOOKS && users_may_pass(users); i++) {
		users_free(users);
		usleep(LOOK_MS * 1000);
		rc = users_load(device, users);
	}
	return rc;
}

/* Lists the users. Whether there are any that count. */
static enum outcome look_at_users(const struct device *device, const struct mode_options *options)
{
	enum outcome outcome = DONE;
	struct users users;
	char text[512];
	int rc;

	rc = load_users(device, &users);
	if (rc)
		return say(FAILED, "%s: cannot find out who uses it: %s", device->name,
			   strerror(-rc));
	for (unsigned int i = 0; i < users.count; i++) {
		user_text(&users.user[i], text, sizeof(text));
		note("%s: %s%s", device->name, users.user[i].kind == USER_STALE ? "" : "in use: ",
		     text);
	}
	if (users_blocking(&users) && !options->force)
		outcome = say(IN_USE, "%s: stays in mode %s while it is in use; unmount or end these first, or see --force",
			      device->name, mode_name(device->mode));
	else if (users_blocking(&users))
		note("%s: --force: what was written is kept where the memory keeps it; file systems on it shut down, devices made of it fail, and every process that has it mapped gets SIGBUS",
		     device->name);
	users_free(&users);
	return outcome;
}

static enum outcome claimed(const struct device *device)
{
	return say(IN_USE, "%s: stays in mode %s: /dev/%s is claimed or open, and nothing in /proc or /sys shows by whom (a journal, an unmount with -l, a mount namespace); end it first, or see --force",
		   device->name, mode_name(device->mode), device->disk);
}

/*
 * From here until it is unbound the disk cannot be claimed: what the search for users cannot see is
 * refused here, and nothing can come in between.
 */
static enum outcome claim(struct change *change)
{
	const struct device *device = change->device;
	bool alone = false;
	int fd = -EBUSY;

	for (unsigned int i = 0; i < LOOKS && !alone; i++) {
		if (i)
			usleep(LOOK_MS * 1000);
		if (fd >= 0)
			close(fd);
		fd = claim_take(device, &alone);
		if (fd < 0 && fd != -EBUSY)
			return say(FAILED, "%s: cannot open /dev/%s, so who uses it is unknown: %s; see --force",
				   device->name, device->disk, strerror(-fd));
	}
	if (alone) {
		change->claim = fd;
		return DONE;
	}
	if (fd >= 0)
		close(fd);
	return claimed(device);
}

/* What the kernel uses as ordinary memory it overwrites. */
static enum outcome look_at_content(const struct device *device)
{
	char found[64];
	int rc = content_look(device, found, sizeof(found));

	if (rc == -EOPNOTSUPP)
		return say(FAILED, "%s: in mode %s what lies on it cannot be looked at, and would be lost as ordinary memory; --overwrite goes on",
			   device->name, mode_name(device->mode));
	if (rc)
		return say(FAILED, "%s: cannot be read (%s), so what would be lost as ordinary memory is unknown; --overwrite goes on",
			   device->name, strerror(-rc));
	if (found[0])
		return say(FAILED, "%s: there is %s on it, which would be lost as ordinary memory; --overwrite goes on",
			   device->name, found);
	return DONE;
}

static enum outcome load_driver(const struct device *device, enum mode to)
{
	const char *driver = mode_driver(to);
	int rc = module_load(driver);

	if (to == MODE_KERNEL_FSDEV && device_named_is_ours())
		return say(FAILED, "%s: this kernel has no " NAMED_DRIVER " of its own: what has that name is fsdev; it is in mode %s, as before",
			   device->name, mode_name(device->mode));
	if (sysfs_there(DRIVERS "%s", driver))
		return DONE;
	if (rc == -ENOENT)
		return say(FAILED, "%s: there is no module %s for the running kernel; 'fsdevctl doctor' says more; it is in mode %s, as before",
			   device->name, driver, mode_name(device->mode));
	return say(FAILED, "%s: module %s does not load: %s; it is in mode %s, as before",
		   device->name, driver, strerror(rc ? -rc : EINVAL), mode_name(device->mode));
}

static void tell_plan(const struct change *change)
{
	const struct device *device = change->device;

	say_result("%s: from %s to %s:", device->name, mode_name(change->from), mode_name(change->to));
	say_result("  load module %s", mode_driver(change->to));
	if (change->from == MODE_SYSTEM_RAM)
		say_result("  take %u of %u memory blocks offline", change->blocks.online,
		       change->blocks.count);
	if (device->mode != MODE_NONE)
		say_result("  take it from driver %s", device->driver);
	say_result("  give it to driver %s", mode_driver(change->to));
	if (change->to == MODE_FSDEV)
		say_result("  tell the driver of bad memory that the platform knows of, and of %u ranges that are written down",
			   change->keep.recorded.count);
	if (change->to == MODE_SYSTEM_RAM)
		say_result("  put its memory blocks online as movable");
	say_result("nothing was changed");
}

static enum outcome prepared(struct change *change, const struct mode_options *options)
{
	struct device *device = change->device;
	enum outcome outcome;
	int rc;

	outcome = look_at_users(device, options);
	if (outcome != DONE)
		return outcome;
	if (change->to == MODE_SYSTEM_RAM && !options->overwrite)
		outcome = look_at_content(device);
	if (change->to == MODE_FSDEV)
		outcome = keep_prepare(&change->keep, device);
	if (outcome == DONE && device->mode == MODE_FSDEV && device->disk[0] && !options->force)
		outcome = claim(change);
	if (outcome != DONE)
		return outcome;
	if (change->from == MODE_SYSTEM_RAM) {
		rc = memory_load(device, &change->blocks);
		if (rc)
			return say(FAILED, "%s: cannot read its memory blocks: %s", device->name,
				   strerror(-rc));
	}
	if (options->dry_run) {
		tell_plan(change);
		return DONE;
	}
	outcome = load_driver(device, change->to);
	if (outcome != DONE)
		return outcome;
	outcome = guarded(change);
	interrupt_default();
	audit("%s: from %s to %s%s%s: %s", device->name, mode_name(change->from),
	      mode_name(change->to), options->force ? ", forced" : "",
	      options->overwrite ? ", overwriting" : "", outcome == DONE ? "done" :
	      outcome == STRANDED ? "failed half way" : "failed");
	return outcome;
}

/* With the lock: whatever held the disk was killed, perhaps before the driver had got all known poison. */
static void end_hold(struct device *device)
{
	if (!journal_held(device))
		return;
	note("%s: an earlier change of mode was cut off before /dev/%s was announced; that is done now",
	     device->name, device->disk);
	keep_again(device);
	journal_hold(device, false);
}

/* Another fsdevctl may have changed it while we waited for the lock. */
static void look_again(struct device *device)
{
	device->mode = device_mode_now(device);
	if (sysfs_link_name(device->driver, sizeof(device->driver), DAX_BUS "/devices/%s/driver",
			    device->name))
		device->driver[0] = '\0';
	device->interrupted = device->mode == MODE_NONE ? journal_read(device) : MODE_OTHER;
	snprintf(device->disk, sizeof(device->disk), "fsdev%.20s", device->name + 3);
	if (device->mode != MODE_FSDEV || !sysfs_there("/sys/class/block/%s", device->disk))
		device->disk[0] = '\0';
}

/**
 * mode_switch() - give a device another mode
 * @device: the device; its mode, driver and disk are brought up to date
 * @to: the mode it is to have
 * @options: how
 *
 * Return: DONE also where it has that mode already. IN_USE: refused. FAILED: it has the mode it had
 * before. STRANDED: it has none, and the message says what to do.
 */
enum outcome mode_switch(struct device *device, enum mode to, const struct mode_options *options)
{
	struct change change = {
		.device = device, .to = to, .claim = -1, .timeout = options->timeout,
		.force = options->force
	};
	enum outcome outcome;
	int lock;

	keep_init(&change.keep);
	if (geteuid() && !options->dry_run)
		return say(FAILED, "%s: changing its mode takes root", device->name);
	if (!device->size)
		return say(BAD_INPUT, "%s: has no memory; give it some: daxctl create-device -r %u",
			   device->name, device->region);
	lock = options->dry_run ? -1 : journal_lock(device);
	if (lock < 0 && !options->dry_run)
		return say(FAILED, "%s: cannot lock it below " STATE_DIR ": %s", device->name,
			   strerror(-lock));
	if (!options->dry_run)
		policy_mend();
	look_again(device);
	change.from = device->mode;
	if (device->interrupted != MODE_OTHER) {
		note("%s: an earlier change of mode was cut off; it was in mode %s before",
		     device->name, mode_name(device->interrupted));
		change.from = device->interrupted;
	}
	if (device->mode == to) {
		note("%s: is in mode %s already", device->name, mode_name(to));
		outcome = DONE;
		if (to == MODE_FSDEV && lock >= 0) {
			end_hold(device);
			if (keep_missing(device))
				outcome = keep_late(device);
		}
	} else if (device->mode == MODE_OTHER) {
		outcome = say(FAILED, "%s: driver %s has it, which fsdevctl does not know",
			      device->name, device->driver);
	} else {
		outcome = prepared(&change, options);
	}
	memory_free(&change.blocks);
	keep_free(&change.keep);
	release(&change);
	look_again(device);
	if (lock >= 0)
		close(lock);
	return outcome;
}
