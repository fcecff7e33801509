/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_FEATURES_H
#define LAYOUT_FEATURES_H

#include <stdio.h>

#include "types.h"

void features_write(struct types *types, FILE *out);

#endif
