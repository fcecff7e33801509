/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Having the kernel handle a failure that never was.
 */
#ifndef FSDEV_COMPAT_FAILURE_H
#define FSDEV_COMPAT_FAILURE_H

#include <linux/errno.h>
#include <linux/mm.h>

#ifdef FSDEV_HAVE_MEMORY_FAILURE
#define COMPAT_CAN_INJECT true
#else
#define COMPAT_CAN_INJECT false
#endif

/**
 * compat_memory_failure() - has the kernel handle the failure of a page
 * @pfn: the page
 * @flags: MF_...
 *
 * Context: may sleep.
 * Return: what the kernel says; -EOPNOTSUPP if it has no such function for modules.
 */
static inline int compat_memory_failure(unsigned long pfn, int flags)
{
#ifdef FSDEV_HAVE_MEMORY_FAILURE
	return memory_failure(pfn, flags);
#else
	return -EOPNOTSUPP;
#endif
}

#endif
