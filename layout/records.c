// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "complain.h"
#include "records.h"

/*
 * What the driver uses of what public headers define: of structures that it makes or has arrays of,
 * the size as well. The rest of them may change: distributors put members into holes.
 */
static const struct {
	const char *name;
	bool sized;
	const char *members[24];
} structures[] = {
	{ "address_space", false, { "host", "flags", "i_mmap", "i_pages", "invalidate_lock", "nrpages",
		"a_ops", "wb_err" } },
	{ "attribute", true, { "name" } },
	{ "attribute_group", true, { "attrs" } },
	{ "badblocks", true, { "dev", "count", "unacked_exist", "shift", "page", "changed", "lock",
		"sector", "size" } },
	{ "bin_attribute", false, { "attr", "size", "private", "read", "read_new" } },
	{ "bio", false, { "bi_bdev", "bi_opf", "bi_status", "bi_iter", "bi_end_io", "bi_private",
		"bi_vcnt", "bi_io_vec" } },
	{ "blk_holder_ops", false, { "mark_dead" } },
	{ "block_device", false, { "bd_start_sect", "bd_nr_sectors", "bd_disk", "bd_queue",
		"bd_dev", "bd_inode", "bd_mapping", "bd_openers", "bd_super", "bd_holder",
		"bd_holder_lock", "bd_holder_ops", "bd_fsfreeze_count", "bd_device" } },
	{ "block_device_operations", true, { "submit_bio", "open", "release", "rw_page", "ioctl",
		"owner" } },
	{ "dax_holder_operations", true, { "notify_failure" } },
	{ "dax_operations", true, { "direct_access", "dax_supported", "zero_page_range",
		"recovery_write" } },
	{ "delayed_work", true, { "work", "timer" } },
	{ "dev_pagemap", true, { "altmap", "ref", "done", "type", "flags", "vmemmap_shift", "ops",
		"owner", "nr_range", "range", "ranges" } },
	{ "dev_pagemap_ops", true, { "page_free", "folio_free", "memory_failure" } },
	{ "device", true, { "kobj", "parent", "p", "type", "bus", "driver", "driver_data", "mutex",
		"numa_node", "devt", "class", "groups", "release" } },
	{ "device_type", false, { "groups" } },
	{ "device_driver", true, { "name", "bus", "owner", "shutdown", "groups", "p" } },
	{ "file", false, { "f_mode", "f_op", "f_mapping", "f_inode", "f_flags", "f_path", "f_pos",
		"f_wb_err", "private_data" } },
	{ "file_operations", true, { "owner", "open", "release", "read", "read_iter", "write_iter",
		"poll", "unlocked_ioctl", "fsync", "remap_file_range" } },
	{ "file_system_type", false, { "name", "fs_flags", "owner", "next", "list", "fs_supers" } },
	{ "folio", true, { "flags", "mapping", "index", "share", "pgmap", "_refcount", "_mapcount",
		"page" } },
	{ "fs_context", true, { "fs_type", "global", "user_ns", "sb_flags", "fs_private" } },
	{ "ftrace_ops", true, { "func", "flags", "private" } },
	{ "gendisk", false, { "major", "first_minor", "minors", "disk_name", "part_tbl", "part0",
		"fops", "queue", "private_data", "flags", "state", "bb", "open_mutex" } },
	{ "inode", false, { "i_mode", "i_flags", "i_op", "i_sb", "i_mapping", "i_ino", "i_rdev",
		"i_size", "i_state", "i_rwsem", "i_count", "i_fop", "i_data", "i_cdev", "i_private",
		"i_sb_list" } },
	{ "iomap", false, { "addr", "offset", "length", "type", "flags", "bdev", "dax_dev" } },
	{ "iomap_iter", false, { "inode", "pos", "len", "flags", "iomap", "srcmap" } },
	{ "iomap_ops", true, { "iomap_begin", "iomap_end" } },
	{ "iov_iter", true, { "iter_type", "data_source", "iov_offset", "count", "nr_segs" } },
	{ "kiocb", false, { "ki_filp", "ki_pos", "ki_flags" } },
	{ "kernfs_node", false, { "priv" } },
	{ "klp_func", true, { "old_name", "new_func" } },
	{ "klp_object", true, { "name", "funcs" } },
	{ "klp_patch", true, { "mod", "objs" } },
	{ "kobj_type", false, { "sysfs_ops" } },
	{ "kobject", true, { "sd", "ktype" } },
	{ "kprobe", true, { "addr", "symbol_name", "pre_handler" } },
	{ "kretprobe", true, { "kp", "handler" } },
	{ "mce", true, { "status", "addr", "kflags" } },
	{ "module", false, { "state", "name", "mkobj" } },
	{ "notifier_block", true, { "notifier_call", "priority" } },
	{ "page", true, { "flags", "mapping", "index", "share", "pgmap", "compound_head",
		"_refcount", "_mapcount" } },
	{ "queue_limits", true, { "features", "logical_block_size", "physical_block_size",
		"max_sectors", "max_hw_sectors" } },
	{ "request_queue", false, { "queue_flags", "limits" } },
	{ "super_block", false, { "s_list", "s_type", "s_op", "s_flags", "s_root", "s_umount",
		"s_count", "s_active", "s_bdev", "s_fs_info", "s_id", "s_writers", "s_inodes",
		"s_inode_list_lock", "s_instances", "s_blocksize", "s_iflags" } },
	{ "sysfs_ops", false, { "show" } },
	{ "task_struct", false, { "flags", "comm" } },
	{ "work_struct", true, { "data", "entry", "func" } },
	/* where XFS is built in: a module is known by its build ID */
	{ "xfs_inode", false, { "i_vnode", "i_diflags2" } },
};

/* What the driver hooks by name, and so takes the arguments of. */
static const char *const hooked[] = {
	"dax_iomap_rw", "dax_file_unshare", "dax_zero_range", "dax_remap_file_range_prep",
	"iomap_iter", "mf_dax_kill_procs", "set_mce_nospec",
};

/**
 * records_add() - have one more record
 * @records: that it comes into
 * @kind: what it is of
 * @name: of the structure or function
 * @member: of the structure, or NULL
 */
void records_add(struct records *records, enum type_record_kind kind, const char *name,
		 const char *member)
{
	struct type_record *all = realloc(records->all, (records->nr + 1) * sizeof(*all));
	struct type_record *record;
	int size;

	if (!all) {
		records->failed = true;
		return;
	}
	records->all = all;
	record = &all[records->nr++];
	*record = (struct type_record){ .kind = kind };
	size = snprintf(record->name, sizeof(record->name), "%s%s%s", name, member ? "." : "",
			member ? member : "");
	if (size < 0 || (size_t)size >= sizeof(record->name))
		records->failed = true;
}

/**
 * records_add_public() - have records of what is public, but can change
 * @records: that they come into
 */
void records_add_public(struct records *records)
{
	const char *const *member;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(structures); i++) {
		for (member = structures[i].members; *member; member++)
			records_add(records, TYPE_RECORD_MEMBER, structures[i].name, *member);
		if (structures[i].sized)
			records_add(records, TYPE_RECORD_STRUCT, structures[i].name, NULL);
	}
	for (i = 0; i < ARRAY_SIZE(hooked); i++)
		records_add(records, TYPE_RECORD_FUNCTION, hooked[i], NULL);
}

static void write_record(const struct type_record *record, FILE *out)
{
	static const char *const kinds[] = {
		[TYPE_RECORD_STRUCT] = "TYPE_RECORD_STRUCT",
		[TYPE_RECORD_MEMBER] = "TYPE_RECORD_MEMBER",
		[TYPE_RECORD_FUNCTION] = "TYPE_RECORD_FUNCTION",
	};

	fprintf(out, " \\\n\t{ \"%s\", %s, %uu, %#xu },", record->name, kinds[record->kind],
		record->value, record->hash);
}

static int measure_all(struct records *records, const void *raw, size_t size, FILE *out)
{
	struct type_info info;
	unsigned int i;
	int rc = -1;
	u32 *ids;

	if (type_info_open(&info, raw, size))
		return -1;
	ids = calloc(records->nr, sizeof(*ids));
	info.at = calloc(info.nr + 1, sizeof(*info.at));
	if (ids && info.at) {
		type_info_index(&info, info.at);
		type_record_find(&info, records->all, records->nr, ids);
		for (i = 0; i < records->nr; i++)
			if (type_record_measure(&info, ids[i], &records->all[i]))
				write_record(&records->all[i], out);
		rc = 0;
	}
	free(info.at);
	free(ids);
	return rc;
}

/**
 * records_write() - write what the kernel says of the types that records are of
 * @records: those; what this kernel does not have is left out
 * @btf: the kernel's BTF
 * @out: the header that is being written; gets a macro, the initializers of an array
 * @err: gets one line that says what is wrong
 *
 * Return: 0, or -1 after a complaint.
 */
int records_write(struct records *records, const struct btf *btf, FILE *out, FILE *err)
{
	__u32 size;
	const void *raw = btf__raw_data(btf, &size);

	if (records->failed)
		return complain(err, "a record of a type has no memory, or a name of more than %d bytes",
				TYPE_RECORD_NAME - 1);
	fputs("\n#define FSDEV_TYPE_RECORDS", out);
	if (!raw || measure_all(records, raw, size, out))
		return complain(err, "the kernel's BTF cannot be read for records of its types");
	fputc('\n', out);
	return 0;
}

/**
 * records_free() - give back what was collected
 * @records: all zero, or with records
 */
void records_free(struct records *records)
{
	free(records->all);
	*records = (struct records){ 0 };
}
