/* SPDX-License-Identifier: Apache-2.0 */
/* Where the tar is cut: against the rule as the page says it, and what edits disturb. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/base/digest.h"
#include "catalog/repo/chunk.h"
#include "catalog/repo/chunk_gear.h"

#define SEED 20260101u

/* xorshift: the same bytes on every machine. */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

static uint8_t *
random_bytes(size_t len, uint64_t seed)
{
	uint64_t state = seed * 2654435761u + 1;
	uint8_t *p = malloc(len);

	assert_non_null(p);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(next_random(&state) >> 32);
	return p;
}

static void
the_table_is_made_as_the_page_says(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t text[13] = "kebao gear 1";
		struct digest d;
		uint64_t n = 0;

		text[12] = (uint8_t)i;
		digest_of(&d, text, sizeof(text));
		for (unsigned k = 0; k < 8; k++)
			n = n << 8 | d.bytes[k];
		assert_int_equal(chunk_gear[i], n);
	}
}

/* The rule, word by word and slowly: the length of the frame that begins at p. */
static size_t
frame_by_the_page(const uint8_t *p, size_t left)
{
	for (size_t n = 16384; n < left; n++) {
		uint64_t h = 0;

		if (n == 524288)
			return n;
		for (unsigned k = 0; k < 64; k++)
			h += chunk_gear[p[n - 1 - k]] << k;
		if (n < 65536 ? h >> 46 == 0 : h >> 50 == 0)
			return n;
	}
	return left;
}

/* Cut len bytes, fed in pieces of at most piece bytes; returns the number of frames. */
static size_t
cut_all(const uint8_t *p, size_t len, size_t piece, uint32_t *lens, size_t room)
{
	struct tar_entry t = { TAR_FILE, "f", 1, len };
	struct chunk c;
	size_t n = 0;
	uint32_t frame = 0;

	chunk_init(&c);
	assert_true(chunk_entry(&c, &t) & CHUNK_CUT_DATA);
	for (size_t off = 0; off < len;) {
		size_t give = len - off < piece ? len - off : piece;
		bool cut;
		size_t used = chunk_data(&c, p + off, give, &cut);

		assert_true(used > 0 && used <= give && (cut || used == give));
		frame += (uint32_t)used;
		off += used;
		if (cut || off == len) {
			assert_true(n < room);
			lens[n++] = frame;
			frame = 0;
		}
	}
	return n;
}

static void
data_is_cut_by_the_rule(void **state)
{
	size_t len = 6 << 20, off = 0, n;
	uint8_t *p = random_bytes(len, SEED);
	uint32_t lens[500];

	(void)state;
	memset(p + (1 << 20), 'x', 2 << 20); /* where no hash cuts, the longest frame does */
	n = cut_all(p, len, len, lens, 500);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(lens[i], frame_by_the_page(p + off, len - off));
		off += lens[i];
	}
	assert_int_equal(off, len);
	assert_true(n > 20);
	free(p);
}

static void
cuts_do_not_depend_on_how_bytes_arrive(void **state)
{
	static const size_t pieces[] = { 1, 2, 3, 63, 64, 65, 4096, 16319, 16320, 16321, 65535,
		65536, 524287, 524288, 524289 };
	size_t len = 3 << 20, n;
	uint8_t *p = random_bytes(len, SEED + 1);
	uint32_t want[300], got[300];

	(void)state;
	n = cut_all(p, len, len, want, 300);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		assert_int_equal(cut_all(p, len, pieces[i], got, 300), n);
		assert_memory_equal(want, got, n * sizeof(want[0]));
	}
	free(p);
}

static void
frames_are_about_as_long_as_meant(void **state)
{
	size_t len = 24 << 20, n;
	uint8_t *p = random_bytes(len, SEED + 2);
	uint32_t *lens = calloc(5000, sizeof(*lens));

	(void)state;
	n = cut_all(p, len, 1 << 20, lens, 5000);
	print_message("average frame of random data: %zu bytes\n", len / n);
	assert_in_range(len / n, 60000, 85000);
	for (size_t i = 0; i + 1 < n; i++)
		assert_in_range(lens[i], 16384, CHUNK_MAX);
	free(lens);
	free(p);
}

/* Frames of b that a has not, by content. */
static size_t
frames_lacking(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	static uint32_t a_lens[2000], b_lens[2000];
	size_t n_a = cut_all(a, a_len, a_len, a_lens, 2000), n_b, lacking = 0, off = 0;
	struct digest *known = calloc(n_a, sizeof(*known)), d;

	assert_non_null(known);
	n_b = cut_all(b, b_len, b_len, b_lens, 2000);
	for (size_t i = 0; i < n_a; i++) {
		digest_of(&known[i], a + off, a_lens[i]);
		off += a_lens[i];
	}
	off = 0;
	for (size_t i = 0; i < n_b; i++) {
		bool is_known = false;

		digest_of(&d, b + off, b_lens[i]);
		off += b_lens[i];
		for (size_t k = 0; k < n_a && !is_known; k++)
			is_known = digest_equal(&d, &known[k]);
		lacking += !is_known;
	}
	free(known);
	return lacking;
}

static void
an_edit_disturbs_few_frames(void **state)
{
	size_t len = 4 << 20, worst = 0, sum = 0;
	uint8_t *a = random_bytes(len, SEED + 3), *b = malloc(len + 1);
	uint64_t random = SEED;

	(void)state;
	assert_non_null(b);
	for (unsigned i = 0; i < 40; i++) {
		size_t at = next_random(&random) % len, lacking;

		/* Insert a byte, remove one, or change one, in turn. */
		memcpy(b, a, at);
		b[at] = (uint8_t)(a[at] + 1);
		if (i % 3 == 0) {
			memcpy(b + at + 1, a + at, len - at);
			lacking = frames_lacking(a, len, b, len + 1);
		} else if (i % 3 == 1) {
			memcpy(b + at, a + at + 1, len - at - 1);
			lacking = frames_lacking(a, len, b, len - 1);
		} else {
			memcpy(b + at + 1, a + at + 1, len - at - 1);
			lacking = frames_lacking(a, len, b, len);
		}
		assert_true(lacking >= 1);
		worst = lacking > worst ? lacking : worst;
		sum += lacking;
	}
	print_message("one-byte edits of %zu MiB: %.2f new frames on average, at most %zu\n",
	    len >> 20, (double)sum / 40, worst);
	assert_true(sum <= 40 * 3 && worst <= 12);
	free(a);
	free(b);
}

/* A renamed or moved folder costs groups, and no frame of a large file. */
static void
a_large_file_is_cut_the_same_wherever_it_lies(void **state)
{
	static const char *const paths[] = { "a", "renamed/to/something/else", "\xe6\xb3\x95" };
	size_t len = 2 << 20, n;
	uint8_t *p = random_bytes(len, SEED + 4);
	uint32_t want[200];
	bool cut;

	(void)state;
	n = cut_all(p, len, len, want, 200);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct tar_entry t = { TAR_FILE, paths[i], strlen(paths[i]), len };
		struct tar_entry before = { TAR_FILE, "-", 1, 100 + 20000 * i };
		struct chunk c;
		size_t off = 0;

		chunk_init(&c);
		/* another large file, begun and left */
		if (chunk_entry(&c, &before) & CHUNK_CUT_DATA)
			assert_int_equal(chunk_data(&c, p, 20000, &cut), 20000);
		assert_true(chunk_entry(&c, &t) & CHUNK_CUT_DATA);
		for (size_t k = 0; k < n; k++) {
			assert_int_equal(chunk_data(&c, p + off, len - off, &cut), want[k]);
			off += want[k];
		}
	}
	free(p);
}

/* Groups: sizes of the group frames over n small files, by the rule of the header. */
struct group_walk {
	struct chunk c;
	uint64_t frame;
	uint64_t lens[4000];
	size_t n;
};

static void
end_frame(struct group_walk *w)
{
	if (w->frame == 0)
		return;
	assert_true(w->n < 4000 && w->frame <= CHUNK_MAX);
	w->lens[w->n++] = w->frame;
	w->frame = 0;
}

static void
add_entry(struct group_walk *w, const char *path, uint64_t size)
{
	struct tar_entry t = { TAR_FILE, path, strlen(path), size };
	unsigned cuts = chunk_entry(&w->c, &t);

	if (cuts & CHUNK_CUT_BEFORE)
		end_frame(w);
	if (cuts & CHUNK_CUT_DATA) {
		w->frame += tar_head_len(&t);
		end_frame(w);
		w->frame = tar_padding(size);
	} else {
		w->frame += tar_entry_len(&t);
	}
	if (cuts & CHUNK_CUT_AFTER)
		end_frame(w);
}

static void
finish(struct group_walk *w)
{
	if (chunk_end(&w->c))
		end_frame(w);
	w->frame += TAR_END_BYTES;
	end_frame(w);
}

/* The rule for groups, word by word, over files of the given sizes. */
static size_t
groups_by_the_page(char (*paths)[16], const uint64_t *sizes, size_t n, uint64_t *lens)
{
	uint64_t g = 0;
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t unit = 512 + (sizes[i] + 511) / 512 * 512, s = (unit + 4095) / 4096 * 4096;
		struct digest d;
		uint64_t number = 0;

		if (g > 0 && g + unit > 524288) {
			lens[out++] = g;
			g = 0;
		}
		g += unit;
		digest_of(&d, paths[i], strlen(paths[i]));
		for (unsigned k = 0; k < 4; k++)
			number = number << 8 | d.bytes[k];
		if (g >= 65536 && number < s * 16384) {
			lens[out++] = g;
			g = 0;
		}
	}
	if (g > 0 && g + 1024 > 524288) {
		lens[out++] = g;
		g = 0;
	}
	lens[out++] = g + 1024;
	return out;
}

static void
small_files_are_grouped_by_the_rule(void **state)
{
	static struct group_walk w;
	static char paths[3000][16];
	static uint64_t sizes[3000], want[4000];
	uint64_t random = SEED;
	size_t n;

	(void)state;
	for (size_t n_files = 1; n_files <= 3000; n_files += n_files < 100 ? 1 : 483) {
		memset(&w, 0, sizeof(w));
		chunk_init(&w.c);
		for (size_t i = 0; i < n_files; i++) {
			(void)snprintf(paths[i], sizeof(paths[i]), "f%06zu", i);
			sizes[i] = next_random(&random) % 16384;
			add_entry(&w, paths[i], sizes[i]);
		}
		finish(&w);
		n = groups_by_the_page(paths, sizes, n_files, want);
		assert_int_equal(w.n, n);
		assert_memory_equal(w.lens, want, n * sizeof(want[0]));
	}
}

static void
a_new_small_file_disturbs_its_group_only(void **state)
{
	static struct group_walk a, b;
	char path[16];
	size_t same = 0;

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	chunk_init(&a.c);
	chunk_init(&b.c);
	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(path, sizeof(path), "f%06u", i);
		add_entry(&a, path, 5000 + i);
		add_entry(&b, path, 5000 + i);
		if (i == 1500)
			add_entry(&b, "f001500x", 3000);
	}
	finish(&a);
	finish(&b);
	/* The same frames from the front and from the end, but for a few in the middle. */
	while (same < a.n && same < b.n && a.lens[same] == b.lens[same])
		same++;
	for (size_t i = 1; i <= a.n && i <= b.n && a.lens[a.n - i] == b.lens[b.n - i]; i++)
		same++;
	assert_true(a.n > 20);
	assert_true(same + 3 >= a.n);
}

static void
large_files_stand_alone(void **state)
{
	static struct group_walk w;
	struct tar_entry t = { TAR_FILE, "x", 1, CHUNK_LARGE - 1 };

	(void)state;
	memset(&w, 0, sizeof(w));
	chunk_init(&w.c);
	assert_int_equal(chunk_entry(&w.c, &t) & CHUNK_CUT_DATA, 0);
	chunk_init(&w.c);
	add_entry(&w, "a", 100);
	add_entry(&w, "b", CHUNK_LARGE);
	add_entry(&w, "c", CHUNK_LARGE + 1);
	add_entry(&w, "d", 512);
	finish(&w);
	assert_int_equal(w.n, 3);
	assert_int_equal(w.lens[0], 1024 + 512);
	assert_int_equal(w.lens[1], 512);
	assert_int_equal(w.lens[2], 511 + 1024 + 1024);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_made_as_the_page_says),
		cmocka_unit_test(data_is_cut_by_the_rule),
		cmocka_unit_test(cuts_do_not_depend_on_how_bytes_arrive),
		cmocka_unit_test(frames_are_about_as_long_as_meant),
		cmocka_unit_test(an_edit_disturbs_few_frames),
		cmocka_unit_test(a_large_file_is_cut_the_same_wherever_it_lies),
		cmocka_unit_test(small_files_are_grouped_by_the_rule),
		cmocka_unit_test(a_new_small_file_disturbs_its_group_only),
		cmocka_unit_test(large_files_stand_alone),
	};

	return cmocka_run_group_tests_name("chunk", tests, NULL, NULL);
}
