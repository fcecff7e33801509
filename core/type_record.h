/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Type records: what a kernel's type information (BTF) said of the types that the driver relies on.
 *
 * btf2layout takes them from the kernel that the driver is built for, and the driver compares them
 * with the kernel that loads it: both by this code.
 */
#ifndef FSDEV_CORE_TYPE_RECORD_H
#define FSDEV_CORE_TYPE_RECORD_H

#include "types.h"

/* Of a name, with its final zero. */
#define TYPE_RECORD_NAME 52

/**
 * enum type_record_kind - what a record is of
 * @TYPE_RECORD_STRUCT: a structure: its size in bytes
 * @TYPE_RECORD_MEMBER: a member of one: its place in bits, and a hash of its type
 * @TYPE_RECORD_FUNCTION: a function: its number of parameters, and a hash of its type
 */
enum type_record_kind {
	TYPE_RECORD_STRUCT,
	TYPE_RECORD_MEMBER,
	TYPE_RECORD_FUNCTION,
};

/**
 * struct type_record - one of them
 * @name: "structure", "structure.member" or "function"
 * @kind: enum type_record_kind
 * @value: as the kind says
 * @hash: as the kind says
 */
struct type_record {
	char name[TYPE_RECORD_NAME];
	u32 kind;
	u32 value;
	u32 hash;
};

/**
 * struct type_info - type information that is being read
 * @types: its section of types
 * @types_size: in bytes
 * @strings: its section of names, which ends with a zero
 * @strings_size: in bytes
 * @nr: how many types there are; the ids are from 1 to that
 * @at: where each type begins in @types, in units of 4 bytes, by its id; the caller's memory
 */
struct type_info {
	const u8 *types;
	u32 types_size;
	const char *strings;
	u32 strings_size;
	u32 nr;
	u32 *at;
};

int type_info_open(struct type_info *info, const void *btf, size_t size);
void type_info_index(struct type_info *info, u32 *at);
void type_record_find(const struct type_info *info, const struct type_record *records,
		      unsigned int nr, u32 *ids);
bool type_record_measure(const struct type_info *info, u32 id, struct type_record *record);

#endif
