/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which frames of a channel belong into new packs, so that a course after two hundred releases
 * is as quick to fetch as after one.  Pure: places in, an order out; whoever keeps packs does
 * the rest.
 *
 * Two reasons: of the bytes of a pack less than REPACK_LIVE_PERCENT are live; or somebody who
 * holds nothing needs more than REPACK_RANGES ranges, and one for each GiB, for a newest release.
 * In the first case all live frames of the pack move.  In the second the smallest ranges move,
 * until half as many are left: what is large stays, what is small grows by being merged, so a
 * frame is copied a few times in its life and not at every release.  They move in the order of
 * the tar of the first newest release that has them.
 */
#ifndef KEBAO_CATALOG_REPO_REPACK_H
#define KEBAO_CATALOG_REPO_REPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"

#define REPACK_RANGES 16u
#define REPACK_LIVE_PERCENT 70u
#define REPACK_GAP_BYTES (128u << 10) /* clients fetch what is between, when it is less */
#define REPACK_GAPS_PERCENT 10u       /* and more of that than this is no way to save ranges */

struct repack_frame {
	uint32_t pack;       /* number in pack_lens */
	uint32_t stored_len;
	uint64_t off;
	bool is_fixed;       /* needed, but may not be moved */
};

/* A newest release: numbers of its frames in tar order; one may come twice. */
struct repack_release {
	const uint32_t *frames;
	size_t n;
};

struct repack_input {
	const uint64_t *pack_lens; /* of the whole files */
	uint32_t n_packs;
	const struct repack_frame *frames; /* those that are live, each once; others are waste */
	uint32_t n_frames;
	const struct repack_release *newest;
	size_t n_newest;
};

struct repack_plan {
	uint32_t *frames; /* owned; to be written in this order */
	size_t n;         /* 0: all is well */
	uint64_t bytes;   /* of them, stored */
};

/* The same input gives the same plan. */
int repack_make(const struct repack_input *in, struct repack_plan *out, struct err *e)
    __attribute__((warn_unused_result));
void repack_clear(struct repack_plan *p);

/* How many ranges a release takes as its frames lie. */
int repack_count(const struct repack_input *in, const struct repack_release *r, size_t *out,
    struct err *e) __attribute__((warn_unused_result));

#endif
