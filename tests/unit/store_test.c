/* SPDX-License-Identifier: Apache-2.0 */
/* Objects by name, each there as a whole or not at all. */
#include <errno.h>
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
#include "catalog/repo/store.h"
#include "tests/unit/fault.h"
#include "tests/unit/skip.h"

static char root[] = "/tmp/kebao-store-test-XXXXXX";
static int top = -1;

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(root) == NULL)
		return -1;
	top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return top == -1 ? -1 : 0;
}

static int
tear_down(void **state)
{
	struct err e = { 0 };

	(void)state;
	close(top);
	return file_remove_tree(AT_FDCWD, root, &e);
}

/* A writable repository of its own for each test. */
static struct store *
open_store(const char *name)
{
	struct store *s = NULL;
	struct err e = { 0 };

	assert_int_equal(store_open(top, name, STORE_WRITE, &s, &e), 0);
	return s;
}

static void
expect_object(const struct store *s, const char *name, const char *want)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	assert_int_equal(store_load(s, name, 1000, &b, &e), 0);
	assert_string_equal(buf_text(&b), want);
	buf_clear(&b);
}

static void
write_file(const char *name, const char *text)
{
	struct err e = { 0 };

	assert_int_equal(file_make_parents(top, name, 0755, &e), 0);
	assert_int_equal(file_save(top, name, text, strlen(text), 0600, &e), 0);
}

static void
an_object_is_put_once(void **state)
{
	struct store *s = open_store("once");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_put(s, "packs/gd.ip/ab/x.pack", "one", 3, &e), 0);
	expect_object(s, "packs/gd.ip/ab/x.pack", "one");
	assert_int_equal(store_put(s, "packs/gd.ip/ab/x.pack", "one", 3, &e), 0);
	assert_int_equal(store_put(s, "packs/gd.ip/ab/x.pack", "two", 3, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "x.pack"));
	assert_int_equal(store_put(s, "packs/gd.ip/ab/x.pack", "longer", 6, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	expect_object(s, "packs/gd.ip/ab/x.pack", "one");
	assert_int_equal(store_put(s, "empty", "", 0, &e), 0);
	expect_object(s, "empty", "");
	store_close(s);
}

static void
a_replaceable_name_is_replaced(void **state)
{
	struct store *s = open_store("replace");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_replace(s, "metadata/timestamp.json", "1", 1, &e), 0);
	assert_int_equal(store_replace(s, "metadata/timestamp.json", "22", 2, &e), 0);
	expect_object(s, "metadata/timestamp.json", "22");
	store_close(s);
}

static void
a_file_becomes_an_object(void **state)
{
	struct store *s = open_store("files");
	struct err e = { 0 };
	struct stat st;

	(void)state;
	write_file("spool/a", "content");
	assert_int_equal(store_put_file(s, "indexes/c/aa/1", top, "spool/a", &e), 0);
	expect_object(s, "indexes/c/aa/1", "content");
	assert_false(file_exists(top, "spool/a"));
	assert_int_equal(fstatat(top, "files/indexes/c/aa/1", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);

	write_file("spool/a", "content");
	assert_int_equal(store_put_file(s, "indexes/c/aa/1", top, "spool/a", &e), 0);
	assert_false(file_exists(top, "spool/a"));

	write_file("spool/a", "c0ntent");
	assert_int_equal(store_put_file(s, "indexes/c/aa/1", top, "spool/a", &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_true(file_exists(top, "spool/a"));
	expect_object(s, "indexes/c/aa/1", "content");
	store_close(s);
}

static void
only_regular_files_become_objects(void **state)
{
	struct store *s = open_store("irregular");
	struct err e = { 0 };

	(void)state;
	write_file("spool/real", "content");
	assert_int_equal(symlinkat("real", top, "spool/link"), 0);
	assert_int_equal(store_put_file(s, "a/1", top, "spool/link", &e), -1);
	assert_int_equal(mkfifoat(top, "spool/fifo", 0600), 0);
	assert_int_equal(store_put_file(s, "a/1", top, "spool/fifo", &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_false(store_has(s, "a/1"));
	store_close(s);
}

static void
a_file_from_another_file_system_is_copied(void **state)
{
	char other[] = "/dev/shm/kebao-store-test-XXXXXX";
	struct store *s = open_store("across");
	struct stat here, there;
	struct err e = { 0 };
	int fd;

	(void)state;
	fd = mkstemp(other);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, "far", 3), 3);
	assert_int_equal(fstat(fd, &there), 0);
	assert_int_equal(fstat(top, &here), 0);
	close(fd);
	if (here.st_dev == there.st_dev) {
		unlink(other);
		store_close(s);
		SKIP("no second file system here");
	}
	assert_int_equal(store_put_file(s, "a/1", AT_FDCWD, other, &e), 0);
	expect_object(s, "a/1", "far");
	assert_int_equal(access(other, F_OK), -1);
	store_close(s);
}

static void
names_outside_are_not_found(void **state)
{
	static const char *const bad[] =
	    { "", "/etc/passwd", "../x", "a/../x", "a//b", "a/", ".hidden",
		"a/.tmp-1", "." };
	struct store *s = open_store("names");
	struct err e = { 0 };
	uint64_t size;
	int fd;

	(void)state;
	write_file("x", "outside");
	write_file("names/a/.tmp-1", "half");
	write_file("names/.hidden", "hidden");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e = (struct err){ 0 };
		assert_int_equal(store_read(s, bad[i], &fd, &size, &e), -1);
		assert_int_equal(e.class, ERR_NOT_FOUND);
		assert_false(store_has(s, bad[i]));
		assert_int_equal(store_put(s, bad[i], "", 0, &e), -1);
		assert_int_equal(store_remove(s, bad[i], &e), -1);
	}
	store_close(s);
}

static void
links_are_never_followed(void **state)
{
	struct store *s = open_store("links");
	struct err e = { 0 };
	uint64_t size;
	int fd;

	(void)state;
	write_file("elsewhere/secret", "secret");
	write_file("links/real/file", "real");
	assert_int_equal(symlinkat("../elsewhere", top, "links/dir"), 0);
	assert_int_equal(symlinkat("real", top, "links/inside"), 0);
	assert_int_equal(symlinkat("../elsewhere/secret", top, "links/file"), 0);
	assert_int_equal(store_read(s, "dir/secret", &fd, &size, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	assert_int_equal(store_read(s, "file", &fd, &size, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	assert_int_equal(store_read(s, "inside/file", &fd, &size, &e), -1);
	assert_int_equal(store_put(s, "dir/new", "x", 1, &e), -1);
	assert_false(file_exists(top, "elsewhere/new"));
	assert_int_equal(store_read(s, "real", &fd, &size, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	store_close(s);
}

static int
collect(void *ctx, const struct store_item *item, struct err *e)
{
	return buf_printf(ctx, e, "%s:%d ", item->name, (int)item->size);
}

static int
stop_at_once(void *ctx, const struct store_item *item, struct err *e)
{
	(void)item;
	(void)e;
	++*(int *)ctx;
	return 1;
}

static void
a_walk_sees_objects_in_order_and_nothing_else(void **state)
{
	struct store *s = open_store("walk");
	struct buf seen = BUF_INIT;
	struct err e = { 0 };
	int n = 0;

	(void)state;
	assert_int_equal(store_put(s, "packs/b/2", "22", 2, &e), 0);
	assert_int_equal(store_put(s, "packs/b/1", "1", 1, &e), 0);
	assert_int_equal(store_put(s, "packs/a/3", "333", 3, &e), 0);
	assert_int_equal(store_put(s, "hints/a", "", 0, &e), 0);
	write_file("walk/packs/b/.tmp-7", "half");
	assert_int_equal(symlinkat("1", top, "walk/packs/b/link"), 0);
	assert_int_equal(store_walk(s, "packs", collect, &seen, &e), 0);
	assert_string_equal(buf_text(&seen), "packs/a/3:3 packs/b/1:1 packs/b/2:2 ");
	buf_clear(&seen);
	assert_int_equal(store_walk(s, "", collect, &seen, &e), 0);
	assert_string_equal(buf_text(&seen), "hints/a:0 packs/a/3:3 packs/b/1:1 packs/b/2:2 ");
	buf_clear(&seen);
	assert_int_equal(store_walk(s, "packs/none", collect, &seen, &e), 0);
	assert_int_equal(buf_len(&seen), 0);
	assert_int_equal(store_walk(s, "", stop_at_once, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_int_equal(store_walk(s, "../walk", collect, &seen, &e), -1);
	store_close(s);
}

static void
there_is_one_writer_and_it_sweeps(void **state)
{
	struct store *s, *second = NULL;
	struct err e = { 0 };

	(void)state;
	write_file("life/packs/a/.tmp-0123456789abcdef", "half");
	write_file("life/packs/a/whole", "whole");
	assert_int_equal(store_open(top, "life", STORE_READ, &s, &e), 0);
	assert_true(file_exists(top, "life/packs/a/.tmp-0123456789abcdef"));
	assert_int_equal(store_put(s, "packs/a/new", "", 0, &e), -1);
	assert_int_equal(store_remove(s, "packs/a/whole", &e), -1);
	store_close(s);
	s = open_store("life");
	assert_false(file_exists(top, "life/packs/a/.tmp-0123456789abcdef"));
	expect_object(s, "packs/a/whole", "whole");
	assert_int_equal(store_open(top, "life", STORE_WRITE, &second, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	assert_int_equal(store_open(top, "life", STORE_READ, &second, &e), 0);
	store_close(second);
	store_close(s);
	s = open_store("life");
	store_close(s);
	assert_int_equal(store_open(top, "nowhere", STORE_READ, &s, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
}

static void
removing_is_final_and_repeatable(void **state)
{
	struct store *s = open_store("remove");
	struct err e = { 0 };
	uint64_t size;
	char byte;
	int fd;

	(void)state;
	assert_int_equal(store_put(s, "a/b", "x", 1, &e), 0);
	assert_int_equal(store_read(s, "a/b", &fd, &size, &e), 0);
	assert_int_equal(store_remove(s, "a/b", &e), 0);
	assert_false(store_has(s, "a/b"));
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	assert_int_equal(store_remove(s, "a/b", &e), 0);
	assert_int_equal(store_remove(s, "no/such/dir", &e), 0);
	store_close(s);
}

static void
too_large_an_object_is_not_loaded(void **state)
{
	struct store *s = open_store("large");
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(store_put(s, "a", "12345", 5, &e), 0);
	assert_int_equal(store_load(s, "a", 4, &b, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(store_load(s, "a", 5, &b, &e), 0);
	buf_clear(&b);
	store_close(s);
}

/* Nothing, the old or the new, and never a temporary file that is not swept. */
static void
expect_whole(const char *dir, const char *name, const char *old, const char *new)
{
	struct store *s = open_store(dir);
	struct buf b = BUF_INIT, seen = BUF_INIT;
	struct err e = { 0 };

	if (store_load(s, name, 1000, &b, &e) == -1) {
		assert_int_equal(e.class, ERR_NOT_FOUND);
		assert_null(old);
	} else if (old == NULL || strcmp(buf_text(&b), old) != 0) {
		assert_string_equal(buf_text(&b), new);
	}
	buf_clear(&b);
	assert_int_equal(store_walk(s, "", collect, &seen, &e), 0);
	buf_clear(&seen);
	store_close(s);
}

enum writing { PUT_NEW, PUT_SAME, REPLACE, PUT_FILE };

static int
write_somehow(struct store *s, enum writing how, struct err *e)
{
	switch (how) {
	case PUT_NEW:
	case PUT_SAME:
		return store_put(s, "a/b/object", "new", 3, e);
	case REPLACE:
		return store_replace(s, "a/b/object", "new", 3, e);
	case PUT_FILE:
		return store_put_file(s, "a/b/object", top, "spool-fault", e);
	}
	return -1;
}

static void
a_failure_leaves_the_old_or_the_new(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_ALLOC, FAULT_WRITE, FAULT_FSYNC,
		FAULT_RENAME };
	struct err e = { 0 };
	unsigned n_fired = 0;

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		for (int how = PUT_NEW; how <= PUT_FILE; how++) {
			const char *old = how == REPLACE ? "old" : how == PUT_SAME ? "new" : NULL;
			bool has_fired = true;

			for (long nth = 1; has_fired; nth++) {
				struct store *s;
				int rc;

				assert_int_equal(file_remove_tree(top, "fault", &e), 0);
				s = open_store("fault");
				if (old != NULL)
					assert_int_equal(store_put(s, "a/b/object", old, 3, &e), 0);
				write_file("spool-fault", "new");
				fault_arm(kinds[k], nth);
				rc = write_somehow(s, (enum writing)how, &e);
				has_fired = fault_disarm();
				assert_int_equal(rc, has_fired ? -1 : 0);
				if (has_fired)
					assert_int_equal(e.class, kinds[k] == FAULT_WRITE ? ERR_BUSY
					    : ERR_SYSTEM);
				n_fired += has_fired;
				store_close(s);
				expect_whole("fault", "a/b/object", old, "new");
			}
		}
	}
	assert_true(n_fired >= 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_put_once),
		cmocka_unit_test(a_replaceable_name_is_replaced),
		cmocka_unit_test(a_file_becomes_an_object),
		cmocka_unit_test(only_regular_files_become_objects),
		cmocka_unit_test(a_file_from_another_file_system_is_copied),
		cmocka_unit_test(names_outside_are_not_found),
		cmocka_unit_test(links_are_never_followed),
		cmocka_unit_test(a_walk_sees_objects_in_order_and_nothing_else),
		cmocka_unit_test(there_is_one_writer_and_it_sweeps),
		cmocka_unit_test(removing_is_final_and_repeatable),
		cmocka_unit_test(too_large_an_object_is_not_loaded),
		cmocka_unit_test(a_failure_leaves_the_old_or_the_new),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
