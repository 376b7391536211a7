/* SPDX-License-Identifier: Apache-2.0 */
/* The index: made, encoded, parsed, walked; every rule has an index that only it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/base/limits.h"
#include "catalog/repo/index.h"
#include "tests/unit/fault.h"

#define LAW "\xe6\xb3\x95" /* 法 */

static const struct tar_entry sample[] = {
	{ TAR_FILE, "README", 6, 100 },
	{ TAR_DIRECTORY, "a/", 2, 0 },
	{ TAR_FILE, "a/empty", 7, 0 },
	{ TAR_EXECUTABLE, "a/run.sh", 8, 512 },
	{ TAR_DIRECTORY, "b/", 2, 0 },
	{ TAR_DIRECTORY, "b/c/", 4, 0 },
	{ TAR_FILE, "b/c/video.mp4", 13, 3000000 },
	{ TAR_FILE, LAW ".pdf", 7, 70001 },
};
#define N_SAMPLE (sizeof(sample) / sizeof(sample[0]))

static struct digest
hash_of(const void *bytes, size_t len)
{
	struct digest d;

	digest_of(&d, bytes, len);
	return d;
}

static void
cover(struct index *ix, uint64_t left)
{
	for (uint32_t i = 0; left > 0; i++) {
		uint32_t len = (i * 77777) % 300000 + 1;
		struct digest d = hash_of(&i, sizeof(i));

		if (len > left)
			len = (uint32_t)left;
		assert_int_equal(index_add_frame(ix, len, &d, NULL), 0);
		left -= len;
	}
}

static struct index *
make_sample(void)
{
	struct index *ix = index_new(NULL);
	struct err e;

	assert_non_null(ix);
	for (uint32_t i = 0; i < N_SAMPLE; i++) {
		struct digest d = hash_of(sample[i].path, sample[i].path_len);

		if (index_add_entry(ix, &sample[i], &e) != 0)
			fail_msg("%s", e.text);
		if (sample[i].kind != TAR_DIRECTORY)
			index_set_content(ix, i, i * 1000, &d);
	}
	cover(ix, index_tar_len(ix));
	assert_int_equal(index_finish(ix, &e), 0);
	return ix;
}

static void
encode_sample(struct buf *b)
{
	struct index *ix = make_sample();

	assert_int_equal(index_encode(ix, b, NULL), 0);
	index_free(ix);
}

static void
a_parsed_index_is_the_one_encoded(void **state)
{
	struct buf b = BUF_INIT, again = BUF_INIT;
	struct index *ix;
	struct index_entry entry;
	struct err e;
	uint64_t off = 0;

	(void)state;
	encode_sample(&b);
	if (index_parse(buf_data(&b), buf_len(&b), &ix, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(index_n_entries(ix), N_SAMPLE);
	assert_int_equal(index_n_files(ix), 5);
	assert_int_equal(index_file_bytes(ix), 100 + 512 + 3000000 + 70001);
	for (uint32_t i = 0; i < N_SAMPLE; i++) {
		struct digest d = hash_of(sample[i].path, sample[i].path_len), zero = { { 0 } };
		bool is_dir = sample[i].kind == TAR_DIRECTORY;

		index_entry(ix, i, &entry);
		assert_int_equal(entry.tar.kind, sample[i].kind);
		assert_int_equal(entry.tar.path_len, sample[i].path_len);
		assert_string_equal(entry.tar.path, sample[i].path);
		assert_int_equal(entry.tar.size, sample[i].size);
		assert_int_equal(entry.crc32, is_dir ? 0 : i * 1000);
		assert_true(digest_equal(entry.sha256, is_dir ? &zero : &d));
		assert_int_equal(entry.off, off);
		assert_int_equal(entry.data_off, off + tar_head_len(&sample[i]));
		off += tar_entry_len(&sample[i]);
		assert_int_equal(index_find(ix, sample[i].path, sample[i].path_len), i);
		assert_int_equal(index_find(ix, sample[i].path, sample[i].path_len - 1), -1);
	}
	assert_int_equal(index_tar_len(ix), off + TAR_END_BYTES);
	assert_int_equal(index_encode(ix, &again, &e), 0);
	assert_int_equal(buf_len(&again), buf_len(&b));
	assert_memory_equal(buf_data(&again), buf_data(&b), buf_len(&b));
	index_free(ix);
	index_free(NULL);
	buf_clear(&b);
	buf_clear(&again);
}

static void
an_index_cut_anywhere_or_with_more_is_refused(void **state)
{
	struct buf b = BUF_INIT;
	struct index *ix;
	struct err e;

	(void)state;
	encode_sample(&b);
	for (size_t len = 0; len < buf_len(&b); len++) {
		uint8_t *copy = malloc(len + 1); /* so that reading behind it is noticed */

		assert_non_null(copy);
		memcpy(copy, buf_data(&b), len);
		assert_int_equal(index_parse(copy, len, &ix, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		free(copy);
	}
	assert_int_equal(buf_add_u8(&b, 0, NULL), 0);
	assert_int_equal(index_parse(buf_data(&b), buf_len(&b), &ix, &e), -1);
	buf_clear(&b);
}

/* Flipped bytes are refused, or parse into an index that encodes to the same flipped bytes. */
static void
an_index_with_flipped_bytes_means_what_it_says(void **state)
{
	struct buf b = BUF_INIT, again = BUF_INIT;
	struct index *ix;
	unsigned n_refused = 0, n_taken = 0;

	(void)state;
	encode_sample(&b);
	for (size_t i = 0; i < buf_len(&b); i++)
		for (unsigned flip = 1; flip < 256; flip = flip * 3 + 1) {
			b.data[i] = (uint8_t)(b.data[i] ^ flip);
			if (index_parse(buf_data(&b), buf_len(&b), &ix, NULL) == 0) {
				n_taken++;
				buf_truncate(&again, 0);
				assert_int_equal(index_encode(ix, &again, NULL), 0);
				assert_int_equal(buf_len(&again), buf_len(&b));
				assert_memory_equal(buf_data(&again), buf_data(&b), buf_len(&b));
				index_free(ix);
			} else {
				n_refused++;
			}
			b.data[i] = (uint8_t)(b.data[i] ^ flip);
		}
	assert_true(n_refused > 300 && n_taken > 300);
	buf_clear(&b);
	buf_clear(&again);
}

static void
entries_out_of_order_are_refused(void **state)
{
	static const struct {
		struct tar_entry first, second;
		const char *why;
	} bad[] = {
		{ { TAR_FILE, "b", 1, 0 }, { TAR_FILE, "a", 1, 0 }, "not behind" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_FILE, "a", 1, 0 }, "not behind" },
		{ { TAR_DIRECTORY, "a/", 2, 0 }, { TAR_FILE, "a.txt", 5, 0 }, "not behind" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_FILE, "b/c", 3, 0 },
		    "no entry for the directory" },
		{ { TAR_DIRECTORY, "a/", 2, 0 }, { TAR_FILE, "a/b/c", 5, 0 },
		    "no entry for the directory" },
		{ { TAR_DIRECTORY, "a/", 2, 0 }, { TAR_FILE, "ab/c", 4, 0 },
		    "no entry for the directory" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_FILE, "a/b", 3, 0 },
		    "no entry for the directory" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_DIRECTORY, "a/", 2, 0 }, "same to Windows" },
		{ { TAR_FILE, "A", 1, 0 }, { TAR_FILE, "a", 1, 0 }, "same to Windows" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_DIRECTORY, "b", 1, 0 }, "does not end in '/'" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_FILE, "b/", 2, 0 }, "ends in '/'" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_DIRECTORY, "b/", 2, 1 }, "has a size" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_FILE, "con", 3, 0 }, "device" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_FILE, "b/../c", 6, 0 }, "not names" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_DIRECTORY, "b//", 3, 0 }, "two in a row" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_FILE, "", 0, 0 }, "empty" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_DIRECTORY, "/", 1, 0 }, "empty" },
		{ { TAR_FILE, "a", 1, 0 }, { (enum tar_kind)3, "b", 1, 0 }, "unknown kind" },
		{ { TAR_FILE, "a", 1, 0 }, { TAR_FILE, "b", 1, LIMIT_TAR_BYTES + 1 }, "1 TiB" },
		{ { TAR_FILE, "a", 1, 1 }, { TAR_FILE, "b", 1, LIMIT_TAR_BYTES }, "1 TiB" },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct index *ix = index_new(NULL);

		assert_non_null(ix);
		assert_int_equal(index_add_entry(ix, &bad[i].first, &e), 0);
		assert_int_equal(index_add_entry(ix, &bad[i].second, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		if (strstr(e.text, bad[i].why) == NULL)
			fail_msg("case %zu: %s", i, e.text);
		index_free(ix);
	}
}

static void
frames_must_cover_the_tar(void **state)
{
	struct tar_entry t = { TAR_FILE, "a", 1, 1000 };
	struct digest d = { { 0 } };
	struct err e;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct index *ix = index_new(NULL);
		uint32_t len;

		assert_non_null(ix);
		assert_int_equal(index_add_entry(ix, &t, &e), 0);
		len = (uint32_t)index_tar_len(ix) + i - 1;
		assert_int_equal(index_add_frame(ix, 0, &d, &e), -1);
		assert_int_equal(index_add_frame(ix, LIMIT_FRAME_BYTES + 1, &d, &e), -1);
		assert_int_equal(index_add_frame(ix, len, &d, &e), 0);
		assert_int_equal(index_finish(ix, &e), i == 1 ? 0 : -1);
		index_free(ix);
	}
}

static void
an_empty_index_is_refused(void **state)
{
	struct index *ix = index_new(NULL);
	struct err e;

	(void)state;
	assert_non_null(ix);
	assert_int_equal(index_finish(ix, &e), -1);
	assert_non_null(strstr(e.text, "no entry"));
	index_free(ix);
}

/* Change one field of the encoded sample and expect the reason. */
static void
expect_refusal(size_t at, const void *bytes, size_t len, const char *why)
{
	struct buf b = BUF_INIT;
	struct index *ix;
	struct err e;

	encode_sample(&b);
	memcpy(b.data + at, bytes, len);
	assert_int_equal(index_parse(buf_data(&b), buf_len(&b), &ix, &e), -1);
	if (strstr(e.text, why) == NULL)
		fail_msg("at %zu: %s", at, e.text);
	buf_clear(&b);
}

static void
each_field_has_its_check(void **state)
{
	size_t lens = 32 + N_SAMPLE, sizes = lens + 2 * N_SAMPLE, crcs = sizes + 8 * N_SAMPLE;
	size_t hashes = crcs + 4 * N_SAMPLE, paths = hashes + 32 * N_SAMPLE;

	(void)state;
	expect_refusal(0, "KBINDEX2", 8, "not an index");
	expect_refusal(8, "\xff\xff\xff\xff", 4, "counts say");
	expect_refusal(12, "\xff\xff\xff\xff", 4, "counts say");
	expect_refusal(16, "\xff\xff\xff\xff", 4, "counts say");
	expect_refusal(20, "\x01", 1, "to be zero");
	expect_refusal(24, "\x01", 1, "its entries make");
	expect_refusal(32, "\x03", 1, "unknown kind");
	expect_refusal(lens, "\xff\xff", 2, "end within entry 0");
	expect_refusal(sizes, "\x00\x00\x00\x00\x00\x00\x00\xff", 8, "1 TiB");
	expect_refusal(sizes, "\xff\xff", 2, "frames of the index");
	expect_refusal(crcs + 4, "\x01", 1, "has a checksum");
	expect_refusal(hashes + 32, "\x01", 1, "has a checksum");
	expect_refusal(paths, "RE/DME", 6, "no entry for the directory");
	expect_refusal(paths, "README\x00", 7, "control");
}

static void
a_walk_gives_the_tar_of_any_range(void **state)
{
	struct index *ix = make_sample();
	uint64_t len = index_tar_len(ix), random = 1;
	uint8_t *tar = malloc(len), *is_content = calloc(1, len);
	struct index_piece piece;
	struct index_walk w;
	size_t at = 0;

	(void)state;
	assert_true(tar != NULL && is_content != NULL);
	memset(tar, 0, len);
	for (size_t i = 0; i < N_SAMPLE; i++) {
		at += tar_head(tar + at, &sample[i]);
		memset(is_content + at, 1, sample[i].size);
		memset(tar + at, 'A' + (int)i, sample[i].size);
		at += sample[i].size + tar_padding(sample[i].size);
	}
	for (unsigned round = 0; round < 3000; round++) {
		uint64_t from, n, next;

		random = random * 6364136223846793005u + 1442695040888963407u;
		from = (random >> 20) % (len + 1);
		random = random * 6364136223846793005u + 1442695040888963407u;
		n = (random >> 20) % (round % 2 ? 3000 : len);
		if (n > len - from)
			n = len - from;
		if (round == 0) {
			from = 0;
			n = len;
		}
		next = from;
		index_walk_init(&w, ix, from, n);
		while (index_walk_next(&w, &piece)) {
			assert_true(
			    piece.off == next && piece.len > 0 && piece.len <= from + n - next);
			assert_int_equal(piece.bytes == NULL, is_content[next]);
			assert_int_equal(piece.bytes == NULL, is_content[next + piece.len - 1]);
			if (piece.bytes != NULL) {
				assert_memory_equal(piece.bytes, tar + next, piece.len);
			} else {
				assert_int_equal(tar[next], 'A' + (int)piece.entry);
				assert_true(piece.content_off == 0 ?
				    !is_content[next - 1] : is_content[next - 1]);
				assert_int_equal(piece.is_file_end, !is_content[next + piece.len]);
			}
			next += piece.len;
		}
		assert_true(next == from + n);
		assert_int_equal(index_check_structure(ix, from, tar + from, n, NULL), 0);
	}
	free(tar);
	free(is_content);
	index_free(ix);
}

static void
a_changed_header_is_named(void **state)
{
	struct index *ix = make_sample();
	uint64_t len = index_tar_len(ix);
	uint8_t *tar = calloc(1, len);
	size_t at = 0;
	struct err e;

	(void)state;
	assert_non_null(tar);
	for (size_t i = 0; i < N_SAMPLE; i++) {
		at += tar_head(tar + at, &sample[i]);
		at += sample[i].size + tar_padding(sample[i].size);
	}
	assert_int_equal(index_check_structure(ix, 0, tar, len, &e), 0);
	tar[600] = 1; /* README has 100 bytes: the content is nobody's business here */
	assert_int_equal(index_check_structure(ix, 0, tar, len, &e), 0);
	tar[612] = 1;
	assert_int_equal(index_check_structure(ix, 0, tar, len, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	assert_non_null(strstr(e.text, "README"));
	tar[612] = 0;
	tar[len - 1] = 1;
	assert_int_equal(index_check_structure(ix, 0, tar, len, &e), -1);
	assert_non_null(strstr(e.text, "end of the tar"));
	tar[len - 1] = 0;
	tar[1024 + 100] = '1';
	assert_int_equal(index_check_structure(ix, 0, tar, len, &e), -1);
	assert_non_null(strstr(e.text, "\"a/\""));
	free(tar);
	index_free(ix);
}

static void
places_in_the_tar_are_found(void **state)
{
	struct index *ix = make_sample();
	struct index_entry entry;
	struct index_frame frame;
	uint64_t off = 0;

	(void)state;
	for (uint32_t i = 0; i < index_n_frames(ix); i++) {
		index_frame(ix, i, &frame);
		assert_int_equal(frame.off, off);
		assert_int_equal(index_frame_at(ix, off), i);
		assert_int_equal(index_frame_at(ix, off + frame.len - 1), i);
		off += frame.len;
	}
	for (uint32_t i = 0; i < N_SAMPLE; i++) {
		uint32_t first, count;
		uint64_t end;

		index_entry(ix, i, &entry);
		end = entry.off + tar_entry_len(&entry.tar);
		assert_int_equal(index_entry_at(ix, entry.off), i);
		assert_int_equal(index_entry_at(ix, end - 1), i);
		index_frames_of(ix, i, &first, &count);
		assert_int_equal(first, index_frame_at(ix, entry.data_off));
		if (entry.tar.size == 0) {
			assert_int_equal(count, 0);
			continue;
		}
		assert_int_equal(first + count - 1,
		    index_frame_at(ix, entry.data_off + entry.tar.size - 1));
	}
	assert_int_equal(index_entry_at(ix, index_tar_len(ix) - TAR_END_BYTES), -1);
	index_free(ix);
}

static void
a_large_index_is_parsed_in_little_time_and_space(void **state)
{
	struct index *ix = index_new(NULL);
	struct buf b = BUF_INIT;
	struct digest d = { { 1 } };
	char path[40];
	struct err e;

	(void)state;
	assert_non_null(ix);
	for (uint32_t i = 0; i < 20000; i++) {
		struct tar_entry t = { TAR_FILE, path, 0, 50000 };

		t.path_len = (size_t)snprintf(path, sizeof(path), LAW "-%06u.txt", i);
		assert_int_equal(index_add_entry(ix, &t, &e), 0);
		index_set_content(ix, i, i, &d);
	}
	cover(ix, index_tar_len(ix));
	assert_int_equal(index_finish(ix, &e), 0);
	assert_int_equal(index_encode(ix, &b, &e), 0);
	index_free(ix);
	assert_int_equal(index_parse(buf_data(&b), buf_len(&b), &ix, &e), 0);
	assert_int_equal(index_find(ix, LAW "-012345.txt", 14), 12345);
	index_free(ix);
	buf_clear(&b);
}

/* Whichever allocation fails, the call says so and leaves nothing behind. */
static void
running_out_of_memory_is_an_ordinary_failure(void **state)
{
	struct buf b = BUF_INIT, again = BUF_INIT;
	struct index *ix = NULL;
	struct err e;
	long nth;

	(void)state;
	encode_sample(&b);
	for (nth = 1; ix == NULL; nth++) {
		int rc;

		fault_arm(FAULT_ALLOC, nth);
		rc = index_parse(buf_data(&b), buf_len(&b), &ix, &e);
		if (fault_disarm())
			assert_true(rc == -1 && ix == NULL && e.class == ERR_SYSTEM);
	}
	assert_true(nth > 8);
	fault_arm(FAULT_ALLOC, 1);
	assert_int_equal(index_encode(ix, &again, &e), -1);
	assert_true(fault_disarm());
	assert_int_equal(buf_len(&again), 0);
	index_free(ix);
	buf_clear(&b);
	buf_clear(&again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parsed_index_is_the_one_encoded),
		cmocka_unit_test(an_index_cut_anywhere_or_with_more_is_refused),
		cmocka_unit_test(an_index_with_flipped_bytes_means_what_it_says),
		cmocka_unit_test(entries_out_of_order_are_refused),
		cmocka_unit_test(frames_must_cover_the_tar),
		cmocka_unit_test(an_empty_index_is_refused),
		cmocka_unit_test(each_field_has_its_check),
		cmocka_unit_test(a_walk_gives_the_tar_of_any_range),
		cmocka_unit_test(a_changed_header_is_named),
		cmocka_unit_test(places_in_the_tar_are_found),
		cmocka_unit_test(a_large_index_is_parsed_in_little_time_and_space),
		cmocka_unit_test(running_out_of_memory_is_an_ordinary_failure),
	};

	return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
