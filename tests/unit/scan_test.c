/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a publisher's folder, and what people must hear about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/repo/scan.h"
#include "tests/unit/release.h"

struct findings {
	struct buf left_out;
	struct buf refused;
};

static void
note(void *ctx, enum scan_finding kind, const char *path, const char *text)
{
	struct findings *f = ctx;
	struct err e = { 0 };

	assert_non_null(strstr(text, path));
	OK(buf_printf(kind == SCAN_REFUSED ? &f->refused : &f->left_out, &e, "%s;", path));
}

static void
clear(struct findings *f)
{
	buf_clear(&f->left_out);
	buf_clear(&f->refused);
}

static void
entries_come_in_tar_order(void **state)
{
	static const char *const want[] =
	    { "a-b", "a.txt", "a/", "a/b/", "a/b/c", "a/z", "a0", "讲" };
	struct scan s;
	struct err e = { 0 };
	struct top top;

	(void)state;
	top_open(&top);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		if (want[i][strlen(want[i]) - 1] != '/')
			put_text(top.dirfd, want[i], "12345");
	assert_int_equal(fchmodat(top.dirfd, "a/z", 0744, 0), 0);
	OK(scan_folder(top.dirfd, NULL, NULL, &s, &e));
	assert_int_equal(s.n_entries, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < s.n_entries; i++) {
		const struct tar_entry *t = &s.entries[i].tar;

		assert_string_equal(t->path, want[i]);
		assert_int_equal(t->path_len, strlen(want[i]));
		assert_int_equal(t->size, t->kind == TAR_DIRECTORY ? 0 : 5);
		assert_int_equal(t->kind, t->path[t->path_len - 1] == '/' ? TAR_DIRECTORY
		        : i == 5                                          ? TAR_EXECUTABLE
		                                                          : TAR_FILE);
	}
	assert_int_equal(s.n_files, 6);
	assert_int_equal(s.file_bytes, 30);
	scan_clear(&s);
	top_close(&top);
}

static void
litter_is_left_out_and_empty_folders_stay(void **state)
{
	static const char *const want[] =
	    { "a/", "a/.hidden", "b/", "c/", "c/d/", "c/d/e/", "course.json" };
	struct findings f = { 0 };
	struct scan s;
	struct err e = { 0 };
	struct top top;

	(void)state;
	top_open(&top);
	put_text(top.dirfd, "a/.DS_Store", "x");
	put_text(top.dirfd, "a/Thumbs.db", "x");
	put_text(top.dirfd, "b/Desktop.ini", "x");
	put_text(top.dirfd, "b/._b", "x");
	put_text(top.dirfd, "a/.hidden", "x");
	put_text(top.dirfd, "course.json", "x");
	OK(file_make_dirs(top.dirfd, "c/d/e", 0755, &e));
	OK(scan_folder(top.dirfd, note, &f, &s, &e));
	assert_int_equal(s.n_entries, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < s.n_entries; i++)
		assert_string_equal(s.entries[i].tar.path, want[i]);
	assert_string_equal(buf_text(&f.left_out), "a/.DS_Store;a/Thumbs.db;b/._b;b/Desktop.ini;");
	assert_string_equal(buf_text(&f.refused), "");
	clear(&f);
	scan_clear(&s);
	top_close(&top);
}

static void
everything_wrong_is_reported_at_once(void **state)
{
	struct findings f = { 0 };
	struct scan s = { 0 };
	struct err e = { 0 };
	struct top top;

	(void)state;
	top_open(&top);
	put_text(top.dirfd, "good", "x");
	put_text(top.dirfd, "what?.txt", "x");
	put_text(top.dirfd, "sub/con.txt", "x");
	put_text(top.dirfd, "sub/\xd6\xd0.txt", "x"); /* GBK */
	put_text(top.dirfd, "Twin", "x");
	put_text(top.dirfd, "twin", "x");
	assert_int_equal(symlinkat("good", top.dirfd, "link"), 0);
	assert_int_equal(mkfifoat(top.dirfd, "pipe", 0644), 0);
	assert_int_equal(scan_folder(top.dirfd, note, &f, &s, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_non_null(strstr(e.text, "6 names or files"));
	assert_string_equal(buf_text(&f.refused),
	    "link;pipe;what?.txt;sub/con.txt;sub/\\xd6\\xd0.txt;twin;");
	clear(&f);
	assert_null(s.entries);
	top_close(&top);
}

static void
a_single_refusal_is_the_error(void **state)
{
	struct scan s;
	struct err e = { 0 };
	struct top top;

	(void)state;
	top_open(&top);
	put_text(top.dirfd, "good", "x");
	assert_int_equal(symlinkat("good", top.dirfd, "link"), 0);
	assert_int_equal(scan_folder(top.dirfd, NULL, NULL, &s, &e), -1);
	assert_non_null(strstr(e.text, "link is a symbolic link"));
	top_close(&top);
}

static void
an_empty_folder_is_refused(void **state)
{
	struct scan s;
	struct err e = { 0 };
	struct top top;

	(void)state;
	top_open(&top);
	assert_int_equal(scan_folder(top.dirfd, NULL, NULL, &s, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	OK(file_make_dirs(top.dirfd, "a/b", 0755, &e));
	assert_int_equal(scan_folder(top.dirfd, NULL, NULL, &s, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	top_close(&top);
}

/* U+0065 U+0301 on disk, as old Macs write it, is U+00E9 in the release. */
static void
decomposed_names_are_composed(void **state)
{
	char text[8] = { 0 };
	struct scan s;
	struct err e = { 0 };
	struct top top;
	int fd;

	(void)state;
	top_open(&top);
	put_text(top.dirfd, "e\xcc\x81/e\xcc\x81.txt", "inside");
	OK(scan_folder(top.dirfd, NULL, NULL, &s, &e));
	assert_int_equal(s.n_entries, 2);
	assert_string_equal(s.entries[1].tar.path, "\xc3\xa9/\xc3\xa9.txt");
	fd = scan_open(&s, 1, top.dirfd, &e);
	assert_int_not_equal(fd, -1);
	assert_int_equal(read(fd, text, 7), 6);
	assert_string_equal(text, "inside");
	close(fd);
	scan_clear(&s);
	put_text(top.dirfd, "\xc3\xa9/\xc3\xa9.txt", "twin");
	assert_int_equal(scan_folder(top.dirfd, NULL, NULL, &s, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	top_close(&top);
}

static void
a_changed_file_is_noticed(void **state)
{
	struct scan s;
	struct err e = { 0 };
	struct top top;

	(void)state;
	top_open(&top);
	put_text(top.dirfd, "a/讲义", "one");
	OK(scan_folder(top.dirfd, NULL, NULL, &s, &e));
	put_text(top.dirfd, "a/讲义", "two"); /* another file of the same size */
	assert_int_equal(scan_open(&s, 1, top.dirfd, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "a/讲义 changed"));
	assert_int_equal(unlinkat(top.dirfd, "a/讲义", 0), 0);
	assert_int_equal(scan_open(&s, 1, top.dirfd, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_int_equal(symlinkat("/etc/passwd", top.dirfd, "a/讲义"), 0);
	assert_int_equal(scan_open(&s, 1, top.dirfd, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	scan_clear(&s);
	top_close(&top);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_in_tar_order),
		cmocka_unit_test(litter_is_left_out_and_empty_folders_stay),
		cmocka_unit_test(everything_wrong_is_reported_at_once),
		cmocka_unit_test(a_single_refusal_is_the_error),
		cmocka_unit_test(an_empty_folder_is_refused),
		cmocka_unit_test(decomposed_names_are_composed),
		cmocka_unit_test(a_changed_file_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
