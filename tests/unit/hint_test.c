/* SPDX-License-Identifier: Apache-2.0 */
/* Hints: made, encoded, parsed, and hostile ones refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/base/limits.h"
#include "catalog/repo/hint.h"
#include "tests/unit/fault.h"

static const struct digest index_hash = { { 1, 2, 3 } };
static const struct digest packs[] = { { { 10 } }, { { 11 } }, { { 12 } } };
static const struct hint_place places[] = {
	{ 0, 100, 0 }, { 0, 200, 100 }, { 0, 300, 300 }, /* one run */
	{ 1, 50, 600 },                                  /* goes on in another pack */
	{ 1, 60, 650 },
	{ 0, 100, 0 },                                   /* the first content again */
	{ 2, 70, 1u << 20 },
	{ 2, 80, (1u << 20) + 71 },                      /* a gap of one byte */
};
#define N_PLACES (sizeof(places) / sizeof(places[0]))

static struct hint_input
input(void)
{
	struct hint_input in = { &index_hash, packs, 3, places, N_PLACES };

	return in;
}

static void
encode_sample(struct buf *b)
{
	struct hint_input in = input();
	struct hint *h;

	assert_int_equal(hint_new(&in, &h, NULL), 0);
	assert_int_equal(hint_encode(h, b, NULL), 0);
	hint_free(h);
}

static void
check_sample(const struct hint *h)
{
	struct hint_place place;

	assert_int_equal(hint_n_frames(h), N_PLACES);
	assert_int_equal(hint_n_packs(h), 3);
	assert_int_equal(hint_n_runs(h), 5);
	assert_true(digest_equal(hint_index(h), &index_hash));
	for (uint32_t i = 0; i < 3; i++)
		assert_true(digest_equal(hint_pack(h, i), &packs[i]));
	for (uint32_t i = 0; i < N_PLACES; i++) {
		hint_place(h, i, &place);
		assert_int_equal(place.pack, places[i].pack);
		assert_int_equal(place.stored_len, places[i].stored_len);
		assert_int_equal(place.off, places[i].off);
	}
}

static void
a_parsed_hint_is_the_one_made(void **state)
{
	struct hint_input in = input();
	struct buf b = BUF_INIT, again = BUF_INIT;
	struct hint *h;
	struct err e;

	(void)state;
	assert_int_equal(hint_new(&in, &h, &e), 0);
	check_sample(h);
	hint_free(h);
	hint_free(NULL);
	encode_sample(&b);
	if (hint_parse(buf_data(&b), buf_len(&b), &h, &e) != 0)
		fail_msg("%s", e.text);
	check_sample(h);
	assert_int_equal(hint_encode(h, &again, &e), 0);
	assert_int_equal(buf_len(&again), buf_len(&b));
	assert_memory_equal(buf_data(&again), buf_data(&b), buf_len(&b));
	hint_free(h);
	buf_clear(&b);
	buf_clear(&again);
}

static void
a_hint_speaks_of_one_index(void **state)
{
	struct hint_input in = input();
	struct digest other = { { 9 } };
	struct hint *h;
	struct err e;

	(void)state;
	assert_int_equal(hint_new(&in, &h, &e), 0);
	assert_int_equal(hint_matches(h, &index_hash, N_PLACES, &e), 0);
	assert_int_equal(hint_matches(h, &other, N_PLACES, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	assert_int_equal(hint_matches(h, &index_hash, N_PLACES + 1, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	hint_free(h);
}

static void
sections_of_later_versions_are_ignored(void **state)
{
	struct buf b = BUF_INIT;
	struct hint *h;
	struct err e;

	(void)state;
	encode_sample(&b);
	assert_int_equal(buf_add(&b, "LATR\3\0\0\0abcNEXT\0\0\0\0", 19, NULL), 0);
	assert_int_equal(hint_parse(buf_data(&b), buf_len(&b), &h, &e), 0);
	check_sample(h);
	hint_free(h);
	assert_int_equal(buf_add(&b, "RUNS\0\0\0\0", 8, NULL), 0);
	assert_int_equal(hint_parse(buf_data(&b), buf_len(&b), &h, &e), -1);
	assert_non_null(strstr(e.text, "twice"));
	buf_clear(&b);
}

static const struct hint_patch patches[] = {
	{ { { 0 } }, { { 77 } }, 5000, 6000, 70000, 0 },
	{ { { 40 } }, { { 78 } }, 1ull << 40, 1ull << 41, 1ull << 42, 7 },
	{ { { 41 } }, { { 0 } }, 0, 123, 8, 9 },
};

static void
patches_are_named_and_found(void **state)
{
	static const struct digest other = { { 42 } };
	struct buf b = BUF_INIT, again = BUF_INIT;
	struct hint_patch found;
	struct hint *h;
	struct err e;

	(void)state;
	encode_sample(&b);
	assert_int_equal(hint_encode_patches(patches, 3, &b, &e), 0);
	assert_int_equal(buf_add(&b, "LATR\0\0\0\0", 8, NULL), 0);
	assert_int_equal(hint_parse(buf_data(&b), buf_len(&b), &h, &e), 0);
	check_sample(h);
	assert_int_equal(hint_n_patches(h), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(hint_find_patch(h, &patches[i].from, &found));
		assert_memory_equal(&found, &patches[i], sizeof(found));
	}
	assert_false(hint_find_patch(h, &other, &found));
	assert_int_equal(hint_encode(h, &again, &e), 0);
	assert_memory_equal(buf_data(&again), buf_data(&b), buf_len(&b) - 8);
	for (long nth = 1;; nth++) {
		struct hint *h2 = NULL;
		bool fired;
		int rc;

		fault_arm(FAULT_ALLOC, nth);
		rc = hint_parse(buf_data(&b), buf_len(&b), &h2, &e);
		fired = fault_disarm();
		assert_true(fired == (rc == -1) && fired == (h2 == NULL));
		hint_free(h2);
		if (!fired)
			break;
	}
	hint_free(h);
	buf_clear(&b);
	buf_clear(&again);
}

static void
patches_elsewhere_or_in_part_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = { { "PTCH\0\0\0\0", 8 }, { "PTCH\3\0\0\0abc", 11 },
		{ "LATR\0\0\0\0PTCH\0\0\0\0", 16 } };
	struct buf b = BUF_INIT;
	struct hint *h;
	struct err e;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		encode_sample(&b);
		assert_int_equal(buf_add(&b, bad[i].bytes, bad[i].len, NULL), 0);
		assert_int_equal(hint_parse(buf_data(&b), buf_len(&b), &h, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		buf_clear(&b);
	}
	encode_sample(&b);
	for (size_t i = 0; i <= HINT_PATCHES / 3; i++)
		assert_int_equal(hint_encode_patches(patches, 3, &b, &e), 0);
	assert_int_equal(hint_parse(buf_data(&b), buf_len(&b), &h, &e), -1); /* twice */
	buf_clear(&b);
}

static void
a_hint_cut_anywhere_is_refused(void **state)
{
	struct buf b = BUF_INIT;
	struct hint *h;
	struct err e;

	(void)state;
	encode_sample(&b);
	for (size_t len = 0; len < buf_len(&b); len++) {
		uint8_t *copy = malloc(len + 1);

		assert_non_null(copy);
		memcpy(copy, buf_data(&b), len);
		assert_int_equal(hint_parse(copy, len, &h, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		free(copy);
	}
	assert_int_equal(buf_add_u8(&b, 0, NULL), 0);
	assert_int_equal(hint_parse(buf_data(&b), buf_len(&b), &h, &e), -1);
	buf_clear(&b);
}

static void
flipped_bytes_are_refused_or_stay_within_bounds(void **state)
{
	struct buf b = BUF_INIT, again = BUF_INIT;
	struct hint_place place;
	struct hint *h;

	(void)state;
	encode_sample(&b);
	for (size_t i = 0; i < buf_len(&b); i++)
		for (unsigned flip = 1; flip < 256; flip++) {
			b.data[i] = (uint8_t)(b.data[i] ^ flip);
			if (hint_parse(buf_data(&b), buf_len(&b), &h, NULL) == 0) {
				for (uint32_t k = 0; k < hint_n_frames(h); k++) {
					hint_place(h, k, &place);
					assert_true(place.pack < hint_n_packs(h));
					assert_in_range(
					    place.stored_len, 1, LIMIT_FRAME_STORED_BYTES);
					assert_true(
					    place.off + place.stored_len <= LIMIT_PACK_BYTES);
				}
				buf_truncate(&again, 0);
				assert_int_equal(hint_encode(h, &again, NULL), 0);
				assert_memory_equal(buf_data(&again), buf_data(&b), buf_len(&b));
				hint_free(h);
			}
			b.data[i] = (uint8_t)(b.data[i] ^ flip);
		}
	buf_clear(&b);
	buf_clear(&again);
}

/* Change one field of the encoded sample and expect the reason. */
static void
expect_refusal(size_t at, const void *bytes, size_t len, const char *why)
{
	struct buf b = BUF_INIT;
	struct hint *h;
	struct err e;

	encode_sample(&b);
	memcpy(b.data + at, bytes, len);
	assert_int_equal(hint_parse(buf_data(&b), buf_len(&b), &h, &e), -1);
	if (strstr(e.text, why) == NULL)
		fail_msg("at %zu: %s", at, e.text);
	buf_clear(&b);
}

static void
each_lie_has_its_check(void **state)
{
	size_t pack = 8 + 8 + 32, stor = pack + 8 + 3 * 32, runs = stor + 8 + 4 * N_PLACES;
	size_t run = runs + 8;

	(void)state;
	expect_refusal(0, "KBHINT2", 7, "not a hint");
	expect_refusal(8, "INDY", 4, "lacks its section INDX");
	expect_refusal(12, "\x1f", 1, "part of an item");
	expect_refusal(12, "\xff\xff\xff\xff", 4, "cut short");
	expect_refusal(pack, "STOR", 4, "lacks its section PACK");
	expect_refusal(pack + 4, "\xff\xff\xff\xff", 4, "cut short");
	expect_refusal(stor + 8, "\0\0\0\0", 4, "the length 0");
	expect_refusal(stor + 8, "\x01\x10\x10\x00", 4, "the length 1052673");
	expect_refusal(run, "\0\0\0\0", 4, "empty or has more");
	expect_refusal(run, "\x09", 1, "empty or has more");
	expect_refusal(run, "\xff\xff\xff\xff", 4, "empty or has more");
	expect_refusal(run, "\x02", 1, "cover 7 of 8");
	expect_refusal(run + 4, "\x03", 1, "in pack 3 of 3");
	expect_refusal(run + 8, "\0\0\0\x40", 4, "behind the end");
	expect_refusal(run + 8, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "behind the end");
	expect_refusal(run + 8, "\xa9\xfd\xff\x3f", 4, "behind the end"); /* its last frame is */
}

static void
impossible_places_are_not_made_into_a_hint(void **state)
{
	static const struct {
		struct hint_place place;
		uint32_t n_packs;
	} bad[] = {
		{ { 1, 10, 0 }, 1 },
		{ { 0, 0, 0 }, 1 },
		{ { 0, LIMIT_FRAME_STORED_BYTES + 1, 0 }, 1 },
		{ { 0, 10, LIMIT_PACK_BYTES - 9 }, 1 },
		{ { 0, 10, UINT64_MAX }, 1 },
		{ { 0, 10, 0 }, 0 },
		{ { 0, 10, 0 }, 2 },
	};
	struct hint *h;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hint_input in = { &index_hash, packs, bad[i].n_packs, &bad[i].place, 1 };

		assert_int_equal(hint_new(&in, &h, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
	}
}

static void
running_out_of_memory_is_an_ordinary_failure(void **state)
{
	struct hint_input in = input();
	struct buf b = BUF_INIT, again = BUF_INIT;
	struct hint *h = NULL;
	struct err e;
	long nth;

	(void)state;
	encode_sample(&b);
	for (unsigned how = 0; how < 2; how++) {
		for (nth = 1; h == NULL; nth++) {
			int rc;

			fault_arm(FAULT_ALLOC, nth);
			rc = how == 0 ? hint_new(&in, &h, &e) :
			                hint_parse(buf_data(&b), buf_len(&b), &h, &e);
			if (fault_disarm())
				assert_true(rc == -1 && h == NULL && e.class == ERR_SYSTEM);
		}
		assert_int_equal(nth, 7); /* five parts, then success */
		fault_arm(FAULT_ALLOC, 1);
		assert_int_equal(hint_encode(h, &again, &e), -1);
		assert_true(fault_disarm());
		hint_free(h);
		h = NULL;
	}
	assert_int_equal(buf_len(&again), 0);
	buf_clear(&b);
	buf_clear(&again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parsed_hint_is_the_one_made),
		cmocka_unit_test(a_hint_speaks_of_one_index),
		cmocka_unit_test(sections_of_later_versions_are_ignored),
		cmocka_unit_test(patches_are_named_and_found),
		cmocka_unit_test(patches_elsewhere_or_in_part_are_refused),
		cmocka_unit_test(a_hint_cut_anywhere_is_refused),
		cmocka_unit_test(flipped_bytes_are_refused_or_stay_within_bounds),
		cmocka_unit_test(each_lie_has_its_check),
		cmocka_unit_test(impossible_places_are_not_made_into_a_hint),
		cmocka_unit_test(running_out_of_memory_is_an_ordinary_failure),
	};

	return cmocka_run_group_tests_name("hint", tests, NULL, NULL);
}
