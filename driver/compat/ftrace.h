/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replacing a function of the kernel by ftrace.
 */
#ifndef FSDEV_COMPAT_FTRACE_H
#define FSDEV_COMPAT_FTRACE_H

#include <linux/ftrace.h>

/*
 * Flags of an ftrace_ops that moves the instruction pointer, and how its callback does so. The
 * second has had two names.
 */
#if defined(ftrace_regs_set_instruction_pointer)
#define compat_ftrace_set_ip ftrace_regs_set_instruction_pointer
#elif defined(ftrace_instruction_pointer_set)
#define compat_ftrace_set_ip ftrace_instruction_pointer_set
#endif

/* An argument of the function that is called; x86 of 6.1 has no macro for it. */
#ifdef ftrace_regs_get_argument
#define compat_ftrace_argument ftrace_regs_get_argument
#else
#define compat_ftrace_argument(fregs, n) regs_get_kernel_argument(&(fregs)->regs, n)
#endif

#if defined(compat_ftrace_set_ip) && defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS)
#define COMPAT_FTRACE_IPMODIFY (FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)
#elif defined(compat_ftrace_set_ip) && defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS)
#define COMPAT_FTRACE_IPMODIFY \
	(FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | FTRACE_OPS_FL_SAVE_REGS)
#endif

/* A function's start and ftrace's call in it are less than so many bytes apart. */
#define COMPAT_FTRACE_ENTRY 16

#endif
