/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_EXPORTS_H
#define LAYOUT_EXPORTS_H

#include <stdio.h>

#include "records.h"
#include "symvers.h"
#include "types.h"

int exports_check(const struct types *types, const struct symvers *symvers, FILE *err);

void exports_write_macros(const struct types *types, const struct symvers *symvers, FILE *out);

int exports_write_prototypes(struct types *types, const struct symvers *symvers, FILE *out,
			     FILE *err);

void exports_record(const struct types *types, const struct symvers *symvers,
		    struct records *records);

#endif
