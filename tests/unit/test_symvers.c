// SPDX-License-Identifier: GPL-2.0
/*
 * Module.symvers: what it exports to this module, and which of its lines is no line of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "layout/array.h"
#include "layout/symvers.h"

#define MALFORMED " is not 'CRC symbol module EXPORT_type namespace', with tabs between them\n"
#define GOOD "0x12ab34cd\trun_dax\tvmlinux\tEXPORT_SYMBOL_GPL\t\n"

/* Parses a copy of exactly that size, so that the address sanitizer guards its end. */
static struct symvers *parse(const char *text, size_t size, char **said)
{
	char *copy = malloc(size ? size : 1);
	size_t said_size;
	FILE *err = open_memstream(said, &said_size);
	struct symvers *list;

	assert_non_null(copy);
	assert_non_null(err);
	memcpy(copy, text, size);
	list = symvers_parse(copy, size, err);
	fclose(err);
	free(copy);
	return list;
}

static struct symvers *parse_good(const char *text)
{
	char *said;
	struct symvers *list = parse(text, strlen(text), &said);

	assert_non_null(list);
	assert_string_equal(said, "");
	free(said);
	return list;
}

static void expect_refusal(const char *text, size_t size, const char *complaint)
{
	char *said;

	assert_null(parse(text, size, &said));
	assert_string_equal(said, complaint);
	free(said);
}

static void exports_what_it_lists(void **state)
{
	struct symvers *list = parse_good(GOOD
					  "0x00000000\tfs_put_dax\tfs/dax\tEXPORT_SYMBOL\tDAX\n"
					  "0x00000001\talloc_dax\tvmlinux\tEXPORT_SYMBOL\n"
					  "0x1\tbadblocks_set\tvmlinux\tEXPORT_SYMBOL_GPL");

	(void)state;
	assert_true(symvers_exports(list, "run_dax"));
	assert_true(symvers_exports(list, "fs_put_dax"));
	assert_true(symvers_exports(list, "alloc_dax"));
	assert_true(symvers_exports(list, "badblocks_set"));
	assert_false(symvers_exports(list, "run_da"));
	assert_false(symvers_exports(list, "run_dax_"));
	assert_false(symvers_exports(list, "vmlinux"));
	assert_false(symvers_exports(list, ""));
	symvers_free(list);
}

static void exports_for_other_modules_do_not_count(void **state)
{
	struct symvers *list = parse_good("0x0\twrite_ibpb\tvmlinux\tEXPORT_SYMBOL\tmodule:kvm\n"
					  "0x0\tmodules_ns\tvmlinux\tEXPORT_SYMBOL\tmodules\n");

	(void)state;
	assert_false(symvers_exports(list, "write_ibpb"));
	assert_true(symvers_exports(list, "modules_ns"));
	symvers_free(list);
}

static void malformed_line_is_named(void **state)
{
	static const char *const lines[] = {
		"\n",
		"run_dax\n",
		"0x0\trun_dax\tvmlinux\n",
		"0x0 run_dax vmlinux EXPORT_SYMBOL_GPL\n",
		"\trun_dax\tvmlinux\tEXPORT_SYMBOL\t\n",
		"0x\trun_dax\tvmlinux\tEXPORT_SYMBOL\t\n",
		"12\trun_dax\tvmlinux\tEXPORT_SYMBOL\t\n",
		"0x12g\trun_dax\tvmlinux\tEXPORT_SYMBOL\t\n",
		"0x0\t\tvmlinux\tEXPORT_SYMBOL\t\n",
		"0x0\trun_dax\t\tEXPORT_SYMBOL\t\n",
		"0x0\trun_dax\tvmlinux\t\t\n",
		"0x0\trun_dax\tvmlinux\tDAX\tEXPORT_SYMBOL\n",
		"0x0\trun_dax\tvmlinux\tEXPORT_SYMBOL\t\t\n",
		"0x0\trun_dax\tvmlinux\tEXPORT_SYM",
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		snprintf(text, sizeof(text), GOOD GOOD "%s", lines[i]);
		expect_refusal(text, strlen(text), "btf2layout: --symvers line 3" MALFORMED);
	}
}

static void nul_byte_is_refused(void **state)
{
	static const char text[] = GOOD "0x0\tkill\0dax\tvmlinux\tEXPORT_SYMBOL\t\n";

	(void)state;
	expect_refusal(text, sizeof(text) - 1, "btf2layout: --symvers line 2 holds a NUL byte\n");
}

static void empty_list_is_refused(void **state)
{
	(void)state;
	expect_refusal("", 0, "btf2layout: --symvers names no symbol at all\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(exports_what_it_lists),
		cmocka_unit_test(exports_for_other_modules_do_not_count),
		cmocka_unit_test(malformed_line_is_named),
		cmocka_unit_test(nul_byte_is_refused),
		cmocka_unit_test(empty_list_is_refused),
	};

	return cmocka_run_group_tests_name("symvers", tests, NULL, NULL);
}
