// SPDX-License-Identifier: GPL-2.0
/*
 * The record of poisoned memory: its set of ranges against a map of pages, and its text, whole and
 * damaged in every way.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fsdevctl/lib/c.h"
#include "fsdevctl/lib/record.h"

#define PAGES 40

/* Basic blocks that have run: the same at each run, on a loaded machine too. */
static unsigned long blocks;

void __sanitizer_cov_trace_pc(void);

__attribute__((no_sanitize_coverage))
void __sanitizer_cov_trace_pc(void)
{
	blocks++;
}

static void same(const struct record *record, const bool *page)
{
	uint64_t last = 0;

	for (unsigned int i = 0; i < record->poison.count; i++) {
		assert_true(record->poison.range[i].len);
		/* ascending, and apart: what touches is one */
		assert_true(!i || record->poison.range[i].start > last);
		last = record->poison.range[i].start + record->poison.range[i].len;
	}
	for (unsigned int i = 0; i < PAGES; i++)
		assert_int_equal(record_overlaps(record, i, 1), page[i]);
}

static void a_set_of_ranges(void **state)
{
	struct record record = { 0 };
	bool page[PAGES] = { false };

	(void)state;
	srand(1);
	for (unsigned int turn = 0; turn < 20000; turn++) {
		unsigned int start = rand() % PAGES, len = 1 + rand() % 8;
		bool add = rand() % 2;

		len = len > PAGES - start ? PAGES - start : len;
		assert_int_equal(add ? record_add(&record, start, len) :
				 record_cut(&record, start, len), 0);
		for (unsigned int i = 0; i < len; i++)
			page[start + i] = add;
		same(&record, page);
	}
	record_free(&record);
}

static char *example(void)
{
	struct record record = {
		.id = "memory 0x140000000+0x40000000 node 1", .machine = "-", .modules = "0123456789abcdef",
		.bound = "8d4dca1d-0bf6-4a4c-9b4c-7c9e2b8f3a11",
	};
	char *text;

	record_add(&record, 0x140003000, 0x1000);
	record_add(&record, 0x150000000, 0x200000);
	record_bind(&record, "8d4dca1d-0bf6-4a4c-9b4c-7c9e2b8f3a11", 0x140000000, 0x10000000);
	text = record_text(&record);
	record_free(&record);
	return text;
}

static void what_is_written_is_read(void **state)
{
	char *text = example(), *again;
	struct record record;
	const char *why;

	(void)state;
	assert_int_equal(record_parse(&record, text, &why), 0);
	assert_string_equal(record.id, "memory 0x140000000+0x40000000 node 1");
	assert_string_equal(record.bound, "8d4dca1d-0bf6-4a4c-9b4c-7c9e2b8f3a11");
	assert_true(record_bound(&record, record.bound, 0x14fff0000, 0x20000));
	assert_false(record_bound(&record, record.bound, 0x150000000, 0x10000));
	assert_false(record_bound_whole(&record, record.bound, 0x14fff0000, 0x20000));
	assert_true(record_bound_whole(&record, record.bound, 0x14fff0000, 0x10000));
	assert_false(record_bound(&record, "another", 0x140000000, 0x1000));
	assert_int_equal(record.poison.count, 2);
	assert_int_equal(record.poison.range[1].start, 0x150000000);
	assert_int_equal(record.poison.range[1].len, 0x200000);
	again = record_text(&record);
	assert_string_equal(again, text);
	record_free(&record);
	free(again);
	free(text);
}

static int parse(const char *text)
{
	struct record record;
	const char *why = NULL;
	int rc = record_parse(&record, text, &why);

	if (rc)
		assert_non_null(why);
	record_free(&record);
	return rc;
}

static void what_is_cut_off_is_bad(void **state)
{
	char *text = example();

	(void)state;
	for (size_t len = strlen(text); len--; ) {
		text[len] = '\0';
		assert_int_equal(parse(text), -EINVAL);
	}
	free(text);
}

/* Each line away, or twice: nothing of a record may be missing. */
static void every_line_counts(void **state)
{
	char *text = example();

	(void)state;
	for (char *line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
		size_t len = strchr(line, '\n') + 1 - line, head = line - text;
		char *other = calloc(1, strlen(text) + len + 1);

		memcpy(other, text, head);
		memcpy(other + head, line + len, strlen(line + len) + 1);
		assert_int_equal(parse(other), -EINVAL);
		memcpy(other + head, line, len);
		memcpy(other + head + len, line, strlen(line) + 1);
		assert_int_equal(parse(other), -EINVAL);
		free(other);
	}
	free(text);
}

static void odd_lines_are_bad(void **state)
{
	static const char head[] = "fsdev-poison 1\nid a\nmachine -\nmodules -\nbound -\n";
	static const char * const odd[] = {
		"poison 0x1000\nend 1\n", "poison +0x1000\nend 1\n", "poison 0x1000+\nend 1\n",
		"poison 0x1000+0\nend 1\n", "poison 0xfffffffffffff000+0x2000\nend 1\n",
		"poison 0x1000+0x1000\x20\nend 1\n", "poison -0x1000+0x1000\nend 1\n",
		"poison 99999999999999999999+1\nend 1\n", "poison 0x1000+0x2000\npoison 0x2000+0x1000\nend 2\n",
		"end 1\n", "end -0\n", "end 0\nend 0\n", "end 0\n\n", "poison 0x1000+0x1000\nend 2\n", "later 1\nend 0\n",
	};
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), "%send 0\n", head);
	assert_int_equal(parse(text), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(odd); i++) {
		snprintf(text, sizeof(text), "%s%s", head, odd[i]);
		assert_int_equal(parse(text), -EINVAL);
	}
	assert_int_equal(parse("fsdev-poison 2\nid a\nmachine -\nmodules -\nbound -\nend 0\n"), -EINVAL);
	assert_int_equal(parse("an: other file\n"), -EINVAL);
	assert_int_equal(parse(""), -EINVAL);
}

/* What it takes to read a record of so many ranges, which lie in any order. */
static unsigned long blocks_to_parse(unsigned int ranges)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	unsigned long before;

	fprintf(file, "fsdev-poison 1\nid a\nmachine -\nmodules -\nbound -\n");
	/* an odd factor: each number below a power of two comes once */
	for (unsigned int i = 0; i < ranges; i++)
		fprintf(file, "poison %#x+0x1000\n", 0x2000 * (i * 4097u % ranges));
	fprintf(file, "end %u\n", ranges);
	fclose(file);
	before = blocks;
	assert_int_equal(parse(text), 0);
	before = blocks - before;
	free(text);
	return before;
}

static void many_ranges_cost_no_more_each(void **state)
{
	unsigned long few = blocks_to_parse(1 << 12), many = blocks_to_parse(1 << 14);

	(void)state;
	assert_true(few);
	/* four times as many; each may look at two more when it is looked for */
	assert_true(many < few * 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_of_ranges),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_cut_off_is_bad),
		cmocka_unit_test(every_line_counts),
		cmocka_unit_test(odd_lines_are_bad),
		cmocka_unit_test(many_ranges_cost_no_more_each),
	};

	return cmocka_run_group_tests_name("fsdevctl, the record of poison", tests, NULL, NULL);
}
