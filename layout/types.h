/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAYOUT_TYPES_H
#define LAYOUT_TYPES_H

#include <stdbool.h>
#include <stdio.h>

#include <bpf/btf.h>

#define TYPES_DECLARED 64

/**
 * struct types - a kernel's types, and a renderer of them in C
 * @btf: the kernel's BTF
 * @dump: libbpf's renderer for it
 * @sink: where that writes at the moment
 * @declared: the structures that the header which is being written has declared so far
 * @declared_count: how many those are
 */
struct types {
	const struct btf *btf;
	struct btf_dump *dump;
	FILE *sink;
	const char *declared[TYPES_DECLARED];
	size_t declared_count;
};

/**
 * struct place - a member as BTF describes it
 * @name: its name
 * @type: the id of its type
 * @bit: its offset in the outermost structure, in bits
 * @bits: the width of a bit-field, 0 for any other member
 */
struct place {
	const char *name;
	__u32 type;
	__u32 bit;
	__u32 bits;
};

int types_open(struct types *types, const struct btf *btf, FILE *err);

void types_close(struct types *types);

__u32 types_struct(const struct types *types, const char *name);

__u32 types_enum(const struct types *types, const char *name);

__u32 types_prototype(const struct types *types, const char *name);

bool types_each_member(const struct types *types, __u32 structure,
		       bool (*visit)(const struct place *place, void *context), void *context);

bool types_member(const struct types *types, __u32 structure, const char *name,
		  struct place *place);

char *types_text(struct types *types, __u32 type, const char *name, int indent);

#endif
