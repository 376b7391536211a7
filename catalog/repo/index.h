/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a release: its directories and files in tar order, and its
 * frames in order.  FORMATS.md 3.4.  A struct index is either being made
 * (add entries, set their content, add frames, finish) or finished; a parsed
 * one is finished.  Finished means: names legal, sorted, unique, without twins,
 * parents present, and the frames' lengths sum up to the tar's.  Finished
 * indexes do not change, so many threads may read one.
 *
 * In memory: about 60 bytes and the path per entry, 40 bytes per frame.
 */
#ifndef KEBAO_CATALOG_REPO_INDEX_H
#define KEBAO_CATALOG_REPO_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/repo/tar.h"

struct index;

struct index_entry {
	struct tar_entry tar;        /* path lent by the index, followed by a NUL */
	uint32_t crc32;              /* of the content; 0 for directories */
	const struct digest *sha256; /* of the content, lent; all zero for directories */
	uint64_t off;                /* of the first header in the tar */
	uint64_t data_off;           /* of the content in the tar */
};

struct index_frame {
	uint64_t off; /* in the tar */
	uint32_t len;
	const struct digest *sha256; /* lent */
};

/* Making one.  The caller frees; NULL with ERR_SYSTEM. */
struct index *index_new(struct err *e);
void index_free(struct index *ix);

/* Make room for so much in all, where it is known; needs not be called. */
int index_reserve(struct index *ix, uint32_t n_entries, uint32_t n_frames, size_t path_bytes,
    struct err *e) __attribute__((warn_unused_result));

/*
 * Append an entry, in tar order.  Refused with ERR_BAD_INPUT: illegal names,
 * wrong order, twins, missing parents, limits.  The content is set later.
 */
int index_add_entry(struct index *ix, const struct tar_entry *t, struct err *e)
    __attribute__((warn_unused_result));

/* What the content of file i is; not needed for directories. */
void index_set_content(struct index *ix, uint32_t i, uint32_t crc32, const struct digest *sha256);

/* Append a frame (1 to LIMIT_FRAME_BYTES of the tar), in tar order. */
int index_add_frame(struct index *ix, uint32_t len, const struct digest *sha256, struct err *e)
    __attribute__((warn_unused_result));

/* Check the whole.  Needs an entry; frames must cover the tar exactly. */
int index_finish(struct index *ix, struct err *e) __attribute__((warn_unused_result));

/* Bytes <-> finished index.  Strict: one release has exactly one encoding. */
int index_parse(const void *bytes, size_t len, struct index **out, struct err *e)
    __attribute__((warn_unused_result));
int index_encode(const struct index *ix, struct buf *b, struct err *e)
    __attribute__((warn_unused_result));
uint64_t index_encoded_len(const struct index *ix);

/* Reading, also while it is being made (tar_len is then that of the entries so far). */
uint32_t index_n_entries(const struct index *ix);
uint32_t index_n_files(const struct index *ix);
uint64_t index_file_bytes(const struct index *ix); /* sum of the sizes of the files */
size_t index_path_bytes(const struct index *ix);   /* sum of the lengths of the paths */
uint32_t index_n_frames(const struct index *ix);
uint64_t index_tar_len(const struct index *ix);
void index_entry(const struct index *ix, uint32_t i, struct index_entry *out);
void index_frame(const struct index *ix, uint32_t i, struct index_frame *out);

/* The entry of this path (a directory's with its '/'), or -1. */
int64_t index_find(const struct index *ix, const char *path, size_t len);

/* The entry or frame that holds byte off of the tar; off < tar_len.  -1: the closing blocks. */
int64_t index_entry_at(const struct index *ix, uint64_t off);
uint32_t index_frame_at(const struct index *ix, uint64_t off);

/* The frames that hold the content of entry i: *count may be 0. */
void index_frames_of(const struct index *ix, uint32_t i, uint32_t *first, uint32_t *count);

/*
 * A range of the tar as pieces in order: what is structure (heads, padding,
 * the closing blocks), with the bytes it must have, and what is content, with
 * the file and the place in it.  Readers compare the one and hash or write the
 * other.  A piece never mixes; a file's content within the range is one piece.
 */
struct index_piece {
	uint64_t off;         /* in the tar */
	uint64_t len;         /* at least 1 */
	const uint8_t *bytes; /* structure: lent until the next call; content: NULL */
	uint32_t entry;       /* the entry it belongs to; n_entries for the closing blocks */
	uint64_t content_off; /* content: offset in the file */
	bool is_file_end;     /* content: the file is complete with this piece */
};

struct index_walk {
	const struct index *ix; /* borrowed */
	uint64_t off;
	uint64_t end;
	uint32_t entry;
	uint32_t head_of; /* the entry whose head is in head, or UINT32_MAX */
	uint8_t head[TAR_HEAD_MAX];
};

/* Walk off .. off + len, which lies within the tar.  Nothing to free. */
void index_walk_init(struct index_walk *w, const struct index *ix, uint64_t off, uint64_t len);
bool index_walk_next(struct index_walk *w, struct index_piece *out);

/*
 * Compare the structure among the len bytes of the tar at off (a frame's
 * content).  -1 with ERR_UNTRUSTED naming the entry whose header differs.
 */
int index_check_structure(const struct index *ix, uint64_t off, const void *bytes, size_t len,
    struct err *e) __attribute__((warn_unused_result));

#endif
