// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "complain.h"
#include "records.h"

/* What the public headers define, and the driver reads, writes or hands out. */
static const char *const structures[] = {
	"address_space", "badblocks", "bin_attribute", "bio", "block_device",
	"block_device_operations", "dax_holder_operations", "dax_operations", "dev_pagemap",
	"dev_pagemap_ops", "device", "device_driver", "file", "file_system_type", "folio", "gendisk",
	"inode", "iomap", "iomap_iter", "iomap_ops", "iov_iter", "kiocb", "module", "page",
	"queue_limits", "request_queue", "super_block", "super_operations",
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
	size_t i;

	for (i = 0; i < ARRAY_SIZE(structures); i++)
		records_add(records, TYPE_RECORD_STRUCT, structures[i], NULL);
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
