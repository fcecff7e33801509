// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "complain.h"
#include "features.h"
#include "macro.h"

/* Each row is one question to the kernel; where the answer is no, its macro is not defined. */

/* Does structure @of have a member @name? FSDEV_HAVE_<OF>_<NAME> */
struct member {
	const char *of;
	const char *name;
};

static const struct member members[] = {
	{ "dev_dax", "dyn_id" },
	{ "dev_dax", "virt_addr" },
	{ "dev_dax", "cached_size" },
	{ "dev_dax", "memmap_on_memory" },
	{ "dax_device_driver", "type" },
	{ "dax_device_driver", "match_always" },
	{ "page", "pgmap" },
	{ "page", "share" },
	{ "page", "index" },
	{ "folio", "pgmap" },
	{ "folio", "share" },
	{ "queue_limits", "features" },
	{ "bin_attribute", "read_new" },
	{ "block_device", "bd_super" },
	{ "block_device", "bd_mapping" },
	{ "block_device_operations", "rw_page" },
	{ "file_system_type", "list" },
};

/* Does enumeration @of have a constant @name? FSDEV_HAVE_<NAME> */
struct constant {
	const char *of;
	const char *name;
};

static const struct constant constants[] = {
	{ "mf_flags", "MF_MEM_PRE_REMOVE" },
	{ "dax_driver_type", "DAXDRV_KMEM_TYPE" },
	{ "dax_driver_type", "DAXDRV_DEVICE_TYPE" },
	{ "dax_driver_type", "DAXDRV_FSDEV_TYPE" },
};

/*
 * Is parameter @index, from 0, of type @type? Of the function @of where @member is NULL, else of
 * the function pointer @member in structure @of. FSDEV_HAVE_<NAME>
 */
struct parameter {
	const char *name;
	const char *of;
	const char *member;
	unsigned int index;
	const char *type;
};

static const struct parameter parameters[] = {
	{ "DAX_PFN_T", "dax_operations", "direct_access", 5, "pfn_t *" },
	{ "MCE_HW_ERR", "mce_log", NULL, 0, "struct mce_hw_err *" },
	{ "DEV_PAGEMAP_HINT", "get_dev_pagemap", NULL, 1, "struct dev_pagemap *" },
	{ "BADBLOCKS_SECTOR_T", "badblocks_set", NULL, 2, "sector_t" },
	{ "DISK_OPEN_GENDISK", "block_device_operations", "open", 0, "struct gendisk *" },
	{ "CLASS_DEVNODE_CONST", "class", "devnode", 0, "const struct device *" },
};

static bool has_member(const struct types *types, const struct member *member)
{
	struct place place;

	return types_member(types, types_struct(types, member->of), member->name, &place);
}

static bool has_constant(const struct types *types, const struct constant *constant)
{
	__u32 id = types_enum(types, constant->of);
	const struct btf_type *type = btf__type_by_id(types->btf, id);
	__u32 i;

	for (i = 0; id && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(types->btf, btf_enum(type)[i].name_off),
			    constant->name))
			return true;
	return false;
}

/* prototype_of: of a function, or of what a member that is a function pointer points to; or 0. */
static __u32 prototype_of(const struct types *types, const struct parameter *parameter)
{
	const struct btf_type *type;
	struct place place;

	if (!parameter->member)
		return types_prototype(types, parameter->of);
	if (!types_member(types, types_struct(types, parameter->of), parameter->member, &place))
		return 0;
	type = btf__type_by_id(types->btf, place.type);
	return type && btf_is_ptr(type) ? type->type : 0;
}

static bool has_parameter(struct types *types, const struct parameter *parameter)
{
	__u32 id = prototype_of(types, parameter);
	const struct btf_type *type = btf__type_by_id(types->btf, id);
	bool same;
	char *text;

	if (!id || !btf_is_func_proto(type) || parameter->index >= btf_vlen(type))
		return false;
	text = types_text(types, btf_params(type)[parameter->index].type, "", 0);
	same = text && !strcmp(text, parameter->type);
	free(text);
	return same;
}

/**
 * features_check() - is this a kernel between those whose disks the driver knows?
 * @types: the kernel's types
 * @symvers: its export list
 * @err: gets one line that says what is there and what is not
 *
 * 6.5 changed how a disk is opened, 6.9 how it is claimed and allocated, 6.11 how it says what it
 * can; a vendor's kernel may have any of these without the others.
 *
 * Return: 0, or -1 after a complaint.
 */
int features_check(struct types *types, const struct symvers *symvers, FILE *err)
{
	static const struct parameter open = { "", "block_device_operations", "open", 0,
					       "struct gendisk *" };
	static const struct member features = { "queue_limits", "features" };
	bool opens_disk = has_parameter(types, &open), has_features = has_member(types, &features);
	const char *lacks = NULL;

	if (opens_disk && !has_features)
		lacks = "opens disks as 6.5 and later do, but its struct queue_limits has no features as from 6.11 on";
	else if (!opens_disk && has_features)
		lacks = "has features in struct queue_limits as from 6.11 on, but opens disks as before 6.5";
	else if (opens_disk && !symvers_exports(symvers, "bdev_file_open_by_dev"))
		lacks = "opens disks as 6.5 and later do, but does not export bdev_file_open_by_dev as 6.9 and later do";
	if (!lacks)
		return 0;
	return complain(err, "kernel %s: fsdev is for 6.1 to 6.4, and for 6.11 and later", lacks);
}

/**
 * features_write() - write macros for members, constants and parameter types
 * @types: the kernel's types
 * @out: the header that is being written: one macro for each that it has
 */
void features_write(struct types *types, FILE *out)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(members); i++)
		if (has_member(types, &members[i]))
			macro_write(out, members[i].of, members[i].name);
	for (i = 0; i < ARRAY_SIZE(constants); i++)
		if (has_constant(types, &constants[i]))
			macro_write(out, constants[i].name, NULL);
	for (i = 0; i < ARRAY_SIZE(parameters); i++)
		if (has_parameter(types, &parameters[i]))
			macro_write(out, parameters[i].name, NULL);
}
