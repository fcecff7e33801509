// SPDX-License-Identifier: GPL-2.0
/*
 * Type records: what a kernel's type information (BTF) said of the types that the driver relies on.
 *
 * The format is that of include/uapi/linux/btf.h; Linux 7.3 has made two of its fields wider, into
 * bits that were zero before, which is why the masks are here.
 */
#ifdef __KERNEL__
#include <uapi/linux/btf.h>
#else
#include <linux/btf.h>
#endif

#include "type_record.h"

#define INFO_KIND(info) (((info) >> 24) & 0x7f)
#define INFO_VLEN(info) ((info) & 0xffffff)
#define INFO_FLAG(info) ((info) >> 31)

/* Of a member's place, where the structure's flag is set. */
#define PLACE_BIT(place) ((place) & 0xffffff)
#define PLACE_WIDTH(place) ((place) >> 24)

/* Deeper than any type that is recorded is nested; no kernel's stack is exhausted before. */
#define DEPTH 6
/* Longer than any chain of qualifiers and pointers. */
#define CHAIN 32

/* A member may have any name, an anonymous one has none. */
struct member {
	u32 name;
	u32 type;
	u32 bit;
	u32 width;
};

/* FNV-1a */
#define HASH_START 2166136261u
#define HASH_PRIME 16777619u

static u32 hash_byte(u32 hash, u8 byte)
{
	return (hash ^ byte) * HASH_PRIME;
}

static u32 hash_number(u32 hash, u32 number)
{
	for (int shift = 0; shift < 32; shift += 8)
		hash = hash_byte(hash, number >> shift);
	return hash;
}

static u32 hash_text(u32 hash, const char *text)
{
	for (; *text; text++)
		hash = hash_byte(hash, *text);
	return hash_byte(hash, 0);
}

static const char *name_at(const struct type_info *info, u32 offset)
{
	return offset < info->strings_size ? info->strings + offset : "";
}

/* Bytes that follow a type's struct btf_type; U64_MAX for a kind that is not known. */
static u64 tail_of(const struct btf_type *type)
{
	u64 vlen = INFO_VLEN(type->info);

	switch (INFO_KIND(type->info)) {
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	case BTF_KIND_INT:
		return sizeof(u32);
	case BTF_KIND_VAR:
		return sizeof(struct btf_var);
	case BTF_KIND_DECL_TAG:
		return sizeof(struct btf_decl_tag);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return vlen * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return vlen * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return vlen * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return vlen * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return vlen * sizeof(struct btf_var_secinfo);
	default:
		return U64_MAX;
	}
}

/* Where the type after that at @offset begins; 0 if there is no whole type at @offset. */
static u32 next_type(const struct type_info *info, u32 offset)
{
	u32 left = info->types_size - offset;
	u64 tail;

	if (left < sizeof(struct btf_type))
		return 0;
	tail = tail_of((const struct btf_type *)(info->types + offset));
	left -= sizeof(struct btf_type);
	return tail > left ? 0 : info->types_size - left + tail;
}

/**
 * type_info_open() - find the sections of a BTF and count its types
 * @info: filled in, but for @info->at
 * @btf: aligned as a u32 is, safe for any bytes, and has to outlive @info
 * @size: in bytes
 *
 * Context: any.
 * Return: 0, or -EINVAL: damaged, or with a kind of type that is not known.
 */
int type_info_open(struct type_info *info, const void *btf, size_t size)
{
	const struct btf_header *header = btf;
	u64 end;

	memset(info, 0, sizeof(*info));
	if (size < sizeof(u64) + 4 * sizeof(u32) || size > U32_MAX ||
	    header->magic != BTF_MAGIC || header->version != BTF_VERSION ||
	    header->hdr_len > size || header->hdr_len % 4 || header->type_off % 4)
		return -EINVAL;
	end = size - header->hdr_len;
	if ((u64)header->type_off + header->type_len > end ||
	    (u64)header->str_off + header->str_len > end || !header->str_len)
		return -EINVAL;
	info->types = (const u8 *)btf + header->hdr_len + header->type_off;
	info->types_size = header->type_len;
	info->strings = (const char *)btf + header->hdr_len + header->str_off;
	info->strings_size = header->str_len;
	if (info->strings[info->strings_size - 1])
		return -EINVAL;
	for (u32 offset = 0; offset < info->types_size; info->nr++) {
		offset = next_type(info, offset);
		if (!offset)
			return -EINVAL;
	}
	return 0;
}

/**
 * type_info_index() - note where each type begins
 * @info: from type_info_open()
 * @at: memory for one more than @info->nr, which has to outlive @info
 *
 * Context: any.
 */
void type_info_index(struct type_info *info, u32 *at)
{
	u32 offset = 0;

	at[0] = 0;
	for (u32 id = 1; id <= info->nr; id++) {
		at[id] = offset / 4;
		offset = next_type(info, offset);
	}
	info->at = at;
}

static const struct btf_type *type_of(const struct type_info *info, u32 id)
{
	if (!id || id > info->nr)
		return NULL;
	return (const struct btf_type *)(info->types + 4 * (size_t)info->at[id]);
}

static bool is_composite(const struct btf_type *type)
{
	return type && (INFO_KIND(type->info) == BTF_KIND_STRUCT ||
			INFO_KIND(type->info) == BTF_KIND_UNION);
}

static struct member member_of(const struct btf_type *type, u32 i)
{
	const struct btf_member *member = (const struct btf_member *)(type + 1) + i;
	bool flag = INFO_FLAG(type->info);

	return (struct member){
		.name = member->name_off,
		.type = member->type,
		.bit = flag ? PLACE_BIT(member->offset) : member->offset,
		.width = flag ? PLACE_WIDTH(member->offset) : 0,
	};
}

static u32 hash_type(const struct type_info *info, u32 id, u32 hash, unsigned int depth);

/* Of a function's type, without what it returns. */
static u32 hash_parameters(const struct type_info *info, const struct btf_type *type, u32 hash,
			   unsigned int depth)
{
	const struct btf_param *parameter = (const struct btf_param *)(type + 1);

	hash = hash_byte(hash, '(');
	for (u32 i = 0; i < INFO_VLEN(type->info); i++)
		hash = hash_byte(hash_type(info, parameter[i].type, hash, depth + 1), ',');
	return hash_byte(hash, ')');
}

/* Compilers differ in how they call it. */
static u32 hash_integer(const struct btf_type *type, u32 hash)
{
	const u32 *integer = (const u32 *)(type + 1);

	return hash_number(hash_number(hash, type->size), *integer);
}

/* A structure and its forward declaration are the same behind a pointer. */
static u32 hash_named(const struct type_info *info, const struct btf_type *type, u32 hash,
		      bool pointed)
{
	u32 kind = INFO_KIND(type->info);

	hash = hash_byte(hash, kind == BTF_KIND_FWD ? BTF_KIND_STRUCT : kind);
	if (kind == BTF_KIND_INT)
		return hash_integer(type, hash);
	hash = hash_text(hash, name_at(info, type->name_off));
	return pointed || kind == BTF_KIND_FWD ? hash : hash_number(hash, type->size);
}

/*
 * What a caller or a reader of the type relies on. Qualifiers and the names of typedefs make no
 * difference; of what is behind a pointer the name counts.
 */
static u32 hash_type(const struct type_info *info, u32 id, u32 hash, unsigned int depth)
{
	bool pointed = false;

	for (unsigned int i = 0; i < CHAIN && depth < DEPTH; i++) {
		const struct btf_type *type = type_of(info, id);
		const struct btf_array *array;

		if (!type)
			return hash_text(hash, "void");
		id = type->type;
		switch (INFO_KIND(type->info)) {
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
			break;
		case BTF_KIND_PTR:
			hash = hash_byte(hash, '*');
			pointed = true;
			break;
		case BTF_KIND_ARRAY:
			array = (const struct btf_array *)(type + 1);
			hash = hash_number(hash_byte(hash, '['), array->nelems);
			id = array->type;
			pointed = false;
			break;
		case BTF_KIND_FUNC_PROTO:
			hash = hash_parameters(info, type, hash, depth);
			pointed = false;
			break;
		default:
			return hash_named(info, type, hash, pointed);
		}
	}
	return hash;
}

/* Also a member of an anonymous structure or union inside, as C lets one name it. */
static bool find_member(const struct type_info *info, const struct btf_type *type,
			const char *name, struct member *found, unsigned int depth)
{
	if (!is_composite(type) || depth >= DEPTH)
		return false;
	for (u32 i = 0; i < INFO_VLEN(type->info); i++) {
		struct member member = member_of(type, i);
		const char *has = name_at(info, member.name);

		if (!strcmp(has, name)) {
			*found = member;
			return true;
		}
		if (!*has && find_member(info, type_of(info, member.type), name, found,
					 depth + 1)) {
			found->bit += member.bit;
			return true;
		}
	}
	return false;
}

/* The first part of a record's name is that of a structure or of a function. */
static bool is_of(const struct type_record *record, u32 kind, const char *name, size_t size)
{
	u32 wanted = record->kind == TYPE_RECORD_FUNCTION ? BTF_KIND_FUNC : BTF_KIND_STRUCT;

	if (kind != wanted || size >= TYPE_RECORD_NAME || memcmp(record->name, name, size))
		return false;
	return record->name[size] == '.' || !record->name[size];
}

static u32 hash_name(const char *name, size_t *size)
{
	u32 hash = HASH_START;

	for (*size = 0; name[*size] && name[*size] != '.'; ++*size)
		hash = hash_byte(hash, name[*size]);
	return hash ^ hash >> 16;
}

/* Most names in the type information are in no record, and one look at this says so. */
#define SIEVE 8192u

/**
 * type_record_find() - find the types that records are of
 * @info: from type_info_index()
 * @records: of which the names and the kinds are read
 * @nr: how many
 * @ids: gets the id of the first structure, or function, of each record's name, or 0
 *
 * Goes over the types once.
 *
 * Context: any.
 */
void type_record_find(const struct type_info *info, const struct type_record *records,
		      unsigned int nr, u32 *ids)
{
	u8 sieve[SIEVE / 8] = { 0 };
	size_t size;

	for (unsigned int i = 0; i < nr; i++) {
		u32 hash = hash_name(records[i].name, &size) % SIEVE;

		sieve[hash / 8] |= 1u << hash % 8;
		ids[i] = 0;
	}
	for (u32 id = 1; id <= info->nr; id++) {
		const struct btf_type *type = type_of(info, id);
		u32 kind = INFO_KIND(type->info);
		const char *name;
		u32 hash;

		if (kind != BTF_KIND_STRUCT && kind != BTF_KIND_FUNC)
			continue;
		name = name_at(info, type->name_off);
		hash = hash_name(name, &size) % SIEVE;
		if (!(sieve[hash / 8] & 1u << hash % 8))
			continue;
		for (unsigned int i = 0; i < nr; i++)
			if (!ids[i] && is_of(&records[i], kind, name, size))
				ids[i] = id;
	}
}

static bool measure_function(const struct type_info *info, const struct btf_type *type,
			     struct type_record *record)
{
	const struct btf_type *prototype = type_of(info, type->type);

	if (INFO_KIND(type->info) != BTF_KIND_FUNC || !prototype ||
	    INFO_KIND(prototype->info) != BTF_KIND_FUNC_PROTO)
		return false;
	record->value = INFO_VLEN(prototype->info);
	record->hash = hash_type(info, type->type, HASH_START, 0);
	return true;
}

/**
 * type_record_measure() - fill in a record from the type that it is of
 * @info: from type_info_index()
 * @id: from type_record_find()
 * @record: has its name and kind, and gets its value and hash
 *
 * Context: any.
 * Return: false if there is no such type, or no such member in it.
 */
bool type_record_measure(const struct type_info *info, u32 id, struct type_record *record)
{
	const struct btf_type *type = type_of(info, id);
	struct member member;
	size_t size;

	if (!type)
		return false;
	if (record->kind == TYPE_RECORD_FUNCTION)
		return measure_function(info, type, record);
	if (!is_composite(type))
		return false;
	if (record->kind == TYPE_RECORD_STRUCT) {
		record->value = type->size;
		return true;
	}
	hash_name(record->name, &size);
	if (!record->name[size] ||
	    !find_member(info, type, record->name + size + 1, &member, 0))
		return false;
	record->value = member.bit;
	record->hash = hash_byte(hash_type(info, member.type, HASH_START, 0), member.width);
	return true;
}
