/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_STRUCTS_H
#define LAYOUT_STRUCTS_H

#include <stdio.h>

#include "records.h"
#include "types.h"

int structs_check(struct types *types, FILE *err);

int structs_write(struct types *types, FILE *out, FILE *err);

void structs_record(const struct types *types, struct records *records);

void structs_forward(struct types *types, __u32 type, FILE *out);

#endif
