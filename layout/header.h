/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_HEADER_H
#define LAYOUT_HEADER_H

#include <stdio.h>

#include <bpf/btf.h>

#include "symvers.h"

int header_write(const struct btf *btf, const struct symvers *symvers, FILE *out, FILE *err);

#endif
