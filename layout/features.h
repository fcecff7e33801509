/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_FEATURES_H
#define LAYOUT_FEATURES_H

#include <stdio.h>

#include "symvers.h"
#include "types.h"

int features_check(struct types *types, const struct symvers *symvers, FILE *err);
void features_write(struct types *types, FILE *out);

#endif
