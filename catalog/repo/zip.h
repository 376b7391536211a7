/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A release as a .zip for people on Windows: a layout computed from the index alone
 * (FORMATS.md 5), so length, ranges and resume work and nothing is spooled.  Entries are
 * stored, not compressed; their CRC-32 and sizes are known beforehand, so there is no data
 * descriptor and readers that stream take it.  PKWARE APPNOTE.TXT 6.3.9: 4.3 (layout), 4.4.4
 * (bit 11: names are UTF-8), 4.5.3 (ZIP64).  Pure: no I/O.
 */
#ifndef KEBAO_CATALOG_REPO_ZIP_H
#define KEBAO_CATALOG_REPO_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "catalog/base/err.h"
#include "catalog/base/limits.h"

struct index;
struct zip; /* opaque; immutable, any thread */

/* The longest structure in one piece: a central header of the longest path with its ZIP64 field. */
#define ZIP_PIECE_MAX (46u + LIMIT_PATH_BYTES + 1u + 28u)

/* The layout of a finished index, borrowed until zip_free().  About 16 bytes an entry. */
int zip_new(const struct index *ix, struct zip **out, struct err *e)
    __attribute__((warn_unused_result));
void zip_free(struct zip *z);

uint64_t zip_len(const struct zip *z);

/* What the bytes from some offset on are: structure, or content that stands in the tar. */
struct zip_piece {
	uint64_t len;                 /* at least 1, until the piece ends */
	uint64_t tar_off;             /* content: where it begins in the tar */
	const uint8_t *bytes;         /* structure: into room; NULL: content */
	uint8_t room[ZIP_PIECE_MAX];
};

/* off < zip_len(z). */
void zip_piece(const struct zip *z, uint64_t off, struct zip_piece *out);

#endif
