/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub's look at a draft before the switch: the whole tar is streamed once,
 * frames that were there before included.  Afterwards the index speaks the truth about the
 * tar, and the record about both.  One thread, a few MB.
 */
#ifndef KEBAO_CATALOG_REPO_CHECK_H
#define KEBAO_CATALOG_REPO_CHECK_H

#include <stdatomic.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/repo/stream.h"

struct check_options {
	const atomic_bool *cancel; /* may be NULL; set to true: stop soon, with ERR_BUSY */
	/* May be NULL; called by the checking thread. */
	void (*on_progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *ctx;
};

/*
 * Append the hashes (32 bytes each) of the frames of the index that find does
 * not know, each once, to *missing; *n is their number.
 */
int check_missing(const struct stream_source *src, struct buf *missing, uint32_t *n,
    struct err *e) __attribute__((warn_unused_result));

/*
 * Check each frame's hash and length, the headers, padding and end of the tar
 * against the index, each file's SHA-256 and CRC-32, and the tar's length and hash
 * against those of the record.  -1: ERR_UNTRUSTED where something disagrees (the text names the
 * file or frame), ERR_NOT_FOUND where a frame is missing.
 */
int check_release(const struct stream_source *src, uint64_t tar_len,
    const struct digest *tar_sha256, const struct check_options *opt, struct err *e)
    __attribute__((warn_unused_result));

#endif
