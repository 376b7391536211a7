/* SPDX-License-Identifier: Apache-2.0 */
/* A release in a repository as a stream, whole and in ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/repo/hint.h"
#include "tests/unit/fault.h"
#include "tests/unit/judge.h"
#include "tests/unit/release.h"
#include "tests/unit/skip.h"

static struct top top;
static struct store *store;
static struct release release;

static int
set_up(void **state)
{
	struct err e = { 0 };
	int folder;

	(void)state;
	fault_pretend_sync(true);
	top_open(&top);
	folder = open_dir(top.dirfd, "folder");
	put_course(folder);
	OK(store_open(top.dirfd, "repo", STORE_WRITE, &store, &e));
	release_make(&release, folder, store, top.dirfd, 300000);
	close(folder);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	release_clear(&release);
	store_close(store);
	top_close(&top);
	return 0;
}

static void
the_tar_is_the_same_in_reads_of_any_size(void **state)
{
	static const size_t rooms[] = { 1000, 4096, 65536, 99999, 1 << 20, 4 << 20 };
	struct stream_source src = release_source(&release, store);
	uint8_t *whole = release_tar(&release, store), *part = malloc(4 << 20);
	struct digest sum;

	(void)state;
	assert_non_null(part);
	digest_of(&sum, whole, release.tar_len);
	assert_true(digest_equal(&sum, &release.tar_sha256));
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		struct err e = { 0 };
		struct stream *s;
		uint64_t at = 0;
		size_t n;

		OK(stream_tar_new(&src, &s, &e));
		do {
			OK(stream_read(s, part, rooms[i], &n, &e));
			assert_true(n <= rooms[i] && n <= release.tar_len - at);
			assert_memory_equal(part, whole + at, n);
			at += n;
		} while (n > 0);
		assert_int_equal(at, release.tar_len);
		OK(stream_read(s, part, rooms[i], &n, &e));
		assert_int_equal(n, 0);
		stream_free(s);
	}
	free(part);
	free(whole);
}

static void
read_range(uint64_t off, uint64_t len, size_t room, uint8_t *out)
{
	struct stream_source src = release_source(&release, store);
	struct err e = { 0 };
	struct stream *s;
	uint64_t at = 0;
	size_t n;

	OK(stream_stored_new(&src, release.stored_lens, off, len, &s, &e));
	do {
		size_t left = (size_t)(len - at);

		OK(stream_read(s, out + at, left < room && left > 0 ? left : room, &n, &e));
		assert_true(n <= len - at);
		at += n;
	} while (n > 0);
	assert_int_equal(at, len);
	stream_free(s);
}

static void
any_range_of_the_stored_frames_is_a_piece_of_the_whole(void **state)
{
	uint64_t total = stream_stored_len(release.stored_lens, index_n_frames(release.index));
	uint8_t *whole = malloc(total), *part = malloc(total);
	uint64_t x = 7, border = 0;

	(void)state;
	assert_true(whole != NULL && part != NULL);
	read_range(0, total, SIZE_MAX / 2, whole);
	read_range(0, total, 777, part);
	assert_memory_equal(part, whole, total);
	read_range(total, 0, 10, part);
	for (uint32_t i = 0; i < index_n_frames(release.index); i++) {
		uint64_t off = border == 0 ? 0 : border - 1;

		read_range(off, 3, 2, part);
		assert_memory_equal(part, whole + off, 3);
		read_range(border, release.stored_lens[i], 1 << 20, part);
		assert_memory_equal(part, whole + border, release.stored_lens[i]);
		border += release.stored_lens[i];
	}
	for (int i = 0; i < 300; i++) {
		uint64_t off, len;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		off = (x >> 33) % total;
		len = (x >> 20) % (total - off) + 1;
		read_range(off, len, (size_t)(x % 300000) + 1, part);
		assert_memory_equal(part, whole + off, len);
	}
	free(part);
	free(whole);
}

static void
a_range_beyond_the_end_is_refused(void **state)
{
	struct stream_source src = release_source(&release, store);
	uint64_t total = stream_stored_len(release.stored_lens, index_n_frames(release.index));
	struct err e = { 0 };
	struct stream *s;

	(void)state;
	assert_int_equal(stream_stored_new(&src, release.stored_lens, total, 1, &s, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_int_equal(stream_stored_new(&src, release.stored_lens, 1, UINT64_MAX, &s, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
}

/* zstd itself reads the stored view and finds the tar. */
static void
the_stored_frames_are_the_tar_for_zstd(void **state)
{
	uint64_t total = stream_stored_len(release.stored_lens, index_n_frames(release.index));
	uint8_t *whole = malloc(total), *tar = release_tar(&release, store);
	char view[100], out[100];
	struct buf got = BUF_INIT;
	struct err e = { 0 };
	int rc;

	(void)state;
	assert_non_null(whole);
	read_range(0, total, 100000, whole);
	put_bytes(top.dirfd, "view.tar.zst", whole, total);
	(void)snprintf(view, sizeof(view), "%s/view.tar.zst", top.path);
	(void)snprintf(out, sizeof(out), "%s/view.tar", top.path);
	rc = judge_run((char *[]){ (char[]) { "zstd" }, (char[]) { "-dcq" }, view, NULL }, out);
	if (rc != JUDGE_ABSENT) {
		assert_int_equal(rc, 0);
		OK(file_load(top.dirfd, "view.tar", release.tar_len, &got, &e));
		assert_int_equal(buf_len(&got), release.tar_len);
		assert_memory_equal(buf_data(&got), tar, release.tar_len);
	}
	buf_clear(&got);
	free(tar);
	free(whole);
	if (rc == JUDGE_ABSENT)
		SKIP("zstd is not installed");
}

static void
the_etag_hangs_on_hashes_and_lengths(void **state)
{
	struct digest hashes[2] = { { { 1 } }, { { 2 } } };
	uint32_t lens[2] = { 0x01020304, 5 };
	static const uint8_t want_of[72] = { [0] = 1, [32] = 4, 3, 2, 1, [36] = 2, [68] = 5 };
	char etag[STREAM_ETAG_SIZE], want[STREAM_ETAG_SIZE], hex[DIGEST_HEX_LEN + 1];
	struct digest sum;
	struct err e = { 0 };

	(void)state;
	digest_of(&sum, want_of, sizeof(want_of));
	digest_hex(hex, &sum);
	(void)snprintf(want, sizeof(want), "\"z-%.32s\"", hex);
	OK(stream_etag(etag, hashes, lens, 2, &e));
	assert_string_equal(etag, want);
	lens[1] = 6;
	OK(stream_etag(etag, hashes, lens, 2, &e));
	assert_string_not_equal(etag, want);
}

static int
lying_find(void *ctx, uint32_t frame, const struct digest *content, struct stream_place *out,
    struct err *e)
{
	struct release *r = ctx;

	(void)content;
	(void)e;
	*out = r->places[frame == 3 ? 5 : frame];
	return 0;
}

static int
far_find(void *ctx, uint32_t frame, const struct digest *content, struct stream_place *out,
    struct err *e)
{
	OK(release_find(ctx, frame, content, out, e));
	out->off += UINT64_MAX - 20;
	return 0;
}

static int
gone_find(void *ctx, uint32_t frame, const struct digest *content, struct stream_place *out,
    struct err *e)
{
	OK(release_find(ctx, frame, content, out, e));
	if (frame == 2)
		memset(&out->pack, 0xab, sizeof(out->pack));
	return 0;
}

static enum err_class
read_until_it_fails(stream_find_fn *find, char *text, size_t size)
{
	struct stream_source src = release_source(&release, store);
	uint8_t *room = malloc(1 << 20);
	struct err e = { 0 };
	struct stream *s;
	size_t n = 1;
	int rc = 0;

	assert_non_null(room);
	src.find = find;
	OK(stream_tar_new(&src, &s, &e));
	while (rc == 0 && n > 0)
		rc = stream_read(s, room, 1 << 20, &n, &e);
	assert_int_equal(rc, -1);
	(void)snprintf(text, size, "%s", e.text);
	assert_int_equal(stream_read(s, room, 1 << 20, &n, NULL), -1);
	stream_free(s);
	free(room);
	return e.class;
}

static void
a_lie_about_places_is_noticed(void **state)
{
	char text[400];

	(void)state;
	assert_int_equal(read_until_it_fails(lying_find, text, sizeof(text)), ERR_UNTRUSTED);
	assert_non_null(strstr(text, "frame 3"));
	assert_int_equal(read_until_it_fails(far_find, text, sizeof(text)), ERR_UNTRUSTED);
	assert_non_null(strstr(text, "frame 0"));
	assert_int_equal(read_until_it_fails(gone_find, text, sizeof(text)), ERR_NOT_FOUND);
	assert_non_null(strstr(text, "frame 2"));
}

static void
other_stored_lengths_do_not_mix(void **state)
{
	struct stream_source src = release_source(&release, store);
	uint32_t *lens = malloc(index_n_frames(release.index) * sizeof(*lens));
	uint8_t room[100];
	struct err e = { 0 };
	struct stream *s;
	size_t n;

	(void)state;
	assert_non_null(lens);
	memcpy(lens, release.stored_lens, index_n_frames(release.index) * sizeof(*lens));
	lens[0]++;
	OK(stream_stored_new(&src, lens, 0, 50, &s, &e));
	assert_int_equal(stream_read(s, room, sizeof(room), &n, &e), -1);
	assert_int_equal(e.class, ERR_UNTRUSTED);
	stream_free(s);
	free(lens);
}

static void
a_hint_leads_to_the_frames(void **state)
{
	uint32_t n = index_n_frames(release.index);
	struct hint_place *places = calloc(n, sizeof(*places));
	struct digest *packs = calloc(release.packs.n_packs, sizeof(*packs));
	struct hint_input in = { .index = &release.tar_sha256, /* any hash will do */
		.packs = packs,
		.n_packs = (uint32_t)release.packs.n_packs,
		.places = places,
		.n_frames = n };
	struct err e = { 0 };
	struct hint *hint;

	(void)state;
	assert_true(places != NULL && packs != NULL);
	for (uint32_t p = 0; p < in.n_packs; p++)
		packs[p] = release.packs.packs[p].sha256;
	for (uint32_t i = 0; i < n; i++) {
		places[i].off = release.places[i].off;
		places[i].stored_len = release.places[i].stored_len;
		while (!digest_equal(&packs[places[i].pack], &release.places[i].pack))
			places[i].pack++;
	}
	OK(hint_new(&in, &hint, &e));
	for (uint32_t i = 0; i < n; i++) {
		struct stream_place place;

		OK(stream_find_in_hint(hint, i, NULL, &place, &e));
		assert_true(digest_equal(&place.pack, &release.places[i].pack));
		assert_int_equal(place.off, release.places[i].off);
		assert_int_equal(place.stored_len, release.places[i].stored_len);
	}
	assert_int_equal(stream_find_in_hint(hint, n, NULL, NULL, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	hint_free(hint);
	free(places);
	free(packs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tar_is_the_same_in_reads_of_any_size),
		cmocka_unit_test(any_range_of_the_stored_frames_is_a_piece_of_the_whole),
		cmocka_unit_test(a_range_beyond_the_end_is_refused),
		cmocka_unit_test(the_stored_frames_are_the_tar_for_zstd),
		cmocka_unit_test(the_etag_hangs_on_hashes_and_lengths),
		cmocka_unit_test(a_lie_about_places_is_noticed),
		cmocka_unit_test(other_stored_lengths_do_not_mix),
		cmocka_unit_test(a_hint_leads_to_the_frames),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
