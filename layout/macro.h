/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_MACRO_H
#define LAYOUT_MACRO_H

#include <stdio.h>

void macro_write(FILE *out, const char *name, const char *member);

#endif
