/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Redirect: ftrace has functions of the kernel replaced.
 */
#ifndef FSDEV_REDIRECT_H
#define FSDEV_REDIRECT_H

#include <linux/types.h>

#include "compat/ftrace.h"

/**
 * struct redirect - a function that is replaced
 * @name: the function's
 * @replacement: what is called instead, in the task and under the locks of the caller
 * @set_original: gets where the function goes on behind the place where ftrace comes in, for direct
 *	calls of it, before it is replaced
 * @wanted: says, by the arguments of a call, whether it goes to the replacement; NULL if each does.
 *	Is not traced, and does not sleep
 * @at: where ftrace comes in
 */
struct redirect {
	const char *name;
	void *replacement;
	void (*set_original)(unsigned long body);
	bool (*wanted)(struct ftrace_regs *fregs);
	unsigned long at;
};

/**
 * struct redirect_set - functions that are replaced together: all or none
 * @functions: those
 * @nr: how many
 * @there: ftrace has them; protected as redirect_install() says
 * @active: calls go to the replacements; written under the same protection
 * @ops: for ftrace
 */
struct redirect_set {
	struct redirect *const *functions;
	unsigned int nr;
	bool there;
	bool active;
#ifdef COMPAT_FTRACE_IPMODIFY
	struct ftrace_ops ops;
#endif
};

int redirect_install(struct redirect_set *set);
void redirect_remove(struct redirect_set *set);
void redirect_switch(struct redirect_set *set, bool active);

#endif
