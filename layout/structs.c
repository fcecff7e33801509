// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "complain.h"
#include "structs.h"

/* A member that the driver uses; alternatives are separated by '|'. */
struct member_rule {
	const char *names;
	const char *types;
};

/*
 * A structure that is in none of the kernel's public headers, so that it has to be defined here.
 * One that a public header defines must not be in the table; then the compiler says so.
 */
struct struct_rule {
	const char *name;
	bool required;
	const struct member_rule *members;
};

static const struct member_rule dev_dax_range_members[] = {
	{ "pgoff", "unsigned long|pgoff_t" },
	{ "range", "struct range" },
	{ "mapping", "struct dax_mapping *" },
	{ }
};

static const struct member_rule dax_region_members[] = {
	{ "id", "int" },
	{ "kref", "struct kref" },
	{ "dev", "struct device *" },
	{ "align", "unsigned int" },
	{ "res", "struct resource" },
	{ "ida", "struct ida" },
	{ }
};

static const struct member_rule dax_device_members[] = {
	{ "inode|cdev", "struct inode|struct cdev" },
	{ "private", "void *" },
	{ "flags", "unsigned long" },
	{ "ops", "const struct dax_operations *" },
	{ "holder_data", "void *" },
	{ "holder_ops", "const struct dax_holder_operations *" },
	{ }
};

static const struct member_rule dev_dax_members[] = {
	{ "region", "struct dax_region *" },
	{ "dax_dev", "struct dax_device *" },
	{ "align", "unsigned int" },
	{ "target_node", "int" },
	{ "id", "int" },
	{ "dev", "struct device" },
	{ "pgmap", "struct dev_pagemap *" },
	{ "nr_range", "int" },
	{ "ranges", "struct dev_dax_range *" },
	{ }
};

static const struct member_rule dax_device_driver_members[] = {
	{ "drv", "struct device_driver" },
	{ "ids", "struct list_head" },
	{ "probe", "int (*)(struct dev_dax *)" },
	{ "remove", "void (*)(struct dev_dax *)" },
	{ }
};

/* In an order in which each comes after those that it has as members. */
static const struct struct_rule structs[] = {
	{ "dev_dax_range", true, dev_dax_range_members },
	{ "dax_region", true, dax_region_members },
	{ "dax_device", true, dax_device_members },
	{ "dev_dax", true, dev_dax_members },
	{ "dax_device_driver", true, dax_device_driver_members },
	/* what devm_create_dev_dax() takes; the driver itself has no use for it */
	{ "dev_dax_data", false, NULL },
};

static const char *const enums[] = { "dax_driver_type", "dax_device_flags" };

/* next_choice: steps @choices to its next alternative and returns the length of that one, or 0. */
static size_t next_choice(const char **choices, const char **choice)
{
	size_t size = strcspn(*choices, "|");

	*choice = *choices;
	*choices += size + ((*choices)[size] == '|');
	return size;
}

static bool is_one_of(const char *text, const char *choices)
{
	const char *choice;
	size_t size;

	while ((size = next_choice(&choices, &choice)))
		if (strlen(text) == size && !memcmp(text, choice, size))
			return true;
	return false;
}

static bool find_one_of(const struct types *types, __u32 structure, const char *names,
			struct place *place)
{
	const char *choice;
	size_t size;

	while ((size = next_choice(&names, &choice))) {
		char *name = strndup(choice, size);
		bool found = name && types_member(types, structure, name, place);

		free(name);
		if (found)
			return true;
	}
	return false;
}

static int check_member(struct types *types, const struct struct_rule *rule, __u32 structure,
			const struct member_rule *member, FILE *err)
{
	struct place place;
	char *text;
	int wrong = 0;

	if (!find_one_of(types, structure, member->names, &place))
		return -complain(err, "%s.%s: this kernel has no such member, expected '%s'",
				 rule->name, member->names, member->types);
	text = types_text(types, place.type, "", 0);
	if (place.bits)
		wrong = -complain(err, "%s.%s: found a bit-field of %u bits, expected '%s'",
				  rule->name, place.name, place.bits, member->types);
	else if (!text || !is_one_of(text, member->types))
		wrong = -complain(err, "%s.%s: found '%s', expected '%s'", rule->name, place.name,
				  text ? text : "?", member->types);
	free(text);
	return wrong;
}

/**
 * structs_check() - do the kernel have every private member that the driver uses?
 * @types: the kernel's types
 * @err: gets one line for each member that is missing or has another type
 *
 * Return: the number of complaints.
 */
int structs_check(struct types *types, FILE *err)
{
	const struct member_rule *member;
	int wrong = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(structs); i++) {
		__u32 structure = types_struct(types, structs[i].name);

		if (!structs[i].required)
			continue;
		if (!structure) {
			wrong -= complain(err, "struct %s: this kernel's BTF has no such structure",
					  structs[i].name);
			continue;
		}
		for (member = structs[i].members; member->names; member++)
			wrong += check_member(types, &structs[i], structure, member, err);
	}
	return wrong;
}

static void declare(struct types *types, const char *name, FILE *out)
{
	size_t i;

	for (i = 0; i < types->declared_count; i++)
		if (!strcmp(types->declared[i], name))
			return;
	/* once the list is full a name is declared more than once, which C does not mind */
	if (i < TYPES_DECLARED)
		types->declared[types->declared_count++] = name;
	fprintf(out, "struct %s;\n", name);
}

/**
 * structs_forward() - declare the structures that a function type takes or returns by pointer
 * @types: the kernel's types
 * @id: the id of any type; what is not a function type or a pointer to one is passed over
 * @out: the header that is being written
 *
 * Without it, a structure first named between a prototype's parentheses is one of its own.
 */
void structs_forward(struct types *types, __u32 id, FILE *out)
{
	const struct btf_type *type = btf__type_by_id(types->btf, id);
	const struct btf_type *at;
	__u32 i;

	while (type && (btf_is_ptr(type) || btf_is_mod(type)))
		type = btf__type_by_id(types->btf, type->type);
	if (!type || !btf_is_func_proto(type))
		return;
	for (i = 0; i < btf_vlen(type); i++) {
		at = btf__type_by_id(types->btf, btf_params(type)[i].type);
		while (at && (btf_is_ptr(at) || btf_is_mod(at)))
			at = btf__type_by_id(types->btf, at->type);
		if (at && (btf_is_struct(at) || btf_is_fwd(at)) && at->name_off)
			declare(types, btf__name_by_offset(types->btf, at->name_off), out);
	}
}

static void write_enum(const struct types *types, const char *name, __u32 id, FILE *out)
{
	const struct btf_type *type = btf__type_by_id(types->btf, id);
	const struct btf_enum *constant = btf_enum(type);
	__u32 i;

	fprintf(out, "\nenum %s {\n", name);
	for (i = 0; i < btf_vlen(type); i++)
		fprintf(out, "\t%s = %d,\n",
			btf__name_by_offset(types->btf, constant[i].name_off), constant[i].val);
	fputs("};\n", out);
}

/**
 * struct layout - a structure that is being written
 * @types: the kernel's types
 * @type: the structure
 * @packed: its members do not lie where their types' alignment would put them
 * @align: the largest alignment among its members, in bytes; 1 if packed
 * @end: where the last member ended, in bits
 * @out: where it is written
 */
struct layout {
	struct types *types;
	const struct btf_type *type;
	bool packed;
	__u32 align;
	__u64 end;
	FILE *out;
};

static __u64 round_up(__u64 value, __u64 step)
{
	return (value + step - 1) / step * step;
}

/* natural: the bit at which a compiler would put member @i if nothing were said. */
static __u64 natural(const struct layout *layout, __u32 i)
{
	__u32 id = btf_members(layout->type)[i].type;
	__u32 bits = btf_member_bitfield_size(layout->type, i);
	__u64 unit = (__u64)btf__resolve_size(layout->types->btf, id) * 8;
	int align = btf__align_of(layout->types->btf, id);

	if (!bits)
		return round_up(layout->end, (__u64)align * 8);
	return layout->end % unit + bits <= unit ? layout->end : round_up(layout->end, unit);
}

/* fill: names what no member covers, from where the last one ended up to bit @to. */
static void fill(struct layout *layout, __u64 to)
{
	__u64 from = layout->end;

	if (from % 8 && from < to) {
		__u64 bits = to - from < 8 - from % 8 ? to - from : 8 - from % 8;

		fprintf(layout->out, "\tunsigned char : %u;\n", (unsigned int)bits);
		from += bits;
	}
	if (to - from >= 8) {
		fprintf(layout->out, "\tunsigned char fsdev_hole_%llu[%llu];\n",
			from / 8, (to - from) / 8);
		from += (to - from) / 8 * 8;
	}
	if (from < to)
		fprintf(layout->out, "\tunsigned char : %u;\n", (unsigned int)(to - from));
	layout->end = to;
}

static int measure(struct layout *layout, const char *name, FILE *err)
{
	const struct btf_type *type = layout->type;
	const struct btf *btf = layout->types->btf;
	__u32 i;

	layout->align = 1;
	for (i = 0; i < btf_vlen(type); i++) {
		__u32 id = btf_members(type)[i].type;
		int align = btf__align_of(btf, id);

		if (btf__resolve_size(btf, id) < !!btf_member_bitfield_size(type, i) || align < 1)
			return complain(err, "%s.%s: the BTF does not say how large it is", name,
					btf__name_by_offset(btf, btf_members(type)[i].name_off));
		if ((__u32)align > layout->align)
			layout->align = align;
		if (!btf_member_bitfield_size(type, i) &&
		    btf_member_bit_offset(type, i) % (align * 8))
			layout->packed = true;
	}
	if (type->size % layout->align)
		layout->packed = true;
	if (layout->packed)
		layout->align = 1;
	return 0;
}

static int write_member(struct layout *layout, const char *name, __u32 i, FILE *err)
{
	const struct btf_member *member = &btf_members(layout->type)[i];
	__u32 bits = btf_member_bitfield_size(layout->type, i);
	__u64 bit = btf_member_bit_offset(layout->type, i);
	const char *field = btf__name_by_offset(layout->types->btf, member->name_off);
	char *text;

	if (bit < layout->end)
		return complain(err, "%s.%s: the BTF lets it overlap the member before it", name,
				field);
	if (layout->packed || natural(layout, i) != bit)
		fill(layout, bit);
	text = types_text(layout->types, member->type, field, 1);
	if (!text)
		return complain(err, "%s.%s: its type cannot be rendered", name, field);
	if (bits)
		fprintf(layout->out, "\t%s : %u;\n", text, bits);
	else
		fprintf(layout->out, "\t%s;\n", text);
	free(text);
	layout->end = bit + (bits ? bits : 8 * (__u64)btf__resolve_size(layout->types->btf,
									  member->type));
	return 0;
}

static int write_struct(struct types *types, const char *name, __u32 id, FILE *out, FILE *err)
{
	struct layout layout = {
		.types = types, .type = btf__type_by_id(types->btf, id), .out = out,
	};
	__u64 size = (__u64)layout.type->size * 8;
	__u32 i;

	if (measure(&layout, name, err))
		return -1;
	fprintf(out, "\nstruct %s {\n", name);
	for (i = 0; i < btf_vlen(layout.type); i++)
		if (write_member(&layout, name, i, err))
			return -1;
	if (layout.end > size)
		return complain(err,
				"struct %s: the BTF lets its members reach past its end",
				name);
	if (round_up(layout.end, 8 * (__u64)layout.align) != size)
		fill(&layout, size);
	fputs(layout.packed ? "} __packed;\n" : "};\n", out);
	return 0;
}

struct asserting {
	const char *name;
	FILE *out;
};

static bool assert_member(const struct place *place, void *context)
{
	struct asserting *to = context;

	/* the offset of a bit-field cannot be asked for; what follows it vouches for it */
	if (!place->bits)
		fprintf(to->out, "static_assert(offsetof(struct %s, %s) == %u,\n"
			"\t      \"%s.%s: headers and BTF disagree\");\n",
			to->name, place->name, place->bit / 8, to->name, place->name);
	return true;
}

static void write_asserts(const struct types *types, const char *name, __u32 id, FILE *out)
{
	struct asserting to = { .name = name, .out = out };

	fputc('\n', out);
	types_each_member(types, id, assert_member, &to);
	fprintf(out, "static_assert(sizeof(struct %s) == %u,\n"
		"\t      \"struct %s: headers and BTF disagree\");\n",
		name, btf__type_by_id(types->btf, id)->size, name);
}

static void write_forwards(struct types *types, __u32 id, FILE *out)
{
	const struct btf_type *type = btf__type_by_id(types->btf, id);
	__u32 i;

	for (i = 0; i < btf_vlen(type); i++)
		structs_forward(types, btf_members(type)[i].type, out);
}

/**
 * structs_write() - define the kernel's private structures and enumerations
 * @types: the kernel's types
 * @out: the header that is being written
 * @err: gets one line that says what cannot be written
 *
 * Each definition is followed by static assertions that the compiler, with the kernel's headers,
 * puts every member where the BTF has it. A structure that this kernel does not have is left out.
 *
 * Return: 0, or -1 after a complaint.
 */
int structs_write(struct types *types, FILE *out, FILE *err)
{
	__u32 id;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(enums); i++) {
		id = types_enum(types, enums[i]);
		if (id)
			write_enum(types, enums[i], id, out);
	}
	fputc('\n', out);
	for (i = 0; i < ARRAY_SIZE(structs); i++) {
		id = types_struct(types, structs[i].name);
		if (id)
			write_forwards(types, id, out);
	}
	for (i = 0; i < ARRAY_SIZE(structs); i++) {
		id = types_struct(types, structs[i].name);
		if (!id)
			continue;
		if (write_struct(types, structs[i].name, id, out, err))
			return -1;
		write_asserts(types, structs[i].name, id, out);
	}
	return 0;
}

struct recording {
	const char *name;
	struct records *records;
};

static bool record_member(const struct place *place, void *context)
{
	struct recording *to = context;

	records_add(to->records, TYPE_RECORD_MEMBER, to->name, place->name);
	return true;
}

/**
 * structs_record() - have records of the kernel's private structures
 * @types: the kernel's types
 * @records: that they come into: of the members first, which tell more
 */
void structs_record(const struct types *types, struct records *records)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(structs); i++) {
		struct recording to = { .name = structs[i].name, .records = records };
		__u32 id = types_struct(types, structs[i].name);

		if (!id)
			continue;
		types_each_member(types, id, record_member, &to);
		records_add(records, TYPE_RECORD_STRUCT, structs[i].name, NULL);
	}
}
