/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of patches: two releases as folders, and the patch between them. */
#ifndef KEBAO_TESTS_UNIT_PATCHSTORY_H
#define KEBAO_TESTS_UNIT_PATCHSTORY_H

#include "catalog/repo/patch.h"
#include "catalog/repo/treedir.h"
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

static inline void
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

static inline void
side_close(struct side *s)
{
	if (s->index == NULL)
		return;
	treedir_clear(&s->dir);
	index_free(s->index);
	buf_clear(&s->encoded);
	close(s->dirfd);
}

static inline int
story_read_frame(void *ctx, bool is_from, uint32_t frame, uint8_t *out, struct err *e)
{
	struct story *s = ctx;

	if (!treedir_read_frame(is_from ? &s->from.dir : &s->to.dir, frame, out))
		return err_set(e, ERR_SYSTEM, "frame %u cannot be read", (unsigned)frame);
	return 0;
}

static inline int
story_read_base(void *ctx, uint32_t entry, uint64_t off, void *out, size_t len, struct err *e)
{
	struct story *s = ctx;
	int fd = treedir_file(&s->from.dir, entry);

	if (fd == -1 || file_pread_all(fd, out, len, off, e) == -1)
		return err_set(e, ERR_NOT_FOUND, "the file is gone");
	if (s->lies && len > 0)
		((uint8_t *)out)[len / 2] ^= 1;
	return 0;
}

static inline bool
story_wants(void *ctx, uint32_t frame)
{
	(void)ctx;
	(void)frame;
	return true;
}

static inline int
story_give(void *ctx, uint32_t frame, const void *content, size_t len, struct err *e)
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

static inline struct patch_input
story_input(struct story *s)
{
	return (struct patch_input){ .from = s->from.index, .to = s->to.index,
		.ends = { s->from.hash, s->to.hash }, .read_frame = story_read_frame, .ctx = s,
		.level = 9, .max_bytes = UINT64_MAX };
}

static inline int
story_make(struct story *s, const struct patch_input *in, struct err *e)
{
	OK(ftruncate(s->fd, 0));
	assert_int_equal(lseek(s->fd, 0, SEEK_SET), 0);
	return patch_make(in, s->fd, &s->made, e);
}

/* Apply what is in s->fd.  0: it led to the release, every frame as it should be. */
static inline int
story_apply(struct story *s, struct err *e)
{
	const struct patch_base base = { .index = s->from.index, .read = story_read_base,
		.ctx = s };
	const struct patch_ends ends = { s->from.hash, s->to.hash };
	const struct patch_sink sink = { .wants = story_wants, .give = story_give, .ctx = s };
	struct buf bytes = BUF_INIT;
	struct patch *p = NULL;
	int rc = -1;

	s->n_given = 0;
	if (patch_open(s->fd, &base, &ends, &p, e) == 0 && patch_index(p, &bytes, e) == 0) {
		assert_int_equal(buf_len(&bytes), buf_len(&s->to.encoded));
		assert_memory_equal(buf_data(&bytes), buf_data(&s->to.encoded),
		    buf_len(&bytes));
		rc = patch_frames(p, &sink, e);
	}
	patch_close(p);
	buf_clear(&bytes);
	return rc;
}

/* Text that compresses, the same at every run. */
static inline void
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

static inline void
story_open(struct story *s)
{
	memset(s, 0, sizeof(*s));
	top_open(&s->top);
	s->fd = openat(s->top.dirfd, "patch", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_not_equal(s->fd, -1);
}

static inline void
story_index(struct story *s, bool from_nothing)
{
	if (!from_nothing)
		side_open(&s->from, open_dir(s->top.dirfd, "from"));
	side_open(&s->to, open_dir(s->top.dirfd, "to"));
}

static inline void
story_close(struct story *s)
{
	side_close(&s->from);
	side_close(&s->to);
	close(s->fd);
	top_close(&s->top);
}

/* Edits, moves, twins, additions, removals, modes, empty files and folders: all there is. */
static inline void
story_put_everything(struct story *s)
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

static inline void
story_put_small(struct story *s)
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

static inline void
story_refused(struct story *s)
{
	struct err e = { 0 };

	assert_int_equal(story_apply(s, &e), -1);
	if (e.class != ERR_BAD_INPUT)
		fail_msg("class %d: %s", (int)e.class, e.text);
	assert_true(e.text[0] != '\0');
}

static inline void
story_rewrite(struct story *s, const void *bytes, size_t len)
{
	OK(ftruncate(s->fd, 0));
	OK(file_pwrite_all(s->fd, bytes, len, 0, NULL));
}

#endif
