/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored frames: one zstd frame each, at most LIMIT_FRAME_BYTES of content and
 * LIMIT_FRAME_STORED_BYTES stored.  FORMATS.md 3.2.  What is believed is the
 * hash of the content; the caller compares it (or uses frame_unpack_checked).
 */
#ifndef KEBAO_CATALOG_REPO_FRAME_H
#define KEBAO_CATALOG_REPO_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/base/limits.h"

/*
 * Contexts for packing and unpacking, made when first needed (up to 8 MB for
 * packing, 0.1 MB for unpacking) and used again.  One thread at a time.
 */
struct frame_coder;

/* The caller frees; NULL with ERR_SYSTEM. */
struct frame_coder *frame_coder_new(struct err *e);
void frame_coder_free(struct frame_coder *c);

/* The most that content of len bytes can take when stored. */
size_t frame_bound(size_t len);

/*
 * Store content (1 to LIMIT_FRAME_BYTES bytes) into out, which has room for
 * frame_bound(len).  What hardly compresses is stored in raw blocks, and found
 * out cheaply.  0 with *stored_len, or -1: ERR_SYSTEM.
 */
int frame_pack(struct frame_coder *c, const void *content, size_t len, uint8_t *out,
    size_t *stored_len, struct err *e) __attribute__((warn_unused_result));

/*
 * Unpack exactly one stored frame into out; its content must have exactly len
 * bytes (len <= LIMIT_FRAME_BYTES).  -1: ERR_BAD_INPUT where the stored bytes
 * are not one frame of the format with that content length; out is then
 * undefined.
 */
int frame_unpack(struct frame_coder *c, const void *stored, size_t stored_len, void *out,
    size_t len, struct err *e) __attribute__((warn_unused_result));

/* The same, and the content must have this SHA-256: else ERR_UNTRUSTED. */
struct frame_want {
	const struct digest *sha256; /* lent */
	uint32_t len;
};
int frame_unpack_checked(struct frame_coder *c, const void *stored, size_t stored_len, void *out,
    const struct frame_want *want, struct err *e) __attribute__((warn_unused_result));

/*
 * How long a stored frame is, found while its bytes come in, in pieces of any
 * length.  Reads headers only; strict about the format (content size given,
 * no dictionary, no checksum, small window, limits).
 */
struct frame_scan {
	uint8_t head[18];      /* of the frame or of the present block, as far as seen */
	uint8_t head_len;
	uint8_t head_want;
	uint8_t phase;
	uint32_t skip;         /* bytes of the present block still to come */
	uint32_t content_len;  /* known as soon as frame_scan_has_content_len() */
	uint32_t window_len;   /* the longest block the frame may have follows from it */
	uint32_t stored_len;   /* bytes taken so far; the whole when is_done */
	bool is_last_block;
	bool is_done;
};

void frame_scan_init(struct frame_scan *s);

/*
 * Take bytes up to the end of the frame.  0 with *used <= len; s->is_done says
 * that the frame ended after them.  -1: ERR_BAD_INPUT, not a frame of ours.
 */
int frame_scan_feed(struct frame_scan *s, const void *bytes, size_t len, size_t *used,
    struct err *e) __attribute__((warn_unused_result));

/*
 * The stored length of the frame that begins at bytes.  1: *stored_len is
 * known (and at most len).  0: the frame goes on behind len.  -1: ERR_BAD_INPUT.
 */
int frame_stored_len(const void *bytes, size_t len, size_t *stored_len, struct err *e)
    __attribute__((warn_unused_result));

#endif
