/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: folders with made-up files, and releases of them in a repository.
 * Content follows from a seed, so a test is the same at every run.
 */
#ifndef KEBAO_TESTS_UNIT_RELEASE_H
#define KEBAO_TESTS_UNIT_RELEASE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/base/file.h"
#include "catalog/repo/build.h"
#include "catalog/repo/index.h"
#include "catalog/repo/objpath.h"
#include "catalog/repo/pack.h"
#include "catalog/repo/store.h"
#include "catalog/repo/stream.h"

#define RELEASE_CHANNEL "gd.ip"

#define OK(call) assert_int_equal((call), 0)
/* Packs stay in the directory fd. */
#define IN_SPOOL(fd) (&(const struct build_spool){ .dirfd = (fd) })

/* --- a directory for the test --- */

struct top {
	char path[64];
	int dirfd;
};

static inline void
top_open(struct top *t)
{
	(void)snprintf(t->path, sizeof(t->path), "/tmp/kebao-unit-XXXXXX");
	assert_non_null(mkdtemp(t->path));
	t->dirfd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(t->dirfd, -1);
}

static inline void
top_close(struct top *t)
{
	struct err e = { 0 };

	close(t->dirfd);
	OK(file_remove_tree(AT_FDCWD, t->path, &e));
}

static inline int
open_dir(int dirfd, const char *name)
{
	struct err e = { 0 };
	int fd;

	OK(file_make_dirs(dirfd, name, 0755, &e));
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	return fd;
}

/* --- files --- */

static inline void
fill(uint8_t *out, size_t len, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ull + 1;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		out[i] = (uint8_t)(x >> 32);
	}
}

static inline void
put_bytes(int dirfd, const char *path, const void *bytes, size_t len)
{
	struct err e = { 0 };

	OK(file_make_parents(dirfd, path, 0755, &e));
	OK(file_save(dirfd, path, bytes, len, 0644, &e));
}

static inline void
put_text(int dirfd, const char *path, const char *text)
{
	put_bytes(dirfd, path, text, strlen(text));
}

static inline void
put_random(int dirfd, const char *path, size_t len, uint64_t seed)
{
	uint8_t *bytes = malloc(len + 1);

	assert_non_null(bytes);
	fill(bytes, len, seed);
	put_bytes(dirfd, path, bytes, len);
	free(bytes);
}

/* A course of every kind of file: empty, small, large, executable, Chinese and long names. */
static inline void
put_course(int dirfd)
{
	char name[300];

	put_text(dirfd, "course.json", "{}");
	put_text(dirfd, "空.txt", "");
	put_text(dirfd, "a/b/empty", "");
	put_text(dirfd, "run.sh", "#!/bin/sh\n");
	assert_int_equal(fchmodat(dirfd, "run.sh", 0755, 0), 0);
	for (int i = 0; i < 60; i++) {
		(void)snprintf(name, sizeof(name), "讲义/第%02d讲 知识产权.txt", i);
		put_random(dirfd, name, (size_t)(i * 257 + 1), (uint64_t)i);
	}
	memset(name, 'x', 230);
	memcpy(name + 230, ".bin", 5);
	put_random(dirfd, name, 5000, 77);
	put_random(dirfd, "video/exact.mp4", 16384, 78);
	put_random(dirfd, "video/large.mp4", 900001, 79);
	put_random(dirfd, "video/twin.mp4", 900001, 79);
	put_random(dirfd, "video/other.mp4", 300000, 80);
}

/* --- a release in a repository --- */

struct release {
	struct index *index;
	struct digest tar_sha256;
	uint64_t tar_len;
	struct build_packs packs;
	struct stream_place *places; /* by frame; no place: stored_len 0 */
	uint32_t *stored_lens;
	struct digest *stored_sha256;
};

static inline void
release_find_places(struct release *r, const struct store *s, const struct digest *name)
{
	char path[OBJPATH_SIZE];
	struct err e = { 0 };
	struct pack *pack;
	uint64_t size;
	int fd;

	objpath_pack(path, RELEASE_CHANNEL, name);
	OK(store_read(s, path, &fd, &size, &e));
	OK(pack_open(fd, &pack, &e));
	for (uint32_t i = 0; i < index_n_frames(r->index); i++) {
		struct pack_frame row;
		struct index_frame f;
		int64_t at;

		index_frame(r->index, i, &f);
		at = pack_find(pack, f.sha256);
		if (at == -1)
			continue;
		pack_frame_get(pack, (uint32_t)at, &row);
		r->places[i] = (struct stream_place){ .pack = *name,
			.off = row.off,
			.stored_len = row.stored_len };
		r->stored_lens[i] = row.stored_len;
		r->stored_sha256[i] = row.stored;
	}
	pack_close(pack);
	close(fd);
}

/* All of the folder into new packs of the store, through the directory "spool" below top. */
static inline void
release_make(struct release *r, int folder, struct store *s, int top, uint64_t pack_bytes)
{
	struct build_options opt = { .n_threads = 2, .pack_bytes = pack_bytes };
	struct build_result result;
	struct err e = { 0 };
	struct build *b;
	uint8_t *missing;
	uint32_t n;
	int spool = open_dir(top, "spool");

	memset(r, 0, sizeof(*r));
	OK(build_scan(folder, &opt, &b, &e));
	OK(build_index(b, &result, &e));
	r->index = result.index;
	r->tar_sha256 = result.tar_sha256;
	r->tar_len = result.tar_len;
	n = index_n_frames(r->index);
	missing = malloc(n);
	assert_non_null(missing);
	memset(missing, 1, n);
	OK(build_packs(b, r->index, missing, IN_SPOOL(spool), &r->packs, &e));
	free(missing);
	build_free(b);
	r->places = calloc(n, sizeof(*r->places));
	r->stored_lens = calloc(n, sizeof(*r->stored_lens));
	r->stored_sha256 = calloc(n, sizeof(*r->stored_sha256));
	assert_true(r->places != NULL && r->stored_lens != NULL && r->stored_sha256 != NULL);
	for (size_t i = 0; i < r->packs.n_packs; i++) {
		char path[OBJPATH_SIZE], file[DIGEST_HEX_LEN + 6];

		digest_hex(file, &r->packs.packs[i].sha256);
		memcpy(file + DIGEST_HEX_LEN, ".pack", 6);
		objpath_pack(path, RELEASE_CHANNEL, &r->packs.packs[i].sha256);
		OK(store_put_file(s, path, spool, file, &e));
		release_find_places(r, s, &r->packs.packs[i].sha256);
	}
	close(spool);
}

static inline void
release_clear(struct release *r)
{
	index_free(r->index);
	build_packs_clear(&r->packs);
	free(r->places);
	free(r->stored_lens);
	free(r->stored_sha256);
}

static inline int
release_find(void *ctx, uint32_t frame, const struct digest *content, struct stream_place *out,
    struct err *e)
{
	const struct release *r = ctx;

	(void)content;
	if (r->places[frame].stored_len == 0)
		return err_set(e, ERR_NOT_FOUND, "not stored");
	*out = r->places[frame];
	return 0;
}

static inline struct stream_source
release_source(struct release *r, const struct store *s)
{
	return (struct stream_source){ .index = r->index,
		.store = s,
		.channel = RELEASE_CHANNEL,
		.find = release_find,
		.find_ctx = r };
}

/* The whole tar in memory; the caller frees. */
static inline uint8_t *
release_tar(struct release *r, const struct store *s)
{
	struct stream_source src = release_source(r, s);
	uint8_t *tar = malloc(r->tar_len);
	struct err e = { 0 };
	struct stream *st;
	size_t n, at = 0;

	assert_non_null(tar);
	OK(stream_tar_new(&src, &st, &e));
	do {
		OK(stream_read(st, tar + at, r->tar_len - at + (at == r->tar_len), &n, &e));
		at += n;
	} while (n > 0);
	assert_int_equal(at, r->tar_len);
	stream_free(st);
	return tar;
}

#endif
