/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_HEADER_H
#define LAYOUT_HEADER_H

#include <stdio.h>

#include <bpf/btf.h>

#include "symvers.h"

struct xfs;

int header_write(const struct btf *btf, const struct symvers *symvers, const struct xfs *xfs,
		 FILE *out, FILE *err);

#endif
