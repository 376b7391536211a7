/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes of patches: those that cannot be are refused; what makes one and what reads it agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#include "catalog/base/limits.h"
#include "catalog/repo/patch_copies.h"
#include "catalog/repo/patch_own.h"
#include "tests/unit/fault.h"
#include "tests/unit/patchstory.h"

/* A patch made by hand: a recipe and one stored group. */
static void
craft(struct story *s, const struct buf *recipe, const void *group, size_t group_len)
{
	size_t room = ZSTD_compressBound(buf_len(recipe)), n;
	uint8_t *stored = malloc(room);
	struct buf b = BUF_INIT;

	assert_non_null(stored);
	n = ZSTD_compress(stored, room, buf_data(recipe), buf_len(recipe), 3);
	assert_false(ZSTD_isError(n));
	OK(buf_add(&b, PATCH_MAGIC, PATCH_MAGIC_BYTES, NULL));
	OK(buf_add(&b, s->from.hash.bytes, DIGEST_LEN, NULL));
	OK(buf_add(&b, s->to.hash.bytes, DIGEST_LEN, NULL));
	OK(buf_add_u32le(&b, (uint32_t)n, NULL));
	OK(buf_add_u32le(&b, (uint32_t)buf_len(recipe), NULL));
	OK(buf_add(&b, group, group_len, NULL));
	OK(buf_add(&b, stored, n, NULL));
	story_rewrite(s, buf_data(&b), buf_len(&b));
	buf_clear(&b);
	free(stored);
}

static void
number(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		OK(buf_add_u8(b, (uint8_t)(v | 0x80), NULL));
	OK(buf_add_u8(b, (uint8_t)v, NULL));
}

/* One new file "f" of file_bytes, its tar in frames of 1 MiB, and one group. */
static void
one_file(struct buf *b, uint64_t file_bytes, uint64_t content, uint64_t stored)
{
	uint64_t tar = 512 + (file_bytes + 511) / 512 * 512 + 1024;

	number(b, 1);
	number(b, (tar + LIMIT_FRAME_BYTES - 1) / LIMIT_FRAME_BYTES);
	number(b, 1);
	number(b, 4 | 1 << 3); /* ADD, a file */
	number(b, 0);
	number(b, 1);
	OK(buf_add(b, "f", 1, NULL));
	number(b, file_bytes);
	for (; tar > 0; tar -= tar < LIMIT_FRAME_BYTES ? tar : LIMIT_FRAME_BYTES)
		number(b, 2 | (tar < LIMIT_FRAME_BYTES ? tar : LIMIT_FRAME_BYTES) << 2);
	number(b, content);
	number(b, stored);
	number(b, 0); /* extents */
	number(b, 0); /* copies */
}

/* 64 MiB of nothing in a few KB, said to be what fits, and said truly. */
static void
a_bomb_is_refused_before_it_goes_off(void **state)
{
	enum { BOMB = 64 << 20, FILE_BYTES = 1 << 20 };
	uint8_t *zeros = calloc(1, BOMB), *bomb = malloc(ZSTD_compressBound(BOMB));
	struct buf recipe = BUF_INIT;
	struct story s;
	size_t n;

	(void)state;
	assert_true(zeros != NULL && bomb != NULL);
	n = ZSTD_compress(bomb, ZSTD_compressBound(BOMB), zeros, BOMB, 3);
	assert_false(ZSTD_isError(n));
	story_open(&s);
	story_put_small(&s);
	story_index(&s, false);
	one_file(&recipe, FILE_BYTES, FILE_BYTES, n);
	craft(&s, &recipe, bomb, n);
	story_refused(&s);
	buf_clear(&recipe);
	one_file(&recipe, BOMB, BOMB, n); /* more than a group may hold */
	craft(&s, &recipe, bomb, n);
	story_refused(&s);
	buf_clear(&recipe);
	one_file(&recipe, 1ull << 39, FILE_BYTES, n); /* and frames without end */
	craft(&s, &recipe, bomb, n);
	story_refused(&s);
	buf_clear(&recipe);
	free(zeros);
	free(bomb);
	story_close(&s);
}

static void
recipes_that_cannot_be_are_refused(void **state)
{
	static const struct {
		const char *why;
		uint8_t bytes[16];
		size_t len;
	} cases[] = {
		{ "nothing at all", { 0 }, 0 },
		{ "no entries", { 0, 1, 0 }, 3 },
		{ "a number that is not in its shortest form", { 0x81, 0, 1, 0 }, 4 },
		{ "a number without end",
		    { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 11 },
		{ "keeps more than there is", { 1, 1, 0, 0x80 | 0x78, 0x7f }, 5 },
		{ "keeps none", { 1, 1, 0, 0 }, 4 },
		{ "skips more than there is", { 1, 1, 0, 0x80 | 0x79, 0x7f }, 5 },
		{ "edits a directory", { 1, 1, 0, 2 }, 4 },
		{ "adds a thing of no kind", { 1, 1, 0, 4 | 3 << 3, 0, 1, 'f', 0 }, 8 },
		{ "a path with more than there is", { 1, 1, 0, 4 | 1 << 3, 1, 1, 'f', 0 }, 8 },
		{ "an illegal path", { 1, 1, 0, 4 | 1 << 3, 0, 1, '.', 0 }, 8 },
		{ "a path that climbs", { 1, 1, 0, 4 | 1 << 3, 0, 4, '.', '.', '/', 'f', 0 }, 11 },
		{ "hashes of a directory", { 1, 1, 0, 5, 0, 2, 'f', '/' }, 8 },
		{ "moves what is not there", { 1, 1, 0, 6 | 1 << 3, 0x7e, 0, 1, 'f', 0 }, 9 },
		{ "moves a directory", { 1, 1, 0, 6 | 1 << 3, 0, 0, 1, 'f', 2 }, 9 },
		{ "its own twin", { 1, 1, 0, 7 | 1 << 3, 0, 1, 'f', 0 }, 8 },
		{ "a twin before the first", { 1, 1, 0, 7 | 1 << 3, 0, 1, 'f', 1 }, 8 },
		{ "frames that are not the tar", { 1, 1, 0, 4, 0, 2, 'f', '/', 6 }, 9 },
		{ "a frame of no length", { 1, 1, 0, 4, 0, 2, 'f', '/', 2 }, 9 },
		{ "repeats the first frame", { 1, 1, 0, 4, 0, 2, 'f', '/', 7 }, 9 },
		{ "frames that the base has not", { 1, 1, 0, 4, 0, 2, 'f', '/', 0x80 | 0x7c, 0x7f },
		    10 },
		{ "bytes left over", { 1, 1, 0, 4, 0, 2, 'f', '/', 0x82, 0x30, 1 }, 11 },
		{ "groups where none are needed", { 1, 1, 1, 4, 0, 2, 'f', '/', 0x82, 0x30, 1, 1,
		    0, 0 }, 14 },
	};
	struct story s;

	(void)state;
	story_open(&s);
	story_put_small(&s);
	story_index(&s, false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct patch_recipe r;
		struct err e = { 0 };

		if (patch_recipe_parse(cases[i].bytes, cases[i].len, 0, s.from.index, &r, &e) == 0)
			fail_msg("not refused: %s", cases[i].why);
		assert_int_equal(e.class, ERR_BAD_INPUT);
	}
	story_close(&s);
}

/*
 * A file "f" of ten bytes, one new frame, and one group of these numbers: stored length, extents,
 * copies.
 */
static int
parse_group(struct story *s, const uint8_t *group, size_t len, uint64_t stored, struct err *e)
{
	struct buf b = BUF_INIT;
	struct patch_recipe r;
	int rc;

	number(&b, 1); /* entries, frames, groups */
	number(&b, 1);
	number(&b, 1);
	number(&b, 4 | 1 << 3); /* ADD, a file */
	number(&b, 0);
	number(&b, 1);
	OK(buf_add(&b, "f", 1, NULL));
	number(&b, 10);
	number(&b, 2 | 2048 << 2);
	number(&b, 10);
	OK(buf_add(&b, group, len, NULL));
	rc = patch_recipe_parse(buf_data(&b), buf_len(&b), stored, s->from.index, &r, e);
	if (rc == 0)
		patch_recipe_clear(&r);
	buf_clear(&b);
	return rc;
}

static void
copies_that_cannot_be_are_refused(void **state)
{
	static const struct {
		const char *why;
		uint8_t bytes[16];
		size_t len;
	} cases[] = {
		{ "from no prefix", { 0, 0, 1, 0, 0, 10 }, 6 },
		{ "behind the prefix", { 0, 1, 0, 8, 1, 0, 2, 10 }, 8 },
		{ "beginning behind the prefix", { 0, 1, 0, 8, 1, 0, 18, 1 }, 8 },
		{ "before the prefix", { 0, 1, 0, 12, 1, 0, 1, 10 }, 8 },
		{ "more than the content", { 0, 1, 0, 12, 1, 0, 0, 11 }, 8 },
		{ "after a gap longer than the content", { 7, 1, 0, 12, 1, 11, 0, 1 }, 8 },
		{ "more than the content behind a gap", { 7, 1, 0, 12, 1, 5, 0, 6 }, 8 },
		{ "more than the content together",
		    { 7, 1, 0, 12, 2, 0, 0, 8, 0, 0, 3 }, 11 },
		{ "nothing", { 7, 1, 0, 12, 1, 0, 0, 0 }, 8 },
		{ "all, and something is stored", { 7, 1, 0, 12, 1, 0, 0, 10 }, 8 },
		{ "a part, and the rest is nowhere", { 0, 1, 0, 12, 1, 0, 0, 9, 1 }, 9 },
		{ "nothing, and half of the rest is there",
		    { 0, 1, 0, 12, 0, 1, 'a', 'b', 'c', 'd', 'e' }, 11 },
		{ "all, and there is a rest", { 0, 1, 0, 12, 1, 0, 0, 10, 1, 'a' }, 10 },
		{ "a part, and the rest has no width", { 0, 1, 0, 12, 1, 0, 0, 9, 0, 'a' }, 10 },
		{ "a part, and the rest is too wide",
		    { 0, 1, 0, 12, 1, 0, 0, 9, 0x81, 2, 'a' }, 11 },
		{ "more often than may be", { 7, 1, 0, 12, 0x81, 0x80, 4, 0, 0, 1 }, 10 },
	};
	static const uint8_t all[] = { 0, 1, 0, 12, 1, 0, 0, 10, 1 };
	static const uint8_t loose[] = { 0, 1, 0, 12, 1, 0, 0, 9, 0x80, 2, 'a' };
	static const uint8_t part[] = { 7, 1, 0, 12, 2, 1, 4, 3, 2, 7, 1 };
	struct story s;
	struct err e = { 0 };

	(void)state;
	story_open(&s);
	story_put_small(&s);
	story_index(&s, false);
	OK(parse_group(&s, all, sizeof(all), 0, &e));
	OK(parse_group(&s, loose, sizeof(loose), 0, &e));
	OK(parse_group(&s, part, sizeof(part), 7, &e));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (parse_group(&s, cases[i].bytes, cases[i].len, cases[i].bytes[0], &e) == 0)
			fail_msg("not refused: copies %s", cases[i].why);
		assert_int_equal(e.class, ERR_BAD_INPUT);
	}
	story_close(&s);
}

/* Groups of a byte each, all of whose prefixes are as long as may be: hours of reading in a KB. */
static void
prefixes_without_end_are_refused(void **state)
{
	enum { GROUPS = 4 };
	struct buf b = BUF_INIT;
	struct patch_recipe r;
	struct err e = { 0 };
	struct story s;
	uint64_t base, n;

	(void)state;
	story_open(&s);
	story_put_small(&s);
	story_index(&s, false);
	base = index_file_bytes(s.from.index);
	n = PATCH_GROUP_BYTES / base;
	assert_true(n > 0 && n <= PATCH_EXTENTS);
	for (unsigned groups = 1; groups <= GROUPS; groups += GROUPS - 1) {
		buf_truncate(&b, 0);
		number(&b, 1); /* entries, frames, groups */
		number(&b, 1);
		number(&b, groups);
		number(&b, 4 | 1 << 3); /* ADD, a file */
		number(&b, 0);
		number(&b, 1);
		OK(buf_add(&b, "f", 1, NULL));
		number(&b, groups);
		number(&b, 2 | 2048 << 2);
		for (unsigned i = 0; i < groups; i++) {
			number(&b, 1); /* of content, nothing stored */
			number(&b, 0);
			number(&b, n);
			for (uint64_t k = 0; k < n; k++) {
				number(&b, i + k == 0 ? 0 : base * 2 - 1); /* back to the first */
				number(&b, base);
			}
			number(&b, 0); /* copies, width */
			number(&b, 1);
		}
		OK(buf_add(&b, "abcd", groups, NULL));
		if (groups == 1) {
			OK(patch_recipe_parse(buf_data(&b), buf_len(&b), 0, s.from.index, &r, &e));
			patch_recipe_clear(&r);
			continue;
		}
		assert_int_equal(patch_recipe_parse(buf_data(&b), buf_len(&b), 0, s.from.index,
		    &r, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		assert_non_null(strstr(e.text, "too many bytes"));
	}
	buf_clear(&b);
	story_close(&s);
}

/* Whatever copies are found, they and the rest are the content. */
static void
copies_and_the_rest_are_the_content(void **state)
{
	enum { LEN = 100000 };
	uint8_t *prefix = malloc(LEN), *content = malloc(2 * LEN), *rest = malloc(2 * LEN);
	struct patch_match m = { .prefix = prefix, .prefix_len = LEN, .content = content };
	struct patch_copy *copies = NULL;
	uint64_t dice = 1;
	uint32_t n = 0, at = 0, left = 0, copied = 0;

	(void)state;
	assert_true(prefix != NULL && content != NULL && rest != NULL);
	fill(prefix, LEN, 5);
	memset(prefix + 4000, 0, 9000); /* the same block many times */
	while (m.len < LEN) {
		uint32_t len, from;

		dice = dice * 6364136223846793005ull + 1442695040888963407ull;
		len = (uint32_t)(dice >> 40) % 3000;
		from = (uint32_t)(dice >> 20) % (LEN - len);
		memcpy(content + m.len, prefix + from, len);
		m.len += len;
		memcpy(content + m.len, "header ", (dice >> 60) % 8);
		m.len += (dice >> 60) % 8;
	}
	OK(patch_copies_find(&m, &copies, &n, NULL));
	assert_true(n > 10);
	left = patch_copies_rest(&m, copies, n, rest);
	for (uint32_t i = 0, r = 0; i < n; i++) {
		assert_memory_equal(content + at, rest + r, copies[i].gap);
		at += copies[i].gap;
		r += copies[i].gap;
		assert_true(copies[i].from + copies[i].len <= LEN && copies[i].len > 0);
		assert_memory_equal(content + at, prefix + copies[i].from, copies[i].len);
		at += copies[i].len;
		copied += copies[i].len;
	}
	assert_int_equal(left + copied, m.len);
	assert_memory_equal(content + at, rest + left - (m.len - at), m.len - at);
	assert_true(left < m.len / 20);
	free(copies);
	free(prefix);
	free(content);
	free(rest);
}

static void
columns_become_rows_again(void **state)
{
	uint8_t rest[700], columns[700], again[700];

	(void)state;
	fill(rest, sizeof(rest), 3);
	for (uint32_t width = 1; width <= PATCH_WIDTH; width++)
		for (uint32_t len = 0; len <= sizeof(rest); len += 1 + width % 7) {
			patch_to_columns(rest, len, width, columns);
			patch_from_columns(columns, len, width, again);
			assert_memory_equal(rest, again, len);
		}
	patch_to_columns((const uint8_t *)"abcdefgh", 8, 3, columns);
	assert_memory_equal(columns, "adgbehcf", 8);
}

static void
a_recipe_survives_its_encoding(void **state)
{
	struct patch_recipe plan, again;
	struct buf b = BUF_INIT;
	struct story s;

	(void)state;
	story_open(&s);
	story_put_everything(&s);
	story_index(&s, false);
	OK(patch_recipe_plan(s.from.index, s.to.index, &plan, NULL));
	OK(patch_recipe_encode(&plan, s.from.index, s.to.index, &b, NULL));
	/* Without its groups it is not sound: they do not hold what the frames need. */
	assert_int_equal(patch_recipe_parse(buf_data(&b), buf_len(&b), 0, s.from.index, &again,
	    NULL), -1);
	patch_recipe_clear(&plan);
	buf_clear(&b);
	story_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bomb_is_refused_before_it_goes_off),
		cmocka_unit_test(recipes_that_cannot_be_are_refused),
		cmocka_unit_test(copies_that_cannot_be_are_refused),
		cmocka_unit_test(prefixes_without_end_are_refused),
		cmocka_unit_test(copies_and_the_rest_are_the_content),
		cmocka_unit_test(columns_become_rows_again),
		cmocka_unit_test(a_recipe_survives_its_encoding),
	};

	fault_pretend_sync(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
