/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte says what the others are.  0: a patch.  1: a recipe and stored groups, which are
 * packed as a patch, so that mutations reach what is behind zstd.  Whatever it is, it leads to the
 * release it names or is refused.  2: two releases; the patch between them leads from one
 * to the other.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "catalog/base/file.h"
#include "catalog/base/limits.h"
#include "catalog/repo/patch.h"
#include "catalog/repo/patch_own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FILES_MOST 40u
#define FRAME_BYTES 1500u

/* A release in memory. */
struct side {
	struct index *index;
	struct digest hash;
	struct buf tar;
};

struct sides {
	struct side from, to;
};

#define MUST(call) do { if ((call) != 0) abort(); } while (0)

static void
side_add(struct side *s, const char *path, const uint8_t *bytes, size_t len)
{
	struct tar_entry t = { .kind = TAR_FILE, .path = path, .path_len = strlen(path),
		.size = len };
	uint8_t head[TAR_HEAD_MAX];
	struct digest sha256;

	MUST(index_add_entry(s->index, &t, NULL));
	digest_of(&sha256, bytes, len);
	index_set_content(s->index, index_n_entries(s->index) - 1,
	    (uint32_t)crc32(0, bytes, (uInt)len), &sha256);
	MUST(buf_add(&s->tar, head, tar_head(head, &t), NULL));
	MUST(buf_add(&s->tar, bytes, len, NULL));
	MUST(buf_add(&s->tar, tar_zeros, tar_padding(len), NULL));
}

static void
side_finish(struct side *s)
{
	struct buf bytes = BUF_INIT;

	MUST(buf_add(&s->tar, tar_zeros, TAR_END_BYTES, NULL));
	for (size_t off = 0; off < buf_len(&s->tar); off += FRAME_BYTES) {
		size_t n = buf_len(&s->tar) - off;
		struct digest sha256;

		n = n < FRAME_BYTES ? n : FRAME_BYTES;
		digest_of(&sha256, s->tar.data + off, n);
		MUST(index_add_frame(s->index, (uint32_t)n, &sha256, NULL));
	}
	MUST(index_finish(s->index, NULL));
	MUST(index_encode(s->index, &bytes, NULL));
	digest_of(&s->hash, buf_data(&bytes), buf_len(&bytes));
	buf_clear(&bytes);
}

/* Files cut out of the bytes: each byte before one says how long it is. */
static void
side_make(struct side *s, const char *prefix, const uint8_t *p, size_t left)
{
	s->index = index_new(NULL);
	if (s->index == NULL)
		abort();
	for (unsigned i = 0; i < FILES_MOST && left > 0; i++) {
		size_t n = (size_t)*p++ * 16;
		char path[40];

		left--;
		n = n < left ? n : left;
		(void)snprintf(path, sizeof(path), "%02u%s", i, i % 5 == 0 ? "" : prefix);
		side_add(s, path, p, n);
		p += n;
		left -= n;
	}
	if (index_n_entries(s->index) == 0)
		side_add(s, "empty", (const uint8_t *)"", 0);
	side_finish(s);
}

static void
side_clear(struct side *s)
{
	index_free(s->index);
	buf_clear(&s->tar);
}

static int
read_frame(void *ctx, bool is_from, uint32_t frame, uint8_t *out, struct err *e)
{
	const struct sides *s = ctx;
	const struct side *side = is_from ? &s->from : &s->to;
	struct index_frame f;

	(void)e;
	index_frame(side->index, frame, &f);
	memcpy(out, side->tar.data + f.off, f.len);
	return 0;
}

static int
read_base(void *ctx, uint32_t entry, uint64_t off, void *out, size_t len, struct err *e)
{
	const struct sides *s = ctx;
	struct index_entry at;

	(void)e;
	index_entry(s->from.index, entry, &at);
	assert(off <= at.tar.size && len <= at.tar.size - off);
	memcpy(out, s->from.tar.data + at.data_off + off, len);
	return 0;
}

static bool
wants(void *ctx, uint32_t frame)
{
	(void)ctx;
	return frame % 3 != 1;
}

static int
give(void *ctx, uint32_t frame, const void *content, size_t len, struct err *e)
{
	const struct sides *s = ctx;
	struct index_frame f;

	(void)e;
	index_frame(s->to.index, frame, &f);
	assert(len == f.len && memcmp(s->to.tar.data + f.off, content, len) == 0);
	return 0;
}

static int
apply(struct sides *s, int fd)
{
	const struct patch_base base = { .index = s->from.index, .read = read_base, .ctx = s };
	const struct patch_ends ends = { s->from.hash, s->to.hash };
	const struct patch_sink sink = { .wants = wants, .give = give, .ctx = s };
	struct buf bytes = BUF_INIT;
	struct err e = { 0 };
	struct patch *p = NULL;
	int rc = -1;

	if (patch_open(fd, &base, &ends, &p, &e) == 0 && patch_index(p, &bytes, &e) == 0)
		rc = patch_frames(p, &sink, &e);
	assert(rc == 0 || (e.class == ERR_BAD_INPUT && e.text[0] != '\0'));
	patch_close(p);
	buf_clear(&bytes);
	return rc;
}

static int
memory_file(const void *bytes, size_t len)
{
	int fd = memfd_create("patch", MFD_CLOEXEC);

	if (fd == -1)
		abort();
	MUST(file_write_all(fd, bytes, len, NULL));
	return fd;
}

/* The base of the hostile ones: always the same. */
static void
fixed_sides(struct sides *s)
{
	uint8_t bytes[9000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * i / 7);
	bytes[0] = 100;
	side_make(&s->from, "old", bytes, sizeof(bytes));
	bytes[1000] ^= 1;
	side_make(&s->to, "new", bytes, sizeof(bytes));
}

/* Two bytes: how long the recipe is; the recipe; the groups as they are stored. */
static int
packed(const struct sides *s, const uint8_t *data, size_t len)
{
	size_t recipe_len = len < 2 ? 0 : buf_get_u16le(data), n;
	uint8_t stored[ZSTD_COMPRESSBOUND(UINT16_MAX)];
	struct buf b = BUF_INIT;
	int fd;

	data += len < 2 ? len : 2;
	len -= len < 2 ? len : 2;
	recipe_len = recipe_len < len ? recipe_len : len;
	n = ZSTD_compress(stored, sizeof(stored), data, recipe_len, 1);
	assert(!ZSTD_isError(n));
	MUST(buf_add(&b, PATCH_MAGIC, PATCH_MAGIC_BYTES, NULL));
	MUST(buf_add(&b, s->from.hash.bytes, DIGEST_LEN, NULL));
	MUST(buf_add(&b, s->to.hash.bytes, DIGEST_LEN, NULL));
	MUST(buf_add_u32le(&b, (uint32_t)n, NULL));
	MUST(buf_add_u32le(&b, (uint32_t)recipe_len, NULL));
	MUST(buf_add(&b, data + recipe_len, len - recipe_len, NULL));
	MUST(buf_add(&b, stored, n, NULL));
	fd = memory_file(buf_data(&b), buf_len(&b));
	buf_clear(&b);
	return fd;
}

static void
hostile(const uint8_t *data, size_t len, bool is_packed)
{
	struct sides s = { 0 };
	int fd;

	fixed_sides(&s);
	fd = is_packed ? packed(&s, data, len) : memory_file(data, len);
	(void)apply(&s, fd); /* either way is right */
	(void)close(fd);     /* nothing is kept */
	side_clear(&s.from);
	side_clear(&s.to);
}

static void
round_trip(const uint8_t *data, size_t len)
{
	struct patch_input in = { .read_frame = read_frame, .level = 1, .max_bytes = UINT64_MAX };
	struct patch_made made;
	struct sides s = { 0 };
	size_t half = len / 2;
	int fd = memory_file("", 0);

	side_make(&s.from, "old", data, half);
	side_make(&s.to, "new", data + half, len - half);
	in.from = s.from.index;
	in.to = s.to.index;
	in.ends = (struct patch_ends){ s.from.hash, s.to.hash };
	in.ctx = &s;
	if (patch_make(&in, fd, &made, NULL) != 1 || apply(&s, fd) != 0)
		abort();
	(void)close(fd); /* nothing is kept */
	side_clear(&s.from);
	side_clear(&s.to);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	if (data[0] % 3 == 2)
		round_trip(data + 1, len - 1);
	else
		hostile(data + 1, len - 1, data[0] % 3 == 1);
	return 0;
}
