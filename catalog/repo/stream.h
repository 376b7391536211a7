/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A release in a repository as a stream of bytes: its tar, every frame verified, or its stored
 * frames (.tar.zst), any range of them.  Memory is two frames and a few descriptors, whatever the
 * release; less after stream_rest().  A stream may be used from any thread, by one at a time.
 */
#ifndef KEBAO_CATALOG_REPO_STREAM_H
#define KEBAO_CATALOG_REPO_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"

struct index;
struct store;
struct stream; /* opaque */

/* Where the stored frame of a content lies. */
struct stream_place {
	struct digest pack;
	uint64_t off;
	uint32_t stored_len;
};

/*
 * Find the place of frame number frame (from 0) of the index, whose content
 * has this hash.  0, or -1: ERR_NOT_FOUND where it is nowhere.
 */
typedef int stream_find_fn(void *ctx, uint32_t frame, const struct digest *content,
    struct stream_place *out, struct err *e);

struct stream_source {
	const struct index *index; /* lent until stream_free() */
	const struct store *store; /* lent until stream_free() */
	const char *channel;       /* lent until stream_free(); where the packs are */
	stream_find_fn *find;
	void *find_ctx; /* lent until stream_free() */
};

/* The tar, from its beginning. */
int stream_tar_new(const struct stream_source *src, struct stream **out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Bytes off to off + len - 1 of the stored frames in order.  stored_lens are the stored lengths of
 * all frames (lent until stream_free()); they must agree with what find says, or the read fails:
 * with other stored bytes a range would be a mixture.  ERR_BAD_INPUT where the range is not in the
 * view.
 */
int stream_stored_new(const struct stream_source *src, const uint32_t *stored_lens, uint64_t off,
    uint64_t len, struct stream **out, struct err *e) __attribute__((warn_unused_result));

void stream_free(struct stream *s);

/*
 * Read 1 .. room bytes into out; *n is 0 at the end only.  -1: ERR_UNTRUSTED
 * where a frame is not what the index says, ERR_NOT_FOUND where its pack is gone; the stream is
 * then over.
 */
int stream_read(struct stream *s, void *out, size_t room, size_t *n, struct err *e)
    __attribute__((warn_unused_result));

/*
 * The content of any frame of a tar stream, verified; out has room for its length.  Frames may be
 * asked for in any order, but not from a stream that is read, too.
 */
int stream_frame(struct stream *s, uint32_t frame, void *out, struct err *e)
    __attribute__((warn_unused_result));

/*
 * Nothing is wanted for a while: give back what frames are unpacked with, some hundred KB.  The
 * next one takes it anew.
 */
void stream_rest(struct stream *s);

/*
 * Length and ETag of the .tar.zst view (FORMATS.md 5).  stored_sha256 are the
 * hashes of the stored bytes of all frames; etag receives the quotes, too.
 */
#define STREAM_ETAG_SIZE 40
int stream_etag(char etag[STREAM_ETAG_SIZE], const struct digest *stored_sha256,
    const uint32_t *stored_lens, size_t n_frames, struct err *e)
    __attribute__((warn_unused_result));
uint64_t stream_stored_len(const uint32_t *stored_lens, size_t n_frames);

/*
 * A stream_find_fn for a hint that matches the index (hint_matches()); ctx is the const struct
 * hint.
 */
int stream_find_in_hint(void *ctx, uint32_t frame, const struct digest *content,
    struct stream_place *out, struct err *e);

#endif
