// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "array.h"
#include "complain.h"
#include "exports.h"
#include "macro.h"
#include "structs.h"

/* REQUIRED: no driver without it. PRIVATE: in no public header, so that it is declared here. */
#define REQUIRED 1u
#define PRIVATE 2u

struct export_rule {
	const char *name;
	unsigned int flags;
};

static const struct export_rule rules[] = {
	/* the DAX bus and its devices */
	{ "__dax_driver_register", REQUIRED | PRIVATE },
	{ "dax_driver_unregister", REQUIRED | PRIVATE },
	{ "static_dev_dax", REQUIRED | PRIVATE },
	{ "kill_dev_dax", REQUIRED | PRIVATE },
	{ "dax_pgoff_to_phys", PRIVATE },
	{ "alloc_dax_region", PRIVATE },
	{ "dax_region_put", PRIVATE },
	{ "devm_create_dev_dax", PRIVATE },
	/* was exported for the bus by the series that gave it locks of its own */
	{ "mhp_supports_memmap_on_memory", 0 },

	/* the DAX core: a dax_device and its holder */
	{ "run_dax", REQUIRED | PRIVATE },
	{ "dax_inode", REQUIRED | PRIVATE },
	{ "inode_dax", PRIVATE },
	{ "kill_dax", REQUIRED },
	{ "dax_alive", REQUIRED },
	{ "dax_get_private", REQUIRED },
	{ "dax_read_lock", REQUIRED },
	{ "dax_read_unlock", REQUIRED },
	{ "dax_add_host", REQUIRED },
	{ "dax_remove_host", REQUIRED },
	{ "fs_put_dax", REQUIRED },
	{ "dax_holder_notify_failure", REQUIRED },
	{ "alloc_dax", 0 },
	{ "put_dax", 0 },
	{ "dax_delete_mapping_range", 0 },
	{ "fs_dax_get", 0 },
	{ "fs_dax_get_by_bdev", 0 },
	{ "dax_holder", 0 },
	{ "dax_set_ops", 0 },
	{ "dax_dev_get", 0 },
	{ "dax_dev_find", 0 },
	{ "dax_direct_access", 0 },
	{ "dax_folio_reset_order", 0 },
	{ "dax_flush", 0 },
	{ "dax_write_cache", 0 },
	{ "set_dax_nomc", 0 },
	{ "set_dax_nocache", 0 },
	{ "set_dax_synchronous", 0 },
	{ "__set_dax_synchronous", 0 },

	/* memory: its pages, its failures */
	{ "devm_memremap_pages", REQUIRED },
	{ "memremap_pages", REQUIRED },
	{ "memunmap_pages", REQUIRED },
	{ "devm_memunmap_pages", 0 },
	{ "unmap_mapping_range", 0 },
	{ "memory_failure", 0 },
	{ "memory_failure_queue", 0 },
	{ "mf_dax_kill_procs", 0 },
	{ "clear_mce_nospec", 0 },
	{ "copy_mc_to_kernel", 0 },
	{ "_copy_mc_to_iter", 0 },
	{ "badblocks_init", 0 },
	{ "badblocks_set", 0 },

	/* the disk */
	{ "__blk_alloc_disk", 0 },
	{ "blk_queue_flag_set", 0 },
	{ "blk_mark_disk_dead", 0 },
	{ "bdev_mark_dead", 0 },
	{ "freeze_bdev", 0 },
	{ "thaw_bdev", 0 },
	{ "bdev_freeze", 0 },
	{ "bdev_thaw", 0 },
	{ "bdev_file_open_by_dev", 0 },
	{ "sync_blockdev", 0 },
	{ "invalidate_bdev", 0 },
	{ "fs_holder_ops", 0 },

	/* the rest */
	{ "class_create", 0 },
	{ "__class_create", 0 },
	{ "klp_enable_patch", 0 },
};

#define END (rules + ARRAY_SIZE(rules))

/* A private function without a prototype in the BTF cannot be declared, so it is of no use. */
static bool is_there(const struct export_rule *rule, const struct types *types,
		     const struct symvers *symvers)
{
	return symvers_exports(symvers, rule->name) &&
	       (!(rule->flags & PRIVATE) || types_prototype(types, rule->name));
}

/**
 * exports_check() - do the kernel export every function that the driver cannot do without?
 * @types: the kernel's types
 * @symvers: its export list
 * @err: gets one line for each function that is not exported, or whose type is unknown although
 *	no public header declares it
 *
 * Return: the number of complaints.
 */
int exports_check(const struct types *types, const struct symvers *symvers, FILE *err)
{
	const struct export_rule *rule;
	int wrong = 0;

	for (rule = rules; rule < END; rule++) {
		if (!(rule->flags & REQUIRED) || is_there(rule, types, symvers))
			continue;
		if (symvers_exports(symvers, rule->name))
			wrong -= complain(err,
					  "%s(): this kernel exports it, but its BTF does not have its type",
					  rule->name);
		else
			wrong -= complain(err, "%s(): this kernel does not export it", rule->name);
	}
	return wrong;
}

/**
 * exports_write_macros() - write macros for the exports and their parameters
 * @types: the kernel's types
 * @symvers: its export list
 * @out: the header that is being written
 */
void exports_write_macros(const struct types *types, const struct symvers *symvers, FILE *out)
{
	const struct export_rule *rule;
	__u32 prototype;

	for (rule = rules; rule < END; rule++) {
		if (!is_there(rule, types, symvers))
			continue;
		macro_write(out, rule->name, NULL);
		prototype = types_prototype(types, rule->name);
		if (prototype)
			fprintf(out, "#define FSDEV_NPARAMS_%s %u\n", rule->name,
				btf_vlen(btf__type_by_id(types->btf, prototype)));
	}
}

static int write_prototype(struct types *types, const char *name, FILE *out, FILE *err)
{
	__u32 prototype = types_prototype(types, name);
	char *text = types_text(types, prototype, name, 0);

	if (!text)
		return complain(err, "%s(): its type cannot be rendered", name);
	fprintf(out, "%s;\n", text);
	free(text);
	return 0;
}

/**
 * exports_write_prototypes() - declare the exported functions that no public header declares
 * @types: the kernel's types
 * @symvers: its export list
 * @out: the header that is being written
 * @err: gets one line that says what cannot be written
 *
 * Return: 0, or -1 after a complaint.
 */
int exports_write_prototypes(struct types *types, const struct symvers *symvers, FILE *out,
			     FILE *err)
{
	const struct export_rule *rule;

	fputc('\n', out);
	for (rule = rules; rule < END; rule++)
		if ((rule->flags & PRIVATE) && is_there(rule, types, symvers))
			structs_forward(types, types_prototype(types, rule->name), out);
	fputc('\n', out);
	for (rule = rules; rule < END; rule++)
		if ((rule->flags & PRIVATE) && is_there(rule, types, symvers) &&
		    write_prototype(types, rule->name, out, err))
			return -1;
	return 0;
}

/**
 * exports_record() - have records of the exported functions
 * @types: the kernel's types
 * @symvers: its export list
 * @records: that they come into
 */
void exports_record(const struct types *types, const struct symvers *symvers,
		    struct records *records)
{
	const struct export_rule *rule;

	for (rule = rules; rule < END; rule++)
		if (is_there(rule, types, symvers))
			records_add(records, TYPE_RECORD_FUNCTION, rule->name, NULL);
}
