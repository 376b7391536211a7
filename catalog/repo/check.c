/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/repo/check.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "catalog/base/limits.h"
#include "catalog/repo/byhash.h"
#include "catalog/repo/index.h"

struct check {
	const struct index *index;
	const struct check_options *opt;
	struct digest_stream *tar;  /* owned */
	struct digest_stream *file; /* owned */
	uint32_t file_crc;
	uint64_t off; /* in the tar */
};

/* --- missing frames --- */

int
check_missing(const struct stream_source *src, struct buf *missing, uint32_t *n, struct err *e)
{
	struct byhash frames;
	uint32_t n_missing = 0;
	int rc = -1;

	if (byhash_frames(src->index, &frames, e) == -1)
		return -1;
	for (uint32_t at = 0; at < frames.n; at += byhash_run(&frames, at)) {
		struct stream_place place;
		struct index_frame f;
		struct err why = { 0 };

		index_frame(src->index, frames.numbers[at], &f);
		if (src->find(src->find_ctx, frames.numbers[at], f.sha256, &place, &why) == 0)
			continue;
		if (why.class != ERR_NOT_FOUND) {
			if (e != NULL)
				*e = why;
			goto out;
		}
		if (buf_add(missing, f.sha256->bytes, DIGEST_LEN, e) == -1)
			goto out;
		n_missing++;
	}
	*n = n_missing;
	rc = 0;
out:
	byhash_clear(&frames);
	return rc;
}

/* --- the whole tar --- */

static int
end_file(struct check *c, uint32_t i, struct err *e)
{
	struct index_entry entry;
	struct digest sum;
	char path[256];

	index_entry(c->index, i, &entry);
	digest_finish(c->file, sum.bytes);
	if (!digest_equal(&sum, entry.sha256))
		return err_set(e, ERR_UNTRUSTED,
		    "%s: the content has another SHA-256 than the index says",
		    err_quote(path, sizeof(path), entry.tar.path, entry.tar.path_len));
	if (c->file_crc != entry.crc32)
		return err_set(e, ERR_UNTRUSTED,
		    "%s: the content has another CRC-32 than the index says",
		    err_quote(path, sizeof(path), entry.tar.path, entry.tar.path_len));
	c->file_crc = 0;
	return 0;
}

/* Files without content never come up while the tar passes. */
static int
check_empty_files(struct check *c, struct err *e)
{
	for (uint32_t i = 0; i < index_n_entries(c->index); i++) {
		struct index_entry entry;

		index_entry(c->index, i, &entry);
		if (entry.tar.kind != TAR_DIRECTORY && entry.tar.size == 0 &&
		    end_file(c, i, e) == -1)
			return -1;
	}
	return 0;
}

static int
take(struct check *c, const uint8_t *bytes, size_t len, struct err *e)
{
	struct index_piece piece;
	struct index_walk walk;

	digest_add(c->tar, bytes, len);
	if (index_check_structure(c->index, c->off, bytes, len, e) == -1)
		return -1;
	index_walk_init(&walk, c->index, c->off, len);
	while (index_walk_next(&walk, &piece)) {
		const uint8_t *at = bytes + (piece.off - c->off);

		if (piece.bytes != NULL)
			continue;
		digest_add(c->file, at, (size_t)piece.len);
		c->file_crc = (uint32_t)crc32_z(c->file_crc, at, (size_t)piece.len);
		if (piece.is_file_end && end_file(c, piece.entry, e) == -1)
			return -1;
	}
	c->off += len;
	return 0;
}

static int
check_stream(struct check *c, struct stream *s, uint8_t *bytes, struct err *e)
{
	uint64_t total = index_tar_len(c->index);
	size_t n;

	for (;;) {
		if (c->opt->cancel != NULL && atomic_load(c->opt->cancel))
			return err_set(e, ERR_BUSY, "cancelled");
		if (stream_read(s, bytes, LIMIT_FRAME_BYTES, &n, e) == -1)
			return -1;
		if (n == 0)
			return 0;
		if (take(c, bytes, n, e) == -1)
			return -1;
		if (c->opt->on_progress != NULL)
			c->opt->on_progress(c->opt->ctx, c->off, total);
	}
}

static int
check_tar(struct check *c, uint64_t tar_len, const struct digest *want, struct err *e)
{
	struct digest sum;

	digest_finish(c->tar, sum.bytes);
	if (c->off != tar_len)
		return err_set(e, ERR_UNTRUSTED,
		    "the record says a tar of %" PRIu64 " bytes, it has %" PRIu64, tar_len, c->off);
	if (!digest_equal(&sum, want)) {
		char said[DIGEST_HEX_LEN + 1], has[DIGEST_HEX_LEN + 1];

		digest_hex(said, want);
		digest_hex(has, &sum);
		return err_set(e, ERR_UNTRUSTED,
		    "the record says a tar with SHA-256 %s, it has %s", said, has);
	}
	return 0;
}

int
check_release(const struct stream_source *src, uint64_t tar_len, const struct digest *tar_sha256,
    const struct check_options *opt, struct err *e)
{
	static const struct check_options none;
	struct check c = { .index = src->index, .opt = opt != NULL ? opt : &none };
	struct stream *s = NULL;
	uint8_t *bytes = NULL;
	int rc = -1;

	if (index_tar_len(src->index) != tar_len)
		return err_set(e, ERR_UNTRUSTED,
		    "the record says a tar of %" PRIu64 " bytes, the index of %" PRIu64, tar_len,
		    index_tar_len(src->index));
	if (stream_tar_new(src, &s, e) == -1)
		goto out;
	c.tar = digest_new(DIGEST_SHA256, e);
	c.file = c.tar == NULL ? NULL : digest_new(DIGEST_SHA256, e);
	if (c.file == NULL)
		goto out;
	bytes = malloc(LIMIT_FRAME_BYTES);
	if (bytes == NULL) {
		(void)err_nomem(e); /* reported by the -1 below */
		goto out;
	}
	if (check_empty_files(&c, e) == -1 || check_stream(&c, s, bytes, e) == -1)
		goto out;
	rc = check_tar(&c, tar_len, tar_sha256, e);
out:
	free(bytes);
	digest_free(c.file);
	digest_free(c.tar);
	stream_free(s);
	return rc;
}
