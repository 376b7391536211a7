/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the content of a group travels.  There are three ways, and nothing but trying tells which is
 * the shortest: all of it compressed with the old content at hand; long runs named as copies and
 * the rest compressed like that; the same with the rest in the recipe, where a little of each of
 * many groups is compressed together, and headers of one length stand by columns.
 */
#ifndef KEBAO_CATALOG_REPO_PATCH_WAYS_H
#define KEBAO_CATALOG_REPO_PATCH_WAYS_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/repo/patch_copies.h"

struct patch_ways; /* opaque; one thread at a time */

/*
 * level is that of zstd, 1 to 19; no content is longer than content_most bytes.  Memory:
 * zstd's, and three times content_most.
 */
int patch_ways_new(int level, uint32_t content_most, struct patch_ways **out, struct err *e)
    __attribute__((warn_unused_result));
void patch_ways_free(struct patch_ways *w);

/* What was chosen; lent until the next call. */
struct patch_stored {
	const uint8_t *bytes;
	uint32_t len;         /* 0: the rest is for the recipe */
	const uint8_t *rest;  /* what is not copied; for the recipe, by columns of this width */
	uint32_t rest_len, width;
	const struct patch_copy *copies;
	uint32_t n_copies;
};

/* copies_most: how many more the recipe takes; before: what is in the recipe of groups before. */
int patch_ways_choose(struct patch_ways *w, const struct patch_match *m, uint32_t copies_most,
    const struct buf *before, struct patch_stored *out, struct err *e)
    __attribute__((warn_unused_result));

/* A recipe, or what is to be part of one, as one zstd frame in place of what *out held. */
int patch_ways_pack(struct patch_ways *w, const struct buf *bytes, struct buf *out,
    struct err *e) __attribute__((warn_unused_result));

#endif
