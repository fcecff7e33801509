/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replacing a function of the kernel by ftrace.
 */
#ifndef FSDEV_COMPAT_FTRACE_H
#define FSDEV_COMPAT_FTRACE_H

#include <linux/ftrace.h>
#include <linux/string.h>
#include <linux/uaccess.h>

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

/*
 * Where a function goes on behind the place @at where ftrace comes in, for a direct call; 0 where
 * that place does not look as expected.
 */
static inline unsigned long compat_ftrace_body(unsigned long at)
{
#ifdef CONFIG_X86_64
	static const u8 nop[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };	/* nopl 0(%rax,%rax,1) */
	static const u8 call = 0xe8, patching = 0xcc;	/* ftrace changes it this moment */
	u8 text[sizeof(nop)];

	if (!copy_from_kernel_nofault(text, (const void *)at, sizeof(text)) &&
	    (text[0] == call || text[0] == patching || !memcmp(text, nop, sizeof(nop))))
		return at + MCOUNT_INSN_SIZE;
#endif
	return 0;
}

#endif
