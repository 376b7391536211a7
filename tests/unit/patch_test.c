/* SPDX-License-Identifier: Apache-2.0 */
/* Patches: made between folders and applied; damaged ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fault.h"
#include "tests/unit/patchstory.h"

static void
a_patch_leads_to_the_release(void **state)
{
	struct story s;
	struct err e = { 0 };
	struct patch_input in;

	(void)state;
	story_open(&s);
	story_put_everything(&s);
	story_index(&s, false);
	in = story_input(&s);
	assert_int_equal(story_make(&s, &in, &e), 1);
	if (story_apply(&s, &e) != 0)
		fail_msg("%s", e.text);
	assert_true(s.n_given > 0);
	assert_true(s.made.len < 40000); /* 10,000 bytes of video, the rest is prose */
	assert_int_equal(lseek(s.fd, 0, SEEK_END), s.made.len);
	story_close(&s);
}

static void
a_patch_from_nothing_needs_no_base(void **state)
{
	struct story s;
	struct err e = { 0 };
	struct patch_input in;

	(void)state;
	story_open(&s);
	story_put_everything(&s);
	story_index(&s, true);
	in = story_input(&s);
	assert_int_equal(story_make(&s, &in, &e), 1);
	if (story_apply(&s, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(s.made.content_bytes > 0, 1);
	story_close(&s);
}

static void
a_renamed_folder_costs_next_to_nothing(void **state)
{
	struct story s;
	struct err e = { 0 };
	struct patch_input in;
	char name[80];
	int from, to;

	(void)state;
	story_open(&s);
	from = open_dir(s.top.dirfd, "from");
	to = open_dir(s.top.dirfd, "to");
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "old name/%d/%d.txt", i % 10, i);
		put_random(from, name, 900, (uint64_t)i);
		(void)snprintf(name, sizeof(name), "new/%d/%d.txt", i % 10, i);
		put_random(to, name, 900, (uint64_t)i);
	}
	close(from);
	close(to);
	story_index(&s, false);
	in = story_input(&s);
	assert_int_equal(story_make(&s, &in, &e), 1);
	assert_int_equal(s.made.content_bytes, 0);
	assert_true(s.made.len < 500);
	OK(story_apply(&s, &e));
	story_close(&s);
}

/* Bytes put in here and there leave no frame in common: the windows must follow. */
static void
a_remuxed_video_is_found_at_its_new_places(void **state)
{
	enum { LEN = 9 << 20, STEP = 5000 };
	uint8_t *video = malloc(LEN), *muxed = malloc(LEN + LEN / STEP * 8 + 8);
	struct story s;
	struct err e = { 0 };
	struct patch_input in;
	size_t n = 0;
	int from, to;

	(void)state;
	assert_true(video != NULL && muxed != NULL);
	story_open(&s);
	from = open_dir(s.top.dirfd, "from");
	to = open_dir(s.top.dirfd, "to");
	fill(video, LEN, 1);
	for (size_t i = 0; i < LEN; i += STEP) {
		memcpy(muxed + n, "moof", 4);
		for (int byte = 0; byte < 4; byte++)
			muxed[n + 4 + byte] = (uint8_t)(i / STEP >> (24 - 8 * byte));
		memcpy(muxed + n + 8, video + i, i + STEP < LEN ? STEP : LEN - i);
		n += 8 + (i + STEP < LEN ? STEP : LEN - i);
	}
	put_bytes(from, "a.mp4", video, LEN);
	put_bytes(to, "b/other name.mkv", muxed, n);
	close(from);
	close(to);
	story_index(&s, false);
	in = story_input(&s);
	assert_int_equal(story_make(&s, &in, &e), 1);
	assert_true(s.made.content_bytes > n - STEP); /* the last few bytes are a frame */
	assert_true(s.made.len < LEN / STEP * 3 / 2); /* of eight bytes put in, counted up */
	OK(story_apply(&s, &e));
	story_close(&s);
	free(video);
	free(muxed);
}

static void
a_patch_that_is_too_long_is_not_made(void **state)
{
	struct story s;
	struct err e = { 0 };
	struct patch_input in;
	atomic_bool cancel = true;
	uint64_t len;

	(void)state;
	story_open(&s);
	story_put_everything(&s);
	story_index(&s, false);
	in = story_input(&s);
	assert_int_equal(story_make(&s, &in, &e), 1);
	len = s.made.len;
	in.max_bytes = len;
	assert_int_equal(story_make(&s, &in, &e), 1);
	in.max_bytes = len - 1;
	assert_int_equal(story_make(&s, &in, &e), 0);
	in.max_bytes = 500;
	assert_int_equal(story_make(&s, &in, &e), 0);
	in.cancel = &cancel;
	assert_int_equal(story_make(&s, &in, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	story_close(&s);
}

static struct buf
slurp(const struct story *s)
{
	struct buf b = BUF_INIT;

	OK(file_load(s->top.dirfd, "patch", 64u << 20, &b, NULL));
	return b;
}

/* Whatever byte is wrong: the result is refused, or is right all the same. */
static void
no_wrong_byte_gets_through(void **state)
{
	struct patch_input in;
	struct story s;
	struct buf good;

	(void)state;
	story_open(&s);
	story_put_small(&s);
	story_index(&s, false);
	in = story_input(&s);
	assert_int_equal(story_make(&s, &in, NULL), 1);
	good = slurp(&s);
	for (size_t i = 0; i < buf_len(&good); i++) {
		struct err e = { 0 };
		uint8_t wrong = good.data[i] ^ (uint8_t)(1u << (i % 8));

		OK(file_pwrite_all(s.fd, &wrong, 1, i, NULL));
		if (story_apply(&s, &e) == -1)
			assert_int_equal(e.class, ERR_BAD_INPUT);
		OK(file_pwrite_all(s.fd, good.data + i, 1, i, NULL));
	}
	OK(story_apply(&s, NULL));
	for (size_t i = 0; i < buf_len(&good); i += 1 + i / 16) {
		OK(ftruncate(s.fd, (off_t)i));
		story_refused(&s);
		story_rewrite(&s, buf_data(&good), buf_len(&good));
	}
	OK(buf_add(&good, "x", 1, NULL));
	story_rewrite(&s, buf_data(&good), buf_len(&good));
	story_refused(&s);
	buf_clear(&good);
	story_close(&s);
}

/* A base that was tampered with gives no release, and says so. */
static void
a_base_with_other_bytes_leads_nowhere(void **state)
{
	struct patch_input in;
	struct story s;

	(void)state;
	story_open(&s);
	story_put_small(&s);
	story_index(&s, false);
	in = story_input(&s);
	assert_int_equal(story_make(&s, &in, NULL), 1);
	s.lies = true;
	story_refused(&s);
	s.lies = false;
	OK(story_apply(&s, NULL));
	OK(unlinkat(s.from.dirfd, "big.txt", 0));
	treedir_forget(&s.from.dir);
	story_refused(&s);
	story_close(&s);
}

static void
a_patch_between_other_releases_is_refused(void **state)
{
	struct patch_input in;
	struct story s;

	(void)state;
	story_open(&s);
	story_put_small(&s);
	story_index(&s, false);
	in = story_input(&s);
	in.ends.from.bytes[0] ^= 1;
	assert_int_equal(story_make(&s, &in, NULL), 1);
	story_refused(&s);
	in = story_input(&s);
	in.ends.to.bytes[31] ^= 1;
	assert_int_equal(story_make(&s, &in, NULL), 1);
	story_refused(&s);
	story_close(&s);
}

/* Format 2 had all rests stored; nobody reads it any more. */
static void
a_patch_of_the_format_before_is_refused(void **state)
{
	struct patch_input in;
	struct story s;
	struct err e = { 0 };
	struct digest to;

	(void)state;
	story_open(&s);
	story_put_small(&s);
	story_index(&s, false);
	in = story_input(&s);
	assert_int_equal(story_make(&s, &in, NULL), 1);
	OK(patch_leads_to(s.fd, &to, &e));
	OK(file_pwrite_all(s.fd, "KBPATCH2", 8, 0, NULL));
	story_refused(&s);
	assert_int_equal(patch_leads_to(s.fd, &to, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_string_equal(e.text, "not a patch of format 3");
	story_close(&s);
}

static void
every_allocation_may_fail(void **state)
{
	struct patch_input in;
	struct story s;
	struct err e;
	int rc;

	(void)state;
	story_open(&s);
	story_put_small(&s);
	story_index(&s, false);
	in = story_input(&s);
	for (long nth = 1;; nth++) {
		memset(&e, 0, sizeof(e));
		OK(ftruncate(s.fd, 0));
		assert_int_equal(lseek(s.fd, 0, SEEK_SET), 0);
		fault_arm(FAULT_ALLOC, nth);
		rc = patch_make(&in, s.fd, &s.made, &e);
		if (!fault_disarm())
			break;
		assert_int_equal(rc, -1);
		assert_int_equal(e.class, ERR_SYSTEM);
	}
	assert_int_equal(rc, 1);
	for (long nth = 1;; nth++) {
		memset(&e, 0, sizeof(e));
		fault_arm(FAULT_ALLOC, nth);
		rc = story_apply(&s, &e);
		if (!fault_disarm())
			break;
		assert_int_equal(rc, -1);
		assert_int_equal(e.class, ERR_SYSTEM);
	}
	OK(rc);
	for (long nth = 1;; nth++) {
		memset(&e, 0, sizeof(e));
		OK(ftruncate(s.fd, 0));
		assert_int_equal(lseek(s.fd, 0, SEEK_SET), 0);
		fault_arm(FAULT_WRITE, nth);
		rc = patch_make(&in, s.fd, &s.made, &e);
		if (!fault_disarm())
			break;
		assert_int_equal(rc, -1);
	}
	assert_int_equal(rc, 1);
	story_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_patch_leads_to_the_release),
		cmocka_unit_test(a_patch_from_nothing_needs_no_base),
		cmocka_unit_test(a_renamed_folder_costs_next_to_nothing),
		cmocka_unit_test(a_remuxed_video_is_found_at_its_new_places),
		cmocka_unit_test(a_patch_that_is_too_long_is_not_made),
		cmocka_unit_test(no_wrong_byte_gets_through),
		cmocka_unit_test(a_base_with_other_bytes_leads_nowhere),
		cmocka_unit_test(a_patch_between_other_releases_is_refused),
		cmocka_unit_test(a_patch_of_the_format_before_is_refused),
		cmocka_unit_test(every_allocation_may_fail),
	};

	fault_pretend_sync(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
