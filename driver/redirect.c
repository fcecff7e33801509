// SPDX-License-Identifier: GPL-2.0
/*
 * Redirect: have ftrace replace functions of the kernel.
 *
 * What stands in for a function calls the original by a static call, behind the place where ftrace
 * comes in: a processor that tracks branches lets none but direct calls reach a static function,
 * and no other tracer sees the call twice.
 *
 * A set stays from its first use until this module, or the one that has the functions, is unloaded:
 * to take it off goes over all functions of the kernel several times, which would be most of the
 * cost of an unbind. It does nothing while it is not switched on. It is permanent while it is
 * there: kernel.ftrace_enabled cannot be cleared.
 */
#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/kprobes.h>

#include "redirect.h"

#ifdef COMPAT_FTRACE_IPMODIFY
/* Runs while the set is there, when nothing but @active is written. */
static void notrace redirect_call(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
				  struct ftrace_regs *fregs)
{
	const struct redirect_set *set = container_of(ops, struct redirect_set, ops);

	if (!READ_ONCE(set->active))
		return;
	for (unsigned int i = 0; i < set->nr; i++) {
		const struct redirect *function = set->functions[i];

		if (function->at != ip)
			continue;
		if (!function->wanted || function->wanted(fregs))
			compat_ftrace_set_ip(fregs, (unsigned long)function->replacement);
		return;
	}
}

/* Find where ftrace comes into a function, and where that goes on. */
static int redirect_find(struct redirect *function)
{
	struct kprobe probe = { .symbol_name = function->name };
	unsigned long body;
	int rc;

	rc = register_kprobe(&probe);
	if (rc)
		return rc;
	function->at = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	body = compat_ftrace_body(function->at);
	if (!body)
		return -EOPNOTSUPP;
	function->set_original(body);
	return 0;
}

static void redirect_unfilter(struct redirect_set *set, unsigned int nr)
{
	while (nr--)
		ftrace_set_filter_ip(&set->ops, set->functions[nr]->at, 1, 0);
}

/**
 * redirect_install() - have ftrace replace functions, once redirect_switch() says so
 * @set: those; nothing is done if it is there already
 *
 * Context: may sleep; calls for a set are serialized with each other and with redirect_remove() and
 * redirect_switch(). The module that has the functions is there, and ftrace knows of it.
 * Return: 0; -EBUSY if one of the functions is replaced already, as by a livepatch; another
 * negative errno.
 */
int redirect_install(struct redirect_set *set)
{
	unsigned int filtered = 0;
	int rc = 0;

	if (set->there)
		return 0;
	set->ops.func = redirect_call;
	set->ops.flags |= COMPAT_FTRACE_IPMODIFY;
	for (unsigned int i = 0; i < set->nr && !rc; i++)
		rc = redirect_find(set->functions[i]);
	for (; filtered < set->nr && !rc; filtered++)
		rc = ftrace_set_filter_ip(&set->ops, set->functions[filtered]->at, 0, 0);
	if (!rc)
		rc = register_ftrace_function(&set->ops);
	if (rc)
		redirect_unfilter(set, filtered);
	set->there = !rc;
	return rc;
}

/**
 * redirect_remove() - undo redirect_install()
 * @set: those functions; nothing is done if it is not there
 *
 * Callers may still be inside the replacements, or on their way.
 *
 * Context: as for redirect_install().
 */
void redirect_remove(struct redirect_set *set)
{
	if (!set->there)
		return;
	redirect_switch(set, false);
	unregister_ftrace_function(&set->ops);
	redirect_unfilter(set, set->nr);
	set->there = false;
}
#else
int redirect_install(struct redirect_set *set)
{
	return -EOPNOTSUPP;
}

void redirect_remove(struct redirect_set *set)
{
}
#endif

/**
 * redirect_switch() - let calls go to the replacements, or to the functions themselves
 * @set: those functions
 * @active: to the replacements
 *
 * Context: any; serialized as for redirect_install().
 */
void redirect_switch(struct redirect_set *set, bool active)
{
	WRITE_ONCE(set->active, active);
}
