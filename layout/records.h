/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_RECORDS_H
#define LAYOUT_RECORDS_H

#include <stdbool.h>
#include <stdio.h>

#include <bpf/btf.h>

#include "../core/type_record.h"

/**
 * struct records - the type records of a kernel, while they are collected
 * @all: those
 * @nr: how many
 * @failed: there was no memory for one, or its name is too long
 */
struct records {
	struct type_record *all;
	unsigned int nr;
	bool failed;
};

void records_add(struct records *records, enum type_record_kind kind, const char *name,
		 const char *member);

void records_add_public(struct records *records);

int records_write(struct records *records, const struct btf *btf, FILE *out, FILE *err);

void records_free(struct records *records);

#endif
