/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the formats cost on one core, in memory: cutting, packing and unpacking of frames (of
 * noise, which media looks like, and of text), parsing a large index.  Processor time, so that a
 * busy machine disturbs little.  Prints `name value unit`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "catalog/repo/chunk.h"
#include "catalog/repo/frame.h"
#include "catalog/repo/index.h"

#define BYTES (64u << 20)
#define TEXT_BYTES (8u << 20)

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* cannot fail for this clock */
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
check(int rc, const char *what)
{
	if (rc == 0)
		return;
	fprintf(stderr, "frame_bench: %s failed\n", what);
	exit(1);
}

static void *
need(void *p)
{
	check(p == NULL ? -1 : 0, "memory");
	return p;
}

static void
fill_noise(uint8_t *p, size_t len)
{
	uint64_t x = 88172645463325252ull;

	for (size_t i = 0; i + 8 <= len; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(p + i, &x, 8);
	}
}

/* Words at random: compresses like a page of HTML. */
static void
fill_text(uint8_t *p, size_t len)
{
	static const char *const words[] = { "lawyer ", "court ", "trademark ", "<p>", "evidence ",
		"</p>\n", "of ", "the ", "securities ", "2026-", "foreign ", "rights ", "and ",
		    "a ",
		"licence ", "agreement " };
	uint32_t x = 1;
	size_t at = 0;

	while (at < len) {
		const char *word;
		size_t n;

		x = x * 1664525 + 1013904223;
		word = words[x >> 28];
		n = strlen(word);
		n = n < len - at ? n : len - at;
		memcpy(p + at, word, n);
		at += n;
		if ((x >> 20 & 7) == 0 && at < len)
			p[at++] = (uint8_t)('a' + (x >> 8) % 26);
	}
}

/* The length of the frame that begins at p, by the cutter that has come so far. */
static size_t
next_frame(struct chunk *c, const uint8_t *p, size_t left)
{
	bool cut;

	return chunk_data(c, p, left, &cut);
}

static void
bench_chunk(const uint8_t *p, size_t len)
{
	struct tar_entry t = { TAR_FILE, "x", 1, len };
	double best = 1e9;
	size_t n = 0;

	for (unsigned round = 0; round < 3; round++) {
		double begin = now();
		struct chunk c;

		chunk_init(&c);
		(void)chunk_entry(&c, &t); /* a large file: nothing to be cut before */
		n = 0;
		for (size_t off = 0; off < len; n++)
			off += next_frame(&c, p + off, len - off);
		best = now() - begin < best ? now() - begin : best;
	}
	printf("chunk.speed %.0f MB/s\n", len / best / 1e6);
	printf("chunk.average %zu B\n", len / n);
}

static void
bench_frames(const char *name, const uint8_t *p, size_t len)
{
	struct tar_entry t = { TAR_FILE, "x", 1, len };
	struct frame_coder *coder = need(frame_coder_new(NULL));
	uint8_t *stored = need(malloc(frame_bound(CHUNK_MAX))), *back = need(malloc(CHUNK_MAX));
	double packing = 0, unpacking = 0;
	size_t all_stored = 0;
	struct chunk c;

	chunk_init(&c);
	(void)chunk_entry(&c, &t); /* as above */
	for (size_t off = 0, n; off < len; off += n) {
		double begin = now(), between;
		size_t stored_len;

		n = next_frame(&c, p + off, len - off);
		check(frame_pack(coder, p + off, n, stored, &stored_len, NULL), "packing");
		between = now();
		check(frame_unpack(coder, stored, stored_len, back, n, NULL), "unpacking");
		packing += between - begin;
		unpacking += now() - between;
		all_stored += stored_len;
	}
	printf("frame.pack.%s %.1f MB/s\n", name, len / packing / 1e6);
	printf("frame.unpack.%s %.0f MB/s\n", name, len / unpacking / 1e6);
	printf("frame.stored.%s %.3f of content\n", name, (double)all_stored / len);
	frame_coder_free(coder);
	free(stored);
	free(back);
}

/* An index of n files with a Chinese name and two frames each. */
static void
bench_index(uint32_t n)
{
	struct index *ix = need(index_new(NULL));
	struct buf b = BUF_INIT;
	struct digest d = { { 1 } };
	char path[60];
	double begin;

	for (uint32_t i = 0; i < n; i++) {
		struct tar_entry t = { TAR_FILE, path, 0, 100000 };

		t.path_len = (size_t)snprintf(path, sizeof(path),
		    "\xe7\x9f\xa5\xe8\xaf\x86\xe4\xba\xa7\xe6\x9d\x83-%06u.pdf", i);
		check(index_add_entry(ix, &t, NULL), "making an index");
		index_set_content(ix, i, i, &d);
	}
	for (uint64_t left = index_tar_len(ix); left > 0;) {
		uint32_t len = left < 75000 ? (uint32_t)left : 75000;

		check(index_add_frame(ix, len, &d, NULL), "making an index");
		left -= len;
	}
	check(index_finish(ix, NULL), "making an index");
	check(index_encode(ix, &b, NULL), "encoding an index");
	index_free(ix);
	begin = now();
	check(index_parse(buf_data(&b), buf_len(&b), &ix, NULL), "parsing an index");
	printf("index.parse.%u_files %.3f s\n", n, now() - begin);
	printf("index.encoded.%u_files %zu B\n", n, buf_len(&b));
	index_free(ix);
	buf_clear(&b);
}

int
main(void)
{
	uint8_t *p = need(malloc(BYTES));

	fill_noise(p, BYTES);
	bench_chunk(p, BYTES);
	bench_frames("noise", p, BYTES);
	fill_text(p, TEXT_BYTES);
	bench_frames("text", p, TEXT_BYTES);
	free(p);
	bench_index(100000);
	return 0;
}
