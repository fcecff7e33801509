// SPDX-License-Identifier: GPL-2.0
/*
 * The parts of fsdevctl that need no device: sizes and ranges, options, the configuration, tables
 * and pictures.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fsdevctl/lib/conf.h"
#include "fsdevctl/lib/daxconf.h"
#include "fsdevctl/lib/draw.h"
#include "fsdevctl/lib/files.h"
#include "fsdevctl/lib/form.h"
#include "fsdevctl/lib/image.h"
#include "fsdevctl/lib/opts.h"
#include "fsdevctl/lib/page.h"
#include "fsdevctl/lib/publisher.h"
#include "fsdevctl/lib/size.h"
#include "fsdevctl/lib/table.h"
#include "fsdevctl/lib/text.h"

#define MIB (1ull << 20)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes of a page; the Makefile has page.c ask here instead of sysconf(). */
static long machine_page = 4 << 10;

long machine(int name)
{
	assert_int_equal(name, _SC_PAGESIZE);
	return machine_page;
}

static int on_x86(void **state)
{
	(void)state;
	machine_page = 4 << 10;
	return 0;
}

static void pages(void **state)
{
	(void)state;
	assert_int_equal(page_size(), 4 << 10);
	assert_int_equal(page_huge(), 2 * MIB);
	assert_int_equal(page_down(8191), 4096);
	assert_int_equal(page_up(8192), 8192);
	assert_int_equal(page_up(8193), 12288);
	machine_page = 16 << 10;
	assert_int_equal(page_huge(), 32 * MIB);
	assert_int_equal(page_down(0x7fff), 0x4000);
	assert_int_equal(page_up(0x4001), 0x8000);
	machine_page = 64 << 10;
	assert_int_equal(page_huge(), 512 * MIB);
}

static void form_is(const char *type, uint64_t size, const char *wanted)
{
	const char *words[FORM_WORDS];
	unsigned int n = form_words(words, type, size);
	char text[300] = "";

	for (unsigned int i = 0; i < n; i++) {
		strcat(text, i ? " " : "");
		strcat(text, words[i]);
	}
	assert_string_equal(text, wanted);
}

static void forms(void **state)
{
	(void)state;
	form_is("xfs", 1024 * MIB,
		"mkfs.xfs -q -f -m rmapbt=1,reflink=0 -l su=32k -d su=2m,sw=1,extszinherit=512 -b size=4096");
	form_is("xfs", 512 * MIB,
		"mkfs.xfs -q -f -m rmapbt=1,reflink=0 -l su=32k -d su=2m,sw=1,extszinherit=512 -d agcount=4 -b size=4096");
	form_is("ext4", 64 * MIB,
		"mkfs.ext4 -q -F -b 4096 -E stride=512,stripe_width=512,nodiscard");
	form_is("ext4", 64 * MIB - 1, "mkfs.ext4 -q -F -b 4096 -E nodiscard");
	form_is("erofs", MIB, "mkfs.erofs --quiet -b 4096 -E noinline_data");
	machine_page = 16 << 10;
	form_is("xfs", 1024 * MIB,
		"mkfs.xfs -q -f -m rmapbt=1,reflink=0 -l su=32k -d su=32m,sw=1,extszinherit=2048 -b size=16384");
	form_is("xfs", 1023 * MIB,
		"mkfs.xfs -q -f -m rmapbt=1,reflink=0 -l su=32k -d agcount=4 -b size=16384");
	form_is("ext4", 2048 * MIB,
		"mkfs.ext4 -q -F -b 16384 -E stride=2048,stripe_width=2048,nodiscard");
	machine_page = 64 << 10;
	form_is("xfs", 16384 * MIB,
		"mkfs.xfs -q -f -m rmapbt=1,reflink=0 -l su=64k -d su=512m,sw=1,extszinherit=8192 -b size=65536");
	form_is("ext4", 16383 * MIB, "mkfs.ext4 -q -F -b 65536 -E nodiscard");
	form_is("erofs", MIB, "mkfs.erofs --quiet -b 65536 -E noinline_data");
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, 0 }, { "4096", 0, 4096 }, { "4K", 0, 4096 }, { "512M", 0, 512 * MIB },
		{ "512MiB", 0, 512 * MIB }, { "2G", 0, 2048 * MIB }, { "1T", 0, MIB << 20 },
		{ "0x140000000", 0, 0x140000000 }, { "0XfF", 0, 255 },
		{ "16777215T", 0, 16777215ull << 40 }, { "16777216T", -ERANGE, 0 },
		{ "18446744073709551615", 0, UINT64_MAX }, { "18446744073709551616", -ERANGE, 0 },
		{ "0xffffffffffffffff", 0, UINT64_MAX }, { "0x1ffffffffffffffff", -ERANGE, 0 },
		{ "", -EINVAL, 0 }, { "M", -EINVAL, 0 }, { "-1", -EINVAL, 0 }, { "+1", -EINVAL, 0 },
		{ "64m", 0, 64 * MIB }, { "2P", 0, MIB << 31 }, { "2g", 0, 2048 * MIB },
		{ " 1", -EINVAL, 0 }, { "1 ", -EINVAL, 0 }, { "1MB", -EINVAL, 0 },
		{ "0x", -EINVAL, 0 }, { "0x-1", -EINVAL, 0 }, { "0x1M", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 }, { "12M3", -EINVAL, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < COUNT(cases); i++) {
		uint64_t bytes = 0;
		int rc = size_parse(cases[i].text, &bytes);

		if (rc != cases[i].rc || (!rc && bytes != cases[i].bytes))
			fail_msg("'%s': %d %#llx", cases[i].text, rc, (unsigned long long)bytes);
	}
}

static void ranges(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t start, len;
	} cases[] = {
		{ "0x1000", 0, 0x1000, 4096 }, { "1M+8K", 0, MIB, 8192 },
		{ "0x1000-0x1fff", 0, 0x1000, 0x1000 }, { "5-5", 0, 5, 1 },
		{ "5-4", -EINVAL, 0, 0 }, { "1+0", -EINVAL, 0, 0 }, { "1+", -EINVAL, 0, 0 },
		{ "1++1", -EINVAL, 0, 0 }, { "1-2-3", -EINVAL, 0, 0 }, { "+1", -EINVAL, 0, 0 },
		{ "all", -EINVAL, 0, 0 }, { "0xffffffffffffffff+1", 0, UINT64_MAX, 1 },
		{ "0xffffffffffffffff+2", -ERANGE, 0, 0 }, { "0xffffffffffffffff", -ERANGE, 0, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < COUNT(cases); i++) {
		uint64_t start = 0, len = 0;
		int rc = range_parse(cases[i].text, &start, &len);

		if (rc != cases[i].rc ||
		    (!rc && (start != cases[i].start || len != cases[i].len)))
			fail_msg("'%s': %d %#llx+%#llx", cases[i].text, rc,
				 (unsigned long long)start, (unsigned long long)len);
	}
}

static void range_of_a_page(void **state)
{
	uint64_t start, len;

	(void)state;
	machine_page = 64 << 10;
	assert_int_equal(range_parse("0x10000", &start, &len), 0);
	assert_int_equal(len, 64 << 10);
}

static void sizes_for_people(void **state)
{
	char text[SIZE_TEXT];

	(void)state;
	assert_string_equal(size_text(text, 0), "0 B");
	assert_string_equal(size_text(text, 1023), "1023 B");
	assert_string_equal(size_text(text, 4096), "4 KiB");
	assert_string_equal(size_text(text, 768 * MIB), "768 MiB");
	assert_string_equal(size_text(text, 1536 * MIB), "1.50 GiB");
	assert_string_equal(size_text(text, UINT64_MAX), "16777216 TiB");
}

struct parsed {
	bool flag;
	const char *text;
	int left;
	char *said;
};

/* Parses words that end with NULL; those left are at the front of them. */
static struct parsed options(char **words)
{
	struct parsed parsed = { 0 };
	const struct opt opts[] = {
		{ "force", OPT_FLAG, NULL, &parsed.flag, "help of force" },
		{ "mode", OPT_TEXT, "MODE", &parsed.text, "help of mode" },
		{ NULL }
	};
	size_t size;
	FILE *err = open_memstream(&parsed.said, &size);
	int argc = 0;

	assert_non_null(err);
	while (words[argc])
		argc++;
	parsed.left = opts_parse("try", opts, argc, words, err);
	fclose(err);
	return parsed;
}

#define WORDS(...) ((char *[]){ __VA_ARGS__, NULL })

static void good_options(void **state)
{
	char **words = WORDS("a", "--mode", "x", "b", "--force", "--", "--mode");
	struct parsed parsed = options(words);

	(void)state;
	assert_int_equal(parsed.left, 3);
	assert_string_equal(words[0], "a");
	assert_string_equal(words[1], "b");
	assert_string_equal(words[2], "--mode");
	assert_true(parsed.flag);
	assert_string_equal(parsed.text, "x");
	assert_string_equal(parsed.said, "");
	free(parsed.said);

	parsed = options(WORDS("--mode=a=b", "-"));
	assert_int_equal(parsed.left, 1);
	assert_string_equal(parsed.text, "a=b");
	assert_false(parsed.flag);
	free(parsed.said);
}

static void bad_options(void **state)
{
	static const struct {
		char *word;
		const char *said;
	} cases[] = {
		{ "--fast", "fsdevctl: try has no option '--fast': it knows --force, --mode\n" },
		{ "-f", "fsdevctl: try has no option '-f': it knows --force, --mode\n" },
		{ "--forc", "fsdevctl: try has no option '--forc': it knows --force, --mode\n" },
		{ "--force=1", "fsdevctl: --force takes no value\n" },
		{ "--mode", "fsdevctl: --mode needs a value: --mode MODE\n" },
		{ "--mode=", "fsdevctl: --mode: its value is empty; give it as --mode MODE\n" },
	};

	(void)state;
	for (unsigned int i = 0; i < COUNT(cases); i++) {
		struct parsed parsed = options(WORDS(cases[i].word));

		assert_int_equal(parsed.left, -EINVAL);
		assert_string_equal(parsed.said, cases[i].said);
		free(parsed.said);
	}
}

static int parse(struct conf *conf, const char *text, char **said)
{
	size_t size, len = strlen(text);
	FILE *err = open_memstream(said, &size);
	/* of exactly that size, so that the address sanitizer guards its end */
	char *copy = malloc(len ? len : 1);
	int rc;

	assert_non_null(err);
	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(conf, 0, sizeof(*conf));
	rc = conf_parse(conf, "f", copy, len, err);
	fclose(err);
	free(copy);
	return rc;
}

static void good_configuration(void **state)
{
	struct conf conf;
	char *said;

	(void)state;
	assert_int_equal(parse(&conf,
			       "# a comment\n\n [weights]\t\n"
			       "address=0x140000000\nsize = 512M\n\tmode = system-ram\t\n"
			       "[pmem-1.x]\nnvdimm-uuid = 01234567-89ab-cdef-0123-456789ABCDEF\n"
			       "numa-node = 1\ncxl-serial = 0x10\ncxl-region = region 2\nmode = ignore",
			       &said), 0);
	assert_string_equal(said, "");
	assert_int_equal(conf.rules, 2);
	assert_string_equal(conf.rule[0].name, "weights");
	assert_int_equal(conf.rule[0].line, 3);
	assert_int_equal(conf.rule[0].mode, MODE_SYSTEM_RAM);
	assert_true(conf.rule[0].given[CONF_ADDRESS]);
	assert_int_equal(conf.rule[0].number[CONF_ADDRESS], 0x140000000);
	assert_int_equal(conf.rule[0].number[CONF_SIZE], 512 * MIB);
	assert_false(conf.rule[0].given[CONF_NUMA_NODE]);
	assert_string_equal(conf.rule[1].text[CONF_CXL_REGION], "region 2");
	assert_int_equal(conf.rule[1].mode, MODE_NONE);
	conf_free(&conf);
	free(said);
	assert_int_equal(parse(&conf, "", &said), 0);
	assert_int_equal(conf.rules, 0);
	conf_free(&conf);
	free(said);
}

static void bad_configuration(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "[a]\ncolour = red\nsize=1\n",
		  "f:2: there is no key 'colour': the keys are nvdimm-uuid, uuid, cxl-region, cxl-serial, numa-node, size, address, mode, overwrite and shared\n" },
		{ "size = 1\n", "f:1: 'size' stands in no good [section]\n" },
		{ "[a]\nsize = 1\nsize = 1\n", "f:3: size is given twice in [a]\n" },
		{ "[a]\nsize = 1\nmode=fsdev\nmode=fsdev\n", "f:4: mode is given twice in [a]\n" },
		{ "[a]\nsize = big\n[b]\nsize=1\n",
		  "f:2: size 'big' is no number; write it like 512M or 0x140000000\n" },
		{ "[a]\nsize=1\noverwrite = maybe\n", "f:3: overwrite 'maybe' is neither yes nor no\n" },
		{ "[a]\nsize=1\noverwrite=yes\noverwrite=no\n", "f:4: overwrite is given twice in [a]\n" },
		{ "[a]\nsize=1\nshared = 1\n", "f:3: shared '1' is neither yes nor no\n" },
		{ "[a]\nsize =\nsize=1", "f:2: 'size' has no value\n" },
		{ "[a]\nsize\nsize=1", "f:2: 'size' is neither a [section] nor KEY = VALUE\n" },
		{ "[a]\nsize = 1\n[a]\nsize = 2\n",
		  "f:3: there is a section [a] already, in f:1\n"
		  "f:4: 'size' stands in no good [section]\n" },
		{ "[a b]\n", "f:1: 'a b' is no name for a section: 1 to 63 letters, digits, '.', '_' or '-', no '.' in front\n" },
		{ "[../x]\n", "f:1: '../x' is no name for a section: 1 to 63 letters, digits, '.', '_' or '-', no '.' in front\n" },
		{ "[]\n", "f:1: '' is no name for a section: 1 to 63 letters, digits, '.', '_' or '-', no '.' in front\n" },
		{ "[a\nsize=1\n", "f:1: '[a' is no section: it has to end with ]\n"
		  "f:2: 'size' stands in no good [section]\n" },
		{ "[a]\nmode = none\nsize=1\n",
		  "f:2: mode 'none' is none: fsdev, devdax, system-ram, kernel-fsdev or ignore\n" },
		{ "[a]\nnvdimm-uuid = 0123\nsize=1\n",
		  "f:2: nvdimm-uuid '0123' is no UUID; 'fsdevctl list --json' shows those there are\n" },
		{ "[a]\nmode = fsdev\n",
		  "f:1: [a] says nothing about its device and would match every one; give it a key such as address\n" },
	};

	(void)state;
	for (unsigned int i = 0; i < COUNT(cases); i++) {
		struct conf conf;
		char *said;

		assert_int_equal(parse(&conf, cases[i].text, &said), -EINVAL);
		assert_string_equal(said, cases[i].said);
		conf_free(&conf);
		free(said);
	}
}

static void configuration_of_odd_bytes(void **state)
{
	char text[4096], *said;
	struct conf conf;
	size_t size;
	FILE *err;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "[a]\nsize=1\n", 11);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(parse(&conf, text, &said), -EINVAL);
	assert_string_equal(said, "f:3: the line is longer than 1023 bytes\n");
	conf_free(&conf);
	free(said);

	err = open_memstream(&said, &size);
	memset(&conf, 0, sizeof(conf));
	assert_int_equal(conf_parse(&conf, "f", "[a]\nsi\0ze=1\nsize=1\n", 19, err), -EINVAL);
	fclose(err);
	assert_string_equal(said, "f:2: the line holds a zero byte; this is no text file\n");
	conf_free(&conf);
	free(said);
}

static void matching(void **state)
{
	uint64_t serials[] = { 7, 0x10 };
	struct device_range device_ranges[] = {
		{ .start = 0x180000000, .len = 256 * MIB },
		{ .start = 0x140000000, .len = 256 * MIB, .offset = 256 * MIB },
	};
	struct device device = {
		.size = 512 * MIB, .node = 1, .ranges = device_ranges, .nr_ranges = 2,
		.nvdimm_uuid = "01234567-89ab-cdef-0123-456789abcdef", .cxl_region = "region0",
		.cxl_serials = serials, .nr_serials = 2,
		.uuid = "f00dcafe-89ab-cdef-0123-456789abcdef",
	};
	struct conf conf;
	char *said;

	(void)state;
	assert_int_equal(parse(&conf,
			       "[address]\naddress=0x180000000\n[size]\nsize=256M\n[node]\nnuma-node=0\n"
			       "[region]\ncxl-region=region\n[serial]\ncxl-serial=8\n"
			       "[uuid]\nnvdimm-uuid=01234567-89ab-cdef-0123-456789abcdee\n"
			       "[tag]\nuuid=01234567-89ab-cdef-0123-456789abcdef\n"
			       "[some]\nsize=512M\nnuma-node=0\n"
			       "[all]\nsize=512M\nnuma-node=1\ncxl-region=region0\ncxl-serial=16\n"
			       "nvdimm-uuid=01234567-89AB-cdef-0123-456789abcdef\naddress=0x140000000\n"
			       "uuid=F00DCAFE-89ab-cdef-0123-456789abcdef\n"
			       "[later]\nsize=512M\n", &said), 0);
	assert_string_equal(said, "");
	assert_string_equal(conf_match(&conf, &device)->name, "all");
	assert_string_equal(conf_mismatch(&conf.rule[0], &device), "address");
	assert_string_equal(conf_mismatch(&conf.rule[1], &device), "size");
	assert_string_equal(conf_mismatch(&conf.rule[3], &device), "cxl-region");
	assert_string_equal(conf_mismatch(&conf.rule[6], &device), "uuid");
	assert_string_equal(conf_mismatch(&conf.rule[7], &device), "numa-node");
	assert_null(conf_mismatch(&conf.rule[9], &device));
	device.size = 1;
	assert_null(conf_match(&conf, &device));
	device.node = -1;
	assert_string_equal(conf_mismatch(&conf.rule[2], &device), "numa-node");
	conf_free(&conf);
	free(said);
}

static void tables(void **state)
{
	static const char * const heads[] = { "A", "LONGER", "C" };
	struct table *table = table_new(heads, 3);
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(table);
	table_cell(table, "%s", "value");
	table_cell(table, "%s", "");
	table_cell(table, "%d", 7);
	table_cell(table, "%s", "\033[2Jx");
	table_cell(table, "y");
	table_cell(table, "z");
	table_print(table, out);
	fclose(out);
	assert_string_equal(text,
			    "A      LONGER  C\n"
			    "value  -       7\n"
			    "?[2Jx  y       z\n");
	table_free(table);
	table_free(NULL);
	free(text);
}

static struct device_range drawn_ranges[] = {
	{ .start = 0x150000000, .len = 64 * MIB },
	{ .start = 0x140000000, .len = 192 * MIB, .offset = 64 * MIB },
};

static struct device_bad drawn_bad[] = { { .offset = 128 * MIB, .len = 4096 } };

static struct device drawn = {
	.name = "dax1.0", .mode = MODE_FSDEV, .disk = "fsdev1.0", .size = 256 * MIB,
	.ranges = drawn_ranges, .nr_ranges = 2, .bad = drawn_bad, .nr_bad = 1, .bad_bytes = 4096,
};

static struct piece drawn_pieces[] = {
	{ .offset = 0, .len = 4 * MIB, .kind = PIECE_METADATA, .name = (char *)"inodes" },
	{ .offset = 4 * MIB, .len = 60 * MIB, .kind = PIECE_FREE },
	{ .offset = 64 * MIB, .len = 128 * MIB, .kind = PIECE_FILE, .inode = 131, .file_offset = MIB,
	  .name = (char *)"/mnt/<a&b>" },
};

static const struct pieces drawn_all = { drawn_pieces, 3 };

static char *drawing(void (*draw)(const struct device *, const struct pieces *, FILE *))
{
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	draw(&drawn, &drawn_all, out);
	fclose(out);
	return text;
}

static unsigned int occurrences(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

static void pictures(void **state)
{
	char *text = drawing(draw_text);

	(void)state;
	assert_string_equal(text,
		"dax1.0: 256 MiB in 2 ranges, mode fsdev, /dev/fsdev1.0\n\n"
		"  |+...............################!###############================|\n"
		"  |A               B                                               |\n"
		"  ! poisoned   + metadata   # files   . free   = not known\n\n"
		"in device order:\n"
		"  A  device            0  memory 0x150000000-0x153ffffff  64 MiB\n"
		"  B  device    0x4000000  memory 0x140000000-0x14bffffff  192 MiB\n\n"
		"in memory order:\n"
		"  B  memory 0x140000000-0x14bffffff  192 MiB\n"
		"     hole   0x14c000000-0x14fffffff  64 MiB\n"
		"  A  memory 0x150000000-0x153ffffff  64 MiB\n\n"
		"poisoned (4 KiB):\n"
		"  device 0x8000000+0x1000  memory 0x144000000  /mnt/<a&b> at byte 0x4100000\n\n"
		"files:\n"
		"  device    0x4000000     128 MiB  /mnt/<a&b> at byte 0x100000\n");
	free(text);
	text = drawing(draw_svg);
	assert_non_null(strstr(text, "<svg xmlns"));
	assert_non_null(strstr(text, "/mnt/&lt;a&amp;b>"));
	assert_null(strstr(text, "<a&b>"));
	/* a colour means one thing: that of files is on the file and in the legend alone */
	assert_int_equal(occurrences(text, "#4e79a7"), 2);
	assert_int_equal(occurrences(text, ">0x144000000<") + occurrences(text, ">0x140000000<"), 1);
	assert_string_equal(text + strlen(text) - 7, "</svg>\n");
	free(text);
}

static void geometry(void **state)
{
	uint64_t value;

	(void)state;
	assert_true(device_phys(&drawn, 64 * MIB - 1, &value));
	assert_int_equal(value, 0x153ffffff);
	assert_true(device_phys(&drawn, 64 * MIB, &value));
	assert_int_equal(value, 0x140000000);
	assert_false(device_phys(&drawn, 256 * MIB, &value));
	assert_true(device_offset(&drawn, 0x140000000, &value));
	assert_int_equal(value, 64 * MIB);
	assert_false(device_offset(&drawn, 0x14c000000, &value));
	assert_false(device_offset(&drawn, 0x13fffffff, &value));
}

static void sum_of(const char *text, unsigned int times, char hex[65])
{
	size_t len = strlen(text), total = len * times;
	char *all = malloc(total + 1);
	uint8_t sum[SHA256_BYTES];

	for (unsigned int i = 0; i < times; i++)
		memcpy(all + i * len, text, len);
	digest_bytes(all, total, sum);
	for (unsigned int i = 0; i < SHA256_BYTES; i++)
		sprintf(hex + 2 * i, "%02x", sum[i]);
	free(all);
}

/* The examples that NIST gives. */
static void sums(void **state)
{
	static const struct {
		const char *text;
		unsigned int times;
		const char *sum;
	} cases[] = {
		{ "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
	};

	(void)state;
	for (unsigned int i = 0; i < COUNT(cases); i++) {
		char hex[65];

		sum_of(cases[i].text, cases[i].times, hex);
		assert_string_equal(hex, cases[i].sum);
	}
}

static uint64_t progress_last;

static void progress_to(uint64_t done, uint64_t len, void *arg)
{
	(void)arg;
	assert_true(done <= len);
	progress_last = done;
}

/* A range: the sum of the sums of its chunks, in their order, of which the last one may be short. */
static void sums_of_ranges(void **state)
{
	static const uint64_t lens[] = { 4096, 8 * MIB, 8 * MIB + 4096, 40 * MIB + 8192 };
	char name[] = "/tmp/digest.XXXXXX";
	int fd = mkstemp(name);
	uint8_t *all = malloc(48 * MIB);

	(void)state;
	assert_true(fd >= 0);
	unlink(name);
	for (uint64_t i = 0; i < 48 * MIB; i++)
		all[i] = i * 2654435761u >> 13;
	assert_int_equal(pwrite(fd, all, 48 * MIB, 0), 48 * MIB);
	for (unsigned int i = 0; i < COUNT(lens); i++) {
		uint8_t sums[6 * SHA256_BYTES], sum[SHA256_BYTES], wanted[SHA256_BYTES];
		unsigned int chunks = 0;

		for (uint64_t at = 0; at < lens[i]; at += 8 * MIB)
			digest_bytes(all + 4096 + at, lens[i] - at < 8 * MIB ? lens[i] - at : 8 * MIB,
				     sums + chunks++ * SHA256_BYTES);
		digest_bytes(sums, chunks * SHA256_BYTES, wanted);
		assert_int_equal(digest_range(fd, 4096, lens[i], progress_to, NULL, sum), 0);
		assert_memory_equal(sum, wanted, SHA256_BYTES);
	}
	assert_true(progress_last > 0);
	/* past the end of the file */
	assert_int_equal(digest_range(fd, 40 * MIB, 16 * MIB, NULL, NULL, all), -EIO);
	close(fd);
	free(all);
}

/* What follows from a look is written in time, or there is another look. */
static void publisher_times(void **state)
{
	struct publisher publisher;

	(void)state;
	publisher_start(&publisher, 7, 0);
	assert_false(publisher_late(&publisher, 0, 10 * PUBLISHER_SLOWEST));
	publisher_done(&publisher, 0);
	assert_int_equal(publisher.step, PUBLISHER_WRITE);
	assert_false(publisher_late(&publisher, 1000, 1000 + PUBLISHER_SLOWEST));
	assert_int_equal(publisher.step, PUBLISHER_WRITE);
	assert_true(publisher_late(&publisher, 1000, 1001 + PUBLISHER_SLOWEST));
	assert_int_equal(publisher.step, PUBLISHER_LOOK);
	publisher_done(&publisher, 8);
	assert_int_equal(publisher.step, PUBLISHER_REFUSED);
}

static void image_headers(void **state)
{
	const uint64_t size = 64 * MIB;
	struct image image = { .generation = 5, .len = MIB, .device_size = size, .time = 7 }, seen;
	struct image_claim claim = { .token = 7, .pid = 9, .boot = "b", .host = "h" }, other;
	uint8_t page[IMAGE_PAGE];
	size_t len;

	(void)state;
	/* two areas that do not overlap, behind the headers and inside the device */
	assert_int_equal(image_area_size(size), 30 * MIB);
	assert_int_equal(image_area(4, size), 2 * MIB);
	assert_int_equal(image_area(5, size), 32 * MIB);
	assert_int_equal(image_area_size(6 * MIB - 1), 0);
	assert_int_equal(image_area_size(6 * MIB), 2 * MIB);

	image.offset = image_area(5, size);
	memset(image.sum, 0xa5, sizeof(image.sum));
	image_encode(&image, page);
	assert_true(image_decode(&seen, page, size, 1));
	assert_memory_equal(&seen, &image, sizeof(seen));
	assert_false(image_decode(&seen, page, size, 0));
	assert_false(image_decode(&seen, page, size + 2 * MIB, 1));
	/* whole, for another device or slot */
	assert_true(image_read(&seen, page));
	assert_true(image_fits(&seen, size, 1));
	assert_false(image_fits(&seen, size + 2 * MIB, 1));
	assert_false(image_fits(&seen, size, 0));
	for (unsigned int i = 0; i < 8 + 6 * 8 + 2 * SHA256_BYTES; i++) {
		page[i] ^= 1;
		assert_false(image_read(&seen, page));
		assert_false(image_decode(&seen, page, size, 1));
		page[i] ^= 1;
	}
	image.len = image_area_size(size) + IMAGE_PAGE;
	image_encode(&image, page);
	assert_false(image_decode(&seen, page, size, 1));
	image.len = 0;
	image_encode(&image, page);
	assert_false(image_decode(&seen, page, size, 1));
	image.len = MIB;
	image.offset = 2 * MIB;
	image_encode(&image, page);
	assert_false(image_decode(&seen, page, size, 1));
	/* a signature changes nothing of it */
	image.offset = image_area(5, size);
	image_encode(&image, page);
	assert_null(image_signature(page, &len));
	image_sign(page, (const uint8_t *)"signature", 9);
	assert_true(image_decode(&seen, page, size, 1));
	assert_memory_equal(image_signature(page, &len), "signature", 9);
	assert_int_equal(len, 9);
	/* another layout */
	assert_int_equal(image_other_version(page), 0);
	page[8] = IMAGE_VERSION + 1;
	assert_int_equal(image_other_version(page), IMAGE_VERSION + 1);
	assert_false(image_decode(&seen, page, size, 1));
	memset(page, 0, sizeof(page));
	assert_int_equal(image_other_version(page), 0);
	assert_false(image_decode(&seen, page, size, 0));
	assert_false(image_claim_decode(&other, page));
	image_claim_encode(&claim, page);
	assert_true(image_claim_decode(&other, page));
	assert_memory_equal(&other, &claim, sizeof(claim));
}

/* What a terminal obeys is taken out; what is no UTF-8 does not reach JSON. */
static void texts_from_elsewhere(void **state)
{
	static const struct {
		const char *text, *plain, *utf8;
	} cases[] = {
		{ "", "", "" }, { "/mnt/a b", "/mnt/a b", "/mnt/a b" },
		{ "a\033]2;x\007b\n", "a?]2;x?b?", "a\033]2;x\007b\n" },
		{ "\303\244\342\202\254", "\303\244\342\202\254", "\303\244\342\202\254" },
		{ "\302\233x", "??x", "\302\233x" }, { "\303", "?", "\\xc3" },
		{ "\377\376", "??", "\\xff\\xfe" }, { "\300\257", "??", "\\xc0\\xaf" },
		{ "\355\240\200", "???", "\\xed\\xa0\\x80" },
	};

	(void)state;
	for (unsigned int i = 0; i < COUNT(cases); i++) {
		char *utf8 = text_utf8(cases[i].text), *plain = strdup(cases[i].text);

		text_plain(plain);
		assert_string_equal(plain, cases[i].plain);
		assert_string_equal(utf8, cases[i].utf8);
		free(plain);
		free(utf8);
	}
}

/* One mistake is told once. */
static void a_bad_number_is_one_mistake(void **state)
{
	static const char text[] = "[a]\nsize = 1Q\n";
	struct conf conf = { 0 };
	char *said;
	size_t size;
	FILE *err = open_memstream(&said, &size);

	(void)state;
	assert_int_equal(conf_parse(&conf, "f", text, strlen(text), err), -EINVAL);
	fclose(err);
	assert_string_equal(said, "f:2: size '1Q' is no number; write it like 512M or 0x140000000\n");
	free(said);
	conf_free(&conf);
}

/* The mode that daxctl's configuration asks for, or "" where it does not name the device. */
static const char *daxctl_mode(const char *text, const char *name, const char *uuid)
{
	char dir[] = "/tmp/daxctl-XXXXXX", path[64];
	static struct daxconf found;
	struct device device = { 0 };
	FILE *file;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	snprintf(device.nvdimm_uuid, sizeof(device.nvdimm_uuid), "%s", uuid);
	if (!daxconf_find(&device, dir, &found))
		found.mode[0] = '\0';
	else
		assert_string_equal(found.file, path);
	unlink(path);
	rmdir(dir);
	return found.mode;
}

static void daxctls_configuration(void **state)
{
	static const char mine[] = "48d8e42c-a2f0-4312-9e70-a837faafe862";
	static const char text[] = "# [reconfigure-device x]\n[core]\nmode = devdax\n"
		"[reconfigure-device one]\nnvdimm.uuid = 00000000-a2f0-4312-9e70-a837faafe862\n"
		"mode = devdax\n\n[reconfigure-device two]\n"
		"  nvdimm.uuid = 48D8E42C-A2F0-4312-9E70-A837FAAFE862\t\nmode = famfs\nonline = true\n"
		"[other]\nmode = devdax\n";
	char last[128];

	(void)state;
	assert_string_equal(daxctl_mode(text, "a.conf", mine), "famfs");
	assert_string_equal(daxctl_mode(text, "a.conf", "00000000-a2f0-4312-9e70-a837faafe862"),
			    "devdax");
	assert_string_equal(daxctl_mode(text, "a.conf", "10000000-a2f0-4312-9e70-a837faafe862"),
			    "");
	assert_string_equal(daxctl_mode(text, "a.conf.old", mine), "");
	/* a device without a namespace is named by nothing */
	assert_string_equal(daxctl_mode("[reconfigure-device a]\nnvdimm.uuid =\n", "a.conf", ""),
			    "");
	assert_string_equal(daxctl_mode("[reconfigure-device a]\nmode = devdax\n", "a.conf", mine),
			    "");
	/* the last section of a file, and one that says no mode */
	snprintf(last, sizeof(last), "[reconfigure-device a]\nnvdimm.uuid = %s", mine);
	assert_string_equal(daxctl_mode(last, "a.conf", mine), "system-ram");
	snprintf(last, sizeof(last), "[metrics]\nnvdimm.uuid = %s\n", mine);
	assert_string_equal(daxctl_mode(last, "a.conf", mine), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test_setup(pages, on_x86),
		cmocka_unit_test_setup(forms, on_x86),
		cmocka_unit_test_setup(ranges, on_x86),
		cmocka_unit_test_setup(range_of_a_page, on_x86),
		cmocka_unit_test(sizes_for_people),
		cmocka_unit_test(good_options),
		cmocka_unit_test(bad_options),
		cmocka_unit_test(good_configuration),
		cmocka_unit_test(bad_configuration),
		cmocka_unit_test(configuration_of_odd_bytes),
		cmocka_unit_test(matching),
		cmocka_unit_test(tables),
		cmocka_unit_test(pictures),
		cmocka_unit_test(geometry),
		cmocka_unit_test(sums),
		cmocka_unit_test(sums_of_ranges),
		cmocka_unit_test(image_headers),
		cmocka_unit_test(publisher_times),
		cmocka_unit_test(texts_from_elsewhere),
		cmocka_unit_test(a_bad_number_is_one_mistake),
		cmocka_unit_test(daxctls_configuration),
	};

	return cmocka_run_group_tests_name("fsdevctl", tests, NULL, NULL);
}
