/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What processors do differently: calls of functions whose first instruction has a probe.
 */
#ifndef FSDEV_TEST_ARCH_H
#define FSDEV_TEST_ARCH_H

#include <linux/kprobes.h>
#include <linux/ptrace.h>

#ifdef CONFIG_X86_64
#include <linux/objtool.h>
#include <asm/asm.h>
#include <asm/linkage.h>

/* Returns to the caller of the function in whose place it runs. */
void fsdev_test_return(void);

asm(".pushsection .text\n"
	".type fsdev_test_return, @function\n"
	".globl fsdev_test_return\n"
	"fsdev_test_return:\n"
	"	" ANNOTATE_NOENDBR "\n"
	"	" ASM_RET "\n"
	".size fsdev_test_return, . - fsdev_test_return\n"
	".popsection\n");

static inline unsigned long arch_caller(struct pt_regs *regs)
{
	return *(unsigned long *)kernel_stack_pointer(regs);
}

static inline void arch_return(struct pt_regs *regs, unsigned long result)
{
	regs_set_return_value(regs, result);
	instruction_pointer_set(regs, (unsigned long)fsdev_test_return);
}
#else
static inline unsigned long arch_caller(struct pt_regs *regs)
{
	return procedure_link_pointer(regs);
}

static inline void arch_return(struct pt_regs *regs, unsigned long result)
{
	regs_set_return_value(regs, result);
	instruction_pointer_set(regs, procedure_link_pointer(regs));
}
#endif

#endif
