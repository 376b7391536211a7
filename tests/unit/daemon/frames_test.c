/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacked frames that are kept for the next piece of a view. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/app/frames.h"

static struct frames *frames;

static struct frames_key
key_of(const char *channel, unsigned number)
{
	struct frames_key key = { .channel = "" };

	(void)snprintf(key.channel, sizeof(key.channel), "%s", channel);
	memcpy(key.content.bytes, &number, sizeof(number));
	return key;
}

/* A frame full of the letter. */
static void
keep(const char *channel, unsigned number, char letter, size_t len)
{
	struct frames_key key = key_of(channel, number);
	uint8_t *content = malloc(len);

	assert_non_null(content);
	memset(content, letter, len);
	frames_keep(frames, &key, content, len);
}

/* The first byte of it, or '-' where it is not kept. */
static char
look(const char *channel, unsigned number)
{
	struct frames_key key = key_of(channel, number);
	char letter;

	return frames_copy(frames, &key, 0, &letter, 1) ? letter : '-';
}

static int
set_up(void **state)
{
	(void)state;
	return frames_new(1000, &frames, NULL);
}

static int
tear_down(void **state)
{
	(void)state;
	frames_free(frames);
	return 0;
}

static void
the_ones_used_last_are_kept_within_the_bound(void **state)
{
	(void)state;
	keep("a", 1, 'x', 400);
	keep("a", 2, 'y', 400);
	assert_int_equal(look("a", 1), 'x'); /* 2 is the oldest now */
	keep("a", 3, 'z', 201);
	assert_int_equal(look("a", 2), '-');
	assert_int_equal(look("a", 1), 'x');
	assert_int_equal(look("a", 3), 'z');
	keep("a", 4, 'w', 1000);
	assert_int_equal(look("a", 1), '-');
	assert_int_equal(look("a", 3), '-');
	assert_int_equal(look("a", 4), 'w');
	keep("a", 5, 'v', 1001); /* never fits */
	assert_int_equal(look("a", 5), '-');
	assert_int_equal(look("a", 4), 'w');
}

static void
nothing_is_copied_from_behind_its_end(void **state)
{
	struct frames_key key = key_of("a", 1);
	char out[101];

	(void)state;
	keep("a", 1, 'x', 100);
	assert_true(frames_copy(frames, &key, 0, out, 100));
	assert_true(frames_copy(frames, &key, 99, out, 1));
	assert_false(frames_copy(frames, &key, 0, out, 101));
	assert_false(frames_copy(frames, &key, 99, out, 2));
	assert_false(frames_copy(frames, &key, 101, out, 0));
	assert_false(frames_copy(frames, &key, SIZE_MAX, out, 2));
}

static void
many_small_ones_end_too(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 900; i++)
		keep("a", i, 'x', 1);
	for (unsigned i = 0; i < 900; i++)
		n += look("a", i) == 'x';
	assert_in_range(n, 1, 200);
	assert_int_equal(look("a", 899), 'x');
	assert_int_equal(look("a", 0), '-');
}

static void
channels_share_nothing(void **state)
{
	(void)state;
	keep("a", 1, 'x', 10);
	assert_int_equal(look("b", 1), '-');
	keep("b", 1, 'y', 10);
	assert_int_equal(look("a", 1), 'x');
	assert_int_equal(look("b", 1), 'y');
	keep("a", 1, 'z', 10); /* two threads unpacked it: the first one's is as good */
	assert_int_equal(look("a", 1), 'x');
}

static void
a_piece_is_copied_from_its_place(void **state)
{
	struct frames_key key = key_of("a", 1);
	uint8_t *content = malloc(10), out[4] = { 0 };

	(void)state;
	assert_non_null(content);
	for (uint8_t i = 0; i < 10; i++)
		content[i] = i;
	frames_keep(frames, &key, content, 10);
	assert_true(frames_copy(frames, &key, 6, out, 4));
	assert_memory_equal(out, "\6\7\10\11", 4);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_ones_used_last_are_kept_within_the_bound),
		TEST(nothing_is_copied_from_behind_its_end),
		TEST(many_small_ones_end_too),
		TEST(channels_share_nothing),
		TEST(a_piece_is_copied_from_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
