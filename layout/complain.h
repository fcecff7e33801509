/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_COMPLAIN_H
#define LAYOUT_COMPLAIN_H

#include <stdio.h>

#define __printf(string, first) __attribute__((	\
	format(printf, string, first)))

__printf(2, 3) int complain(FILE *err, const char *format, ...);

#endif
