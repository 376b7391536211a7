/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which content of an earlier release is worth having at hand while new content is compressed:
 * files of the same path, and places where the same bytes were seen.  For the latter every
 * so many bytes of the old content, where a hash of the 64 bytes before says so, the place is
 * noted; new content is looked up the same way, so it is found under other names and at other
 * offsets.  The notes take 8 MiB, whatever the release.
 */
#ifndef KEBAO_CATALOG_REPO_PATCH_REFS_H
#define KEBAO_CATALOG_REPO_PATCH_REFS_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/repo/patch_own.h"

struct patch_refs; /* opaque */

/* Of the base's content, back to back. */
struct patch_range {
	uint64_t off, len;
};

/*
 * The content of a frame of the base: frame numbers ascend within a scan.  The bytes are lent
 * until the next call.
 */
struct patch_scan {
	const struct index *from;       /* lent */
	const struct patch_sums *sums;  /* lent until patch_refs_free() */
	const struct patch_recipe *plan; /* lent */
	int (*frame)(void *ctx, uint32_t frame, const uint8_t **bytes, struct err *e);
	void *ctx;
};

/* Look at the old content: what the new release has not, then the rest, within bounds. */
int patch_refs_new(const struct patch_scan *scan, struct patch_refs **out, struct err *e)
    __attribute__((warn_unused_result));
void patch_refs_free(struct patch_refs *refs);

/*
 * Choose for the content, given what belongs to it by name (wanted; it comes first): extents in
 * order, most_bytes in all, without overlap.  The caller frees *out.
 */
struct patch_need {
	const uint8_t *content;
	size_t len;
	uint32_t most_bytes; /* at most PATCH_GROUP_BYTES */
	const struct patch_range *wanted;
	size_t n_wanted;
};
int patch_refs_choose(struct patch_refs *refs, const struct patch_need *need,
    struct patch_extent **out, uint32_t *n, struct err *e) __attribute__((warn_unused_result));

#endif
