// SPDX-License-Identifier: GPL-2.0
/*
 * The model of tests/vm/whole.c by example, and the program itself on two folders: it finds nothing
 * there, and it finds a byte that was changed behind its back.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/vm/whole-model.h"

/* The Makefile renames the program's main() to this one. */
#undef main
int whole_main(int argc, char **argv);

static struct model_file *file;
static unsigned char bytes[FILE_MOST];
static uint64_t byte;

static int setup(void **unused)
{
	(void)unused;
	file = malloc(sizeof(*file));
	model_init(file, 7);
	model_fill(bytes, 0, 4 * PAGE, 1, 7);
	model_write(file, 0, 4 * PAGE, bytes);
	model_whole_pages(file, 0, 4 * PAGE);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	free(file);
	return 0;
}

static const char *see(uint64_t page, const unsigned char *seen)
{
	return model_see(file, page, seen, PAGE, false, &byte);
}

static void test_last_bytes(void **unused)
{
	(void)unused;
	assert_null(see(2, bytes + 2 * PAGE));
	model_fill(bytes + 2 * PAGE + 100, 2 * PAGE + 100, 1, 2, 7);
	assert_string_equal(see(2, bytes + 2 * PAGE), "bytes that it does not have to hold");
	assert_int_equal(byte, 100);
	assert_string_equal(see(2, NULL), "an error, and the page has not failed");
	/* behind the end */
	memset(bytes, 0, PAGE);
	assert_null(see(4, bytes));
}

static void test_other_owner(void **unused)
{
	(void)unused;
	/* wherever it is seen, and in whatever state the page is */
	model_fill(bytes + PAGE + 800, PAGE + 800, 64, 1, 8);
	assert_string_equal(see(1, bytes + PAGE), "bytes of another owner");
	assert_in_range(byte, 800, 807);
	model_fail(file, 1, true);
	assert_string_equal(model_see(file, 1, bytes + PAGE, PAGE, true, &byte), "bytes of another owner");
	model_ended(file);
	assert_string_equal(see(1, bytes + PAGE), "bytes of another owner");
	assert_int_equal(model_owner_of(bytes + PAGE, PAGE, byte), 8);
	/* the last number, and numbers that have a byte in common */
	model_fill(bytes, 0, PAGE, 1, OWNERS - 1);
	assert_int_equal(model_owner_of(bytes, PAGE, 0), OWNERS - 1);
	assert_int_equal(model_foreign(bytes, PAGE, OWNERS - 1), PAGE);
	assert_int_equal(model_foreign(bytes, PAGE, OWNERS - 2), 6);
	assert_int_equal(model_foreign(bytes, PAGE, OWNERS - 256), 7);
	memset(bytes, 0, PAGE);
	assert_int_equal(model_foreign(bytes, PAGE, 3), PAGE);
}

static void test_failed_page(void **unused)
{
	(void)unused;
	model_fail(file, 1, false);
	assert_true(file->may_eio);
	assert_null(see(1, NULL));
	assert_string_equal(see(1, bytes + PAGE), "bytes of a page that has failed");
	assert_string_equal(model_see(file, 1, bytes + PAGE, PAGE, true, &byte),
			    "bytes of a page that has failed");
	/* a part of it repairs nothing, all of it does */
	model_whole_pages(file, PAGE + 1, PAGE);
	assert_string_equal(see(1, bytes + PAGE), "bytes of a page that has failed");
	model_whole_pages(file, PAGE, PAGE);
	assert_null(see(1, bytes + PAGE));
	assert_string_equal(see(1, NULL), "an error, and the page has not failed");
	/* one that files share may still be seen where it was mapped before */
	model_fail(file, 2, true);
	assert_null(model_see(file, 2, bytes + 2 * PAGE, PAGE, true, &byte));
	assert_string_equal(see(2, bytes + 2 * PAGE), "bytes of a page that has failed");
	/* zeros */
	model_cleared(file, 2);
	assert_string_equal(see(2, bytes + 2 * PAGE), "bytes that it does not have to hold");
	memset(bytes, 0, PAGE);
	assert_null(see(2, bytes));
	/* no part of the file any more */
	model_fail(file, 3, false);
	model_truncate(file, 3 * PAGE);
	file->size = 4 * PAGE;
	assert_null(see(3, bytes));
}

static void test_binding_ended(void **unused)
{
	(void)unused;
	model_fail(file, 1, false);
	model_ended(file);
	assert_null(see(1, NULL));
	assert_string_equal(see(1, bytes + PAGE), "bytes of a page that has failed");
	model_ended(file);
	model_fill(bytes, PAGE, PAGE, 5, 7);
	assert_null(see(1, bytes));
	/* it has been seen */
	assert_string_equal(see(1, NULL), "an error, and the page has not failed");
	assert_string_equal(see(1, bytes + PAGE), "bytes that it does not have to hold");
	assert_null(see(2, bytes + 2 * PAGE));
}

static void test_failed_operation(void **unused)
{
	(void)unused;
	assert_false(model_may_fail(file, 0, 4 * PAGE));
	model_fail(file, 2, false);
	assert_true(model_may_fail(file, 0, 4 * PAGE));
	assert_false(model_may_fail(file, 0, 2 * PAGE - 1));
	/* from the end of the file on it would be zeroed */
	assert_false(model_may_fail(file, 8 * PAGE, PAGE));
	model_fail(file, 3, false);
	file->size = 4 * PAGE - 10;
	assert_true(model_may_fail(file, 8 * PAGE, PAGE));
	file->size = 4 * PAGE;

	model_remember(file, 100, PAGE);
	memcpy(bytes + 8 * PAGE, bytes, 2 * PAGE);
	model_fill(bytes + 100, 100, PAGE, 9, 7);
	model_write(file, 100, PAGE, bytes + 100);
	model_failed(file, 100, PAGE);
	/* a byte is old or new, and stays what it was seen as */
	bytes[200] = bytes[8 * PAGE + 200];
	assert_null(see(0, bytes));
	bytes[200] ^= 1;
	assert_string_equal(see(0, bytes), "bytes that it does not have to hold");
	assert_int_equal(byte, 200);
	assert_null(see(1, bytes + 9 * PAGE));
	/* whatever it has done to a page that had failed */
	model_failed(file, 2 * PAGE, PAGE);
	assert_null(see(2, NULL));
}

static void test_clone(void **unused)
{
	(void)unused;
	model_fail(file, 1, false);
	model_clone(file, 5 * PAGE, file, 0, 3 * PAGE);
	assert_int_equal(file->size, 8 * PAGE);
	assert_null(see(5, bytes));
	assert_null(see(6, NULL));
	assert_string_equal(see(6, bytes + PAGE), "bytes of a page that has failed");
	assert_null(see(7, bytes + 2 * PAGE));
}

/* status(): of the program, on two folders of a new folder */
static int status(const char *what)
{
	char folder[] = "/tmp/whole.XXXXXX", *argv[] = { "whole", (char *)what, "3", "6", "15", folder, NULL };
	char command[64];
	int status;
	pid_t pid;

	assert_non_null(mkdtemp(folder));
	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		exit(whole_main(6, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_folders(void **unused)
{
	(void)unused;
	assert_int_equal(status("dry"), 0);
	assert_int_equal(status("lie"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_last_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_binding_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_operation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clone, setup, teardown),
		cmocka_unit_test(test_folders),
	};

	return cmocka_run_group_tests_name("whole", tests, NULL, NULL);
}
