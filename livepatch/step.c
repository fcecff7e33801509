// SPDX-License-Identifier: GPL-2.0
/*
 * Single-stepping: runs a function of the kernel with a kprobe on each instruction, and calls back
 * before each. The examination so sees the code that the compiler made.
 */
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "livepatch.h"

/* Bytes of a function that are probed at most. */
#define LONGEST 4096	/* no page */

static struct kprobe *probes;
static struct kprobe **registered;
static int nr_registered;

/* the task that is stepped, and its callback; other tasks pass the probes unnoticed */
static struct task_struct *stepper;
static void (*at_each)(void *arg);
static void *argument;

static int before_instruction(struct kprobe *probe, struct pt_regs *regs)
{
	if (READ_ONCE(stepper) == current)
		at_each(argument);
	return 0;
}

static unsigned long size_of(const void *address)
{
	char text[KSYM_SYMBOL_LEN], *slash;
	unsigned long size;

	sprint_symbol(text, (unsigned long)address);
	slash = strrchr(text, '/');
	/* "name+0x0/0x1a0", and what follows in brackets for a module */
	if (!slash || sscanf(slash, "/0x%lx", &size) != 1)
		return 0;
	return min_t(unsigned long, size, LONGEST);
}

static bool probe_at(const char *function, unsigned long offset)
{
	struct kprobe *probe = &probes[offset];

	probe->symbol_name = function;
	probe->offset = offset;
	probe->pre_handler = before_instruction;
	/* most offsets are in the middle of an instruction, and refused */
	if (register_kprobe(probe))
		return false;
	registered[nr_registered++] = probe;
	return true;
}

static int allocate(unsigned long size)
{
	probes = kvcalloc(size, sizeof(*probes), GFP_KERNEL);
	registered = kvcalloc(size, sizeof(*registered), GFP_KERNEL);
	return probes && registered ? 0 : -ENOMEM;
}

/* Looks up the function's address by a temporary probe. */
static void *address_of(const char *function)
{
	struct kprobe probe = { .symbol_name = function };
	void *address;

	if (register_kprobe(&probe))
		return NULL;
	address = probe.addr;
	unregister_kprobe(&probe);
	return address;
}

/**
 * step_begin() - prepare to step through a function
 * @function: its name
 * @at_step: called before each of its instructions between step_go() and step_halt(); atomic
 * @arg: passed to @at_step
 *
 * Context: may sleep; one at a time.
 * Return: 0; -ENOENT where the kernel has no such function, or it cannot be stepped through.
 */
int step_begin(const char *function, void (*at_step)(void *arg), void *arg)
{
	void *address = address_of(function);
	unsigned long size = address ? size_of(address) : 0;
	int rc;

	if (!size)
		return -ENOENT;
	rc = allocate(size);
	if (rc) {
		step_end();
		return rc;
	}
	at_each = at_step;
	argument = arg;
	for (unsigned long offset = 0; offset < size; offset++)
		probe_at(function, offset);
	/* any of these functions has more instructions */
	if (nr_registered < 4) {
		step_end();
		return -ENOENT;
	}
	return 0;
}

/**
 * step_go() - begin to step the current task
 *
 * Context: any.
 */
void step_go(void)
{
	WRITE_ONCE(stepper, current);
}

/**
 * step_halt() - stop stepping
 *
 * Context: any.
 */
void step_halt(void)
{
	WRITE_ONCE(stepper, NULL);
}

/**
 * step_end() - undo step_begin()
 *
 * Context: may sleep.
 */
void step_end(void)
{
	if (nr_registered)
		unregister_kprobes(registered, nr_registered);
	nr_registered = 0;
	kvfree(registered);
	kvfree(probes);
	registered = NULL;
	probes = NULL;
}
