/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs: stored frames back to back and a table of contents behind them.
 * FORMATS.md 3.3.  Descriptors are lent: whoever opened them closes them, and
 * makes the file durable and visible (store.h).
 */
#ifndef KEBAO_CATALOG_REPO_PACK_H
#define KEBAO_CATALOG_REPO_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/base/buf.h"
#include "catalog/base/digest.h"
#include "catalog/base/err.h"
#include "catalog/repo/frame.h"

/* One row of the table. */
struct pack_frame {
	struct digest content; /* SHA-256 of the content */
	struct digest stored;  /* SHA-256 of the stored bytes */
	uint32_t content_len;
	uint32_t stored_len;
	uint64_t off; /* in the pack; follows from the rows before */
};

/*
 * Writing.  Appends at the descriptor's present position, which must be the
 * beginning of an empty file or a pipe's end; hashes everything on the way.
 */
struct pack_writer;

struct pack_writer *pack_writer_new(int fd, struct err *e);
void pack_writer_free(struct pack_writer *w);

/* Whether a frame of stored_len fits; when not, finish this pack and begin another. */
bool pack_writer_has_room(const struct pack_writer *w, uint32_t stored_len);

/*
 * Append stored bytes.  The caller made or checked both hashes and lengths in
 * *f (f->off is ignored), so hashing can be done on many threads.  0: written.
 * 1: the pack already holds this content; nothing was written.  -1: ERR_SYSTEM
 * (disk) or ERR_BAD_INPUT (no room, impossible lengths); the pack is then only
 * good for being thrown away.
 */
int pack_writer_add(struct pack_writer *w, const struct pack_frame *f, const void *stored,
    struct err *e) __attribute__((warn_unused_result));

uint32_t pack_writer_n_frames(const struct pack_writer *w);
/* Bytes of frames so far, without the table. */
uint64_t pack_writer_len(const struct pack_writer *w);

/* Row i as it will be in the table, with its offset. */
void pack_writer_frame(const struct pack_writer *w, uint32_t i, struct pack_frame *out);

/* Append the table.  *name is the pack's name, *len its whole length.  Needs a frame. */
int pack_writer_finish(struct pack_writer *w, struct digest *name, uint64_t *len, struct err *e)
    __attribute__((warn_unused_result));

/* Reading.  A pack costs about 84 bytes of memory per frame while open. */
struct pack;

/*
 * Read and check the table of the regular file fd (lent, must outlive the
 * pack).  Believes nothing about the frames: their hashes are checked when
 * read.  -1: ERR_BAD_INPUT (not a pack, cut short, counts or sums wrong) or
 * ERR_SYSTEM.
 */
int pack_open(int fd, struct pack **out, struct err *e) __attribute__((warn_unused_result));
void pack_close(struct pack *p);

/*
 * The same from the bytes of the table alone (the skippable frame, as at the
 * end of a pack of pack_len bytes): no file behind it, so no pack_read*.
 */
int pack_parse_table(const void *bytes, size_t len, uint64_t pack_len, struct pack **out,
    struct err *e) __attribute__((warn_unused_result));

/* Append the table as it stands in the file. */
int pack_encode_table(const struct pack *p, struct buf *b, struct err *e);

uint32_t pack_n_frames(const struct pack *p);
uint64_t pack_len(const struct pack *p);        /* of the whole file */
uint64_t pack_frames_len(const struct pack *p); /* where the table begins */
void pack_frame_get(const struct pack *p, uint32_t i, struct pack_frame *out);

/* The row that holds this content, or -1. */
int64_t pack_find(const struct pack *p, const struct digest *content);

/* The stored bytes of row i into out (frame.stored_len bytes); checked: else ERR_UNTRUSTED. */
int pack_read_stored(const struct pack *p, uint32_t i, uint8_t *out, struct err *e)
    __attribute__((warn_unused_result));

/* The content of row i into out (frame.content_len bytes); checked: else ERR_UNTRUSTED. */
int pack_read(const struct pack *p, uint32_t i, struct frame_coder *c, uint8_t *out,
    struct err *e) __attribute__((warn_unused_result));

/* How far a check has come.  Return false to stop it. */
typedef bool pack_progress(void *arg, uint64_t done_bytes, uint64_t total_bytes);

/*
 * Check everything once, front to back, in a few MB of memory: the file's name
 * (name; NULL skips it), the table, the stored and content hash and length of
 * every frame.  progress may be NULL.  -1: ERR_BAD_INPUT or ERR_UNTRUSTED, the
 * text names the frame; ERR_BUSY where progress said stop; ERR_SYSTEM.
 */
int pack_verify(int fd, const struct digest *name, pack_progress *progress, void *arg,
    struct err *e) __attribute__((warn_unused_result));

#endif
