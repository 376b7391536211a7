/* SPDX-License-Identifier: Apache-2.0 */
/* Files, all or nothing. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "catalog/base/file.h"

static char root[] = "/tmp/kebao-file-test-XXXXXX";
static int dirfd_of_test = -1;

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(root) == NULL)
		return -1;
	dirfd_of_test = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_of_test == -1 ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct err e = { 0 };

	(void)state;
	close(dirfd_of_test);
	return file_remove_tree(AT_FDCWD, root, &e);
}

static void
expect_content(const char *name, const char *want)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	assert_int_equal(file_load(dirfd_of_test, name, 100, &b, &e), 0);
	assert_string_equal(buf_text(&b), want);
	buf_clear(&b);
}

static void
saving_replaces_and_creating_does_not(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_make_parents(dirfd_of_test, "a/b/name", 0755, &e), 0);
	assert_int_equal(file_save(dirfd_of_test, "a/b/name", "one", 3, 0644, &e), 0);
	expect_content("a/b/name", "one");
	assert_int_equal(file_save(dirfd_of_test, "a/b/name", "two", 3, 0644, &e), 0);
	expect_content("a/b/name", "two");
	assert_int_equal(file_create(dirfd_of_test, "a/b/name", "two", 3, 0644, &e), 0);
	assert_int_equal(file_create(dirfd_of_test, "a/b/name", "three", 5, 0644, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_int_equal(file_create(dirfd_of_test, "a/b/name", "tw", 2, 0644, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	expect_content("a/b/name", "two");
	assert_int_equal(file_create(dirfd_of_test, "a/b/new", "x", 1, 0600, &e), 0);
	expect_content("a/b/new", "x");
}

static void
loading_names_what_is_wrong(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_load(dirfd_of_test, "absent", 10, &b, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	assert_int_equal(file_save(dirfd_of_test, "big", "0123456789", 10, 0644, &e), 0);
	assert_int_equal(file_load(dirfd_of_test, "big", 9, &b, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_string_equal(e.text, "big has 10 bytes, the limit is 9");
	assert_int_equal(mkfifoat(dirfd_of_test, "pipe", 0600), 0);
	assert_int_equal(file_load(dirfd_of_test, "pipe", 10, &b, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_int_equal(buf_len(&b), 0);
	buf_clear(&b);
}

static void
a_tree_is_removed_without_following_links(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_make_dirs(dirfd_of_test, "t/u/v", 0755, &e), 0);
	assert_int_equal(file_save(dirfd_of_test, "keep", "k", 1, 0644, &e), 0);
	assert_int_equal(file_save(dirfd_of_test, "t/u/v/f", "f", 1, 0644, &e), 0);
	assert_int_equal(symlinkat("..", dirfd_of_test, "t/up"), 0);
	assert_int_equal(file_remove_tree(dirfd_of_test, "t", &e), 0);
	assert_false(file_exists(dirfd_of_test, "t"));
	expect_content("keep", "k");
	assert_int_equal(file_remove_tree(dirfd_of_test, "t", &e), 0);
	assert_int_equal(file_remove(dirfd_of_test, "t", &e), 0);
}

static void
make_old(const char *name, time_t at)
{
	const struct timespec times[2] = { { .tv_sec = at }, { .tv_sec = at } };

	assert_int_equal(file_save(dirfd_of_test, name, "x", 1, 0644, NULL), 0);
	assert_int_equal(utimensat(dirfd_of_test, name, times, 0), 0);
}

static void
what_killed_writers_left_goes_after_a_while(void **state)
{
	(void)state;
	assert_int_equal(file_make_dirs(dirfd_of_test, "old/one/two", 0755, NULL), 0);
	assert_int_equal(file_make_dirs(dirfd_of_test, "old/.tmp-directory", 0755, NULL), 0);
	make_old("old/.tmp-0123", 999);
	make_old("old/.tmp-4567", 1000);
	make_old("old/name", 1);
	make_old("old/one/.tmp-0123", 1);
	make_old("old/one/two/.tmp-0123", 1);
	assert_int_equal(symlinkat("one/two", dirfd_of_test, "old/.tmp-link"), 0);
	file_tidy(dirfd_of_test, "old", 1, 1000);
	assert_false(file_exists(dirfd_of_test, "old/.tmp-0123"));
	assert_false(file_exists(dirfd_of_test, "old/one/.tmp-0123"));
	assert_true(file_exists(dirfd_of_test, "old/.tmp-4567")); /* not so old */
	assert_true(file_exists(dirfd_of_test, "old/name"));
	assert_true(file_exists(dirfd_of_test, "old/.tmp-directory"));
	assert_true(file_exists(dirfd_of_test, "old/.tmp-link"));
	assert_true(file_exists(dirfd_of_test, "old/one/two/.tmp-0123")); /* too deep */
	file_tidy(dirfd_of_test, "old/.tmp-link", 1, 1000); /* leads elsewhere */
	assert_true(file_exists(dirfd_of_test, "old/one/two/.tmp-0123"));
	file_tidy(dirfd_of_test, "none", 1, 1000);
}

static void
positioned_reads_report_a_short_file(void **state)
{
	struct err e = { 0 };
	char out[4];
	int fd;

	(void)state;
	assert_int_equal(file_save(dirfd_of_test, "six", "abcdef", 6, 0644, &e), 0);
	fd = openat(dirfd_of_test, "six", O_RDWR | O_CLOEXEC);
	assert_int_equal(file_pread_all(fd, out, 4, 2, &e), 0);
	assert_memory_equal(out, "cdef", 4);
	assert_int_equal(file_pread_all(fd, out, 4, 3, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_int_equal(file_pwrite_all(fd, "XY", 2, 1, &e), 0);
	close(fd);
	expect_content("six", "aXYdef");
}

static void
two_directories_are_swapped(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_make_dirs(dirfd_of_test, "x/old", 0755, &e), 0);
	assert_int_equal(file_make_dirs(dirfd_of_test, "y/new", 0755, &e), 0);
	assert_int_equal(file_save(dirfd_of_test, "x/old/f", "old", 3, 0644, &e), 0);
	assert_int_equal(file_save(dirfd_of_test, "y/new/f", "new", 3, 0644, &e), 0);
	assert_int_equal(file_exchange(dirfd_of_test, "y/new", "x/old", &e), 0);
	expect_content("x/old/f", "new");
	expect_content("y/new/f", "old");
	assert_int_equal(file_exchange(dirfd_of_test, "y/new", "x/none", &e), -1);
	expect_content("y/new/f", "old");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saving_replaces_and_creating_does_not),
		cmocka_unit_test(loading_names_what_is_wrong),
		cmocka_unit_test(a_tree_is_removed_without_following_links),
		cmocka_unit_test(what_killed_writers_left_goes_after_a_while),
		cmocka_unit_test(positioned_reads_report_a_short_file),
		cmocka_unit_test(two_directories_are_swapped),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
