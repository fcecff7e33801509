// SPDX-License-Identifier: GPL-2.0
/*
 * btf2layout on kernels that are made here: what it writes for a good one, which the compiler then
 * judges, and what it says of one that lacks something. The last tests run the program itself.
 */
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <cmocka.h>

#include "layout/array.h"
#include "layout/header.h"
#include "layout/symvers.h"

/* The Makefile renames the program's main() to this one. */
#undef main
int btf2layout_main(int argc, char **argv);

#define MAX_FIELDS 16

struct field {
	const char *of;
	const char *name;
	const char *type;
};

/* What is peculiar about the kernel of a test; all zero is a good, new one built by gcc. */
static struct peculiarities {
	const char *without;	/* "structure.member", "structure" or "function()" */
	const char *other_type;	/* "structure.member" */
	const char *gets_type;
	unsigned int gets_bits;
	bool old;		/* as Linux 6.1 */
	bool clang;		/* spells its types as clang does */
	unsigned int long_size;	/* 8 if 0 */
	void (*more)(struct btf *btf);
} kernel;

/* Public structures that private ones contain: this many longs, or one int if 0. */
static const struct {
	const char *name;
	unsigned int longs;
} publics[] = {
	{ "device", 98 }, { "inode", 70 }, { "cdev", 13 }, { "ida", 2 }, { "resource", 8 },
	{ "kref", 0 }, { "range", 2 }, { "device_driver", 19 }, { "list_head", 2 },
	{ "dax_holder_operations", 1 },
};

/* The private structures; those that the driver needs, and @old or new ones that it does not. */
static const struct field fields[] = {
	{ "dev_dax_range", "pgoff", "unsigned long" },
	{ "dev_dax_range", "range", "struct range" },
	{ "dev_dax_range", "mapping", "struct dax_mapping *" },
	{ "dax_region", "id", "int" },
	{ "dax_region", "kref", "struct kref" },
	{ "dax_region", "dev", "struct device *" },
	{ "dax_region", "align", "unsigned int" },
	{ "dax_region", "res", "struct resource" },
	{ "dax_region", "ida", "struct ida" },
	{ "dax_device", "inode", "struct inode" },
	{ "dax_device", "private", "void *" },
	{ "dax_device", "flags", "unsigned long" },
	{ "dax_device", "ops", "const struct dax_operations *" },
	{ "dax_device", "holder_data", "void *" },
	{ "dax_device", "holder_ops", "const struct dax_holder_operations *" },
	{ "dev_dax", "region", "struct dax_region *" },
	{ "dev_dax", "dax_dev", "struct dax_device *" },
	{ "dev_dax", "align", "unsigned int" },
	{ "dev_dax", "target_node", "int" },
	{ "dev_dax", "dyn_id", "bool" },
	{ "dev_dax", "id", "int" },
	{ "dev_dax", "dev", "struct device" },
	{ "dev_dax", "pgmap", "struct dev_pagemap *" },
	{ "dev_dax", "nr_range", "int" },
	{ "dev_dax", "ranges", "struct dev_dax_range *" },
	{ "dax_device_driver", "drv", "struct device_driver" },
	{ "dax_device_driver", "ids", "struct list_head" },
	{ "dax_device_driver", "probe", "int (*)(struct dev_dax *)" },
	{ "dax_device_driver", "remove", "void (*)(struct dev_dax *)" },
};

static const struct field old_fields[] = {
	{ "page", "flags", "unsigned long" },
	{ "page", "pgmap", "struct dev_pagemap *" },
	{ "queue_limits", "max_segments", "int" },
	{ "block_device_operations", "open", "int (*)(struct block_device *, int)" },
	{ "dax_operations", "direct_access", "int (*)(int, int, int, int, void **, pfn_t *)" },
	{ "class", "devnode", "int (*)(struct device *)" },
};

static const struct field new_fields[] = {
	{ "page", "flags", "unsigned long" },
	{ "page", "share", "unsigned long" },
	{ "queue_limits", "features", "int" },
	{ "block_device_operations", "open", "int (*)(struct gendisk *, int)" },
	{ "dax_operations", "direct_access",
	  "int (*)(int, int, int, int, void **, unsigned long *)" },
	{ "class", "devnode", "int (*)(const struct device *)" },
	{ "dev_dax_data", "dax_region", "struct dax_region *" },
	{ "dev_dax_data", "id", "int" },
	{ "dev_dax_data", "interval", "unsigned long" },
};

/* Functions that the driver cannot do without, as pointers to them. */
static const struct {
	const char *name;
	const char *type;
} functions[] = {
	{ "__dax_driver_register",
	  "int (*)(struct dax_device_driver *, struct module *, const char *)" },
	{ "dax_driver_unregister", "void (*)(struct dax_device_driver *)" },
	{ "static_dev_dax", "bool (*)(struct dev_dax *)" },
	{ "kill_dev_dax", "void (*)(struct dev_dax *)" },
	{ "run_dax", "void (*)(struct dax_device *)" },
	{ "dax_inode", "struct inode * (*)(struct dax_device *)" },
	{ "kill_dax", NULL }, { "dax_alive", NULL }, { "dax_get_private", NULL },
	{ "dax_read_lock", "int (*)(void)" }, { "dax_read_unlock", NULL },
	{ "dax_add_host", NULL }, { "dax_remove_host", NULL },
	{ "dax_holder_notify_failure", NULL }, { "devm_memremap_pages", NULL },
	{ "memremap_pages", NULL }, { "memunmap_pages", NULL }, { "fs_put_dax", NULL },
};

static bool is_left_out(const char *of, const char *name)
{
	char full[64];

	if (!kernel.without)
		return false;
	snprintf(full, sizeof(full), "%s%s%s", of, *name == '(' ? "" : ".", name);
	return !strcmp(kernel.without, full) || !strcmp(kernel.without, of);
}

static __u32 type_of(struct btf *btf, const char *text);

/* The type of what @text points to; as in real BTF, a function's own type names its parameters. */
static __u32 prototype(struct btf *btf, const char *text, bool named)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
	const char *parameters = strstr(text, "(*)(") + 4;
	char part[64];
	__u32 types[ARRAY_SIZE(names)];
	unsigned int i, n = 0;
	size_t size;
	int returns, proto;

	snprintf(part, sizeof(part), "%.*s", (int)(parameters - text - 5), text);
	returns = type_of(btf, part);
	for (; *parameters && strcmp(parameters, "void)"); parameters += size) {
		size = strcspn(parameters, ",)");
		snprintf(part, sizeof(part), "%.*s", (int)size, parameters);
		types[n++] = type_of(btf, part);
		size += strspn(parameters + size, ",) ");
	}
	proto = btf__add_func_proto(btf, returns);
	for (i = 0; i < n; i++)
		assert_int_equal(btf__add_func_param(btf, named ? names[i] : NULL, types[i]), 0);
	return proto;
}

/* The id of a type, added where it is new; a structure behind a pointer is only named. */
static __u32 type_of(struct btf *btf, const char *text)
{
	size_t size = strlen(text);
	char inner[64];
	int id;

	if (strstr(text, "(*)("))
		return btf__add_ptr(btf, prototype(btf, text, false));
	snprintf(inner, sizeof(inner), "%.*s", (int)size - 1, text);
	while (*inner && inner[strlen(inner) - 1] == ' ')
		inner[strlen(inner) - 1] = '\0';
	if (text[size - 1] == '*') {
		if (!strncmp(inner, "struct ", 7))
			return btf__add_ptr(btf, btf__add_fwd(btf, inner + 7, BTF_FWD_STRUCT));
		if (!strncmp(inner, "const struct ", 13)) {
			id = btf__add_fwd(btf, inner + 13, BTF_FWD_STRUCT);
			return btf__add_ptr(btf, btf__add_const(btf, id));
		}
		return btf__add_ptr(btf, type_of(btf, inner));
	}
	if (!strncmp(text, "const ", 6))
		return btf__add_const(btf, type_of(btf, text + 6));
	if (!strcmp(text, "void"))
		return 0;
	if (!strncmp(text, "struct ", 7))
		id = btf__find_by_name_kind(btf, text + 7, BTF_KIND_STRUCT);
	else if (!strncmp(text, "enum ", 5))
		id = btf__find_by_name_kind(btf, text + 5, BTF_KIND_ENUM);
	else if (!strcmp(text, "unsigned long") && !kernel.clang)
		id = btf__find_by_name(btf, "long unsigned int");
	else
		id = btf__find_by_name(btf, text);
	assert_true(id > 0);
	return id;
}

/* Adds a structure with its members where the compiler would put them. */
static void add_struct(struct btf *btf, const char *name, const struct field *all, size_t count)
{
	__u32 types[MAX_FIELDS], at[MAX_FIELDS], bits[MAX_FIELDS] = { 0 }, end = 0, align = 1;
	const char *names[MAX_FIELDS];
	size_t i, n = 0;

	for (i = 0; i < count; i++) {
		char full[64];

		snprintf(full, sizeof(full), "%s.%s", name, all[i].name);
		if (strcmp(all[i].of, name) || is_left_out(name, all[i].name))
			continue;
		names[n] = all[i].name;
		types[n] = type_of(btf, all[i].type);
		if (kernel.other_type && !strcmp(kernel.other_type, full)) {
			types[n] = type_of(btf, kernel.gets_type);
			bits[n] = kernel.gets_bits;
		}
		if ((__u32)btf__align_of(btf, types[n]) > align)
			align = btf__align_of(btf, types[n]);
		end += -end % btf__align_of(btf, types[n]);
		at[n] = end;
		end += btf__resolve_size(btf, types[n++]);
	}
	assert_true(btf__add_struct(btf, name, end + -end % align) > 0);
	for (i = 0; i < n; i++)
		assert_int_equal(btf__add_field(btf, names[i], types[i], 8 * at[i], bits[i]), 0);
}

static void add_structs(struct btf *btf, const struct field *all, size_t count)
{
	const char *name = "";
	size_t i;

	for (i = 0; i < count; i++) {
		if (!strcmp(all[i].of, name))
			continue;
		name = all[i].of;
		if (!kernel.without || strcmp(kernel.without, name))
			add_struct(btf, name, all, count);
	}
}

static void add_basics(struct btf *btf)
{
	unsigned int size = kernel.long_size ? kernel.long_size : 8;
	const char *name = kernel.clang ? "unsigned long" : "long unsigned int";
	int word = btf__add_int(btf, name, size, 0), number = btf__add_int(btf, "int", 4,
									   BTF_INT_SIGNED);
	size_t i;

	btf__add_int(btf, "unsigned int", 4, 0);
	btf__add_int(btf, "unsigned char", 1, 0);
	btf__add_int(btf, "char", 1, BTF_INT_SIGNED);
	btf__add_typedef(btf, "bool", btf__add_int(btf, "_Bool", 1, BTF_INT_BOOL));
	btf__add_typedef(btf, "pfn_t", word);
	for (i = 0; i < ARRAY_SIZE(publics); i++) {
		int words = btf__add_array(btf, word, word, publics[i].longs);

		if (is_left_out(publics[i].name, ""))
			continue;
		btf__add_struct(btf, publics[i].name, publics[i].longs ? 8 * publics[i].longs : 4);
		btf__add_field(btf, "content", publics[i].longs ? words : number, 0, 0);
	}
}

static void add_enums(struct btf *btf)
{
	btf__add_enum(btf, "mf_flags", 4);
	btf__add_enum_value(btf, "MF_NO_RETRY", 64);
	if (!kernel.old)
		btf__add_enum_value(btf, "MF_MEM_PRE_REMOVE", 128);
	if (kernel.old)
		return;
	btf__add_enum(btf, "dax_driver_type", 4);
	btf__add_enum_value(btf, "DAXDRV_KMEM_TYPE", 0);
	btf__add_enum_value(btf, "DAXDRV_DEVICE_TYPE", 1);
}

static struct btf *new_btf(void)
{
	struct btf *btf = btf__new_empty(), *read;
	const void *raw;
	__u32 size;
	size_t i;

	assert_non_null(btf);
	add_basics(btf);
	add_enums(btf);
	add_structs(btf, fields, ARRAY_SIZE(fields));
	if (kernel.old)
		add_structs(btf, old_fields, ARRAY_SIZE(old_fields));
	else if (!kernel.more)
		add_structs(btf, new_fields, ARRAY_SIZE(new_fields));
	for (i = 0; i < ARRAY_SIZE(functions); i++)
		if (functions[i].type && !is_left_out(functions[i].name, "(type)"))
			btf__add_func(btf, functions[i].name, BTF_FUNC_STATIC,
				      prototype(btf, functions[i].type, true));
	btf__add_func(btf, "dax_region_put", BTF_FUNC_STATIC,
		      prototype(btf, "int (*)(void)", true));
	if (kernel.more)
		kernel.more(btf);
	/* read back, since it is then that libbpf finds out about the size of pointers */
	raw = btf__raw_data(btf, &size);
	read = btf__new(raw, size);
	btf__free(btf);
	return read;
}

/* Every function that the driver needs is exported, and fs_dax_get() by a new kernel. */
static char *new_symvers(void)
{
	size_t i, size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (i = 0; i < ARRAY_SIZE(functions); i++)
		if (!is_left_out(functions[i].name, "()"))
			fprintf(out, "0x0\t%s\tvmlinux\tEXPORT_SYMBOL_GPL\t\n", functions[i].name);
	fputs("0x0\tdax_region_put\tvmlinux\tEXPORT_SYMBOL\t\n", out);
	if (!kernel.old && !is_left_out("bdev_file_open_by_dev", "()"))
		fputs("0x0\tbdev_file_open_by_dev\tvmlinux\tEXPORT_SYMBOL\t\n", out);
	fputs("0x0\tinode_dax\tvmlinux\tEXPORT_SYMBOL\t\n", out);
	if (!kernel.old)
		fputs("0x0\tfs_dax_get\tvmlinux\tEXPORT_SYMBOL_GPL\t\n", out);
	fclose(out);
	return text;
}

/* The kernel's header, or NULL where it is refused; @said is what was complained of. */
static char *header(char **said)
{
	size_t said_size, text_size;
	FILE *err = open_memstream(said, &said_size);
	char *text, *list = new_symvers();
	FILE *out = open_memstream(&text, &text_size);
	struct symvers *symvers;
	struct btf *btf = new_btf();
	int rc;

	symvers = symvers_parse(list, strlen(list), err);
	assert_non_null(symvers);
	rc = header_write(btf, symvers, NULL, out, err);
	fclose(out);
	fclose(err);
	symvers_free(symvers);
	btf__free(btf);
	free(list);
	if (!rc)
		return text;
	free(text);
	return NULL;
}

static char *good_header(void)
{
	char *said, *text = header(&said);

	assert_string_equal(said, "");
	assert_non_null(text);
	free(said);
	return text;
}

static void expect_complaint(const char *format, ...)
{
	char expected[512], *said;
	va_list args;

	va_start(args, format);
	vsnprintf(expected, sizeof(expected), format, args);
	va_end(args);
	assert_null(header(&said));
	assert_memory_equal(said, "btf2layout: ", 12);
	assert_string_equal(said + 12, expected);
	free(said);
}

static int reset(void **state)
{
	(void)state;
	kernel = (struct peculiarities){ 0 };
	return 0;
}

/* What the kernel's public headers would say, as far as the made kernels go. */
static void write_public_headers(FILE *out, unsigned int device_longs)
{
	size_t i;

	fputs("#include <stdbool.h>\n#include <stddef.h>\n"
	      "#define static_assert _Static_assert\n"
	      "#define __packed __attribute((packed))\n", out);
	for (i = 0; i < ARRAY_SIZE(publics); i++) {
		bool device = !strcmp(publics[i].name, "device");

		if (publics[i].longs)
			fprintf(out, "struct %s { unsigned long content[%u]; };\n", publics[i].name,
				device && device_longs ? device_longs : publics[i].longs);
		else
			fprintf(out, "struct %s { int content; };\n", publics[i].name);
	}
}

/* Has the compiler judge the header; returns what it says, nothing if it is content. */
static char *compile(const char *text, unsigned int device_longs)
{
	FILE *source = fopen("header.c", "w"), *cc;
	char *said = calloc(1, 8192);
	const char *line;

	assert_non_null(said);
	assert_non_null(source);
	write_public_headers(source, device_longs);
	for (line = text; *line; line += strcspn(line, "\n") + 1)
		if (strncmp(line, "#include", 8))
			fprintf(source, "%.*s\n", (int)strcspn(line, "\n"), line);
	fclose(source);
	cc = popen("cc -std=gnu11 -Wall -Wextra -Wstrict-prototypes -fsyntax-only header.c 2>&1",
		   "r");
	assert_non_null(cc);
	assert_true(fread(said, 1, 8191, cc) < 8191);
	pclose(cc);
	return said;
}

static void expect_compiles(const char *text)
{
	char *said = compile(text, 0);

	assert_string_equal(said, "");
	free(said);
}

static void expect_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("the header has no '%s':\n%s", part, text);
}

static void expect_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("the header has '%s':\n%s", part, text);
}

static void new_kernel_is_rendered(void **state)
{
	char *text = good_header();

	(void)state;
	expect_has(text, "Generated by btf2layout");
	expect_has(text, "struct dev_dax {\n"
			 "\tstruct dax_region *region;\n"
			 "\tstruct dax_device *dax_dev;\n"
			 "\tunsigned int align;\n"
			 "\tint target_node;\n"
			 "\tbool dyn_id;\n"
			 "\tint id;\n"
			 "\tstruct device dev;\n"
			 "\tstruct dev_pagemap *pgmap;\n"
			 "\tint nr_range;\n"
			 "\tstruct dev_dax_range *ranges;\n"
			 "};\n");
	expect_has(text, "static_assert(offsetof(struct dev_dax, pgmap) == 816,\n");
	expect_has(text, "static_assert(sizeof(struct dev_dax) == 840,\n");
	expect_has(text, "\tint (*probe)(struct dev_dax *);\n");
	expect_has(text, "enum dax_driver_type {\n\tDAXDRV_KMEM_TYPE = 0,\n"
			 "\tDAXDRV_DEVICE_TYPE = 1,\n};\n");
	expect_has(text, "struct dev_dax_data {\n");
	expect_has(text, "struct inode *dax_inode(struct dax_device *a);\n");
	expect_has(text, "int dax_region_put(void);\n");
	expect_has(text, "\n#define FSDEV_HAVE_FS_DAX_GET 1\n");
	expect_has(text, "\n#define FSDEV_HAVE_DEV_DAX_DYN_ID 1\n");
	expect_has(text, "\n#define FSDEV_HAVE_PAGE_SHARE 1\n");
	expect_has(text, "\n#define FSDEV_HAVE_QUEUE_LIMITS_FEATURES 1\n");
	expect_has(text, "\n#define FSDEV_HAVE_MF_MEM_PRE_REMOVE 1\n");
	expect_has(text, "\n#define FSDEV_HAVE_DAXDRV_DEVICE_TYPE 1\n");
	expect_has(text, "\n#define FSDEV_HAVE_CLASS_DEVNODE_CONST 1\n");
	expect_has(text, "\n#define FSDEV_HAVE_RUN_DAX 1\n");
	expect_has(text, "\n#define FSDEV_NPARAMS___dax_driver_register 3\n");
	expect_has(text, "\n#define FSDEV_NPARAMS_dax_read_lock 0\n");
	/* exported, but not in the BTF: there, with nothing known of its parameters */
	expect_has(text, "\n#define FSDEV_HAVE_KILL_DAX 1\n");
	expect_lacks(text, "FSDEV_NPARAMS_kill_dax");
	/* the same with one that is in no public header: of no use, so not there */
	expect_lacks(text, "FSDEV_HAVE_INODE_DAX");
	expect_lacks(text, "FSDEV_HAVE_DAX_PFN_T");
	expect_lacks(text, "FSDEV_HAVE_PAGE_PGMAP");
	expect_lacks(text, "FSDEV_HAVE_DAXDRV_FSDEV_TYPE");
	/* public structures are named, never defined */
	expect_lacks(text, "struct device {");
	expect_lacks(text, "struct range {");
	expect_compiles(text);
	free(text);
}

static void old_kernel_is_rendered(void **state)
{
	char *text;

	(void)state;
	kernel.old = true;
	text = good_header();
	expect_has(text, "\n#define FSDEV_HAVE_DAX_PFN_T 1\n");
	expect_has(text, "\n#define FSDEV_HAVE_PAGE_PGMAP 1\n");
	expect_lacks(text, "FSDEV_HAVE_FS_DAX_GET");
	expect_lacks(text, "FSDEV_HAVE_PAGE_SHARE");
	expect_lacks(text, "FSDEV_HAVE_QUEUE_LIMITS_FEATURES");
	expect_lacks(text, "FSDEV_HAVE_MF_MEM_PRE_REMOVE");
	expect_lacks(text, "FSDEV_HAVE_DAXDRV");
	expect_lacks(text, "FSDEV_HAVE_CLASS_DEVNODE_CONST");
	expect_lacks(text, "enum dax_driver_type");
	expect_lacks(text, "dev_dax_data {");
	expect_compiles(text);
	free(text);
}

static void compilers_spellings_make_no_difference(void **state)
{
	char *gcc = good_header(), *clang;

	(void)state;
	kernel.clang = true;
	clang = good_header();
	assert_string_equal(gcc, clang);
	free(gcc);
	free(clang);
}

static void headers_of_another_kernel_fail_the_build(void **state)
{
	char *text = good_header(), *said = compile(text, 97);

	(void)state;
	expect_has(said, "dev_dax.pgmap: headers and BTF disagree");
	expect_has(said, "struct dev_dax: headers and BTF disagree");
	assert_null(strstr(said, "dev_dax.dev: "));
	free(said);
	free(text);
}

/* In dev_dax_data, of which nothing is required: what the real structures do not have so far. */
static void add_odd_struct(struct btf *btf)
{
	__u32 number = type_of(btf, "unsigned int"), letter = type_of(btf, "unsigned char");
	__u32 word = type_of(btf, "unsigned long"), call = type_of(btf, "int (*)(struct odd *)");
	__u32 range, inner, outer;

	/* of the same name as another: libbpf then calls it range___2 */
	range = btf__add_struct(btf, "range", 16);
	btf__add_field(btf, "start", word, 0, 0);
	btf__add_field(btf, "end", word, 64, 0);

	btf__add_struct(btf, NULL, 8);
	btf__add_field(btf, "low", number, 0, 0);
	btf__add_field(btf, "high", number, 32, 0);
	inner = btf__type_cnt(btf) - 1;
	btf__add_union(btf, NULL, 8);
	btf__add_field(btf, "whole", word, 0, 0);
	btf__add_field(btf, NULL, inner, 0, 0);
	outer = btf__type_cnt(btf) - 1;
	btf__add_struct(btf, "dev_dax_data", 128);
	btf__add_field(btf, "first", letter, 0, 0);
	btf__add_field(btf, "three", number, 8, 3);
	btf__add_field(btf, "four", number, 14, 4);
	btf__add_field(btf, "after", letter, 32, 0);
	btf__add_field(btf, "aligned", letter, 64, 0);
	btf__add_field(btf, NULL, outer, 128, 0);
	btf__add_field(btf, "far", range, 512, 0);
	btf__add_field(btf, "call", call, 640, 0);
	btf__add_field(btf, "last", letter, 704, 0);
	btf__add_field(btf, "bits", number, 724, 4);
	btf__add_field(btf, "wide", number, 736, 30);
}

static void odd_members_lie_where_btf_says(void **state)
{
	char *text;

	(void)state;
	kernel.more = add_odd_struct;
	text = good_header();
	expect_has(text, "struct dev_dax_data {\n"
			 "\tunsigned char first;\n"
			 "\tunsigned int three : 3;\n"
			 "\tunsigned char : 3;\n"
			 "\tunsigned int four : 4;\n"
			 "\tunsigned char : 6;\n"
			 "\tunsigned char fsdev_hole_3[1];\n"
			 "\tunsigned char after;\n"
			 "\tunsigned char fsdev_hole_5[3];\n"
			 "\tunsigned char aligned;\n"
			 "\tunion {\n"
			 "\t\tunsigned long whole;\n"
			 "\t\tstruct {\n"
			 "\t\t\tunsigned int low;\n"
			 "\t\t\tunsigned int high;\n"
			 "\t\t};\n"
			 "\t};\n"
			 "\tunsigned char fsdev_hole_24[40];\n"
			 "\tstruct range far;\n"
			 "\tint (*call)(struct odd *);\n"
			 "\tunsigned char last;\n"
			 "\tunsigned char fsdev_hole_89[1];\n"
			 "\tunsigned char : 4;\n"
			 "\tunsigned int bits : 4;\n"
			 "\tunsigned int wide : 30;\n"
			 "\tunsigned char : 2;\n"
			 "\tunsigned char fsdev_hole_96[32];\n"
			 "};\n");
	expect_has(text, "offsetof(struct dev_dax_data, high) == 20,");
	expect_lacks(text, "offsetof(struct dev_dax_data, four)");
	expect_compiles(text);
	free(text);
}

static void add_packed_struct(struct btf *btf)
{
	__u32 letter = type_of(btf, "unsigned char"), word = type_of(btf, "unsigned long");

	btf__add_struct(btf, "dev_dax_data", 32);
	btf__add_field(btf, "first", letter, 0, 0);
	btf__add_field(btf, "word", word, 64, 0);
	btf__add_field(btf, "second", word, 136, 0);
}

/* Only its size betrays it. */
static void add_short_struct(struct btf *btf)
{
	__u32 number = type_of(btf, "unsigned int"), word = type_of(btf, "unsigned long");

	btf__add_struct(btf, "dev_dax_data", 12);
	btf__add_field(btf, "word", word, 0, 0);
	btf__add_field(btf, "last", number, 64, 0);
}

static void packed_structures_stay_packed(void **state)
{
	char *text;

	(void)state;
	kernel.more = add_packed_struct;
	text = good_header();
	expect_has(text, "struct dev_dax_data {\n"
			 "\tunsigned char first;\n"
			 "\tunsigned char fsdev_hole_1[7];\n"
			 "\tunsigned long word;\n"
			 "\tunsigned char fsdev_hole_16[1];\n"
			 "\tunsigned long second;\n"
			 "\tunsigned char fsdev_hole_25[7];\n"
			 "} __packed;\n");
	expect_compiles(text);
	free(text);
	kernel.more = add_short_struct;
	text = good_header();
	expect_compiles(text);
	free(text);
}

static void add_overlap(struct btf *btf)
{
	__u32 number = type_of(btf, "unsigned int");

	btf__add_struct(btf, "dev_dax_data", 16);
	btf__add_field(btf, "first", number, 32, 0);
	btf__add_field(btf, "second", number, 32, 0);
}

static void add_overhang(struct btf *btf)
{
	__u32 number = type_of(btf, "unsigned int");

	btf__add_struct(btf, "dev_dax_data", 4);
	btf__add_field(btf, "first", number, 32, 0);
}

static void add_sizeless(struct btf *btf)
{
	__u32 unknown = btf__add_fwd(btf, "gone", BTF_FWD_STRUCT);

	btf__add_struct(btf, "dev_dax_data", 4);
	btf__add_field(btf, "first", unknown, 0, 0);
}

static void impossible_layouts_are_refused(void **state)
{
	(void)state;
	kernel.more = add_overlap;
	expect_complaint("dev_dax_data.second: the BTF lets it overlap the member before it\n");
	kernel.more = add_overhang;
	expect_complaint("struct dev_dax_data: the BTF lets its members reach past its end\n");
	kernel.more = add_sizeless;
	expect_complaint("dev_dax_data.first: the BTF does not say how large it is\n");
}

static void missing_member_is_named(void **state)
{
	char full[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		bool inode = !strcmp(fields[i].name, "inode");
		const char *pgoff = strcmp(fields[i].name, "pgoff") ? "" : "|pgoff_t";

		if (!strcmp(fields[i].name, "dyn_id"))
			continue;
		snprintf(full, sizeof(full), "%s.%s", fields[i].of, fields[i].name);
		kernel.without = full;
		expect_complaint("%s%s: this kernel has no such member, expected '%s%s%s'\n", full,
				 inode ? "|cdev" : "", fields[i].type, pgoff,
				 inode ? "|struct cdev" : "");
	}
}

static void member_of_another_type_is_named(void **state)
{
	char full[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		bool inode = !strcmp(fields[i].name, "inode");
		const char *pgoff = strcmp(fields[i].name, "pgoff") ? "" : "|pgoff_t";

		if (!strcmp(fields[i].name, "dyn_id"))
			continue;
		snprintf(full, sizeof(full), "%s.%s", fields[i].of, fields[i].name);
		kernel.other_type = full;
		kernel.gets_type = "const char *";
		expect_complaint("%s: found 'const char *', expected '%s%s%s'\n", full,
				 fields[i].type, pgoff, inode ? "|struct cdev" : "");
	}
}

static void bit_field_is_no_plain_member(void **state)
{
	(void)state;
	kernel.other_type = "dev_dax.align";
	kernel.gets_type = "unsigned int";
	kernel.gets_bits = 20;
	expect_complaint("dev_dax.align: found a bit-field of 20 bits, expected 'unsigned int'\n");
}

static void missing_structure_is_named(void **state)
{
	static const char *const names[] = {
		"dev_dax_range", "dax_region", "dax_device", "dev_dax", "dax_device_driver",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		kernel.without = names[i];
		expect_complaint("struct %s: this kernel's BTF has no such structure\n", names[i]);
	}
}

static void every_lack_is_said_at_once(void **state)
{
	(void)state;
	kernel.without = "dev_dax.pgmap";
	kernel.other_type = "dev_dax.align";
	kernel.gets_type = "unsigned long";
	expect_complaint("dev_dax.align: found 'unsigned long', expected 'unsigned int'\n"
			 "btf2layout: dev_dax.pgmap: this kernel has no such member, expected 'struct dev_pagemap *'\n");
}

static void missing_export_is_named(void **state)
{
	char full[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		if (!strcmp(functions[i].name, "fs_put_dax"))
			continue;
		snprintf(full, sizeof(full), "%s()", functions[i].name);
		kernel.without = full;
		expect_complaint("%s: this kernel does not export it\n", full);
	}
}

static void private_function_needs_its_type(void **state)
{
	(void)state;
	kernel.without = "run_dax(type)";
	expect_complaint("run_dax(): this kernel exports it, but its BTF does not have its type\n");
}

static void kernel_without_fs_dax_is_refused(void **state)
{
	(void)state;
	kernel.without = "fs_put_dax()";
	expect_complaint("%s\n",
			 "kernel has no FS_DAX (it does not export fs_put_dax): fsdev needs CONFIG_FS_DAX, Linux 6.0 or later");
	kernel.without = "dax_holder_operations";
	expect_complaint("%s\n",
			 "kernel has no FS_DAX (its BTF has no struct dax_holder_operations): fsdev needs CONFIG_FS_DAX, Linux 6.0 or later");
}

/* As 6.5 to 6.10 are, and what vendors make of several. */
static void kernel_between_two_is_refused(void **state)
{
	static const char range[] = "fsdev is for 6.1 to 6.4, and for 6.11 and later";

	(void)state;
	kernel.without = "queue_limits.features";
	expect_complaint("kernel opens disks as 6.5 and later do, but its struct queue_limits has no features as from 6.11 on: %s\n",
			 range);
	kernel.without = "bdev_file_open_by_dev()";
	expect_complaint("kernel opens disks as 6.5 and later do, but does not export bdev_file_open_by_dev as 6.9 and later do: %s\n",
			 range);
	kernel.without = NULL;
	kernel.other_type = "block_device_operations.open";
	kernel.gets_type = "int (*)(struct block_device *, int)";
	expect_complaint("kernel has features in struct queue_limits as from 6.11 on, but opens disks as before 6.5: %s\n",
			 range);
}

static void thirty_two_bit_kernel_is_refused(void **state)
{
	(void)state;
	kernel.long_size = 4;
	expect_complaint("%s\n",
			 "the kernel's pointers are of 4 bytes, says its BTF: fsdev needs a 64-bit kernel");
}

static void put_file(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

static char *get_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 65536);

	assert_non_null(text);
	if (!file) {
		free(text);
		return NULL;
	}
	assert_true(fread(text, 1, 65535, file) < 65535);
	fclose(file);
	return text;
}

/* Puts the kernel of this test into files "btf" and "symvers". */
static void put_kernel(void)
{
	struct btf *btf = new_btf();
	char *list = new_symvers();
	const void *raw;
	__u32 size;

	raw = btf__raw_data(btf, &size);
	put_file("btf", raw, size);
	put_file("symvers", list, strlen(list));
	free(list);
	btf__free(btf);
}

/* What libbpf does with its own messages, unless told otherwise as the program has to. */
static libbpf_print_fn_t libbpf_print;

/* Runs the program on a command line; returns its exit status, with what it printed in "said". */
static int run(const char *line)
{
	char *words[16], *copy = strdup(line), *word;
	int said, status, n = 0;
	pid_t child;

	for (word = strtok(copy, " "); word; word = strtok(NULL, " "))
		words[n++] = word;
	words[n] = NULL;
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		said = open("said", O_CREAT | O_TRUNC | O_WRONLY, 0600);
		dup2(said, STDOUT_FILENO);
		dup2(said, STDERR_FILENO);
		libbpf_set_print(libbpf_print);
		exit(btf2layout_main(n, words));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	free(copy);
	return WEXITSTATUS(status);
}

static void expect_run(const char *line, int status, const char *saying)
{
	int got = run(line);
	char *said = get_file("said");

	if (!strstr(said, saying) || (!*saying && *said) || got != status ||
	    (status && strncmp(said, "btf2layout: ", 12)))
		fail_msg("%s: exit status %d, saying '%s'", line, got, said);
	free(said);
}

static unsigned int files_here(void)
{
	unsigned int n = 0;
	DIR *here = opendir(".");

	assert_non_null(here);
	while (readdir(here))
		n++;
	closedir(here);
	return n;
}

static void program_writes_the_header(void **state)
{
	char *expected = good_header(), *text;
	struct stat mode;

	(void)state;
	put_kernel();
	expect_run("btf2layout --btf btf --symvers symvers --output layout.h", 0, "");
	text = get_file("layout.h");
	assert_string_equal(text, expected);
	assert_int_equal(stat("layout.h", &mode), 0);
	assert_int_equal(mode.st_mode & 0444, 0444);
	free(text);
	free(expected);
}

/* Nothing is left of a failure: no header, not even an older one, and no temporary file. */
static void program_leaves_nothing_of_a_failure(void **state)
{
	unsigned int files;

	(void)state;
	kernel.without = "dev_dax.pgmap";
	put_kernel();
	put_file("layout.h", "older", 5);
	files = files_here();
	expect_run("btf2layout --btf btf --symvers symvers --output layout.h", 1,
		   "dev_dax.pgmap: this kernel has no such member");
	assert_int_not_equal(access("layout.h", F_OK), 0);
	assert_int_equal(files_here(), files - 1);
}

static void program_names_a_bad_file(void **state)
{
	struct btf *btf;
	char damaged[64];
	const void *raw;
	__u32 size;

	(void)state;
	put_kernel();
	expect_run("btf2layout --btf none --symvers symvers --output layout.h", 1,
		   "cannot open none: No such file or directory");
	expect_run("btf2layout --btf btf --symvers btf --output layout.h", 1, "--symvers line 1");
	expect_run("btf2layout --btf . --symvers symvers --output layout.h", 1,
		   "cannot read .: Is a directory");
	expect_run("btf2layout --btf btf --symvers symvers --output none/layout.h", 1,
		   "cannot write beside none/layout.h: No such file or directory");
	/* a type that is made of one that the BTF does not have */
	btf = btf__new_empty();
	btf__add_typedef(btf, "pfn_t", 9999);
	raw = btf__raw_data(btf, &size);
	put_file("btf", raw, size);
	btf__free(btf);
	snprintf(damaged, sizeof(damaged), "btf2layout: the BTF of %u bytes is damaged", size);
	expect_run("btf2layout --btf btf --symvers symvers --output layout.h", 1, damaged);
	assert_int_not_equal(access("layout.h", F_OK), 0);
}

/* XFS's inode: flags of @size bytes, then the structure @name, which should be "inode". */
static void add_xfs_inode(struct btf *btf, unsigned int size, const char *name)
{
	int flags = btf__add_int(btf, "uint_of_xfs", size, 0);
	int vfs = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);

	assert_true(flags > 0 && vfs > 0);
	assert_true(btf__add_struct(btf, "xfs_inode", 8 * 80) > 0);
	assert_int_equal(btf__add_field(btf, "i_diflags2", flags, 8 * 16, 0), 0);
	assert_int_equal(btf__add_field(btf, "i_vnode", vfs, 8 * 40, 0), 0);
}

static void add_built_in_xfs(struct btf *btf)
{
	add_xfs_inode(btf, 8, "inode");
}

#define NAMES "\0.shstrtab\0.BTF\0.note.gnu.build-id"

static void put_section(Elf64_Shdr *section, unsigned int name, unsigned int type, size_t at,
			size_t size)
{
	section->sh_name = name;
	section->sh_type = type;
	section->sh_offset = at;
	section->sh_size = size;
}

/* Puts a module of that kernel into file "xfs.ko": .BTF on top of the kernel's, and a note. */
static void put_xfs(unsigned int size, const char *name, const char *note_section)
{
	static const unsigned char note[] = { 4, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0,
					      'G', 'N', 'U', 0, 0xab, 9 };
	struct {
		Elf64_Ehdr elf;
		Elf64_Shdr section[4];
		char names[sizeof(NAMES)];
		unsigned char note[sizeof(note)];
		unsigned char btf[4096];
	} *file = calloc(1, sizeof(*file));
	struct btf *base = new_btf(), *btf = btf__new_empty_split(base);
	const void *raw;
	__u32 bytes;

	assert_non_null(file);
	add_xfs_inode(btf, size, name);
	raw = btf__raw_data(btf, &bytes);
	assert_true(bytes < sizeof(file->btf));
	memcpy(file->elf.e_ident, ELFMAG, SELFMAG);
	file->elf.e_ident[EI_CLASS] = ELFCLASS64;
	file->elf.e_ident[EI_DATA] = ELFDATA2LSB;
	file->elf.e_shoff = offsetof(typeof(*file), section);
	file->elf.e_shentsize = sizeof(Elf64_Shdr);
	file->elf.e_shnum = 4;
	file->elf.e_shstrndx = 1;
	memcpy(file->names, NAMES, sizeof(NAMES));
	if (!note_section)
		file->names[18] = 'x';
	memcpy(file->note, note, sizeof(note));
	memcpy(file->btf, raw, bytes);
	put_section(&file->section[1], 1, SHT_STRTAB, offsetof(typeof(*file), names), sizeof(NAMES));
	put_section(&file->section[2], 11, SHT_PROGBITS, offsetof(typeof(*file), btf), bytes);
	put_section(&file->section[3], 16, SHT_NOTE, offsetof(typeof(*file), note), sizeof(note));
	put_file("xfs.ko", file, sizeof(*file));
	btf__free(btf);
	btf__free(base);
	free(file);
}

#define WITH_XFS "btf2layout --btf btf --symvers symvers --xfs xfs.ko --output layout.h"

static void module_of_xfs_is_read(void **state)
{
	char *text;

	(void)state;
	put_kernel();
	put_xfs(8, "inode", "note");
	expect_run(WITH_XFS, 0, "");
	text = get_file("layout.h");
	expect_has(text, "\n#define FSDEV_XFS_FLAGS2 (-24)\n");
	expect_has(text, "\n#define FSDEV_XFS_NOTE \"\\x04\\x00\\x00\\x00\\x02\\x00\\x00\\x00"
			 "\\x03\\x00\\x00\\x00\\x47\\x4e\\x55\\x00\\xab\\x09\"\n");
	free(text);
}

static void built_in_xfs_is_read(void **state)
{
	char *text;

	(void)state;
	kernel.more = add_built_in_xfs;
	text = good_header();
	expect_has(text, "\n#define FSDEV_XFS_FLAGS2 (-24)\n");
	expect_lacks(text, "FSDEV_XFS_NOTE");
	free(text);
}

/* What is not as the driver needs it is left out, and the header is written. */
static void other_xfs_is_left_out(void **state)
{
	static const struct {
		unsigned int size;
		const char *name;
		const char *note;
		const char *said;
	} cases[] = {
		{ 4, "inode", "note", "" },
		{ 8, "cdev", "note", "" },
		{ 8, "inode", NULL, "the ELF file has no .note.gnu.build-id section" },
	};
	char *text;

	(void)state;
	put_kernel();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put_xfs(cases[i].size, cases[i].name, cases[i].note);
		expect_run(WITH_XFS, 0, cases[i].said);
		text = get_file("layout.h");
		expect_has(text, "struct dev_dax {");
		expect_lacks(text, "FSDEV_XFS");
		free(text);
	}
	put_file("xfs.ko", "#!", 2);
	expect_run(WITH_XFS, 0, "the file of 2 bytes (magic 23 21 00 00)");
	unlink("xfs.ko");
	expect_run(WITH_XFS, 1, "cannot open xfs.ko: No such file or directory");
}

static void program_explains_its_use(void **state)
{
	(void)state;
	put_kernel();
	expect_run("btf2layout --help", 0, "Usage: btf2layout --btf FILE --symvers FILE");
	expect_run("btf2layout --symvers symvers --output layout.h", 2, "--btf is missing");
	expect_run("btf2layout --btf btf --output layout.h", 2,
		   "--symvers is missing: without the kernel's Module.symvers no function can be taken for exported");
	expect_run("btf2layout --btf btf --symvers symvers", 2, "--output is missing");
	expect_run("btf2layout --btf btf --symvers symvers --output layout.h more", 2,
		   "'more' is no option");
	expect_run("btf2layout --nonsense", 2, "unrecognized option");
	expect_run("btf2layout --btf btf --symvers symvers --output .", 2,
		   "--output . is not a regular file");
}

/* The tests' own folder, made and removed around all of them. */
static int enter(void **state)
{
	libbpf_print = libbpf_set_print(NULL);
	*state = strdup("/tmp/test_btf2layout.XXXXXX");
	return mkdtemp(*state) ? chdir(*state) : -1;
}

static int leave(void **state)
{
	static const char *const files[] = { "header.c", "btf", "symvers", "xfs.ko", "layout.h", "said" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		unlink(files[i]);
	if (rmdir(*state))
		return -1;
	free(*state);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(new_kernel_is_rendered, reset),
		cmocka_unit_test_setup(old_kernel_is_rendered, reset),
		cmocka_unit_test_setup(compilers_spellings_make_no_difference, reset),
		cmocka_unit_test_setup(headers_of_another_kernel_fail_the_build, reset),
		cmocka_unit_test_setup(odd_members_lie_where_btf_says, reset),
		cmocka_unit_test_setup(packed_structures_stay_packed, reset),
		cmocka_unit_test_setup(impossible_layouts_are_refused, reset),
		cmocka_unit_test_setup(missing_member_is_named, reset),
		cmocka_unit_test_setup(member_of_another_type_is_named, reset),
		cmocka_unit_test_setup(bit_field_is_no_plain_member, reset),
		cmocka_unit_test_setup(missing_structure_is_named, reset),
		cmocka_unit_test_setup(every_lack_is_said_at_once, reset),
		cmocka_unit_test_setup(missing_export_is_named, reset),
		cmocka_unit_test_setup(private_function_needs_its_type, reset),
		cmocka_unit_test_setup(kernel_without_fs_dax_is_refused, reset),
		cmocka_unit_test_setup(kernel_between_two_is_refused, reset),
		cmocka_unit_test_setup(thirty_two_bit_kernel_is_refused, reset),
		cmocka_unit_test_setup(program_writes_the_header, reset),
		cmocka_unit_test_setup(program_leaves_nothing_of_a_failure, reset),
		cmocka_unit_test_setup(program_names_a_bad_file, reset),
		cmocka_unit_test_setup(module_of_xfs_is_read, reset),
		cmocka_unit_test_setup(built_in_xfs_is_read, reset),
		cmocka_unit_test_setup(other_xfs_is_left_out, reset),
		cmocka_unit_test_setup(program_explains_its_use, reset),
	};

	return cmocka_run_group_tests_name("btf2layout", tests, enter, leave);
}
