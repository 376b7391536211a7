/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a publisher cuts a tar into frames.  FORMATS.md 3.2.  One struct chunk
 * walks the tar from front to back:
 *
 *	chunk_init(&c);
 *	for each entry {
 *		cuts = chunk_entry(&c, &tar_entry);
 *		if (cuts & CHUNK_CUT_BEFORE) the frame ends before the entry's head
 *		the head joins the frame
 *		if (cuts & CHUNK_CUT_DATA) {        a large file
 *			the frame ends before the data
 *			while data { n = chunk_data(&c, p, len, &cut); ... }
 *			the frame ends after the data, if a cut was not there already
 *			the padding begins the next frame
 *		} else
 *			content and padding join the frame
 *		if (cuts & CHUNK_CUT_AFTER) the frame ends after the padding
 *	}
 *	if (chunk_end(&c)) the frame ends before the closing 1,024 bytes
 *	the closing bytes join the frame, which ends
 *
 * A cut where the frame is still empty does nothing.  No frame so made is
 * longer than CHUNK_MAX.
 */
#ifndef KEBAO_CATALOG_REPO_CHUNK_H
#define KEBAO_CATALOG_REPO_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/repo/tar.h"

#define CHUNK_LARGE 16384u /* files of this size have frames of their own */
#define CHUNK_MAX 524288u  /* the longest frame this rule makes */

enum chunk_cuts { CHUNK_CUT_BEFORE = 1, CHUNK_CUT_DATA = 2, CHUNK_CUT_AFTER = 4 };

/* Nothing to free; copies are independent. */
struct chunk {
	uint64_t hash;       /* gear hash within a large file */
	uint32_t data_bytes; /* in the present frame of a large file */
	uint32_t group_bytes; /* in the present group frame */
};

void chunk_init(struct chunk *c);

/* Announce the next entry; returns chunk_cuts or-ed together. */
unsigned chunk_entry(struct chunk *c, const struct tar_entry *t);

/*
 * Look at the next len bytes of a large file's data.  Returns how many of them
 * belong to the present frame; *cut says whether it ends there (then call
 * again with the rest).  Without a cut all len bytes are taken.  The bytes may
 * come in pieces of any length.
 */
size_t chunk_data(struct chunk *c, const uint8_t *bytes, size_t len, bool *cut);

/* The entries are over: whether the frame ends before the closing blocks. */
bool chunk_end(struct chunk *c);

#endif
