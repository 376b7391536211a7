/* SPDX-License-Identifier: Apache-2.0 */
/* The walk through the newest releases: pages, and only of channels that are wanted. */
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
#include "catalog/hub/state.h"
#include "catalog/hub/state_releases.h"

#define PUBLISHED_AT 1790000000
#define MANY 40 /* channels m.00 to m.39, three courses each */

static char dir[] = "/tmp/kebao-unit-XXXXXX";
static struct state *state;

/* Live afterwards: those of the course from first_live to number. */
static void
publish(const char *channel, const char *course, uint32_t number, uint32_t first_live)
{
	struct state_release r = { .number = number, .published_at = PUBLISHED_AT };
	uint32_t live[8];
	struct state_releases_switch sw = { .role_version = 2, .live = live };
	struct audit_note note = { PUBLISHED_AT, "test", "publish", course, "" };
	struct err e = { 0 };

	(void)snprintf(r.channel, sizeof(r.channel), "%s", channel);
	(void)snprintf(r.course, sizeof(r.course), "%s", course);
	r.record.bytes[0] = (uint8_t)number;
	while (first_live + sw.n_live <= number) {
		live[sw.n_live] = first_live + (uint32_t)sw.n_live;
		sw.n_live++;
	}
	if (state_releases_publish(state, &r, &sw, &note, &e) == -1)
		fail_msg("%s", e.text);
}

static void
end(const char *channel)
{
	struct audit_note note = { PUBLISHED_AT, "test", "end", channel, "" };
	struct err e = { 0 };

	if (state_releases_end(state, channel, &note, &e) == -1)
		fail_msg("%s", e.text);
}

static int
set_up(void **s)
{
	char path[64], channel[16];
	struct err e = { 0 };

	(void)s;
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/state.db", dir);
	if (state_create(path, &state, &e) == -1)
		fail_msg("%s", e.text);
	publish("a", "one", 1, 1);
	publish("a", "one", 2, 1);
	publish("a", "two", 1, 1);
	publish("a.b", "one", 9, 9);
	publish("b", "one", 1, 1);
	publish("b", "one", 2, 2);
	publish("b", "three", 3, 3);
	publish("gone", "one", 1, 1);
	end("gone");
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(channel, sizeof(channel), "m.%02d", i);
		publish(channel, "x", 1, 1);
		publish(channel, "y", 1, 1);
		publish(channel, "z", 1, 1);
	}
	publish("z", "last", 1, 1);
	return 0;
}

static int
tear_down(void **s)
{
	(void)s;
	state_close(state);
	return file_remove_tree(AT_FDCWD, dir, NULL);
}

/* What is wanted: a sorted list; and how often it was asked. */
struct wish {
	const char *const *ids;
	size_t n, n_asked;
};

static const char *
next_wished(void *ctx, const char *id)
{
	struct wish *wish = ctx;

	wish->n_asked++;
	for (size_t i = 0; i < wish->n; i++)
		if (strcmp(wish->ids[i], id) >= 0)
			return wish->ids[i];
	return NULL;
}

/* All pages of so many as one line; how many there were without the empty last one. */
static size_t
walk(struct wish *wish, size_t most, char *out, size_t size)
{
	struct state_releases_walk w = { .next_channel = wish != NULL ? next_wished : NULL,
		.ctx = wish };
	struct state_release *rows;
	size_t n, n_pages = 0, used = 0;
	struct err e = { 0 };

	out[0] = '\0';
	for (;;) {
		if (state_releases_page(state, &w, most, &rows, &n, &e) == -1)
			fail_msg("%s", e.text);
		assert_true(n <= most);
		for (size_t i = 0; i < n; i++) {
			used += (size_t)snprintf(out + used, size - used, "%s/%s/%u ",
			    rows[i].channel, rows[i].course, (unsigned)rows[i].number);
			assert_true(used < size);
			assert_int_equal(rows[i].record.bytes[0], rows[i].number);
		}
		if (n > 0) {
			memcpy(w.channel, rows[n - 1].channel, sizeof(w.channel));
			memcpy(w.course, rows[n - 1].course, sizeof(w.course));
		}
		free(rows);
		if (n == 0)
			return n_pages;
		n_pages++;
	}
}

static void
pages_of_any_size_give_each_course_once(void **s)
{
	static const char begins[] = "a/one/2 a/two/1 a.b/one/9 b/one/2 b/three/3 "
	    "m.00/x/1 m.00/y/1 m.00/z/1 m.01/x/1 ";
	static const char ends[] = " m.39/z/1 z/last/1 ";
	char whole[4096], line[4096];

	(void)s;
	assert_int_equal(walk(NULL, 1000, whole, sizeof(whole)), 1);
	assert_memory_equal(whole, begins, strlen(begins));
	assert_string_equal(whole + strlen(whole) - strlen(ends), ends);
	for (size_t most = 1; most < 20; most++) {
		assert_int_equal(walk(NULL, most, line, sizeof(line)),
		    (5 + 3 * MANY + 1 + most - 1) / most);
		assert_string_equal(line, whole);
	}
}

static void
only_wanted_channels_are_given(void **s)
{
	static const struct {
		const char *ids[5], *line;
	} rows[] = {
		{ { NULL }, "" },
		{ { "a" }, "a/one/2 a/two/1 " },
		{ { "a.b" }, "a.b/one/9 " },
		{ { "a", "b" }, "a/one/2 a/two/1 b/one/2 b/three/3 " },
		{ { "a", "a.c", "b" }, "a/one/2 a/two/1 b/one/2 b/three/3 " },
		{ { "gone" }, "" },
		{ { "gone", "m.07", "none", "z" }, "m.07/x/1 m.07/y/1 m.07/z/1 z/last/1 " },
		{ { "zz" }, "" },
	};
	char line[4096];

	(void)s;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wish wish = { .ids = rows[i].ids };

		while (wish.n < 5 && rows[i].ids[wish.n] != NULL)
			wish.n++;
		for (size_t most = 1; most < 6; most++) {
			(void)walk(&wish, most, line, sizeof(line));
			assert_string_equal(line, rows[i].line);
		}
	}
}

static void
channels_without_releases_are_not_looked_at_one_by_one(void **s)
{
	/* Between "b" and "m.00" there are a thousand that nobody published in. */
	static char names[1000][8];
	const char *ids[1002];
	struct wish wish = { .ids = ids };
	char line[4096];

	(void)s;
	ids[wish.n++] = "b";
	for (size_t i = 0; i < 1000; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "c.%03zu", i);
		ids[wish.n++] = names[i];
	}
	ids[wish.n++] = "z";
	assert_int_equal(walk(&wish, 1000, line, sizeof(line)), 1);
	assert_string_equal(line, "b/one/2 b/three/3 z/last/1 ");
	/* The first page: "", "m.00" and "z"; the empty one behind it: "z". */
	assert_in_range(wish.n_asked, 1, 6);
}

static void
a_page_may_begin_behind_what_is_not_there(void **s)
{
	static const char *const ids[] = { "a", "b" };
	struct wish wish = { .ids = ids, .n = 2 };
	struct state_releases_walk w = { .channel = "a", .course = "p",
		.next_channel = next_wished, .ctx = &wish };
	struct state_release *rows;
	struct err e = { 0 };
	size_t n;

	(void)s;
	assert_int_equal(state_releases_page(state, &w, 1, &rows, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].course, "two");
	free(rows);
	/* A channel that is not wanted (any more): what is behind it, from the beginning. */
	memcpy(w.channel, "a.b", 4);
	memcpy(w.course, "two", 4);
	assert_int_equal(state_releases_page(state, &w, 1, &rows, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].channel, "b");
	assert_string_equal(rows[0].course, "one");
	free(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_any_size_give_each_course_once),
		cmocka_unit_test(only_wanted_channels_are_given),
		cmocka_unit_test(channels_without_releases_are_not_looked_at_one_by_one),
		cmocka_unit_test(a_page_may_begin_behind_what_is_not_there),
	};

	return cmocka_run_group_tests_name("releases", tests, set_up, tear_down);
}
