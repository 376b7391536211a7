/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of patch share: the recipe, and content as one sequence of bytes. */
#ifndef KEBAO_CATALOG_REPO_PATCH_OWN_H
#define KEBAO_CATALOG_REPO_PATCH_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/err.h"
#include "catalog/repo/index.h"
#include "catalog/repo/patch.h"

#define PATCH_MAGIC "KBPATCH3"
#define PATCH_MAGIC_BYTES 8u
#define PATCH_HEADER_BYTES (PATCH_MAGIC_BYTES + 2u * DIGEST_LEN + 8u)
#define PATCH_NONE UINT32_MAX
#define PATCH_EXTENTS 65536u /* of one group: a prefix of 16 MiB in pieces of 256 bytes */
#define PATCH_COPIES 65536u  /* of one group */
#define PATCH_WIDTH 256u     /* bytes in a row of a rest that stands in the recipe */
#define PATCH_PIECES (1u << 20) /* extents and copies of all groups together: 16 MiB of each */
/* Prefixes of all groups together: so many times their content, and one more group of them. */
#define PATCH_PREFIX_TIMES 16u

/* Where the content of a file of the new release comes from. */
enum patch_how {
	PATCH_BASE,    /* a file of the base has it */
	PATCH_DERIVED, /* from the groups; its hashes are computed */
	PATCH_GIVEN,   /* from the groups and frames of the base; its hashes are given */
	PATCH_TWIN,    /* from the groups; an earlier file of the new release has the same */
};

struct patch_entry {
	uint8_t how;       /* enum patch_how; directories: PATCH_BASE */
	uint32_t file;     /* PATCH_BASE: number in the base; PATCH_TWIN: in the new; or none */
};

enum patch_frame_kind {
	PATCH_OLD,   /* as frame number other of the base */
	PATCH_NEW,   /* its file bytes: of files of the base, the others from the groups */
	PATCH_AGAIN, /* as frame number other of the new release, an earlier one */
};

struct patch_frame {
	uint32_t len;
	uint32_t other;
	uint8_t kind; /* enum patch_frame_kind */
};

/* A piece of the base's content: all its files back to back, in order. */
struct patch_extent {
	uint64_t off;
	uint32_t len;
};

/* Content that stands in the prefix, the extents of a group put together. */
struct patch_copy {
	uint32_t gap;  /* bytes of content before it, behind the copy before */
	uint32_t from; /* in the prefix */
	uint32_t len;
};

struct patch_group {
	uint64_t off;     /* in the patch file */
	uint32_t stored_len; /* 0: the rest stands in the recipe */
	uint32_t content_len;
	uint32_t rest_len; /* of the content, what is not copied */
	uint32_t loose;    /* where the rest begins in that of the recipe */
	uint32_t width;    /* of the rest there, 1 to PATCH_WIDTH */
	uint32_t base_len; /* of all extents */
	uint32_t first;    /* of the extents */
	uint32_t n;
	uint32_t first_copy;
	uint32_t n_copies;
};

struct patch_recipe {
	struct index *index; /* owned when parsed: entries there, hashes not all; else NULL */
	struct patch_entry *entries; /* owned, as all below */
	uint32_t n_entries;
	struct patch_frame *frames;
	uint32_t n_frames;
	struct patch_group *groups;
	uint32_t n_groups, group_room;
	struct patch_extent *extents;
	uint32_t n_extents, extent_room;
	struct patch_copy *copies;
	uint32_t n_copies, copy_room;
	struct buf loose; /* the rests of groups that store nothing, loose_len bytes */
	uint32_t loose_len; /* at most PATCH_RECIPE_BYTES and a group */
	uint64_t content_bytes; /* of all groups */
};

/* What the lower bits of the first number of an item in the recipe say. */
enum patch_entry_op {
	PATCH_KEEP,
	PATCH_SKIP,
	PATCH_EDIT,
	PATCH_EDIT_GIVEN,
	PATCH_ADD,
	PATCH_ADD_GIVEN,
	PATCH_MOVE,
	PATCH_COPY,
};
#define PATCH_ENTRY_BITS 3u
enum patch_frame_op { PATCH_FRAMES, PATCH_JUMP, PATCH_FRAME, PATCH_REPEAT };
#define PATCH_FRAME_BITS 2u
#define PATCH_HASHES_BYTES (4u + DIGEST_LEN)

void patch_recipe_clear(struct patch_recipe *r);

/* Compare two releases; groups are added later.  from may be NULL. */
int patch_recipe_plan(const struct index *from, const struct index *to, struct patch_recipe *out,
    struct err *e) __attribute__((warn_unused_result));

/* What of a group has no place in struct patch_group; lent. */
struct patch_pieces {
	const struct patch_extent *extents;
	const struct patch_copy *copies;
	const uint8_t *loose; /* rest_len bytes where nothing is stored; NULL: they come later */
};

/*
 * A rest in the recipe stands by columns: its rows of width bytes are read from top to
 * bottom first.  So what changes little from one gap to the next is together.
 */
void patch_to_columns(const uint8_t *rest, uint32_t len, uint32_t width, uint8_t *out);
void patch_from_columns(const uint8_t *columns, uint32_t len, uint32_t width, uint8_t *out);

int patch_recipe_add_group(struct patch_recipe *r, const struct patch_group *g,
    const struct patch_pieces *pieces, struct err *e) __attribute__((warn_unused_result));

/* The copies of one group, as they stand in the recipe. */
int patch_recipe_encode_copies(const struct patch_copy *copies, uint32_t n, struct buf *b,
    struct err *e) __attribute__((warn_unused_result));

/* to is the new index; the result begins at the end of *b. */
int patch_recipe_encode(const struct patch_recipe *r, const struct index *from,
    const struct index *to, struct buf *b, struct err *e) __attribute__((warn_unused_result));

/*
 * Strict, as all parsers here: what comes out is sound, whatever the bytes.  The stored groups
 * fill groups_len bytes from PATCH_HEADER_BYTES on; their content is exactly what the new frames
 * need.  Hashes that are known are in r->index.
 */
int patch_recipe_parse(const void *bytes, size_t len, uint64_t groups_len,
    const struct index *from, struct patch_recipe *out, struct err *e)
    __attribute__((warn_unused_result));

/* The files of an index as one sequence: ends[i] is where entry i ends. */
struct patch_sums {
	uint64_t *ends; /* owned */
	uint32_t n;
};

int patch_sums_init(struct patch_sums *s, const struct index *ix, struct err *e)
    __attribute__((warn_unused_result));
void patch_sums_clear(struct patch_sums *s);
uint64_t patch_sums_total(const struct patch_sums *s);
/* The file that holds byte off, off < total. */
uint32_t patch_sums_find(const struct patch_sums *s, uint64_t off);
uint64_t patch_sums_begin(const struct patch_sums *s, uint32_t entry);

#endif
