// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "complain.h"
#include "types.h"

/* Deeper nesting than any kernel's; only a damaged BTF that contains itself gets there. */
#define MAX_DEPTH 12

static void __printf(2, 0) to_sink(void *context, const char *format, va_list args)
{
	struct types *types = context;

	vfprintf(types->sink, format, args);
}

/**
 * types_open() - get ready to ask a BTF about its types
 * @types: filled in
 * @btf: the kernel's BTF; it has to outlive @types
 * @err: gets one line that says what is wrong
 *
 * Return: 0, then types_close() is due, or -1 after a complaint: no memory.
 */
int types_open(struct types *types, const struct btf *btf, FILE *err)
{
	*types = (struct types){ .btf = btf };
	types->dump = btf_dump__new(btf, to_sink, types, NULL);
	if (!types->dump)
		return complain(err, "no memory to render %u types", btf__type_cnt(btf));
	return 0;
}

/**
 * types_close() - give back what types_open() took
 * @types: from types_open(), also if that failed
 */
void types_close(struct types *types)
{
	btf_dump__free(types->dump);
	types->dump = NULL;
}

static __u32 find(const struct types *types, const char *name, __u32 kind)
{
	int id = btf__find_by_name_kind(types->btf, name, kind);

	return id > 0 ? (__u32)id : 0;
}

/**
 * types_struct() - find a structure
 * @types: the kernel's types
 * @name: its tag
 *
 * Return: the id of the first full definition of that structure, or 0 if there is none.
 */
__u32 types_struct(const struct types *types, const char *name)
{
	return find(types, name, BTF_KIND_STRUCT);
}

/**
 * types_enum() - find an enumeration
 * @types: the kernel's types
 * @name: its tag
 *
 * Return: the id of the first enumeration of 32-bit constants with that tag, or 0.
 */
__u32 types_enum(const struct types *types, const char *name)
{
	return find(types, name, BTF_KIND_ENUM);
}

/**
 * types_prototype() - find a function
 * @types: the kernel's types
 * @name: its name
 *
 * Return: the id of its BTF_KIND_FUNC_PROTO, or 0 if the BTF has none (it lacks functions whose
 * code and source disagree).
 */
__u32 types_prototype(const struct types *types, const char *name)
{
	__u32 function = find(types, name, BTF_KIND_FUNC);
	const struct btf_type *type = btf__type_by_id(types->btf, function);
	const struct btf_type *prototype;

	if (!function)
		return 0;
	prototype = btf__type_by_id(types->btf, type->type);
	return prototype && btf_is_func_proto(prototype) ? type->type : 0;
}

struct walk {
	const struct types *types;
	bool (*visit)(const struct place *place, void *context);
	void *context;
};

static bool walk_members(const struct walk *walk, __u32 structure, __u32 base, int depth)
{
	const struct btf *btf = walk->types->btf;
	const struct btf_type *type = btf__type_by_id(btf, structure);
	struct place place;
	__u32 i;

	if (!type || !btf_is_composite(type) || depth > MAX_DEPTH)
		return true;
	for (i = 0; i < btf_vlen(type); i++) {
		place.name = btf__name_by_offset(btf, btf_members(type)[i].name_off);
		place.type = btf_members(type)[i].type;
		place.bit = base + btf_member_bit_offset(type, i);
		place.bits = btf_member_bitfield_size(type, i);
		if (!place.name)
			continue;
		if (*place.name ? !walk->visit(&place, walk->context) :
				  !walk_members(walk, place.type, place.bit, depth + 1))
			return false;
	}
	return true;
}

/**
 * types_each_member() - visit every named member of a structure
 * @types: the kernel's types
 * @structure: the id of a structure or union
 * @visit: called for each in order, also for those in anonymous structures and unions, as C lets
 *	one name them; false ends the walk
 * @context: handed to @visit
 *
 * Return: false if @visit ended the walk.
 */
bool types_each_member(const struct types *types, __u32 structure,
		       bool (*visit)(const struct place *place, void *context), void *context)
{
	struct walk walk = { .types = types, .visit = visit, .context = context };

	return walk_members(&walk, structure, 0, 0);
}

struct search {
	const char *name;
	struct place *place;
};

static bool is_searched(const struct place *place, void *context)
{
	struct search *search = context;

	if (strcmp(place->name, search->name))
		return true;
	*search->place = *place;
	return false;
}

/**
 * types_member() - find one member
 * @types: the kernel's types
 * @structure: the id of a structure or union
 * @name: the member's name; it may lie in an anonymous structure or union
 * @place: filled in if it was found
 *
 * Return: true if there is such a member.
 */
bool types_member(const struct types *types, __u32 structure, const char *name,
		  struct place *place)
{
	struct search search = { .name = name, .place = place };

	return !types_each_member(types, structure, is_searched, &search);
}

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* respell: replaces @old by the shorter @new in @text wherever it stands as whole words. */
static void respell(char *text, const char *old, const char *new)
{
	size_t old_size = strlen(old), new_size = strlen(new);
	char *at = text;

	while ((at = strstr(at, old))) {
		char *end = at + old_size;

		if ((at > text && in_name(at[-1])) || in_name(*end)) {
			at = end;
			continue;
		}
		memcpy(at, new, new_size);
		memmove(at + new_size, end, strlen(end) + 1);
		at += new_size;
	}
}

/* Where the BTF has several types of one name, libbpf calls the later ones NAME___2 and so on. */
static void drop_numbers(char *text)
{
	char *at = text, *end;

	while ((at = strstr(at, "___"))) {
		for (end = at + 3; isdigit((unsigned char)*end); end++)
			;
		if (end == at + 3 || in_name(*end) || at == text || !in_name(at[-1]))
			at += 3;
		else
			memmove(at, end, strlen(end) + 1);
	}
}

static void normalise(char *text)
{
	static const char *const spellings[][2] = {
		{ "long long unsigned int", "unsigned long long" },
		{ "long long int", "long long" },
		{ "long unsigned int", "unsigned long" },
		{ "long int", "long" },
		{ "short unsigned int", "unsigned short" },
		{ "short int", "short" },
		{ "_Bool", "bool" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(spellings); i++)
		respell(text, spellings[i][0], spellings[i][1]);
	drop_numbers(text);
}

/**
 * types_text() - render a type in C, as kernel code spells it
 * @types: the kernel's types
 * @type: its id; for a BTF_KIND_FUNC_PROTO, @name makes a prototype of it
 * @name: what is declared to be of that type, or "" for the bare type
 * @indent: tabs in front of every line but the first (anonymous structures take several)
 *
 * Whichever compiler made the BTF, it is "unsigned long", never "long unsigned int".
 *
 * Return: the text for free(), or NULL without memory or if @type cannot be rendered.
 */
char *types_text(struct types *types, __u32 type, const char *name, int indent)
{
	const struct btf_dump_emit_type_decl_opts opts = {
		.sz = sizeof(opts), .field_name = name, .indent_level = indent,
	};
	char *text = NULL;
	size_t size;
	int rc;

	types->sink = open_memstream(&text, &size);
	if (!types->sink)
		return NULL;
	rc = btf_dump__emit_type_decl(types->dump, type, &opts);
	if (fclose(types->sink) || rc) {
		free(text);
		return NULL;
	}
	normalise(text);
	return text;
}
