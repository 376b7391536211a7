/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patches: what a release has that an earlier one (or nothing) lacks, as differences.
 * FORMATS.md 3.8.  Nobody signs a patch and nobody believes it: what comes out of it is an
 * index, which must be the one the record names, and frames, which must be those of the index.
 *
 *	patch_open()     header and recipe: the new index but for hashes that follow from content
 *	patch_index()    goes through the whole once, computes those hashes: the new index, or not
 *	patch_frames()   goes through it again and hands the new frames out, in tar order
 *
 * Memory: one group (PATCH_GROUP_BYTES of content, as much of references, its stored bytes),
 * what the recipe has of others (PATCH_RECIPE_BYTES), one frame, and about 80 bytes per entry and
 * 60 per frame of the release, whatever the patch claims.  A patch that lies costs the time to
 * read it, and of the base sixteen times what it says to bring.
 */
#ifndef KEBAO_CATALOG_REPO_PATCH_H
#define KEBAO_CATALOG_REPO_PATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"

#define PATCH_GROUP_BYTES (16u << 20)  /* of new content in one group, and of its references */
#define PATCH_RECIPE_BYTES (16u << 20) /* of the recipe, unpacked */

struct index;
struct patch; /* opaque; one thread at a time */

/*
 * The release a patch begins from: its index and the content of its files.  From nothing:
 * index is NULL.  What read() gives need not be right: then the result is not.
 */
struct patch_base {
	const struct index *index; /* lent until patch_close() */
	/* len bytes of file number entry from off on; -1 with *e where they cannot be had. */
	int (*read)(void *ctx, uint32_t entry, uint64_t off, void *out, size_t len, struct err *e);
	void *ctx; /* lent until patch_close() */
};

/* What the patch is to lead from and to; from is all zero for a patch from nothing. */
struct patch_ends {
	struct digest from; /* SHA-256 of the index one has */
	struct digest to;   /* of the one that is wanted */
};

/*
 * Read header and recipe of the patch in the regular file fd (lent until patch_close()).
 * -1: ERR_BAD_INPUT where it is none, or one between other releases; ERR_SYSTEM.
 */
int patch_open(int fd, const struct patch_base *base, const struct patch_ends *ends,
    struct patch **out, struct err *e) __attribute__((warn_unused_result));
void patch_close(struct patch *p);

/* Which release the patch in fd says it leads to; nothing else of it is looked at.  As above. */
int patch_leads_to(int fd, struct digest *to, struct err *e) __attribute__((warn_unused_result));

/* May be called before patch_index(); cancel is lent until patch_close(): true means ERR_BUSY. */
void patch_set_cancel(struct patch *p, const atomic_bool *cancel);

uint64_t patch_content_bytes(const struct patch *p); /* of all groups, unpacked */

/*
 * Append the encoded new index, whose SHA-256 is that of ends.to.  -1: ERR_BAD_INPUT where the
 * patch, or what the base gave, does not lead there; ERR_BUSY; ERR_SYSTEM.  Once only.
 */
int patch_index(struct patch *p, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

/* Where patch_frames() puts them; numbers are those of the new index. */
struct patch_sink {
	bool (*wants)(void *ctx, uint32_t frame);
	/* The content of a frame that was wanted; -1 ends it all. */
	int (*give)(void *ctx, uint32_t frame, const void *content, size_t len, struct err *e);
	void *ctx;
};

/* After patch_index().  Frames that the base has as they are do not come. */
int patch_frames(struct patch *p, const struct patch_sink *sink, struct err *e)
    __attribute__((warn_unused_result));

/* --- making --- */

struct patch_input {
	const struct index *from; /* lent, as all here; NULL: from nothing */
	const struct index *to;
	struct patch_ends ends;
	/* The content of a frame, verified; out has room for its length. */
	int (*read_frame)(void *ctx, bool is_from, uint32_t frame, uint8_t *out, struct err *e);
	void *ctx;
	int level;                 /* of zstd, 1 to 19 */
	uint64_t max_bytes;        /* a longer patch is not wanted */
	const atomic_bool *cancel; /* may be NULL; true: stop soon, with ERR_BUSY */
};

struct patch_made {
	struct digest sha256; /* of the file */
	uint64_t len;
	uint64_t content_bytes; /* of all groups */
};

/*
 * Write a patch to the empty regular file fd, open for reading and writing.  1: made.  0: it
 * would be longer than max_bytes, or is more than the format holds; the file is good for nothing.
 * -1: ERR_BUSY, ERR_SYSTEM or what read_frame said.  Memory: about 45 MB at level 9 beside the
 * indexes.
 */
int patch_make(const struct patch_input *in, int fd, struct patch_made *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
