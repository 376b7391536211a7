/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long runs of new content that stand in the old content at hand, byte for byte.  Named in the
 * recipe, where one offset is told by its distance from the last, they cost less than
 * in a stream that spells every offset out, and what is left to compress is short.
 */
#ifndef KEBAO_CATALOG_REPO_PATCH_COPIES_H
#define KEBAO_CATALOG_REPO_PATCH_COPIES_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/patch_own.h"

/* Old content to copy from, and new content; both below 2^31 bytes. */
struct patch_match {
	const uint8_t *prefix;
	uint32_t prefix_len;
	const uint8_t *content;
	uint32_t len;
};

/*
 * The copies, in the order of the content, without overlap in it, at most PATCH_COPIES.  The
 * caller frees *out.  Memory: an eighth of the prefix.
 */
int patch_copies_find(const struct patch_match *m, struct patch_copy **out, uint32_t *n,
    struct err *e) __attribute__((warn_unused_result));

/* The content without what is copied into out, which has room for all of it; how much there is. */
uint32_t patch_copies_rest(const struct patch_match *m, const struct patch_copy *copies,
    uint32_t n, uint8_t *out);

#endif
