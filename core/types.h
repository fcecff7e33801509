/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Types and macros of core/, so that the same source compiles in the kernel and on the host.
 */
#ifndef FSDEV_CORE_TYPES_H
#define FSDEV_CORE_TYPES_H

/* Hides from the compiler that @x has not changed, as OPTIMIZER_HIDE_VAR(); no instruction. */
#ifdef __CPROVER__
#define unrelated(x) ((void)(x))
#else
#define unrelated(x) asm("" : "+r" (x))
#endif

#ifdef __KERNEL__

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/poison.h>
#include <linux/stddef.h>
#include <linux/string.h>

#else

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* As in the kernel, so that one printf format fits both. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

/* What x86-64 and arm64 add to a pointer that is not to be followed. */
#define POISON_POINTER_DELTA 0xdead000000000000UL

#define U32_MAX ((u32)~0U)
#define U64_MAX ((u64)~0ULL)

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif /* __KERNEL__ */

#endif
