/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hints: where the frames of a release lie in packs.  FORMATS.md 3.6.
 * Unsigned help from whoever serves; believed by nobody: each frame is checked
 * against the index.  Parsing is safe with hostile bytes and costs at most a
 * small multiple of their length in memory.
 */
#ifndef KEBAO_CATALOG_REPO_HINT_H
#define KEBAO_CATALOG_REPO_HINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"

/* Where one frame's stored bytes are. */
struct hint_place {
	uint32_t pack; /* number in the hint's list of packs */
	uint32_t stored_len;
	uint64_t off;  /* in the pack */
};

struct hint;

/*
 * Make a hint for the index with this hash: places[i] is where frame i lies,
 * pack numbers count in packs.  Everything is copied.  ERR_BAD_INPUT where a
 * place cannot be (pack number, length, past LIMIT_PACK_BYTES).
 */
struct hint_input {
	const struct digest *index; /* lent, as all here */
	const struct digest *packs;
	uint32_t n_packs;
	const struct hint_place *places;
	uint32_t n_frames;
};
int hint_new(const struct hint_input *in, struct hint **out, struct err *e)
    __attribute__((warn_unused_result));
void hint_free(struct hint *h);

/* -1: ERR_BAD_INPUT.  hint_matches() says whether it speaks of the index one has. */
int hint_parse(const void *bytes, size_t len, struct hint **out, struct err *e)
    __attribute__((warn_unused_result));
int hint_encode(const struct hint *h, struct buf *b, struct err *e)
    __attribute__((warn_unused_result));

/* 0 when it is for this index and number of frames, else -1 with ERR_UNTRUSTED. */
int hint_matches(const struct hint *h, const struct digest *index, uint32_t n_frames,
    struct err *e) __attribute__((warn_unused_result));

uint32_t hint_n_frames(const struct hint *h);
uint32_t hint_n_packs(const struct hint *h);
uint32_t hint_n_runs(const struct hint *h);
const struct digest *hint_index(const struct hint *h);
const struct digest *hint_pack(const struct hint *h, uint32_t pack); /* lent */

/*
 * What the release costs somebody who holds an earlier one: as frames from packs, and as a patch
 * where there is one worth having.
 */
struct hint_patch {
	struct digest from;     /* index of the release one holds; all zero: one holds nothing */
	struct digest patch;    /* name of the patch; all zero: there is none */
	uint64_t patch_len;     /* of the file; 0 where there is none */
	uint64_t frames_bytes;  /* what the same would cost from packs, with the index */
	/* On the disk, in blocks of 4 KiB, by content: files that come, files that may go. */
	uint64_t new_bytes;
	uint64_t gone_bytes;
};

#define HINT_PATCHES 64u /* of one hint */

/* Of a parsed hint; those that are made have none. */
size_t hint_n_patches(const struct hint *h);
void hint_patch(const struct hint *h, size_t i, struct hint_patch *out);
/* The one for whoever holds the release with this index; false where there is none. */
bool hint_find_patch(const struct hint *h, const struct digest *from, struct hint_patch *out);

/* Append the section to an encoded hint that has none; n is 1 to HINT_PATCHES. */
int hint_encode_patches(const struct hint_patch *patches, size_t n, struct buf *b, struct err *e)
    __attribute__((warn_unused_result));

/* frame < hint_n_frames(). */
void hint_place(const struct hint *h, uint32_t frame, struct hint_place *out);

#endif
