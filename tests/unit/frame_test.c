/* SPDX-License-Identifier: Apache-2.0 */
/* Stored frames: round trips, raw blocks by hand, lengths from headers, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "catalog/base/buf.h"
#include "catalog/base/file.h"
#include "catalog/repo/frame.h"
#include "tests/unit/judge.h"
#include "tests/unit/skip.h"

static const size_t lens[] = { 1, 2, 255, 256, 257, 1000, 2047, 2048, 65791, 65792, 131071, 131072,
	131073, 262144, 524288, LIMIT_FRAME_BYTES };
#define N_LENS (sizeof(lens) / sizeof(lens[0]))

static struct frame_coder *coder;
static uint8_t content[LIMIT_FRAME_BYTES], back[LIMIT_FRAME_BYTES];
static uint8_t stored[LIMIT_FRAME_STORED_BYTES + 64];

static int
set_up(void **state)
{
	(void)state;
	return (coder = frame_coder_new(NULL)) == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	frame_coder_free(coder);
	frame_coder_free(NULL);
	return 0;
}

static void
fill_random(uint64_t seed)
{
	uint64_t x = seed * 2654435761u + 88172645463325252ull;

	for (size_t i = 0; i < sizeof(content); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		content[i] = (uint8_t)(x >> 24);
	}
}

static void
fill_text(void)
{
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] =
		    (uint8_t)("the lawyer and the law of the land, "[i % 36] + (i / 5000) % 3);
}

/* Store, find the length from the headers, unpack, compare. */
static size_t
go_round(size_t len)
{
	size_t n, found;
	struct err e;

	assert_int_equal(frame_pack(coder, content, len, stored, &n, &e), 0);
	assert_true(n <= frame_bound(len) && n <= LIMIT_FRAME_STORED_BYTES);
	assert_int_equal(frame_stored_len(stored, n, &found, &e), 1);
	assert_int_equal(found, n);
	memset(back, 0xaa, len);
	if (frame_unpack(coder, stored, n, back, len, &e) != 0)
		fail_msg("%s", e.text);
	assert_memory_equal(back, content, len);
	return n;
}

static void
what_goes_in_comes_out(void **state)
{
	size_t header, blocks;

	(void)state;
	for (size_t i = 0; i < N_LENS; i++) {
		fill_text();
		assert_true(go_round(lens[i]) < lens[i] || lens[i] < 300);
		fill_random(i);
		/* Media costs its own length, the headers, and nothing more. */
		header = lens[i] < 256 ? 6 : lens[i] < 65792 ? 7 : 9;
		blocks = (lens[i] + 131071) / 131072;
		assert_int_equal(go_round(lens[i]), lens[i] + header + blocks * 3);
	}
}

static void
mixed_content_is_compressed(void **state)
{
	(void)state;
	/* Noise where the first probe looks must not hide the text behind it. */
	fill_text();
	for (size_t i = 0; i < 100000; i++)
		content[i] = (uint8_t)(i * i * 2654435761u >> 13);
	assert_true(go_round(400000) < 150000);
}

static void
a_frame_has_the_shape_of_the_page(void **state)
{
	size_t n;

	(void)state;
	for (unsigned kind = 0; kind < 2; kind++)
		for (size_t i = 0; i < N_LENS; i++) {
			if (kind == 0)
				fill_text();
			else
				fill_random(i);
			n = go_round(lens[i]);
			assert_int_equal(ZSTD_getFrameContentSize(stored, n), lens[i]);
			assert_int_equal(ZSTD_findFrameCompressedSize(stored, n), n);
			assert_int_equal(ZSTD_getDictID_fromFrame(stored, n), 0);
			assert_int_equal(stored[4] & 0x1f, 0); /* no checksum, no dictionary */
		}
}

static void
the_length_is_found_byte_by_byte(void **state)
{
	size_t n, used, found;
	struct err e;

	(void)state;
	for (unsigned kind = 0; kind < 2; kind++) {
		struct frame_scan s;

		if (kind == 0)
			fill_text();
		else
			fill_random(3);
		n = go_round(300000);
		stored[n] = 0x28; /* the next frame begins */
		frame_scan_init(&s);
		for (size_t i = 0; i < n; i++) {
			assert_false(s.is_done);
			assert_int_equal(frame_scan_feed(&s, stored + i, 1, &used, &e), 0);
			assert_int_equal(used, 1);
		}
		assert_true(s.is_done && s.stored_len == n && s.content_len == 300000);
		assert_int_equal(frame_scan_feed(&s, stored + n, 1, &used, &e), 0);
		assert_int_equal(used, 0);
		assert_int_equal(frame_stored_len(stored, n + 1, &found, &e), 1);
		assert_int_equal(found, n);
	}
}

static void
a_frame_cut_anywhere_is_no_frame(void **state)
{
	size_t n, found;
	struct err e;

	(void)state;
	fill_text();
	n = go_round(3000);
	for (size_t len = 0; len < n; len++) {
		assert_int_equal(frame_stored_len(stored, len, &found, &e), 0);
		assert_int_equal(frame_unpack(coder, stored, len, back, 3000, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
	}
	stored[n] = 0;
	assert_int_equal(frame_unpack(coder, stored, n + 1, back, 3000, &e), -1);
	assert_int_equal(frame_unpack(coder, stored, n, back, 2999, &e), -1);
	assert_int_equal(frame_unpack(coder, stored, n, back, 3001, &e), -1);
}

static void
flipped_bytes_are_refused_or_give_other_content(void **state)
{
	struct frame_want want;
	struct digest sha256;
	size_t n;
	struct err e;

	(void)state;
	fill_text();
	n = go_round(5000);
	digest_of(&sha256, content, 5000);
	want.sha256 = &sha256;
	want.len = 5000;
	assert_int_equal(frame_unpack_checked(coder, stored, n, back, &want, &e), 0);
	for (size_t i = 0; i < n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			stored[i] = (uint8_t)(stored[i] ^ (1u << bit));
			if (frame_unpack_checked(coder, stored, n, back, &want, &e) == 0)
				assert_memory_equal(
				    back, content, 5000); /* another way to say it */
			else
				assert_true(e.class == ERR_BAD_INPUT || e.class == ERR_UNTRUSTED);
			stored[i] = (uint8_t)(stored[i] ^ (1u << bit));
		}
	content[0]++;
	digest_of(&sha256, content, 5000);
	assert_int_equal(frame_unpack_checked(coder, stored, n, back, &want, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
}

static void
other_zstd_frames_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *why;
	} bad[] = {
		{ "\x28\xb5\x2f\xfe\x20\x01\x09\x00\x00x", 10, "magic" },
		{ "\x5b\x2a\x4d\x18\x02\x00\x00\x00xy", 10, "magic" },
		{ "\x28\xb5\x2f\xfd\x24\x01\x09\x00\x00x\0\0\0\0", 14, "checksum" },
		{ "\x28\xb5\x2f\xfd\x21\x07\x01\x09\x00\x00x", 11, "dictionary" },
		{ "\x28\xb5\x2f\xfd\x30\x01\x09\x00\x00x", 10, "unknown flags" },
		{ "\x28\xb5\x2f\xfd\x00\x00\x09\x00\x00x", 10, "content size" },
		{ "\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00", 9, "empty" },
		{ "\x28\xb5\x2f\xfd\xa0\x01\x00\x10\x00\x09\x00\x00x", 13, "longer than 1 MiB" },
		{ "\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x00\x00\x01\x09\x00\x00x", 17,
		    "longer than 1 MiB" },
		{ "\x28\xb5\x2f\xfd\x80\x51\x01\x00\x00\x00\x09\x00\x00x", 14, "window" },
		{ "\x28\xb5\x2f\xfd\x20\x01\x0f\x00\x00x", 10, "reserved" },
		{ "\x28\xb5\x2f\xfd\x20\x01\x11\x00\x00xy", 11, "block longer" },
	};
	size_t n;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (frame_stored_len(bad[i].bytes, bad[i].len, &n, &e) != -1)
			fail_msg("case %zu was taken", i);
		if (strstr(e.text, bad[i].why) == NULL)
			fail_msg("case %zu: %s", i, e.text);
		assert_int_equal(frame_unpack(coder, bad[i].bytes, bad[i].len, back, 1, &e), -1);
	}
	/* With a window descriptor and a window of 1 MiB it is one of ours. */
	assert_int_equal(
	    frame_unpack(
		coder, "\x28\xb5\x2f\xfd\x80\x50\x01\x00\x00\x00\x09\x00\x00x", 14, back, 1, &e),
	    0);
	assert_int_equal(back[0], 'x');
}

static void
endless_empty_blocks_end(void **state)
{
	struct frame_scan s;
	static const uint8_t empty_block[3];
	size_t used;
	int rc;

	(void)state;
	frame_scan_init(&s);
	assert_int_equal(frame_scan_feed(&s, "\x28\xb5\x2f\xfd\x20\x01", 6, &used, NULL), 0);
	do
		rc = frame_scan_feed(&s, empty_block, 3, &used, NULL);
	while (rc == 0 && s.stored_len <= LIMIT_FRAME_STORED_BYTES);
	assert_int_equal(rc, -1);
}

static void
zstd_itself_reads_our_frames(void **state)
{
	char dir[] = "/tmp/kebao-frame-test-XXXXXX", in[60], out[60];
	char *argv[] = { (char[]) { "zstd" }, (char[]) { "-dqc" }, in, NULL };
	struct buf all = BUF_INIT, want = BUF_INIT, got = BUF_INIT;
	int rc;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(in, sizeof(in), "%s/in.zst", dir);
	(void)snprintf(out, sizeof(out), "%s/out", dir);
	for (size_t i = 0; i < N_LENS; i++) {
		if (i % 2)
			fill_text();
		else
			fill_random(i);
		assert_int_equal(buf_add(&all, stored, go_round(lens[i]), NULL), 0);
		assert_int_equal(buf_add(&want, content, lens[i], NULL), 0);
	}
	assert_int_equal(file_save(AT_FDCWD, in, buf_data(&all), buf_len(&all), 0600, NULL), 0);
	rc = judge_run(argv, out);
	if (rc == 0)
		assert_int_equal(file_load(AT_FDCWD, out, 64 << 20, &got, NULL), 0);
	assert_int_equal(file_remove_tree(AT_FDCWD, dir, NULL), 0);
	if (rc != JUDGE_ABSENT) {
		assert_int_equal(rc, 0);
		assert_int_equal(buf_len(&got), buf_len(&want));
		assert_memory_equal(buf_data(&got), buf_data(&want), buf_len(&want));
	}
	buf_clear(&all);
	buf_clear(&want);
	buf_clear(&got);
	if (rc == JUDGE_ABSENT)
		SKIP("zstd is not installed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(mixed_content_is_compressed),
		cmocka_unit_test(a_frame_has_the_shape_of_the_page),
		cmocka_unit_test(the_length_is_found_byte_by_byte),
		cmocka_unit_test(a_frame_cut_anywhere_is_no_frame),
		cmocka_unit_test(flipped_bytes_are_refused_or_give_other_content),
		cmocka_unit_test(other_zstd_frames_are_refused),
		cmocka_unit_test(endless_empty_blocks_end),
		cmocka_unit_test(zstd_itself_reads_our_frames),
	};

	return cmocka_run_group_tests_name("frame", tests, set_up, tear_down);
}
