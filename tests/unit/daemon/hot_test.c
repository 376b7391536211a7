/* SPDX-License-Identifier: Apache-2.0 */
/* Objects kept open: never one that is not there any more as it was. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "catalog/base/file.h"
#include "catalog/repo/store.h"
#include "daemon/app/hot.h"

static char root[] = "/tmp/kebao-hot-test-XXXXXX";
static struct store *store;
static struct hot *hot;

static int
set_up(void **state)
{
	struct err e = { 0 };

	(void)state;
	if (mkdtemp(root) == NULL || store_open(AT_FDCWD, root, STORE_WRITE, &store, &e) == -1)
		return -1;
	return hot_new(store, &hot, &e);
}

static int
tear_down(void **state)
{
	struct err e = { 0 };

	(void)state;
	hot_free(hot);
	store_close(store);
	return file_remove_tree(AT_FDCWD, root, &e);
}

static struct hot_object *
open_object(const char *name)
{
	struct hot_object *o = NULL;
	struct objpath path;
	struct err e = { 0 };

	assert_int_equal(objpath_parse(&path, name, &e), 0);
	if (hot_open(hot, name, &path, &o, &e) == -1)
		fail_msg("%s", e.text);
	return o;
}

static void
put(const char *name, const char *text)
{
	struct err e = { 0 };

	if (store_replace(store, name, text, strlen(text), &e) == -1)
		fail_msg("%s", e.text);
}

static void
expect_content(const struct hot_object *o, const char *want)
{
	char got[64] = "";

	assert_int_equal(o->size, strlen(want));
	assert_int_equal(pread(o->fd, got, sizeof(got) - 1, 0), (ssize_t)strlen(want));
	assert_string_equal(got, want);
}

static void
what_was_opened_is_found_again(void **state)
{
	struct hot_object *first, *again;

	(void)state;
	put("metadata/3.root.json", "root");
	assert_null(hot_find(hot, "metadata/3.root.json"));
	first = open_object("metadata/3.root.json");
	again = hot_find(hot, "metadata/3.root.json");
	assert_ptr_equal(again, first);
	expect_content(again, "root");
	hot_give_back(again);
	hot_give_back(first);
}

static void
what_was_replaced_is_not_found(void **state)
{
	struct hot_object *old, *fresh;

	(void)state;
	put("metadata/timestamp.json", "one");
	old = open_object("metadata/timestamp.json");
	put("metadata/timestamp.json", "two");
	assert_null(hot_find(hot, "metadata/timestamp.json"));
	fresh = open_object("metadata/timestamp.json");
	assert_string_not_equal(old->etag, fresh->etag);
	expect_content(fresh, "two");
	expect_content(old, "one"); /* a reply under way ends with the bytes it began with */
	hot_give_back(old);
	hot_give_back(fresh);
}

static void
what_was_removed_is_not_found(void **state)
{
	struct err e = { 0 };

	(void)state;
	put("metadata/4.root.json", "four");
	hot_give_back(open_object("metadata/4.root.json"));
	assert_int_equal(store_remove(store, "metadata/4.root.json", &e), 0);
	assert_null(hot_find(hot, "metadata/4.root.json"));
}

static void
what_was_changed_in_place_is_not_found(void **state)
{
	char path[100];
	int fd;

	(void)state;
	put("metadata/5.root.json", "five");
	hot_give_back(open_object("metadata/5.root.json"));
	(void)snprintf(path, sizeof(path), "%s/metadata/5.root.json", root);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, "!", 1), 1);
	close(fd);
	assert_null(hot_find(hot, "metadata/5.root.json"));
}

static void
what_is_not_there_is_an_error(void **state)
{
	struct hot_object *o;
	struct objpath path;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(objpath_parse(&path, "metadata/99.root.json", &e), 0);
	assert_int_equal(hot_open(hot, "metadata/99.root.json", &path, &o, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
}

static void
the_oldest_go_when_there_are_too_many(void **state)
{
	struct hot_object *lent, *first;
	char name[64];

	(void)state;
	for (unsigned i = 1000; i < 1000 + HOT_OBJECTS + 10; i++) {
		(void)snprintf(name, sizeof(name), "metadata/%u.root.json", i);
		put(name, name);
		first = open_object(name);
		if (i == 1000)
			lent = first; /* forgotten while it is in use */
		else
			hot_give_back(first);
	}
	assert_null(hot_find(hot, "metadata/1000.root.json"));
	assert_null(hot_find(hot, "metadata/1001.root.json"));
	first = hot_find(hot, name);
	assert_non_null(first);
	hot_give_back(first);
	expect_content(lent, "metadata/1000.root.json");
	hot_give_back(lent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_opened_is_found_again),
		cmocka_unit_test(what_was_replaced_is_not_found),
		cmocka_unit_test(what_was_removed_is_not_found),
		cmocka_unit_test(what_was_changed_in_place_is_not_found),
		cmocka_unit_test(what_is_not_there_is_an_error),
		cmocka_unit_test(the_oldest_go_when_there_are_too_many),
	};

	return cmocka_run_group_tests_name("hot", tests, set_up, tear_down);
}
