// SPDX-License-Identifier: GPL-2.0
/*
 * A change of mode, against a small bus: every write that it makes fails once, or kills the process
 * that makes it, from every mode to every other. It has to end in the new mode or in the old one.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fsdevctl/lib/audit.h"
#include "fsdevctl/lib/claim.h"
#include "fsdevctl/lib/content.h"
#include "fsdevctl/lib/journal.h"
#include "fsdevctl/lib/kmsg.h"
#include "fsdevctl/lib/keep.h"
#include "fsdevctl/lib/memory.h"
#include "fsdevctl/lib/mode_switch.h"
#include "fsdevctl/lib/module.h"
#include "fsdevctl/lib/policy.h"
#include "fsdevctl/lib/sysfs.h"
#include "fsdevctl/lib/users.h"

#define BLOCKS 3
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the kernel knows. Parent and child share it. */
static struct world {
	enum mode bound, journal;
	bool id[MODE_OTHER + 1], online[BLOCKS], held, used;
	bool refuses[MODE_OTHER + 1];	/* this driver takes nothing */
	bool lost;		/* memory left system-ram while it was online */
	bool claimed, opened;	/* the disk is claimed, or open, and no user is found */
	bool content;		/* a file system lies on the device */
	enum { GOOD, UNREADABLE, UNOFFERED, UNTAKEN, UNWRITTEN, MISSING } record;
	bool offered;		/* the driver has what is written down, before it has the device */
	bool written;		/* what is poisoned was written down before the driver left */
	int policies;		/* the machine-wide setting is held */
	bool unclaimed;		/* it was unbound when the claim was gone */
	int claim;		/* the descriptor of our claim, -1 before there is one */
	int writes, fail_at, fail_errno, kill_at;
	pid_t parent;
} *world;

/* A change of mode is root's; here it changes only this world. */
uid_t geteuid(void)
{
	return 0;
}

/* What the tool says is not what is tested here. */
enum outcome say(enum outcome outcome, const char *format, ...)
{
	(void)format;
	return outcome;
}

void note(const char *format, ...)
{
	(void)format;
}

void say_result(const char *format, ...)
{
	(void)format;
}

void audit(const char *format, ...)
{
	(void)format;
}

static enum mode driver_in(const char *path)
{
	for (enum mode mode = MODE_DEVDAX; mode < MODE_OTHER; mode++) {
		char part[64];

		snprintf(part, sizeof(part), "/drivers/%s/", mode_driver(mode));
		if (strstr(path, part))
			return mode;
	}
	return MODE_OTHER;
}

static int attach(enum mode mode)
{
	if (world->refuses[mode])
		return -EBUSY;
	world->bound = mode;
	return 0;
}

static int do_bind(enum mode mode)
{
	if (world->bound != MODE_NONE)
		return -EBUSY;
	/* device_dax takes every device, the others those whose id they were given */
	if (mode != MODE_DEVDAX && !world->id[mode])
		return -ENODEV;
	return attach(mode);
}

static int do_unbind(void)
{
	if (world->bound == MODE_NONE)
		return -ENOENT;
	/* nothing can come in between the look at users and this */
	if (world->bound == MODE_FSDEV && world->claim >= 0 && fcntl(world->claim, F_GETFD) < 0)
		world->unclaimed = true;
	for (unsigned int i = 0; i < BLOCKS; i++)
		world->lost |= world->bound == MODE_SYSTEM_RAM && world->online[i];
	world->bound = MODE_NONE;
	return 0;
}

int sysfs_write(const char *text, const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	assert_string_equal(text, "dax0.0");
	world->writes++;
	if (world->writes == world->kill_at && getpid() != world->parent)
		kill(getpid(), SIGKILL);
	if (world->writes == world->fail_at)
		return -world->fail_errno;
	if (strstr(path, "/driver/unbind"))
		return do_unbind();
	if (strstr(path, "/remove_id")) {
		world->id[driver_in(path)] = false;
		return 0;
	}
	if (strstr(path, "/new_id")) {
		world->id[driver_in(path)] = true;
		/* the driver looks at all devices, and does not say what became of it */
		if (world->bound == MODE_NONE)
			attach(driver_in(path));
		return 0;
	}
	return do_bind(driver_in(path));
}

enum mode device_mode_now(const struct device *device)
{
	(void)device;
	return world->bound;
}

bool device_named_is_ours(void)
{
	return false;
}

int sysfs_link_name(char *name, size_t size, const char *format, ...)
{
	(void)format;
	snprintf(name, size, "%s", mode_driver(world->bound));
	return world->bound == MODE_NONE ? -ENOENT : 0;
}

int claim_take(const struct device *device, bool *alone)
{
	(void)device;
	*alone = !world->claimed && !world->opened;
	if (world->claimed)
		return -EBUSY;
	world->claim = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
	return world->claim;
}

bool sysfs_there(const char *format, ...)
{
	(void)format;
	return true;
}

int journal_lock(const struct device *device)
{
	(void)device;
	return dup(STDERR_FILENO);
}

int journal_write(const struct device *device, enum mode from)
{
	(void)device;
	world->journal = from;
	return 0;
}

void journal_clear(const struct device *device)
{
	(void)device;
	world->journal = MODE_OTHER;
}

enum mode journal_read(const struct device *device)
{
	(void)device;
	return world->journal;
}

void journal_hold(const struct device *device, bool hold)
{
	(void)device;
	world->held = hold;
}

bool journal_held(const struct device *device)
{
	(void)device;
	return world->held;
}

int kmsg_start(void)
{
	return -1;
}

void kmsg_tell(int kmsg, const char *about)
{
	(void)kmsg;
	(void)about;
}

void keep_init(struct keep *keep)
{
	memset(keep, 0, sizeof(*keep));
}

void keep_free(struct keep *keep)
{
	(void)keep;
}

enum outcome keep_prepare(struct keep *keep, const struct device *device)
{
	(void)keep;
	(void)device;
	assert_true(world->bound != MODE_FSDEV);
	return world->record == UNREADABLE ? FAILED : DONE;
}

/* Poison is the driver's before it has the device, and no system mounts the disk meanwhile. */
void keep_ask(struct keep *keep, const struct device *device)
{
	(void)keep;
	(void)device;
}

enum outcome keep_offer(struct keep *keep, const struct device *device)
{
	(void)keep;
	(void)device;
	assert_true(world->held);
	assert_int_equal(world->bound, MODE_NONE);
	world->offered = true;
	return world->record == UNOFFERED ? FAILED : DONE;
}

enum outcome keep_taken(struct keep *keep, const struct device *device)
{
	(void)keep;
	(void)device;
	assert_true(world->held);
	assert_true(world->offered);
	return world->record == UNTAKEN ? FAILED : DONE;
}

void keep_abandon(struct keep *keep, const struct device *device)
{
	(void)keep;
	(void)device;
	assert_int_not_equal(world->bound, MODE_FSDEV);
	world->offered = false;
}

enum outcome keep_leave(struct keep *keep, struct device *device)
{
	(void)keep;
	(void)device;
	assert_int_equal(world->bound, MODE_FSDEV);
	world->written = world->record != UNWRITTEN;
	return world->written ? DONE : FAILED;
}

enum outcome keep_left(struct keep *keep, struct device *device)
{
	(void)keep;
	(void)device;
	assert_int_equal(world->bound, MODE_NONE);
	return DONE;
}

void keep_again(const struct device *device)
{
	(void)device;
	assert_true(world->held);
}

bool keep_missing(const struct device *device)
{
	(void)device;
	return world->record == MISSING;
}

enum outcome keep_late(struct device *device)
{
	(void)device;
	world->record = GOOD;
	return DONE;
}

int module_load(const char *name)
{
	(void)name;
	return 0;
}

int users_load(const struct device *device, struct users *users)
{
	static struct user user;

	(void)device;
	users->user = &user;
	users->count = world->used;
	return 0;
}

void users_free(struct users *users)
{
	users->count = 0;
}

unsigned int users_blocking(const struct users *users)
{
	return users->count;
}

bool users_may_pass(const struct users *users)
{
	(void)users;
	return false;
}

void user_text(const struct user *user, char *text, size_t size)
{
	(void)user;
	snprintf(text, size, "a user");
}

int memory_load(const struct device *device, struct memory_blocks *blocks)
{
	(void)device;
	blocks->block = calloc(BLOCKS, sizeof(*blocks->block));
	blocks->count = BLOCKS;
	blocks->online = 0;
	for (unsigned int i = 0; i < BLOCKS; i++) {
		blocks->block[i].number = i;
		blocks->block[i].online = world->online[i];
		blocks->online += world->online[i];
	}
	return 0;
}

void memory_free(struct memory_blocks *blocks)
{
	free(blocks->block);
	blocks->block = NULL;
}

enum outcome memory_offline(const struct device *device, const struct memory_blocks *blocks)
{
	(void)device;
	(void)blocks;
	memset(world->online, 0, sizeof(world->online));
	return DONE;
}

int policy_hold(void)
{
	world->policies++;
	return dup(STDERR_FILENO);
}

void policy_release(int lock)
{
	if (lock < 0)
		return;
	world->policies--;
	close(lock);
}

/* What a killed child has left. */
void policy_mend(void)
{
	world->policies = 0;
}

int content_look(const struct device *device, char *found, size_t size)
{
	(void)device;
	snprintf(found, size, "%s", world->content ? "xfs" : "");
	return 0;
}

bool memory_online_at_once(const struct device *device)
{
	(void)device;
	return false;
}

void memory_restore(const struct device *device, const struct memory_blocks *blocks)
{
	(void)device;
	for (unsigned int i = 0; i < blocks->count; i++)
		world->online[i] |= blocks->block[i].online;
}

static void start(enum mode mode)
{
	memset(world, 0, sizeof(*world));
	world->bound = mode;
	world->journal = MODE_OTHER;
	world->id[mode] = mode != MODE_DEVDAX && mode != MODE_NONE;
	world->parent = getpid();
	for (unsigned int i = 0; i < BLOCKS; i++)
		world->online[i] = mode == MODE_SYSTEM_RAM && i != 1;
}

static enum outcome change(enum mode to, const struct mode_options *options)
{
	struct device device = { .name = "dax0.0", .size = 1 << 20, .mode = world->bound };

	world->claim = -1;
	return mode_switch(&device, to, options);
}

static bool whole(enum mode mode)
{
	for (unsigned int i = 0; i < BLOCKS; i++)
		if (world->online[i] != (mode == MODE_SYSTEM_RAM && i != 1))
			return false;
	return world->bound == mode;
}

/* Ended in the new mode, or back in the old one with everything as it was. */
static void judge(enum mode from, enum mode to, enum outcome outcome)
{
	bool done = outcome == DONE;

	if ((outcome != DONE && outcome != FAILED) || world->lost || world->held ||
	    world->unclaimed || world->policies || world->journal != MODE_OTHER || (done ? world->bound != to : !whole(from)))
		fail_msg("from %s to %s, write %d fails with %d, %d kills: outcome %d, mode %s%s%s%s%s",
			 mode_name(from), mode_name(to), world->fail_at, world->fail_errno,
			 world->kill_at, outcome, mode_name(world->bound),
			 world->lost ? ", memory lost" : "", world->held ? ", still held" : "",
			 world->unclaimed ? ", unclaimed" : world->policies ? ", policy kept" : "",
			 world->journal != MODE_OTHER ? ", still noted" : "");
}

static const struct mode_options plain;
static const int errors[] = { EBUSY, ENODEV, EPERM };

static void each_change(void (*one)(enum mode from, enum mode to))
{
	for (enum mode from = MODE_NONE; from < MODE_OTHER; from++)
		for (enum mode to = MODE_DEVDAX; to < MODE_OTHER; to++)
			if (from != to)
				one(from, to);
}

static void is_done(enum mode from, enum mode to)
{
	start(from);
	assert_int_equal(change(to, &plain), DONE);
	judge(from, to, DONE);
	for (enum mode mode = MODE_NONE; mode < MODE_OTHER; mode++)
		if (mode != to)
			assert_false(world->id[mode]);
}

static void goes_well(void **state)
{
	(void)state;
	each_change(is_done);
}

static void fails_once(enum mode from, enum mode to)
{
	int writes = 1;

	for (unsigned int i = 0; i < COUNT(errors); i++) {
		for (int at = 1; at <= writes; at++) {
			start(from);
			world->fail_at = at;
			world->fail_errno = errors[i];
			judge(from, to, change(to, &plain));
			writes = world->writes > writes ? world->writes : writes;
		}
	}
}

static void any_write_fails(void **state)
{
	(void)state;
	each_change(fails_once);
}

static void killed_once(enum mode from, enum mode to)
{
	int writes = 1;

	for (int at = 1; at <= writes; at++) {
		start(from);
		world->kill_at = at;
		judge(from, to, change(to, &plain));
		writes = world->writes > writes ? world->writes : writes;
	}
}

static void any_write_kills(void **state)
{
	(void)state;
	each_change(killed_once);
}

static void refused(enum mode from, enum mode to)
{
	start(from);
	world->refuses[to] = true;
	assert_int_equal(change(to, &plain), FAILED);
	judge(from, to, FAILED);
	assert_false(world->id[to]);
}

static void new_driver_refuses(void **state)
{
	(void)state;
	each_change(refused);
}

/* Neither driver takes it: that is said, and the next command knows where it came from. */
static void no_mode_takes_it(void **state)
{
	(void)state;
	start(MODE_DEVDAX);
	world->refuses[MODE_FSDEV] = true;
	world->refuses[MODE_DEVDAX] = true;
	assert_int_equal(change(MODE_FSDEV, &plain), STRANDED);
	assert_int_equal(world->bound, MODE_NONE);
	assert_int_equal(world->journal, MODE_DEVDAX);
	world->refuses[MODE_DEVDAX] = false;
	assert_int_equal(change(MODE_FSDEV, &plain), FAILED);
	assert_int_equal(world->bound, MODE_DEVDAX);
	assert_int_equal(world->journal, MODE_OTHER);
}

static void used_devices_stay(void **state)
{
	static const struct mode_options force = { .force = true };

	(void)state;
	start(MODE_FSDEV);
	world->used = true;
	assert_int_equal(change(MODE_DEVDAX, &plain), IN_USE);
	assert_int_equal(world->writes, 0);
	assert_true(whole(MODE_FSDEV));
	assert_int_equal(change(MODE_DEVDAX, &force), DONE);
	assert_true(whole(MODE_DEVDAX));
}

/* What no table shows has the disk claimed, or open without a claim. */
static void unseen_users_count(void **state)
{
	static const struct mode_options force = { .force = true };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		start(MODE_FSDEV);
		world->claimed = !i;
		world->opened = i;
		assert_int_equal(change(MODE_DEVDAX, &plain), IN_USE);
		assert_int_equal(world->writes, 0);
		assert_true(whole(MODE_FSDEV));
		assert_int_equal(change(MODE_DEVDAX, &force), DONE);
	}
}

static void the_claim_is_kept(void **state)
{
	(void)state;
	start(MODE_FSDEV);
	assert_int_equal(change(MODE_DEVDAX, &plain), DONE);
	assert_true(world->claim >= 0);
	assert_false(world->unclaimed);
	/* and is over with the change */
	assert_int_equal(fcntl(world->claim, F_GETFD), -1);
}

static void what_lies_on_it_is_not_lost(void **state)
{
	static const struct mode_options overwrite = { .overwrite = true };
	static const struct mode_options force = { .force = true };

	(void)state;
	start(MODE_FSDEV);
	world->content = true;
	assert_int_equal(change(MODE_SYSTEM_RAM, &plain), FAILED);
	assert_int_equal(change(MODE_SYSTEM_RAM, &force), FAILED);
	assert_int_equal(world->writes, 0);
	assert_true(whole(MODE_FSDEV));
	assert_int_equal(change(MODE_SYSTEM_RAM, &overwrite), DONE);
	start(MODE_FSDEV);
	world->content = true;
	/* which leaves it where it is */
	assert_int_equal(change(MODE_DEVDAX, &plain), DONE);
}

/* Both processes were killed while known bad memory was told: the next command ends that. */
static void a_hold_is_ended(void **state)
{
	(void)state;
	start(MODE_FSDEV);
	world->held = true;
	assert_int_equal(change(MODE_FSDEV, &plain), DONE);
	assert_false(world->held);
	assert_int_equal(world->writes, 0);
}

/* What is written down of its poison cannot be read, or given to the driver: it must not have the device. */
static void poison_comes_first(void **state)
{
	(void)state;
	for (enum mode from = MODE_NONE; from < MODE_OTHER; from++) {
		if (from == MODE_FSDEV)
			continue;
		for (unsigned int i = UNREADABLE; i <= UNTAKEN; i++) {
			start(from);
			world->record = i;
			assert_int_equal(change(MODE_FSDEV, &plain), FAILED);
			judge(from, MODE_FSDEV, FAILED);
			assert_false(world->offered);
			assert_true(i != UNREADABLE || !world->writes);
		}
	}
}

/* What cannot be written down keeps the driver, but for --force. */
static void poison_is_written_down_first(void **state)
{
	static const struct mode_options force = { .force = true };

	(void)state;
	start(MODE_FSDEV);
	assert_int_equal(change(MODE_DEVDAX, &plain), DONE);
	assert_true(world->written);
	start(MODE_FSDEV);
	world->record = UNWRITTEN;
	assert_int_equal(change(MODE_DEVDAX, &plain), FAILED);
	judge(MODE_FSDEV, MODE_DEVDAX, FAILED);
	assert_int_equal(world->writes, 0);
	assert_int_equal(change(MODE_DEVDAX, &force), DONE);
}

static void poison_that_is_missing_comes_late(void **state)
{
	(void)state;
	start(MODE_FSDEV);
	world->record = MISSING;
	assert_int_equal(change(MODE_FSDEV, &plain), DONE);
	assert_int_equal(world->record, GOOD);
	assert_int_equal(world->writes, 0);
}

static void dry_run_changes_nothing(void **state)
{
	static const struct mode_options dry = { .dry_run = true };

	(void)state;
	start(MODE_SYSTEM_RAM);
	assert_int_equal(change(MODE_FSDEV, &dry), DONE);
	assert_int_equal(world->writes, 0);
	assert_true(whole(MODE_SYSTEM_RAM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_well),
		cmocka_unit_test(any_write_fails),
		cmocka_unit_test(any_write_kills),
		cmocka_unit_test(new_driver_refuses),
		cmocka_unit_test(no_mode_takes_it),
		cmocka_unit_test(used_devices_stay),
		cmocka_unit_test(unseen_users_count),
		cmocka_unit_test(the_claim_is_kept),
		cmocka_unit_test(what_lies_on_it_is_not_lost),
		cmocka_unit_test(a_hold_is_ended),
		cmocka_unit_test(poison_comes_first),
		cmocka_unit_test(poison_is_written_down_first),
		cmocka_unit_test(poison_that_is_missing_comes_late),
		cmocka_unit_test(dry_run_changes_nothing),
	};

	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (world == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests_name("fsdevctl, changes of mode", tests, NULL, NULL);
}
