/* SPDX-License-Identifier: Apache-2.0 */
/* Patches: made between folders, applied, and hostile ones refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#include "catalog/base/limits.h"
#include "catalog/repo/patch.h"
#include "catalog/repo/patch_copies.h"
#include "catalog/repo/patch_own.h"
#include "catalog/repo/treedir.h"
#include "tests/unit/fault.h"
#include "tests/unit/release.h"

/* A folder as a release: its index, and frames read out of its files. */
struct side {
	int dirfd;
	struct index *index;
	struct buf encoded;
	struct digest hash;
	struct treedir dir;
};

struct story {
	struct top top;
	struct side from, to;
	int fd; /* of the patch */
	struct patch_made made;
	size_t n_given; /* frames that came out */
	bool lies;      /* the base gives other bytes than it should */
};

static void
side_open(struct side *s, int dirfd)
{
	struct build_options opt = { .n_threads = 2 };
	struct build_result result;
	struct build *b;

	OK(build_scan(dirfd, &opt, &b, NULL));
	OK(build_index(b, &result, NULL));
	build_free(b);
	s->dirfd = dirfd;
	s->index = result.index;
	OK(index_encode(s->index, &s->encoded, NULL));
	digest_of(&s->hash, buf_data(&s->encoded), buf_len(&s->encoded));
	treedir_init(&s->dir, dirfd, s->index);
}

static void
side_close(struct side *s)
{
	if (s->index == NULL)
		return;
	treedir_clear(&s->dir);
	index_free(s->index);
	buf_clear(&s->encoded);
	close(s->dirfd);
}

static int
read_frame(void *ctx, bool is_from, uint32_t frame, uint8_t *out, struct err *e)
{
	struct story *s = ctx;

	if (!treedir_read_frame(is_from ? &s->from.dir : &s->to.dir, frame, out))
		return err_set(e, ERR_SYSTEM, "frame %u cannot be read", (unsigned)frame);
	return 0;
}

static int
read_base(void *ctx, uint32_t entry, uint64_t off, void *out, size_t len, struct err *e)
{
	struct story *s = ctx;
	int fd = treedir_file(&s->from.dir, entry);

	if (fd == -1 || file_pread_all(fd, out, len, off, e) == -1)
		return err_set(e, ERR_NOT_FOUND, "the file is gone");
	if (s->lies && len > 0)
		((uint8_t *)out)[len / 2] ^= 1;
	return 0;
}

static bool
wants(void *ctx, uint32_t frame)
{
	(void)ctx;
	(void)frame;
	return true;
}

static int
give(void *ctx, uint32_t frame, const void *content, size_t len, struct err *e)
{
	struct story *s = ctx;
	struct index_frame f;
	struct digest sum;

	(void)e;
	index_frame(s->to.index, frame, &f);
	assert_int_equal(f.len, len);
	digest_of(&sum, content, len);
	assert_true(digest_equal(&sum, f.sha256));
	s->n_given++;
	return 0;
}

static struct patch_input
input(struct story *s)
{
	return (struct patch_input){ .from = s->from.index, .to = s->to.index,
		.ends = { s->from.hash, s->to.hash }, .read_frame = read_frame, .ctx = s,
		.level = 9, .max_bytes = UINT64_MAX };
}

static int
make(struct story *s, const struct patch_input *in, struct err *e)
{
	OK(ftruncate(s->fd, 0));
	assert_int_equal(lseek(s->fd, 0, SEEK_SET), 0);
	return patch_make(in, s->fd, &s->made, e);
}

/* Apply what is in s->fd.  0: it led to the release, every frame as it should be. */
static int
apply(struct story *s, struct err *e)
{
	const struct patch_base base = { .index = s->from.index, .read = read_base, .ctx = s };
	const struct patch_ends ends = { s->from.hash, s->to.hash };
	const struct patch_sink sink = { .wants = wants, .give = give, .ctx = s };
	struct buf bytes = BUF_INIT;
	struct patch *p = NULL;
	int rc = -1;

	s->n_given = 0;
	if (patch_open(s->fd, &base, &ends, &p, e) == 0 && patch_index(p, &bytes, e) == 0) {
		assert_int_equal(buf_len(&bytes), buf_len(&s->to.encoded));
		assert_memory_equal(buf_data(&bytes), buf_data(&s->to.encoded), buf_len(&bytes));
		rc = patch_frames(p, &sink, e);
	}
	patch_close(p);
	buf_clear(&bytes);
	return rc;
}

/* Text that compresses, the same at every run. */
static void
put_prose(int dirfd, const char *path, size_t len, uint64_t seed, const char *edit)
{
	char *text = malloc(len + 64);
	size_t at = 0;

	assert_non_null(text);
	for (uint64_t i = seed * 1000003; at < len;
	    i = i * 6364136223846793005ull + 1442695040888963407ull)
		at += (size_t)snprintf(text + at, 32, "%c%llx ", 'a' + (int)(i >> 60),
		    (unsigned long long)(i >> 40 & 0xffff));
	if (edit != NULL)
		memcpy(text + len / 2, edit, strlen(edit));
	put_bytes(dirfd, path, text, len);
	free(text);
}

static void
story_open(struct story *s)
{
	memset(s, 0, sizeof(*s));
	top_open(&s->top);
	s->fd = openat(s->top.dirfd, "patch", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_not_equal(s->fd, -1);
}

static void
story_index(struct story *s, bool from_nothing)
{
	if (!from_nothing)
		side_open(&s->from, open_dir(s->top.dirfd, "from"));
	side_open(&s->to, open_dir(s->top.dirfd, "to"));
}

static void
story_close(struct story *s)
{
	side_close(&s->from);
	side_close(&s->to);
	close(s->fd);
	top_close(&s->top);
}

/* Edits, moves, twins, additions, removals, modes, empty files and folders: all there is. */
static void
put_everything(struct story *s)
{
	int from = open_dir(s->top.dirfd, "from"), to = open_dir(s->top.dirfd, "to");
	char name[80], moved[80];

	put_course(from);
	put_course(to);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "unit %02d/text.md", i);
		(void)snprintf(moved, sizeof(moved), "%s %02d/text.md", i < 20 ? "unit" : "part",
		    i);
		put_prose(from, name, 3000, (uint64_t)i, NULL);
		put_prose(to, moved, 3000, (uint64_t)i, i % 9 == 0 ? "CHANGED" : NULL);
	}
	put_prose(from, "large.txt", 300000, 5, NULL);
	put_prose(to, "large.txt", 300000, 5, "one word");
	put_prose(from, "goes.txt", 50000, 6, NULL);
	put_prose(to, "new/first.txt", 40000, 7, NULL);
	put_prose(to, "new/second.txt", 40000, 7, NULL);
	put_text(to, "new/empty", "");
	put_text(to, "run.sh", "#!/bin/sh\n");
	put_random(to, "video/other.mp4", 310000, 80);
	put_random(to, "video/large.mp4", 900001, 79);
	close(from);
	close(to);
}

static void
a_patch_leads_to_the_release(void **state)
{
	struct story s;
	struct err e = { 0 };
	struct patch_input in;

	(void)state;
	story_open(&s);
	put_everything(&s);
	story_index(&s, false);
	in = input(&s);
	assert_int_equal(make(&s, &in, &e), 1);
	if (apply(&s, &e) != 0)
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
	put_everything(&s);
	story_index(&s, true);
	in = input(&s);
	assert_int_equal(make(&s, &in, &e), 1);
	if (apply(&s, &e) != 0)
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
	in = input(&s);
	assert_int_equal(make(&s, &in, &e), 1);
	assert_int_equal(s.made.content_bytes, 0);
	assert_true(s.made.len < 500);
	OK(apply(&s, &e));
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
	in = input(&s);
	assert_int_equal(make(&s, &in, &e), 1);
	assert_true(s.made.content_bytes > n - STEP); /* the last few bytes are a frame */
	assert_true(s.made.len < LEN / STEP * 3 / 2); /* of eight bytes put in, counted up */
	OK(apply(&s, &e));
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
	put_everything(&s);
	story_index(&s, false);
	in = input(&s);
	assert_int_equal(make(&s, &in, &e), 1);
	len = s.made.len;
	in.max_bytes = len;
	assert_int_equal(make(&s, &in, &e), 1);
	in.max_bytes = len - 1;
	assert_int_equal(make(&s, &in, &e), 0);
	in.max_bytes = 500;
	assert_int_equal(make(&s, &in, &e), 0);
	in.cancel = &cancel;
	assert_int_equal(make(&s, &in, &e), -1);
	assert_int_equal(e.class, ERR_BUSY);
	story_close(&s);
}

/* --- hostile ones --- */

static void
refused(struct story *s)
{
	struct err e = { 0 };

	assert_int_equal(apply(s, &e), -1);
	if (e.class != ERR_BAD_INPUT)
		fail_msg("class %d: %s", (int)e.class, e.text);
	assert_true(e.text[0] != '\0');
}

static struct buf
slurp(const struct story *s)
{
	struct buf b = BUF_INIT;

	OK(file_load(s->top.dirfd, "patch", 64u << 20, &b, NULL));
	return b;
}

static void
rewrite(struct story *s, const void *bytes, size_t len)
{
	OK(ftruncate(s->fd, 0));
	OK(file_pwrite_all(s->fd, bytes, len, 0, NULL));
}

static void
put_small(struct story *s)
{
	int from = open_dir(s->top.dirfd, "from"), to = open_dir(s->top.dirfd, "to");

	put_prose(from, "a/one.txt", 3000, 1, NULL);
	put_prose(to, "a/one.txt", 3000, 1, "EDIT");
	put_prose(from, "a/two.txt", 2000, 2, NULL);
	put_prose(to, "b/two.txt", 2000, 2, NULL);
	put_prose(from, "big.txt", 120000, 3, NULL);
	put_prose(to, "big.txt", 120000, 3, "EDIT");
	put_text(to, "c", "twin of no large size");
	put_text(to, "d", "twin of no large size");
	close(from);
	close(to);
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
	put_small(&s);
	story_index(&s, false);
	in = input(&s);
	assert_int_equal(make(&s, &in, NULL), 1);
	good = slurp(&s);
	for (size_t i = 0; i < buf_len(&good); i++) {
		struct err e = { 0 };
		uint8_t wrong = good.data[i] ^ (uint8_t)(1u << (i % 8));

		OK(file_pwrite_all(s.fd, &wrong, 1, i, NULL));
		if (apply(&s, &e) == -1)
			assert_int_equal(e.class, ERR_BAD_INPUT);
		OK(file_pwrite_all(s.fd, good.data + i, 1, i, NULL));
	}
	OK(apply(&s, NULL));
	for (size_t i = 0; i < buf_len(&good); i += 1 + i / 16) {
		OK(ftruncate(s.fd, (off_t)i));
		refused(&s);
		rewrite(&s, buf_data(&good), buf_len(&good));
	}
	OK(buf_add(&good, "x", 1, NULL));
	rewrite(&s, buf_data(&good), buf_len(&good));
	refused(&s);
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
	put_small(&s);
	story_index(&s, false);
	in = input(&s);
	assert_int_equal(make(&s, &in, NULL), 1);
	s.lies = true;
	refused(&s);
	s.lies = false;
	OK(apply(&s, NULL));
	OK(unlinkat(s.from.dirfd, "big.txt", 0));
	treedir_forget(&s.from.dir);
	refused(&s);
	story_close(&s);
}

static void
a_patch_between_other_releases_is_refused(void **state)
{
	struct patch_input in;
	struct story s;

	(void)state;
	story_open(&s);
	put_small(&s);
	story_index(&s, false);
	in = input(&s);
	in.ends.from.bytes[0] ^= 1;
	assert_int_equal(make(&s, &in, NULL), 1);
	refused(&s);
	in = input(&s);
	in.ends.to.bytes[31] ^= 1;
	assert_int_equal(make(&s, &in, NULL), 1);
	refused(&s);
	story_close(&s);
}

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
	rewrite(s, buf_data(&b), buf_len(&b));
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
	put_small(&s);
	story_index(&s, false);
	one_file(&recipe, FILE_BYTES, FILE_BYTES, n);
	craft(&s, &recipe, bomb, n);
	refused(&s);
	buf_clear(&recipe);
	one_file(&recipe, BOMB, BOMB, n); /* more than a group may hold */
	craft(&s, &recipe, bomb, n);
	refused(&s);
	buf_clear(&recipe);
	one_file(&recipe, 1ull << 39, FILE_BYTES, n); /* and frames without end */
	craft(&s, &recipe, bomb, n);
	refused(&s);
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
	put_small(&s);
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
	put_small(&s);
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
	put_small(&s);
	story_index(&s, false);
	in = input(&s);
	assert_int_equal(make(&s, &in, NULL), 1);
	OK(patch_leads_to(s.fd, &to, &e));
	OK(file_pwrite_all(s.fd, "KBPATCH2", 8, 0, NULL));
	refused(&s);
	assert_int_equal(patch_leads_to(s.fd, &to, &e), -1);
	assert_int_equal(e.class, ERR_BAD_INPUT);
	assert_string_equal(e.text, "not a patch of format 3");
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
	put_everything(&s);
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

/* --- no memory --- */

static void
every_allocation_may_fail(void **state)
{
	struct patch_input in;
	struct story s;
	struct err e;
	int rc;

	(void)state;
	story_open(&s);
	put_small(&s);
	story_index(&s, false);
	in = input(&s);
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
		rc = apply(&s, &e);
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
		cmocka_unit_test(a_bomb_is_refused_before_it_goes_off),
		cmocka_unit_test(recipes_that_cannot_be_are_refused),
		cmocka_unit_test(copies_that_cannot_be_are_refused),
		cmocka_unit_test(a_patch_of_the_format_before_is_refused),
		cmocka_unit_test(copies_and_the_rest_are_the_content),
		cmocka_unit_test(columns_become_rows_again),
		cmocka_unit_test(a_recipe_survives_its_encoding),
		cmocka_unit_test(every_allocation_may_fail),
	};

	fault_pretend_sync(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
