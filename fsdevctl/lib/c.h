/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel's headers offer, and C's do not. */
#ifndef FSDEVCTL_C_H
#define FSDEVCTL_C_H

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define __printf(at, first) __attribute__((format(printf, at, first)))

#endif
